"""What the store can be asked: by the controller in the store's own thread, by reports over a read-only file.

Ranges are ``[since, until)`` on the interval's start. Where an interval has several revisions the newest holds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from controller.record.connection import open_read_only, translated
from controller.record.decoded import (
    to_allocation,
    to_asset_state,
    to_cycle,
    to_decision,
    to_device,
    to_explanation,
    to_metered,
    to_settled,
)
from controller.record.migrations import require_version
from controller.record.outbox import DeadLetter
from controller.record.outcomes import CycleRow
from controller.record.quantities import from_epoch_ms, from_epoch_s, to_epoch_ms, to_epoch_s
from controller.record.records import (
    AllocationRow,
    AssetState,
    DecisionRow,
    DeviceRow,
    ExplanationRow,
    MeteredRow,
    SettledInterval,
)
from controller.record.setpoint_rows import to_setpoint
from controller.record.stored import PeriodTotals, StoredExplanation, StoredSetpoint

_METERED = "SELECT * FROM newest_metered WHERE start_s >= ? AND start_s < ? ORDER BY start_s, member"
_ALLOCATIONS = "SELECT * FROM newest_allocations WHERE start_s >= ? AND start_s < ? ORDER BY start_s, member"
_DEVICES = "SELECT * FROM newest_device_energy WHERE start_s >= ? AND start_s < ? ORDER BY start_s, gateway, device"


class Reader:
    """Queries over one connection; each call sees what is committed then."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def metered(
        self, since_utc: datetime, until_utc: datetime, members: tuple[str, ...] | None = None
    ) -> list[tuple[datetime, MeteredRow]]:
        """Metered rows with their interval's start, by time and member."""
        wanted = None if members is None else frozenset(members)
        rows = self._rows(_METERED, _range_s(since_utc, until_utc))
        return [
            (from_epoch_s(row["start_s"]), to_metered(row)) for row in rows if wanted is None or row["member"] in wanted
        ]

    def settled(self, since_utc: datetime, until_utc: datetime) -> list[SettledInterval]:
        """Closed intervals, by time, with all their member rows."""
        metered: dict[int, list[MeteredRow]] = {}
        for row in self._rows(_METERED, _range_s(since_utc, until_utc)):
            metered.setdefault(row["start_s"], []).append(to_metered(row))
        allocations: dict[int, list[AllocationRow]] = {}
        for row in self._rows(_ALLOCATIONS, _range_s(since_utc, until_utc)):
            allocations.setdefault(row["start_s"], []).append(to_allocation(row))
        devices: dict[int, list[DeviceRow]] = {}
        for row in self._rows(_DEVICES, _range_s(since_utc, until_utc)):
            devices.setdefault(row["start_s"], []).append(to_device(row))
        rows = self._rows(
            "SELECT * FROM newest_settled WHERE start_s >= ? AND start_s < ? ORDER BY start_s",
            _range_s(since_utc, until_utc),
        )
        return [
            to_settled(row, metered.get(start_s, []), allocations.get(start_s, []), devices.get(start_s, []))
            for row in rows
            for start_s in (row["start_s"],)
        ]

    def newest_revision(self, start_utc: datetime) -> int | None:
        """Newest revision of a closed interval; ``None`` when it has not been settled."""
        (row,) = self._rows("SELECT max(revision) AS newest FROM settled WHERE start_s = ?", (to_epoch_s(start_utc),))
        return None if row["newest"] is None else int(row["newest"])

    def period_totals(self, since_utc: datetime, until_utc: datetime) -> dict[str, PeriodTotals]:
        """Sums by member, in order of member id."""
        rows = self._rows(
            "SELECT member, sum(billed_micro) AS billed_micro, sum(own_wh + community_wh + grid_wh) AS consumption_wh,"
            " sum(use_wh) AS use_wh, sum(renewable_wh) AS renewable_wh, sum(shared_wh) AS shared_wh,"
            " sum(sold_wh) AS sold_wh,"
            " count(*) AS intervals FROM newest_allocations WHERE start_s >= ? AND start_s < ?"
            " GROUP BY member ORDER BY member",
            _range_s(since_utc, until_utc),
        )
        return {row["member"]: PeriodTotals(**{name: row[name] for name in row.keys()[1:]}) for row in rows}

    def peak_import_kw(self, since_utc: datetime, until_utc: datetime) -> float:
        """Largest mean net import of the community in an interval [kW]; 0 if it never imported."""
        rows = self._rows(
            "SELECT sum(import_wh - export_wh) AS net_wh, duration_s FROM newest_metered"
            " WHERE start_s >= ? AND start_s < ? GROUP BY start_s",
            _range_s(since_utc, until_utc),
        )
        return max((row["net_wh"] * 3.6 / row["duration_s"] for row in rows if row["net_wh"] is not None), default=0.0)

    def decisions(self, since_utc: datetime, until_utc: datetime) -> list[DecisionRow]:
        """Plans decided on, re-plans included, by what they cover."""
        rows = self._rows(
            "SELECT * FROM plans WHERE start_s >= ? AND start_s < ? ORDER BY valid_from_ms, epoch, replan",
            _range_s(since_utc, until_utc),
        )
        return [to_decision(row) for row in rows]

    def last_decision(self) -> DecisionRow | None:
        """The newest plan, of this start or an earlier one."""
        rows = self._rows("SELECT * FROM plans ORDER BY start_s DESC, epoch DESC, replan DESC LIMIT 1", ())
        return to_decision(rows[0]) if rows else None

    def figures(self, since_utc: datetime, until_utc: datetime) -> list[tuple[datetime, dict[str, dict[str, float]]]]:
        """Fairness, policy and gateway figures of each decision, with what it covers."""
        names = ("fairness", "policy", "gateway")
        rows = self._rows(
            "SELECT valid_from_ms, fairness, policy, gateway FROM decisions WHERE start_s >= ? AND start_s < ?"
            " ORDER BY valid_from_ms",
            _range_s(since_utc, until_utc),
        )
        return [(from_epoch_ms(row["valid_from_ms"]), {name: json.loads(row[name]) for name in names}) for row in rows]

    def plans_by_rung(self, since_utc: datetime, until_utc: datetime) -> dict[str, int]:
        """Number of intervals by the rung of their first plan."""
        rows = self._rows(
            "SELECT rung, count(*) AS plans FROM decisions WHERE start_s >= ? AND start_s < ? AND replan = 0"
            " GROUP BY rung ORDER BY rung",
            _range_s(since_utc, until_utc),
        )
        return {row["rung"]: row["plans"] for row in rows}

    def replans(self, since_utc: datetime, until_utc: datetime) -> int:
        """Number of re-plans."""
        rows = self._rows(
            "SELECT count(*) AS plans FROM decisions WHERE start_s >= ? AND start_s < ? AND replan > 0",
            _range_s(since_utc, until_utc),
        )
        return int(rows[0]["plans"])

    def cycles(self, since_utc: datetime, until_utc: datetime) -> list[CycleRow]:
        """How the cycles went, by time."""
        rows = self._rows(
            "SELECT cycles.* FROM cycles JOIN decisions USING (decision_id) WHERE start_s >= ? AND start_s < ?"
            " ORDER BY finished_ms",
            _range_s(since_utc, until_utc),
        )
        return [to_cycle(row) for row in rows]

    def explanations(self, member: str, since_utc: datetime, until_utc: datetime) -> list[StoredExplanation]:
        """What was explained to a member, by the interval it speaks of."""
        rows = self._rows(
            "SELECT * FROM explanations WHERE member = ? AND start_s >= ? AND start_s < ?"
            " ORDER BY start_s, decision_id, topic",
            (member, *_range_s(since_utc, until_utc)),
        )
        return [StoredExplanation(decision_id=row["decision_id"], row=to_explanation(row)) for row in rows]

    def day_explanations(self, member: str, local_day: date) -> tuple[int, tuple[ExplanationRow, ...]] | None:
        """Newest revision of what was explained to a member of a settled day, by topic; ``None``: nothing yet."""
        rows = self._rows(
            "SELECT * FROM day_explanations WHERE day = ? AND member = ?"
            " AND revision = (SELECT max(revision) FROM day_explanations WHERE day = ?) ORDER BY topic",
            (local_day.isoformat(), member, local_day.isoformat()),
        )
        return (int(rows[0]["revision"]), tuple(to_explanation(row) for row in rows)) if rows else None

    def explained_days(self) -> tuple[date, ...]:
        """Settled days that have explanations, oldest first."""
        rows = self._rows("SELECT DISTINCT day FROM day_explanations ORDER BY day", ())
        return tuple(date.fromisoformat(row["day"]) for row in rows)

    def asset_states(self, since_utc: datetime, until_utc: datetime) -> list[tuple[datetime, AssetState]]:
        """Devices as each decision saw them, with what the decision covers, by time and device."""
        rows = self._rows(
            "SELECT asset_states.*, valid_from_ms FROM asset_states JOIN decisions USING (decision_id)"
            " WHERE start_s >= ? AND start_s < ? ORDER BY valid_from_ms, asset_states.gateway, device",
            _range_s(since_utc, until_utc),
        )
        return [(from_epoch_ms(row["valid_from_ms"]), to_asset_state(row)) for row in rows]

    def setpoints(self, decision_id: str) -> list[StoredSetpoint]:
        """Setpoints of a decision and their renewals, in order of sending."""
        rows = self._rows("SELECT * FROM setpoints WHERE decision_id = ? ORDER BY rowid", (decision_id,))
        return [
            StoredSetpoint(
                setpoint=to_setpoint(row),
                decision_id=decision_id,
                state=row["state"],
                is_renewal=bool(row["is_renewal"]),
                applied_kw=row["applied_kw"],
                refusal=row["refusal"],
            )
            for row in rows
        ]

    def setpoint_states(self, since_utc: datetime, until_utc: datetime) -> dict[str, int]:
        """Number of setpoints, renewals included, by how they stand, all five states named."""
        counts = dict.fromkeys(("pending", "sent", "acknowledged", "refused", "expired"), 0)
        rows = self._rows(
            "SELECT state, count(*) AS setpoints FROM setpoints WHERE not_before_ms >= ? AND not_before_ms < ?"
            " GROUP BY state",
            (to_epoch_ms(since_utc), to_epoch_ms(until_utc)),
        )
        return counts | {row["state"]: row["setpoints"] for row in rows}

    def counters(self) -> dict[str, int]:
        """All counters by name."""
        return {row["name"]: row["value"] for row in self._rows("SELECT * FROM counters ORDER BY name", ())}

    def outbox_rows(self) -> int:
        """Lines that wait for the time-series database."""
        return int(self._rows("SELECT count(*) AS lines FROM outbox", ())[0]["lines"])

    def dead_letters(self) -> list[DeadLetter]:
        """Lines that the server refused, oldest first."""
        rows = self._rows("SELECT id, created_ms, line, reason FROM dead_letter ORDER BY id", ())
        return [
            DeadLetter(row_id=row["id"], created_ms=row["created_ms"], line=row["line"], reason=row["reason"])
            for row in rows
        ]

    def select(self, query: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        """Rows of one query; what knows the tables of settled days asks here."""
        return self._rows(query, values)

    def _rows(self, query: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(query, values).fetchall()


@contextmanager
def open_reader(path: Path) -> Iterator[Reader]:
    """A reader over the file, beside a running controller; nothing can be written through it.

    Raises:
        StoreError: there is no store, it has another schema version, or it cannot be read.
    """
    connection = open_read_only(path)
    try:
        with translated(path):
            require_version(connection)
            yield Reader(connection)
    finally:
        connection.close()


def _range_s(since_utc: datetime, until_utc: datetime) -> tuple[int, int]:
    # Rounded up, so that a boundary inside a second leaves out what began before it.
    return -(-to_epoch_ms(since_utc) // 1000), -(-to_epoch_ms(until_utc) // 1000)
