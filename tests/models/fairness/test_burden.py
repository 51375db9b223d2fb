from __future__ import annotations

import numpy as np
import pytest

from models.fairness.access import weigh_access
from models.fairness.burden import pro_rate_income, weigh_burden


def test_income_is_pro_rated_to_the_days_and_floored() -> None:
    income = pro_rate_income([3000.0, 100.0, np.nan], days=10, days_in_month=30, income_min_eur_per_month=600.0)
    assert income[:2] == pytest.approx([1000.0, 200.0])
    assert np.isnan(income[2])


def test_net_earners_have_no_burden_and_members_without_income_are_left_out() -> None:
    burden = weigh_burden([50.0, -20.0, 30.0], [1000.0, 500.0, np.nan])
    assert burden[:2] == pytest.approx([0.05, 0.0])
    assert np.isnan(burden[2])


def test_an_unknown_bill_is_an_unknown_burden() -> None:
    assert np.isnan(weigh_burden([np.nan], [1000.0])[0])


@pytest.mark.parametrize("income", [0.0, -5.0])
def test_an_income_of_nothing_is_refused(income: float) -> None:
    with pytest.raises(ValueError, match="income_eur"):
        weigh_burden([1.0], [income])


@pytest.mark.parametrize("days,floor", [(0.0, 500.0), (1.0, 0.0)])
def test_days_and_least_income_have_to_be_above_zero(days: float, floor: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        pro_rate_income([1000.0], days=days, days_in_month=30, income_min_eur_per_month=floor)


def test_access_is_the_renewable_part_and_undefined_without_consumption() -> None:
    access = weigh_access([2.0, 0.0, 0.0, np.nan], [8.0, 5.0, 0.0, 4.0])
    assert access[:2] == pytest.approx([0.25, 0.0])
    assert np.isnan(access[2:]).all()


@pytest.mark.parametrize("renewable,consumption", [(-1.0, 1.0), (1.0, -1.0), (2.0, 1.0)])
def test_access_beyond_all_consumption_is_refused(renewable: float, consumption: float) -> None:
    with pytest.raises(ValueError, match="renewable_kwh"):
        weigh_access([renewable], [consumption])
