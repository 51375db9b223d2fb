from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from config.tariff import FlatPrice, SeriesPrice
from controller.record.records import SettledInterval
from controller.record.settlement_job import compute_day
from models.domain.errors import SettlementError
from models.domain.price_series import parse_price_series
from models.domain.snapshot import MeterQuality
from models.domain.tariff import PriceBook
from tests.controller.record.settled_days import (
    DAY,
    FINAL,
    SITE,
    Change,
    battery_row,
    bills_of,
    intervals,
    job_of,
    open_filled,
    settle,
    silence,
)

BEFORE = DAY - timedelta(days=1)
M02 = SITE.members[1].id
M03 = SITE.members[2].id
BATTERY_OWNER = next(member.id for member in SITE.members if member.batteries)


@pytest.mark.parametrize("day, count", [(date(2026, 3, 29), 92), (date(2026, 6, 12), 96), (date(2026, 10, 25), 100)])
def test_days_of_92_96_and_100_quarter_hours_are_settled(tmp_path: Path, day: date, count: int) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(day))
    settled = settle(connection, day=day)
    assert len(settled.starts_utc) == count
    assert sum(bills_of(settled).values()) == settled.utility_minor
    connection.close()


def test_a_member_who_joins_at_noon_counts_from_then_on(tmp_path: Path) -> None:
    names = [member.id for member in SITE.members]

    def joined(k: int, interval: SettledInterval) -> SettledInterval:
        if k >= 48:
            return interval
        kept = tuple(row for row in interval.metered if row.member != M03)
        return replace(
            interval, metered=kept, allocations=tuple(row for row in interval.allocations if row.member != M03)
        )

    connection = open_filled(
        tmp_path / "s.sqlite",
        intervals(BEFORE, members=[name for name in names if name != M03]),
        intervals(DAY, change=joined),
    )
    job = job_of(connection, wish=FINAL)
    place = job.members.index(M03)
    assert job.day.is_fixed is not None
    assert job.day.is_fixed[place, :48].all()
    assert not job.day.import_wh[place, :48].any()
    assert not job.is_estimated.any()
    assert f"{M03} was in the community in 48 of 96 intervals" in job.notes
    computed = compute_day(job)
    assert int(computed.settled.bills.bill_minor.sum()) == computed.settled.bills.utility_minor
    connection.close()


def test_a_member_who_left_the_site_file_is_settled_for_the_time_it_was_in(tmp_path: Path) -> None:
    site = SITE.model_copy(update={"members": tuple(member for member in SITE.members if member.id != M03)})
    gateways = tuple(
        gateway for gateway in SITE.gateways if not any(device.member == M03 for device in gateway.devices)
    )
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settled = settle(connection, site.model_copy(update={"gateways": gateways}))
    assert M03 in bills_of(settled)
    assert any(note.startswith(f"{M03} is not in the site file any more") for note in settled.notes)
    assert sum(bills_of(settled).values()) == settled.utility_minor
    connection.close()


def test_a_silent_meter_is_estimated_from_earlier_days_flagged_and_noted(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY, change=silence(M02, 10, 11)))
    settled = settle(connection)
    one = next(one for one in settled.members if one.member == M02)
    assert np.flatnonzero(one.is_estimated).tolist() == [10, 11]
    assert one.import_wh[10] == 110
    assert settled.estimated == 2
    words = "2 of 96 intervals without a meter value were estimated from the same intervals of earlier days"
    assert settled.notes[0] == f"{M02}: {words}"
    connection.close()


def test_without_earlier_days_the_rest_of_the_day_tells_what_is_usual(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=silence(M02, 10)))
    settled = settle(connection)
    assert "the rest of the day" in settled.notes[0]
    connection.close()


def test_a_member_whose_meter_never_spoke_refuses_the_day_by_name(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=silence(M02, *range(96))))
    with pytest.raises(SettlementError, match=f"{M02}, interval 0: no meter value"):
        job_of(connection)
    connection.close()


def test_intervals_without_a_record_are_estimated_at_the_tariffs_prices(tmp_path: Path) -> None:
    connection = open_filled(
        tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY, change=lambda k, one: None if 4 <= k < 8 else one)
    )
    book = PriceBook(tariff=SITE.tariff, zone=SITE.zone)
    job = job_of(connection, prices=lambda: book)
    assert job.is_estimated[:, 4:8].all()
    assert job.is_estimated.sum() == 4 * len(SITE.members)
    # At 1 o'clock the time-of-use tariff of the site asks 0.24.
    assert job.price_lines["import_micro_per_kwh"][4] == 240_000
    assert any(note.startswith("4 of 96 intervals were not recorded") for note in job.notes)
    connection.close()


