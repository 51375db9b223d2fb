from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.record.records import SettledInterval
from tests.controller.record.settled_days import (
    DAY,
    FINAL,
    SITE,
    battery_row,
    bills_of,
    intervals,
    open_filled,
    settle,
    total,
    without_peak,
)

BEFORE = DAY - timedelta(days=1)
M02 = SITE.members[1].id
M03 = SITE.members[2].id
BATTERY_OWNER = next(member.id for member in SITE.members if member.batteries)


def as_islanded(k: int, interval: SettledInterval) -> SettledInterval:
    is_away = 40 <= k < 48
    return replace(interval, prices=replace(interval.prices, is_islanded=is_away))


def test_a_gain_is_shared_out_and_the_bills_add_up_to_the_tariff(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settled = settle(connection, wish=FINAL)
    assert settled.outcome == "gain"
    assert settled.gain_micro > 0
    assert total(settled, "share_minor") == pytest.approx(settled.gain_micro / 10_000, abs=2)
    assert sum(bills_of(settled).values()) == settled.utility_minor
    assert total(settled, "solidarity_minor") == 0
    connection.close()


def test_a_day_without_sharing_has_no_gain_and_everyone_pays_its_own(tmp_path: Path) -> None:
    def dear(_k: int, interval: SettledInterval) -> SettledInterval:
        return replace(interval, prices=replace(interval.prices, export_micro_per_kwh=320_000))

    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=dear))
    settled = settle(connection)
    assert settled.outcome == "no_gain"
    assert settled.gain_micro == 0
    assert not any(one.received_wh.any() for one in settled.members)
    assert all(one.bill_minor == one.stand_alone_minor for one in settled.members)
    connection.close()


def test_a_loss_is_flagged_and_given_back_by_the_next_gain_of_the_period(tmp_path: Path) -> None:
    """A dispatch dearer than everyone alone: prices so close that sharing is worth little, and a battery ill used."""

    def lossy(k: int, interval: SettledInterval) -> SettledInterval:
        prices = replace(
            interval.prices,
            network_fee_micro_per_kwh=0,
            export_micro_per_kwh=319_000,
            import_micro_per_kwh=900_000 if k < 20 else 320_000,
        )
        metered = tuple(
            replace(row, import_wh=(row.import_wh or 0) + 80, charge_wh=80)
            if row.member == BATTERY_OWNER and k < 20
            else row
            for row in interval.metered
        )
        charged = 80 if k < 20 else 0
        return replace(
            interval,
            prices=prices,
            metered=metered,
            devices=(battery_row(BATTERY_OWNER, soc_wh=None, charge_wh=charged),),
        )

    site = without_peak()
    connection = open_filled(tmp_path / "s.sqlite", intervals(BEFORE, change=lossy), intervals(DAY))
    first = settle(connection, site, BEFORE, wish=FINAL)
    assert first.outcome == "loss"
    carried = total(first, "loss_after_micro")
    assert carried == pytest.approx(-first.gain_micro, abs=10)
    second = settle(connection, site, DAY, wish=FINAL)
    assert second.gain_micro > carried
    assert total(second, "loss_after_micro") == 0
    for day in (first, second):
        assert sum(bills_of(day).values()) == day.utility_minor
    connection.close()


def test_energy_shared_while_the_grid_is_away_is_paid_at_the_islanded_price(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=as_islanded))
    settled = settle(connection)
    away = np.array(settled.price_lines["is_islanded"], dtype=bool)
    assert int(away.sum()) == 8
    assert any(one.islanded_minor for one in settled.members)
    assert total(settled, "islanded_minor") == 0
    assert sum(bills_of(settled).values()) == settled.utility_minor
    connection.close()


def test_the_peak_charge_accrues_and_is_booked_once(tmp_path: Path) -> None:
    def double(_k: int, interval: SettledInterval) -> SettledInterval:
        rows = tuple(replace(row, import_wh=2 * (row.import_wh or 0)) for row in interval.metered)
        return replace(interval, metered=rows)

    connection = open_filled(
        tmp_path / "s.sqlite", intervals(BEFORE), intervals(DAY), intervals(DAY + timedelta(days=1), change=double)
    )
    days = [settle(connection, day=BEFORE + timedelta(days=k)) for k in range(3)]
    charge = SITE.tariff.peak_charge_eur_per_kw
    night_kw = sum(100 + 10 * k for k in range(6)) * 4 / 1000
    assert days[0].peak_minor == pytest.approx(100 * charge * night_kw, abs=1)
    assert days[1].peak_minor == 0
    assert sum(day.peak_minor for day in days) == pytest.approx(100 * charge * 2 * night_kw, abs=1)
    connection.close()
