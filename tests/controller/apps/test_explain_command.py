from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from config.composition import compose_description
from config.load import load_site
from config.schema import Site
from controller.apps.cli import app
from controller.apps.explain_page import tabulate
from controller.loop.planner import PlanDecision
from controller.loop.setpoint_explanations import explain_setpoints
from controller.loop.setpoints import DevicePower, controlled_devices
from controller.record.catalogues import load_language
from controller.record.connection import open_writable, transaction
from controller.record.day_explanations import insert_day_explanations
from controller.record.records import DecisionRow, ExplanationRow, IntervalRecord, MeteredRow, Rung, SettledInterval
from controller.record.store import Store
from models.domain.setpoint import Reason
from models.domain.snapshot import MeterQuality
from models.explanation.language import LANGUAGES
from tests.controller.record.examples import PRICES, record
from tests.controller.record.examples import settled as settled_example
from tests.controller.record.explained_day import DAY, ExplainedDay, explain_example

START = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
EXAMPLE = explain_example()
RUNNER = CliRunner()


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    description = compose_description(6, 1)
    description["store"] = {"path": "s.sqlite"}
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(description), encoding="utf-8")
    return path


def fill(site: Site, *examples: tuple[ExplainedDay, int], powers: tuple[DevicePower, ...] = ()) -> None:
    """A store with one interval and with explained days."""

    async def write() -> None:
        store = await Store.open(
            site.store.path, site_id=site.community.id, language="en", started_utc=START, rng=np.random.default_rng(1)
        )
        planned = PlanDecision(rung=Rung.OPTIMAL, powers=powers, plan=None, built=None, solve_s=0.0, faults=())
        rows = explain_setpoints(site, planned)
        # As if a plan had said what one more kWh costs, and that the battery can do no more.
        rows = tuple(
            replace(row, numbers={**row.numbers, "marginal_price_eur_per_kwh": 0.31, "is_at_full_power": 1.0})
            for row in rows
        )
        await store.commit_interval(
            IntervalRecord(
                decision=decision("1-a-0", START),
                settled=(settled(powers[0].member if powers else "m01"),),
                explanations=rows,
            )
        )
        await store.close(START)

    asyncio.run(write())
    connection = open_writable(site.store.path)
    with transaction(connection):
        for example, revision in examples:
            insert_day_explanations(connection, DAY, revision, example.rows)
    connection.close()


def decision(decision_id: str, moment_utc: datetime) -> DecisionRow:
    return replace(
        record(1).decision,
        decision_id=decision_id,
        interval_start_utc=moment_utc,
        valid_from_utc=moment_utc,
        committed_utc=moment_utc,
    )


def settled(member: str) -> SettledInterval:
    return SettledInterval(
        start_utc=START,
        duration_s=900,
        key="equity",
        prices=PRICES,
        metered=(MeteredRow(member=member, quality=MeterQuality.MEASURED, import_wh=27, export_wh=30),),
        allocations=(
            replace(
                settled_example(1).allocations[0], member=member, sold_wh=0, own_wh=100, community_wh=0, grid_wh=27
            ),
        ),
    )


def ask(site_file: Path, *arguments: str) -> tuple[int, str, str]:
    result = RUNNER.invoke(app, ["explain", *arguments, "--config", str(site_file)], env={"COLUMNS": "100"})
    return result.exit_code, result.stdout, result.stderr


def test_the_newest_settled_day_is_told_in_sentences_and_tables(site_file: Path) -> None:
    fill(load_site(site_file), (EXAMPLE, 0))
    status, out, _ = ask(site_file, "m02", "--language", "de")
    assert status == 0
    words = " ".join(out.split())
    assert " ".join(EXAMPLE.row("m02").texts["de"].split()) in words
    assert "Woraus der Vorteil besteht" in words
    assert "Vorläufig: Spätere Zählerwerte können es noch ändern." in words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_can_be_asked_for(site_file: Path, language: str) -> None:
    fill(load_site(site_file), (EXAMPLE, 0))
    status, out, _ = ask(site_file, "m01", "--day", "2026-06-12", "--language", language, "--json")
    assert status == 0
    answer = json.loads(out)
    assert out.count("\n") == 1
    assert answer["sentences"][0] == EXAMPLE.row("m01").texts[language]
    assert answer["day"] == "2026-06-12"
    assert answer["revision"] == 0
    assert answer["explanations"][0]["numbers"] == EXAMPLE.row("m01").numbers


