"""Tables of what a settled day was computed from, and of invoices that months were trued up to."""

from __future__ import annotations

DIGEST_TABLES = ("day_inputs", "true_ups", "true_up_parts")
"""Tables of this script whose rows stay as they were written."""

DIGEST_SCRIPT = """
CREATE TABLE day_inputs (
    day TEXT NOT NULL,
    revision INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    interval_revision INTEGER NOT NULL,
    PRIMARY KEY (day, revision, start_s),
    FOREIGN KEY (day, revision) REFERENCES day_settlements,
    FOREIGN KEY (start_s, interval_revision) REFERENCES settled
) STRICT, WITHOUT ROWID;

CREATE TABLE true_ups (
    month TEXT NOT NULL CHECK (month LIKE '____-__'),
    revision INTEGER NOT NULL CHECK (revision >= 0),
    invoice_minor INTEGER NOT NULL,
    booked_minor INTEGER NOT NULL,
    PRIMARY KEY (month, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE true_up_parts (
    month TEXT NOT NULL,
    revision INTEGER NOT NULL,
    member TEXT NOT NULL,
    throughput_wh INTEGER NOT NULL CHECK (throughput_wh >= 0),
    amount_minor INTEGER NOT NULL,
    PRIMARY KEY (month, revision, member),
    FOREIGN KEY (month, revision) REFERENCES true_ups
) STRICT, WITHOUT ROWID;
"""
