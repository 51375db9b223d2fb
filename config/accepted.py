"""What a place in the site file accepts, in words, from the JSON Schema."""

from __future__ import annotations

from typing import Any

from config.flaw import Location
from config.json_schema import site_schema

Node = dict[str, Any]

_UNITS = (
    ("_eur_per_kwh", "currency/kWh"),
    ("_eur_per_kw", "currency/kW"),
    ("_eur_per_month", "currency/month"),
    ("_kwh", "kWh"),
    ("_kwp", "kWp"),
    ("_kw", "kW"),
    ("_frac", "as a fraction, not percent"),
    ("_min", "minutes"),
    ("_s", "seconds"),
    ("_deg", "degrees"),
    ("_mb", "MB"),
    ("_m", "m"),
)
_NUMBER_KEYS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_PATTERNS = {
    r"^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$": "1 to 32 of a-z, 0-9, - and _, no - or _ at the ends",
    r"^[A-Z]{3}$": "three capital letters, such as EUR",
    r"^[A-Z_][A-Z0-9_]*$": "the name of an environment variable, in capitals",
    r"^https?://": "an address that begins with http:// or https://",
    r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$": 'a time of day in the site\'s zone, such as "17:00"',
}


def schema_at(location: Location, data: Any) -> Node | None:
    """Schema of the place, or ``None`` where the schema knows no such place.

    Args:
        location: keys and indices from the top.
        data: the whole file's data; tells which alternative is meant where there are several.
    """
    node: Node | None = site_schema()
    for element in location:
        node = _choose(node, data)
        if node is None:
            return None
        node = _child(node, element)
        data = _step(data, element)
    return _choose(node, data)


def known_keys(node: Node | None) -> tuple[str, ...]:
    """Keys that a mapping may have."""
    return tuple(node.get("properties", ())) if node else ()


def describe(node: Node | None, key: str = "") -> str:
    """What a place accepts, such as ``a number from 0 to 1000 [kW]``.

    Args:
        node: from ``schema_at``.
        key: the last key on the way, for its unit.
    """
    if node is None:
        return "nothing"
    if "const" in node or "enum" in node:
        return _one_of(node)
    if "oneOf" in node:
        return f"a mapping with kind: {' | '.join(node['discriminator']['mapping'])}"
    unit = next((text for suffix, text in _UNITS if key.endswith(suffix)), "")
    match node.get("type"):
        case "number" | "integer":
            words = _number(node, unit)
        case "string":
            words = _text(node)
        case "array":
            words = _list(node, key)
        case "object":
            words = f"a mapping with {_listing(node)}"
        case _:
            words = "a value"
    return words


def is_path(node: Node | None) -> bool:
    """Whether the place names a file."""
    return node is not None and node.get("format") == "path"


def _resolve(node: Node) -> Node:
    while "$ref" in node:
        node = site_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _choose(node: Node | None, data: Any) -> Node | None:
    if node is None:
        return None
    node = _resolve(node)
    if "anyOf" in node:
        options = [_resolve(option) for option in node["anyOf"] if option.get("type") != "null"]
        return {**options[0], **{key: value for key, value in node.items() if key == "description"}}
    if "discriminator" in node and isinstance(data, dict):
        kind = data.get(node["discriminator"]["propertyName"])
        target = node["discriminator"]["mapping"].get(kind) if isinstance(kind, str) else None
        return _resolve({"$ref": target}) if target else node
    return node


def _child(node: Node, element: str | int) -> Node | None:
    if isinstance(element, int):
        fixed = node.get("prefixItems", ())
        child: Node | None = fixed[element] if element < len(fixed) else node.get("items")
        return child
    extra = node.get("additionalProperties")
    child = node.get("properties", {}).get(element)
    return child if child is not None or not isinstance(extra, dict) else extra


def _step(data: Any, element: str | int) -> Any:
    if isinstance(element, int):
        return data[element] if isinstance(data, list) and element < len(data) else None
    return data.get(element) if isinstance(data, dict) else None


def _one_of(node: Node) -> str:
    return " | ".join(str(value) for value in node.get("enum", [node.get("const")]))


def _number(node: Node, unit: str) -> str:
    kind = "a whole number" if node["type"] == "integer" else "a number"
    least, most, above, below = (node.get(key) for key in _NUMBER_KEYS)
    if least is not None and most is not None:
        bounds = f" from {least:.10g} to {most:.10g}"
    else:
        parts = [
            f"above {above:.10g}" if above is not None else "",
            f"at least {least:.10g}" if least is not None else "",
        ]
        parts += [
            f"below {below:.10g}" if below is not None else "",
            f"at most {most:.10g}" if most is not None else "",
        ]
        bounds = " " + ", ".join(part for part in parts if part)
    return f"{kind}{bounds.rstrip()}{f' [{unit}]' if unit else ''}"


def _text(node: Node) -> str:
    if is_path(node):
        return "the path of a file, relative to the site file"
    if "pattern" in node:
        return _PATTERNS.get(node["pattern"], f"a text that matches {node['pattern']}")
    if "maxLength" in node:
        return f"a text of {node.get('minLength', 0)} to {node['maxLength']} characters"
    return "a text"


def _list(node: Node, key: str) -> str:
    least, most = node.get("minItems", 0), node.get("maxItems")
    if least and least == most:
        return f"a list of {least} values"
    count = f" of {least} to {most}" if most else f" of at least {least}" if least else ""
    return f"a list{count} {key.replace('_', ' ')}".rstrip() if key else f"a list{count}"


def _listing(node: Node) -> str:
    keys = known_keys(node)
    required = node.get("required", [])
    return f"the keys {', '.join(required or keys[:6])}" if keys else "names as keys"
