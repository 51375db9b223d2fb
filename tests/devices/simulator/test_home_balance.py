from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulator.home import Home
from models.domain.telemetry import DeviceKey
from tests.devices.simulator.one_home import HOURS, KWH, STEPS, energy, make_home
from tests.devices.simulator.village import (
    BAT,
    BATTERY,
    BOIL,
    BOILER,
    CAR,
    EV,
    PV,
    START,
    WASH,
    WASHER,
    at,
    make_profile,
    make_run,
    make_session,
    make_setpoint,
)

POWERS = st.lists(st.floats(0.0, 8.0), min_size=12, max_size=12)
SETPOINTS = st.lists(
    st.tuples(
        st.sampled_from([BAT, CAR, PV, WASH, BOIL]),
        st.floats(-5.0, 8.0),
        st.floats(0.0, HOURS * 60.0 - 1.0),
        st.floats(0.01, 60.0),
    ),
    max_size=15,
)


def play_day(
    demand_kw: list[float],
    pv_kw: list[float],
    orders: list[tuple[DeviceKey, float, float, float]],
    cuts: list[float],
    *,
    has_boiler: bool = True,
) -> Home:
    """A home with everything, half-hourly powers, any setpoints, advanced in any portions."""
    profile = make_profile(
        [demand_kw],
        [pv_kw],
        step_s=1800,
        sessions=[make_session(-20, 70, 5.0), make_session(95.3, 310.1, 20.0)],
        runs=[make_run(33.3, 200.2), make_run(120, 350)],
    )
    home = make_home(
        profile,
        soc_kwh=3.0,
        batteries=[BATTERY],
        evs=[EV],
        shiftable_loads=[WASHER],
        curtailable_loads=[BOILER] if has_boiler else [],
    )
    orders = sorted(orders, key=lambda order: order[2])
    moments = sorted(
        [*((minute, index) for index, (_, _, minute, _) in enumerate(orders)), *((cut, -1) for cut in cuts)]
    )
    for minute, index in moments:
        # The wire's stamps and the loop's time have microseconds.
        now_utc = at(minute)
        home.advance_to((now_utc - START).total_seconds())
        if index >= 0:
            device, power_kw, _, life_min = orders[index]
            setpoint = make_setpoint(power_kw, seq=index, minute=minute, life_min=life_min, device=device)
            home.offer(setpoint, now_utc)
    home.advance_to(HOURS * 3600.0)
    return home


@settings(max_examples=60, deadline=None)
@given(POWERS, POWERS, SETPOINTS)
def test_every_home_balances_in_every_interval_whatever_is_asked_of_it(
    demand_kw: list[float], pv_kw: list[float], orders: list[tuple[DeviceKey, float, float, float]]
) -> None:
    home = play_day(demand_kw, pv_kw, orders, [])
    for first_min in range(0, STEPS, 15):
        flows = energy(home, first_min, first_min + 15)
        used_kwh = flows.demand_kwh + flows.charge_kwh - flows.discharge_kwh + flows.ev_kwh + flows.runs_kwh
        assert flows.net_kwh == pytest.approx(used_kwh - flows.pv_kwh, abs=KWH)
        assert flows.demand_kwh + flows.held_back_kwh == pytest.approx(demand_kw[first_min // 30] / 4.0, abs=KWH)
        assert -KWH <= flows.held_back_kwh <= min(1.5, 0.5 * demand_kw[first_min // 30]) / 4.0 + KWH
        assert flows.pv_kwh <= flows.pv_available_kwh + KWH
    battery, total = home.assets.batteries[0], energy(home)
    stored_kwh = 0.95 * total.charge_kwh - total.discharge_kwh / 0.95
    assert battery.soc_kwh - 3.0 == pytest.approx(stored_kwh, abs=KWH)
    assert -KWH <= battery.soc_kwh <= 10.0 + KWH
    assert total.import_kwh == pytest.approx(home.meter.import_kwh_total, abs=KWH)
    assert total.export_kwh == pytest.approx(home.meter.export_kwh_total, abs=KWH)
    assert total.held_back_kwh == pytest.approx(home.assets.curtailables[0].held_back_kwh_total, abs=KWH)
    assert home.assets.appliances[0].runs_finished >= 1


@settings(max_examples=30, deadline=None)
@given(POWERS, POWERS, SETPOINTS, st.lists(st.floats(0.0, HOURS * 60.0), max_size=40))
def test_looking_more_often_changes_nothing(
    demand_kw: list[float],
    pv_kw: list[float],
    orders: list[tuple[DeviceKey, float, float, float]],
    cuts: list[float],
) -> None:
    seldom, often = play_day(demand_kw, pv_kw, orders, []), play_day(demand_kw, pv_kw, orders, cuts)
    assert often.ledger.table() == pytest.approx(seldom.ledger.table(), abs=KWH)


@settings(max_examples=30, deadline=None)
@given(POWERS, POWERS, SETPOINTS)
def test_a_load_that_is_never_capped_leaves_a_homes_course_bit_for_bit_as_without_it(
    demand_kw: list[float], pv_kw: list[float], orders: list[tuple[DeviceKey, float, float, float]]
) -> None:
    others = [order for order in orders if order[0] != BOIL]
    with_boiler = play_day(demand_kw, pv_kw, others, [])
    without = play_day(demand_kw, pv_kw, others, [], has_boiler=False)
    assert with_boiler.ledger.table().tobytes() == without.ledger.table().tobytes()
