"""One interval of a member: its energy, what its devices were asked for and why, and what would have been otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from config.schema import Site
from controller.apps.explain_what_if import WhatIf, ask_what_if
from controller.loop.setpoint_explanations import LIMIT_PREFIX, SETPOINT_TOPIC
from controller.record.reader import Reader
from controller.record.stored import StoredExplanation
from models.domain.interval import floor_to_interval
from models.explanation.interval_wording import IntervalEnergy, word_energy, word_marginal_price
from models.explanation.language import Language
from models.explanation.setpoint_wording import LIMIT_SENTENCES
from models.explanation.what_if_wording import word_alternative, word_counterfactual

MINOR_PER_UNIT = 100
"""A forecast saving is told to the hundredth, whatever the currency."""


def explain_interval(
    site: Site, reader: Reader, member: str, moment_utc: datetime, language: Language, *, with_what_if: bool
) -> dict[str, Any] | str:
    """What the store holds on a member's interval as plain values, or why there is nothing to tell.

    Args:
        site: The site.
        reader: The store.
        member: Id of the member.
        moment_utc: A moment inside the interval.
        language: Of the sentences.
        with_what_if: Solve the recorded plan again without what moved a battery, or with other times of a car or an
            appliance.
    """
    start_utc = floor_to_interval(moment_utc, site.interval_min)
    end_utc = start_utc + timedelta(minutes=site.interval_min)
    energy = _find_energy(reader, member, start_utc, end_utc)
    setpoints = [
        stored
        for stored in reader.explanations(member, start_utc, end_utc)
        if stored.row.topic.partition(":")[0] == SETPOINT_TOPIC
    ]
    if energy is None and not setpoints:
        return f"the store holds nothing on {member} in the interval from {start_utc.isoformat()}"
    said = [] if energy is None else [word_energy(energy, site.zone, language)]
    said += _word_setpoints(site, setpoints, language)
    asked = ask_what_if(site, member, setpoints) if with_what_if else None
    if isinstance(asked, str):
        return asked
    said += [_word_what_if(one, site.community.currency, language) for one in asked or ()]
    return {
        "member": member,
        "interval_start_utc": start_utc.isoformat(),
        "interval_end_utc": end_utc.isoformat(),
        "currency": site.community.currency,
        "language": language.code,
        "sentences": said,
        "energy_wh": None if energy is None else _describe_energy(energy),
        "explanations": [
            {
                "decision_id": stored.decision_id,
                "topic": stored.row.topic,
                "reason": str(stored.row.reason),
                "numbers": dict(stored.row.numbers),
                "texts": dict(stored.row.texts),
            }
            for stored in setpoints
        ],
        "what_if": None if asked is None else [_describe_what_if(one) for one in asked],
    }


def _find_energy(reader: Reader, member: str, start_utc: datetime, end_utc: datetime) -> IntervalEnergy | None:
    for settled in reader.settled(start_utc, end_utc):
        given_wh = {row.member: row.export_wh for row in settled.metered}
        for row in settled.allocations:
            if row.member == member:
                return IntervalEnergy(
                    start_utc=start_utc,
                    end_utc=end_utc,
                    own_wh=row.own_wh,
                    community_wh=row.community_wh,
                    grid_wh=row.grid_wh,
                    sold_wh=row.sold_wh,
                    fed_in_wh=max(0, (given_wh.get(member) or 0) - row.sold_wh),
                )
    return None


def _word_setpoints(site: Site, setpoints: list[StoredExplanation], language: Language) -> list[str]:
    """A sentence or more for each device's last setpoint of the interval; re-plans replace what was before them."""
    newest = {stored.row.topic: stored.row for stored in setpoints}
    said, price_eur_per_kwh = [], None
    for row in newest.values():
        sentences = [row.texts.get(language.code, "")]
        sentences += [
            language.say(sentence)
            for limit, sentence in LIMIT_SENTENCES.items()
            if row.numbers.get(f"{LIMIT_PREFIX}{limit.value}")
        ]
        said.append(" ".join(sentence for sentence in sentences if sentence))
        price_eur_per_kwh = row.numbers.get("marginal_price_eur_per_kwh", price_eur_per_kwh)
    if price_eur_per_kwh is not None:
        said.append(word_marginal_price(price_eur_per_kwh, site.community.currency, language))
    return said


def _describe_energy(energy: IntervalEnergy) -> dict[str, int]:
    return {
        "own_wh": energy.own_wh,
        "community_wh": energy.community_wh,
        "grid_wh": energy.grid_wh,
        "sold_wh": energy.sold_wh,
        "fed_in_wh": energy.fed_in_wh,
    }


def _word_what_if(asked: WhatIf, currency: str, language: Language) -> str:
    if asked.alternative is not None:
        return word_alternative(asked.alternative, currency, MINOR_PER_UNIT, language)
    return word_counterfactual(asked.answers, currency, MINOR_PER_UNIT, language)


def _describe_what_if(asked: WhatIf) -> dict[str, Any]:
    answers: list[dict[str, Any]] = [
        {
            "without": answer.without.value,
            "power_kw": answer.power_kw,
            "other_kw": answer.other_kw,
            "is_same": answer.is_same,
            "saved_eur": answer.saved_eur,
        }
        for answer in asked.answers
    ]
    if asked.alternative is not None:
        other = asked.alternative
        answers.append(
            {
                "asked": other.asked.value,
                "power_kw": other.power_kw,
                "other_kw": other.other_kw,
                "extra_eur": other.extra_eur,
                "is_too_late": other.is_too_late,
            }
        )
    return {
        "decision_id": asked.decision_id,
        "device": str(asked.device),
        "answers": answers,
        "bindings": [
            {
                "limit": binding.limit,
                "place": "community" if not binding.place else "member",
                "steps": list(binding.steps),
                "value": binding.value,
                "unit": binding.unit,
            }
            for binding in asked.bindings
        ],
    }
