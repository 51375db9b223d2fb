from __future__ import annotations

import json
import logging
import pickle

import pytest
from pydantic import ValidationError

from config.composition import compose_site
from config.members import Member
from config.sensitive import MASK, Sensitive


def member() -> Member:
    return Member.model_validate(
        {"id": "m01", "name": "Frau Schmidt", "priority_tier": 3, "income_eur_per_month": 1877.5},
    )


def test_only_reveal_gives_the_value() -> None:
    assert Sensitive(1877.5).reveal() == 1877.5
    income = member().income_eur_per_month
    assert income is not None
    assert income.reveal() == 1877.5


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{:>10}".format, lambda value: f"{value!r:5}"])
def test_no_way_of_printing_shows_it(shown: object) -> None:
    assert callable(shown)
    assert shown(Sensitive(1877.5)) in {MASK, MASK.rjust(10)}


def test_printing_a_member_shows_neither_income_nor_tier_nor_name() -> None:
    text = f"{member()} {member()!r} {member().__dict__}".replace("'name': 'Frau Schmidt'", "")
    assert "1877" not in text
    assert "tier=3" not in text
    assert "Schmidt" not in text


def test_a_log_line_of_a_whole_site_shows_no_income(caplog: pytest.LogCaptureFixture) -> None:
    site = compose_site(12, seed=1)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", site, site)
    incomes = [one.income_eur_per_month.reveal() for one in site.members if one.income_eur_per_month]
    assert len(incomes) > 5
    assert [income for income in incomes if str(income) in caplog.text or f"{income:.0f}" in caplog.text] == []


def test_it_can_be_neither_serialised_nor_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be serialised"):
        pickle.dumps(Sensitive(1))
    with pytest.raises(TypeError):
        json.dumps(Sensitive(1))
    with pytest.raises(ValueError, match="cannot be serialised"):
        member().model_dump_json()


def test_a_refused_value_is_not_in_the_error() -> None:
    with pytest.raises(ValidationError) as raised:
        Member.model_validate({"id": "m01", "income_eur_per_month": -1877.5})
    assert "1877" not in str(raised.value)


def test_equal_values_are_equal_and_hash_alike() -> None:
    assert Sensitive(3) == Sensitive(3)
    assert hash(Sensitive(3)) == hash(Sensitive(3))
    assert Sensitive(3) != Sensitive(2)
    assert Sensitive(3) != 3
