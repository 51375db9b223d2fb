from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.loop.event_book import MOST_EVENTS
from controller.loop.market import PRICE_LIFE, MarketListener
from controller.loop.notice_line import MOST_NOTICES
from controller.loop.triggers import ReplanRequests, Trigger
from devices.fake_bus import FakeBus
from devices.market_messages import encode_market
from models.domain.market import EventNotice, LimitNotice, MarketNotice, PriceNotice
from models.domain.telemetry import Drop
from tests.controller.loop.neighbours import START, at, make_forecaster, make_site
from tests.devices.example_site import SetClock

PREFIX = "commonwatt/v1/village/market/"


class Market:
    """A listener and the topics it hears."""

    def __init__(self) -> None:
        self.clock = SetClock(START)
        self.requests = ReplanRequests(self.clock, debounce_s=2.0, min_gap_s=60.0)
        self.forecaster = make_forecaster(make_site())
        self.listener = MarketListener("village", self.clock, self.forecaster, self.requests, price_bound_per_kwh=5.0)
        self.bus = FakeBus()
        self.listener.listen(self.bus)

    def say(self, notice: MarketNotice, *, topic: str | None = None, retained: bool = False) -> list[Trigger]:
        channel = {PriceNotice: "price", LimitNotice: "limit", EventNotice: "event"}[type(notice)]
        self.bus.deliver(topic or PREFIX + channel, encode_market(notice), retained=retained)
        return list(self.requests._pending)

    def dropped(self) -> dict[Drop, int]:
        return {reason: count for reason, count in self.listener.drops.items() if count}

    def import_prices(self, steps: int = 4, now_utc: datetime = START) -> list[float]:
        prices = self.forecaster.look_ahead(now_utc, 0.0).prices.import_price_eur_per_kwh
        return [round(float(price), 6) for price in prices[:steps]]


def price(valid_min: float, import_eur: float, *, given_min: float = 0.0) -> PriceNotice:
    return PriceNotice(
        ts_utc=at(given_min),
        valid_from_utc=at(valid_min),
        import_eur_per_kwh=import_eur,
        export_eur_per_kwh=import_eur / 4,
    )


def limit(valid_min: float, import_kw: float | None, *, given_min: float = 0.0) -> LimitNotice:
    return LimitNotice(ts_utc=at(given_min), valid_from_utc=at(valid_min), import_kw=import_kw, export_kw=None)


def event(begin_min: float, end_min: float, **parts: Any) -> EventNotice:
    notice = EventNotice(
        ts_utc=START,
        valid_from_utc=START,
        kind="shed",
        start_utc=at(begin_min),
        end_utc=at(end_min),
        power_kw=-5.0,
    )
    return replace(notice, **parts)


def test_a_price_takes_effect_from_its_moment_and_asks_for_a_plan() -> None:
    market = Market()
    assert market.import_prices() == [0.3, 0.3, 0.3, 0.3]
    assert market.say(price(30.0, 0.5)) == [Trigger.PRICE]
    assert market.import_prices() == [0.3, 0.3, 0.5, 0.5]


def test_a_price_holds_until_the_next_one_and_not_for_ever() -> None:
    market = Market()
    market.say(price(0.0, 0.5))
    market.say(price(15.0, -0.1))
    assert market.import_prices(3) == [0.5, -0.1, -0.1]
    late = START + PRICE_LIFE + timedelta(minutes=15)
    assert market.import_prices(2, late) == [0.3, 0.3]
    assert market.forecaster.price_of(START, 0.0).import_eur_per_kwh == 0.5


def test_a_price_for_the_same_moment_replaces_the_one_before() -> None:
    market = Market()
    market.say(price(0.0, 0.5))
    market.say(price(0.0, 0.6))
    assert market.import_prices(1) == [0.6]


def test_a_limit_takes_effect_and_asks_for_a_plan_until_it_is_lifted() -> None:
    market = Market()
    assert market.say(limit(15.0, 10.0)) == [Trigger.LIMIT]
    market.say(limit(45.0, None))
    limits = market.forecaster.look_ahead(START, 0.0).limits.import_kw
    assert limits[:4].tolist() == [60.0, 10.0, 10.0, 60.0]


