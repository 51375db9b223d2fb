"""Tables of the market's notices and of demand response: what is known, what was held back, what it came to.

Only ``market_notices`` is ever rewritten: it is what a restarted controller has to know, not a record.
"""

from __future__ import annotations

EVENT_TABLES = ("curtailments", "demand_response_effects")
"""Tables of this script whose rows stay as they were written."""

EVENT_SCRIPT = """
CREATE TABLE market_notices (
    channel TEXT NOT NULL CHECK (channel IN ('price', 'limit', 'event')),
    identity TEXT NOT NULL,
    payload BLOB NOT NULL CHECK (length(payload) <= 4096),
    PRIMARY KEY (channel, identity)
) STRICT, WITHOUT ROWID;

CREATE TABLE curtailments (
    decision_id TEXT NOT NULL REFERENCES decisions,
    gateway TEXT NOT NULL,
    device TEXT NOT NULL,
    member TEXT NOT NULL,
    held_back_kw REAL NOT NULL CHECK (held_back_kw BETWEEN 0 AND 1e6),
    PRIMARY KEY (decision_id, gateway, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE demand_response_effects (
    event TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('mqtt', 'price')),
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL CHECK (end_ms > start_ms),
    stage TEXT NOT NULL CHECK (stage IN ('announced', 'started', 'ended', 'cancelled')),
    at_ms INTEGER NOT NULL,
    decision_id TEXT REFERENCES decisions,
    target_kw REAL CHECK (abs(target_kw) <= 1e6),
    with_event TEXT,
    without_event TEXT,
    metered TEXT,
    PRIMARY KEY (start_ms, event, end_ms, stage)
) STRICT, WITHOUT ROWID;
"""
