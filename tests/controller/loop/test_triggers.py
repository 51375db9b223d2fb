from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.loop.triggers import ReplanRequests, Trigger
from devices.clock import VirtualClock
from devices.virtual_loop import run_virtual
from tests.controller.loop.neighbours import START

DEBOUNCE_S = 2.0
GAP_S = 60.0
Batches = list[tuple[float, tuple[Trigger, ...]]]
Happening = tuple[float, Callable[[ReplanRequests, VirtualClock], None]]


def asked(at_s: float, trigger: Trigger = Trigger.PRICE) -> Happening:
    return at_s, lambda requests, _: requests.request(trigger)


def planned(at_s: float, *, solved_for_s: float = 0.0) -> Happening:
    """A tick's plan is ready; its snapshot was taken so long before."""
    return at_s, lambda requests, clock: requests.note_plan(clock.now_utc() - timedelta(seconds=solved_for_s))


def play(*happenings: Happening, until_s: float = 400.0) -> Batches:
    """When which batches were handed out."""

    async def main(clock: VirtualClock) -> Batches:
        requests = ReplanRequests(clock, debounce_s=DEBOUNCE_S, min_gap_s=GAP_S)
        batches: Batches = []

        async def take() -> None:
            while True:
                batch = await requests.next_batch()
                batches.append((round(clock.monotonic_s(), 3), batch))

        taking = asyncio.create_task(take())
        for at_s, happen in sorted(happenings, key=lambda one: one[0]):
            await asyncio.sleep(at_s - clock.monotonic_s())
            happen(requests, clock)
        await asyncio.sleep(until_s - clock.monotonic_s())
        taking.cancel()
        return batches

    return run_virtual(main, start_utc=START)


def test_events_close_together_make_one_replan_first_asked_first() -> None:
    batches = play(asked(10.0, Trigger.LIMIT), asked(10.5, Trigger.PRICE), asked(11.9, Trigger.LIMIT))
    assert batches == [(12.0, (Trigger.LIMIT, Trigger.PRICE))]


def test_nothing_asked_means_nothing_planned() -> None:
    assert play(planned(10.0)) == []


def test_a_replan_waits_for_the_least_gap_after_a_plan() -> None:
    assert play(planned(100.0), asked(110.0)) == [(160.0, (Trigger.PRICE,))]


def test_a_replan_is_a_plan_as_well() -> None:
    assert [at_s for at_s, _ in play(asked(10.0), asked(20.0))] == [12.0, 72.0]


def test_a_tick_answers_what_was_asked_before_it() -> None:
    assert play(planned(50.0), asked(55.0), planned(80.0)) == []


def test_a_plan_made_while_waiting_starts_the_gap_anew() -> None:
    assert play(planned(50.0), asked(60.0), planned(100.0), asked(105.0)) == [(160.0, (Trigger.PRICE,))]


def test_what_happens_during_a_solve_is_not_answered_by_it() -> None:
    assert play(planned(70.0), asked(85.0), planned(100.0, solved_for_s=20.0)) == [(160.0, (Trigger.PRICE,))]


@settings(max_examples=60, deadline=None)
@given(events=st.lists(st.tuples(st.floats(0.0, 300.0), st.sampled_from([*Trigger, None])), max_size=40))
def test_a_flood_of_events_is_bounded_and_keeps_its_distance(events: list[tuple[float, Trigger | None]]) -> None:
    happenings = [planned(at_s) if trigger is None else asked(at_s, trigger) for at_s, trigger in events]
    batches = play(*happenings)
    plans = sorted([at_s for at_s, trigger in events if trigger is None])
    for at_s, batch in batches:
        assert 1 <= len(batch) <= len(Trigger)
        assert len(set(batch)) == len(batch)
        assert not [plan for plan in plans if 0.0 < at_s - plan < GAP_S - 0.01]
    times = [at_s for at_s, _ in batches]
    assert all(later - earlier >= GAP_S - 0.01 for earlier, later in itertools.pairwise(times))


@given(triggers=st.lists(st.sampled_from(list(Trigger)), max_size=200))
def test_no_more_than_one_request_of_each_kind_is_held(triggers: list[Trigger]) -> None:
    async def main(clock: VirtualClock) -> int:
        await asyncio.sleep(0)
        requests = ReplanRequests(clock, debounce_s=DEBOUNCE_S, min_gap_s=GAP_S)
        for trigger in triggers:
            requests.request(trigger)
        return len(requests._pending)

    assert run_virtual(main, start_utc=START) == len(set(triggers))


def test_it_is_known_for_how_long_no_replan_can_begin() -> None:
    found: list[tuple[float, float]] = []

    def look(at_s: float) -> Happening:
        return at_s, lambda requests, _: found.append((at_s, round(requests.undisturbed_s, 3)))

    play(planned(10.0), look(11.0), look(69.0), look(200.0), asked(300.0), look(300.5), look(303.0))
    # Until the gap is over; then for as long as a request is debounced; not at all while one waits.
    assert found == [(11.0, 59.0), (69.0, 2.0), (200.0, 2.0), (300.5, 0.0), (303.0, 59.0)]
