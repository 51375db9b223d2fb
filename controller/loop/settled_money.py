"""Tells the billing period's account of days that were settled or corrected, by whichever program."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, timedelta

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.record.reader import Reader
from controller.record.records import SettledInterval
from controller.record.settled_bills import SettledBills, read_settled_bills
from controller.record.store import Store
from models.domain.errors import StoreError
from models.domain.interval import local_day_of, settlement_day

_log = logging.getLogger(__name__)


class SettledMoney:
    """Asks the store before each cycle; ``commonwatt settle`` writes there beside a running controller.

    Args:
        site: The site.
        store: While it fails, what was known before holds.
        account: Learns of each new revision once.
    """

    def __init__(self, site: Site, store: Store, account: PeriodAccount) -> None:
        self._site = site
        self._store = store
        self._account = account
        self._is_failing = False

    async def refresh(self) -> None:
        """Book what is new."""
        since, known = first_day_of_interest(self._site, self._account), self._account.known_revisions()
        try:
            found = await self._store.read(lambda reader: read_settled_days(reader, self._site, since, known))
        except StoreError as error:
            if not self._is_failing:
                _log.warning("settled days could not be read: %s", error)
            self._is_failing = True
            return
        self._is_failing = False
        self._account.book(bills for bills, _ in found)
        for bills, intervals in found:
            self._account.recount(bills.local_day, intervals)


def read_settled_days(
    reader: Reader, site: Site, since: date, known: Mapping[date, int]
) -> list[tuple[SettledBills, list[SettledInterval]]]:
    """Days settled or corrected since, each with the newest revision of the intervals that the community shared."""
    found = []
    for bills in read_settled_bills(reader.select, since, known):
        day = settlement_day(bills.local_day, site.zone)
        shared = [one for one in reader.settled(day.start_utc, day.end_utc) if one.allocations]
        found.append((bills, shared))
    return found


def first_day_of_interest(site: Site, account: PeriodAccount) -> date:
    """First day of the month before the account's: the last settled day of an earlier period counts for the policy."""
    first = local_day_of(account.period.start_utc, site.zone)
    return (first - timedelta(days=1)).replace(day=1)
