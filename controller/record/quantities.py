"""Exact integers for what is billed: seconds and milliseconds of time, watt-hours, micro-currency."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from models.domain.errors import StoreError

WH_PER_KWH = 1000
MICRO_PER_EUR = 1_000_000


def to_epoch_s(instant_utc: datetime) -> int:
    """Whole seconds since 1970 [s].

    Raises:
        StoreError: without a zone, or not on a whole second.
    """
    milliseconds = to_epoch_ms(instant_utc)
    if milliseconds % 1000 or instant_utc.microsecond:
        message = f"an interval must start on a whole second, found {instant_utc.isoformat()}"
        raise StoreError(message)
    return milliseconds // 1000


def to_epoch_ms(instant_utc: datetime) -> int:
    """Milliseconds since 1970 [ms], rounded down.

    Raises:
        StoreError: the instant has no zone.
    """
    if instant_utc.tzinfo is None:
        message = f"an instant needs a zone, found {instant_utc.isoformat()} without one"
        raise StoreError(message)
    since = instant_utc - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def from_epoch_s(seconds: int) -> datetime:
    """The aware UTC instant of whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def from_epoch_ms(milliseconds: int) -> datetime:
    """The aware UTC instant of milliseconds since 1970."""
    seconds, rest_ms = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=rest_ms * 1000)


def to_wh(energy_kwh: float) -> int:
    """Nearest whole watt-hour [Wh]; a tie goes to the even one."""
    return round(_finite(energy_kwh, "an energy") * WH_PER_KWH)


def to_micro(amount_eur: float) -> int:
    """Nearest millionth of the currency; a tie goes to the even one."""
    return round(_finite(amount_eur, "an amount") * MICRO_PER_EUR)


def to_eur(amount_micro: int) -> float:
    """Amount in the site's currency."""
    return amount_micro / MICRO_PER_EUR


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        message = f"{what} must be finite, found {value}"
        raise StoreError(message)
    return value
