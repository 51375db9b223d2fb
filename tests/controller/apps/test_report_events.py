"""What the demo says of demand response: the result's list, the report's rows and its sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.apps.report_events import describe_events, list_rows, say_effect, sum_held_back
from controller.record.event_records import EffectRow, EffectStage, EventFigures
from controller.record.reader import open_reader
from models.domain.demand_response import DemandEvent, EventSource
from tests.controller.loop.neighbours import make_site, with_heater
from tests.controller.record.examples import START, open_store

DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
ASKED = DemandEvent(start_utc=START, end_utc=START + 2 * DAY / 24, key="e1", source=EventSource.MQTT, target_kw=4.0)
DEAR = replace(ASKED, key="price@x", source=EventSource.PRICE, target_kw=None, start_utc=START + DAY / 24)
WITHOUT = EventFigures(net_kwh=9.0, peak_kw=6.0, above_kwh=1.5, cost=3.0)
WITH = EventFigures(
    net_kwh=7.5, peak_kw=4.0, above_kwh=0.0, cost=2.6, held_back_kwh={"cleo": 0.75}, discomfort={"cleo": 0.15}
)
NO_ONE = {"kwh": 0.0, "discomfort": 0.0, "members": 0}


def look(event: DemandEvent, stage: EffectStage, **sides: EventFigures | None) -> EffectRow:
    return replace(EffectRow(event=event, stage=stage, at_utc=START), **sides)  # type: ignore[arg-type]


async def described(folder: Path, *looks: EffectRow) -> list[dict[str, Any]]:
    store = await open_store(folder / "s.sqlite")
    await store.add_effects(looks)
    await store.close(START)
    with open_reader(folder / "s.sqlite") as reader:
        return describe_events(reader, START, START + DAY)


async def whole(folder: Path) -> list[dict[str, Any]]:
    return await described(
        folder,
        look(ASKED, EffectStage.ANNOUNCED, with_event=WITH, without_event=WITHOUT),
        look(ASKED, EffectStage.STARTED, with_event=WITH, without_event=None),
        look(ASKED, EffectStage.ENDED, metered=replace(WITH, net_kwh=7.9, above_kwh=0.3, cost=None)),
        look(DEAR, EffectStage.ANNOUNCED, with_event=WITH, without_event=replace(WITHOUT, net_kwh=8.0)),
        look(DEAR, EffectStage.CANCELLED),
    )


async def test_each_event_is_one_entry_with_all_looks_that_were_taken(tmp_path: Path) -> None:
    asked, dear = await whole(tmp_path)
    assert (asked["event"], asked["source"], asked["target_kw"], asked["is_cancelled"]) == ("e1", "mqtt", 4.0, False)
    assert asked["announced"]["without"]["net_kwh"] == 9.0
    assert asked["announced"]["with"]["held_back_kwh_by_member"] == {"cleo": 0.75}
    assert asked["started"]["without"] is None
    assert asked["metered"]["net_kwh"] == 7.9
    assert "cost" not in asked["metered"]
    assert (dear["source"], dear["is_cancelled"], dear["started"], dear["metered"]) == ("price", True, None, None)


async def test_rows_are_in_local_time_and_say_nothing_of_what_is_not_known(tmp_path: Path) -> None:
    asked, dear = list_rows(await whole(tmp_path), BERLIN)
    assert (asked["day"], asked["hours"], asked["source"]) == ("Fri 12 Jun", "12:00 to 14:00", "a market notice")
    assert (asked["announced_without_kwh"], asked["started_without_kwh"], asked["metered_kwh"]) == (9.0, None, 7.9)
    assert asked["above_kwh"] == 0.3
    assert dear["source"] == "the day's prices, called off"
    assert (dear["above_kwh"], dear["metered_kwh"], dear["target_kw"]) == (None, None, None)


async def test_the_sentence_says_what_was_held_back_planned_and_missed(tmp_path: Path) -> None:
    events = await whole(tmp_path)
    said = say_effect(events, {"kwh": 0.75, "discomfort": 0.15, "members": 1}, "EUR")
    assert said == (
        "2 events: 0.75 kWh were held back from loads in one home, worth 0.15 EUR to their owners. "
        "When they were announced, the plans drew 2.00 kWh less in them than without them. "
        "Metered above what was asked: 0.30 kWh."
    )


@pytest.mark.parametrize("stage", [EffectStage.ANNOUNCED, EffectStage.STARTED])
async def test_an_event_that_could_not_be_compared_is_still_told(tmp_path: Path, stage: EffectStage) -> None:
    events = await described(tmp_path, look(ASKED, stage, with_event=WITH))
    assert say_effect(events, NO_ONE, "EUR") == "One event, and nothing was held back from loads."
    assert len(list_rows(events, BERLIN)) == 1


async def test_without_curtailments_nothing_was_held_back(tmp_path: Path) -> None:
    await described(tmp_path)
    with open_reader(tmp_path / "s.sqlite") as reader:
        assert sum_held_back(reader, make_site(**with_heater()), START, START + DAY) == NO_ONE


async def test_one_event_is_told_in_the_singular(tmp_path: Path) -> None:
    asked, _ = await whole(tmp_path)
    said = say_effect([asked], {"kwh": 0.75, "discomfort": 0.15, "members": 2}, "EUR")
    assert "When it was announced, the plan drew 1.50 kWh less in it than without it." in said
