"""Fairness figures of settled days, computed here a second time from the stored bills."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller.record.connection import transaction
from controller.record.day_fairness import CORE_NOTE
from controller.record.day_records import DaySettlement
from controller.record.day_rows import select_from
from controller.record.fairness_rows import points_of_day_fairness, read_day_fairness, read_renewable_wh
from controller.record.line_protocol import decode, encode
from controller.record.records import SettledInterval
from controller.record.settled_bills import read_settled_bills
from controller.record.writer import insert_settled
from models.domain.interval import settlement_day
from models.fairness.benefit import describe_benefits
from models.fairness.indices import measure_gini, measure_jain
from models.settlement.shapley import apply_weights
from tests.controller.record.settled_days import DAY, FINAL, SITE, intervals, job_of, open_filled, post, settle
from tests.controller.record.test_points import context

DAYS_OF_JUNE = 30
IDS = [member.id for member in SITE.members]
BEFORE = DAY - timedelta(days=1)


def sunny(_: int, interval: SettledInterval) -> SettledInterval:
    """A third of what is used comes from the sun; of the first member all of it, of the last nothing is used."""
    rows = []
    for number, row in enumerate(interval.allocations):
        use = 0 if row.member == IDS[-1] else row.use_wh
        rows.append(replace(row, use_wh=use, renewable_wh=use if number == 0 else use // 3))
    return replace(interval, allocations=tuple(rows))


def fairness_of(connection: sqlite3.Connection, day: date = DAY, revision: int | None = None) -> dict[str, Any]:
    found = read_day_fairness(select_from(connection), day, revision)
    assert found is not None
    return found


def incomes(days: int) -> list[float]:
    least = SITE.by_law.income_min_eur_per_month
    return [
        max(member.income_eur_per_month.reveal(), least) * days / DAYS_OF_JUNE
        if member.income_eur_per_month is not None and member.kind == "household"
        else np.nan
        for member in SITE.members
    ]


def column(days: list[DaySettlement], line: str) -> Any:
    return np.sum([[getattr(one, line) / 100 for one in day.members] for day in days], axis=0)


def test_burdens_are_of_the_bills_and_of_the_peak_charges_part(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE, change=sunny), intervals(DAY, change=sunny))
    days = [settle(connection, day=BEFORE), settle(connection)]
    figures = fairness_of(connection)
    peak = column(days, "peak_minor")
    assert peak.sum() > 0.0
    burden = np.maximum(column(days, "bill_minor") + peak * 2 / DAYS_OF_JUNE, 0.0) / incomes(2)
    assert figures["worst_energy_burden"] == pytest.approx(np.nanmax(burden))
    assert figures["jain_energy_burden"] == pytest.approx(measure_jain(burden))
    assert figures["members_with_burden"] == np.sum(~np.isnan(burden))
    assert figures["least_renewable_access"] == pytest.approx(1 / 3, abs=0.01)
    assert (figures["day_of_period"], figures["members"]) == (2.0, 6.0)
    connection.close()


def test_citylearns_figures_compare_bills_with_standing_alone(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY))
    days = [settle(connection, day=BEFORE), settle(connection)]
    owns = [float(bool(member.pv_kwp or member.batteries or member.evs)) for member in SITE.members]
    expected = describe_benefits(
        column(days, "stand_alone_minor"), column(days, "bill_minor") + column(days, "wear_minor"), owns
    )
    figures = fairness_of(connection)
    assert expected.equity_gini_benefit is not None
    for name in ("equity_losers_percent", "equity_gini_benefit", "equity_cr20_benefit"):
        assert figures[name] == pytest.approx(getattr(expected, name))
    assert figures["equity_bpr_asset_poor_over_rich"] == pytest.approx(expected.equity_bpr_asset_poor_over_rich)
    connection.close()


def test_losers_are_counted_against_equal_weights_without_solidarity(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    equal = SITE.model_copy(update={"by_law": SITE.by_law.model_copy(update={"solidarity_frac": 0.0})})
    settle(connection, equal)
    assert fairness_of(connection)["losers_against_unit_weights"] == 0.0
    assert fairness_of(connection)["peak_losers_against_unit_weights"] == 0.0
    day = settle(connection)
    plain = apply_weights(np.array([one.plain_micro / 1e6 for one in day.members]), np.ones(6))
    share = np.array([one.share_minor + one.solidarity_minor for one in day.members]) / 100
    losers = np.sum(share < plain * (day.gain_micro / 1e6 / plain.sum()) - 0.011)
    assert losers > 0
    assert fairness_of(connection)["losers_against_unit_weights"] >= losers
    connection.close()


def test_ginis_are_told_from_the_seventh_settled_day(tmp_path: Path) -> None:
    week = [DAY + timedelta(days=number) for number in range(-6, 1)]
    connection = open_filled(tmp_path / "s.sqlite", *(intervals(day, change=sunny) for day in week))
    days = [settle(connection, day=day) for day in week]
    sixth, seventh = fairness_of(connection, week[5]), fairness_of(connection)
    assert (sixth["gini_energy_burden"], sixth["gini_renewable_access"]) == (None, None)
    paid = column(days, "bill_minor") + column(days, "peak_minor") * 7 / DAYS_OF_JUNE
    assert seventh["gini_energy_burden"] == pytest.approx(measure_gini(paid / incomes(7)))
    assert seventh["gini_renewable_access"] is not None
    connection.close()


def test_every_revision_keeps_its_figures_and_none_can_be_changed(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection)
    settle(connection, wish=FINAL)
    first, final = fairness_of(connection, revision=0), fairness_of(connection, revision=1)
    assert fairness_of(connection) == final
    assert first != final
    for change in ("DELETE FROM day_fairness", "UPDATE day_fairness SET figures = '{}'"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(change)
    assert read_day_fairness(select_from(connection), BEFORE) is None
    connection.close()


@pytest.mark.parametrize("bound, is_above", [(0.0, True), (1.0, False)])
def test_a_core_excess_above_the_by_laws_bound_is_flagged_and_told(
    tmp_path: Path,
    bound: float,
    is_above: bool,
) -> None:
    law = {"core_excess_bound_frac": bound, "solidarity_frac": 1.0, "support_cap_frac": 1.0}
    site = SITE.model_copy(update={"by_law": SITE.by_law.model_copy(update=law)})
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    day = settle(connection, site)
    figures = fairness_of(connection)
    assert figures["core_excess_frac"] == pytest.approx(day.core_excess_micro / day.gain_micro, abs=1e-4)
    assert figures["core_excess_frac"] > 0.0
    assert figures["is_core_excess_above_bound"] == float(is_above)
    told = [note for note in day.notes if note.startswith(CORE_NOTE)]
    assert len(told) == is_above
    assert all(member not in note for member in IDS for note in told)
    connection.close()


def test_a_day_without_a_gain_has_no_share_of_it(tmp_path: Path) -> None:
    def dark(_: int, interval: SettledInterval) -> SettledInterval:
        return replace(interval, metered=tuple(replace(row, export_wh=0, pv_wh=0) for row in interval.metered))

    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=dark))
    settle(connection)
    figures = fairness_of(connection)
    assert (figures["core_excess_frac"], figures["is_core_excess_above_bound"]) == (None, None)
    assert figures["equity_gini_benefit"] is None
    connection.close()


def test_the_point_tells_of_the_community_only(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection)
    start_utc = settlement_day(DAY, SITE.zone).start_utc
    (point,) = points_of_day_fairness(fairness_of(connection), 3, start_utc, context())
    assert decode(encode(point)) == point
    assert set(point.tags) == {"site", "span"}
    assert (point.tags["span"], point.fields["revision"], point.time_s) == ("day", 3, int(start_utc.timestamp()))
    worst = point.fields["worst_energy_burden"]
    assert isinstance(worst, float)
    assert worst == round(worst, 2)
    assert "gini_energy_burden" not in point.fields
    connection.close()


def test_the_energy_of_the_newest_revision_counts(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=sunny))
    span = settlement_day(DAY, SITE.zone)
    select = select_from(connection)
    before = read_renewable_wh(select, span.start_utc, span.end_utc)
    changed = replace(sunny(0, intervals(DAY)[0]), revision=1)
    more = replace(changed.allocations[1], grid_wh=9000, use_wh=9000)
    with transaction(connection):
        insert_settled(connection, replace(changed, allocations=(changed.allocations[0], more)))
    after = read_renewable_wh(select, span.start_utc, span.end_utc)
    member = more.member
    assert after[member][0] - before[member][0] == 9000 - changed.allocations[1].use_wh
    assert read_renewable_wh(select, span.end_utc, span.end_utc + timedelta(days=1)) == {}
    connection.close()


def test_solidarity_counts_the_peak_charge_that_is_on_the_bills(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY))
    before = settle(connection, day=BEFORE)
    billed = job_of(connection).terms.solidarity.billed_eur
    expected = column([before], "bill_minor") + column([before], "peak_minor") * 2 / DAYS_OF_JUNE
    assert billed == pytest.approx(expected)
    connection.close()


def test_a_reference_cost_of_the_by_law_takes_the_place_of_the_median(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY))
    law = SITE.by_law.model_copy(update={"reference_cost_eur_per_month": (30.0, 60.0)})
    site = SITE.model_copy(update={"by_law": law})
    one_day = job_of(connection, site).terms.solidarity.reference_eur
    assert one_day == pytest.approx([1.0 if member.persons == 1 else 2.0 for member in SITE.members])
    assert len(set(one_day.tolist())) == 2
    assert job_of(connection).terms.solidarity.reference_eur != pytest.approx(one_day)
    settle(connection, site, BEFORE)
    assert job_of(connection, site).terms.solidarity.reference_eur == pytest.approx(2.0 * one_day)
    connection.close()


def test_settled_bills_are_read_once_for_each_revision(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY))
    select = select_from(connection)
    assert read_settled_bills(select, BEFORE, {}) == ()
    day = settle(connection, day=BEFORE)
    (found,) = read_settled_bills(select, BEFORE, {})
    assert found.bill_eur == pytest.approx({one.member: one.bill_minor / 100 for one in day.members})
    assert found.peak_eur == pytest.approx({one.member: one.peak_minor / 100 for one in day.members})
    assert sum(found.share_eur.values()) == pytest.approx(found.gain_eur, abs=0.01)
    assert read_settled_bills(select, BEFORE, {BEFORE: 0}) == ()
    settle(connection, day=BEFORE, wish=FINAL)
    settle(connection)
    assert [(one.local_day, one.revision) for one in read_settled_bills(select, BEFORE, {BEFORE: 0})] == [
        (BEFORE, 1),
        (DAY, 0),
    ]
    assert [one.local_day for one in read_settled_bills(select, DAY, {})] == [DAY]
    connection.close()


def test_what_is_stored_names_no_member_and_no_income(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    posted = post(connection, job_of(connection))
    (text,) = connection.execute("SELECT figures FROM day_fairness").fetchone()
    assert posted.is_new
    assert not any(member in text for member in IDS)
    assert all(value is None or isinstance(value, float) for value in json.loads(text).values())
    connection.close()
