"""Meters: signed counters that follow the net power at every instant, and the exact record of a home's energy."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from models.domain.telemetry import DeviceKey, Reading


class SimulatedMeter:
    """Two counters: what flowed in while the net power was positive, what flowed out while it was negative."""

    def __init__(self) -> None:
        self.net_kw = 0.0
        """Power now, + from the grid [kW]."""
        self.import_kwh_total = 0.0
        self.export_kwh_total = 0.0

    def advance(self, duration_s: float) -> None:
        """Let the present power act for a time [s]."""
        if self.net_kw > 0.0:
            self.import_kwh_total += self.net_kw * duration_s / 3600.0
        else:
            self.export_kwh_total -= self.net_kw * duration_s / 3600.0

    def reading(self, device: DeviceKey, ts_utc: datetime, seq: int) -> Reading:
        """What the meter shows."""
        return Reading(
            device=device,
            ts_utc=ts_utc,
            seq=seq,
            power_kw=self.net_kw,
            import_kwh_total=self.import_kwh_total,
            export_kwh_total=self.export_kwh_total,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeEnergy:
    """Energy of one home over a span of time, all >= 0 [kWh].

    ``import - export = demand + charge - discharge + ev + runs - pv``.
    """

    import_kwh: float
    export_kwh: float
    demand_kwh: float
    """Drawn, without batteries, cars and shiftable runs; curtailable loads are a part of it."""
    pv_kwh: float
    """Generated, after curtailment."""
    pv_available_kwh: float
    """What could have been generated."""
    charge_kwh: float
    discharge_kwh: float
    ev_kwh: float
    runs_kwh: float
    held_back_kwh: float
    """What curtailable loads were kept from drawing; no part of ``demand_kwh``."""

    @property
    def net_kwh(self) -> float:
        """Import less export [kWh]."""
        return self.import_kwh - self.export_kwh


ENERGY_FIELDS = tuple(field.name for field in fields(HomeEnergy))
"""Columns of a ledger's row."""


class EnergyLedger:
    """Totals of one home at evenly spaced marks: the truth that others' measurements are compared with."""

    def __init__(self, *, origin_utc: datetime, first_s: float, spacing_s: int) -> None:
        """Open a ledger.

        Args:
            origin_utc: Zero of the simulation's seconds, a multiple of the spacing.
            first_s: When the simulation starts [s].
            spacing_s: Distance between marks [s].
        """
        self._origin_utc = origin_utc
        self.spacing_s = spacing_s
        self._first_mark = -int(-first_s // spacing_s)
        self._totals = array("d")

    @property
    def _rows(self) -> int:
        return len(self._totals) // len(ENERGY_FIELDS)

    @property
    def next_mark_s(self) -> float:
        """When the next row is due [s]."""
        return float((self._first_mark + self._rows) * self.spacing_s)

    def mark(self, totals: tuple[float, ...]) -> None:
        """Write the row that is due, in the order of ``ENERGY_FIELDS`` [kWh]."""
        self._totals.extend(totals)

    def _row(self, moment_utc: datetime) -> array[float]:
        elapsed = moment_utc - self._origin_utc
        mark, rest = divmod(elapsed, timedelta(seconds=self.spacing_s))
        row = mark - self._first_mark
        if rest or not 0 <= row < self._rows:
            first_utc = self._origin_utc + timedelta(seconds=self._first_mark * self.spacing_s)
            last_utc = first_utc + timedelta(seconds=(self._rows - 1) * self.spacing_s)
            raise ValueError(
                f"energy at {moment_utc.isoformat()} is not recorded: accepted are multiples of {self.spacing_s} s "
                f"from {first_utc.isoformat()} to {last_utc.isoformat()}"
            )
        return self._totals[row * len(ENERGY_FIELDS) : (row + 1) * len(ENERGY_FIELDS)]

    def energy(self, start_utc: datetime, end_utc: datetime) -> HomeEnergy:
        """Energy between two marks.

        Raises:
            ValueError: A moment is no mark that was passed.
        """
        first, last = self._row(start_utc), self._row(end_utc)
        return HomeEnergy(**{name: last[at] - first[at] for at, name in enumerate(ENERGY_FIELDS)})

    def table(self) -> NDArray[np.float64]:
        """[K, 10] energy between successive marks, columns as ``ENERGY_FIELDS`` [kWh]."""
        return np.diff(np.array(self._totals, dtype=np.float64).reshape(self._rows, len(ENERGY_FIELDS)), axis=0)
