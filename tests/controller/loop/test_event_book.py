"""The book of announced events: newest notice about each, bounded, and empty again when all are over."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from controller.loop.event_book import MOST_CALLED_OFF, MOST_EVENTS, EventBook
from models.domain.market import EventNotice
from tests.controller.loop.neighbours import START, at


def notice(
    begin: float = 60.0,
    end: float = 120.0,
    *,
    given_at: float = 0.0,
    name: str | None = "e1",
    kw: float | None = 5.0,
    off: bool = False,
) -> EventNotice:
    return EventNotice(
        ts_utc=at(given_at),
        valid_from_utc=at(given_at),
        kind="shed",
        start_utc=at(begin),
        end_utc=at(end),
        power_kw=kw,
        event_id=name,
        is_cancelled=off,
    )


def windows(book: EventBook, now: float = 0.0) -> list[tuple[float, float]]:
    minute = timedelta(minutes=1)
    return [((one.start_utc - START) / minute, (one.end_utc - START) / minute) for one in book.events(at(now))]


def test_a_newer_notice_of_the_same_id_replaces_the_older_one() -> None:
    book = EventBook()
    assert book.take(notice(), START)
    assert book.take(notice(90.0, 150.0, given_at=5.0), at(5))
    assert windows(book) == [(90.0, 150.0)]
    assert not book.take(notice(10.0, 20.0, given_at=4.0), at(6))
    assert windows(book) == [(90.0, 150.0)]


def test_without_an_id_kind_and_start_say_which_event_is_meant() -> None:
    book = EventBook()
    book.take(notice(name=None), START)
    book.take(notice(60.0, 90.0, name=None, given_at=1.0), at(1))
    book.take(notice(30.0, 45.0, name=None, given_at=2.0), at(2))
    assert windows(book) == [(30.0, 45.0), (60.0, 90.0)]


def test_what_was_called_off_stays_off_when_the_older_notice_comes_late() -> None:
    book = EventBook()
    book.take(notice(), START)
    assert book.take(notice(given_at=5.0, off=True), at(5))
    assert windows(book) == []
    assert not book.take(notice(given_at=0.0), at(6))
    assert windows(book) == []
    assert book.notices(at(6)) == (notice(given_at=5.0, off=True),)


def test_calling_off_what_nobody_announced_changes_nothing() -> None:
    assert not EventBook().take(notice(off=True), START)


def test_an_event_that_is_over_is_gone() -> None:
    book = EventBook()
    book.take(notice(), START)
    assert windows(book, now=119.9) == [(60.0, 120.0)]
    assert windows(book, now=120.0) == []
    assert not book.take(notice(given_at=130.0), at(130))
    assert book.notices(at(130)) == ()


def test_a_flood_of_events_is_bounded_and_the_next_ones_stay() -> None:
    book = EventBook()
    for number in range(3 * MOST_EVENTS):
        book.take(notice(5000.0 - number, 6000.0, name=f"e{number}"), START)
    kept = windows(book)
    assert len(kept) == MOST_EVENTS
    assert kept == [(5000.0 - number, 6000.0) for number in range(3 * MOST_EVENTS - 1, 2 * MOST_EVENTS - 1, -1)]


def test_events_that_were_called_off_take_no_place_from_those_to_come() -> None:
    book = EventBook()
    for number in range(2 * MOST_CALLED_OFF):
        book.take(notice(10.0, 900.0, given_at=number / 60.0, name=f"off{number}", off=True), START)
    assert len(book.notices(START)) == MOST_CALLED_OFF
    for number in range(MOST_EVENTS):
        assert book.take(notice(60.0 + number, 900.0, name=f"e{number}"), START)
    assert len(windows(book)) == MOST_EVENTS
    assert len(book.notices(START)) == MOST_EVENTS + MOST_CALLED_OFF
    assert book.crowded_out == MOST_CALLED_OFF


def test_what_was_ended_early_stays_so_until_the_older_notice_is_too_old_to_be_taken() -> None:
    book = EventBook()
    book.take(notice(-60.0, 30.0, given_at=-70.0), START)
    assert book.take(notice(-60.0, -10.0), START)
    assert windows(book) == []
    assert not book.take(notice(-60.0, 90.0, given_at=-5.0), at(59))
    assert windows(book, now=59.0) == []
    assert book.notices(at(60)) == ()


notices = st.builds(
    notice,
    begin=st.integers(-50, 100).map(float),
    end=st.integers(101, 150).map(float),
    given_at=st.integers(-30, 0).map(float),
    name=st.sampled_from(["a", "b", None]),
    kw=st.none() | st.floats(-9.0, 9.0),
    off=st.booleans(),
)


@given(heard=st.lists(notices, max_size=12))
def test_in_whatever_order_notices_come_the_newest_about_each_event_holds(heard: list[EventNotice]) -> None:
    # Of two notices of the same moment about the same event the one that comes last holds.
    assume(len({(one.identity, one.ts_utc) for one in heard}) == len(heard))
    there, back = EventBook(), EventBook()
    for one in heard:
        there.take(one, START)
    for one in reversed(heard):
        back.take(one, START)
    assert there.events(START) == back.events(START)
    again = EventBook()
    again.restore(there.notices(START), START)
    assert again.events(START) == there.events(START)
