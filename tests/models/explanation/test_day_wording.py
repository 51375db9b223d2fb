from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.explanation.asset_parts import Asset
from models.explanation.benefit import Benefit
from models.explanation.day_wording import DayContext, _list_adjustments, word_benefit
from models.explanation.language import LANGUAGES
from models.settlement.gain_split import GainOutcome
from models.settlement.settle_day import GameKind
from tests.models.explanation.said import language, languages, shape
from tests.models.explanation.settled_days import explain, explain_random
from tests.models.settlement.community_day import draw_terms, meter_day

AMOUNT = re.compile(r"[+-]?€?[\d.,]*\d")
CONTEXT = DayContext(local_day=date(2026, 6, 12), members=6, currency="EUR")
PLAIN = Benefit(
    outcome=GainOutcome.GAIN,
    alone_minor=300,
    bill_minor=230,
    wear_minor=0,
    islanded_minor=0,
    plain_minor=80,
    weighting_minor=-5,
    scaling_minor=-10,
    carried_minor=0,
    solidarity_minor=4,
    rounding_minor=1,
    by_time_minor=(0, 10, 50, 20),
    wear_part_minor=0,
    by_asset_minor={Asset.DEMAND: 80, Asset.PV: 0, Asset.BATTERY: 0, Asset.EV: 0},
    planning_minor=0,
    equal_minor=50,
    mean_plain_minor=60,
)


def english(benefit: Benefit, context: DayContext = CONTEXT) -> str:
    return word_benefit(benefit, context, language("en"))


def test_a_consumers_day_reads_as_intended() -> None:
    assert english(PLAIN) == (
        "Being part of the community was worth €0.70 to you on June 12, 2026. "
        "Alone, the day would have cost you €3.00. "
        "Together, it cost you €2.30. "
        "You may have expected an equal part of the community's gain for every home, €0.50; you get €0.20 more. "
        "Your own part, which is what your home adds to the saving that is possible, counts as €0.80: "
        "the saving depends on your home more than on the average home. "
        "The largest piece of your own part, €0.50, arose around midday, between 10 and 16 o'clock. "
        "Your home's consumption contributed most, €0.80: "
        "it used neighbours' surplus that the grid would have paid little for. "
        "To your own part come: -€0.05 through the agreed weights; "
        "-€0.10 because the day left less to share than the best plan, which is known only afterwards, would have; "
        "+€0.04 through solidarity among the members; +€0.01 through rounding. That makes €0.70."
    )


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"equal_minor": 84}, "equal part of the community's gain for every home, €0.84; you get €0.14 less."),
        ({"equal_minor": 71}, "What you get is about an equal part of the community's gain for every home, €0.71."),
        ({"mean_plain_minor": 90}, "counts as €0.80: the saving depends on your home less than on the average home."),
        ({"mean_plain_minor": 81}, "counts as €0.80, about as much as that of the average home."),
        ({"alone_minor": -30, "bill_minor": -100}, "Alone, the day would have earned you €0.30. Together, it earned"),
        ({"wear_minor": 6, "bill_minor": 224}, "The wear of your own battery, €0.06, is already counted"),
        ({"islanded_minor": 12}, "you also paid €0.12 for your neighbours' energy"),
        ({"islanded_minor": -12}, "you also received €0.12"),
        ({"carried_minor": 20}, "+€0.20 from earlier losses that are now given back; +€0.04 through solidarity"),
        ({"scaling_minor": 5}, "+€0.05 because the day left more to share than was reckoned"),
        (
            {"by_asset_minor": {Asset.DEMAND: 0, Asset.PV: 90, Asset.BATTERY: -10, Asset.EV: 0}},
            "Your battery lowered your own part by €0.10",
        ),
        (
            {"by_asset_minor": {Asset.DEMAND: -10, Asset.PV: 90, Asset.BATTERY: 0, Asset.EV: 0}},
            "Using your own energy lowered your own part by €0.10, as it could not be shared. That is no loss",
        ),
    ],
)
def test_what_is_special_about_a_day_is_said(changes: dict[str, object], words: str) -> None:
    assert words in english(replace(PLAIN, **changes))  # type: ignore[arg-type]


