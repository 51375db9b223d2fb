"""Which demand-response events a plan looks ahead to: announced ones, and those that the prices make."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np

from config.schema import Site
from models.domain.demand_response import PIECE, DemandEvent, day_pieces, find_price_events, number_days, touches
from models.domain.errors import CommonWattError
from models.domain.interval import PlanSteps
from models.domain.tariff import PriceBook


def find_events(
    site: Site, prices: PriceBook, announced: Iterable[DemandEvent], steps: PlanSteps
) -> tuple[DemandEvent, ...]:
    """Events that touch the plan's steps, the first to begin first."""
    found = list(announced)
    threshold_std = site.demand_response.price_threshold_std
    # A price event asks nothing of anybody else: where there is nothing to hold back it says nothing.
    if threshold_std is not None and any(member.curtailable_loads for member in site.members):
        for day in number_days(steps, site.zone)[1]:
            found += _price_events(site, prices, day, threshold_std)
    return tuple(sorted(event for event in found if touches(event, steps).any()))


def _price_events(site: Site, prices: PriceBook, day: date, threshold_std: float) -> tuple[DemandEvent, ...]:
    edges = day_pieces(day, site.zone)
    piece_h = np.full(len(edges) - 1, PIECE.total_seconds() / 3600.0)
    try:
        price = prices.prices(edges[:-1], piece_h).import_price_eur_per_kwh
    except CommonWattError:
        # A day whose prices are not all known has no mean to be dear against.
        return ()
    return find_price_events(edges, price, threshold_std)
