from __future__ import annotations

import asyncio
import logging
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.record.bundles import (
    PROGRAMS,
    WAITING_LIMIT,
    BundleFolder,
    BundleKeeper,
    bundle_folder,
    program_versions,
)
from devices.clock import VirtualClock
from devices.virtual_loop import run_virtual
from models.dispatch.bundle import Bundle, decode
from models.domain.errors import BundleError
from tests.models.dispatch.recorded_plans import bundle_of, recorded, solved

START = datetime(2026, 6, 12, 12, 0, tzinfo=UTC)


def folder_at(path: Path, *, days: int = 14, limit_bytes: int = 1_000_000) -> BundleFolder:
    return BundleFolder(path / "village.bundles", days=days, limit_bytes=limit_bytes)


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in (path / "village.bundles").iterdir())


def total_bytes(path: Path) -> int:
    return sum(entry.stat().st_size for entry in (path / "village.bundles").iterdir())


def test_bundles_lie_beside_the_store() -> None:
    assert bundle_folder(Path("/var/lib/commonwatt/village.sqlite")) == Path("/var/lib/commonwatt/village.bundles")


def test_a_bundle_is_one_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = folder_at(tmp_path).write(START, "7-20260612T1200Z-0", b"content")
    assert path.read_bytes() == b"content"
    assert names(tmp_path) == ["20260612T120000Z_7-20260612T1200Z-0.cwbundle"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("decision_id", ["", "../escape", "a/b", "a b", "x" * 65, "a\n", "a.cwbundle"])
def test_an_id_that_is_no_name_is_refused(tmp_path: Path, decision_id: str) -> None:
    with pytest.raises(BundleError, match=r"decision_id: found .* accepted: up to 64 letters, digits and -"):
        folder_at(tmp_path).write(START, decision_id, b"content")
    assert not (tmp_path / "escape").exists()


def test_bundles_older_than_their_days_go(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, days=2)
    for day in range(6):
        folder.write(START + timedelta(days=day), f"1-{day}", b"content")
    assert [name[:8] for name in names(tmp_path)] == ["20260615", "20260616", "20260617"]


def test_the_oldest_go_first_when_room_is_needed(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, limit_bytes=100)
    for minute in range(5):
        folder.write(START + timedelta(minutes=minute), f"1-{minute}", bytes(40))
    assert [name[-10:] for name in names(tmp_path)] == ["3.cwbundle", "4.cwbundle"]


@given(
    sizes=st.lists(st.integers(0, 120), min_size=1, max_size=20),
    restarts=st.lists(st.booleans(), min_size=20, max_size=20),
)
@settings(max_examples=30, deadline=None)
def test_all_bundles_together_never_take_more_than_their_limit(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], restarts: list[bool]
) -> None:
    path = tmp_path_factory.mktemp("bound")
    folder = folder_at(path, limit_bytes=100)
    for number, size in enumerate(sizes):
        if restarts[number]:
            folder = folder_at(path, limit_bytes=100)
        at_utc = START + timedelta(minutes=number)
        if size > 100:
            with pytest.raises(BundleError, match="accepted: at most 100"):
                folder.write(at_utc, f"1-{number}", bytes(size))
        else:
            assert folder.write(at_utc, f"1-{number}", bytes(size)).stat().st_size == size
        assert total_bytes(path) <= 100


def test_a_bundle_that_alone_is_too_large_does_not_cost_the_others_their_place_for_long(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, limit_bytes=100)
    with pytest.raises(BundleError, match="found 101 bytes; accepted: at most 100"):
        folder.write(START, "1-0", bytes(101))
    folder.write(START, "1-1", bytes(100))
    assert len(names(tmp_path)) == 1


def test_the_same_decision_written_again_replaces_its_file(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, limit_bytes=100)
    first, second = (folder.write(START, "1-0", content) for content in (b"first", b"second"))
    assert first == second
    assert second.read_bytes() == b"second"
    folder.write(START + timedelta(minutes=1), "1-1", bytes(94))
    assert len(names(tmp_path)) == 2, "the first file must be counted once"


