from __future__ import annotations

from pathlib import Path

import pytest

from config.load import read_site
from controller.apps.demo_options import SITE_NAME, STORE_NAME, DemoOptions
from controller.apps.demo_site import demo_site, write_demo_site
from controller.apps.report_explanation import tell_one_member
from controller.record.connection import open_writable, transaction
from controller.record.day_explanations import insert_day_explanations
from tests.controller.record.examples import START, open_store
from tests.controller.record.explained_day import DAY, explain_example

MEMBERS = tuple(f"m{number:02d}" for number in range(1, 7))


async def test_the_report_tells_the_member_with_the_middle_benefit(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    await store.close(START)
    assert tell_one_member(path, MEMBERS, "EUR") is None
    example = explain_example()
    connection = open_writable(path)
    with transaction(connection):
        insert_day_explanations(connection, DAY, 0, example.rows)
    connection.close()
    told = tell_one_member(path, MEMBERS, "EUR")
    assert told is not None
    benefits = {member: example.row(member).numbers["benefit_eur"] or 0.0 for member in MEMBERS}
    assert sum(benefit < benefits[told["member"]] for benefit in benefits.values()) <= 3
    assert sum(benefit > benefits[told["member"]] for benefit in benefits.values()) <= 3
    assert told["sentences"][0] == example.row(told["member"]).texts["en"]
    assert [heading for heading, _ in told["tables"]][:2] == ["The day", "What the benefit is made of"]
    assert not [other for other in MEMBERS if other != told["member"] and other in str(told)]


@pytest.mark.parametrize("changes", [{}, {"zone": "Europe/Madrid", "export_price_eur_per_kwh": 0.05}])
def test_an_invented_communitys_site_file_is_written_and_good(tmp_path: Path, changes: dict[str, object]) -> None:
    options = DemoOptions(members=6, days=1, seed=3, output=tmp_path, **changes)  # type: ignore[arg-type]
    site = demo_site(options)
    path = write_demo_site(options, site)
    assert path == tmp_path / SITE_NAME
    read = read_site(path)
    assert not read.findings
    assert read.site is not None
    assert [member.id for member in read.site.members] == [member.id for member in site.members]
    assert read.site.community.zone == site.community.zone
    assert read.site.tariff == site.tariff
    assert read.site.store.path == tmp_path / STORE_NAME


def test_a_site_file_of_the_users_is_left_alone(tmp_path: Path) -> None:
    invented = DemoOptions(members=6, days=1, seed=3, output=tmp_path)
    path = write_demo_site(invented, demo_site(invented))
    assert path is not None
    own = tmp_path / "own"
    own.mkdir()
    options = DemoOptions(members=6, days=1, seed=3, output=own, site_file=path)
    assert write_demo_site(options, demo_site(options)) is None
    assert not list(own.iterdir())
