from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import yaml

from config.composition import compose_description
from config.load import load_site
from config.schema import Site
from controller.apps.explain_what_if import WhatIf, ask_what_if
from controller.record.bundles import SUFFIX, bundle_folder
from controller.record.records import ExplanationRow
from controller.record.stored import StoredExplanation
from models.dispatch.bundle import encode
from models.dispatch.problem import DispatchProblem, RunData
from models.dispatch.result import Plan
from models.domain.setpoint import Reason
from models.explanation.alternative import Alternative
from models.explanation.counterfactual import Motive
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, car, plain_problem
from tests.models.dispatch.recorded_plans import bundle_of

DECISION = "1-20260612T1000Z-0"
OWNER = 1
"""Position of m02, which has a battery, a car and a dryer."""


@lru_cache
def planned() -> tuple[DispatchProblem, Plan]:
    """Electricity is dear now and cheap later: the battery gives, the car and the dryer wait."""
    problem = plain_problem(
        members=6,
        pv_kw=np.zeros((6, 4)),
        batteries=(battery(OWNER), battery(3, soc_start_kwh=0.5)),
        evs=(car(4, energy_needed_kwh=1.0), car(OWNER, energy_needed_kwh=2.7, departure_step=3)),
        runs=(RunData(member=OWNER, option_kw=np.eye(3, 4) * 2.0),),
        import_price_eur_per_kwh=np.array([0.50, 0.50, 0.10, 0.10]),
    )
    return problem, plan_of(problem)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    description = compose_description(6, 1)
    description["store"] = {"path": "s.sqlite"}
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(description), encoding="utf-8")
    return load_site(path)


def keep_bundle(site: Site) -> None:
    folder = bundle_folder(site.store.path)
    folder.mkdir()
    (folder / f"20260612T100002Z_{DECISION}{SUFFIX}").write_bytes(encode(bundle_of(*planned(), DECISION)))


def stored(device: str, reason: Reason | str, power_kw: float = 0.0) -> StoredExplanation:
    row = ExplanationRow(
        member="m02", topic=f"setpoint:home-m02/{device}", reason=str(reason), numbers={"power_kw": power_kw}
    )
    return StoredExplanation(decision_id=DECISION, row=row)


def ask(site: Site, *setpoints: StoredExplanation) -> dict[str, WhatIf]:
    answer = ask_what_if(site, "m02", list(setpoints))
    assert not isinstance(answer, str), answer
    return {one.device.device: one for one in answer}


def test_each_device_of_the_member_is_asked_about_what_it_could_have_done(site: Site) -> None:
    keep_bundle(site)
    schedule = planned()[1].schedule
    assert schedule is not None
    power_kw = -float(schedule.discharge_kw[0, 0])
    assert power_kw < -1.0
    asked = ask(
        site,
        stored("bat", Reason.SUPPLY_HOME, power_kw),
        stored("ev", Reason.WAIT_FOR_CHEAPER),
        stored("dryer", Reason.WAIT_FOR_CHEAPER),
    )
    assert list(asked) == ["bat", "ev", "dryer"]
    assert asked["bat"].answers[0].without is Motive.PRICE_CHANGES
    assert asked["bat"].answers[0].power_kw == pytest.approx(power_kw)
    car_answer, run_answer = asked["ev"].alternative, asked["dryer"].alternative
    assert car_answer is not None
    assert run_answer is not None
    assert (car_answer.asked, run_answer.asked) == (Alternative.CHARGE_AT_ONCE, Alternative.RUN_AT_ONCE)
    # 3 kWh for the car and 1 kWh for the dryer, at 0.50 instead of 0.10 EUR/kWh.
    assert car_answer.other_kw == pytest.approx(6.0, abs=0.01)
    assert car_answer.extra_eur == pytest.approx(1.20, abs=0.05)
    assert run_answer.extra_eur == pytest.approx(0.40, abs=0.05)


def test_limits_of_other_members_are_not_told(site: Site) -> None:
    keep_bundle(site)
    asked = ask(site, stored("bat", Reason.SUPPLY_HOME))
    places = {binding.place for binding in asked["bat"].bindings}
    assert places <= {"", f"member {OWNER}", f"battery 0 of member {OWNER}"}


@pytest.mark.parametrize(
    "setpoint",
    [stored("ev", Reason.IDLE), stored("bat", Reason.FALLBACK_RULE), stored("ev", "unheard_of")],
)
def test_a_device_without_a_choice_is_not_asked_about(site: Site, setpoint: StoredExplanation) -> None:
    keep_bundle(site)
    answer = ask_what_if(site, "m02", [setpoint])
    assert isinstance(answer, str)
    assert "no battery, car or appliance of m02 had another choice" in answer


def test_without_the_record_of_the_plan_there_is_nothing_to_ask(site: Site) -> None:
    answer = ask_what_if(site, "m02", [stored("ev", Reason.WAIT_FOR_CHEAPER)])
    assert isinstance(answer, str)
    assert "the record of its plan is gone" in answer
