"""What loads were held back: by local day for their limits, by member for what forecasts learn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from controller.loop.held_back import Cap, HeldBackAccount
from controller.record.event_records import HeldBack
from models.domain.errors import StoreError
from models.domain.interval import Span
from tests.controller.loop.neighbours import BERT_BATTERY, CLEO_HEATER, START, at, make_site, say, with_heater

SITE = make_site(**with_heater())
MIDNIGHT = datetime(2026, 6, 12, 22, 0, tzinfo=UTC)


def stretch(begin_utc: datetime, minutes: float, held_back_kw: float, member: str = "cleo") -> HeldBack:
    span = Span(start_utc=begin_utc, end_utc=begin_utc + timedelta(minutes=minutes))
    return HeldBack(device=CLEO_HEATER, member=member, span=span, held_back_kw=held_back_kw)


class Shelf:
    """A store that can be asked, or not."""

    def __init__(self, *stretches: HeldBack) -> None:
        self.stretches = list(stretches)
        self.is_failing = False
        self.asked = 0

    async def read(self, query: Callable[[Any], Any]) -> list[HeldBack]:
        self.asked += 1
        assert callable(query)
        if self.is_failing:
            message = "it cannot be read"
            raise StoreError(message)
        return self.stretches


def account(*stretches: HeldBack) -> HeldBackAccount:
    made = HeldBackAccount(SITE, Shelf())  # type: ignore[arg-type]
    made.stretches = stretches
    return made


def test_energy_counts_to_the_local_day_on_which_it_was_held_back() -> None:
    held = account(stretch(at(0), 30.0, 1.0), stretch(MIDNIGHT - timedelta(minutes=15), 30.0, 2.0))
    assert held.by_day(CLEO_HEATER) == pytest.approx({date(2026, 6, 12): 1.0, date(2026, 6, 13): 0.5})
    assert held.by_day(BERT_BATTERY) == {}


def test_members_are_told_what_they_were_not_given_within_a_span_of_time() -> None:
    held = account(stretch(at(0), 30.0, 1.0), stretch(at(30), 15.0, 2.0), stretch(at(0), 60.0, 9.0, member="gone"))
    span = Span(start_utc=at(15), end_utc=at(40))
    assert held.by_member(span) == pytest.approx([0.0, 0.0, 0.25 + 2.0 / 6.0])


async def test_while_the_store_fails_what_was_known_holds_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(stretch(at(0), 30.0, 1.0))
    held = HeldBackAccount(SITE, shelf)  # type: ignore[arg-type]
    await held.refresh(at(30))
    shelf.is_failing = True
    with caplog.at_level(logging.WARNING):
        await held.refresh(at(45))
        await held.refresh(at(60))
    assert held.by_day(CLEO_HEATER) == pytest.approx({date(2026, 6, 12): 0.5})
    assert len(caplog.messages) == 1


async def test_a_site_without_such_loads_never_asks() -> None:
    shelf = Shelf()
    await HeldBackAccount(make_site(), shelf).refresh(START)  # type: ignore[arg-type]
    assert shelf.asked == 0


@pytest.mark.parametrize(
    "power_kw, is_kept",
    [(0.0, False), (0.39, False), (0.41, True), (0.5, True), (0.59, True), (0.7, False), (None, False)],
)
def test_a_load_is_held_by_its_cap_if_it_draws_all_of_it_and_no_more(power_kw: float | None, *, is_kept: bool) -> None:
    cap = Cap(allowed_kw=0.5, held_back_kw=1.0)
    assert cap.is_kept(say(CLEO_HEATER, power_kw=power_kw)) == is_kept


def test_a_load_that_may_draw_nothing_is_held_by_that() -> None:
    cap = Cap(allowed_kw=0.0, held_back_kw=1.0)
    assert cap.is_kept(say(CLEO_HEATER, power_kw=0.0))
    assert not cap.is_kept(say(CLEO_HEATER, power_kw=0.1))
