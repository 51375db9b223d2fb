"""What was probably meant: hints for the slips that people make in site files."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any
from zoneinfo import available_timezones

from config.accepted import Node, known_keys
from config.flaw import Location

_SECRET = re.compile(r"passw|token|secret|api_?key|credential", re.IGNORECASE)
_SENSITIVE = re.compile(r"income(?!_min)|salary|priority|^tier$", re.IGNORECASE)
_UNIT_SUFFIX = re.compile(
    r"_(eur_per_kwh|eur_per_kw|eur_per_month|eur|ct_per_kwh|cents?_per_kwh|ct|cents?|kwh|wh|mwh|kwp|wp|kw|w|mw"
    r"|frac|pct|percent|min|minutes|s|sec|seconds|h|hours|ms|deg|m)$",
)
_NUMBER_WITH_UNIT = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?)\s*([a-zA-Z%€$/]+)\s*")


def is_secret(location: Location) -> bool:
    """Whether what stands there may be a password or a token."""
    return any(isinstance(element, str) and _SECRET.search(element) for element in location)


def show(location: Location, value: Any) -> str:
    """What stands there, in a few characters, masked where it is secret or sensitive."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return f"a mapping with {len(value)} keys" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    is_name = len(location) > 1 and location[0] == "members" and location[-1] == "name"
    is_sensitive = any(isinstance(element, str) and _SENSITIVE.search(element) for element in location)
    if is_secret(location) or is_sensitive or is_name:
        return "<hidden>"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def hint_unknown_key(key: str, node: Node | None) -> str:
    """What an unknown key of a mapping was probably meant to be."""
    keys = known_keys(node)
    if key.isdigit():
        return "a comma separates keys here; write decimals with a point"
    if key == "<<":
        return "merge keys are not supported; write the keys out"
    if _SECRET.search(key) and not key.endswith(("_file", "_env")):
        ways = [one for one in keys if one.endswith(("_file", "_env"))]
        return f"a secret does not belong in the site file; use {' or '.join(ways) or 'a file or environment variable'}"
    stem = _UNIT_SUFFIX.sub("", key)
    same_stem = [one for one in keys if _UNIT_SUFFIX.sub("", one) == stem]
    if same_stem:
        return f"did you mean {same_stem[0]}? Every quantity carries its unit in its name; convert the value if need be"
    close = get_close_matches(key, keys, n=2, cutoff=0.6) or [one for one in keys if one.startswith(stem + "_")][:2]
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known keys: {', '.join(keys)}" if keys else ""


def hint_number(key: str, value: Any, node: Node | None) -> str:
    """Hint for a number that is out of range, or for what should have been a number."""
    if isinstance(value, str):
        return _hint_text_for_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or node is None:
        return ""
    if key.endswith("_frac") and 1.0 < value <= 100.0:
        return f"looks like percent: {value:g} % is {value / 100:g}"
    if key.endswith("_per_kwh") and abs(value) > 1.0:
        return f"looks like cents: {value:g} cents is {value / 100:g}"
    most = node.get("maximum", node.get("exclusiveMaximum"))
    if most is not None and value > most and value / 1000 <= most:
        return hint_thousand(key, value)
    return ""


def hint_thousand(key: str, value: float) -> str:
    """Hint for a value that looks a thousand times too large."""
    for suffix, small, large in (("_kwh", "Wh", "kWh"), ("_kwp", "Wp", "kWp"), ("_kw", "W", "kW"), ("_s", "ms", "s")):
        if key.endswith(suffix):
            return f"looks like {small}: {value:g} {small} is {value / 1000:g} {large}"
    return ""


def hint_choice(value: Any, node: Node | None) -> str:
    """Hint for a word that is not one of those accepted."""
    if not isinstance(value, str) or node is None:
        return "write it in quotes" if isinstance(value, int | float) and not isinstance(value, bool) else ""
    words = [str(word) for word in node.get("enum", [node.get("const")])]
    words = list(node["discriminator"]["mapping"]) if "discriminator" in node else words
    close = get_close_matches(value.lower(), words, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else ""


def hint_text(key: str, value: Any, node: Node | None) -> str:
    """Hint for a text that does not have the form it needs."""
    if "_env" in key:
        return "the variable's name stands here, not the secret itself"
    if node and "time of day" in str(node.get("examples", "")) + str(node.get("pattern", "")).replace(
        "24:00", "time of day"
    ):
        return _hint_clock(value)
    if key in {"id", "member", "asset"} and isinstance(value, str):
        slug = re.sub(r"[^a-z0-9_-]+", "-", value.lower()).strip("-_")[:32].strip("-_")
        return f"such as {slug}" if slug and slug != value else ""
    if key == "id" and isinstance(value, int):
        return f'write it in quotes: "{value}"'
    if key == "currency" and isinstance(value, str) and value.isalpha() and len(value) == 3:
        return f"write {value.upper()}"
    return ""


def hint_zone(name: str) -> str:
    """Names of existing time zones that look like the one given."""
    zones = sorted(available_timezones())
    wanted = name.strip().replace(" ", "_").lower()
    same = [zone for zone in zones if zone.lower() == wanted]
    city = [zone for zone in zones if zone.lower().rsplit("/", 1)[-1] == wanted.rsplit("/", 1)[-1]]
    lowered = {zone.lower(): zone for zone in zones}
    close = [lowered[one] for one in get_close_matches(wanted, lowered, n=3, cutoff=0.7)]
    found = list(dict.fromkeys(same + city[:3] + close))[:3]
    return f"did you mean {' or '.join(found)}?" if found else "zones are named like Europe/Berlin (IANA)"


def _hint_text_for_number(value: str) -> str:
    match = _NUMBER_WITH_UNIT.fullmatch(value)
    if match:
        number, unit = match.group(1).replace(",", "."), match.group(2)
        if unit == "%":
            return f"write {float(number) / 100:g}, as a fraction"
        return f"write the number alone, without {unit}; the key's name says its unit"
    if re.fullmatch(r"\s*[-+]?\d+,\d+\s*", value):
        return f"write {value.strip().replace(',', '.')}, with a decimal point"
    if re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", value):
        return f"write {value.strip()} without quotes"
    return ""


def _hint_clock(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 24:
        return f'write "{value:02d}:00"'
    match = re.fullmatch(r"(\d{1,2})[:.h](\d{2})(?::\d{2})?", value.strip()) if isinstance(value, str) else None
    if match and int(match.group(1)) <= 24 and int(match.group(2)) < 60:
        return f'write "{int(match.group(1)):02d}:{match.group(2)}"'
    return 'hours and minutes, such as "17:00"'
