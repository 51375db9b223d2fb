"""What a new revision of a day changed, in words."""

from __future__ import annotations

from controller.apps.settlement_files import format_money
from controller.record.day_records import DaySettlement, MemberDay
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
}
"""Line of the bill, and the sign with which it enters it."""


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
    names = [one.member for one in after.members]
    if names != [one.member for one in before.members]:
        return [*sentences, *_bills_only(before, after, currency)]
    changes = list_changes(names, (before.energy, before.bills), (after.energy, after.bills))
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
    bill = lines.get("bill_minor")
    if bill is None:
        text = f"{member}: the bill stays the same"
    else:
        text = (
            f"{member}: the bill goes from {format_money(bill.before, unit)} to {format_money(bill.after, unit)} "
            f"{currency} ({_signed(bill.difference, unit)})"
        )
    return f"{text}{': ' + ', '.join(parts) if parts else ''}{'; ' + ', '.join(energy) if energy else ''}."


def _bills_only(before: DaySettlement, after: DaySettlement, currency: str) -> list[str]:
    unit = after.minor_per_unit
    old = {one.member: one for one in before.members}
    new = {one.member: one for one in after.members}
    return [
        f"{member}: the bill goes from {_bill(old.get(member), unit)} to {_bill(new.get(member), unit)} {currency}."
        for member in sorted(old | new)
        if _bill(old.get(member), unit) != _bill(new.get(member), unit)
    ]


def _bill(one: MemberDay | None, unit: int) -> str:
    return "none" if one is None else format_money(one.bill_minor, unit)


def _signed(amount_minor: int, unit: int) -> str:
    return ("+" if amount_minor > 0 else "") + format_money(amount_minor, unit)
