from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.market_messages import channel_of, decode_market, encode_market
from devices.topics import MarketChannel
from devices.wire import Rejection
from models.domain.market import EventNotice, LimitNotice, MarketNotice, PriceNotice
from tests.devices.example_site import START_UTC

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)
PRICES = st.floats(-10.0, 10.0)
LIMITS_KW = st.none() | st.integers(0, 2 * 10**10).map(lambda milliwatts: round(milliwatts / 10**6, 6))


@st.composite
def events(draw: st.DrawFn) -> EventNotice:
    start_utc = draw(MOMENTS)
    return EventNotice(
        ts_utc=draw(MOMENTS),
        valid_from_utc=draw(MOMENTS),
        kind=draw(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)),
        start_utc=start_utc,
        end_utc=start_utc + draw(st.timedeltas(timedelta(seconds=1), timedelta(hours=5))),
        power_kw=draw(LIMITS_KW),
    )


NOTICES = (
    st.builds(PriceNotice, ts_utc=MOMENTS, valid_from_utc=MOMENTS, import_eur_per_kwh=PRICES, export_eur_per_kwh=PRICES)
    | st.builds(LimitNotice, ts_utc=MOMENTS, valid_from_utc=MOMENTS, import_kw=LIMITS_KW, export_kw=LIMITS_KW)
    | events()
)


@given(NOTICES)
def test_a_notice_comes_back_as_it_was(notice: MarketNotice) -> None:
    assert decode_market(encode_market(notice), channel_of(notice)) == notice


@given(NOTICES, st.sampled_from(MarketChannel))
def test_a_notice_on_another_channel_is_rejected(notice: MarketNotice, channel: MarketChannel) -> None:
    back = decode_market(encode_market(notice), channel)
    assert isinstance(back, Rejection) == (channel is not channel_of(notice))


@given(st.binary(max_size=200), st.sampled_from(MarketChannel))
def test_any_bytes_are_rejected_without_an_exception(payload: bytes, channel: MarketChannel) -> None:
    assert isinstance(decode_market(payload, channel), Rejection)


def test_a_limit_is_lifted_by_null() -> None:
    notice = LimitNotice(ts_utc=START_UTC, valid_from_utc=START_UTC, import_kw=None, export_kw=3.0)
    payload = encode_market(notice)
    assert b'"values":{"import_w":null,"export_w":3000.0}' in payload


def test_a_notice_with_nan_is_never_written() -> None:
    nan = float("nan")
    notice = PriceNotice(ts_utc=START_UTC, valid_from_utc=START_UTC, import_eur_per_kwh=nan, export_eur_per_kwh=0.1)
    with pytest.raises(ValueError, match=r"JSON|float"):
        encode_market(notice)
