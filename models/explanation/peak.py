"""A member's part of the peak charge of the billing period so far, a game of its own, in whole minor units."""

from __future__ import annotations

from dataclasses import dataclass

from models.settlement.peak_bills import SettledPeak


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakSaving:
    """Why a member bears this part of the peak charge [minor units]."""

    alone_minor: int
    """Charge on the member's own highest power of the period so far."""
    bill_minor: int
    """Its part of the community's charge for the period so far."""
    plain_minor: int
    """Plain Shapley share of what is saved by peaks that do not fall together."""
    weighting_minor: int
    """Effect of the weights."""
    rounding_minor: int

    @property
    def saved_minor(self) -> int:
        """What being in the community saves of the charge; alone - saved = bill."""
        return self.plain_minor + self.weighting_minor + self.rounding_minor


def explain_peak(peak: SettledPeak, minor_per_unit: int = 100) -> tuple[PeakSaving, ...]:
    """Take every member's part of the peak charge apart.

    Args:
        peak: the charge of the period so far, split.
        minor_per_unit: minor units in one unit of the currency.
    """
    savings = []
    for alone_eur, value_eur, share_eur, bill in zip(
        peak.alone_eur, peak.value_eur, peak.share_eur, peak.bill_minor, strict=True
    ):
        alone, plain, share = (round(float(line) * minor_per_unit) for line in (alone_eur, value_eur, share_eur))
        savings.append(
            PeakSaving(
                alone_minor=alone,
                bill_minor=int(bill),
                plain_minor=plain,
                weighting_minor=share - plain,
                rounding_minor=alone - int(bill) - share,
            )
        )
    return tuple(savings)
