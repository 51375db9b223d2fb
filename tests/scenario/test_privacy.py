"""A canary in the site file: what a member earns, its tier and its name never leave memory."""

from __future__ import annotations

import logging
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from config.schema import Site
from controller.record.records import Rung
from tests.controller.loop.neighbours import START, describe_site
from tests.scenario.control_room import ControlRoom
from tests.scenario.story import Story
from tests.scenario.test_stories import village

INCOME = 31337.77
NAMES = (b"Zebulon", b"Quetzal")
WORDS = (b"31337", b"priority_tier", b"tier_weight", b"income_eur_per_month", b"<sensitive>", *NAMES)
MAGIC_BYTES = 52
"""Header of a bundle; a compressed stream follows."""


def canary_site() -> Site:
    members = describe_site()["members"]
    members[1] |= {"income_eur_per_month": INCOME, "priority_tier": 3, "name": "Zebulon Quetzal"}
    usual = village().model_dump(include={"horizon", "tariff"}, mode="json")
    description = describe_site(members=members, by_law={"tier_weights": [1.0, 1.1, 1.3, 2.0]}) | usual
    description["influxdb"] = {"url": "http://127.0.0.1:9"}
    return Site.model_validate(description)


def told_to_the_outside(room: ControlRoom, logs: list[logging.LogRecord]) -> Iterator[tuple[str, bytes]]:
    """Every byte that left the controller's memory, with where it went."""
    for passed in room.broker.passed:
        yield passed.topic, passed.topic.encode() + passed.payload
    for record in logs:
        yield f"log {record.name}", f"{record.getMessage()} {record.args!r} {record.exc_text}".encode()
    for path in sorted(room.folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield path.name, content
            if path.parent != room.folder:
                yield f"{path.name}, unpacked", zlib.decompress(content[MAGIC_BYTES:])
    with sqlite3.connect(room.store_path) as connection:
        for line in connection.iterdump():
            yield "store dump", line.encode()
    connection.close()


def numbers_to_hide(room: ControlRoom) -> list[bytes]:
    """The canary's income, whole and pro-rated as each plan knew it, as text and as the bytes of a number."""
    assert room.controller is not None
    account = room.controller.cycle._account
    incomes = {INCOME: None}
    for report in room.reports:
        if report.outlook is not None:
            steps = report.outlook.steps
            incomes[float(account.income_eur(steps.end_utc, opened_utc=steps.starts_utc[0])[1])] = None
    assert len(incomes) > 1
    return [form for income in incomes for form in (struct.pack("<d", income), repr(round(income, 2)).encode())]


def test_income_tier_and_name_stay_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    room = (
        Story(canary_site(), tmp_path, soc_kwh={"bert": 8.0})
        .input("cleo", demand_kw=3.0)
        .at(12)
        .solver_breaks()
        .at(16)
        .expect_plan(Rung.PREVIOUS)
        .at(20)
        .falls_silent("gw-bert")
        .at(29)
        .solver_is_mended()
        .speaks_again("gw-bert")
        .at(46)
        .expect_plan(Rung.OPTIMAL)
        .play()
    )
    places = list(told_to_the_outside(room, caplog.records))
    kinds = [any(wanted in place for place, _ in places) for wanted in ("setpoint", "log", "unpacked", "store dump")]
    assert kinds == [True] * 4
    forbidden = [*WORDS, *numbers_to_hide(room)]
    leaks = [(place, word) for place, content in places for word in forbidden if word in content]
    assert leaks == []


def test_the_canary_is_known_where_it_has_to_be(tmp_path: Path) -> None:
    """The search above would find nothing, too, if nobody had been told."""
    room = Story(canary_site(), tmp_path).at(1).expect_plan(Rung.OPTIMAL).play()
    assert room.controller is not None
    (report,) = room.reports
    assert report.decision.built is not None
    assert report.decision.built.problem.is_priority.tolist() == [False, True, False]
    assert int(np.argmax(report.decision.built.problem.weight)) == 1
    month_eur = room.controller.cycle._account.income_eur(START + timedelta(days=30), opened_utc=START)
    assert month_eur[1] == pytest.approx(INCOME)
