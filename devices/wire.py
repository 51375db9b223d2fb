"""Strict reading of one JSON message: size, syntax, schema, and nothing of the input in any error text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.domain.telemetry import Drop

LARGEST_PAYLOAD_BYTES = 4096
"""[B] Ten times the largest message there is; longer payloads are not even parsed."""

SCHEMA_VERSION = 1
EARLIEST_UTC = datetime(2000, 1, 1, tzinfo=UTC)
"""Stamps before this come from a clock that was never set; recorded days of this century can be played as they are."""
LATEST_UTC = datetime(2101, 1, 1, tzinfo=UTC)

Stamp = Annotated[
    str,
    Field(
        max_length=32,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
    ),
]
"""ISO 8601 with seconds and a zone, such as ``2026-06-12T10:00:00Z``."""
PowerW = Annotated[float, Field(ge=-2e7, le=2e7)]
"""A power [W], twice the largest rating a site file may have, either way."""
EnergyWh = Annotated[float, Field(ge=0.0, le=2e8)]
"""An energy [Wh], 0 to twice the largest capacity a site file may have."""
CounterWh = Annotated[float, Field(ge=0.0, le=1e12)]
"""A counter [Wh], 0 to 1 TWh; a thousandth is still exact there."""
Count = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number that every JSON reader keeps exactly."""

MessageT = TypeVar("MessageT", bound="Message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A message that was not taken."""

    drop: Drop
    detail: str
    """Which field broke which rule; never what the message said."""


class Message(BaseModel):
    """A JSON object of ours: strict types, unknown fields refused, no NaN, no infinity."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True, populate_by_name=False
    )

    schema_version: Annotated[int, Field(alias="schema", ge=SCHEMA_VERSION, le=SCHEMA_VERSION)]

    def count_fields(self) -> list[int]:
        """Fields that were set, in each JSON object of the message, innermost first."""
        return [len(self.model_fields_set)]


class StampError(ValueError):
    """A stamp is no moment, or lies outside the years that messages may speak of."""


def parse(model: type[MessageT], payload: bytes) -> MessageT | Rejection:
    """Read one payload against its model; every way to fail is a :class:`Rejection`."""
    if len(payload) > LARGEST_PAYLOAD_BYTES:
        return Rejection(drop=Drop.TOO_LARGE, detail=f"more than {LARGEST_PAYLOAD_BYTES} bytes")
    try:
        message = model.model_validate_json(payload)
    except ValidationError as error:
        return _explain(error, model)
    try:
        is_unambiguous = _is_unambiguous(payload, message)
    except ValueError:
        return Rejection(drop=Drop.NOT_JSON, detail="not JSON for a second reader")
    return message if is_unambiguous else Rejection(drop=Drop.SCHEMA, detail="a field stands there twice")


def moment(stamp: str) -> datetime:
    """The moment of a stamp, in UTC.

    Raises:
        StampError: No such moment, or outside 2000 to 2100.
    """
    try:
        instant = datetime.fromisoformat(stamp)
        if not EARLIEST_UTC <= instant < LATEST_UTC:
            message = "outside the years 2000 to 2100"
            raise StampError(message)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = "no moment of the years 2000 to 2100"
        raise StampError(message) from error


def stamp_of(instant: datetime) -> str:
    """The stamp of an aware moment, to the microsecond."""
    return instant.astimezone(UTC).isoformat()[:-6] + "Z"


def encode(fields: dict[str, object]) -> bytes:
    """One message: the schema version and the fields that are known.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    known = {"schema": SCHEMA_VERSION} | {name: value for name, value in fields.items() if value is not None}
    return json.dumps(known, separators=(",", ":"), allow_nan=False).encode()


def milli(value: float | None) -> float | None:
    """A figure in its kilo-unit as a wire figure, to a thousandth of the wire's unit."""
    # Adding 0.0 turns -0.0 into 0.0.
    return None if value is None else round(value * 1000.0, 3) + 0.0


def kilo(value: float | None) -> float | None:
    """A wire figure in its kilo-unit (W to kW, Wh to kWh), to a millionth."""
    return None if value is None else round(value / 1000.0, 6) + 0.0


def _is_unambiguous(payload: bytes, message: Message) -> bool:
    # JSON readers take the last of two equal names, people the first; a message that has both is refused.
    # The pairs hook is called for the innermost object first, so its last result counts the outermost.
    pairs: list[int] = []
    json.loads(payload, object_pairs_hook=lambda found: pairs.append(len(found)))
    return pairs == message.count_fields()


def _explain(error: ValidationError, model: type[Message]) -> Rejection:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind = first["type"]
    if kind == "json_invalid":
        return Rejection(drop=Drop.NOT_JSON, detail="not one JSON value in UTF-8")
    if kind == "extra_forbidden":
        # The name of an unknown field is the sender's text and stays out.
        return Rejection(drop=Drop.SCHEMA, detail="a field that this message does not have")
    known = {field.alias or name for name, field in model.model_fields.items()}
    place = ".".join(str(part) for part in first["loc"] if part in known) or "message"
    return Rejection(drop=Drop.SCHEMA, detail=f"{place}: {kind}")
