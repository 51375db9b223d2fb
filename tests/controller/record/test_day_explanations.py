from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from controller.record.connection import open_writable, transaction
from controller.record.day_explanations import insert_day_explanations
from controller.record.line_protocol import encode
from controller.record.points import PointContext, points_of_explanations
from controller.record.reader import open_reader
from controller.record.records import ExplanationRow
from models.domain.errors import StoreError
from models.explanation.labels import ASSETS, PARTS, PEAK, TIMES
from models.explanation.language import LANGUAGES
from models.settlement.settle_day import GameKind
from tests.controller.record.examples import START, open_store
from tests.controller.record.explained_day import DAY, ExplainedDay, explain_example
from tests.models.settlement.community_day import meter_day

EXAMPLE = explain_example()


def cents(row: ExplanationRow, names: Iterable[str]) -> int:
    return sum(round(100 * (row.numbers.get(name) or 0.0)) for name in names)


def check_sums(example: ExplainedDay) -> None:
    bills = example.settled.bills
    for position in range(len(bills.bill_minor)):
        row = example.row(f"m{position + 1:02d}")
        assert cents(row, PARTS) == cents(row, ["benefit_eur"])
        assert cents(row, TIMES) == cents(row, ASSETS) == cents(row, ["part_plain_eur"])
        summed = cents(row, ["alone_eur", "islanded_eur"]) - cents(row, ["benefit_eur", "wear_eur"])
        assert summed == cents(row, ["bill_eur"]) == bills.bill_minor[position]
        peak = example.row(f"m{position + 1:02d}", "peak")
        saved = cents(peak, ["peak_plain_eur", "peak_weighting_eur", "peak_rounding_eur"])
        assert cents(peak, ["peak_alone_eur"]) - saved == cents(peak, ["peak_bill_eur"])


def test_the_numbers_on_record_add_up_to_the_bill_to_the_cent() -> None:
    check_sums(EXAMPLE)
    day = meter_day(3, np.random.default_rng(1), steps=24)
    check_sums(explain_example(3, game=GameKind.REOPTIMISED, day=day))


def test_every_member_has_a_text_in_every_language() -> None:
    for row in EXAMPLE.rows:
        assert tuple(row.texts) == LANGUAGES
        assert all(row.texts.values())
    assert len(EXAMPLE.rows) == 12


def test_no_text_names_another_member_or_its_amounts_and_none_names_its_own() -> None:
    for row in EXAMPLE.rows:
        for text in row.texts.values():
            assert not re.search(r"\bm0\d\b", text)


def test_labels_name_numbers_that_are_there() -> None:
    numbers = {**EXAMPLE.row("m01").numbers, **EXAMPLE.row("m01", "peak").numbers}
    assert {*PARTS, *TIMES, *ASSETS, *PEAK} <= set(numbers)


async def stored(path: Path, *examples: tuple[ExplainedDay, int]) -> None:
    store = await open_store(path)
    await store.close(START)
    connection = open_writable(path)
    with transaction(connection):
        for example, revision in examples:
            insert_day_explanations(connection, DAY, revision, example.rows)
    connection.close()


async def test_the_newest_revision_of_a_day_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    newer = explain_example(seed=4, revision=1)
    await stored(path, (EXAMPLE, 0), (newer, 1))
    with open_reader(path) as reader:
        found = reader.day_explanations("m02", DAY)
        assert found == (1, (newer.row("m02"), newer.row("m02", "peak")))
        assert reader.day_explanations("m99", DAY) is None
        assert reader.day_explanations("m02", DAY.replace(day=1)) is None
        assert reader.explained_days() == (DAY,)


async def test_explanations_of_a_day_are_append_only(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    await stored(path, (EXAMPLE, 0))
    connection = open_writable(path)
    for statement in ("UPDATE day_explanations SET reason = 'x'", "DELETE FROM day_explanations"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert_day_explanations(connection, DAY, 0, EXAMPLE.rows)
    connection.close()


async def test_a_number_of_a_sensitive_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    await stored(path)
    connection = open_writable(path)
    row = ExplanationRow(member="m01", topic="benefit", reason="gain", numbers={"income_eur": 1.0})
    with pytest.raises(StoreError, match="sensitive"):
        insert_day_explanations(connection, DAY, 0, (row,))
    connection.close()


def test_the_view_has_each_part_in_its_own_field_the_reason_as_tag_and_one_languages_text() -> None:
    context = PointContext(site="s", language="fr", member=lambda _: "m0a", device=str)
    row = EXAMPLE.row("m01")
    (point,) = points_of_explanations([row], "settle-2026-06-12-0", context)
    assert point.measurement == "explanation"
    assert point.tags == {"site": "s", "member": "m0a", "topic": "benefit", "reason": "gain"}
    assert point.fields["decision_id"] == "settle-2026-06-12-0"
    assert point.fields["text"] == row.texts["fr"]
    assert {name: value for name, value in point.fields.items() if name not in ("decision_id", "text")} == row.numbers
    assert "m01" not in encode(point)
    # Midnight in Berlin.
    assert point.time_s == 1781215200
    assert json.dumps(dict(row.numbers))
