"""Hashes of the ledger's last entries in a file of their own, so that a cut or rewritten ledger is noticed.

A chain alone cannot tell that its tail is missing or that all of it was hashed anew. The file lies beside the store;
a copy kept elsewhere (a print, a mail to the members) is what makes it worth something.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from models.domain.errors import StoreError

_HASH = re.compile(r"^[0-9a-f]{64}$")


def anchor_path(store_path: Path) -> Path:
    """Where a store's anchors are noted."""
    return store_path.with_name(f"{store_path.name}.anchors")


def note_anchor(store_path: Path, anchor: str) -> None:
    """Add the hash of the ledger's last entry, durably; a hash that is noted already is not noted twice.

    Raises:
        StoreError: the file cannot be written.
    """
    path = anchor_path(store_path)
    try:
        if read_anchors(store_path)[-1:] == [anchor]:
            return
        with path.open("a", encoding="ascii") as file:
            file.write(anchor + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        message = f"the ledger's anchor cannot be noted in {path}: {error}"
        raise StoreError(message) from error


def read_anchors(store_path: Path) -> list[str]:
    """All hashes that were noted, oldest first; a line that was cut short by a crash is left out."""
    path = anchor_path(store_path)
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="ascii", errors="replace").splitlines() if _HASH.match(line)]
