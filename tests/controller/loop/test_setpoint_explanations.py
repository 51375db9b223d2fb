from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.planner import PlanDecision
from controller.loop.setpoint_explanations import explain_setpoints
from controller.loop.setpoints import DevicePower, controlled_devices
from controller.record.catalogues import load_languages
from controller.record.records import Rung
from models.domain.setpoint import Reason
from models.explanation.language import LANGUAGES
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_PV,
    BERT_BATTERY,
    at,
    make_site,
    see,
    usual_readings,
)
from tests.controller.loop.reports import decide

SITE = make_site()
DEVICES = controlled_devices(SITE)


def planned() -> PlanDecision:
    decision = decide(SITE, see(SITE, usual_readings()))
    assert decision.plan is not None
    assert decision.built is not None
    starts = tuple(at(15 * step) for step in range(len(decision.built.problem.step_h)))
    running = RunningPlan(plan=decision.plan, built=decision.built, starts_utc=starts)
    return replace(decision, powers=powers_of_plan(running, 0, DEVICES))


def test_every_device_that_a_plan_moves_has_a_sentence_in_every_language() -> None:
    decision = planned()
    rows = explain_setpoints(SITE, decision)
    assert [row.topic for row in rows] == [f"setpoint:{power.device}" for power in decision.powers]
    for row, power in zip(rows, decision.powers, strict=True):
        assert row.member == power.member
        assert row.reason is power.reason
        assert row.numbers["power_kw"] == power.power_kw
        assert tuple(row.texts) == LANGUAGES
        assert "{" not in "".join(row.texts.values())


def test_a_fresh_plan_says_its_marginal_price_and_the_limits_that_it_meets() -> None:
    decision = planned()
    assert decision.plan is not None
    assert decision.plan.schedule is not None
    assert decision.built is not None
    schedule = decision.plan.schedule
    limit_kw = decision.built.problem.batteries[0].charge_limit_kw
    full = schedule.charge_kw.copy()
    full[0, 0] = limit_kw
    price = np.full(schedule.import_kw.shape, 0.27)
    plan = replace(decision.plan, schedule=replace(schedule, charge_kw=full), marginal_price_eur_per_kwh=price)
    rows = {row.topic: row for row in explain_setpoints(SITE, replace(decision, plan=plan))}
    numbers = rows[f"setpoint:{ANNA_BATTERY}"].numbers
    assert numbers["marginal_price_eur_per_kwh"] == 0.27
    assert numbers["is_at_full_power"] == 1.0
    assert "is_at_member_export" not in numbers


@pytest.mark.parametrize("key", [ANNA_BATTERY, ANNA_CAR, ANNA_PV, BERT_BATTERY])
def test_without_a_plan_the_power_and_the_sentence_are_all_that_is_said(key: object) -> None:
    device = next(one for one in DEVICES if one.key == key)
    power = DevicePower(device=device.key, member=device.member, power_kw=-1.0, reason=Reason.FALLBACK_RULE)
    decision = PlanDecision(rung=Rung.RULE, powers=(power,), plan=None, built=None, solve_s=0.0, faults=())
    (row,) = explain_setpoints(SITE, decision)
    assert row.numbers == {"power_kw": -1.0}
    assert row.texts["en"].startswith("No new plan was ready in time, so your ")


def test_the_catalogues_are_read_once() -> None:
    assert load_languages() is load_languages()
    assert [language.code for language in load_languages()] == list(LANGUAGES)
