from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controller.loop.cycle import CycleReport
from controller.loop.cycle_record import interval_record
from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.setpoints import controlled_devices
from controller.loop.weigher import Weighing
from controller.record.records import Rung
from models.dispatch.bundle import hash_problem
from tests.controller.loop.neighbours import (
    ANNA_CAR,
    BERT_BATTERY,
    BERT_METER,
    at,
    make_forecaster,
    make_site,
    say,
    see,
    usual_readings,
    without,
)
from tests.controller.loop.reports import decide, report

SITE = make_site()
READINGS = [*without(usual_readings(), BERT_METER, ANNA_CAR), say(ANNA_CAR, is_plugged=True, soc_frac=0.25)]
WEIGHTS = np.array([0.5, 2.0, 0.5])


def finished() -> CycleReport:
    snapshot = see(SITE, READINGS, 2.0, stale={BERT_METER: 45.0})
    decision = decide(SITE, snapshot)
    assert decision.built is not None
    assert decision.plan is not None
    starts = make_forecaster(SITE).look_ahead(snapshot.taken_utc, 0.0).steps.starts_utc
    running = RunningPlan(plan=decision.plan, built=decision.built, starts_utc=starts)
    decision = replace(decision, powers=powers_of_plan(running, 0, controlled_devices(SITE)))
    return replace(report(snapshot, decision), outlook=make_forecaster(SITE).look_ahead(at(2), 0.0))


def test_a_decision_says_where_it_came_from_and_at_what_prices_and_weights() -> None:
    done = finished()
    row = interval_record(SITE, done, WEIGHTS, at(2.1)).decision
    assert (row.rung, row.cause, row.replan, row.committed_utc) == (Rung.OPTIMAL, "interval", 0, at(2.1))
    assert row.valid_from_utc == at(0)
    assert dict(row.weights) == {"anna": 0.5, "bert": 2.0, "cleo": 0.5}
    assert row.proposals == {}
    assert (row.prices.import_micro_per_kwh, row.prices.export_micro_per_kwh) == (300_000, 80_000)
    assert row.prices.network_fee_micro_per_kwh == 20_000
    assert row.figures["price_of_equity_eur"] == pytest.approx(0.0)
    assert done.decision.plan is not None
    assert done.decision.plan.figures is not None
    assert row.figures["members_above_alone"] == len(done.decision.plan.figures.members_above_alone)
    assert row.solve is not None
    assert done.decision.built is not None
    assert row.problem_sha256 == hash_problem(done.decision.built.problem)


def test_a_replan_says_from_when_it_holds_and_a_proposal_who_got_which_weight() -> None:
    weighing = Weighing(
        proposed=np.array([1.0, 1.5, 0.5]),
        problem=None,
        has_changed=False,
        figures={"proposals_limited": 2.0},
        fairness={"jain_energy_burden": 0.25, "gini_energy_burden": None},
    )
    done = replace(finished(), replan=2, weighing=weighing)
    record = interval_record(SITE, done, WEIGHTS, at(2.1))
    assert record.decision.valid_from_utc == at(2)
    assert record.decision.proposals == {"anna": 1.0, "bert": 1.5, "cleo": 0.5}
    assert record.policy == {"proposals_limited": 2.0}
    assert record.fairness == {"jain_energy_burden": 0.25, "gini_energy_burden": None}


def test_every_power_is_explained_to_its_member() -> None:
    rows = interval_record(SITE, finished(), WEIGHTS, at(2)).explanations
    told = {row.topic: (row.member, row.numbers["power_kw"]) for row in rows}
    assert set(told) == {"setpoint:gw-anna/bat", "setpoint:gw-anna/car", "setpoint:gw-bert/bat"}
    assert told["setpoint:gw-anna/car"] == ("anna", 7.0)


def test_every_device_is_on_record_as_the_cycle_saw_it_and_what_is_unknown_stays_so() -> None:
    record = interval_record(SITE, finished(), WEIGHTS, at(2))
    states = {state.device: state for state in record.asset_states}
    assert len(states) == 9
    silent = states[BERT_METER]
    assert (silent.power_kw, silent.soc_kwh, silent.age_s, silent.member) == (None, None, 45.0, "bert")
    battery = states[BERT_BATTERY]
    assert (battery.soc_frac, battery.soc_kwh, battery.power_kw, battery.age_s) == (0.4, 4.0, 0.0, 120.0)
    assert states[ANNA_CAR].soc_kwh == pytest.approx(12.5)
    assert record.gateway["stale_devices"] == 1.0


def test_a_cycle_without_outlook_or_plan_has_a_record_all_the_same() -> None:
    bare = finished()
    nothing = replace(bare.decision, rung=Rung.DEVICE, powers=(), plan=None, built=None, faults=("plan: why",))
    record = interval_record(SITE, replace(bare, decision=nothing, outlook=None, faults=("plan: why",)), WEIGHTS, at(2))
    row = record.decision
    assert (row.rung, row.faults, row.solve, row.problem_sha256) == (Rung.DEVICE, ("plan: why",), None, None)
    assert row.figures == {}
    assert (len(record.settled), len(record.setpoints), len(record.explanations)) == (0, 0, 0)
