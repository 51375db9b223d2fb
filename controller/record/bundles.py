"""Planning bundles in a folder beside the store: one file a plan, kept for so many days and so many bytes.

They are written by a thread of their own. A bundle that cannot be written is counted and reported once; the cycle
never waits for one and never fails by one.
"""

from __future__ import annotations

import asyncio
import bisect
import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.dispatch.bundle import Bundle, encode
from models.domain.errors import BundleError

_log = logging.getLogger(__name__)

FOLDER_SUFFIX = ".bundles"
SUFFIX = ".cwbundle"
PROGRAMS = ("commonwatt", "pyomo", "swiglpk", "highspy", "numpy")
"""Distributions whose versions are part of a bundle."""
WAITING_LIMIT = 16
"""Bundles that may wait for the disk; more are dropped and counted."""
BYTES_PER_MB = 1_000_000
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"^(\d{8}T\d{6}Z)_[A-Za-z0-9-]{1,64}" + re.escape(SUFFIX) + "$")
_PARTIAL = ".partial"
_OWNER_ONLY = 0o600
"""A bundle names nobody, but it shows how each household lives."""


def bundle_folder(store_path: Path) -> Path:
    """Where the bundles of a store are."""
    return store_path.with_suffix(FOLDER_SUFFIX)


def program_versions() -> dict[str, str]:
    """Versions of the programs that make a plan."""
    return {name: _version(name) for name in PROGRAMS}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


class BundleFolder:
    """Bundle files on disk, oldest first; blocking, for one thread at a time.

    Args:
        path: The folder; made at the first write.
        days: Days after which a bundle is deleted.
        limit_bytes: What all bundles together may take.
    """

    def __init__(self, path: Path, *, days: int, limit_bytes: int) -> None:
        self._path = path
        self._age = timedelta(days=days)
        self._limit_bytes = limit_bytes
        self._files: list[tuple[str, int]] | None = None

    def write(self, at_utc: datetime, decision_id: str, content: bytes) -> Path:
        """Put a file there whole or not at all, then delete what is too old or too much.

        Raises:
            BundleError: The decision's id cannot be part of a file's name.
            OSError: It cannot be written.
        """
        name = f"{at_utc.astimezone(UTC):{_STAMP}}_{decision_id}{SUFFIX}"
        if not _NAME.match(name):
            raise BundleError(f"decision_id: found {decision_id!r}; accepted: up to 64 letters, digits and -")
        files = self._list()
        # Room is made first: the limit holds at every moment, and a full disk gets its chance.
        self._prune(files, at_utc, len(content))
        partial = self._path / f"{name}{_PARTIAL}"
        try:
            partial.touch(_OWNER_ONLY)
            partial.write_bytes(content)
            partial.replace(self._path / name)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        files[:] = [entry for entry in files if entry[0] != name]
        bisect.insort(files, (name, len(content)))
        return self._path / name

    def _list(self) -> list[tuple[str, int]]:
        if self._files is None:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for leftover in self._path.glob(f"*{SUFFIX}{_PARTIAL}"):
                leftover.unlink(missing_ok=True)
            found = [entry for entry in self._path.iterdir() if _NAME.match(entry.name)]
            self._files = sorted((entry.name, entry.stat().st_size) for entry in found)
        return self._files

    def _prune(self, files: list[tuple[str, int]], now_utc: datetime, room_bytes: int) -> None:
        oldest = f"{(now_utc - self._age).astimezone(UTC):{_STAMP}}"
        total_bytes = sum(size for _, size in files) + room_bytes
        while files and (files[0][0] < oldest or total_bytes > self._limit_bytes):
            name, size = files[0]
            (self._path / name).unlink(missing_ok=True)
            del files[0]
            total_bytes -= size
        if total_bytes > self._limit_bytes:
            raise BundleError(
                f"bundle: found {room_bytes} bytes; accepted: at most {self._limit_bytes} for all bundles"
            )


class BundleKeeper:
    """Writes bundles beside the loop, never in it."""

    def __init__(self, folder: BundleFolder) -> None:
        """Start with nothing written."""
        self._folder = folder
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bundles")
        self._pending: list[asyncio.Future[None]] = []
        self._is_failing = False
        self._counts = {"bundles.written": 0, "bundles.failed": 0, "bundles.dropped": 0}

    def keep(self, at_utc: datetime, make: Callable[[], Bundle]) -> None:
        """Have a bundle made and written; returns at once.

        Args:
            at_utc: When the plan was made; decides how long it is kept.
            make: Makes the bundle, in the keeper's thread, from values that do not change.
        """
        if len(self._pending) >= WAITING_LIMIT:
            self._note_failure("bundles.dropped", f"{WAITING_LIMIT} bundles wait for the disk; it does not keep up")
            return
        future = asyncio.get_running_loop().run_in_executor(self._executor, self._write, at_utc, make)
        self._pending.append(future)
        future.add_done_callback(self._note_end)

    def counters(self) -> Mapping[str, int]:
        """Bundles written, failed and dropped since the start."""
        return dict(self._counts)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._pending, return_exceptions=True)
        self._executor.shutdown(wait=False)

    def _write(self, at_utc: datetime, make: Callable[[], Bundle]) -> None:
        bundle = make()
        self._folder.write(at_utc, bundle.decision_id, encode(bundle))

    def _note_end(self, future: asyncio.Future[None]) -> None:
        self._pending.remove(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._note_failure("bundles.failed", f"{type(error).__name__}: {error}")
            return
        self._counts["bundles.written"] += 1
        if self._is_failing:
            _log.warning("planning bundles are written again")
        self._is_failing = False

    def _note_failure(self, counter: str, why: str) -> None:
        self._counts[counter] += 1
        if not self._is_failing:
            _log.warning("a planning bundle could not be kept: %s", why)
        self._is_failing = True
