"""What is known of recorded homes."""

from __future__ import annotations

from dataclasses import dataclass

from models.domain.errors import ProfileError
from models.profiles.csv_table import CsvTable, parse_number
from models.profiles.profiles import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHome:
    """One recorded home."""

    home_id: str
    kind: str
    """``measured``, ``simulated``, or empty where the recording does not tell."""
    pv_kwp: float
    """Installed PV [kW]; 0: none; where the recording does not tell, its highest mean power."""
    persons: int | None
    """``None`` where the recording does not tell."""


def list_homes(headings: tuple[str, ...], pv_kw: FloatArray, table: CsvTable | None) -> tuple[RecordedHome, ...]:
    """Homes in the order of the recording's columns.

    Args:
        headings: [H] ids.
        pv_kw: [H, T] recorded generation [kW].
        table: ``homes.csv``, if there is one, with a column ``home`` and perhaps ``kind``, ``pv_kwp``, ``occupants``.

    Raises:
        ProfileError: The table lacks a home or has one twice, or a number is none.
    """
    highest_kw = pv_kw.max(axis=1)
    if table is None:
        return tuple(
            RecordedHome(home_id=home_id, kind="", pv_kwp=float(peak), persons=None)
            for home_id, peak in zip(headings, highest_kw, strict=True)
        )
    ids = table.column("home")
    homes: list[RecordedHome] = []
    for home_id, peak in zip(headings, highest_kw, strict=True):
        if ids.count(home_id) != 1:
            raise ProfileError(
                f"{table.file}, column home: found {home_id!r} {ids.count(home_id)} times, accepted is once"
            )
        row = ids.index(home_id)
        pv_kwp = _number(table, row, "pv_kwp")
        persons = _number(table, row, "occupants")
        homes.append(
            RecordedHome(
                home_id=home_id,
                kind=table.column("kind")[row] if "kind" in table.headings else "",
                # A size without any output would make a scaled profile of nothing.
                pv_kwp=(pv_kwp or float(peak)) if peak > 0.0 else 0.0,
                persons=int(persons) if persons else None,
            )
        )
    return tuple(homes)


def _number(table: CsvTable, row: int, heading: str) -> float | None:
    if heading not in table.headings:
        return None
    return parse_number(table.column(heading)[row], table, table.lines[row], heading)
