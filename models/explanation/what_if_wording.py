"""What a device would have done otherwise, or what doing otherwise would have cost, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from models.explanation.alternative import Alternative, AlternativeAnswer
from models.explanation.counterfactual import Counterfactual, Motive
from models.explanation.language import Language, mark
from models.explanation.setpoint import NOTICEABLE_KW

IDLE = {
    Motive.PEAK_CHARGE: mark(
        "Without the charge on the community's highest power, your battery would have stayed idle."
    ),
    Motive.PRICE_CHANGES: mark("If electricity cost the same at all hours, your battery would have stayed idle."),
    Motive.SHARING: mark("If the members did not share energy, your battery would have stayed idle."),
}
CHARGING = {
    Motive.PEAK_CHARGE: mark(
        "Without the charge on the community's highest power, your battery would have charged with {power}."
    ),
    Motive.PRICE_CHANGES: mark(
        "If electricity cost the same at all hours, your battery would have charged with {power}."
    ),
    Motive.SHARING: mark("If the members did not share energy, your battery would have charged with {power}."),
}
GIVING = {
    Motive.PEAK_CHARGE: mark(
        "Without the charge on the community's highest power, your battery would have given {power}."
    ),
    Motive.PRICE_CHANGES: mark("If electricity cost the same at all hours, your battery would have given {power}."),
    Motive.SHARING: mark("If the members did not share energy, your battery would have given {power}."),
}
SAME = {
    Motive.PEAK_CHARGE: mark(
        "Even without the charge on the community's highest power, your battery would have done the same at this time."
    ),
    Motive.PRICE_CHANGES: mark(
        "Even if electricity cost the same at all hours, your battery would have done the same at this time."
    ),
    Motive.SHARING: mark(
        "Even if the members did not share energy, your battery would have done the same at this time."
    ),
}
NONE_DECIDES = mark("So none of these alone decides what it does at this time.")
SAVES = mark(
    "Taking that into account, for all devices and over the hours planned ahead, saves the community {amount}."
)

COSTS_MORE = {
    Alternative.CHARGE_AT_ONCE: mark(
        "If your car had charged at once, with {power}, "
        "the community would have paid {amount} more over the hours planned ahead."
    ),
    Alternative.CHARGE_LATER: mark(
        "If your car had waited, the community would have paid {amount} more over the hours planned ahead."
    ),
    Alternative.RUN_AT_ONCE: mark(
        "If your appliance had started at once, "
        "the community would have paid {amount} more over the hours planned ahead."
    ),
    Alternative.RUN_LATER: mark(
        "If your appliance had started later instead, "
        "the community would have paid {amount} more over the hours planned ahead."
    ),
}
COSTS_THE_SAME = {
    Alternative.CHARGE_AT_ONCE: mark(
        "If your car had charged at once, with {power}, the community would have paid no more than with the plan."
    ),
    Alternative.CHARGE_LATER: mark("If your car had waited, the community would have paid no more than with the plan."),
    Alternative.RUN_AT_ONCE: mark(
        "If your appliance had started at once, the community would have paid no more than with the plan."
    ),
    Alternative.RUN_LATER: mark(
        "If your appliance had started later instead, the community would have paid no more than with the plan."
    ),
}
TOO_LATE = mark("If your car had waited, it would not have got all the energy that it needs before you leave.")


def word_counterfactual(
    answers: Sequence[Counterfactual], currency: str, minor_per_unit: int, language: Language
) -> str:
    """What the battery would have done without each motive, and what following the deciding one saves."""
    said = [_word_one(answer, language) for answer in answers]
    if len(answers) > 1 and all(answer.is_same for answer in answers):
        said.append(language.say(NONE_DECIDES))
    for answer in answers:
        saved_minor = round(answer.saved_eur * minor_per_unit)
        # Where the battery would have done the same, what is saved is saved by other devices or later.
        if not answer.is_same and saved_minor > 0:
            said.append(language.say(SAVES, amount=language.money(saved_minor, currency, minor_per_unit)))
    return " ".join(said)


def word_alternative(answer: AlternativeAnswer, currency: str, minor_per_unit: int, language: Language) -> str:
    """What it would have cost to move a car or an appliance at once, or later."""
    if answer.is_too_late:
        return language.say(TOO_LATE)
    extra_minor = round(answer.extra_eur * minor_per_unit)
    places = {"power": language.power(answer.other_kw)} if answer.asked is Alternative.CHARGE_AT_ONCE else {}
    if extra_minor <= 0:
        return language.say(COSTS_THE_SAME[answer.asked], **places)
    amount = language.money(extra_minor, currency, minor_per_unit)
    return language.say(COSTS_MORE[answer.asked], amount=amount, **places)


def _word_one(answer: Counterfactual, language: Language) -> str:
    if answer.is_same:
        return language.say(SAME[answer.without])
    if abs(answer.other_kw) <= NOTICEABLE_KW:
        return language.say(IDLE[answer.without])
    sentence = (CHARGING if answer.other_kw > 0.0 else GIVING)[answer.without]
    return language.say(sentence, power=language.power(answer.other_kw))