def test_nothing_of_another_member_is_printed(site_file: Path) -> None:
    fill(load_site(site_file), (EXAMPLE, 0))
    _, out, _ = ask(site_file, "m03", "--json")
    assert json.loads(out)["member"] == "m03"
    assert not [other for other in ("m01", "m02", "m04", "m05", "m06") if other in out]


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (("m99",), 2, "member: found 'm99'; accepted: m01, m02"),
        (("m01", "--day", "2026-06-12", "--interval", "2026-06-12T12:00"), 2, "accepted: one of them"),
        (("m01", "--what-if"), 2, "together with --interval"),
        (("m01", "--day", "2026-06-13"), 1, "2026-06-13 is not settled; settled are 2026-06-12"),
        (("m01", "--interval", "2026-06-12T09:00"), 1, "holds nothing on m01"),
        (
            ("m01", "--interval", "2026-06-12T12:00", "--what-if"),
            1,
            "no battery, car or appliance of m01 had another choice",
        ),
        (("m01", "--language", "xx"), 2, "xx"),
    ],
)
def test_what_cannot_be_told_is_said_clearly(
    site_file: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    fill(load_site(site_file), (EXAMPLE, 0))
    found, out, error = ask(site_file, *arguments)
    assert found == status
    assert words in " ".join(error.split())
    assert not out


def test_before_the_first_settled_day_it_is_said_when_there_will_be_one(site_file: Path) -> None:
    fill(load_site(site_file))
    status, _, error = ask(site_file, "m01")
    assert status == 1
    assert "no day has been settled yet" in error


def powers_of(site: Site) -> tuple[DevicePower, ...]:
    reasons = {"battery": Reason.STORE_SURPLUS, "pv": Reason.CURTAIL_LIMIT}
    return tuple(
        DevicePower(device=one.key, member=one.member, power_kw=1.5, reason=reasons.get(one.key.device, Reason.IDLE))
        for one in controlled_devices(site)
    )


def test_an_interval_is_told_with_its_energy_and_every_device(site_file: Path) -> None:
    site = load_site(site_file)
    powers = powers_of(site)
    owner = powers[0].member
    fill(site, powers=powers)
    status, out, _ = ask(site_file, owner, "--interval", "2026-06-12T12:07", "--json")
    assert status == 0
    answer: dict[str, Any] = json.loads(out)
    assert answer["interval_start_utc"] == START.isoformat()
    assert sum(answer["energy_wh"][name] for name in ("own_wh", "community_wh", "grid_wh")) == 127
    own = [one for one in powers if one.member == owner]
    assert len(answer["explanations"]) == len(own) > 0
    said = " ".join(answer["sentences"]).replace("\u00a0", " ")
    assert "On June 12, 2026, from 12:00" in said
    assert "your home used 0.127 kWh: 0.100 kWh of your own and 0.027 kWh from the grid." in said
    assert "It gave away 0.030 kWh to the grid." in said
    assert (answer["energy_wh"]["sold_wh"], answer["energy_wh"]["fed_in_wh"]) == (0, 30)
    assert said.endswith("One more kilowatt-hour used in your home at this time would have cost the community €0.310.")
    assert "That is the most that it can do." in said
    with_zone = ask(site_file, owner, "--interval", "2026-06-12T10:07+0000", "--json")
    assert json.loads(with_zone[1]) == answer


def test_tables_leave_out_what_is_nothing_and_know_every_kind_of_number() -> None:
    numbers = {
        "benefit_eur": 0.5,
        "part_plain_eur": 0.5,
        "part_carried_eur": 0.0,
        "correction_bill_before_eur": 1.0,
        "correction_share_eur": -0.25,
        "correction_bill_after_eur": 0.75,
        "weight_so_far": 1.0,
        "limit_weight_step": -0.05,
        "limit_log_step": -0.0487,
        "weight_from_now_on": 0.95,
    }
    tables = tabulate(numbers, "EUR", load_language("en"))
    assert tables == [
        ("The day", [("Benefit of the community, deducted", "-€0.50")]),
        ("What the benefit is made of", [("Your home's own part", "€0.50")]),
        (
            "What changed since the earlier figures",
            [
                ("Bill for the day's energy, before", "€1.00"),
                ("Your share of the gain", "-€0.25"),
                ("Bill for the day's energy, now", "€0.75"),
            ],
        ),
        (
            "Change of your weight",
            [("Weight until now", "1.00"), ("Limit of one step", "-0.05"), ("Weight from this day on", "0.95")],
        ),
    ]


def cents(text: str) -> int:
    return int(re.sub(r"\D", "", text)) * (-1 if "-" in text else 1)


@pytest.mark.parametrize("member", [f"m{number:02d}" for number in range(1, 7)])
def test_the_tables_of_the_day_and_of_the_peak_add_up_from_their_first_line_to_their_result(member: str) -> None:
    numbers = {**EXAMPLE.row(member).numbers, **EXAMPLE.row(member, "peak").numbers}
    tables = dict(tabulate(numbers, "EUR", load_language("en")))
    *lines, (_, bill) = tables["The day"]
    assert sum(cents(amount) for _, amount in lines) == cents(bill)
    peak = dict(tables["Charge on the highest power"])
    so_far, today, total = (cents(peak.get(label, "0")) for label in PEAK_RESULTS)
    assert sum(cents(amount) for label, amount in peak.items() if label not in PEAK_RESULTS) == so_far
    assert cents(bill) + today == total


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_correction_and_estimates_are_told_with_the_day_to_their_member_alone(site_file: Path, language: str) -> None:
    said = {code: f"Changed, {code}." for code in LANGUAGES}
    changed = ExplanationRow(
        member="m02",
        topic="correction",
        reason="own_meter",
        numbers={"correction_bill_before_eur": 2.63, "correction_alone_eur": 0.1, "correction_bill_after_eur": 2.73},
        texts=said,
    )
    estimated = ExplanationRow(member="m02", topic="estimate", reason="meter_silent", texts={language: "Estimated."})
    example = replace(EXAMPLE, rows=(*EXAMPLE.rows, changed, estimated))
    fill(load_site(site_file), (EXAMPLE, 0), (example, 1))
    answer = json.loads(ask(site_file, "m02", "--language", language, "--json")[1])
    assert answer["revision"] == 1
    assert answer["sentences"][1:3] == [said[language], "Estimated."]
    assert said[language] not in ask(site_file, "m01", "--language", language)[1]
    _, out, _ = ask(site_file, "m02", "--language", language)
    assert "2.73" in out or "2,73" in out


PEAK_RESULTS = ("Your part so far", "Booked for this day", "To pay for this day in all")


def test_a_change_of_weight_on_that_day_is_told_with_it(site_file: Path) -> None:
    site = load_site(site_file)
    fill(site, (EXAMPLE, 0))

    async def write() -> None:
        later = START + timedelta(hours=1)
        store = await Store.open(
            site.store.path, site_id=site.community.id, language="en", started_utc=later, rng=np.random.default_rng(2)
        )
        row = ExplanationRow(
            member="m01", topic="weight", reason="policy", numbers={"limit_log_step": -0.01}, texts={"en": "Heavier."}
        )
        await store.commit_interval(IntervalRecord(decision=decision("2-a-0", later), explanations=(row,)))
        await store.close(later)

    asyncio.run(write())
    assert "Heavier." in json.loads(ask(site_file, "m01", "--json")[1])["sentences"]
    assert "Heavier." not in json.loads(ask(site_file, "m02", "--json")[1])["sentences"]
