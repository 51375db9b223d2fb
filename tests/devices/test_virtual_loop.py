from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from devices.clock import VirtualClock
from devices.measured_loop import MeasuredLoop, StallMeter
from devices.outstanding_work import OutstandingWork, VirtualTimeError
from devices.virtual_loop import VirtualLoop, run_virtual
from tests.devices.example_site import START_UTC

DAY_S = 86_400.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=2) as executor:
        yield executor


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_ten_years_of_sleep_take_no_real_time_and_end_exactly() -> None:
    async def main(clock: VirtualClock) -> tuple[float, float]:
        before_s = clock.real_s()
        for _ in range(3650):
            await asyncio.sleep(DAY_S)
        return clock.monotonic_s(), clock.real_s() - before_s

    virtual_s, took_s = run_virtual(main, start_utc=START_UTC)
    assert virtual_s == 3650 * DAY_S
    assert took_s < virtual_s / 1000.0


def test_timers_run_in_the_order_of_their_time() -> None:
    async def main(_: VirtualClock) -> list[tuple[float, int]]:
        rng = np.random.default_rng(7)
        woken: list[tuple[float, int]] = []

        async def sleeper(number: int, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            woken.append((_loop().time(), number))

        await asyncio.gather(*(sleeper(number, float(rng.uniform(0.0, 1e6))) for number in range(200)))
        return woken

    woken = run_virtual(main, start_utc=START_UTC)
    assert woken == sorted(woken)
    assert woken == run_virtual(main, start_utc=START_UTC)


def test_time_stands_still_while_a_job_runs_in_an_executor(pool: ThreadPoolExecutor) -> None:
    async def main(clock: VirtualClock) -> tuple[float, str]:
        timer = asyncio.create_task(asyncio.sleep(1.0))
        job = asyncio.get_running_loop().run_in_executor(pool, time.sleep, 0.03)
        done, _ = await asyncio.wait({timer, job}, return_when=asyncio.FIRST_COMPLETED)
        first = "job" if job in done else "timer"
        at_s = clock.monotonic_s()
        await timer
        return at_s, first

    assert run_virtual(main, start_utc=START_UTC) == (0.0, "job")


def test_time_goes_on_after_a_failed_job(pool: ThreadPoolExecutor) -> None:
    def fail() -> None:
        raise KeyError("lost")

    async def main(clock: VirtualClock) -> float:
        with pytest.raises(KeyError):
            await asyncio.get_running_loop().run_in_executor(pool, fail)
        with pytest.raises(KeyError):
            await asyncio.to_thread(fail)
        await asyncio.sleep(60.0)
        return clock.monotonic_s()

    assert run_virtual(main, start_utc=START_UTC) == 60.0


def test_time_stands_still_while_something_is_declared_outstanding() -> None:
    async def main(clock: VirtualClock) -> float:
        loop, back = asyncio.get_running_loop(), asyncio.Event()
        timer = threading.Timer(0.03, loop.call_soon_threadsafe, (back.set,))
        timer.start()
        with clock.outstanding("the worker"):
            await asyncio.wait_for(back.wait(), 0.001)
        return clock.monotonic_s()

    assert run_virtual(main, start_utc=START_UTC) == 0.0


def test_a_sleep_in_real_time_lasts_and_moves_no_virtual_time() -> None:
    async def main(clock: VirtualClock) -> tuple[float, float]:
        before_s = clock.real_s()
        await asyncio.gather(clock.sleep_real(0.03), clock.sleep_real(0.01))
        return clock.monotonic_s(), clock.real_s() - before_s

    virtual_s, took_s = run_virtual(main, start_utc=START_UTC)
    assert virtual_s == 0.0
    assert took_s >= 0.03


def test_a_cancelled_sleep_in_real_time_holds_nothing() -> None:
    async def main(clock: VirtualClock) -> float:
        sleeper = asyncio.create_task(clock.sleep_real(3600.0))
        await asyncio.sleep(0)
        sleeper.cancel()
        await asyncio.sleep(5.0)
        return clock.monotonic_s()

    assert run_virtual(main, start_utc=START_UTC) == 5.0


def test_waiting_for_nothing_is_an_error_that_names_the_tasks() -> None:
    async def main(_: VirtualClock) -> None:
        waiting = asyncio.create_task(asyncio.Event().wait(), name="the forgotten one")
        await waiting

    with pytest.raises(VirtualTimeError, match=r"nothing is outstanding; waiting tasks: .*the forgotten one"):
        run_virtual(main, start_utc=START_UTC)


def test_what_never_comes_back_is_given_up_by_name() -> None:
    async def main(clock: VirtualClock) -> None:
        with clock.outstanding("a solver that hangs"):
            await asyncio.Event().wait()

    with pytest.raises(VirtualTimeError, match="a solver that hangs"):
        run_virtual(main, start_utc=START_UTC, patience_s=0.01)


def test_patience_counts_from_the_last_moment_in_which_nothing_was_outstanding() -> None:
    work = OutstandingWork(patience_s=0.0)
    work.hold("a")
    work.hold("b")
    work.release("a")
    assert work.is_any
    time.sleep(0.001)
    with pytest.raises(VirtualTimeError, match=r"0 s: b$"):
        work.check_patience()
    work.release("b")
    assert not work.is_any


def test_jobs_of_the_default_executor_run_in_the_loops_thread_one_a_turn_and_in_order() -> None:
    async def main(_: VirtualClock) -> list[int]:
        order: list[int] = []

        def work(number: int) -> int:
            order.append(number)
            return threading.get_ident()

        jobs = [asyncio.get_running_loop().run_in_executor(None, work, number) for number in range(4)]
        jobs[2].cancel()
        threads = await asyncio.gather(*jobs, return_exceptions=True)
        assert [thread for thread in threads if isinstance(thread, int)] == [threading.get_ident()] * 3
        return order

    assert run_virtual(main, start_utc=START_UTC) == [0, 1, 3]


def _echo_day(clients: int, messages: int) -> tuple[list[tuple[float, int, bytes]], float]:
    async def main(clock: VirtualClock) -> tuple[list[tuple[float, int, bytes]], float]:
        trace: list[tuple[float, int, bytes]] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def talk(number: int) -> None:
            rng = np.random.default_rng(number)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for count in range(messages):
                await asyncio.sleep(float(rng.uniform(0.0, 60.0)))
                sent_s = clock.monotonic_s()
                writer.write(f"{number} {count}\n".encode())
                trace.append((clock.monotonic_s(), number, await reader.readline()))
                assert clock.monotonic_s() == sent_s
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(talk(number) for number in range(clients)))
        server.close()
        await server.wait_closed()
        return trace, clock.monotonic_s()

    return run_virtual(main, start_utc=START_UTC)


