"""Time to explain one member's day from a store of a realistic size. Prints JSON; not a test.

python tests/benchmarks/explain.py --members 30 --days 31 --json

The store holds a billing period as a controller leaves it: for each interval its meters, shares and a decision with an
explained setpoint for every member, for each day two revisions of every member's explanations and one of its weight,
all in five languages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config.composition import compose_description
from config.load import load_site
from config.schema import Site
from controller.apps.explain_command import Question, explain_member
from controller.loop.weight_explanations import explain_row
from controller.record.catalogues import load_languages
from controller.record.connection import open_writable, transaction
from controller.record.day_explanations import insert_day_explanations
from controller.record.reader import open_reader
from controller.record.records import ExplanationRow
from controller.record.store import Store
from controller.record.writer import insert_decision, insert_later_explanations, insert_settled
from models.domain.interval import interval_starts, settlement_day
from models.domain.setpoint import Reason
from models.explanation.setpoint_wording import DeviceWord, SetpointWording
from models.explanation.weight import WeightChange, WeightInput
from tests.controller.record.examples import record
from tests.controller.record.explained_day import ExplainedDay, explain_example

FIRST = date(2026, 6, 13)
"""Days of the store's examples count from here."""
WEIGHT = WeightChange(
    weight_before=1.04,
    weight_after=1.31,
    reference_micro=20_000,
    by_input_micro=dict.fromkeys(WeightInput, 25_000),
    limit_micro=0,
    projection_micro=10_833,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--repeat", type=int, default=25, help="explanations that are timed, each of another member")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.members, options.days, options.repeat)
    print(json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items()))


def measure(folder: Path, members: int, days: int, repeat: int) -> dict[str, object]:
    """Times of explaining a day in the middle of the period, with and without reading the site file."""
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(compose_description(members, 1) | {"store": {"path": "bench.sqlite"}}))
    site = load_site(path)
    fill(site, days)
    day = FIRST + timedelta(days=days // 2)
    names = [site.members[number % members].id for number in range(repeat)]
    from_store = [time_store(site, name, day) for name in names]
    whole = [time_command(path, name, day) for name in names]
    return {
        "members": members,
        "days": days,
        "store_mib": round(site.store.path.stat().st_size / 2**20, 1),
        "repeat": repeat,
        "seconds": round(statistics.median(from_store), 4),
        "largest_seconds": round(max(from_store), 4),
        "with_site_file_seconds": round(statistics.median(whole), 4),
        "with_site_file_largest_seconds": round(max(whole), 4),
    }


def time_store(site: Site, member: str, day: date) -> float:
    """Open the store, read all that is told of a member's day, close it [s]."""
    span = settlement_day(day, site.zone)
    began = time.perf_counter()
    with open_reader(site.store.path) as reader:
        reader.explained_days()
        found = reader.day_explanations(member, day)
        of_day = reader.explanations(member, span.start_utc, span.end_utc)
    taken = time.perf_counter() - began
    if found is None or len(found[1]) < 2 or not of_day:
        raise SystemExit(f"nothing was found on {member} on {day}")
    return taken


def time_command(path: Path, member: str, day: date) -> float:
    """The whole of ``commonwatt explain MEMBER --json`` but for starting Python [s]."""
    out = StringIO()
    began = time.perf_counter()
    with redirect_stdout(out):
        status = explain_member(path, Question(member=member, day=day), is_json=True)
    taken = time.perf_counter() - began
    told = json.loads(out.getvalue())
    if status or {one["topic"] for one in told["explanations"]} != {"benefit", "peak", "weight"}:
        raise SystemExit(f"nothing was told of {member} on {day}")
    return taken


def fill(site: Site, days: int) -> None:
    """A store with all that a controller leaves of the days."""
    asyncio.run(_create(site))
    example = explain_example(len(site.members))
    connection = open_writable(site.store.path)
    (epoch,) = connection.execute("SELECT max(epoch) FROM epochs").fetchone()
    index = 0
    for number in range(days):
        day = FIRST + timedelta(days=number)
        starts = interval_starts(settlement_day(day, site.zone), site.interval_min)
        with transaction(connection):
            for step, start in enumerate(starts):
                index += 1
                one = record(index, members=len(site.members), epoch=epoch)
                decision = replace(one.decision, interval_start_utc=start, valid_from_utc=start, committed_utc=start)
                insert_decision(
                    connection, replace(one, decision=decision, explanations=explain_setpoints(site)), epoch
                )
                insert_settled(connection, replace(one.settled[0], start_utc=start))
                if not step:
                    weights = [explain_row(member.id, WEIGHT, day) for member in site.members]
                    insert_later_explanations(connection, decision.decision_id, weights)
            for revision in (0, 1):
                insert_day_explanations(connection, day, revision, _name_members(example, site))
    connection.close()


async def _create(site: Site) -> None:
    started = settlement_day(FIRST, site.zone).start_utc
    rng = np.random.default_rng(1)
    store = await Store.open(site.store.path, site_id=site.community.id, language="en", started_utc=started, rng=rng)
    await store.close(started)


def explain_setpoints(site: Site) -> tuple[ExplanationRow, ...]:
    wording = SetpointWording(load_languages())
    return tuple(
        ExplanationRow(
            member=member.id,
            topic=f"setpoint:home-{member.id}/bat",
            reason=Reason.STORE_SURPLUS,
            numbers={"power_kw": 1.5, "marginal_price_eur_per_kwh": 0.31},
            texts=wording.word(DeviceWord.BATTERY, Reason.STORE_SURPLUS, 1.5),
        )
        for member in site.members
    )


def _name_members(example: ExplainedDay, site: Site) -> list[ExplanationRow]:
    numbers = {f"m{place + 1:02d}": member.id for place, member in enumerate(site.members)}
    return [replace(row, member=numbers[row.member]) for row in example.rows]


if __name__ == "__main__":
    main()
