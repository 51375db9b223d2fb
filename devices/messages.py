"""Telemetry, setpoints and acknowledgements between the wire (W, Wh, %) and the domain (kW, kWh, fractions).

Decoding never raises: a message becomes a domain value or a :class:`~devices.wire.Rejection`. Powers and
energies have a resolution of a thousandth of a W or Wh on the wire, states of charge of 0.0001 %.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from devices.wire import (
    Count,
    CounterWh,
    EnergyWh,
    Message,
    PowerW,
    Rejection,
    Stamp,
    StampError,
    encode,
    kilo,
    milli,
    moment,
    parse,
    stamp_of,
)
from models.domain.setpoint import Acknowledgement, Reason, Setpoint
from models.domain.telemetry import DeviceKey, Drop, Reading

LONGEST_LIFE = timedelta(days=1)
"""No setpoint lives longer: what is asked for that far ahead is a plan, not a setpoint."""

SetpointId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
RemainingS = Annotated[float, Field(ge=0.0, le=604_800.0)]
"""A remaining time [s], at most a week."""


class _Telemetry(Message):
    ts_utc: Stamp
    seq: Count
    power_w: PowerW | None = None
    import_wh_total: CounterWh | None = None
    export_wh_total: CounterWh | None = None
    soc_pct: Annotated[float, Field(ge=0.0, le=100.0)] | None = None
    available_w: Annotated[float, Field(ge=0.0, le=2e7)] | None = None
    is_plugged: bool | None = None
    energy_needed_wh: EnergyWh | None = None
    departure_utc: Stamp | None = None
    is_requested: bool | None = None
    is_running: bool | None = None
    remaining_s: RemainingS | None = None
    latest_end_utc: Stamp | None = None


class _Setpoint(Message):
    setpoint_id: SetpointId
    epoch: Count
    seq: Count
    power_w: PowerW
    not_before_utc: Stamp
    expires_utc: Stamp
    reason: Annotated[str, Field(max_length=40)]


class _Acknowledgement(Message):
    setpoint_id: SetpointId
    epoch: Count
    seq: Count
    is_accepted: bool
    applied_w: PowerW | None = None
    refusal: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    ts_utc: Stamp


def decode_telemetry(payload: bytes, device: DeviceKey) -> Reading | Rejection:
    """Read a telemetry message.

    Args:
        payload: The message as received.
        device: The device in whose topic it arrived.

    Returns:
        The reading, or why it was not taken.
    """
    wire = parse(_Telemetry, payload)
    if isinstance(wire, Rejection):
        return wire
    if len(wire.model_fields_set) <= 3:
        return _schema("message: says nothing beside its stamp")
    try:
        return Reading(
            device=device,
            ts_utc=moment(wire.ts_utc),
            seq=wire.seq,
            power_kw=kilo(wire.power_w),
            import_kwh_total=kilo(wire.import_wh_total),
            export_kwh_total=kilo(wire.export_wh_total),
            soc_frac=None if wire.soc_pct is None else round(wire.soc_pct / 100.0, 6) + 0.0,
            available_kw=kilo(wire.available_w),
            is_plugged=wire.is_plugged,
            energy_needed_kwh=kilo(wire.energy_needed_wh),
            departure_utc=_moment_or_none(wire.departure_utc),
            is_requested=wire.is_requested,
            is_running=wire.is_running,
            remaining_s=wire.remaining_s,
            latest_end_utc=_moment_or_none(wire.latest_end_utc),
        )
    except StampError as error:
        return _schema(f"a stamp: {error}")


def encode_telemetry(reading: Reading) -> bytes:
    """Write a reading as a telemetry message.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return encode(
        {
            "ts_utc": stamp_of(reading.ts_utc),
            "seq": reading.seq,
            "power_w": milli(reading.power_kw),
            "import_wh_total": milli(reading.import_kwh_total),
            "export_wh_total": milli(reading.export_kwh_total),
            "soc_pct": None if reading.soc_frac is None else round(reading.soc_frac * 100.0, 4) + 0.0,
            "available_w": milli(reading.available_kw),
            "is_plugged": reading.is_plugged,
            "energy_needed_wh": milli(reading.energy_needed_kwh),
            "departure_utc": _stamp_or_none(reading.departure_utc),
            "is_requested": reading.is_requested,
            "is_running": reading.is_running,
            "remaining_s": reading.remaining_s,
            "latest_end_utc": _stamp_or_none(reading.latest_end_utc),
        }
    )


