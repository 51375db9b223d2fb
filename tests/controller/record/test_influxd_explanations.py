"""Explanations of settled days and of setpoints in a real InfluxDB 1, written by its /write and read by InfluxQL."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from controller.record.line_protocol import encode
from controller.record.points import PointContext, points_of_explanations
from controller.record.records import ExplanationRow
from models.domain.setpoint import Reason
from models.explanation.setpoint_wording import DeviceWord, SetpointWording
from tests.controller.record.examples import START
from tests.controller.record.explained_day import explain_example
from tests.controller.record.servers import free_port, influxd
from tests.models.explanation.said import languages

pytestmark = pytest.mark.integration
CONTEXT = PointContext(site="s", language="fr", member=lambda member: f"p-{member[1:]}", device=lambda _: "d1")


def post(port: int, path: str, form: dict[str, str], body: bytes = b"") -> bytes:
    url = f"http://127.0.0.1:{port}/{path}?{urlencode(form)}"
    request = urllib.request.Request(url, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  (loopback)
        return bytes(answer.read())


def ask(port: int, query: str) -> list[dict[str, Any]]:
    answer = json.loads(post(port, "query", {"db": "commonwatt", "q": query, "epoch": "s"}))
    series = answer["results"][0].get("series", [])
    return [dict(zip(one["columns"], values, strict=True)) for one in series for values in one["values"]]


def test_every_part_the_reason_the_decision_and_the_text_come_back(tmp_path: Path) -> None:
    example, port = explain_example(), free_port()
    charging = ExplanationRow(
        member="m01",
        topic="setpoint:gw/bat",
        reason=Reason.STORE_SURPLUS,
        numbers={"power_kw": 1.5, "marginal_price_eur_per_kwh": 0.21, "is_at_full_power": 1.0},
        texts=SetpointWording(languages()).word(DeviceWord.BATTERY, Reason.STORE_SURPLUS, 1.5),
        interval_start_utc=START,
    )
    rows = (*example.rows, charging)
    lines = [encode(point) for point in points_of_explanations(rows, "settle-2026-06-12-0", CONTEXT)]
    with influxd(tmp_path, port) as server:
        server.start()
        post(port, "query", {"q": "CREATE DATABASE commonwatt"})
        post(port, "write", {"db": "commonwatt", "precision": "s"}, "\n".join(lines).encode())
        for row in rows:
            topic = row.topic.partition(":")[0]
            where = f"\"member\" = '{CONTEXT.member(row.member)}' AND topic = '{topic}'"
            (found,) = ask(port, f"SELECT * FROM explanation WHERE {where}")  # noqa: S608  (no user's text)
            assert found["reason"] == str(row.reason)
            assert found["decision_id"] == "settle-2026-06-12-0"
            assert found["text"] == row.texts["fr"]
            assert {name: found[name] for name in row.numbers} == row.numbers
        tags = {one["tagKey"] for one in ask(port, "SHOW TAG KEYS FROM explanation")}
        assert tags == {"site", "member", "topic", "reason", "device"}
        kinds = {one["fieldKey"]: one["fieldType"] for one in ask(port, "SHOW FIELD KEYS FROM explanation")}
        assert kinds.pop("text") == kinds.pop("decision_id") == "string"
        assert set(kinds.values()) == {"float"}
