"""Values to bytes and back, by their type hints: dataclasses, numbers, texts, times, arrays; nothing that can run.

Canonical: equal values give equal bytes. They are a JSON text that names every field, and the arrays it points to::

    length of the text (4 bytes, big-endian) | text | arrays one after the other, little-endian
"""

from __future__ import annotations

import json
import math
import struct
import types
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from models.dispatch.problem import BoolArray, FloatArray, IntArray
from models.domain.errors import BundleError

T = TypeVar("T")

_LENGTH = struct.Struct(">I")
_DTYPES = {"f8": np.dtype("<f8"), "i8": np.dtype("<i8"), "b1": np.dtype("|b1")}
_NAMES: tuple[tuple[Any, str], ...] = ((FloatArray, "f8"), (IntArray, "i8"), (BoolArray, "b1"))
MAX_AXES = 2


@dataclass(slots=True)
class _Arrays:
    """Arrays on their way out, or in."""

    heads: list[dict[str, Any]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)


def pack(value: Any) -> bytes:
    """Bytes of a dataclass.

    Raises:
        BundleError: It holds a number that is not finite outside an array, or something else than its types say.
    """
    arrays = _Arrays()
    try:
        tree = {"value": _write(type(value), value, arrays), "arrays": arrays.heads}
        text = json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True).encode()
    except (TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"a {type(value).__name__} cannot be bundled: {error}") from error
    return b"".join([_LENGTH.pack(len(text)), text, *arrays.parts])


def unpack(kind: type[T], content: bytes) -> T:
    """The dataclass that ``pack`` was given.

    Raises:
        BundleError: naming the place, what was found there and what is accepted.
    """
    if len(content) < _LENGTH.size or len(content) < _LENGTH.size + _LENGTH.unpack_from(content)[0]:
        raise BundleError(f"content: {len(content)} bytes; accepted: as many as it announces")
    end = _LENGTH.size + _LENGTH.unpack_from(content)[0]
    try:
        tree = json.loads(content[_LENGTH.size : end])
    except (ValueError, RecursionError) as error:
        raise BundleError(f"content: no JSON text ({error}); accepted: what this program wrote") from error
    top = _mapping("content", tree, ("arrays", "value"))
    arrays = _Arrays(values=_read_arrays(top["arrays"], content[end:]))
    result: T = _read(kind, top["value"], arrays, "")
    return result


def _write(hint: Any, value: Any, arrays: _Arrays) -> Any:
    if (name := _array_name(hint)) is not None:
        return _write_array(name, value, arrays)
    if hint is float:
        return float(value)
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        # What has its default is left out, so that a field added later changes neither old bytes nor their hash.
        named = [(item.name, getattr(value, item.name)) for item in fields(hint) if not _is_default(item, value)]
        return {name: _write(hints[name], part, arrays) for name, part in named}
    if isinstance(value, tuple):
        return [_write(get_args(hint)[0], item, arrays) for item in value]
    if value is None or isinstance(value, str | int | float | np.integer | datetime | dict):
        return _write_plain(value)
    return _write(_present(hint), value, arrays)


def _write_plain(value: Any) -> Any:
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value


def _write_array(name: str, value: Any, arrays: _Arrays) -> dict[str, int]:
    array = np.ascontiguousarray(value, dtype=_DTYPES[name])
    arrays.heads.append({"dtype": name, "shape": list(np.shape(value))})
    arrays.parts.append(array.tobytes())
    return {"array": len(arrays.heads) - 1}


def _array_name(hint: Any) -> str | None:
    return next((name for alias, name in _NAMES if hint == alias), None)


def _present(hint: Any) -> Any:
    """X of ``X | None``."""
    options = [option for option in get_args(hint) if option is not type(None)]
    if get_origin(hint) not in (Union, types.UnionType) or len(options) != 1:
        raise TypeError(f"no form for {hint}")
    return options[0]


