from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.composition import compose_description, compose_site, describe_gateway
from config.load import parse_site
from config.schema import Site
from config.sites.write_thirty import SITE_FILE, thirty_text


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**32))
def test_every_composed_community_passes_the_check(members: int, seed: int) -> None:
    reading = parse_site(yaml.safe_dump(compose_description(members, seed)), Path())
    assert reading.findings == ()
    assert reading.site is not None
    assert len(reading.site.members) == members


@given(st.integers(1, 100), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_community(members: int, seed: int) -> None:
    assert compose_description(members, seed) == compose_description(members, seed)


def test_another_seed_gives_another_community() -> None:
    assert compose_description(12, 1)["members"] != compose_description(12, 2)["members"]


@given(st.integers(1, 100), st.integers(0, 2**32))
def test_curtailable_loads_leave_everything_else_of_a_seeds_community_as_it_is(members: int, seed: int) -> None:
    whole = compose_description(members, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("config.composition._add_curtailable", lambda _people, _rng: None)
        without = compose_description(members, seed)
    held = [member.pop("curtailable_loads", []) for member in whole["members"]]
    for gateway in whole["gateways"]:
        gateway["devices"] = [device for device in gateway["devices"] if device["kind"] != "curtailable_load"]
    assert whole == without
    assert sum(map(len, held)) == max(1, int(0.3 * members + 0.5))


def test_curtailable_loads_differ_from_seed_to_seed_and_from_home_to_home() -> None:
    def loads(seed: int) -> list[tuple[str, str, float]]:
        return [
            (member.id, load.id, load.discomfort_eur_per_kwh)
            for member in compose_site(30, seed).members
            for load in member.curtailable_loads
        ]

    assert loads(1) != loads(2)
    assert len({name for _, name, _ in loads(1)}) == 3
    assert len({discomfort for _, _, discomfort in loads(1)}) == 3


def counts(site: Site) -> tuple[int, int, int, int]:
    members = site.members
    return (
        sum(member.pv_kwp > 0 for member in members),
        sum(bool(member.batteries) for member in members),
        sum(bool(member.evs) for member in members),
        sum(bool(member.shiftable_loads) for member in members),
    )


@pytest.mark.parametrize("members, owners", [(12, (5, 4, 3, 4)), (30, (14, 10, 8, 9)), (100, (45, 31, 25, 30))])
def test_assets_are_as_frequent_as_they_should_be(members: int, owners: tuple[int, int, int, int]) -> None:
    assert counts(compose_site(members, seed=3)) == owners


def test_batteries_stand_only_where_pv_does() -> None:
    assert all(member.pv_kwp > 0 for member in compose_site(200, seed=4).members if member.batteries)


def test_the_richer_own_more_and_the_poorer_have_the_tiers() -> None:
    members = [member for member in compose_site(500, seed=5).members if member.income_eur_per_month is not None]
    incomes = {member.id: member.income_eur_per_month.reveal() for member in members if member.income_eur_per_month}

    def mean(ids: list[str]) -> float:
        return sum(incomes[one] for one in ids) / len(ids)

    everyone = mean(list(incomes))
    assert mean([member.id for member in members if member.pv_kwp > 0]) > everyone
    assert mean([member.id for member in members if member.priority_tier.reveal() == 3]) < 0.7 * everyone
    tiers = [member.priority_tier.reveal() for member in members]
    assert [tiers.count(tier) > 0 for tier in range(4)] == [True] * 4


def test_some_tell_no_income_and_one_is_a_business_without_tier_or_income() -> None:
    members = compose_site(100, seed=6).members
    silent = [member for member in members if member.income_eur_per_month is None]
    assert 10 <= len(silent) <= 11
    assert all(member.priority_tier.reveal() == 0 for member in silent)
    assert [member.kind for member in silent].count("business") == 1


def test_the_demo_runs_on_slow_telemetry_and_long_setpoints() -> None:
    control = compose_site(3, seed=1).control
    assert (control.telemetry_period_s, control.stale_after_s) == (60.0, 180.0)
    assert (control.setpoint_renewal_s, control.setpoint_life_s) == (300.0, 900.0)


def test_a_gateway_has_a_device_for_everything_its_member_owns() -> None:
    member = {
        "id": "m07",
        "pv_kwp": 5.0,
        "batteries": [{"id": "bat"}],
        "evs": [{"id": "ev"}],
        "curtailable_loads": [{"id": "boiler"}],
    }
    kinds = [(device["id"], device["kind"]) for device in describe_gateway(member)["devices"]]
    assert kinds == [("meter", "meter"), ("pv", "pv"), ("bat", "battery"), ("ev", "ev"), ("boiler", "curtailable_load")]


@pytest.mark.parametrize("members", [0, -1, 2001])
def test_a_community_has_one_to_two_thousand_members(members: int) -> None:
    with pytest.raises(ValueError, match="1 to 2000"):
        compose_description(members, 0)


def test_the_committed_site_of_thirty_is_what_its_script_writes() -> None:
    assert SITE_FILE.read_text(encoding="utf-8") == thirty_text()
