"""What the running controller logs of demand response."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.apps.run_command import _tell
from controller.loop.planner import PlanDecision
from controller.record.records import Rung
from models.domain.demand_response import DemandEvent, EventSource
from models.domain.setpoint import Reason
from tests.controller.loop.desk import power
from tests.controller.loop.neighbours import CLEO_HEATER, at, make_forecaster, make_site, see, usual_readings
from tests.controller.loop.reports import report

SITE = make_site()
CAP = replace(power(CLEO_HEATER, 0.5, Reason.HOLD_BACK_EVENT), held_back_kw=1.25)


def logged(caplog: pytest.LogCaptureFixture, minutes: float, *events: DemandEvent, is_capped: bool) -> str:
    forecaster = make_forecaster(SITE)
    forecaster.events = events
    powers = (CAP,) if is_capped else ()
    decision = PlanDecision(rung=Rung.OPTIMAL, powers=powers, plan=None, built=None, solve_s=0.1, faults=())
    done = report(see(SITE, usual_readings(minutes), minutes), decision)
    caplog.clear()
    with caplog.at_level("INFO"):
        _tell(replace(done, outlook=forecaster.look_ahead(at(minutes), 0.0)))
    return caplog.messages[-1]


def test_the_log_says_which_event_is_on_and_what_is_held_back(caplog: pytest.LogCaptureFixture) -> None:
    event = DemandEvent(start_utc=at(15), end_utc=at(60), key="e1", source=EventSource.MQTT, target_kw=3.0)
    assert "demand response" not in logged(caplog, 0.0, event, is_capped=False)
    said = logged(caplog, 20.0, event, is_capped=True)
    assert said.endswith("; demand response: e1 until 11:00 UTC, 1.25 kW held back from 1 load")
