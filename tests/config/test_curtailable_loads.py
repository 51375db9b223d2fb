from __future__ import annotations

from typing import Any

import pytest

from config.errors import Severity
from tests.config.plain_community import community, errors_of, flaws_of, warnings_of


def with_curtailable(*loads: dict[str, Any], **member: Any) -> dict[str, Any]:
    """A first member with curtailable loads and a device for each."""
    data = community()
    data["members"][0] |= {"curtailable_loads": [{"power_kw": 2.0, **load} for load in loads], **member}
    data["gateways"][0]["devices"] += [
        {"id": load["id"], "kind": "curtailable_load", "member": "m0", "asset": load["id"]} for load in loads
    ]
    return data


def test_a_curtailable_load_has_exactly_one_device() -> None:
    data = with_curtailable({"id": "boiler"})
    assert flaws_of(data) == []
    device = data["gateways"][0]["devices"].pop()
    assert errors_of(data) == [("members[0].curtailable_loads[0]", "no device")]
    data["gateways"][0]["devices"] += [device, {**device, "id": "again"}]
    assert errors_of(data) == [("gateways[0].devices[2]", "a second device for boiler")]


def test_a_device_that_names_another_kind_of_load_names_none() -> None:
    data = with_curtailable({"id": "boiler"})
    data["gateways"][0]["devices"][1]["kind"] = "shiftable_load"
    assert errors_of(data) == [
        ("gateways[0].devices[1].asset", "'boiler'"),
        ("members[0].curtailable_loads[0]", "no device"),
    ]


@pytest.mark.parametrize(
    "shares, found",
    [
        ((0.4, 0.6), []),
        ((0.1, 0.2, 0.7), []),
        ((1.0,), []),
        ((0.4, 0.7), [("members[0].curtailable_loads", "typical_share_frac of 1.1 in all")]),
    ],
)
def test_curtailable_loads_are_together_at_most_the_homes_demand(
    shares: tuple[float, ...], found: list[tuple[str, str]]
) -> None:
    loads = [{"id": f"l{k}", "typical_share_frac": share} for k, share in enumerate(shares)]
    assert errors_of(with_curtailable(*loads)) == found


@pytest.mark.parametrize(
    "power_kw, severity", [(17.0, None), (17.5, Severity.WARNING), (99.0, Severity.WARNING), (900.0, Severity.ERROR)]
)
def test_a_curtailable_load_draws_no_more_than_its_connection(power_kw: float, severity: Severity | None) -> None:
    flaws = flaws_of(with_curtailable({"id": "pump", "power_kw": power_kw}))
    assert flaws == ([(severity, "members[0].curtailable_loads[0].power_kw", f"{power_kw:g}")] if severity else [])


FLAT = {"kind": "flat", "price_eur_per_kwh": 0.3}
TIMES = {
    "kind": "time_of_use",
    "base_eur_per_kwh": 0.3,
    "windows": [{"start": "17:00", "end": "21:00", "price_eur_per_kwh": 0.4}],
}


@pytest.mark.parametrize(
    "price, load, is_suspicious",
    [
        (FLAT, {"discomfort_eur_per_kwh": 0.29}, True),
        (FLAT, {"discomfort_eur_per_kwh": 0.3}, False),
        (FLAT, {}, False),  # the default is nobody's slip
        (FLAT, {"discomfort_eur_per_kwh": 0.1, "limit_kwh_per_day": 0.0}, False),  # it is never held back
        (TIMES, {"discomfort_eur_per_kwh": 0.35}, False),  # below the evening's price only
        (TIMES, {"discomfort_eur_per_kwh": 0.2}, True),
        (TIMES | {"base_eur_per_kwh": 0.1}, {"discomfort_eur_per_kwh": 0.2}, False),
        (
            {"kind": "series", "file": "p.csv", "time_column": "t", "price_column": "p"},
            {"discomfort_eur_per_kwh": 0.0},
            False,
        ),
    ],
)
def test_a_discomfort_is_suspicious_only_below_every_price(
    price: dict[str, Any], load: dict[str, Any], *, is_suspicious: bool
) -> None:
    data = with_curtailable({"id": "boiler", **load})
    data["tariff"]["import_price"] = price
    place = "members[0].curtailable_loads[0].discomfort_eur_per_kwh"
    assert [path for path, _ in warnings_of(data)] == [place] * is_suspicious
    assert errors_of(data) == []
