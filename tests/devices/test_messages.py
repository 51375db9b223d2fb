from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.messages import (
    decode_acknowledgement,
    decode_setpoint,
    decode_telemetry,
    encode_acknowledgement,
    encode_setpoint,
    encode_telemetry,
)
from devices.wire import LARGEST_PAYLOAD_BYTES, Rejection
from models.domain.setpoint import Acknowledgement, Reason, Setpoint
from models.domain.telemetry import Drop, Reading
from tests.devices.example_site import BATTERY, START_UTC

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)
COUNTS = st.integers(0, 2**53)
POWERS_KW = st.integers(-(2 * 10**10), 2 * 10**10).map(lambda milliwatts: round(milliwatts / 10**6, 6))
ENERGIES_KWH = st.integers(0, 2 * 10**11).map(lambda milliwatt_hours: round(milliwatt_hours / 10**6, 6))
COUNTERS_KWH = st.integers(0, 10**15).map(lambda milliwatt_hours: round(milliwatt_hours / 10**6, 6))
FRACTIONS = st.integers(0, 10**6).map(lambda parts: round(parts / 10**6, 6))
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
READINGS = st.builds(
    Reading,
    device=st.just(BATTERY),
    ts_utc=MOMENTS,
    seq=COUNTS,
    power_kw=POWERS_KW,
    import_kwh_total=st.none() | COUNTERS_KWH,
    export_kwh_total=st.none() | COUNTERS_KWH,
    soc_frac=st.none() | FRACTIONS,
    available_kw=st.none() | POWERS_KW.map(abs),
    is_plugged=st.none() | st.booleans(),
    energy_needed_kwh=st.none() | ENERGIES_KWH,
    departure_utc=st.none() | MOMENTS,
    is_requested=st.none() | st.booleans(),
    is_running=st.none() | st.booleans(),
    remaining_s=st.none() | st.floats(0.0, 604_800.0),
    latest_end_utc=st.none() | MOMENTS,
)


@st.composite
def setpoints(draw: st.DrawFn) -> Setpoint:
    not_before_utc = draw(MOMENTS)
    return Setpoint(
        setpoint_id=draw(IDS),
        device=BATTERY,
        epoch=draw(COUNTS),
        seq=draw(COUNTS),
        power_kw=draw(POWERS_KW),
        not_before_utc=not_before_utc,
        expires_utc=not_before_utc + draw(st.timedeltas(timedelta(microseconds=1), timedelta(days=1))),
        reason=draw(st.sampled_from(Reason)),
    )


@st.composite
def acknowledgements(draw: st.DrawFn) -> Acknowledgement:
    is_accepted = draw(st.booleans())
    words = st.text(min_size=1, max_size=200).filter(str.isprintable)
    return Acknowledgement(
        device=BATTERY,
        setpoint_id=draw(IDS),
        epoch=draw(COUNTS),
        seq=draw(COUNTS),
        is_accepted=is_accepted,
        applied_kw=draw(POWERS_KW) if is_accepted else None,
        refusal=None if is_accepted else draw(words),
        ts_utc=draw(MOMENTS),
    )


@given(READINGS)
def test_a_reading_of_whole_milliwatts_comes_back_as_it_was(reading: Reading) -> None:
    assert decode_telemetry(encode_telemetry(reading), BATTERY) == reading


@given(setpoints())
def test_a_setpoint_comes_back_as_it_was(setpoint: Setpoint) -> None:
    assert decode_setpoint(encode_setpoint(setpoint), BATTERY) == setpoint


@given(acknowledgements())
def test_an_acknowledgement_comes_back_as_it_was(acknowledgement: Acknowledgement) -> None:
    payload = encode_acknowledgement(acknowledgement)
    assert len(payload) <= LARGEST_PAYLOAD_BYTES
    assert decode_acknowledgement(payload, BATTERY) == acknowledgement


@given(st.floats(-2e4, 2e4), st.floats(0.0, 1e9), st.floats(0.0, 1.0))
def test_any_reading_comes_back_to_the_wires_resolution(power_kw: float, counter_kwh: float, soc_frac: float) -> None:
    reading = Reading(
        device=BATTERY, ts_utc=START_UTC, seq=1, power_kw=power_kw, import_kwh_total=counter_kwh, soc_frac=soc_frac
    )
    back = decode_telemetry(encode_telemetry(reading), BATTERY)
    assert isinstance(back, Reading)
    assert back.power_kw == pytest.approx(power_kw, abs=0.51e-6)
    assert back.import_kwh_total == pytest.approx(counter_kwh, abs=1e-6)
    assert back.soc_frac == pytest.approx(soc_frac, abs=0.51e-6)


def test_the_wire_speaks_watts_watt_hours_and_percent() -> None:
    reading = Reading(device=BATTERY, ts_utc=START_UTC, seq=7, power_kw=1.25, import_kwh_total=0.0001, soc_frac=0.5)
    assert encode_telemetry(reading) == (
        b'{"schema":1,"ts_utc":"2026-06-12T00:00:00Z","seq":7,"power_w":1250.0,"import_wh_total":0.1,"soc_pct":50.0}'
    )


def test_a_stamp_with_another_offset_is_taken_as_the_same_moment() -> None:
    payload = b'{"schema":1,"ts_utc":"2026-06-12T02:00:00+02:00","seq":0,"power_w":1}'
    reading = decode_telemetry(payload, BATTERY)
    assert isinstance(reading, Reading)
    assert reading.ts_utc == START_UTC
    assert reading.ts_utc.tzinfo is UTC


def test_a_stamp_is_written_in_utc_whatever_the_zone() -> None:
    local = START_UTC.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert b'"2026-06-12T00:00:00Z"' in encode_telemetry(Reading(device=BATTERY, ts_utc=local, seq=0, power_kw=1.0))


def test_minus_zero_becomes_zero() -> None:
    payload = b'{"schema":1,"ts_utc":"2026-06-12T00:00:00Z","seq":0,"power_w":-0.0,"soc_pct":-0.0}'
    reading = decode_telemetry(payload, BATTERY)
    assert isinstance(reading, Reading)
    assert str(reading.power_kw) == str(reading.soc_frac) == "0.0"
    assert b'"power_w":0.0' in encode_telemetry(Reading(device=BATTERY, ts_utc=START_UTC, seq=0, power_kw=-0.0))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_never_written(value: float) -> None:
    with pytest.raises(ValueError, match=r"JSON|float"):
        encode_telemetry(Reading(device=BATTERY, ts_utc=START_UTC, seq=0, power_kw=value))


@given(st.binary(max_size=300))
def test_any_bytes_are_rejected_without_an_exception(payload: bytes) -> None:
    for decode in (decode_telemetry, decode_setpoint, decode_acknowledgement):
        assert isinstance(decode(payload, BATTERY), Rejection)


@given(READINGS, st.integers(0, 10**4), st.binary(min_size=1, max_size=3))
def test_a_damaged_message_is_a_reading_or_a_rejection_but_never_raises(
    reading: Reading, place: int, damage: bytes
) -> None:
    whole = encode_telemetry(reading)
    cut = place % len(whole)
    back = decode_telemetry(whole[:cut] + damage + whole[cut + len(damage) :], BATTERY)
    assert isinstance(back, Reading | Rejection)


@given(READINGS, st.integers(1, 10**4))
def test_a_message_cut_short_is_no_json(reading: Reading, missing: int) -> None:
    whole = encode_telemetry(reading)
    back = decode_telemetry(whole[: max(0, len(whole) - missing)], BATTERY)
    assert isinstance(back, Rejection)
    assert back.drop is Drop.NOT_JSON
