"""The demo's world before its first interval: site, profiles, pre-played history and the uncontrolled course."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from config.schema import Site
from controller.apps.demo_events import plan_notices
from controller.apps.demo_options import DemoOptions
from controller.apps.demo_site import demo_site
from controller.apps.wiring import read_price_book
from controller.record.quantities import to_micro, to_wh
from controller.record.records import MeteredRow, Prices, SettledInterval
from devices.simulator.uncontrolled import UncontrolledRun, run_uncontrolled
from models.domain.errors import ProfileError
from models.domain.interval import settlement_day
from models.domain.market import EventNotice
from models.domain.snapshot import MeterQuality
from models.domain.tariff import PriceBook
from models.profiles.assignment import assign_homes
from models.profiles.generator import generate
from models.profiles.profiles import CommunityProfile
from models.profiles.recorded import RecordedFiles, Recording, default_start, read_recording
from models.profiles.replay import replay

DEFAULT_START = date(2026, 5, 12)
"""A Tuesday in spring: sun by day, a need for it in the evening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorld:
    """Everything that the same seed and options give again."""

    site: Site
    profile: CommunityProfile
    prices: PriceBook
    history: UncontrolledRun
    """The days before the demo."""
    uncontrolled: UncontrolledRun
    """The demo's days without a controller."""
    start_utc: datetime
    end_utc: datetime
    source: str
    """Where the profiles come from, in words."""
    notes: tuple[str, ...]
    """What the reader of the result should know about the data."""
    events: tuple[EventNotice, ...] = ()
    """Demand-response events that are announced during the demo, by the time of their announcement."""


def build_world(options: DemoOptions) -> DemoWorld:
    """Set the stage.

    Raises:
        CommonWattError: The site file, the recording or the options do not fit.
    """
    site = demo_site(options)
    recording = None if options.profiles is None else read_profiles(options.profiles, site.zone)
    start_utc, end_utc = _window(options, site, recording)
    events = plan_notices(options.events, start_utc, site.zone)
    history_utc = settlement_day(
        start_utc.astimezone(site.zone).date() - timedelta(days=options.history_days), site.zone
    ).start_utc
    notes: tuple[str, ...] = ()
    if recording is None:
        profile = generate(site, history_utc, end_utc, seed=options.seed)
        source = f"generated homes, seed {options.seed}"
    else:
        homes = _homes(options, site, recording)
        profile = replay(recording, site, homes, history_utc, end_utc, seed=options.seed)
        source = f"recorded homes {', '.join(homes.values())} of {options.profiles}"
        notes = (recording.report.describe(),)
    history = run_uncontrolled(site, profile, start_utc=history_utc, end_utc=start_utc)
    uncontrolled = run_uncontrolled(site, profile, start_utc=start_utc, end_utc=end_utc, states=history.end_states)
    return DemoWorld(
        site=site,
        profile=profile,
        prices=read_price_book(site),
        history=history,
        uncontrolled=uncontrolled,
        start_utc=start_utc,
        end_utc=end_utc,
        source=source,
        notes=notes,
        events=events,
    )


def read_profiles(folder: Path, zone: ZoneInfo) -> Recording:
    """A folder of recorded homes: ``load_kw.csv``, and ``pv_kw.csv`` and ``homes.csv`` where they are.

    Raises:
        ProfileError: The folder or a file cannot be read or does not fit.
    """

    def read(name: str) -> bytes | None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None

    load = read("load_kw.csv")
    if load is None:
        columns = "a column interval_start_local and one for each home"
        message = f"--profiles {folder}: found no file load_kw.csv there; accepted is one with {columns}"
        raise ProfileError(message)
    files = RecordedFiles(load_csv=load, pv_csv=read("pv_kw.csv"), homes_csv=read("homes.csv"))
    return read_recording(files, zone)


def history_intervals(world: DemoWorld) -> list[SettledInterval]:
    """The pre-played days as metered intervals; nothing was shared in them."""
    run, site = world.history, world.site
    interval = timedelta(seconds=run.interval_s)
    starts = [run.start_utc + number * interval for number in range(run.import_kwh.shape[1])]
    return [
        SettledInterval(
            start_utc=start,
            duration_s=run.interval_s,
            key=site.sharing.key,
            prices=Prices(
                import_micro_per_kwh=to_micro(0.0),
                export_micro_per_kwh=to_micro(0.0),
                network_fee_micro_per_kwh=to_micro(0.0),
                local_micro_per_kwh=to_micro(0.0),
            ),
            metered=tuple(_metered(run, row, column) for row in range(len(run.member_ids))),
        )
        for column, start in enumerate(starts)
    ]


def _metered(run: UncontrolledRun, row: int, column: int) -> MeteredRow:
    return MeteredRow(
        member=run.member_ids[row],
        quality=MeterQuality.MEASURED,
        import_wh=to_wh(float(run.import_kwh[row, column])),
        export_wh=to_wh(float(run.export_kwh[row, column])),
        demand_wh=to_wh(float(run.demand_kwh[row, column])),
        pv_wh=to_wh(float(run.pv_kwh[row, column])),
        charge_wh=to_wh(float(run.charge_kwh[row, column])),
        discharge_wh=to_wh(float(run.discharge_kwh[row, column])),
        ev_wh=to_wh(float(run.ev_kwh[row, column])),
        shiftable_wh=to_wh(float(run.runs_kwh[row, column])),
    )


def _window(options: DemoOptions, site: Site, recording: Recording | None) -> tuple[datetime, datetime]:
    if options.start is not None:
        start_utc = settlement_day(options.start, site.zone).start_utc
    elif recording is not None:
        start_utc = default_start(recording, history_days=options.history_days, days=options.days)
    else:
        start_utc = settlement_day(DEFAULT_START, site.zone).start_utc
    last_day = start_utc.astimezone(site.zone).date() + timedelta(days=options.days)
    return start_utc.astimezone(UTC), settlement_day(last_day, site.zone).start_utc


def _homes(options: DemoOptions, site: Site, recording: Recording) -> dict[str, str]:
    if not options.homes:
        return dict(assign_homes(site, recording))
    if len(options.homes) != len(site.members):
        message = (
            f"--homes names {len(options.homes)} homes; accepted is one for each of the {len(site.members)} members"
        )
        raise ProfileError(message)
    return {member.id: home for member, home in zip(site.members, options.homes, strict=True)}
