"""Bundle files with right checksums around content that no program wrote."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

from models.dispatch.bundle import Bundle
from models.dispatch.bundle_codec import pack


def seal(content: bytes) -> bytes:
    """A file with a right checksum around any content."""
    body = zlib.compress(content)
    return b"commonwatt-bundle 1\n" + hashlib.sha256(body).digest() + body


def rewrite(bundle: Bundle, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A file whose text was changed, with a right checksum."""
    content = pack(bundle)
    length = struct.unpack_from(">I", content)[0]
    tree = json.loads(content[4 : 4 + length])
    change(tree)
    text = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    return seal(struct.pack(">I", len(text)) + text + content[4 + length :])
