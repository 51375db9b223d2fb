"""Tables of settled days: what devices did, the day's figures, the bills, and the ledger.

Amounts end in ``_minor`` (whole minor units of the currency) where they are billed, and in ``_micro`` where they only
explain. Series are blobs of one number for each interval of the day, little-endian.
"""

from __future__ import annotations

LEDGER_TABLES = ("device_energy", "day_settlements", "day_bills", "ledger")
"""Tables of this script whose rows stay as they were written."""

LEDGER_SCRIPT = """
CREATE TABLE device_energy (
    start_s INTEGER NOT NULL,
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    revision INTEGER NOT NULL,
    member TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('battery', 'ev', 'pv')),
    import_wh INTEGER CHECK (import_wh >= 0),
    export_wh INTEGER CHECK (export_wh >= 0),
    soc_wh INTEGER CHECK (soc_wh >= 0),
    is_plugged INTEGER CHECK (is_plugged IN (0, 1)),
    curtailed_wh INTEGER CHECK (curtailed_wh >= 0),
    PRIMARY KEY (start_s, gateway, device, revision),
    FOREIGN KEY (start_s, revision) REFERENCES settled,
    CHECK ((import_wh IS NULL) = (export_wh IS NULL))
) STRICT, WITHOUT ROWID;

CREATE VIEW newest_device_energy AS SELECT * FROM device_energy
WHERE revision = (SELECT max(revision) FROM settled AS newest WHERE newest.start_s = device_energy.start_s);

CREATE TABLE day_settlements (
    day TEXT NOT NULL CHECK (day LIKE '____-__-__'),
    revision INTEGER NOT NULL CHECK (revision >= 0),
    stage TEXT NOT NULL CHECK (stage IN ('provisional', 'final', 'corrected')),
    game TEXT NOT NULL CHECK (game IN ('metered', 'reoptimised')),
    method TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('gain', 'no_gain', 'loss')),
    input_digest TEXT NOT NULL CHECK (length(input_digest) = 64),
    settled_ms INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    step_s INTEGER NOT NULL CHECK (step_s > 0),
    intervals INTEGER NOT NULL CHECK (intervals > 0),
    estimated INTEGER NOT NULL CHECK (estimated >= 0),
    minor_per_unit INTEGER NOT NULL CHECK (minor_per_unit > 0),
    players INTEGER NOT NULL,
    coalitions INTEGER NOT NULL,
    gain_micro INTEGER NOT NULL,
    game_micro INTEGER NOT NULL,
    max_error_micro INTEGER NOT NULL CHECK (max_error_micro >= 0),
    core_excess_micro INTEGER NOT NULL,
    utility_minor INTEGER NOT NULL,
    peak_minor INTEGER NOT NULL,
    notes TEXT NOT NULL,
    prices TEXT NOT NULL,
    PRIMARY KEY (day, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE day_bills (
    day TEXT NOT NULL,
    revision INTEGER NOT NULL,
    place INTEGER NOT NULL CHECK (place >= 0),
    member TEXT NOT NULL,
    stand_alone_minor INTEGER NOT NULL,
    wear_minor INTEGER NOT NULL,
    share_minor INTEGER NOT NULL,
    solidarity_minor INTEGER NOT NULL,
    islanded_minor INTEGER NOT NULL,
    peak_minor INTEGER NOT NULL,
    plain_micro INTEGER NOT NULL,
    loss_after_micro INTEGER NOT NULL CHECK (loss_after_micro >= 0),
    weight REAL NOT NULL CHECK (weight > 0),
    import_wh BLOB NOT NULL,
    export_wh BLOB NOT NULL,
    received_wh BLOB NOT NULL,
    supplied_wh BLOB NOT NULL,
    is_estimated BLOB NOT NULL,
    PRIMARY KEY (day, revision, member),
    UNIQUE (day, revision, place),
    FOREIGN KEY (day, revision) REFERENCES day_settlements
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 0),
    day TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 0),
    stage TEXT NOT NULL CHECK (stage IN ('provisional', 'final', 'corrected')),
    kind TEXT NOT NULL,
    content BLOB NOT NULL,
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
    previous_hash TEXT NOT NULL UNIQUE CHECK (length(previous_hash) = 64),
    UNIQUE (day, kind, revision)
) STRICT;
CREATE TRIGGER ledger_has_no_gap BEFORE INSERT ON ledger
WHEN NEW.sequence <> (SELECT count(*) FROM ledger)
BEGIN SELECT RAISE(ABORT, 'a ledger entry follows the last one'); END;
"""
