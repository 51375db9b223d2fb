"""An operator's values against the store: which intervals change, which are made because the gateway missed them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from config.schema import Site
from controller.record.corrections import MeterValue, correct_interval
from controller.record.operator_columns import Direction
from controller.record.operator_file import MOST_TOLD, Flaw, OperatorValues
from controller.record.quantities import from_epoch_s, to_epoch_s, to_micro
from controller.record.reader import Reader
from controller.record.records import MeteredRow, Prices, SettledInterval
from models.domain.interval import local_day_of, settlement_day
from models.domain.snapshot import MeterQuality
from models.domain.tariff import PriceBook
from models.settlement.local_price import price_mid_market


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What a file comes to; nothing is written yet."""

    corrected: tuple[SettledInterval, ...]
    """Next revisions of intervals on record that it changes."""
    created: tuple[SettledInterval, ...]
    """First revisions of intervals that were not recorded when they ended, at the tariff's prices."""


def plan_import(
    reader: Reader, site: Site, file: OperatorValues, read_prices: Callable[[], PriceBook]
) -> ImportPlan | tuple[Flaw, ...]:
    """Place a file's values in the record, or tell what does not fit (the first twenty).

    Args:
        reader: the store.
        site: the site.
        file: its values.
        read_prices: the site's prices, asked for only where intervals have to be made.

    Raises:
        SiteFileError: intervals have to be made, and the price series does not reach them.
    """
    return _Planner(reader, site, file, read_prices).plan()


