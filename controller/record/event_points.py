"""``demand_response`` points: an event's effect for the community, and for each member under a pseudonym."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.record.event_records import EffectRow, EventFigures
from controller.record.line_protocol import FieldValue, Point
from controller.record.points import PointContext
from controller.record.quantities import to_epoch_ms

MEASUREMENT = "demand_response"


def points_of_effects(rows: Iterable[EffectRow], context: PointContext) -> Iterator[Point]:
    """One point for each look at an event and one for each member held back, at the event's start."""
    for row in rows:
        event = row.event
        tags = {"site": context.site, "event": event.key, "source": event.source.value, "stage": row.stage.value}
        time_s = to_epoch_ms(event.start_utc) // 1000
        fields: dict[str, FieldValue] = {"duration_h": event.span.hours}
        if event.target_kw is not None:
            fields["target_kw"] = event.target_kw
        for name, side in (("with", row.with_event), ("without", row.without_event), ("metered", row.metered)):
            if side is not None:
                fields |= _side_fields(name, side)
        yield Point(measurement=MEASUREMENT, tags=tags, fields=fields, time_s=time_s)
        side = row.metered or row.with_event
        if side is not None:
            for member in sorted(side.held_back_kwh):
                yield Point(
                    measurement=MEASUREMENT,
                    tags={**tags, "member": context.member(member)},
                    fields={
                        "held_back_kwh": float(side.held_back_kwh[member]),
                        "discomfort_eur": float(side.discomfort.get(member, 0.0)),
                    },
                    time_s=time_s,
                )


def _side_fields(name: str, side: EventFigures) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {
        f"{name}_net_kwh": float(side.net_kwh),
        f"{name}_peak_kw": float(side.peak_kw),
        f"{name}_above_kwh": float(side.above_kwh),
        f"{name}_held_back_kwh": float(sum(side.held_back_kwh.values())),
        f"{name}_discomfort_eur": float(sum(side.discomfort.values())),
    }
    return fields if side.cost is None else fields | {f"{name}_cost_eur": float(side.cost)}
