"""The site that a demo plays: invented or from a file, with the demo's own timing and the options put in."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import yaml

from config.composition import compose_description
from config.load import load_site
from config.operation import Control
from config.schema import Site
from config.tariff import FlatPrice, SeriesPrice
from controller.apps.demo_options import SITE_NAME, STORE_NAME, DemoOptions
from models.domain.errors import ProfileError

DEMO_CONTROL = Control(telemetry_period_s=60.0, stale_after_s=180.0, setpoint_renewal_s=300.0, setpoint_life_s=900.0)
"""A simulated day sends a message a minute and device; ten times as many would show nothing more."""

PRICES_FILE = "prices.csv"
PRICE_COLUMN = re.compile(r"^import_price_(?P<currency>[a-z]{3})_per_kwh$")


def demo_site(options: DemoOptions) -> Site:
    """The site of a demo.

    Raises:
        CommonWattError: The site file or the recording's prices cannot be used.
    """
    if options.site_file is not None:
        site = load_site(options.site_file)
    else:
        site = Site.model_validate(compose_description(options.members, options.seed))
    community: dict[str, Any] = {}
    tariff: dict[str, Any] = {}
    if options.zone is not None:
        community["zone"] = options.zone
    if options.profiles is not None and options.site_file is None:
        # Where the recorded homes stand is not known; the invented community's place would be wrong.
        community["location"] = None
        column = _find_price_column(options.profiles)
        if column is not None:
            community["currency"] = column[0].upper()
            tariff["import_price"] = SeriesPrice(
                kind="series",
                file=(options.profiles / PRICES_FILE).resolve(),
                time_column="interval_start_local",
                price_column=column[1],
                stamps="local",
            )
    if options.export_price_eur_per_kwh is not None:
        tariff["export_price"] = FlatPrice(price_eur_per_kwh=options.export_price_eur_per_kwh)
    control = DEMO_CONTROL.model_copy(update={"deviation_kw": site.control.deviation_kw})
    return site.model_copy(
        update={
            "community": site.community.model_copy(update=community),
            "tariff": site.tariff.model_copy(update=tariff),
            "control": control,
            "influxdb": None,
        }
    )


def write_demo_site(options: DemoOptions, site: Site) -> Path | None:
    """Write an invented community's site file beside its store, so that its members can be explained.

    Returns:
        The file; ``None`` where the demo played a site file of the user's.
    """
    if options.site_file is not None:
        return None
    description = compose_description(options.members, options.seed)
    description["community"] |= {"zone": site.community.zone, "currency": site.community.currency}
    if site.community.location is None:
        description["community"].pop("location", None)
    if isinstance(site.tariff.import_price, SeriesPrice):
        description["tariff"]["import_price"] = site.tariff.import_price.model_dump(mode="json", exclude_none=True)
    if options.export_price_eur_per_kwh is not None:
        description["tariff"]["export_price"] = {"kind": "flat", "price_eur_per_kwh": options.export_price_eur_per_kwh}
    description["store"] = {**description.get("store", {}), "path": STORE_NAME}
    path = options.output / SITE_NAME
    path.write_text(yaml.safe_dump(description, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def _find_price_column(folder: Path) -> tuple[str, str] | None:
    """Currency and name of the import price's column in the recording, if it has prices."""
    path = folder / PRICES_FILE
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {error}"
        raise ProfileError(message) from error
    for name in header:
        if found := PRICE_COLUMN.match(name):
            return found["currency"], name
    message = f"{path}: no column import_price_CUR_per_kwh (CUR a currency code); found {', '.join(header)}"
    raise ProfileError(message)
