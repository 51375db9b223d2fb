from __future__ import annotations

from controller.loop.intake import Intake
from controller.loop.state_store import StateStore
from models.domain.telemetry import Reading
from tests.controller.loop.neighbours import BERT_METER, keys_of, make_site, say
from tests.devices.example_site import SetClock


class Onlooker:
    """Stands where the watch stands."""

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self.seen: list[tuple[Reading | None, Reading]] = []

    def note_reading(self, previous: Reading | None, reading: Reading) -> None:
        assert self._state.newest(reading.device) is not None
        self.seen.append((previous, reading))


def test_the_watch_is_shown_each_reading_with_the_one_before_it() -> None:
    state = StateStore(keys_of(make_site()), interval_min=15, stale_after_s=30.0)
    watch = Onlooker(state)
    intake = Intake(SetClock(), state, watch)  # type: ignore[arg-type]
    first, second = say(BERT_METER, 0.0, power_kw=1.0), say(BERT_METER, 0.2, power_kw=2.0)
    intake.offer(first)
    intake.offer(second)
    assert watch.seen == [(None, first), (first, second)]
    assert state.newest(BERT_METER) == second
