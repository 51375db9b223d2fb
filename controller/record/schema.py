"""Tables of the store, one SQL script for each version; a released script never changes.

Conventions: ``_s`` and ``_ms`` since 1970 in UTC, energy in whole Wh, money in micro-currency. Rows of
append-only tables can be neither changed nor deleted: a correction is a row with the next revision.
"""

from __future__ import annotations

from controller.record.digest_schema import DIGEST_SCRIPT, DIGEST_TABLES
from controller.record.event_schema import EVENT_SCRIPT, EVENT_TABLES
from controller.record.fairness_schema import FAIRNESS_SCRIPT, FAIRNESS_TABLES
from controller.record.ledger_schema import LEDGER_SCRIPT, LEDGER_TABLES

APPEND_ONLY = (
    "intervals",
    "settled",
    "metered",
    "allocations",
    "decisions",
    "explanations",
    "asset_states",
    "cycles",
    "pseudonyms",
)
"""Tables whose rows stay as they were written."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE pseudonyms (
    kind TEXT NOT NULL CHECK (kind IN ('member', 'device')),
    id TEXT NOT NULL,
    pseudonym TEXT NOT NULL UNIQUE,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, started_ms INTEGER NOT NULL, ended_ms INTEGER) STRICT;

CREATE TABLE intervals (
    start_s INTEGER PRIMARY KEY CHECK (start_s > 0),
    duration_s INTEGER NOT NULL CHECK (duration_s > 0)
) STRICT;

CREATE TABLE settled (
    start_s INTEGER NOT NULL REFERENCES intervals,
    revision INTEGER NOT NULL CHECK (revision >= 0),
    stage TEXT NOT NULL CHECK (stage IN ('provisional', 'final')),
    key TEXT NOT NULL,
    import_price_micro_per_kwh INTEGER NOT NULL,
    export_price_micro_per_kwh INTEGER NOT NULL,
    network_fee_micro_per_kwh INTEGER NOT NULL,
    local_price_micro_per_kwh INTEGER NOT NULL,
    is_islanded INTEGER NOT NULL CHECK (is_islanded IN (0, 1)),
    PRIMARY KEY (start_s, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE metered (
    start_s INTEGER NOT NULL,
    member TEXT NOT NULL,
    revision INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('measured', 'interpolated', 'missing')),
    import_wh INTEGER CHECK (import_wh >= 0),
    export_wh INTEGER CHECK (export_wh >= 0),
    demand_wh INTEGER CHECK (demand_wh >= 0),
    pv_wh INTEGER CHECK (pv_wh >= 0),
    charge_wh INTEGER CHECK (charge_wh >= 0),
    discharge_wh INTEGER CHECK (discharge_wh >= 0),
    ev_wh INTEGER CHECK (ev_wh >= 0),
    shiftable_wh INTEGER CHECK (shiftable_wh >= 0),
    PRIMARY KEY (start_s, member, revision),
    FOREIGN KEY (start_s, revision) REFERENCES settled,
    CHECK (quality = 'missing' OR (import_wh IS NOT NULL AND export_wh IS NOT NULL)),
    CHECK (quality <> 'missing' OR coalesce(import_wh, export_wh, demand_wh, pv_wh,
                                            charge_wh, discharge_wh, ev_wh, shiftable_wh) IS NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE allocations (
    start_s INTEGER NOT NULL,
    member TEXT NOT NULL,
    revision INTEGER NOT NULL,
    shared_wh INTEGER NOT NULL CHECK (shared_wh >= 0),
    sold_wh INTEGER NOT NULL CHECK (sold_wh >= 0),
    own_wh INTEGER NOT NULL CHECK (own_wh >= 0),
    community_wh INTEGER NOT NULL CHECK (community_wh >= 0),
    grid_wh INTEGER NOT NULL CHECK (grid_wh >= 0),
    use_wh INTEGER NOT NULL CHECK (use_wh BETWEEN 0 AND own_wh + community_wh + grid_wh),
    renewable_wh INTEGER NOT NULL CHECK (renewable_wh BETWEEN 0 AND use_wh),
    value_micro INTEGER NOT NULL,
    billed_micro INTEGER NOT NULL,
    weight REAL NOT NULL CHECK (weight > 0),
    PRIMARY KEY (start_s, member, revision),
    FOREIGN KEY (start_s, member, revision) REFERENCES metered
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    decision_id TEXT PRIMARY KEY,
    start_s INTEGER NOT NULL REFERENCES intervals,
    epoch INTEGER NOT NULL REFERENCES epochs,
    valid_from_ms INTEGER NOT NULL,
    committed_ms INTEGER NOT NULL,
    replan INTEGER NOT NULL CHECK (replan >= 0),
    cause TEXT NOT NULL,
    rung TEXT NOT NULL CHECK (rung IN ('optimal', 'incumbent', 'previous', 'rule', 'device')),
    prices TEXT NOT NULL,
    solve TEXT,
    problem_sha256 TEXT,
    weights TEXT NOT NULL,
    proposals TEXT NOT NULL,
    figures TEXT NOT NULL,
    fairness TEXT NOT NULL,
    policy TEXT NOT NULL,
    gateway TEXT NOT NULL,
    faults TEXT NOT NULL,
    UNIQUE (start_s, epoch, replan)
) STRICT;

CREATE TABLE explanations (
    decision_id TEXT NOT NULL REFERENCES decisions,
    member TEXT NOT NULL,
    topic TEXT NOT NULL,
    start_s INTEGER NOT NULL,
    reason TEXT NOT NULL,
    numbers TEXT NOT NULL,
    texts TEXT NOT NULL,
    PRIMARY KEY (decision_id, member, topic)
) STRICT, WITHOUT ROWID;
CREATE INDEX explanations_by_member ON explanations (member, start_s);

CREATE TABLE asset_states (
    decision_id TEXT NOT NULL REFERENCES decisions,
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    member TEXT,
    kind TEXT NOT NULL,
    power_kw REAL,
    soc_frac REAL,
    soc_kwh REAL,
    age_s REAL,
    PRIMARY KEY (decision_id, gateway, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE cycles (
    decision_id TEXT PRIMARY KEY REFERENCES decisions,
    finished_ms INTEGER NOT NULL,
    phases TEXT NOT NULL,
    faults TEXT NOT NULL,
    events TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setpoints (
    setpoint_id TEXT PRIMARY KEY,
    decision_id TEXT NOT NULL REFERENCES decisions,
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    epoch INTEGER NOT NULL REFERENCES epochs,
    seq INTEGER NOT NULL,
    power_kw REAL NOT NULL CHECK (abs(power_kw) <= 1e6),
    not_before_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL CHECK (expires_ms > not_before_ms),
    reason TEXT NOT NULL,
    is_renewal INTEGER NOT NULL CHECK (is_renewal IN (0, 1)),
    state TEXT NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sent', 'acknowledged', 'refused', 'expired')),
    applied_kw REAL,
    refusal TEXT,
    changed_ms INTEGER,
    UNIQUE (gateway, device, epoch, seq)
) STRICT;
CREATE INDEX setpoints_by_decision ON setpoints (decision_id);
CREATE INDEX setpoints_open ON setpoints (state) WHERE state IN ('pending', 'sent');

CREATE TRIGGER setpoints_keep_intent BEFORE UPDATE OF setpoint_id, decision_id, gateway, device, epoch, seq, power_kw,
    not_before_ms, expires_ms, reason, is_renewal ON setpoints
BEGIN SELECT RAISE(ABORT, 'a setpoint''s intent is never changed'); END;
CREATE TRIGGER setpoints_end_once BEFORE UPDATE OF state, applied_kw, refusal, changed_ms ON setpoints
WHEN OLD.state NOT IN ('pending', 'sent') OR NEW.state = 'pending'
BEGIN SELECT RAISE(ABORT, 'a setpoint ends once'); END;
CREATE TRIGGER setpoints_stay BEFORE DELETE ON setpoints
BEGIN SELECT RAISE(ABORT, 'setpoints is append-only'); END;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_ms INTEGER NOT NULL,
    point_key TEXT NOT NULL UNIQUE,
    line TEXT NOT NULL
) STRICT;

CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_ms INTEGER NOT NULL,
    line TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

_VIEWS = """
CREATE VIEW newest_settled AS SELECT * FROM settled JOIN intervals USING (start_s)
WHERE revision = (SELECT max(revision) FROM settled AS newest WHERE newest.start_s = settled.start_s);

