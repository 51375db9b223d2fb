"""A correction of a settled day, and estimated meter values, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from models.explanation.correction import Correction, CorrectionCause
from models.explanation.language import Language, mark

CAUSES = {
    CorrectionCause.OWN_METER: mark("This day was settled again because meter values of your home changed."),
    CorrectionCause.OTHER_METERS: mark(
        "This day was settled again because meter values in the community changed; those of your home are as before."
    ),
    CorrectionCause.FINAL_GAME: mark("The provisional figures of this day were replaced by the final ones."),
    CorrectionCause.OTHER_DATA: mark(
        "This day was settled again because something else changed that it depends on, "
        "such as an earlier day of the billing period; the meter values are as before."
    ),
}
RE_OPTIMISED = mark("The final ones count what the best planning could have saved, alone and together.")
DRAWN = mark("On the whole day, your home drew {after} instead of {before}.")
FED_IN = mark("On the whole day, your home fed in {after} instead of {before}.")
LESS_ESTIMATED = mark("Of your meter values, {after} are estimated now instead of {before}.")
BILL = mark("Your bill for the day's energy went from {before} to {after}: {parts}.")
BILL_SAME = mark("Your bill for the day's energy stays at {after}.")
BY_ALONE = mark("{amount} because the cost alone changed")
BY_WEAR = mark("{amount} through the wear of your battery")
BY_SHARE = mark("{amount} through your share of the gain")
BY_SOLIDARITY = mark("{amount} through solidarity among the members")
BY_ISLANDED = mark("{amount} for energy shared while the grid was away")
PEAK = mark("What this day books for the highest power went from {before} to {after}.")

ESTIMATED = mark(
    "{estimated} of your {values} meter values of this day were missing. They were estimated from other values of your "
    "own meter; as soon as the real ones are there, the day is settled again."
)
OTHERS_ESTIMATED = mark(
    "Some meter values of the community were missing on this day and were estimated; "
    "as soon as the real ones are there, the day is settled again."
)


def word_correction(correction: Correction, currency: str, minor_per_unit: int, language: Language) -> str:
    """Why a day was settled again, and what that changed for the member."""

    def money(minor: int) -> str:
        return language.money(minor, currency, minor_per_unit)

    said = [*_word_cause(correction, language), _word_bill(correction, currency, minor_per_unit, language)]
    if correction.peak_before_minor != correction.peak_after_minor:
        before, after = money(correction.peak_before_minor), money(correction.peak_after_minor)
        said.append(language.say(PEAK, before=before, after=after))
    return " ".join(said)


def word_estimates(estimated: int, values: int, language: Language) -> str:
    """That values of the member's own meter, or else some of the community's, were estimated.

    Args:
        estimated: estimated values of the member itself; 0: only others'.
        values: all of its values of the day.
        language: of the sentence.
    """
    if not estimated:
        return language.say(OTHERS_ESTIMATED)
    return language.say(ESTIMATED, estimated=str(estimated), values=str(values))


def _word_cause(correction: Correction, language: Language) -> Iterator[str]:
    before, after = correction.before, correction.after
    yield language.say(CAUSES[correction.cause])
    if correction.is_re_optimised_now:
        yield language.say(RE_OPTIMISED)
    if before.import_wh != after.import_wh:
        yield language.say(DRAWN, before=language.energy(before.import_wh), after=language.energy(after.import_wh))
    if before.export_wh != after.export_wh:
        yield language.say(FED_IN, before=language.energy(before.export_wh), after=language.energy(after.export_wh))
    if before.estimated != after.estimated:
        yield language.say(LESS_ESTIMATED, before=str(before.estimated), after=str(after.estimated))


def _word_bill(correction: Correction, currency: str, minor_per_unit: int, language: Language) -> str:
    def money(minor: int) -> str:
        return language.money(minor, currency, minor_per_unit)

    lines = (
        (BY_ALONE, correction.alone_minor),
        (BY_WEAR, correction.wear_minor),
        (BY_SHARE, correction.share_minor),
        (BY_SOLIDARITY, correction.solidarity_minor),
        (BY_ISLANDED, correction.islanded_minor),
    )
    parts = [
        language.say(sentence, amount=language.change(minor, currency, minor_per_unit))
        for sentence, minor in lines
        if minor
    ]
    before, after = money(correction.bill_before_minor), money(correction.bill_after_minor)
    if not parts:
        return language.say(BILL_SAME, after=after)
    return language.say(BILL, before=before, after=after, parts=language.line_up(parts))
