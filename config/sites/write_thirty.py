"""Writes ``thirty.yaml``: ``python -m config.sites.write_thirty``."""

from __future__ import annotations

from pathlib import Path

import yaml

from config.composition import compose_description

SITE_FILE = Path(__file__).with_name("thirty.yaml")
SEED = 30
_HEAD = """\
# yaml-language-server: $schema=../site.schema.json
# Thirty invented members, 45 % with PV, most of those with a battery, some with a car, an appliance that can wait or a
# load that may be held back.
# Written by `python -m config.sites.write_thirty`; incomes and tiers describe no one.
"""


def thirty_text() -> str:
    """The file's content."""
    site = {"version": 1, **compose_description(members=30, seed=SEED)}
    site["community"] |= {"id": "thirty", "name": "Thirty invented members"}
    # Lists and mappings without others inside go on one line each, so that the file stays readable.
    return _HEAD + yaml.safe_dump(site, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)


if __name__ == "__main__":
    SITE_FILE.write_text(thirty_text(), encoding="utf-8")