CREATE VIEW newest_metered AS SELECT * FROM metered JOIN intervals USING (start_s)
WHERE revision = (SELECT max(revision) FROM settled AS newest WHERE newest.start_s = metered.start_s);

CREATE VIEW newest_allocations AS SELECT * FROM allocations
WHERE revision = (SELECT max(revision) FROM settled AS newest WHERE newest.start_s = allocations.start_s);

CREATE VIEW plans AS SELECT * FROM decisions JOIN intervals USING (start_s);
"""


def _refusals(table: str) -> str:
    return "".join(
        f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}\n"
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: a correction is a new revision'); END;\n"
        for action in ("UPDATE", "DELETE")
    )


_DAY_EXPLANATIONS = """
CREATE TABLE day_explanations (
    day TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 0),
    member TEXT NOT NULL,
    topic TEXT NOT NULL,
    start_s INTEGER NOT NULL,
    reason TEXT NOT NULL,
    numbers TEXT NOT NULL,
    texts TEXT NOT NULL,
    PRIMARY KEY (day, member, revision, topic)
) STRICT, WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (
    _TABLES + _VIEWS + "".join(_refusals(table) for table in APPEND_ONLY),
    _DAY_EXPLANATIONS + _refusals("day_explanations"),
    LEDGER_SCRIPT + "".join(_refusals(table) for table in LEDGER_TABLES),
    EVENT_SCRIPT + "".join(_refusals(table) for table in EVENT_TABLES),
    FAIRNESS_SCRIPT + "".join(_refusals(table) for table in FAIRNESS_TABLES),
    DIGEST_SCRIPT + "".join(_refusals(table) for table in DIGEST_TABLES),
)
"""Script ``n`` (from 0) takes the schema from version ``n`` to ``n + 1``."""
