"""What goes to the time-series database, and what never does."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from config.sensitive import Sensitive
from controller.record.line_protocol import Point, decode, encode
from controller.record.outcomes import OutcomeRecord, SetpointOutcome
from controller.record.points import PointContext, points_of_record
from controller.record.records import AssetState, ExplanationRow, IntervalRecord
from models.domain.errors import StoreError
from models.domain.setpoint import Outcome, Reason
from models.domain.telemetry import DeviceKey
from tests.controller.record.examples import INTERVAL_S, SITE, START, interval_start, open_store, record

MEASUREMENTS = {
    "meter",
    "storage",
    "dispatch",
    "interval",
    "allocation",
    "explanation",
    "fairness",
    "policy",
    "gateway",
}
UNITS = ("wh", "kwh", "kw", "eur", "s", "frac", "percent")
START_S = int(START.timestamp())


def context(language: str = "en") -> PointContext:
    return PointContext(
        site=SITE,
        language=language,
        member=lambda member: "m" + member[-1],
        device=lambda device: "d" + device.gateway[-1],
    )


def points_by_measurement(of: IntervalRecord, language: str = "en") -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points_of_record(of, context(language)):
        found.setdefault(point.measurement, []).append(point)
    return found


def test_a_cycle_has_points_of_every_measurement_and_all_can_be_written() -> None:
    points = list(points_of_record(record(1), context()))
    assert {point.measurement for point in points} == MEASUREMENTS
    for point in points:
        assert decode(encode(point)) == point
        assert point.tags["site"] == SITE


def test_metered_points_carry_the_closed_intervals_start_and_the_rest_the_new_ones() -> None:
    points = points_by_measurement(record(1))
    for name in MEASUREMENTS:
        expected_s = START_S if name in {"meter", "allocation"} else START_S + INTERVAL_S
        assert {point.time_s for point in points[name]} == {expected_s}


def test_a_replans_points_do_not_overwrite_the_ticks() -> None:
    first = {encode(point).rsplit(" ", 1)[1] for point in points_of_record(record(1), context())}
    again = {encode(point).rsplit(" ", 1)[1] for point in points_of_record(record(1, replan=1), context())}
    assert first.isdisjoint(again)


def test_dimensional_fields_end_in_their_unit() -> None:
    dimensionless = {"revision", "quality", "replan", "faults", "rows", "columns", "binaries", "decision_id", "cause"}
    for point in points_of_record(replace(record(1), fairness={}, policy={}, gateway={}), context()):
        for name in point.fields:
            assert name.endswith(UNITS) or name in dimensionless or name.startswith("is_") or name == "text"


def test_a_silent_meter_has_no_energy_rather_than_zero() -> None:
    silent = points_by_measurement(record(1))["meter"][-1]
    assert dict(silent.fields) == {"quality": "missing", "revision": 0}


def test_money_leaves_in_the_currency_and_energy_in_whole_watt_hours() -> None:
    allocation = points_by_measurement(record(1))["allocation"][1]
    assert allocation.fields["value_eur"] == -0.020112
    assert allocation.fields["grid_wh"] == 151
    assert allocation.tags["stage"] == "provisional"
    assert "weight" not in allocation.fields


def test_an_explanation_is_numbers_with_the_sentence_in_the_sites_language() -> None:
    german = points_by_measurement(record(1), "de")["explanation"][0]
    assert german.fields["text"] == "Die Batterie speichert Überschuss."
    assert german.fields["saved_eur"] == 0.31
    assert german.tags["reason"] == "store_surplus"
    assert german.tags["device"] == "d0"
    french = points_by_measurement(record(1), "fr")["explanation"][0]
    assert "text" not in french.fields


def test_a_line_break_in_a_sentence_becomes_a_space() -> None:
    row = replace(record(1).explanations[0], texts={"en": "one\ntwo\r\n\tthree"})
    point = points_by_measurement(replace(record(1), explanations=(row,)))["explanation"][0]
    assert point.fields["text"] == "one two three"


def test_only_batteries_and_cars_have_storage_points() -> None:
    meter = AssetState(device=DeviceKey("gw-9", "meter"), member="home-9", kind="meter", power_kw=1.0)
    points = points_by_measurement(replace(record(1), asset_states=(*record(1).asset_states, meter)))
    assert len(points["storage"]) == 3


async def test_an_outcome_writes_the_dispatch_point_again_whole(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    cycle = record(1)
    await store.commit_interval(cycle)
    before = await store.read(lambda reader: reader.outbox_rows())
    done = SetpointOutcome(
        setpoint_id=cycle.setpoints[0].setpoint_id, outcome=Outcome.ACKNOWLEDGED, applied_kw=1.4, at_utc=START
    )
    await store.record_outcomes(OutcomeRecord(outcomes=(done,)))
    assert await store.read(lambda reader: reader.outbox_rows()) == before
    await store.close(START)
    lines = [point for point in decoded(tmp_path / "s.sqlite") if point.measurement == "dispatch"]
    ended = [point for point in lines if "outcome" in point.fields]
    assert len(ended) == 1
    assert dict(ended[0].fields) == {
        "set_kw": 1.5,
        "applied_kw": 1.4,
        "outcome": "acknowledged",
        "is_acknowledged": True,
        "decision_id": "1-1-0",
    }
    assert set(ended[0].tags) == set(lines[0].tags)


def decoded(path: Path) -> list[Point]:
    with sqlite3.connect(path) as connection:
        return [decode(line) for (line,) in connection.execute("SELECT line FROM outbox ORDER BY id")]


def dump(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        return "\n".join(connection.iterdump())


async def test_no_member_or_device_id_leaves_the_gateway(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    await store.commit_interval(record(1))
    await store.close(START)
    for point in decoded(path):
        line = encode(point)
        assert "home-" not in line
        assert "gw-" not in line


async def test_pseudonyms_stay_over_a_restart_and_differ_between_sites(tmp_path: Path) -> None:
    async def members_of(path: Path, seed: int, index: int) -> set[str]:
        store = await open_store(path, seed=seed)
        await store.commit_interval(record(index, epoch=store.epoch))
        await store.close(START)
        return {point.tags["member"] for point in decoded(path) if "member" in point.tags}

    here = await members_of(tmp_path / "a.sqlite", seed=1, index=1)
    again = await members_of(tmp_path / "a.sqlite", seed=99, index=2)
    there = await members_of(tmp_path / "b.sqlite", seed=2, index=1)
    assert here == again
    assert len(here) == 3
    assert here.isdisjoint(there)


CANARY = 987_654.321


@pytest.mark.parametrize(
    "numbers",
    [{"income_eur": CANARY}, {"saved_eur": 1.0, "priority_tier": CANARY}, {"name": CANARY}, {"tier-2": CANARY}],
)
async def test_sensitive_keys_reach_neither_the_store_nor_a_line(tmp_path: Path, numbers: Mapping[str, float]) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    row = ExplanationRow(member="home-0", topic="allocation", reason=Reason.IDLE, numbers=numbers)
    cycle = record(1)
    with pytest.raises(StoreError) as refused:
        await store.commit_interval(replace(cycle, explanations=(row,)))
    for field in ("fairness", "policy", "gateway"):
        with pytest.raises(StoreError):
            await store.commit_interval(replace(cycle, **{field: numbers}))  # type: ignore[arg-type]
    await store.close(START)
    assert "987654" not in dump(path) + str(refused.value)


async def test_a_sensitive_value_under_an_innocent_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    cycle = record(1)
    hidden = {"cost_eur": Sensitive(CANARY)}
    with pytest.raises(StoreError) as refused:
        await store.commit_interval(replace(cycle, fairness=hidden))  # type: ignore[arg-type]
    await store.close(START)
    assert "987654" not in dump(path) + str(refused.value)


async def test_weights_and_burdens_of_members_stay_in_the_store(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    cycle = record(1)
    about_weight = ExplanationRow(
        member="home-0", topic="weight", reason="policy", numbers={"effect_log": 0.123456}, texts={"en": "Because."}
    )
    mixed = ExplanationRow(
        member="home-1",
        topic="allocation",
        reason="equity_key",
        numbers={
            "shared_kwh": 0.1,
            "weight": 3.21987,
            "log_weight_step": 3.21987,
            "burden_frac": 3.21987,
            "persons": 4,
        },
    )
    weighted = replace(cycle.decision, weights={"home-0": 3.21987}, proposals={"home-0": 3.21987})
    policy = {"weight_largest": 1.5, "weight_of_home_0": 3.21987, "my_weight": 3.21987}
    await store.commit_interval(replace(cycle, decision=weighted, explanations=(about_weight, mixed), policy=policy))
    await store.close(START)
    points = decoded(path)
    explanations = [point for point in points if point.measurement == "explanation"]
    assert [dict(point.fields) for point in explanations] == [{"shared_kwh": 0.1, "decision_id": "1-1-0"}]
    assert explanations[0].time_s == int(interval_start(1).timestamp())
    lines = "\n".join(encode(point) for point in points)
    assert "3.21987" not in lines
    assert "0.123456" not in lines
    assert "weight_largest=1.5" in lines
    assert "3.21987" in dump(path)


@pytest.mark.parametrize(
    "known, told", [(3.0, {"worst_energy_burden": 0.05, "gini_energy_burden": 0.21}), (2.0, {}), (None, {})]
)
def test_figures_of_burdens_leave_rounded_and_only_where_several_are_known(
    known: float | None, told: dict[str, float]
) -> None:
    fairness = {
        "members_with_burden": known,
        "worst_energy_burden": 0.0512345,
        "gini_energy_burden": 0.2149,
        "theil_energy_burden": None,
        "gini_renewable_access": 0.123456,
    }
    (point,) = points_by_measurement(replace(record(1), fairness=fairness))["fairness"]
    assert point.tags["span"] == "interval"
    found = {name: value for name, value in point.fields.items() if name.endswith("_energy_burden")}
    assert found == told
    assert point.fields["gini_renewable_access"] == 0.123456


def test_a_plans_worst_burden_leaves_rounded_too() -> None:
    cycle = record(1)
    told = replace(cycle.decision, figures={"worst_burden_frac": 0.0512345, "cost_eur": 12.34567})
    (point,) = points_by_measurement(replace(cycle, decision=told))["interval"]
    assert (point.fields["worst_burden_frac"], point.fields["cost_eur"]) == (0.05, 12.34567)