def test_bytes_over_loopback_arrive_at_the_moment_they_were_sent_and_the_trace_repeats() -> None:
    trace, end_s = _echo_day(clients=8, messages=100)
    assert len(trace) == 800
    assert end_s > 60.0
    assert _echo_day(clients=8, messages=100) == (trace, end_s)


def test_ready_sockets_are_served_in_the_order_of_their_registration() -> None:
    async def main(_: VirtualClock) -> list[int]:
        loop = asyncio.get_running_loop()
        pairs = [socket.socketpair() for _ in range(6)]
        served: list[int] = []
        order = [3, 0, 5, 1, 4, 2]
        for number in order:
            loop.add_reader(pairs[number][0], served.append, number)
        for pair in pairs:
            pair[1].send(b"x")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for receiver, sender in pairs:
            loop.remove_reader(receiver)
            receiver.close()
            sender.close()
        assert served[:6] == order
        return served

    run_virtual(main, start_utc=START_UTC)


def test_the_longest_stall_is_measured_and_can_be_reset() -> None:
    async def main(_: VirtualClock) -> tuple[float, float]:
        loop = _loop()
        await asyncio.sleep(1.0)
        loop.stall.reset()
        time.sleep(0.02)  # noqa: ASYNC251 (a stall is what is measured)
        await asyncio.sleep(1.0)
        stalled_s = loop.stall.stall_s_max
        loop.stall.reset()
        await asyncio.sleep(1.0)
        return stalled_s, loop.stall.stall_s_max

    stalled_s, after_s = run_virtual(main, start_utc=START_UTC)
    assert stalled_s >= 0.02
    assert after_s < stalled_s


def test_time_inside_select_is_no_stall() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MeasuredLoop)
        loop.stall.reset()
        await asyncio.sleep(0.1)
        return loop.stall.stall_s_max

    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        assert runner.run(main()) < 0.1


def test_a_meter_has_seen_nothing_before_the_first_select() -> None:
    meter = StallMeter()
    meter.reset()
    meter.enter()
    assert meter.stall_s_max == 0.0


def test_a_call_from_another_thread_wakes_a_loop_that_waits_for_real() -> None:
    async def main(clock: VirtualClock) -> str:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        with clock.outstanding("a thread"):
            thread = threading.Thread(target=loop.call_soon_threadsafe, args=(answer.set_result, "done"))
            thread.start()
            result = str(await answer)
        thread.join()
        return result

    assert run_virtual(main, start_utc=START_UTC) == "done"