def test_an_event_is_kept_and_asks_for_a_plan_that_knows_it() -> None:
    market = Market()
    assert market.say(event(60.0, 90.0)) == [Trigger.EVENT]
    (known,) = market.forecaster.look_ahead(START, 0.0).events
    assert (known.start_utc, known.end_utc, known.target_kw) == (at(60), at(90), -5.0)
    market.clock.instant_utc = at(90)
    assert market.forecaster.look_ahead(at(90), 0.0).events == ()


def test_an_event_that_is_called_off_or_said_again_changes_plans_only_where_it_changes() -> None:
    market = Market()
    market.say(event(60.0, 90.0, event_id="e1"))
    market.requests.note_plan(at(1))
    assert market.say(event(60.0, 90.0, event_id="e1")) == []
    assert market.say(event(60.0, 90.0, event_id="e1", is_cancelled=True)) == [Trigger.EVENT]
    assert market.forecaster.look_ahead(START, 0.0).events == ()


def test_an_event_that_is_over_is_dropped_and_asks_for_nothing() -> None:
    market = Market()
    assert market.say(event(-30.0, 0.0)) == []
    assert market.dropped() == {Drop.STALE: 1}
    assert not market.listener.changed.is_set()


def test_a_restart_gives_back_prices_limits_and_events_but_nothing_out_of_date() -> None:
    before, after = Market(), Market()
    for notice in (price(0.0, 0.5), price(30.0, 0.6), limit(15.0, 10.0), event(60.0, 90.0)):
        before.say(notice)
    # Two days old a price, a day old and lifted since a limit, over an event.
    old = (
        price(-60.0 * 49, 0.9),
        limit(-60.0 * 25, 1.0),
        event(-60.0, -1.0, event_id="old", ts_utc=at(-90)),
    )
    before.say(limit(-60.0 * 20, None))
    after.listener.restore([*old, *before.listener.notices()])
    assert after.import_prices() == [0.5, 0.5, 0.6, 0.6]
    outlook = after.forecaster.look_ahead(START, 0.0)
    assert outlook.limits.import_kw[:3].tolist() == [60.0, 10.0, 10.0]
    assert [one.start_utc for one in outlook.events] == [at(60)]
    assert list(after.requests._pending) == []
    assert set(after.listener.notices()) == set(before.listener.notices())


@pytest.mark.parametrize(
    "retained, given_min, topic, reason",
    [
        (True, 0.0, None, Drop.RETAINED),
        (False, -61.0, None, Drop.STALE),
        (False, 5.1, None, Drop.CLOCK_SKEW),
        (False, 5.0, None, Drop.SCHEMA),
        (False, 0.0, "commonwatt/v1/village/market/price/extra", None),
        (False, 0.0, "commonwatt/v1/other/market/price", None),
        (False, 0.0, PREFIX + "limit", Drop.SCHEMA),
    ],
)
def test_what_is_retained_old_or_not_ours_changes_nothing(
    *, retained: bool, given_min: float, topic: str | None, reason: Drop | None
) -> None:
    market = Market()
    assert market.say(price(0.0, 9.0, given_min=given_min), topic=topic, retained=retained) == []
    assert market.import_prices(1) == [0.3]
    assert market.dropped() == ({} if reason is None else {reason: 1})


def test_a_message_of_another_site_is_counted_should_the_broker_bring_it() -> None:
    market = Market()
    market.listener.handle("commonwatt/v1/other/market/price", encode_market(price(0.0, 9.0)), False)  # noqa: FBT003
    assert market.dropped() == {Drop.UNKNOWN_TOPIC: 1}


@given(payload=st.binary(max_size=200))
def test_no_bytes_break_the_listener(payload: bytes) -> None:
    market = Market()
    for channel in ("price", "limit", "event"):
        market.bus.deliver(PREFIX + channel, payload)
    assert sum(market.listener.drops.values()) == 3
    assert market.import_prices(1) == [0.3]


@settings(max_examples=30, deadline=None)
@given(valid_s=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=12))
def test_prices_that_begin_within_the_same_second_do_no_harm(valid_s: list[float]) -> None:
    market = Market()
    for number, second in enumerate(valid_s):
        market.say(price(second / 60.0, 0.4 + number / 100))
    assert all(0.3 <= one <= 0.6 for one in market.import_prices(3))


