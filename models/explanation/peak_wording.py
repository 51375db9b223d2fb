"""A member's part of the peak charge in sentences, and what it leaves to pay for the day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.explanation.language import Language, mark
from models.explanation.peak import PeakSaving

SO_FAR = mark("Your part of the charge on the community's highest power is {bill} so far in this billing period.")
PAID_SO_FAR = mark(
    "The charge on the community's highest power costs you nothing so far in this billing period: it brings you {paid}."
)
LOWERS_IT = mark("On the whole, your home makes that power lower: it gives energy when other homes draw most.")
ALONE = mark("For your own highest power alone, the charge would have been {alone}.")
CHANGED_BY = mark("To that come: {parts}. That makes {bill}.")
BY_TIMES = mark("{amount} because not all homes draw their highest power at the same time")
BY_WEIGHTING = mark("{amount} through the agreed weights")
BY_ROUNDING = mark("{amount} through rounding")
NOT_SAVED = mark(
    "For your own highest power alone, it would have been {alone}, too: "
    "your home drew its highest power at the same time as the community."
)
BOOKED = mark("Earlier days of the period have booked {earlier} of it, so this day books {today}.")
TO_PAY = mark(
    "Your bill for this day has {energy} for energy and {peak} for the highest power: you pay {total} in all."
)
TO_RECEIVE = mark(
    "Your bill for this day has {energy} for energy and {peak} for the highest power: you receive {total} in all."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBill:
    """What stands on a member's bill for one day; positive = the member pays [minor units]."""

    energy_minor: int
    peak_minor: int
    """What the day books for the peak charge."""

    @property
    def total_minor(self) -> int:
        """Both together."""
        return self.energy_minor + self.peak_minor


def word_peak(
    saving: PeakSaving, currency: str, minor_per_unit: int, language: Language, day: DayBill | None = None
) -> str:
    """The sentences on one member's part of the peak charge, and on the day's bill where that is given."""

    def money(minor: int) -> str:
        return language.money(minor, currency, minor_per_unit)

    def change(minor: int) -> str:
        return language.change(minor, currency, minor_per_unit)

    said = [*_word_part(saving, money, language), *_word_savings(saving, money, change, language)]
    return " ".join([*said, *(() if day is None else _word_day(saving, day, money, language))])


def _word_part(saving: PeakSaving, money: Callable[[int], str], language: Language) -> Iterator[str]:
    if saving.bill_minor >= 0:
        yield language.say(SO_FAR, bill=money(saving.bill_minor))
        return
    yield language.say(PAID_SO_FAR, paid=money(-saving.bill_minor))
    if saving.plain_minor > saving.alone_minor:
        yield language.say(LOWERS_IT)


def _word_savings(
    saving: PeakSaving, money: Callable[[int], str], change: Callable[[int], str], language: Language
) -> Iterator[str]:
    steps = (
        (BY_TIMES, -saving.plain_minor),
        (BY_WEIGHTING, -saving.weighting_minor),
        (BY_ROUNDING, -saving.rounding_minor),
    )
    parts = [language.say(sentence, amount=change(minor)) for sentence, minor in steps if minor]
    if parts:
        yield language.say(ALONE, alone=money(saving.alone_minor))
        yield language.say(CHANGED_BY, parts=language.line_up(parts), bill=money(saving.bill_minor))
    elif saving.alone_minor:
        yield language.say(NOT_SAVED, alone=money(saving.alone_minor))


def _word_day(saving: PeakSaving, day: DayBill, money: Callable[[int], str], language: Language) -> Iterator[str]:
    earlier_minor = saving.bill_minor - day.peak_minor
    if earlier_minor:
        yield language.say(BOOKED, earlier=money(earlier_minor), today=money(day.peak_minor))
    yield language.say(
        TO_PAY if day.total_minor >= 0 else TO_RECEIVE,
        energy=money(day.energy_minor),
        peak=money(day.peak_minor),
        total=money(abs(day.total_minor)),
    )
