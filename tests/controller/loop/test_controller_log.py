"""What the controller says of its cycles: on the edge only, whatever the figures in it."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from controller.loop.controller import Controller
from tests.controller.loop.neighbours import make_site, see, usual_readings
from tests.controller.loop.reports import decide, report

SITE = make_site()
SNAPSHOT = see(SITE, usual_readings())
REPORT = report(SNAPSHOT, decide(SITE, SNAPSHOT))


def said(caplog: pytest.LogCaptureFixture, *faults_of_cycles: tuple[str, ...]) -> list[str]:
    """Messages of one cycle after the other, each with its faults."""
    # The controller itself needs a whole site around it; what it notes of cycles needs none.
    controller = cast("Controller", SimpleNamespace(_last_faults=(), _intake=SimpleNamespace(watch=_Deaf())))
    caplog.set_level(logging.WARNING)
    for faults in faults_of_cycles:
        Controller._note_cycle(controller, replace(REPORT, faults=faults))
    return [record.getMessage() for record in caplog.records]


class _Deaf:
    def note_cycle(self, _: object) -> None:
        """Nothing is watched here."""


def unkept(member: int, size_kw: float, step: int) -> str:
    return f"limit not kept: import limit of member {member} exceeded by {size_kw:.3f} kW in step {step}"


def test_a_limit_that_is_not_kept_is_said_once_whatever_its_size(caplog: pytest.LogCaptureFixture) -> None:
    faults = [(unkept(0, 1.25, 3), unkept(2, 0.5, 0)), (unkept(2, 0.75, 1), unkept(0, 1.0, 2))]
    assert said(caplog, *faults) == [f"1-test-0: rung optimal; {'; '.join(faults[0])}"]


def test_another_members_limit_and_the_recovery_are_said(caplog: pytest.LogCaptureFixture) -> None:
    messages = said(caplog, (unkept(0, 1.0, 0),), (unkept(1, 1.0, 0),), (), ())
    assert [message.split("; ")[-1] for message in messages] == [
        unkept(0, 1.0, 0),
        unkept(1, 1.0, 0),
        "1-test-0: rung optimal again, without faults",
    ]
