"""Where consumed energy came from: stored energy keeps the colour that it was charged with.

A battery is a well-mixed tank: what leaves it has the mix of what is in it. (First-in-first-out was the other choice;
it needs the order of all charges since the last empty state, and gives the same colours over a full cycle.) Within an
interval a home's sources feed its sinks in proportion: export is drawn from PV and battery, never from imports; use and
charging share what is left of PV and battery together with the imports.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from models.settlement.arrays import FloatArray, IntArray, finite, freeze, non_negative

COLOURS = 4


class Colour(IntEnum):
    """Origin of energy; the index of the last axis of every coloured array."""

    PV = 0
    """The member's own PV."""
    COMMUNITY_PV = 1
    """Another member's PV, perhaps through a battery."""
    COMMUNITY_OTHER = 2
    """From another member's battery that had been charged from the grid."""
    GRID = 3
    """From the supplier, or of unknown origin: what is not known is not called renewable."""


RENEWABLE = (Colour.PV, Colour.COMMUNITY_PV)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFlows:
    """Metered flows of one interval: N members, B batteries. All energies >= 0; arrays are read-only."""

    import_wh: FloatArray
    """[N] metered import E+ [Wh]."""
    export_wh: FloatArray
    """[N] metered export E- [Wh]."""
    received_wh: FloatArray
    """[N] part of the import that members supplied [Wh]."""
    supplied_wh: FloatArray
    """[N] part of the export that members consumed [Wh]."""
    pv_wh: FloatArray
    """[N] PV generated [Wh]."""
    charged_wh: FloatArray
    """[B] into each battery, at its terminals [Wh]."""
    discharged_wh: FloatArray
    """[B] out of each battery, at its terminals [Wh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryTraits:
    """What colours need to know of B batteries; arrays are read-only."""

    member: IntArray
    """[B] index of the owner."""
    charge_efficiency_frac: FloatArray
    """[B]"""
    discharge_efficiency_frac: FloatArray
    """[B]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredInterval:
    """Origin of what was consumed in one interval; arrays are read-only."""

    consumption_wh: FloatArray
    """[N, 4] consumption with charging by origin; each row sums to own + community + grid [Wh]."""
    use_wh: FloatArray
    """[N, 4] final use (consumption without charging) by origin: each kWh counts once [Wh]."""
    stored_wh: FloatArray
    """[B, 4] in each battery at the end of the interval, by origin [Wh]."""

    @property
    def renewable_use_wh(self) -> FloatArray:
        """[N] final use from PV, own or another member's [Wh]."""
        return np.asarray(self.use_wh[:, list(RENEWABLE)].sum(axis=1))


def store_unknown(stored_wh: FloatArray) -> FloatArray:
    """Colours of batteries whose past is unknown: all of it counts as grid energy.

    Args:
        stored_wh: [B] stored energy [Wh].

    Returns:
        [B, 4] stored energy by origin [Wh].
    """
    coloured = np.zeros((len(stored_wh), COLOURS))
    coloured[:, Colour.GRID] = stored_wh
    return coloured


def colour_interval(
    flows: HomeFlows,
    traits: BatteryTraits,
    stored_wh: FloatArray,
    metered_stored_wh: FloatArray | None = None,
) -> ColouredInterval:
    """Colour the consumption of one interval and carry the batteries' colours on.

    own = PV + discharge - export (= consumption - import), community = received, grid = import - received.
    Community energy has the mix of all that members supplied in the same interval.

    Args:
        flows: the interval's metered flows.
        traits: the batteries.
        stored_wh: [B, 4] stored energy by origin at the start [Wh].
        metered_stored_wh: [B] stored energy at the end by the battery's own state of charge [Wh], NaN where unknown;
            contents are scaled to it, so that standby losses do not add up.

    Raises:
        SettlementError: A flow is negative or not finite.
    """
    _check(flows, traits, stored_wh)
    members = len(flows.import_wh)
    drawn = _draw(stored_wh, flows.discharged_wh / traits.discharge_efficiency_frac)
    supply = np.zeros((members, COLOURS))
    np.add.at(supply, traits.member, drawn * traits.discharge_efficiency_frac[:, None])
    supply[:, Colour.PV] += flows.pv_wh
    own, given = _take_export(supply, flows.export_wh)
    pool = _as_community(_scaled(given, flows.supplied_wh).sum(axis=0))
    bought = flows.received_wh[:, None] * _share(pool[None, :])
    consumption = own + bought
    consumption[:, Colour.GRID] += flows.import_wh - flows.received_wh
    charged = np.zeros(members)
    np.add.at(charged, traits.member, flows.charged_wh)
    mix = _share(consumption)
    use = consumption - mix * np.minimum(charged, consumption.sum(axis=1))[:, None]
    inflow = mix[traits.member] * (flows.charged_wh * traits.charge_efficiency_frac)[:, None]
    stored = np.maximum(stored_wh - drawn, 0.0) + inflow
    if metered_stored_wh is not None:
        stored = np.where(np.isnan(metered_stored_wh)[:, None], stored, _scaled(stored, metered_stored_wh))
    result = ColouredInterval(consumption_wh=consumption, use_wh=np.maximum(use, 0.0), stored_wh=stored)
    for array in (result.consumption_wh, result.use_wh, result.stored_wh):
        freeze(array)
    return result


def _draw(stored: FloatArray, amount: FloatArray) -> FloatArray:
    """Take amounts [B] out of contents [B, 4] at their mix; what the contents do not hold is of unknown origin."""
    held = stored.sum(axis=1)
    drawn = _share(stored) * np.minimum(amount, held)[:, None]
    drawn[:, Colour.GRID] += np.maximum(amount - held, 0.0)
    return np.asarray(drawn)


def _take_export(supply: FloatArray, export: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Split a home's own supply [N, 4] into what stays and what is exported [N], at its mix."""
    given = _share(supply) * np.minimum(export, supply.sum(axis=1))[:, None]
    kept: FloatArray = np.maximum(supply - given, 0.0)
    given[:, Colour.GRID] += np.maximum(export - supply.sum(axis=1), 0.0)
    return kept, given


def _as_community(given: FloatArray) -> FloatArray:
    """Rename the origin of supplied energy as the receiver sees it."""
    pool = np.zeros(COLOURS)
    pool[Colour.COMMUNITY_PV] = given[Colour.PV] + given[Colour.COMMUNITY_PV]
    pool[Colour.COMMUNITY_OTHER] = given[Colour.COMMUNITY_OTHER] + given[Colour.GRID]
    return pool


def _share(amounts: FloatArray) -> FloatArray:
    """Mix of each row; a row without anything counts as unknown, so as grid energy."""
    total = amounts.sum(axis=1, keepdims=True)
    unknown = np.zeros_like(amounts)
    unknown[:, Colour.GRID] = 1.0
    return np.asarray(np.divide(amounts, total, out=unknown, where=total > 0.0))


def _scaled(amounts: FloatArray, totals: FloatArray) -> FloatArray:
    """Amounts [K, 4] with the same mix and the given row totals [K]."""
    return np.asarray(_share(amounts) * np.where(np.isnan(totals), 0.0, totals)[:, None])


def _check(flows: HomeFlows, traits: BatteryTraits, stored: FloatArray) -> None:
    members, batteries = len(flows.import_wh), len(traits.member)
    for name in ("import_wh", "export_wh", "received_wh", "supplied_wh", "pv_wh"):
        non_negative(name, getattr(flows, name), (members,))
    for name in ("charged_wh", "discharged_wh"):
        non_negative(name, getattr(flows, name), (batteries,))
    finite("stored_wh", stored, (batteries, COLOURS))
