"""One sentence for each setpoint, in every language: what the device does, why, and why not something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from models.domain.setpoint import Reason
from models.explanation.language import Language, mark
from models.explanation.setpoint import LimitMet


class DeviceWord(StrEnum):
    """Kinds of devices that take setpoints, by their names in the site file."""

    BATTERY = "battery"
    EV = "ev"
    APPLIANCE = "shiftable_load"
    PV = "pv"
    LOAD = "curtailable_load"


SENTENCES: Mapping[tuple[DeviceWord, Reason], str] = {
    (DeviceWord.BATTERY, Reason.STORE_SURPLUS): mark(
        "Your battery is charging with {power}: there is more solar power than the homes need now, "
        "and kept for later it is worth more than sold to the grid."
    ),
    (DeviceWord.BATTERY, Reason.CHARGE_CHEAP): mark(
        "Your battery is charging with {power} instead of waiting for the sun: "
        "electricity costs less now than when it will be needed."
    ),
    (DeviceWord.BATTERY, Reason.SUPPLY_HOME): mark(
        "Your battery is supplying your home with {power}: "
        "using the stored energy now is better than buying from the grid."
    ),
    (DeviceWord.BATTERY, Reason.SUPPLY_NEIGHBOURS): mark(
        "Your battery is giving {power}, a part of it to neighbours, instead of keeping the energy: "
        "shared now it is worth more than stored."
    ),
    (DeviceWord.BATTERY, Reason.SHAVE_PEAK): mark(
        "Your battery is giving {power} instead of waiting: the community is drawing its highest power now, "
        "and keeping that low saves money for everyone."
    ),
    (DeviceWord.BATTERY, Reason.EXPORT_DEAR): mark(
        "Your battery is giving {power}, a part of it to the grid, instead of keeping the energy: "
        "the grid pays more for it now than it would save later."
    ),
    (DeviceWord.BATTERY, Reason.IDLE): mark(
        "Your battery is resting: charging or discharging it now would bring no advantage."
    ),
    (DeviceWord.BATTERY, Reason.FALLBACK_RULE): mark(
        "No new plan was ready in time, so your battery goes on with a safe setting until the next one."
    ),
    (DeviceWord.EV, Reason.CHARGE_FOR_DEPARTURE): mark(
        "Your car is charging with {power}: it needs the energy before you leave, and now is a good time for it."
    ),
    (DeviceWord.EV, Reason.WAIT_FOR_CHEAPER): mark(
        "Your car is not charging yet: there is time before you leave, and charging later is better."
    ),
    (DeviceWord.EV, Reason.IDLE): mark(
        "Your car is not charging: none is plugged in, or it already has the energy that it needs."
    ),
    (DeviceWord.EV, Reason.FALLBACK_RULE): mark(
        "No new plan was ready in time, so your car goes on with a safe setting until the next one."
    ),
    (DeviceWord.APPLIANCE, Reason.RUN_NOW): mark(
        "Your appliance may start now: of the times that you allowed, this is the best one."
    ),
    (DeviceWord.APPLIANCE, Reason.WAIT_FOR_CHEAPER): mark(
        "Your appliance is waiting instead of starting now: "
        "later, but still within the times that you allowed, is better."
    ),
    (DeviceWord.APPLIANCE, Reason.FALLBACK_RULE): mark(
        "No new plan was ready in time, so your appliance follows a safe setting until the next one."
    ),
    (DeviceWord.PV, Reason.CURTAIL_LIMIT): mark(
        "Your solar panels are held to {power}: "
        "nobody can use more at the moment, and the grid connection can carry no more."
    ),
    (DeviceWord.PV, Reason.CURTAIL_PRICE): mark(
        "Your solar panels are held to {power}: feeding more into the grid would cost money now instead of earning it."
    ),
    (DeviceWord.PV, Reason.NO_CURTAILMENT): mark("Your solar panels may produce all that they can."),
    (DeviceWord.PV, Reason.FALLBACK_RULE): mark(
        "No new plan was ready in time, so your solar panels follow a safe setting until the next one."
    ),
    (DeviceWord.LOAD, Reason.HOLD_BACK_EVENT): mark(
        "Your heating, cooling or hot water is held to {power} for now, within the limit that you set for a day: "
        "the community was asked to draw less from the grid at this time."
    ),
    (DeviceWord.LOAD, Reason.HOLD_BACK_PRICE): mark(
        "Your heating, cooling or hot water is held to {power} for now, within the limit that you set for a day: "
        "electricity is dear at this time, and going without it saves more than you said it is worth to you."
    ),
}

OTHER = mark("This device follows the community's plan with {power}.")
"""For a reason that its kind of device does not usually have."""

LIMIT_SENTENCES: Mapping[LimitMet, str] = {
    LimitMet.FULL_POWER: mark("That is the most that it can do."),
    LimitMet.BATTERY_FULL: mark("At the end of this time it will be full."),
    LimitMet.BATTERY_EMPTY: mark("At the end of this time it will be down to its reserve."),
    LimitMet.MEMBER_IMPORT: mark("The connection of your home can draw no more."),
    LimitMet.MEMBER_EXPORT: mark("The connection of your home can give no more."),
    LimitMet.COMMUNITY_IMPORT: mark("The community's connection to the grid can draw no more."),
    LimitMet.COMMUNITY_EXPORT: mark("The community's connection to the grid can give no more."),
}


class SetpointWording:
    """Sentences ready to be filled in; made once, used for every setpoint of every interval."""

    def __init__(self, languages: Sequence[Language]) -> None:
        self._languages = tuple(languages)
        self._ready = {
            key: tuple(language.catalogue.gettext(message) for language in languages)
            for key, message in SENTENCES.items()
        }
        self._other = tuple(language.catalogue.gettext(OTHER) for language in languages)

    def word(self, device: DeviceWord, reason: Reason, power_kw: float) -> dict[str, str]:
        """The sentence of one setpoint, by language.

        Args:
            device: kind of device.
            reason: of the setpoint.
            power_kw: as in the setpoint, of either sign [kW].
        """
        sentences = self._ready.get((device, reason), self._other)
        return {
            language.code: sentence.format(power=language.power(power_kw))
            for language, sentence in zip(self._languages, sentences, strict=True)
        }
