"""Fairness figures of an interval and of a settled day in a real InfluxDB 1, read back by InfluxQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.record.day_rows import select_from
from controller.record.fairness_rows import points_of_day_fairness, read_day_fairness
from controller.record.line_protocol import encode
from controller.record.points import points_of_record
from tests.controller.record.examples import record
from tests.controller.record.servers import free_port, influxd
from tests.controller.record.settled_days import DAY, intervals, open_filled, settle
from tests.controller.record.test_influxd_explanations import CONTEXT, ask, post

pytestmark = pytest.mark.integration
LIVE = {"members_with_burden": 4.0, "worst_energy_burden": 0.0512, "least_renewable_access": 0.25}


def test_live_and_settled_figures_stand_beside_each_other_at_the_same_time(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection)
    figures = read_day_fairness(select_from(connection), DAY)
    connection.close()
    assert figures is not None
    cycle = replace(record(1), fairness=LIVE)
    start_utc = cycle.decision.valid_from_utc
    points = [point for point in points_of_record(cycle, CONTEXT) if point.measurement == "fairness"]
    for revision in (0, 1):
        points += points_of_day_fairness(figures, revision, start_utc, CONTEXT)
    port = free_port()
    with influxd(tmp_path, port) as server:
        server.start()
        post(port, "query", {"q": "CREATE DATABASE commonwatt"})
        post(port, "write", {"db": "commonwatt", "precision": "s"}, "\n".join(map(encode, points)).encode())
        (live,) = ask(port, "SELECT * FROM fairness WHERE span = 'interval'")
        (day,) = ask(port, "SELECT * FROM fairness WHERE span = 'day'")
        tags = {one["tagKey"] for one in ask(port, "SHOW TAG KEYS FROM fairness")}
    assert tags == {"site", "span"}
    assert (live["worst_energy_burden"], live["least_renewable_access"]) == (0.05, 0.25)
    assert day["revision"] == 1
    assert day.get("gini_energy_burden") is None
    for name in ("core_excess_frac", "equity_gini_benefit", "losers_against_unit_weights", "day_of_period"):
        assert day[name] == pytest.approx(figures[name])
    assert day["worst_energy_burden"] == pytest.approx(figures["worst_energy_burden"], abs=0.005)
