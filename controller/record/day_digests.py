"""Digests of the rows that a ledger entry stands for: what was read, what was billed, what was told.

An entry of the ledger books only sums. Its digests tie every other figure of the settlement to the chain of hashes,
so that none can be changed without a trace. Only the moment of settling is left out: the same data give the same
bytes whenever they are settled.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from controller.record.day_rows import Select
from controller.record.quantities import to_epoch_s

BILLS, EXPLANATIONS, FAIRNESS, READINGS = "bills", "explanations", "fairness", "readings"

_SETTLEMENT = (
    "SELECT day, revision, stage, game, method, outcome, input_digest, start_s, step_s, intervals, estimated,"
    " minor_per_unit, players, coalitions, gain_micro, game_micro, max_error_micro, core_excess_micro,"
    " utility_minor, peak_minor, notes, prices FROM day_settlements WHERE day = ? AND revision = ?"
)
_BILLS = (
    "SELECT place, member, stand_alone_minor, wear_minor, share_minor, solidarity_minor, islanded_minor,"
    " peak_minor, plain_micro, loss_after_micro, weight, import_wh, export_wh, received_wh, supplied_wh,"
    " is_estimated FROM day_bills WHERE day = ? AND revision = ? ORDER BY place"
)
_EXPLANATIONS = (
    "SELECT member, topic, start_s, reason, numbers, texts FROM day_explanations"
    " WHERE day = ? AND revision = ? ORDER BY member, topic"
)
_OF_DAY = {
    BILLS: (_SETTLEMENT, _BILLS),
    EXPLANATIONS: (_EXPLANATIONS,),
    FAIRNESS: ("SELECT figures FROM day_fairness WHERE day = ? AND revision = ?",),
}
_FROM = (
    " FROM day_inputs JOIN {0} ON {0}.start_s = day_inputs.start_s AND {0}.revision = interval_revision"
    " WHERE day = ? AND day_inputs.revision = ? ORDER BY {0}.start_s"
)
_OF_READINGS = (
    "SELECT settled.start_s, settled.revision, key, import_price_micro_per_kwh, export_price_micro_per_kwh,"
    " network_fee_micro_per_kwh, local_price_micro_per_kwh, is_islanded" + _FROM.format("settled"),
    "SELECT metered.start_s, metered.member, quality, import_wh, export_wh, demand_wh, pv_wh, charge_wh, discharge_wh,"
    " ev_wh, shiftable_wh" + _FROM.format("metered") + ", metered.member",
    "SELECT allocations.start_s, allocations.member, shared_wh, sold_wh, own_wh, community_wh, grid_wh, use_wh,"
    " renewable_wh, value_micro, billed_micro, weight" + _FROM.format("allocations") + ", allocations.member",
    "SELECT device_energy.start_s, gateway, device, device_energy.member, kind, import_wh, export_wh, soc_wh,"
    " is_plugged, curtailed_wh" + _FROM.format("device_energy") + ", gateway, device",
)
_OF_TRUE_UP = (
    "SELECT month, revision, invoice_minor, booked_minor FROM true_ups WHERE month = ? AND revision = ?",
    "SELECT member, throughput_wh, amount_minor FROM true_up_parts WHERE month = ? AND revision = ? ORDER BY member",
)


def insert_inputs(
    connection: sqlite3.Connection, local_day: date, revision: int, inputs: Iterable[tuple[datetime, int]]
) -> None:
    """Which revision of each interval a settlement was computed from."""
    rows = ((local_day.isoformat(), revision, to_epoch_s(start_utc), found) for start_utc, found in inputs)
    connection.executemany("INSERT INTO day_inputs VALUES (?, ?, ?, ?)", rows)


def digest_day(select: Select, local_day: date, revision: int) -> dict[str, str]:
    """SHA-256 of a revision's rows by name; readings only where they are on record."""
    key = (local_day.isoformat(), revision)
    found = {name: _digest(select, queries, key) for name, queries in _OF_DAY.items()}
    if select("SELECT 1 FROM day_inputs WHERE day = ? AND revision = ? LIMIT 1", key):
        found[READINGS] = _digest(select, _OF_READINGS, key)
    return found


def digest_true_up(select: Select, month: date, revision: int) -> str:
    """SHA-256 of an invoice on record and its parts."""
    return _digest(select, _OF_TRUE_UP, (f"{month:%Y-%m}", revision))


def _digest(select: Select, queries: Sequence[str], key: tuple[object, ...]) -> str:
    state = hashlib.sha256()
    for query in queries:
        for row in select(query, key):
            values = [value.hex() if isinstance(value, bytes) else value for value in tuple(row)]
            state.update(json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n")
        state.update(b"\n")
    return state.hexdigest()
