from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.operation import Control
from devices.fake_bus import FakeBus
from devices.messages import encode_telemetry
from devices.telemetry_listener import TelemetryListener
from devices.topics import DeviceChannel, DeviceTopic
from models.domain.telemetry import DeviceKey, Drop, Reading
from tests.devices.example_site import BATTERY, EV, METER, START_UTC, SetClock, example_registry

CONTROL = Control(stale_after_s=30.0, clock_skew_limit_s=60.0)
REGISTRY = example_registry()


class Scene:
    """A listener on a bus in memory, with a clock to set and the readings it offered."""

    def __init__(self) -> None:
        self.clock = SetClock(START_UTC)
        self.offered: list[Reading] = []
        self.listener = TelemetryListener(REGISTRY, self.clock, CONTROL, self.offered.append)
        self.bus = FakeBus()
        self.listener.listen(self.bus)

    def says(
        self, device: DeviceKey, *, after_s: float = 0.0, seq: int = 1, retained: bool = False, **fields: Any
    ) -> None:
        """A device says something, stamped some seconds after the clock's time."""
        ts_utc = self.clock.instant_utc + timedelta(seconds=after_s)
        reading = Reading(device=device, ts_utc=ts_utc, seq=seq, **({"power_kw": 1.0} | fields))
        self.bus.deliver(_topic(device), encode_telemetry(reading), retained=retained)

    def passes(self, duration_s: float) -> None:
        self.clock.instant_utc += timedelta(seconds=duration_s)

    @property
    def drops(self) -> dict[Drop, int]:
        return {drop: count for drop, count in self.listener.drops.items() if count}


def _topic(device: DeviceKey) -> str:
    return str(DeviceTopic(site="elm", device=device, channel=DeviceChannel.TELEMETRY))


def test_a_credible_reading_of_a_known_device_is_offered_once() -> None:
    scene = Scene()
    scene.says(METER, power_kw=1.5, import_kwh_total=100.0)
    assert [(reading.device, reading.power_kw) for reading in scene.offered] == [(METER, 1.5)]
    assert scene.listener.accepted == 1
    assert scene.drops == {}


def test_retained_telemetry_is_dropped() -> None:
    scene = Scene()
    scene.says(METER, retained=True)
    assert scene.offered == []
    assert scene.drops == {Drop.RETAINED: 1}


@pytest.mark.parametrize(
    "after_s, drop",
    [(-30.0, None), (-30.001, Drop.STALE), (60.0, None), (60.001, Drop.CLOCK_SKEW), (-1e6, Drop.STALE)],
)
def test_stale_readings_and_those_from_the_future_are_dropped(after_s: float, drop: Drop | None) -> None:
    scene = Scene()
    scene.says(METER, after_s=after_s)
    assert scene.drops == ({} if drop is None else {drop: 1})
    assert len(scene.offered) == (drop is None)


@pytest.mark.parametrize(
    "topic, drop",
    [
        ("commonwatt/v1/elm/g1/nothing/telemetry", Drop.UNKNOWN_DEVICE),
        ("commonwatt/v1/elm/grid/battery/telemetry", Drop.UNKNOWN_DEVICE),
        ("commonwatt/v1/elm/g1/METER/telemetry", Drop.UNKNOWN_TOPIC),
        ("commonwatt/v1/oak/g1/meter/telemetry", Drop.UNKNOWN_TOPIC),
        ("commonwatt/v1/elm/g1/meter/setpoint", Drop.UNKNOWN_TOPIC),
        ("commonwatt/v1/elm/market/price", Drop.UNKNOWN_TOPIC),
    ],
)
def test_what_is_not_the_topic_of_a_known_device_behind_its_gateway_is_dropped(topic: str, drop: Drop) -> None:
    scene = Scene()
    payload = encode_telemetry(Reading(device=METER, ts_utc=START_UTC, seq=1, power_kw=1.0))
    scene.listener.handle(topic, payload, False)  # noqa: FBT003 (a MessageHandler)
    assert scene.drops == {drop: 1}
    assert scene.offered == []


def test_a_hundred_thousand_unknown_devices_take_no_memory() -> None:
    scene = Scene()
    before = len(scene.listener._heard)
    for number in range(2000):
        scene.listener.handle(f"commonwatt/v1/elm/g{number}/x/telemetry", b"{}", False)  # noqa: FBT003 (a MessageHandler)
    assert scene.drops == {Drop.UNKNOWN_DEVICE: 2000}
    assert len(scene.listener._heard) == before


def test_an_older_or_repeated_message_is_dropped() -> None:
    scene = Scene()
    scene.says(METER, seq=5)
    scene.says(METER, seq=5)
    scene.says(METER, seq=6, after_s=-1.0)
    scene.passes(1.0)
    scene.says(METER, seq=5)
    scene.says(METER, seq=4, after_s=0.1)
    assert [reading.seq for reading in scene.offered] == [5]
    assert scene.drops == {Drop.OLD_SEQUENCE: 4}


def test_a_device_that_restarts_counting_is_heard_again_once_its_last_reading_is_stale() -> None:
    scene = Scene()
    scene.says(METER, seq=5000)
    for seq in range(1, 5):
        scene.passes(10.0)
        scene.says(METER, seq=seq)
    assert [reading.seq for reading in scene.offered] == [5000, 4]
    assert scene.drops == {Drop.OLD_SEQUENCE: 3}