def test_what_a_crash_left_half_written_is_cleared_and_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "village.bundles"
    path.mkdir()
    (path / "20260612T110000Z_1-0.cwbundle.partial").write_bytes(b"half")
    (path / "notes.txt").write_bytes(b"mine")
    (path / "20260101T110000Z_1-0.cwbundle").write_bytes(b"old")
    folder_at(tmp_path).write(START, "2-0", b"content")
    assert names(tmp_path) == ["20260612T120000Z_2-0.cwbundle", "notes.txt"]


def test_a_file_that_somebody_took_away_is_no_error(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, days=1)
    folder.write(START, "1-0", b"content").unlink()
    folder.write(START + timedelta(days=3), "1-1", b"content")
    assert len(names(tmp_path)) == 1


async def settle(keeper: BundleKeeper) -> None:
    """Wait until nothing is under way, and its callbacks have run."""
    await asyncio.gather(*keeper._pending, return_exceptions=True)
    await asyncio.sleep(0)
    assert not keeper._pending


async def test_a_kept_bundle_can_be_read_again(tmp_path: Path) -> None:
    keeper = BundleKeeper(folder_at(tmp_path))
    keeper.keep(START, recorded)
    await keeper.close()
    (name,) = names(tmp_path)
    assert decode((tmp_path / "village.bundles" / name).read_bytes()) == recorded()
    assert keeper.counters() == {"bundles.written": 1, "bundles.failed": 0, "bundles.dropped": 0}


async def test_a_failed_write_is_counted_and_told_once_and_so_is_the_recovery(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "village.bundles").write_bytes(b"a file where the folder should be")
    keeper = BundleKeeper(folder_at(tmp_path))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            keeper.keep(START, recorded)
            await settle(keeper)
        (tmp_path / "village.bundles").unlink()
        for _ in range(2):
            keeper.keep(START, recorded)
            await settle(keeper)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "a planning bundle could not be kept",
        "planning bundles are written again",
    ]
    assert keeper.counters() == {"bundles.written": 2, "bundles.failed": 3, "bundles.dropped": 0}
    await keeper.close()


async def test_a_bundle_that_cannot_be_made_is_counted(tmp_path: Path) -> None:
    def fail() -> Bundle:
        raise BundleError("problem: nothing to make it of; accepted: something")

    keeper = BundleKeeper(folder_at(tmp_path))
    keeper.keep(START, fail)
    await keeper.close()
    assert keeper.counters()["bundles.failed"] == 1
    assert not (tmp_path / "village.bundles").exists()


async def test_a_disk_that_has_stopped_costs_bundles_not_memory(tmp_path: Path) -> None:
    disk = threading.Event()

    def wait() -> Bundle:
        assert disk.wait(30.0)
        return recorded()

    keeper = BundleKeeper(folder_at(tmp_path))
    for number in range(WAITING_LIMIT + 5):
        keeper.keep(START + timedelta(minutes=number), wait)
    assert keeper.counters()["bundles.dropped"] == 5
    disk.set()
    await keeper.close()
    assert keeper.counters()["bundles.written"] == WAITING_LIMIT
    assert len(names(tmp_path)) == WAITING_LIMIT


def test_virtual_time_stands_still_while_a_bundle_is_written(tmp_path: Path) -> None:
    problem, plan = solved()

    def make(decision_id: str) -> Callable[[], Bundle]:
        return lambda: bundle_of(problem, plan, decision_id)

    async def live_a_day(clock: VirtualClock) -> list[int]:
        keeper = BundleKeeper(folder_at(tmp_path))
        seen = []
        for number in range(96):
            keeper.keep(clock.now_utc(), make(f"1-{number}"))
            await asyncio.sleep(900.0)
            seen.append(keeper.counters()["bundles.written"])
        await keeper.close()
        return seen

    assert run_virtual(live_a_day, start_utc=START) == list(range(1, 97))
    assert len(names(tmp_path)) == 96


def test_every_program_that_makes_a_plan_is_named_with_its_version() -> None:
    versions = program_versions()
    assert tuple(versions) == PROGRAMS
    assert all(text[0].isdigit() or text == "not installed" for text in versions.values())
    assert versions["numpy"][0].isdigit()
