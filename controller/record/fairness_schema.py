"""Table of settled days' fairness figures: one row for each revision, its figures by name as JSON."""

from __future__ import annotations

FAIRNESS_TABLES = ("day_fairness",)
"""Tables of this script whose rows stay as they were written."""

FAIRNESS_SCRIPT = """
CREATE TABLE day_fairness (
    day TEXT NOT NULL,
    revision INTEGER NOT NULL,
    figures TEXT NOT NULL,
    PRIMARY KEY (day, revision),
    FOREIGN KEY (day, revision) REFERENCES day_settlements
) STRICT, WITHOUT ROWID;
"""