def test_a_counter_that_fell_is_dropped_and_a_later_good_one_taken() -> None:
    scene = Scene()
    for seq, total_kwh in enumerate([100.0, 99.9, 100.0, 0.0, 100.05]):
        scene.says(METER, seq=seq, import_kwh_total=total_kwh)
        scene.passes(1.0)
    assert [reading.import_kwh_total for reading in scene.offered] == [100.0, 100.0, 100.05]
    assert scene.drops == {Drop.COUNTER_FELL: 2}


def test_a_counter_that_rose_faster_than_the_connection_allows_is_dropped() -> None:
    scene = Scene()
    scene.says(METER, seq=1, import_kwh_total=100.0)
    scene.passes(36.0)
    scene.says(METER, seq=2, import_kwh_total=100.0 + 30.1 * 0.01 + 0.11)
    scene.says(METER, seq=3, import_kwh_total=100.0 + 30.1 * 0.01)
    assert [reading.seq for reading in scene.offered] == [1, 3]
    assert scene.drops == {Drop.OUTSIDE_RATING: 1}


def test_counters_are_followed_over_readings_that_leave_them_out() -> None:
    scene = Scene()
    scene.says(METER, seq=1, import_kwh_total=100.0, export_kwh_total=50.0)
    scene.passes(1.0)
    scene.says(METER, seq=2)
    scene.passes(1.0)
    scene.says(METER, seq=3, export_kwh_total=49.0)
    assert scene.drops == {Drop.COUNTER_FELL: 1}


@pytest.mark.parametrize(
    "device, fields, drop",
    [
        (METER, {"power_kw": 31.0}, Drop.OUTSIDE_RATING),
        (METER, {"soc_frac": 0.5}, Drop.SCHEMA),
        (BATTERY, {"power_kw": -4.95}, Drop.OUTSIDE_RATING),
        (EV, {"energy_needed_kwh": 70.0}, Drop.OUTSIDE_RATING),
    ],
)
def test_what_the_device_cannot_say_is_dropped(device: DeviceKey, fields: dict[str, Any], drop: Drop) -> None:
    scene = Scene()
    scene.says(device, **fields)
    assert scene.drops == {drop: 1}
    assert scene.offered == []


def test_power_in_kilowatts_sent_as_watts_by_a_factor_of_a_thousand_too_large_is_dropped() -> None:
    scene = Scene()
    scene.says(METER, power_kw=1500.0)
    assert scene.drops == {Drop.OUTSIDE_RATING: 1}


def test_drops_are_logged_when_they_begin_and_end_without_the_payload(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    with caplog.at_level("WARNING"):
        for _ in range(3):
            scene.bus.deliver(_topic(METER), b'{"canary":"secret"}')
        scene.says(METER)
        scene.says(METER, seq=2, after_s=1.0)
    assert [record.getMessage() for record in caplog.records] == [
        "Telemetry of g1/meter is dropped: schema (schema: missing)",
        "Telemetry of g1/meter is taken again",
    ]
    assert "secret" not in caplog.text
    assert "canary" not in caplog.text


WORDS = st.fixed_dictionaries(
    {
        "device": st.sampled_from([METER, BATTERY, EV, DeviceKey("g1", "ghost"), DeviceKey("grid", "battery")]),
        "offset_s": st.floats(-120.0, 180.0),
        "seq": st.integers(0, 6),
        "power_w": st.floats(-50_000.0, 50_000.0) | st.sampled_from([float("nan"), float("inf"), None, True, "5"]),
        "soc_pct": st.none() | st.floats(-10.0, 110.0),
        "import_wh_total": st.none() | st.floats(0.0, 3000.0),
        "retained": st.booleans(),
        "wait_s": st.floats(0.0, 45.0),
    }
)


@given(st.lists(WORDS, max_size=30))
def test_nothing_stale_retained_unknown_or_outside_its_rating_is_ever_offered(words: list[dict[str, Any]]) -> None:
    scene = Scene()
    offered_at: list[tuple[Reading, datetime, bool]] = []
    for word in words:
        scene.passes(word["wait_s"])
        now_utc = scene.clock.instant_utc
        stamp = (now_utc + timedelta(seconds=word["offset_s"])).isoformat().replace("+00:00", "Z")
        body = {"schema": 1, "ts_utc": stamp, "seq": word["seq"]}
        body |= {name: word[name] for name in ("power_w", "soc_pct", "import_wh_total")}
        count = len(scene.offered)
        scene.bus.deliver(_topic(word["device"]), json.dumps(body).encode(), retained=word["retained"])
        offered_at += [(reading, now_utc, word["retained"]) for reading in scene.offered[count:]]
    assert sum(scene.listener.drops.values()) + scene.listener.accepted == len(words)
    newest: dict[DeviceKey, Reading] = {}
    for reading, now_utc, was_retained in offered_at:
        device = REGISTRY.get(reading.device)
        assert not was_retained
        assert timedelta(seconds=-60) <= now_utc - reading.ts_utc <= timedelta(seconds=30)
        assert reading.power_kw is None or device.credible.low_kw <= reading.power_kw <= device.credible.high_kw
        assert reading.soc_frac is None or 0.0 <= reading.soc_frac <= 1.0
        before = newest.get(reading.device)
        if before is not None:
            assert reading.ts_utc > before.ts_utc
        newest[reading.device] = reading
    for key in newest:
        totals = [r.import_kwh_total for r, _, _ in offered_at if r.device == key and r.import_kwh_total is not None]
        assert totals == sorted(totals)
