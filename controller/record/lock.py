"""One controller for one store: a lock on a file beside it, released by the kernel when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from models.domain.errors import StoreError


class StoreLock:
    """An exclusive lock, taken at once or refused at once."""

    def __init__(self, store_path: Path) -> None:
        self._path = store_path.with_name(store_path.name + ".lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            StoreError: another controller holds it, or the file cannot be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"cannot make the lock file {self._path}: {error.strerror}"
            raise StoreError(message) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            message = f"another controller (process {holder}) runs on this store; stop it first ({self._path})"
            raise StoreError(message) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, because removing it would let two controllers in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
