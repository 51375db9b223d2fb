from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.backoff import FIRST_S, LONGEST_S, Backoff
from devices.connection_journal import ConnectionJournal


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_waits_double_up_to_their_bound_and_keep_at_least_half(seed: int, attempts: int) -> None:
    backoff = Backoff(np.random.default_rng(seed))
    for attempt in range(attempts):
        longest_s = min(LONGEST_S, FIRST_S * 2.0**attempt)
        assert longest_s / 2.0 <= backoff.next_s() <= longest_s
    backoff.reset()
    assert backoff.next_s() <= FIRST_S


def test_two_gateways_do_not_wait_alike() -> None:
    waits = {round(Backoff(np.random.default_rng(seed)).next_s(), 6) for seed in range(50)}
    assert len(waits) > 40


def test_a_journal_logs_the_first_failure_and_the_recovery_only(caplog: pytest.LogCaptureFixture) -> None:
    journal = ConnectionJournal("hub")
    with caplog.at_level(logging.WARNING):
        journal.note_connected("5")
        journal.note_failure(OSError("gone"), was_connected=True, is_expected=True)
        for _ in range(5):
            journal.note_failure(OSError("refused"), was_connected=False, is_expected=True)
        journal.note_connected("5")
    assert [record.getMessage() for record in caplog.records] == [
        "Connection hub to the broker was lost (gone); trying again",
        "Connection hub to the broker stands (MQTT 5)",
    ]
    assert journal.counters == {"connects": 2, "disconnects": 1, "failed_attempts": 5}


def test_an_unforeseen_failure_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    ConnectionJournal("hub").note_failure(KeyError("x"), was_connected=False, is_expected=False)
    assert caplog.records[0].exc_info is not None
