from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.market_messages import channel_of, decode_market, encode_market
from devices.topics import MarketChannel
from devices.wire import Rejection
from models.domain.market import EventNotice, LimitNotice, MarketNotice, PriceNotice
from models.domain.telemetry import Drop
from tests.devices.example_site import START_UTC

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)
PRICES = st.floats(-1000.0, 1000.0)
EVENT_IDS = st.from_regex(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?", fullmatch=True)
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
        power_kw=draw(LIMITS_KW | st.just(-3.5)),
        event_id=draw(st.none() | EVENT_IDS),
        is_cancelled=draw(st.booleans()),
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


SHED = EventNotice(
    ts_utc=START_UTC,
    valid_from_utc=START_UTC,
    kind="shed",
    start_utc=START_UTC + timedelta(hours=1),
    end_utc=START_UTC + timedelta(hours=2),
    power_kw=3.5,
)


def event_payload(**changes: Any) -> bytes:
    """A good event on the wire with values changed; ``...`` takes a value away."""
    message = json.loads(encode_market(SHED))
    values = {name: value for name, value in {**message["values"], **changes}.items() if value is not ...}
    return json.dumps({**message, "values": values}).encode()


def decode_event(**changes: Any) -> object:
    return decode_market(event_payload(**changes), MarketChannel.EVENT)


def test_an_event_without_id_is_written_as_those_know_it_who_know_no_ids() -> None:
    assert set(json.loads(encode_market(SHED))["values"]) == {"kind", "start_utc", "end_utc", "power_w"}


def test_an_event_may_have_an_id_and_be_called_off() -> None:
    assert decode_event(event_id="dso-17") == replace(SHED, event_id="dso-17")
    assert decode_event(event_id="dso-17", is_cancelled=True) == replace(SHED, event_id="dso-17", is_cancelled=True)
    assert decode_event(event_id=None, is_cancelled=False, power_w=...) == replace(SHED, power_kw=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"event_id": ""},
        {"event_id": "Upper"},
        {"event_id": "-a"},
        {"event_id": "a" * 33},
        {"event_id": "a\n"},
        {"event_id": "a b"},
        {"event_id": 17},
        {"is_cancelled": 1},
        {"is_cancelled": "true"},
        {"is_cancelled": None},
        {"cancelled": True},
        {"power_w": "3500"},
        {"power_w": 1e9},
        {"kind": ...},
        {"end_utc": "2026-06-12T01:00:00Z"},
    ],
)
def test_an_event_that_breaks_a_rule_is_rejected_without_telling_what_it_said(changes: dict[str, Any]) -> None:
    rejection = decode_event(**changes)
    assert isinstance(rejection, Rejection)
    assert rejection.drop is Drop.SCHEMA
    assert not any(repr(value) in rejection.detail for value in changes.values())


def test_an_id_that_stands_there_twice_is_rejected() -> None:
    payload = event_payload(event_id="first").replace(b'"event_id"', b'"event_id": "zero", "event_id"')
    assert isinstance(decode_market(payload, MarketChannel.EVENT), Rejection)


@given(events(), events())
def test_two_notices_are_about_one_event_if_they_share_id_or_without_one_kind_and_start(
    one: EventNotice, other: EventNotice
) -> None:
    def named(notice: EventNotice) -> tuple[object, ...]:
        return (notice.event_id,) if notice.event_id is not None else (notice.kind, notice.start_utc)

    assert (one.identity == other.identity) == (named(one) == named(other))
    later = replace(one, ts_utc=other.ts_utc, end_utc=one.end_utc + timedelta(hours=1), power_kw=1.0, is_cancelled=True)
    assert later.identity == one.identity
