"""How fast a virtual day of messages passes: embedded broker, real client connections, loopback TCP, one process.

Each gateway reports every minute (QoS 0) and gets a setpoint every five minutes (QoS 1).

    .venv/bin/python tests/benchmarks/virtual_day.py --gateways 30
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from devices.broker import embedded_broker  # noqa: E402
from devices.clock import VirtualClock  # noqa: E402
from devices.mqtt import MqttConnection  # noqa: E402
from devices.virtual_loop import VirtualLoop, run_virtual  # noqa: E402

REPORT = b'{"schema":1,"ts_utc":"2026-06-12T10:00:00Z","seq":1,"power_w":1234.5,"import_wh_total":123456.7}'
SETPOINT = b'{"schema":1,"setpoint_id":"0123456789abcdef","epoch":1,"seq":1,"power_w":1234.5}'


async def measure(clock: VirtualClock, gateways: int, hours: int) -> dict[str, float]:
    """Play the hours and count."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError("a virtual loop is needed")
    arrived = 0

    def take(*_: object) -> None:
        nonlocal arrived
        arrived += 1

    async with embedded_broker() as address:
        names = ["hub", *(f"g{number}" for number in range(gateways))]
        hub, *homes = (
            MqttConnection(address, client_id=name, rng=np.random.default_rng(seed)) for seed, name in enumerate(names)
        )
        hub.subscribe("t/+", take)
        for number, home in enumerate(homes):
            home.subscribe(f"s/{number}", take, qos=1)
        for connection in (hub, *homes):
            connection.start()
            await connection.wait_connected()

        async def report(number: int, home: MqttConnection) -> None:
            for _ in range(hours * 60):
                await asyncio.sleep(60.0)
                await home.publish(f"t/{number}", REPORT)

        async def command() -> None:
            for _ in range(hours * 12):
                await asyncio.sleep(300.0)
                await asyncio.gather(*(hub.publish(f"s/{number}", SETPOINT, qos=1) for number in range(gateways)))

        loop.stall.reset()
        begun_s = clock.real_s()
        await asyncio.gather(command(), *(report(number, home) for number, home in enumerate(homes)))
        await asyncio.sleep(1.0)
        wall_s = clock.real_s() - begun_s
        for connection in (*homes, hub):
            await connection.stop()
    sent = gateways * hours * 72
    return {
        "gateways": gateways,
        "virtual_h": hours,
        "sent": sent,
        "arrived": arrived,
        "wall_s": round(wall_s, 2),
        "messages_per_s": round(sent / wall_s),
        "loop_stall_s_max": round(loop.stall.stall_s_max, 4),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=30)
    parser.add_argument("--hours", type=int, default=24)
    options = parser.parse_args()
    start_utc = datetime(2026, 6, 12, tzinfo=UTC)
    print(json.dumps(run_virtual(lambda clock: measure(clock, options.gateways, options.hours), start_utc=start_utc)))


if __name__ == "__main__":
    main()
