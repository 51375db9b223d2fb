"""What a settled day came to, and what a new revision of it changed, in words."""

from __future__ import annotations

import numpy as np

from controller.apps.settlement_files import format_money
from controller.record.day_records import DaySettlement, MemberDay
from controller.record.quantities import MICRO_PER_EUR
from models.settlement.arrays import IntArray
from models.settlement.gain_split import GainOutcome
from models.settlement.revisions import Change, list_changes

ENERGY_WORDS = {
    "import_wh": "drawn",
    "export_wh": "fed in",
    "received_wh": "from the community",
    "supplied_wh": "to the community",
}
MONEY_WORDS = {
    "stand_alone_minor": ("stand-alone cost", 1),
    "wear_minor": ("battery wear", -1),
    "share_minor": ("share of the gain", -1),
    "solidarity_minor": ("solidarity", -1),
    "islanded_minor": ("energy while the grid was away", 1),
    "peak_minor": ("peak charge", 1),
}
"""Line of the bill, and the sign with which it enters the total."""


def describe_changes(before: DaySettlement, after: DaySettlement, currency: str) -> list[str]:
    """Sentences, first on the day and then one for each member whose figures changed."""
    replaced = (
        f"{after.local_day}, revision {after.revision} ({after.stage.value}, {after.game.value} game) replaces "
        f"revision {before.revision} ({before.stage.value}, {before.game.value} game)."
    )
    sentences = [replaced]
    unit = after.minor_per_unit
    if before.utility_minor != after.utility_minor:
        old, new = format_money(before.utility_minor, unit), format_money(after.utility_minor, unit)
        sentences.append(f"The utility's tariff on the community's flows went from {old} to {new} {currency}.")
    if before.estimated != after.estimated:
        sentences.append(f"Estimated meter values went from {before.estimated} to {after.estimated}.")
    if before.peak_minor != after.peak_minor:
        old, new = format_money(before.peak_minor, unit), format_money(after.peak_minor, unit)
        sentences.append(f"What the day books for the month's peak charge went from {old} to {new} {currency}.")
    names = [one.member for one in after.members]
    if names != [one.member for one in before.members]:
        return [*sentences, *_totals_only(before, after, currency)]
    changes = list_changes(
        names, (before.energy, before.bills), (after.energy, after.bills), (_peaks(before), _peaks(after))
    )
    by_member: dict[str, dict[str, Change]] = {}
    for change in changes:
        by_member.setdefault(change.member, {})[change.line] = change
    told = [_describe(member, lines, unit, currency) for member, lines in by_member.items()]
    return [*sentences, *(told or ["No member's figures changed."])]


def _describe(member: str, lines: dict[str, Change], unit: int, currency: str) -> str:
    energy = [
        f"{words} {lines[line].before / 1000:.3f} to {lines[line].after / 1000:.3f} kWh"
        for line, words in ENERGY_WORDS.items()
        if line in lines
    ]
    parts = [
        f"{words} {_signed(sign * lines[line].difference, unit)}"
        for line, (words, sign) in MONEY_WORDS.items()
        if line in lines
    ]
    total = lines.get("total_minor")
    if total is None:
        text = f"{member}: what it pays for the day stays the same"
    else:
        text = (
            f"{member}: what it pays for the day goes from {format_money(total.before, unit)} to "
            f"{format_money(total.after, unit)} {currency} ({_signed(total.difference, unit)})"
        )
    return f"{text}{': ' + ', '.join(parts) if parts else ''}{'; ' + ', '.join(energy) if energy else ''}."


def _totals_only(before: DaySettlement, after: DaySettlement, currency: str) -> list[str]:
    unit = after.minor_per_unit
    old = {one.member: one for one in before.members}
    new = {one.member: one for one in after.members}
    return [
        f"{member}: what it pays for the day goes from {_total(old.get(member), unit)} to "
        f"{_total(new.get(member), unit)} {currency}."
        for member in sorted(old | new)
        if _total(old.get(member), unit) != _total(new.get(member), unit)
    ]


def describe_outcome(day: DaySettlement, currency: str) -> list[str]:
    """Sentences on what cooperating brought, or cost, and on what later gains still have to give back."""
    unit = day.minor_per_unit
    gain = format_money(round(abs(day.gain_micro) * unit / MICRO_PER_EUR), unit)
    how = f"({day.game.value} game, {day.method}, {day.coalitions} coalitions)"
    if day.outcome == GainOutcome.LOSS:
        brought = (
            f"The day brought a loss of {gain} {currency}, not a gain {how}: together the members paid more than "
            "they would have paid alone. It is split by what each drew and fed in."
        )
    elif day.outcome == GainOutcome.NO_GAIN:
        brought = (
            f"Cooperating was worth nothing on this day {how}; what it came to, {gain} {currency}, is split by what "
            "each drew and fed in."
        )
    else:
        brought = f"Cooperating gained {gain} {currency} {how}."
    sentences = [brought]
    carried = round(sum(one.loss_after_micro for one in day.members) * unit / MICRO_PER_EUR)
    if carried:
        sentences.append(
            f"Losses of {format_money(carried, unit)} {currency} are carried: the next gains of the month give them "
            "back before anything else is split."
        )
    return sentences


def _peaks(day: DaySettlement) -> IntArray:
    return np.array([one.peak_minor for one in day.members], dtype=np.int64)


def _total(one: MemberDay | None, unit: int) -> str:
    return "none" if one is None else format_money(one.bill_minor + one.peak_minor, unit)


def _signed(amount_minor: int, unit: int) -> str:
    return ("+" if amount_minor > 0 else "") + format_money(amount_minor, unit)
