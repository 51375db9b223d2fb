"""Prices, limits and demand-response events between the wire (W) and the domain (kW).

Every message is ``{schema, ts_utc, valid_from_utc, values}``; its topic says which of the three it is. An event's
values are ``kind``, ``start_utc``, ``end_utc`` and, where there is something to say, ``power_w`` (the most that the
community should draw, net), ``event_id`` (a newer notice with the same one replaces it) and ``is_cancelled``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from devices.topics import MarketChannel
from devices.wire import Message, PowerW, Rejection, Stamp, StampError, encode, kilo, milli, moment, parse, stamp_of
from models.domain.market import EventNotice, LimitNotice, MarketNotice, PriceNotice
from models.domain.telemetry import Drop

PriceEurPerKwh = Annotated[float, Field(ge=-1000.0, le=1000.0)]
"""A price [currency/kWh] in any currency; whoever knows the site's own bounds it further."""
LimitW = Annotated[float, Field(ge=0.0, le=2e7)]
EventId = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$")]
"""An identifier as in the site file."""


class _Values(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class _PriceValues(_Values):
    import_eur_per_kwh: PriceEurPerKwh
    export_eur_per_kwh: PriceEurPerKwh


class _LimitValues(_Values):
    import_w: LimitW | None
    export_w: LimitW | None


class _EventValues(_Values):
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    start_utc: Stamp
    end_utc: Stamp
    power_w: PowerW | None = None
    event_id: EventId | None = None
    is_cancelled: bool = False


class _Notice(Message):
    ts_utc: Stamp
    valid_from_utc: Stamp


class _Price(_Notice):
    values: _PriceValues

    def count_fields(self) -> list[int]:
        return [len(self.values.model_fields_set), len(self.model_fields_set)]


class _Limit(_Notice):
    values: _LimitValues

    def count_fields(self) -> list[int]:
        return [len(self.values.model_fields_set), len(self.model_fields_set)]


class _Event(_Notice):
    values: _EventValues

    def count_fields(self) -> list[int]:
        return [len(self.values.model_fields_set), len(self.model_fields_set)]


def decode_market(payload: bytes, channel: MarketChannel) -> MarketNotice | Rejection:
    """Read a message of the market.

    Args:
        payload: The message as received.
        channel: What its topic said it is.

    Returns:
        The notice, or why it was not taken.
    """
    try:
        match channel:
            case MarketChannel.PRICE:
                return _decode_price(payload)
            case MarketChannel.LIMIT:
                return _decode_limit(payload)
            case MarketChannel.EVENT:
                return _decode_event(payload)
    except StampError as error:
        return Rejection(drop=Drop.SCHEMA, detail=f"a stamp: {error}")


def encode_market(notice: MarketNotice) -> bytes:
    """Write a message of the market.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    values: dict[str, object]
    match notice:
        case PriceNotice():
            values = {
                "import_eur_per_kwh": notice.import_eur_per_kwh,
                "export_eur_per_kwh": notice.export_eur_per_kwh,
            }
        case LimitNotice():
            values = {"import_w": milli(notice.import_kw), "export_w": milli(notice.export_kw)}
        case EventNotice():
            values = {
                "kind": notice.kind,
                "start_utc": stamp_of(notice.start_utc),
                "end_utc": stamp_of(notice.end_utc),
                "power_w": milli(notice.power_kw),
            }
            # Said only where they say something: senders and receivers that know neither understand the rest.
            values |= {} if notice.event_id is None else {"event_id": notice.event_id}
            values |= {"is_cancelled": True} if notice.is_cancelled else {}
    stamps = {"ts_utc": stamp_of(notice.ts_utc), "valid_from_utc": stamp_of(notice.valid_from_utc)}
    return encode({**stamps, "values": values})


def channel_of(notice: MarketNotice) -> MarketChannel:
    """The channel that a notice belongs on."""
    match notice:
        case PriceNotice():
            return MarketChannel.PRICE
        case LimitNotice():
            return MarketChannel.LIMIT
        case EventNotice():
            return MarketChannel.EVENT


def _decode_price(payload: bytes) -> PriceNotice | Rejection:
    wire = parse(_Price, payload)
    if isinstance(wire, Rejection):
        return wire
    return PriceNotice(
        ts_utc=moment(wire.ts_utc),
        valid_from_utc=moment(wire.valid_from_utc),
        import_eur_per_kwh=wire.values.import_eur_per_kwh,
        export_eur_per_kwh=wire.values.export_eur_per_kwh,
    )


def _decode_limit(payload: bytes) -> LimitNotice | Rejection:
    wire = parse(_Limit, payload)
    if isinstance(wire, Rejection):
        return wire
    return LimitNotice(
        ts_utc=moment(wire.ts_utc),
        valid_from_utc=moment(wire.valid_from_utc),
        import_kw=kilo(wire.values.import_w),
        export_kw=kilo(wire.values.export_w),
    )


def _decode_event(payload: bytes) -> EventNotice | Rejection:
    wire = parse(_Event, payload)
    if isinstance(wire, Rejection):
        return wire
    start_utc, end_utc = moment(wire.values.start_utc), moment(wire.values.end_utc)
    if end_utc <= start_utc:
        return Rejection(drop=Drop.SCHEMA, detail="values.end_utc: not after start_utc")
    return EventNotice(
        ts_utc=moment(wire.ts_utc),
        valid_from_utc=moment(wire.valid_from_utc),
        kind=wire.values.kind,
        start_utc=start_utc,
        end_utc=end_utc,
        power_kw=kilo(wire.values.power_w),
        event_id=wire.values.event_id,
        is_cancelled=wire.values.is_cancelled,
    )
