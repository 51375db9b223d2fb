"""Canonical JSON for the store's text columns; sensitive keys and numbers that are not finite are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np

from models.domain.errors import StoreError

_SENSITIVE_WORDS = frozenset({"income", "incomes", "tier", "tiers", "name"})


def is_sensitive_key(key: str) -> bool:
    """Whether one of the key's words (split at anything but letters) is income, tier or name."""
    return not _SENSITIVE_WORDS.isdisjoint(re.split(r"[^a-z]+", key.lower()))


def to_json(value: object, *, place: str, is_keyed_by_member: bool = False) -> str:
    """Compact JSON with sorted keys.

    Args:
        value: mappings, sequences, strings, numbers; a mapping's keys must be free of sensitive words.
        place: what it is, for the error.
        is_keyed_by_member: the keys are member ids, which may be any word.

    Raises:
        StoreError: NaN, infinity, a sensitive key, or a value that may not be written down.
    """
    if not is_keyed_by_member:
        _refuse_sensitive(value, place)
    try:
        return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        message = f"{place} cannot be stored: {error}"
        raise StoreError(message) from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _refuse_sensitive(value: object, place: str) -> None:
    if isinstance(value, Mapping):
        for key, part in value.items():
            if is_sensitive_key(str(key)):
                message = f"{place}: the key {key!r} is of a sensitive kind and is not stored"
                raise StoreError(message)
            _refuse_sensitive(part, place)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _refuse_sensitive(part, place)