def decode_setpoint(payload: bytes, device: DeviceKey) -> Setpoint | Rejection:
    """Read a setpoint message, as a device does.

    Args:
        payload: The message as received.
        device: The device in whose topic it arrived.

    Returns:
        The setpoint, or why it was not taken.
    """
    wire = parse(_Setpoint, payload)
    if isinstance(wire, Rejection):
        return wire
    if wire.reason not in _REASONS:
        return _schema("reason: not one of ours")
    try:
        not_before_utc, expires_utc = moment(wire.not_before_utc), moment(wire.expires_utc)
    except StampError as error:
        return _schema(f"a stamp: {error}")
    if not timedelta(0) < expires_utc - not_before_utc <= LONGEST_LIFE:
        return _schema("expires_utc: not after not_before_utc, or more than a day after it")
    return Setpoint(
        setpoint_id=wire.setpoint_id,
        device=device,
        epoch=wire.epoch,
        seq=wire.seq,
        power_kw=round(wire.power_w / 1000.0, 6) + 0.0,
        not_before_utc=not_before_utc,
        expires_utc=expires_utc,
        reason=Reason(wire.reason),
    )


def encode_setpoint(setpoint: Setpoint) -> bytes:
    """Write a setpoint message.

    Raises:
        ValueError: The power is NaN or infinite.
    """
    return encode(
        {
            "setpoint_id": setpoint.setpoint_id,
            "epoch": setpoint.epoch,
            "seq": setpoint.seq,
            "power_w": milli(setpoint.power_kw),
            "not_before_utc": stamp_of(setpoint.not_before_utc),
            "expires_utc": stamp_of(setpoint.expires_utc),
            "reason": setpoint.reason.value,
        }
    )


def decode_acknowledgement(payload: bytes, device: DeviceKey) -> Acknowledgement | Rejection:
    """Read an acknowledgement.

    Args:
        payload: The message as received.
        device: The device in whose topic it arrived.

    Returns:
        The acknowledgement, or why it was not taken.
    """
    wire = parse(_Acknowledgement, payload)
    if isinstance(wire, Rejection):
        return wire
    if (wire.applied_w is not None, wire.refusal is not None) != (wire.is_accepted, not wire.is_accepted):
        return _schema("message: accepted needs applied_w alone, refused needs refusal alone")
    if wire.refusal is not None and not wire.refusal.isprintable():
        return _schema("refusal: characters that cannot be printed")
    try:
        ts_utc = moment(wire.ts_utc)
    except StampError as error:
        return _schema(f"ts_utc: {error}")
    return Acknowledgement(
        device=device,
        setpoint_id=wire.setpoint_id,
        epoch=wire.epoch,
        seq=wire.seq,
        is_accepted=wire.is_accepted,
        applied_kw=kilo(wire.applied_w),
        refusal=wire.refusal,
        ts_utc=ts_utc,
    )


def encode_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """Write an acknowledgement.

    Raises:
        ValueError: The applied power is NaN or infinite.
    """
    return encode(
        {
            "setpoint_id": acknowledgement.setpoint_id,
            "epoch": acknowledgement.epoch,
            "seq": acknowledgement.seq,
            "is_accepted": acknowledgement.is_accepted,
            "applied_w": milli(acknowledgement.applied_kw),
            "refusal": acknowledgement.refusal,
            "ts_utc": stamp_of(acknowledgement.ts_utc),
        }
    )


_REASONS = frozenset(Reason)


def _schema(detail: str) -> Rejection:
    return Rejection(drop=Drop.SCHEMA, detail=detail)


def _moment_or_none(stamp: str | None) -> datetime | None:
    return None if stamp is None else moment(stamp)


def _stamp_or_none(instant: datetime | None) -> str | None:
    return None if instant is None else stamp_of(instant)