def test_a_flood_of_notices_is_bounded_and_the_next_ones_stay() -> None:
    market = Market()
    for number in range(MOST_NOTICES + 40):
        market.say(price(15.0 * number, 0.4))
        market.say(limit(15.0 * number, 20.0))
    assert len(market.listener._prices) == MOST_NOTICES
    assert len(market.forecaster.limits) == MOST_NOTICES
    assert market.forecaster.limits[0].valid_from_utc == START
    assert market.forecaster.limits[-1].valid_from_utc == at(15.0 * (MOST_NOTICES - 1))
    assert market.dropped() == {Drop.NO_ROOM: 80}
    assert len(market.requests._pending) == 2


def test_a_flood_of_later_limits_and_prices_leaves_those_in_force() -> None:
    market = Market()
    market.say(limit(-30.0, 10.0))
    market.say(price(-30.0, 0.5))
    for number in range(MOST_NOTICES + 40):
        market.say(limit(60.0 + number, None))
        market.say(price(60.0 + number, 0.4))
    assert market.forecaster.look_ahead(START, 0.0).limits.import_kw[:4].tolist() == [10.0] * 4
    assert market.import_prices(4) == [0.5] * 4


def test_an_older_limit_that_arrives_late_does_not_lift_a_newer_one() -> None:
    market = Market()
    market.say(limit(0.0, 10.0))
    market.requests.note_plan(at(1))
    assert market.say(limit(0.0, None, given_min=-10.0)) == []
    assert market.forecaster.look_ahead(START, 0.0).limits.import_kw[0] == 10.0
    assert market.dropped() == {Drop.OLD_SEQUENCE: 1}


def test_a_notice_from_the_future_shuts_out_no_true_one() -> None:
    market = Market()
    far = 60.0 * 24 * 365
    for one in (price(0.0, 0.9, given_min=far), limit(0.0, 1.0, given_min=far), event(60.0, 90.0, ts_utc=at(far))):
        assert market.say(one) == []
    market.listener.restore([price(0.0, 0.9, given_min=far), limit(0.0, 1.0, given_min=far)])
    market.listener.restore([event(60.0, 90.0, ts_utc=at(far))])
    assert market.listener.notices() == ()
    assert market.dropped() == {Drop.CLOCK_SKEW: 6}
    market.say(price(0.0, 0.4))
    assert market.import_prices(1) == [0.4]


def test_an_event_can_be_ended_now_or_called_off_with_an_end_that_is_past() -> None:
    for ending in (
        event(-30.0, 0.0, event_id="e1", ts_utc=at(0)),
        event(-30.0, -5.0, event_id="e1", ts_utc=at(0), is_cancelled=True),
    ):
        market = Market()
        running = event(-30.0, 90.0, event_id="e1", ts_utc=at(-20))
        assert market.say(running) == [Trigger.EVENT]
        market.requests.note_plan(at(1))
        assert market.say(ending) == [Trigger.EVENT]
        assert market.forecaster.events == ()
        # Neither late, nor late after a restart, does the older notice bring it back.
        market.say(running)
        again = Market()
        again.listener.restore(market.listener.notices())
        again.say(running)
        assert market.forecaster.events == again.forecaster.events == ()


def test_events_for_which_there_is_no_room_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    market = Market()
    with caplog.at_level(logging.WARNING):
        for number in range(MOST_EVENTS + 36):
            market.say(event(60.0 + number, 600.0, event_id=f"e{number}"))
    assert len(market.forecaster.events) == MOST_EVENTS
    assert market.dropped() == {Drop.NO_ROOM: 36}
    assert sum("too many" in line for line in caplog.messages) == 1


def test_a_limit_of_days_ago_that_holds_still_is_known_after_a_restart(caplog: pytest.LogCaptureFixture) -> None:
    market = Market()
    with caplog.at_level(logging.WARNING):
        market.listener.restore([limit(-60.0 * 80, 3.0), limit(-60.0 * 70, 10.0), limit(30.0, None)])
    assert market.forecaster.look_ahead(START, 0.0).limits.import_kw[:3].tolist() == [10.0, 10.0, 60.0]
    assert any("2026-06-09T12:00:00" in line for line in caplog.messages)


@pytest.mark.parametrize("bound, is_taken", [(5.0, False), (1000.0, True)])
def test_prices_are_bounded_by_the_currency_of_the_site(bound: float, *, is_taken: bool) -> None:
    market = Market()
    market.listener._price_bound_per_kwh = bound
    assert market.say(price(0.0, 30.0)) == ([Trigger.PRICE] if is_taken else [])
    assert market.dropped() == ({} if is_taken else {Drop.SCHEMA: 1})
