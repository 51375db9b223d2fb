"""A member's part of the peak charge in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from models.explanation.language import Language, mark
from models.explanation.peak import PeakSaving

SO_FAR = mark("Your part of the charge on the community's highest power in this billing period is {bill} so far.")
SAVED = mark(
    "For your own highest power alone it would have been {alone}. You save {saved}, "
    "because not all homes draw their highest power at the same time."
)
NOT_SAVED = mark(
    "For your own highest power alone it would have been {alone}, too: "
    "your home drew its highest power at the same time as the community."
)


def word_peak(saving: PeakSaving, currency: str, minor_per_unit: int, language: Language) -> str:
    """The sentences on one member's part of the peak charge."""
    return " ".join(_sentences(saving, currency, minor_per_unit, language))


def _sentences(saving: PeakSaving, currency: str, minor_per_unit: int, language: Language) -> Iterator[str]:
    def money(minor: int) -> str:
        return language.money(minor, currency, minor_per_unit)

    yield language.say(SO_FAR, bill=money(saving.bill_minor))
    if saving.saved_minor > 0:
        yield language.say(SAVED, alone=money(saving.alone_minor), saved=money(saving.saved_minor))
    elif saving.alone_minor == saving.bill_minor and saving.alone_minor:
        yield language.say(NOT_SAVED, alone=money(saving.alone_minor))
