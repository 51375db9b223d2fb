"""Plain data to a site, with every flaw of shape, type and range at once.

The data goes through JSON, where pydantic's strict mode tells ``3`` from ``"3"`` and from ``true``. Where there are
flaws, a mended copy (defaults and least values in their places) lets the cross-checks run all the same.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.accepted import Node, describe, schema_at
from config.flaw import Flaw, Location
from config.schema import Site
from config.slips import hint_choice, hint_number, hint_text, hint_unknown_key, hint_zone, show

_NUMBER_ERRORS = ("float_", "int_", "greater_", "less_", "finite_")
_CHOICE_ERRORS = ("literal_", "enum")
_MEND_ROUNDS = 3


def validate_site(data: Any) -> tuple[Site | None, list[Flaw]]:
    """The site, or every flaw that keeps the data from being one."""
    try:
        return Site.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        errors = error.errors(include_input=False, include_url=False)
        return None, [_read_error(one, data) for one in errors if not _is_echo(one, data)]


def mend_site(data: Any, flaws: list[Flaw]) -> Site | None:
    """A site from flawed data, fit for cross-checks only, or ``None`` where too little is known."""
    mended = copy.deepcopy(data)
    for _ in range(_MEND_ROUNDS):
        # From the end, so that deleting a list's element does not move those still to be mended.
        for flaw in sorted(flaws, key=lambda flaw: json.dumps(flaw.location), reverse=True):
            _mend(mended, flaw.location)
        site, flaws = validate_site(mended)
        if site is not None:
            return site
    return None


def value_at(data: Any, location: Location) -> Any:
    """What stands at a place; ``None`` where there is nothing."""
    for element in location:
        if isinstance(data, dict) and isinstance(element, str):
            data = data.get(element)
        elif isinstance(data, list) and isinstance(element, int) and element < len(data):
            data = data[element]
        else:
            return None
    return data


def _read_error(error: ErrorDetails, data: Any) -> Flaw:
    location = _without_tags(error["loc"], data)
    kind, key = error["type"], str(location[-1]) if location else ""
    if kind.startswith("union_tag"):
        value = value_at(data, (*location, "kind"))
        words, hint = (
            describe(schema_at(location, data)).rsplit(": ", 1)[-1],
            hint_choice(value, schema_at(location, data)),
        )
        return Flaw(location=(*location, "kind"), found=show(location, value), accepted=words, hint=hint)
    node = schema_at(location, data)
    value = value_at(data, location)
    if kind == "extra_forbidden":
        parent = schema_at(location[:-1], data)
        return Flaw(
            location=location, found="an unknown key", accepted=_keys(parent), hint=hint_unknown_key(key, parent)
        )
    if kind == "missing":
        return Flaw(location=location, found="nothing", accepted=describe(node, key), hint="this key is required")
    accepted = describe(node, key)
    hint = _hint(kind, key, value, node)
    if kind == "value_error" and key == "zone":
        accepted, hint = "the IANA name of a time zone, such as Europe/Berlin", hint_zone(str(value))
    elif kind == "value_error" and isinstance(value, dict):
        accepted = str(error.get("ctx", {}).get("error", error["msg"]))
        return Flaw(location=location, found=_keys_and_kind(value), accepted=accepted)
    # A text where a mapping belongs may be a secret that slipped up a level.
    is_misplaced = isinstance(value, str) and node is not None and node.get("type") in {"object", "array"}
    found = "a text" if is_misplaced else show(location, value)
    return Flaw(location=location, found=found, accepted=accepted, hint=hint)


def _is_echo(error: ErrorDetails, data: Any) -> bool:
    """A list whose elements are all flawed counts as too short besides."""
    return error["type"] == "too_short" and bool(value_at(data, _without_tags(error["loc"], data)))


def _hint(kind: str, key: str, value: Any, node: Node | None) -> str:
    if kind.startswith(_NUMBER_ERRORS) or (
        kind == "value_error" and node and node.get("type") in {"number", "integer"}
    ):
        return hint_number(key, value, node)
    if kind.startswith(_CHOICE_ERRORS):
        return hint_choice(value, node)
    if kind == "tuple_type" and isinstance(value, dict):
        return "begin each element of a list with '- '"
    if kind in {"tuple_type", "model_type", "model_attributes_type"} and value is None:
        return "nothing stands below this key; check the indentation, or leave the key out"
    return hint_text(key, value, node)


def _keys(node: Node | None) -> str:
    return ", ".join(node.get("properties", ())) if node else "no keys"


def _keys_and_kind(value: dict[str, Any]) -> str:
    return f"kind: {value.get('kind')} with the keys {', '.join(value)}"


def _without_tags(location: tuple[str | int, ...], data: Any) -> Location:
    """Pydantic names the chosen alternative on the way; the file has no such key."""
    result: list[str | int] = []
    for position, element in enumerate(location):
        is_last = position == len(location) - 1
        if isinstance(data, dict) and data.get("kind") == element and not is_last:
            continue
        result.append(element)
        data = value_at(data, (element,))
    return tuple(result)


def _mend(data: Any, location: Location) -> None:
    if not location:
        return
    parent, element = value_at(data, location[:-1]), location[-1]
    node = schema_at(location, data)
    owner = schema_at(location[:-1], data)
    if isinstance(parent, dict) and isinstance(element, str):
        parent.pop(element, None)
        if node is not None and owner is not None and element in owner.get("required", ()):
            parent[element] = _placeholder(node, location)
    elif isinstance(parent, list) and isinstance(element, int) and element < len(parent):
        value = parent[element]
        # A broken element stays where it is, so that the indices of its neighbours do.
        parent[element] = _placeholder(node, location, value if isinstance(value, dict) else None) if node else None


def _placeholder(node: Node, location: Location, value: dict[str, Any] | None = None) -> Any:
    if "enum" in node or "const" in node:
        return node.get("const", node.get("enum", [None])[0])
    match node.get("type", "oneOf" if "oneOf" in node else ""):
        case "oneOf":
            stand_in: Any = {"kind": "flat", "price_eur_per_kwh": 0.0}
        case "number" | "integer":
            stand_in = node.get("minimum", node.get("exclusiveMinimum", 0) + 1)
        case "array":
            child = (*location, 0)
            stand_in = [_placeholder(schema_at(child, None) or {}, child)] if node.get("minItems") else []
        case "object":
            stand_in = _mapping_placeholder(node, location, value or {})
        case _:
            named = {"currency": "EUR", "zone": "UTC"}
            stand_in = node.get("examples", [named.get(str(location[-1]), _stand_in(location))])[0]
    return stand_in


def _mapping_placeholder(node: Node, location: Location, value: dict[str, Any]) -> dict[str, Any]:
    properties = node.get("properties", {})
    if "community_meter" in properties.get("kind", {}).get("enum", ()):
        # The only device that needs neither owner nor asset.
        return {"id": _stand_in(location), "kind": "community_meter"}
    kept = {key: part for key, part in value.items() if key in properties}
    missing = [key for key in node.get("required", ()) if key not in kept]
    return kept | {key: _placeholder(schema_at((*location, key), None) or {}, (*location, key)) for key in missing}


def _stand_in(location: Location) -> str:
    return "x" + "".join(str(element) for element in location if isinstance(element, int))
