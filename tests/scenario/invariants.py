"""What holds in every story, whatever happens in it; checked when it is over."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from controller.record.reader import Reader, open_reader
from devices.registry import DeviceRegistry
from models.domain.telemetry import DeviceKey
from tests.scenario.control_room import ControlRoom

ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def check_what_always_holds(room: ControlRoom) -> None:
    """Setpoints are new, bounded, short-lived, on record and ended once; shared energy closes."""
    check_setpoints_on_the_wire(room)
    with open_reader(room.store_path) as reader:
        check_setpoints_on_record(room, reader)
        check_shared_energy(reader)


def check_setpoints_on_the_wire(room: ControlRoom) -> None:
    registry = DeviceRegistry.from_site(room.site)
    numbers: dict[DeviceKey, list[tuple[int, int]]] = defaultdict(list)
    for _, setpoint in room.setpoints():
        numbers[setpoint.device].append((setpoint.epoch, setpoint.seq))
        assert registry.get(setpoint.device).allows(setpoint.power_kw)
        life = setpoint.expires_utc - setpoint.not_before_utc
        assert life == timedelta(seconds=room.site.control.setpoint_life_s)
    for device, sent in numbers.items():
        rising = [number for number in sent if number not in room.replayed]
        assert rising == sorted(set(rising)), f"{device} heard an older setpoint after a newer one"


def check_setpoints_on_record(room: ControlRoom, reader: Reader) -> None:
    states = reader.setpoint_states(*ALWAYS)
    assert states["pending"] == states["sent"] == 0, f"setpoints without an end: {states}"
    on_record = {
        stored.setpoint.setpoint_id
        for decision in reader.decisions(*ALWAYS)
        for stored in reader.setpoints(decision.decision_id)
    }
    assert len(on_record) == sum(states.values())
    on_wire = {setpoint.setpoint_id for _, setpoint in room.setpoints()}
    assert on_wire <= on_record, f"sent without a record: {sorted(on_wire - on_record)}"


def check_shared_energy(reader: Reader) -> None:
    for settled in reader.settled(*ALWAYS):
        rows = settled.allocations
        assert sum(row.shared_wh for row in rows) == sum(row.sold_wh for row in rows)
        for row in rows:
            assert min(row.own_wh, row.community_wh, row.grid_wh, row.renewable_wh) >= 0
