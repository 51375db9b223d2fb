"""What is said of a settled day and of its corrections; every amount that changes is told."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from controller.apps.settlement_files import LINE_COLUMNS, list_lines
from controller.apps.settlement_words import describe_changes, describe_outcome
from controller.record.day_records import DaySettlement
from models.settlement.gain_split import GainOutcome
from tests.controller.record.settled_days import DAY, intervals, open_filled, settle


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> DaySettlement:
    path: Path = tmp_path_factory.mktemp("words") / "s.sqlite"
    connection = open_filled(path, intervals(DAY))
    settled = settle(connection)
    connection.close()
    return settled


def revised(day: DaySettlement, **by_member: dict[str, int]) -> DaySettlement:
    members = tuple(
        replace(one, **{line: getattr(one, line) + amount for line, amount in by_member.get(one.member, {}).items()})
        for one in day.members
    )
    return replace(day, revision=day.revision + 1, members=members, peak_minor=sum(one.peak_minor for one in members))


def test_a_change_of_the_peak_charge_alone_is_told_with_the_total(day: DaySettlement) -> None:
    after = revised(day, m03={"peak_minor": 605}, m01={"peak_minor": -40})
    told = describe_changes(day, after, "EUR")
    before = {one.member: one.bill_minor + one.peak_minor for one in day.members}
    assert not any("No member's figures changed" in sentence for sentence in told)
    assert any(sentence.startswith("What the day books for the month's peak charge went from") for sentence in told)
    (m03,) = (sentence for sentence in told if sentence.startswith("m03"))
    old, new = Decimal(before["m03"]) / 100, Decimal(before["m03"] + 605) / 100
    assert m03 == f"m03: what it pays for the day goes from {old:.2f} to {new:.2f} EUR (+6.05): peak charge +6.05."


def test_a_members_changes_add_up_to_the_change_of_what_it_pays(day: DaySettlement) -> None:
    lines = {"stand_alone_minor": 31, "wear_minor": 7, "share_minor": -9, "solidarity_minor": 4, "islanded_minor": 2}
    told = describe_changes(day, revised(day, m02=lines | {"peak_minor": 11}), "EUR")[-1]
    total, *parts = (Decimal(amount) for amount in re.findall(r"([+-]\d+\.\d\d)", told))
    assert len(parts) == 6
    assert total == sum(parts) == Decimal("0.42")


def test_a_revision_that_changes_nothing_says_so(day: DaySettlement) -> None:
    assert describe_changes(day, revised(day), "EUR")[-1] == "No member's figures changed."


def test_members_who_are_only_in_one_revision_are_told_with_all_they_pay(day: DaySettlement) -> None:
    fewer = replace(day, members=day.members[:-1])
    last = day.members[-1]
    told = describe_changes(fewer, replace(day, revision=1), "EUR")[-1]
    paid = Decimal(last.bill_minor + last.peak_minor) / 100
    assert told == f"{last.member}: what it pays for the day goes from none to {paid:.2f} EUR."


def test_a_loss_is_called_a_loss_and_what_is_carried_is_told(day: DaySettlement) -> None:
    members = tuple(replace(one, loss_after_micro=20_000) for one in day.members)
    lost = replace(day, outcome=GainOutcome.LOSS.value, gain_micro=-120_000, members=members)
    brought, carried = describe_outcome(lost, "EUR")
    assert brought.startswith("The day brought a loss of 0.12 EUR, not a gain")
    assert "split by what each drew and fed in" in brought
    assert carried.startswith("Losses of 0.12 EUR are carried: the next gains of the month give them back")


def test_a_gain_is_one_sentence_and_a_day_worth_nothing_is_not_called_a_gain(day: DaySettlement) -> None:
    (gained,) = describe_outcome(day, "EUR")
    assert gained.startswith(f"Cooperating gained {day.gain_micro / 1e6:.2f} EUR")
    (nothing,) = describe_outcome(replace(day, outcome=GainOutcome.NO_GAIN.value, gain_micro=0), "EUR")
    assert nothing.startswith("Cooperating was worth nothing on this day")


def test_the_lines_of_a_bill_add_up_to_what_the_member_pays(day: DaySettlement) -> None:
    for one in day.members:
        changed = replace(one, wear_minor=13, islanded_minor=-5, import_wh=np.zeros_like(one.import_wh))
        lines = list_lines(changed)
        assert len(lines) == len(LINE_COLUMNS)
        assert sum(lines) == changed.bill_minor + changed.peak_minor