def _read_arrays(heads: Any, content: bytes) -> list[np.ndarray]:
    values, offset = [], 0
    for index, head in enumerate(_list(heads, "arrays")):
        place = f"arrays[{index}]"
        shape, dtype = _mapping(place, head, ("dtype", "shape"))["shape"], head["dtype"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise BundleError(f"{place}.dtype: found {_show(dtype)}; accepted: {', '.join(_DTYPES)}")
        is_shape = isinstance(shape, list) and len(shape) <= MAX_AXES
        if not is_shape or not all(type(size) is int and size >= 0 for size in shape):
            raise BundleError(f"{place}.shape: found {_show(shape)}; accepted: up to {MAX_AXES} sizes")
        count = math.prod(shape)
        end = offset + count * _DTYPES[dtype].itemsize
        if end > len(content):
            raise BundleError(f"{place}: {end - len(content)} bytes are missing; accepted: {count} values")
        values.append(_read_array(place, content[offset:end], dtype, shape))
        offset = end
    if offset != len(content):
        raise BundleError(f"arrays: {len(content) - offset} bytes too many; accepted: {offset}")
    return values


def _read_array(place: str, content: bytes, dtype: str, shape: list[int]) -> np.ndarray:
    if dtype == "b1" and content.strip(b"\x00\x01"):
        raise BundleError(f"{place}: found another truth value; accepted: 0 | 1")
    values = np.frombuffer(content, dtype=_DTYPES[dtype]).reshape(shape)
    values.setflags(write=False)
    return values


def _read(hint: Any, node: Any, arrays: _Arrays, place: str) -> Any:
    if (name := _array_name(hint)) is not None:
        return _take_array(name, node, arrays, place)
    if (read := _SCALARS.get(hint)) is not None:
        return read(node, place)
    if is_dataclass(hint):
        return _read_dataclass(hint, node, arrays, place)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _word(hint, node, place)
    if get_origin(hint) is tuple:
        items = _list(node, place)
        return tuple(_read(get_args(hint)[0], item, arrays, f"{place}[{index}]") for index, item in enumerate(items))
    return None if node is None else _read(_present(hint), node, arrays, place)


def _read_dataclass(hint: Any, node: Any, arrays: _Arrays, place: str) -> Any:
    hints = get_type_hints(hint)
    optional = tuple(item.name for item in fields(hint) if not _is_required(item))
    found = _mapping(place or "value", node, tuple(hints), optional)
    return hint(**{key: _read(hints[key], found[key], arrays, f"{place}.{key}".strip(".")) for key in found})


def _is_required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _is_default(item: Field[Any], value: Any) -> bool:
    part = getattr(value, item.name)
    if item.default_factory is not MISSING:
        usual = item.default_factory()
        return np.shape(part) == np.shape(usual) and np.array_equal(part, usual)
    return part is item.default or (isinstance(part, str | int | float | tuple) and part == item.default)


def _take_array(name: str, node: Any, arrays: _Arrays, place: str) -> np.ndarray:
    index = _mapping(place, node, ("array",))["array"]
    if type(index) is not int or not 0 <= index < len(arrays.values):
        raise BundleError(f"{place}: found array {_show(index)}; accepted: 0 to {len(arrays.values) - 1}")
    values = arrays.values[index]
    if values.dtype != _DTYPES[name]:
        raise BundleError(f"{place}: found {values.dtype}; accepted: {_DTYPES[name]}")
    return values


def _mapping(place: str, node: Any, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise BundleError(f"{place}: found {_show(node)}; accepted: {', '.join(sorted(keys))}")
    if not all(key in keys for key in node) or not all(key in node or key in optional for key in keys):
        raise BundleError(f"{place}: found {', '.join(sorted(node))}; accepted: {', '.join(sorted(keys))}")
    return node


def _list(node: Any, place: str) -> list[Any]:
    if not isinstance(node, list):
        raise BundleError(f"{place}: found {_show(node)}; accepted: a list")
    return node


def _texts(node: Any, place: str) -> dict[str, str]:
    if not isinstance(node, dict) or not all(isinstance(text, str) for text in node.values()):
        raise BundleError(f"{place}: found {_show(node)}; accepted: texts by name")
    return node


def _word(kind: type[StrEnum], node: Any, place: str) -> StrEnum:
    if node not in list(kind):
        raise BundleError(f"{place}: found {_show(node)}; accepted: {', '.join(kind)}")
    return kind(node)


def _text(node: Any, place: str) -> str:
    if not isinstance(node, str):
        raise BundleError(f"{place}: found {_show(node)}; accepted: a text")
    return node


def _integer(node: Any, place: str) -> int:
    if type(node) is not int:
        raise BundleError(f"{place}: found {_show(node)}; accepted: a whole number")
    return node


def _number(node: Any, place: str) -> float:
    if type(node) is not float or not math.isfinite(node):
        raise BundleError(f"{place}: found {_show(node)}; accepted: a finite number, with its point")
    return node


def _moment(node: Any, place: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(node, place))
    except ValueError as error:
        raise BundleError(f"{place}: found {_show(node)}; accepted: an ISO time") from error
    if moment.tzinfo is None:
        raise BundleError(f"{place}: found {_show(node)}; accepted: a time with its zone")
    return moment.astimezone(UTC)


def _show(node: Any) -> str:
    text = repr(node)
    return text if len(text) <= 60 else f"{text[:57]}..."


_SCALARS: dict[Any, Callable[[Any, str], Any]] = {
    str: _text,
    int: _integer,
    float: _number,
    datetime: _moment,
    dict[str, str]: _texts,
}