def test_a_price_series_that_ends_too_early_refuses_the_day_and_says_where(tmp_path: Path) -> None:
    connection = open_filled(
        tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY, change=lambda k, one: None if k >= 90 else one)
    )
    text = "start,price\n2026-06-12T18:00:00Z,0.3\n2026-06-12T19:00:00Z,0.3\n"
    series = parse_price_series(
        text, name="day-ahead.csv", time_column="start", price_column="price", bound_eur_per_kwh=5.0, stamps="utc",
        zone=SITE.zone,
    )  # fmt: skip
    tariff = SITE.tariff.model_copy(
        update={
            "import_price": SeriesPrice(kind="series", file=Path("x"), time_column="start", price_column="price"),
            "export_price": FlatPrice(price_eur_per_kwh=0.08),
        }
    )
    book = PriceBook(tariff=tariff, zone=SITE.zone, import_series=series)
    with pytest.raises(
        SettlementError,
        match=r"2026-06-12 cannot be settled: day-ahead.csv, column .price.: no price for 2026-06-12T20",
    ):
        job_of(connection, prices=lambda: book)
    connection.close()


def test_a_day_on_which_nothing_was_metered_is_refused(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE))
    with pytest.raises(SettlementError, match="2026-06-12: nothing was metered"):
        job_of(connection)
    connection.close()


def test_intervals_of_another_length_are_refused(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    with pytest.raises(SettlementError, match=r"is 15 min\s+long, the site's are 30 min"):
        job_of(connection, SITE.model_copy(update={"interval_min": 30}))
    connection.close()


def test_a_battery_starts_from_what_was_stored_at_midnight(tmp_path: Path) -> None:
    def stored(wh: int | None) -> Change:
        return lambda _k, interval: replace(interval, devices=(battery_row(BATTERY_OWNER, soc_wh=wh, charge_wh=20),))

    path = tmp_path / "s.sqlite"
    connection = open_filled(path, intervals(BEFORE, change=stored(3_000)), intervals(DAY, change=stored(5_000)))
    assert job_of(connection).day.batteries[0].soc_start_kwh == pytest.approx(3.0)
    connection.close()
    # Without the evening before, the first state of the day less what was charged until then.
    alone = open_filled(tmp_path / "t.sqlite", intervals(DAY, change=stored(5_000)))
    efficiency = (
        next(member for member in SITE.members if member.id == BATTERY_OWNER).batteries[0].charge_efficiency_frac
    )
    assert job_of(alone).day.batteries[0].soc_start_kwh == pytest.approx(5.0 - 0.02 * efficiency)
    alone.close()
    # Without any state, the least that the day's flows need.
    unknown = open_filled(tmp_path / "u.sqlite", intervals(DAY, change=stored(None)))
    battery = job_of(unknown).day.batteries[0]
    assert battery.soc_start_kwh == pytest.approx(battery.soc_min_kwh)
    unknown.close()


def test_the_same_data_give_the_same_digest_and_another_value_another(tmp_path: Path) -> None:
    one = open_filled(tmp_path / "a.sqlite", intervals(DAY))
    same = open_filled(tmp_path / "b.sqlite", intervals(DAY))

    def more(k: int, interval: SettledInterval) -> SettledInterval:
        first = replace(interval.metered[0], import_wh=(interval.metered[0].import_wh or 0) + (k == 7))
        return replace(interval, metered=(first, *interval.metered[1:]))

    other = open_filled(tmp_path / "c.sqlite", intervals(DAY, change=more))
    assert job_of(one).digest == job_of(same).digest
    assert job_of(one).digest != job_of(other).digest
    assert job_of(one).digest != job_of(one, wish=FINAL).digest
    for connection in (one, same, other):
        connection.close()


def test_income_pro_rates_over_the_settled_days_of_the_period(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY))
    alone = job_of(connection).terms.solidarity.income_eur
    settle(connection, day=BEFORE)
    both = job_of(connection).terms.solidarity.income_eur
    known = ~np.isnan(alone)
    assert known.any()
    assert both[known] == pytest.approx(2.0 * alone[known])
    connection.close()


def test_all_quality_of_the_stored_rows_is_untouched_by_a_settlement(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY, change=silence(M02, 3)))
    settle(connection)
    missing = connection.execute("SELECT count(*) FROM metered WHERE quality = ?", (MeterQuality.MISSING.value,))
    assert missing.fetchone() == (1,)
    connection.close()