class _Planner:
    """Walks a file's intervals in their order; owns what it found on the way."""

    def __init__(self, reader: Reader, site: Site, file: OperatorValues, read_prices: Callable[[], PriceBook]) -> None:
        self._reader = reader
        self._site = site
        self._file = file
        self._read_prices = read_prices
        self._flaws: list[Flaw] = []
        self._weights: dict[date, dict[str, float]] = {}
        self._last_made: SettledInterval | None = None
        self._day: tuple[date, dict[datetime, SettledInterval]] | None = None

    def plan(self) -> ImportPlan | tuple[Flaw, ...]:
        by_start: dict[datetime, dict[str, Mapping[Direction, int]]] = {}
        for (start, member), pair in self._file.values.items():
            by_start.setdefault(start, {})[member] = pair
        (row,) = self._reader.select("SELECT min(start_s) AS first_s, max(start_s) AS last_s FROM settled", ())
        covered = None if row["first_s"] is None else (from_epoch_s(row["first_s"]), from_epoch_s(row["last_s"]))
        corrected: list[SettledInterval] = []
        created: list[SettledInterval] = []
        for start in sorted(by_start):
            stored = self._find(start)
            if stored is not None:
                found = self._correct(stored, by_start[start])
                corrected += [] if found is None else [found]
            elif covered is None or not covered[0] < start < covered[1]:
                self._refuse_time(start, next(iter(by_start[start])), covered)
            else:
                made = self._create(start, by_start[start])
                created += [] if made is None else [made]
                self._last_made = made or self._last_made
            if len(self._flaws) >= MOST_TOLD:
                break
        if self._flaws:
            return tuple(self._flaws)
        return ImportPlan(corrected=tuple(corrected), created=tuple(created))

    def _find(self, start: datetime) -> SettledInterval | None:
        """The interval on record; a day is read at once, because a month by intervals takes long."""
        day = local_day_of(start, self._site.zone)
        if self._day is None or self._day[0] != day:
            span = settlement_day(day, self._site.zone)
            rows = self._reader.settled(span.start_utc, span.end_utc)
            self._day = (day, {row.start_utc: row for row in rows})
        return self._day[1].get(start)

    def _correct(self, stored: SettledInterval, given: Mapping[str, Mapping[Direction, int]]) -> SettledInterval | None:
        values = self._complete(stored, given)
        return correct_interval(self._site, stored, values, self._weights_on(stored.start_utc)) if values else None

    def _create(self, start: datetime, given: Mapping[str, Mapping[Direction, int]]) -> SettledInterval | None:
        """An interval of those who were in the community before the gap, or who are in the file and after it."""
        before, after = self._neighbours(start)
        members = [*before, *(member for member in given if member in after and member not in before)]
        empty = SettledInterval(
            start_utc=start,
            duration_s=self._site.interval_min * 60,
            key=self._site.sharing.key,
            prices=self._price(start),
            metered=tuple(MeteredRow(member=member, quality=MeterQuality.MISSING) for member in sorted(members)),
        )
        values = self._complete(empty, given)
        return correct_interval(self._site, empty, values, self._weights_on(start), is_first=True) if values else None

    def _neighbours(self, start: datetime) -> tuple[list[str], list[str]]:
        """Members of the intervals before and after a gap."""
        sides = []
        for query in (
            "SELECT max(start_s) AS start_s FROM settled WHERE start_s < ?",
            "SELECT min(start_s) AS start_s FROM settled WHERE start_s > ?",
        ):
            found_s = self._reader.select(query, (to_epoch_s(start),))[0]["start_s"]
            rows = self._reader.select(
                "SELECT member FROM newest_metered WHERE start_s = ? ORDER BY member", (found_s,)
            )
            sides.append((from_epoch_s(found_s), [row["member"] for row in rows]))
        made = self._last_made
        if made is not None and made.start_utc > sides[0][0]:
            return [row.member for row in made.metered], sides[1][1]
        return sides[0][1], sides[1][1]

    def _price(self, start: datetime) -> Prices:
        found = self._read_prices().prices((start,), np.full(1, self._site.interval_min / 60.0))
        bought = float(found.import_price_eur_per_kwh[0])
        sold = float(found.export_price_eur_per_kwh[0])
        fee = float(found.network_fee_eur_per_kwh[0])
        return Prices(
            import_micro_per_kwh=to_micro(bought),
            export_micro_per_kwh=to_micro(sold),
            network_fee_micro_per_kwh=to_micro(fee),
            local_micro_per_kwh=to_micro(float(price_mid_market(bought, sold, fee))),
        )

    def _weights_on(self, start: datetime) -> dict[str, float]:
        """Weights in force on the local day of an interval; they are constant within it."""
        day = local_day_of(start, self._site.zone)
        if day not in self._weights:
            span = settlement_day(day, self._site.zone)
            decided = self._reader.select(
                "SELECT weights FROM decisions WHERE start_s <= ?"
                " ORDER BY start_s DESC, epoch DESC, replan DESC LIMIT 1",
                (to_epoch_s(start),),
            )
            allocated = self._reader.select(
                "SELECT member, weight FROM newest_allocations WHERE start_s >= ? AND start_s < ?"
                " ORDER BY start_s DESC",
                (to_epoch_s(span.start_utc), to_epoch_s(span.end_utc)),
            )
            weights: dict[str, float] = dict(json.loads(decided[0]["weights"])) if decided else {}
            # The day's first weight holds, so it comes last.
            self._weights[day] = weights | {row["member"]: row["weight"] for row in allocated}
        return self._weights[day]

    def _complete(self, stored: SettledInterval, given: Mapping[str, Mapping[Direction, int]]) -> dict[str, MeterValue]:
        """Both directions of each member; one that the file leaves out stays as metered."""
        known = {row.member: row for row in stored.metered}
        values = {}
        for member, pair in given.items():
            row = known.get(member)
            if row is None:
                self._refuse(
                    *(stored.start_utc, member, self._file.member_column),
                    found=f"{member} at {_name(stored.start_utc)}",
                    accepted="a member that was in the community then: " + ", ".join(known),
                )
                continue
            drawn = pair.get(Direction.IMPORT, row.import_wh)
            fed_in = pair.get(Direction.EXPORT, row.export_wh)
            if drawn is None or fed_in is None:
                there, missing = ("export", "import") if drawn is None else ("import", "export")
                self._refuse(
                    *(stored.start_utc, member, "-"),
                    found=f"only the {there} of {member} at {_name(stored.start_utc)}",
                    accepted=f"its {missing} as well: no meter value is on record that could stand for it",
                )
                continue
            values[member] = MeterValue(import_wh=drawn, export_wh=fed_in)
        return values

    def _refuse_time(self, start: datetime, member: str, covered: tuple[datetime, datetime] | None) -> None:
        if covered is None:
            accepted = "an interval on record: the store has none yet"
        else:
            accepted = (
                f"an interval that begins from {_name(covered[0])} to {_name(covered[1])}, which the store covers"
            )
        self._refuse(start, member, self._file.time_column, found=_name(start), accepted=accepted)

    def _refuse(self, start: datetime, member: str, column: str, *, found: str, accepted: str) -> None:
        row = self._file.rows[start, member]
        self._flaws.append(Flaw(row=row, column=column, found=found, accepted=accepted))


def _name(moment_utc: datetime) -> str:
    return f"{moment_utc:%Y-%m-%dT%H:%MZ}"
