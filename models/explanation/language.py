"""One language: its catalogue of sentences, and how it writes money, energy, power, dates and times.

Sentences are marked where they stand in the code (``mark``) and translated in ``locale/``; a catalogue comes in from
outside, as reading files is not for models. Numbers, money and dates are Babel's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_decimal_symbol

LANGUAGES = ("en", "de", "fr", "es", "it")
UNBROKEN = "\u00a0"
"""Keeps a number and its unit on one line."""
NARROW = "\u202f"
"""Before a French semicolon."""
LEAST_POWER_KW = 0.05
"""Powers below this are written as they are, with two digits [kW]."""


class Catalogue(Protocol):
    """Translations of a language; those of the standard library's gettext will do."""

    def gettext(self, message: str, /) -> str:
        """The message in the catalogue's language."""


def mark(message: str) -> str:
    """Mark a message for the catalogues; it is translated where it is said."""
    return message


@dataclass(frozen=True, slots=True)
class Language:
    """A language with its catalogue."""

    code: str
    """One of ``LANGUAGES``."""
    catalogue: Catalogue
    locale: Locale
    decimal_symbol: str

    @classmethod
    def of(cls, code: str, catalogue: Catalogue) -> Language:
        """The language of a code."""
        locale = Locale.parse(code)
        return cls(code, catalogue, locale, get_decimal_symbol(locale))

    def say(self, message: str, **values: str) -> str:
        """A marked message in this language, with its places filled in."""
        return self.catalogue.gettext(message).format(**values)

    def money(self, minor: int, currency: str, minor_per_unit: int = 100) -> str:
        """An amount in whole minor units."""
        return format_currency(Decimal(minor) / minor_per_unit, currency, locale=self.locale)

    def change(self, minor: int, currency: str, minor_per_unit: int = 100) -> str:
        """An amount with its sign."""
        return ("+" if minor > 0 else "") + self.money(minor, currency, minor_per_unit)

    def amount(self, value: float, currency: str) -> str:
        """An amount as it is stored: whole minor units as a number [currency]."""
        return format_currency(Decimal(repr(value)), currency, locale=self.locale)

    def price_per_kwh(self, value: float, currency: str) -> str:
        """An energy price [currency/kWh], to a tenth of a cent."""
        pattern = self.locale.currency_formats["standard"].pattern.replace("0.00", "0.000")
        return format_currency(value, currency, format=pattern, locale=self.locale, currency_digits=False)

    def energy(self, wh: int) -> str:
        """Whole watt-hours, written in kWh to the watt-hour."""
        return format_decimal(Decimal(wh) / 1000, "#,##0.000", locale=self.locale) + UNBROKEN + "kWh"

    def power(self, kw: float) -> str:
        """A power's size; direct, as there are hundreds in a cycle."""
        size_kw = abs(kw)
        digits = 1 if size_kw >= LEAST_POWER_KW else 2
        return f"{size_kw:.{digits}f}".replace(".", self.decimal_symbol) + UNBROKEN + "kW"

    def weight(self, value: float) -> str:
        """A weight, to two digits."""
        return format_decimal(value, "0.00", locale=self.locale)

    def weight_change(self, value: float) -> str:
        """A part of a change of a weight, to two digits, with its sign."""
        return format_decimal(value, "+0.00;-0.00", locale=self.locale)

    def enumerate(self, items: Sequence[str]) -> str:
        """Short items in a row, as in ``a, b and c``."""
        return format_list(items, locale=self.locale)

    def line_up(self, items: Sequence[str]) -> str:
        """Longer items in a row, which may have commas of their own: ``a; b; c``."""
        return f"{NARROW if self.code == 'fr' else ''}; ".join(items)

    def day(self, day: date) -> str:
        """A date in words."""
        return format_date(day, "long", locale=self.locale)

    def clock_time(self, moment_utc: datetime, zone: ZoneInfo) -> str:
        """A time of day in a zone."""
        return format_time(moment_utc.astimezone(zone), "short", locale=self.locale)
