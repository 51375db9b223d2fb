"""A community with nothing in it but meters, and what the cross-checks find in a site."""

from __future__ import annotations

from typing import Any

from config.composition import compose_description
from config.consistency import check_consistency
from config.errors import Severity
from config.flaw import path_text
from config.schema import Site


def community(members: int = 3) -> dict[str, Any]:
    """Plain members with nothing but a meter each."""
    data = compose_description(members, seed=1)
    data["members"] = [{"id": f"m{k}"} for k in range(members)]
    data["gateways"] = [
        {"id": f"g{k}", "devices": [{"id": "meter", "kind": "meter", "member": f"m{k}"}]} for k in range(members)
    ]
    return data


def flaws_of(data: dict[str, Any]) -> list[tuple[Severity, str, str]]:
    return [
        (flaw.severity, path_text(flaw.location), flaw.found) for flaw in check_consistency(Site.model_validate(data))
    ]


def errors_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(path, found) for severity, path, found in flaws_of(data) if severity is Severity.ERROR]


def warnings_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(path, found) for severity, path, found in flaws_of(data) if severity is Severity.WARNING]
