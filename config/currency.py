"""What a kilowatt-hour can cost in a currency (the bound that tells cents from whole units), and how it is billed."""

from __future__ import annotations

_STRONG_BOUND_PER_KWH = 5.0
"""Above the harmonised limit of European wholesale prices (4 EUR/kWh); any price in cents above 5 is found."""

_OTHER_BOUND_PER_KWH = 1000.0
"""A kilowatt-hour costs about 30 yen or 70 forint; nothing finer can be said of all currencies."""

_STRONG = ("AUD", "BGN", "CAD", "CHF", "EUR", "GBP", "NZD", "SGD", "USD")


def price_bound_per_kwh(currency: str) -> float:
    """Largest believable energy price, in either sign [currency/kWh].

    Args:
        currency: ISO 4217 code.
    """
    return _STRONG_BOUND_PER_KWH if currency in _STRONG else _OTHER_BOUND_PER_KWH


_WITHOUT_CENTS = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
)
_IN_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")


def minor_per_unit(currency: str) -> int:
    """Smallest amounts that bills are made in, to one unit of the currency: 100 cents to a euro (ISO 4217).

    Args:
        currency: ISO 4217 code.
    """
    if currency in _WITHOUT_CENTS:
        return 1
    return 1000 if currency in _IN_THOUSANDTHS else 100
