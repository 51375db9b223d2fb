"""What is written down for each member when a day is settled again, and where its meter values were estimated.

The difference to the revision before is stored with the new one, in the same transaction; later readers need not find
the earlier figures.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from controller.record.catalogues import load_languages
from controller.record.day_records import DaySettlement, MemberDay
from controller.record.records import ExplanationRow
from models.explanation.correction import Correction, CorrectionCause, MeteredDay
from models.explanation.correction_wording import word_correction, word_estimates
from models.explanation.day_wording import LEAST_COMPARED
from models.settlement.ledger import Stage
from models.settlement.settle_day import GameKind

CORRECTION_TOPIC = "correction"
ESTIMATE_TOPIC = "estimate"
ESTIMATE_REASON = "meter_silent"


def explain_revision(
    before: DaySettlement | None, after: DaySettlement, currency: str, *, is_final: bool
) -> tuple[ExplanationRow, ...]:
    """Rows on what a revision changed, and on estimated values; computes, and reads or writes nothing.

    Args:
        before: the revision that it follows; ``None``: it is the day's first.
        after: the new one; its revision number and stage need not be set yet.
        currency: of the amounts.
        is_final: made from the site's final game.
    """
    follows = {"revision": float(0 if before is None else before.revision + 1), "is_final": float(is_final)}
    rows = [*_explain_estimates(after, follows)]
    if before is not None:
        rows += _explain_corrections(before, after, currency, follows)
    return tuple(rows)


def find_corrections(before: DaySettlement, after: DaySettlement, *, is_final: bool) -> tuple[Correction, ...]:
    """What changed for each member of the new revision; one that the earlier one did not have began with nothing."""
    earlier = {one.member: one for one in before.members}
    pairs = [(earlier.get(one.member), one) for one in after.members]
    is_same = [_is_same_energy(old, new) for old, new in pairs]
    same_cause = CorrectionCause.OTHER_METERS
    if all(is_same) and len(before.members) == len(after.members):
        was_provisional = is_final and before.stage is Stage.PROVISIONAL
        same_cause = CorrectionCause.FINAL_GAME if was_provisional else CorrectionCause.OTHER_DATA
    is_re_optimised_now = (before.game, after.game) == (GameKind.METERED, GameKind.REOPTIMISED)
    return tuple(
        _compare(old, new, same_cause if own else CorrectionCause.OWN_METER, is_re_optimised_now=is_re_optimised_now)
        for (old, new), own in zip(pairs, is_same, strict=True)
    )


def _compare(old: MemberDay | None, new: MemberDay, cause: CorrectionCause, *, is_re_optimised_now: bool) -> Correction:
    def change(line: str) -> int:
        return int(getattr(new, line)) - (0 if old is None else int(getattr(old, line)))

    return Correction(
        cause=cause,
        is_re_optimised_now=is_re_optimised_now,
        before=_meter(old),
        after=_meter(new),
        bill_before_minor=0 if old is None else old.bill_minor,
        alone_minor=change("stand_alone_minor"),
        wear_minor=-change("wear_minor"),
        share_minor=-change("share_minor"),
        solidarity_minor=-change("solidarity_minor"),
        islanded_minor=change("islanded_minor"),
        peak_before_minor=0 if old is None else old.peak_minor,
        peak_after_minor=new.peak_minor,
    )


def _explain_corrections(
    before: DaySettlement, after: DaySettlement, currency: str, follows: dict[str, float]
) -> Iterator[ExplanationRow]:
    minor = after.minor_per_unit
    corrections = find_corrections(before, after, is_final=bool(follows["is_final"]))
    for one, correction in zip(after.members, corrections, strict=True):
        if not correction.is_noticeable and correction.cause is CorrectionCause.FINAL_GAME:
            continue
        yield ExplanationRow(
            member=one.member,
            topic=CORRECTION_TOPIC,
            reason=correction.cause.value,
            numbers={**_numbers(correction, minor), **follows},
            texts={
                language.code: word_correction(correction, currency, minor, language) for language in load_languages()
            },
            interval_start_utc=after.start_utc,
        )


def _explain_estimates(day: DaySettlement, follows: dict[str, float]) -> Iterator[ExplanationRow]:
    for one in day.members:
        estimated = int(one.is_estimated.sum())
        if not estimated and (not day.estimated or len(day.members) < LEAST_COMPARED):
            continue
        values = len(one.is_estimated)
        yield ExplanationRow(
            member=one.member,
            topic=ESTIMATE_TOPIC,
            reason=ESTIMATE_REASON,
            numbers={"estimated_values": float(estimated), "values": float(values), **follows},
            texts={language.code: word_estimates(estimated, values, language) for language in load_languages()},
            interval_start_utc=day.start_utc,
        )


def _numbers(correction: Correction, minor_per_unit: int) -> dict[str, float | None]:
    """Amounts by name; before + lines = after."""
    amounts = {
        "bill_before": correction.bill_before_minor,
        "alone": correction.alone_minor,
        "wear": correction.wear_minor,
        "share": correction.share_minor,
        "solidarity": correction.solidarity_minor,
        "islanded": correction.islanded_minor,
        "bill_after": correction.bill_after_minor,
    }
    if correction.peak_before_minor != correction.peak_after_minor:
        amounts |= {"peak_before": correction.peak_before_minor, "peak_after": correction.peak_after_minor}
    metered = {
        f"correction_{name}_{moment}": float(getattr(meter, name))
        for moment, meter in (("before", correction.before), ("after", correction.after))
        for name in ("import_wh", "export_wh", "estimated")
    }
    return {**{f"correction_{name}_eur": minor / minor_per_unit for name, minor in amounts.items()}, **metered}


def _meter(one: MemberDay | None) -> MeteredDay:
    if one is None:
        return MeteredDay(import_wh=0, export_wh=0, estimated=0)
    return MeteredDay(
        import_wh=int(one.import_wh.sum()), export_wh=int(one.export_wh.sum()), estimated=int(one.is_estimated.sum())
    )


def _is_same_energy(old: MemberDay | None, new: MemberDay) -> bool:
    """The same values of the meter, estimated where they were."""
    return old is not None and all(
        np.array_equal(getattr(old, name), getattr(new, name)) for name in ("import_wh", "export_wh", "is_estimated")
    )
