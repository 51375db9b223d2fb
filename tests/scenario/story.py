"""The scenario language: a story is told minute by minute and played in virtual time.

``Story(site, folder).input("cleo", demand_kw=7.0).at(6).expect("gw-bert/bat", at_most_kw=-2.0).play()``
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from config.schema import Site
from controller.loop.solver_messages import FailureKind
from controller.loop.triggers import Trigger
from controller.record.records import Rung
from devices.clock import VirtualClock
from devices.market_messages import encode_market
from devices.simulator.community import SimulatedCommunity
from devices.simulator.home_state import NOTHING_KNOWN
from devices.virtual_loop import run_virtual
from models.domain.market import EventNotice, LimitNotice, PriceNotice
from models.profiles.profiles import CommunityProfile, EvSession
from tests.controller.loop.neighbours import START, at
from tests.scenario.control_room import Broker, ControlRoom, Line
from tests.scenario.invariants import check_what_always_holds

Happening = Callable[[ControlRoom], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class _Input:
    minute: float
    member: str
    demand_kw: float | None
    pv_kw: float | None


class Story:
    """Collects what happens and what is expected, each at its minute; ``play`` makes it happen."""

    def __init__(self, site: Site, folder: Path, *, soc_kwh: Mapping[str, float] | None = None) -> None:
        self._site, self._folder = site, folder
        self._soc_kwh = dict(soc_kwh or {})
        self._minute = 0.0
        self._inputs: list[_Input] = []
        self._sessions: list[EvSession] = []
        self._happenings: list[tuple[float, Happening]] = []
        self._is_solver_inline = True

    def at(self, minute: float) -> Self:
        """What is told next happens at this minute after noon (local time)."""
        assert minute >= self._minute, "a story is told in order"
        self._minute = minute
        return self

    def input(self, member: str, *, demand_kw: float | None = None, pv_kw: float | None = None) -> Self:
        """From now on a home uses or generates so much."""
        self._inputs.append(_Input(self._minute, member, demand_kw, pv_kw))
        return self

    def arrives(self, member: str, car: str, *, needs_kwh: float, leaves_at: float) -> Self:
        """A car is plugged in."""
        session = EvSession(
            member_id=member,
            asset_id=car,
            arrival_utc=at(self._minute),
            departure_utc=at(leaves_at),
            energy_needed_kwh=needs_kwh,
        )
        self._sessions.append(session)
        return self

    def with_solver_process(self) -> Self:
        """Plans are made by a real worker process."""
        self._is_solver_inline = False
        return self

    def falls_silent(self, gateway: str) -> Self:
        return self._then(lambda room: setattr(room.lines[gateway], "is_cut", True))

    def speaks_again(self, gateway: str) -> Self:
        return self._then(lambda room: setattr(room.lines[gateway], "is_cut", False))

    def all_fall_silent(self) -> Self:
        for gateway in self._site.gateways:
            self.falls_silent(gateway.id)
        return self

    def broker_goes(self) -> Self:
        return self._then(lambda room: setattr(room.broker, "is_connected", False))

    def broker_returns(self) -> Self:
        return self._then(lambda room: setattr(room.broker, "is_connected", True))

    def solver_breaks(self, kind: FailureKind = FailureKind.CRASHED) -> Self:
        return self._then(lambda room: setattr(room.solver, "broken", kind))

    def solver_is_mended(self) -> Self:
        return self._then(lambda room: setattr(room.solver, "broken", None))

    def controller_restarts(self) -> Self:
        async def restart(room: ControlRoom) -> None:
            await room.stop_controller()
            await room.start_controller()

        return self._then(restart)

    def hears_price(self, import_eur: float, export_eur: float, *, valid_at: float | None = None) -> Self:
        """A price notice, valid at once or from a later minute on."""
        notice = PriceNotice(
            ts_utc=at(self._minute),
            valid_from_utc=at(self._minute if valid_at is None else valid_at),
            import_eur_per_kwh=import_eur,
            export_eur_per_kwh=export_eur,
        )
        topic = f"commonwatt/v1/{self._site.community.id}/market/price"
        return self._then(lambda room: room.broker.deliver(topic, encode_market(notice)))

    def hears_limit(self, import_kw: float | None) -> Self:
        notice = LimitNotice(
            ts_utc=at(self._minute), valid_from_utc=at(self._minute), import_kw=import_kw, export_kw=None
        )
        topic = f"commonwatt/v1/{self._site.community.id}/market/limit"
        return self._then(lambda room: room.broker.deliver(topic, encode_market(notice)))

    def hears_event(
        self, begin: float, end: float, power_kw: float | None = None, *, name: str = "e1", is_cancelled: bool = False
    ) -> Self:
        """A demand-response event from one minute to another, or that it is called off."""
        notice = EventNotice(
            ts_utc=at(self._minute),
            valid_from_utc=at(self._minute),
            kind="shed",
            start_utc=at(begin),
            end_utc=at(end),
            power_kw=power_kw,
            event_id=name,
            is_cancelled=is_cancelled,
        )
        topic = f"commonwatt/v1/{self._site.community.id}/market/event"
        return self._then(lambda room: room.broker.deliver(topic, encode_market(notice)))

    def hears(self, topic: str, payload: bytes) -> Self:
        """Somebody says something on the broker."""
        return self._then(lambda room: room.broker.deliver(topic, payload))

    def expect(self, device: str, *, at_most_kw: float = np.inf, at_least_kw: float = -np.inf) -> Self:
        """What a device says of its power by now."""

        def look(room: ControlRoom) -> None:
            power_kw = room.reading(device).power_kw
            assert power_kw is not None
            place = f"minute {minute:g}: {device} at {power_kw:g} kW"
            assert at_least_kw <= power_kw <= at_most_kw, f"{place}, expected {at_least_kw:g} to {at_most_kw:g} kW"

        minute = self._minute
        return self._then(look)

    def expect_plan(self, rung: Rung, *, because: Trigger | None = None) -> Self:
        """Where the newest plan came from, and what asked for it."""

        def look(room: ControlRoom) -> None:
            newest = room.reports[-1]
            place = f"minute {minute:g}: {newest.decision_id}"
            assert newest.decision.rung is rung, f"{place} on {newest.decision.rung}: {newest.faults}"
            assert because is None or because in newest.triggers, f"{place} because of {newest.triggers}"

        minute = self._minute
        return self._then(look)

    def expect_setpoints(self, device: str, *, since: float, some: bool) -> Self:
        """Whether a device has been sent anything since a minute."""

        def look(room: ControlRoom) -> None:
            found = room.setpoints(device, since=since, until=minute)
            assert bool(found) == some, f"minutes {since:g} to {minute:g}: {len(found)} setpoints for {device or 'all'}"

        minute = self._minute
        return self._then(look)

    def until(self, minute: float) -> Self:
        """Time passes."""
        return self.at(minute)._then(lambda _: None)

    def expect_that(self, look: Callable[[ControlRoom], None]) -> Self:
        """Anything else that must be so by now; the function asserts it."""
        return self._then(look)

    def _then(self, happening: Happening) -> Self:
        self._happenings.append((self._minute, happening))
        return self

    def play(self) -> ControlRoom:
        """Make it happen, up to the last minute that was told."""
        return run_virtual(self._play, start_utc=START)

    async def _play(self, clock: VirtualClock) -> ControlRoom:
        room = self._set_up(clock)
        stop = asyncio.Event()
        playing = asyncio.create_task(room.homes.run(stop), name="homes")
        await room.start_controller()
        for minute, happening in self._happenings:
            await clock.sleep_until_utc(at(minute))
            assert not playing.done(), "the homes ended by themselves"
            happened = happening(room)
            if happened is not None:
                await happened
        await room.stop_controller()
        stop.set()
        await playing
        check_what_always_holds(room)
        return room

    def _set_up(self, clock: VirtualClock) -> ControlRoom:
        broker, lines = Broker(clock), dict[str, Line]()
        homes = SimulatedCommunity(
            self._site,
            self._profile(),
            clock,
            connect=lambda gateway, _, __: lines.setdefault(gateway, Line(broker)),
            rng=np.random.default_rng(3),
            states={
                member: replace(NOTHING_KNOWN, soc_kwh={"bat": soc_kwh}) for member, soc_kwh in self._soc_kwh.items()
            },
        )
        room = ControlRoom(self._site, clock, self._folder, broker, homes, lines=lines)
        if not self._is_solver_inline:
            room.solver = None
        return room

    def _profile(self) -> CommunityProfile:
        members = [member.id for member in self._site.members]
        minutes = int(self._minute) + 2
        demand_kw, pv_kw = np.full((len(members), minutes), 0.3), np.zeros((len(members), minutes))
        for one in self._inputs:
            row, column = members.index(one.member), int(one.minute)
            if one.demand_kw is not None:
                demand_kw[row, column:] = one.demand_kw
            if one.pv_kw is not None:
                pv_kw[row, column:] = one.pv_kw
        return CommunityProfile(
            member_ids=tuple(members),
            start_utc=START,
            step_s=60,
            demand_kw=demand_kw,
            pv_kw=pv_kw,
            ev_sessions=tuple(self._sessions),
            runs=(),
        )
