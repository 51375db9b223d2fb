from __future__ import annotations

import asyncio

import pytest

from controller.loop.service import MOST_RESTARTS, RESTART_DELAY_S, RESTART_WINDOW_S, CrashLoopError, Service
from devices.clock import VirtualClock
from devices.virtual_loop import run_virtual
from tests.controller.loop.neighbours import START


class Worker:
    """Works for a time, then fails, as often as told; then it works on for ever."""

    def __init__(self, clock: VirtualClock, *, failures: int, works_s: float) -> None:
        self._clock, self._failures, self._works_s = clock, failures, works_s
        self.starts_s: list[float] = []
        self.is_stopped = False

    async def run(self) -> None:
        self.starts_s.append(self._clock.monotonic_s())
        if len(self.starts_s) > self._failures:
            try:
                await asyncio.Event().wait()
            finally:
                self.is_stopped = True
        await asyncio.sleep(self._works_s)
        message = "lost the thread"
        raise RuntimeError(message)


async def serve(clock: VirtualClock, *workers: Worker, for_s: float = 10_000.0) -> Service:
    service = Service(clock)
    for number, worker in enumerate(workers):
        service.add(f"worker {number}", worker.run)
    serving = asyncio.create_task(service.run())
    await asyncio.wait({serving}, timeout=for_s)
    if serving.done():
        await serving
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    return service


def test_a_task_that_fails_is_started_again_and_the_others_go_on() -> None:
    async def main(clock: VirtualClock) -> None:
        weak, strong = Worker(clock, failures=2, works_s=10.0), Worker(clock, failures=0, works_s=0.0)
        service = await serve(clock, weak, strong)
        assert weak.starts_s == [0.0, 10.0 + RESTART_DELAY_S, 20.0 + 2 * RESTART_DELAY_S]
        assert strong.starts_s == [0.0]
        assert service.restarts == {"worker 0": 2, "worker 1": 0}
        assert weak.is_stopped
        assert strong.is_stopped

    run_virtual(main, start_utc=START)


def test_a_crash_loop_ends_the_service_and_stops_all_tasks() -> None:
    async def main(clock: VirtualClock) -> None:
        weak, strong = Worker(clock, failures=1000, works_s=1.0), Worker(clock, failures=0, works_s=0.0)
        with pytest.raises(CrashLoopError, match=f"task worker 0 failed {MOST_RESTARTS} times"):
            await serve(clock, weak, strong)
        assert len(weak.starts_s) == MOST_RESTARTS
        assert strong.is_stopped

    run_virtual(main, start_utc=START)


def test_failures_far_apart_are_no_crash_loop() -> None:
    async def main(clock: VirtualClock) -> None:
        weak = Worker(clock, failures=20, works_s=RESTART_WINDOW_S / (MOST_RESTARTS - 1))
        await serve(clock, weak)
        assert len(weak.starts_s) == 21

    run_virtual(main, start_utc=START)


def test_a_task_that_ends_by_itself_is_not_started_again() -> None:
    async def main(clock: VirtualClock) -> None:
        starts = []

        async def once() -> None:
            await asyncio.sleep(1.0)
            starts.append(clock.monotonic_s())

        service = Service(clock)
        service.add("once", once)
        await service.run()
        assert starts == [1.0]

    run_virtual(main, start_utc=START)
