"""From bills to ledger postings, and from one revision to the next: only differences are booked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from models.domain.errors import SettlementError
from models.settlement.bills import DayBills
from models.settlement.ledger import Posting

UTILITY = "utility"
"""Account of what the community owes its supplier and network operator."""


def post_bills(members: Sequence[str], bills: DayBills) -> list[Posting]:
    """Postings of a day's bills: each member owes its bill, the community owes the utility their sum.

    Args:
        members: [N] member ids, in the order of the bills.
        bills: the day's bills.

    Raises:
        SettlementError: Another number of members than bills.
    """
    if len(members) != len(bills.bill_minor):
        raise SettlementError(f"bills: found {len(bills.bill_minor)} for {len(members)} members")
    owed = zip(members, bills.bill_minor, strict=True)
    postings = [Posting(name_account(member), int(amount)) for member, amount in owed]
    return [*postings, Posting(UTILITY, -bills.utility_minor)]


def name_account(member: str) -> str:
    """Name of a member's account."""
    return f"member:{member}"


def post_difference(new: Iterable[Posting], booked: Mapping[str, int]) -> list[Posting]:
    """Postings that take accounts from what is booked for a day and kind to its new revision.

    Args:
        new: the new revision in full.
        booked: sum of what earlier revisions of the same day and kind booked, by account.
    """
    difference = {account: -amount for account, amount in booked.items()}
    for posting in new:
        difference[posting.account] = difference.get(posting.account, 0) + posting.amount_minor
    return [Posting(account, amount) for account, amount in sorted(difference.items()) if amount]