def test_parts_of_nothing_are_left_out_but_everyone_is_told_of_weights_and_solidarity() -> None:
    level = english(replace(PLAIN, weighting_minor=0, scaling_minor=0, solidarity_minor=0, rounding_minor=0))
    assert level.endswith(
        "To your own part come: €0.00 through the agreed weights; €0.00 through solidarity among the members. "
        "That makes €0.80."
    )


@settings(max_examples=50)
@given(minor=st.tuples(*[st.integers(-40, 40)] * 5))
def test_the_amounts_of_the_sentence_lead_from_the_own_part_to_what_was_worth(minor: tuple[int, ...]) -> None:
    names = ("weighting_minor", "scaling_minor", "carried_minor", "solidarity_minor", "rounding_minor")
    benefit = replace(PLAIN, **dict(zip(names, minor, strict=True)))  # type: ignore[arg-type]
    for one in languages():
        parts = list(_list_adjustments(benefit, CONTEXT, one))
        amounts = [
            int(re.sub(r"\D", "", found[0])) * (-1 if "-" in found[0] else 1) for found in map(AMOUNT.findall, parts)
        ]
        assert benefit.plain_minor + sum(amounts) == benefit.benefit_minor
        assert len(parts) == 2 + sum(minor[place] != 0 for place in (1, 2, 4))


def test_where_the_highest_power_is_charged_for_it_is_said_that_the_energy_stands_alone() -> None:
    words = "That is the energy alone; the charge on the community's highest power is explained separately."
    assert words in english(PLAIN, replace(CONTEXT, has_peak_charge=True))
    assert words not in english(PLAIN)


def test_a_loss_is_said_with_what_follows_from_it_and_nothing_is_the_members_fault() -> None:
    lost = replace(PLAIN, outcome=GainOutcome.LOSS, scaling_minor=-75, carried_minor=-12, solidarity_minor=0)
    text = english(lost)
    assert "cost you €0.11 more than staying alone would have. This is noted" in text
    assert "weights" not in text


def test_a_day_without_a_difference_says_so_and_no_more() -> None:
    nothing = replace(
        PLAIN,
        outcome=GainOutcome.NO_GAIN,
        plain_minor=0,
        weighting_minor=0,
        scaling_minor=0,
        solidarity_minor=0,
        rounding_minor=0,
    )
    assert english(nothing).startswith("Being part of the community made no difference to your costs on June 12, 2026.")
    assert "equal part" not in english(nothing)


def test_in_a_community_of_two_the_equal_part_would_tell_the_others_benefit_and_is_not_said() -> None:
    text = english(PLAIN, replace(CONTEXT, members=2))
    assert "equal" not in text
    assert "average" not in text


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 6), game=st.sampled_from([GameKind.METERED]))
def test_any_settled_day_can_be_said_in_every_language(seed: int, members: int, game: GameKind) -> None:
    for benefit in explain_random(seed, members, game).benefits:
        for one in languages():
            said = word_benefit(benefit, replace(CONTEXT, members=members), one)
            assert said
            assert "{" not in said


@pytest.mark.parametrize("code", LANGUAGES)
def test_two_households_equal_but_for_their_tier_are_told_the_same_sentences(code: str) -> None:
    day = meter_day(5, np.random.default_rng(4), steps=24)
    # Member 1 becomes a copy of member 0 in all that is metered; only the weights, which follow the tier, differ.
    pv = np.asarray(day.pv_wh, dtype=np.float64).copy()
    batteries = tuple(one for one in day.batteries if one.member not in (0, 1))
    cars = tuple(one for one in day.evs if one.member not in (0, 1))
    imports, exports = day.import_wh.copy(), day.export_wh.copy()
    for flows in (pv, imports, exports):
        flows[1] = flows[0]
    day = replace(day, pv_wh=pv, import_wh=imports, export_wh=exports, batteries=batteries, evs=cars)
    terms = draw_terms(5, 2)
    weight, income = terms.weight.copy(), terms.solidarity.income_eur.copy()
    weight[0], weight[1], income[1] = 0.8, 1.6, income[0]
    terms = replace(terms, weight=weight / weight.mean(), solidarity=replace(terms.solidarity, income_eur=income))
    first, second, *_ = explain(day, terms, GameKind.METERED).benefits
    assert first.weighting_minor != second.weighting_minor
    told = [word_benefit(one, replace(CONTEXT, members=5), language(code)) for one in (first, second)]
    assert shape(told[0]) == shape(told[1])
    assert told[0] != told[1]
