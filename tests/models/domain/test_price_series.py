from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config.errors import SiteFileError
from models.domain.price_series import PriceSeries, parse_price_series

BERLIN = ZoneInfo("Europe/Berlin")


def series(text: str, stamps: Any = "utc", zone: ZoneInfo = BERLIN) -> PriceSeries:
    return parse_price_series(text, name="p.csv", time_column="t", price_column="p", stamps=stamps, zone=zone)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "must occur exactly once"),
        ("t,x\n2026-06-12T00:00Z,1\n", "'p' must occur exactly once; the file has t, x"),
        ("t,p\n2026-06-12T00:00Z,0.1\n", "at least two rows"),
        ("t,p\n2026-06-12T00:00Z,0.1\nyesterday,0.1\n", "row 3, column 't': 'yesterday' is not an ISO 8601 time"),
        ('t,p\n2026-06-12T00:00Z,"0,1"\n', "row 2, column 'p': '0,1' is not a number; use a decimal point"),
        ("t,p\n2026-06-12T00:00Z,nan\n", "not a finite number"),
        ("t,p\n2026-06-12T00:00Z,32.5\n", "found 32.5, accepted -10 to 10"),
        ("t,p\n2026-06-12T01:00Z,0.1\n2026-06-12T00:00Z,0.1\n", "row 3.*is not after the row before it"),
        ("t,p\n2026-06-12T01:00Z,0.1\n2026-06-12T02:00Z\n", "row 3: 1 cells, the header has 2"),
    ],
)
def test_a_price_file_that_cannot_be_read_says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(SiteFileError, match=message):
        series(text)


def test_local_stamps_of_the_repeated_hour_are_read_in_their_order() -> None:
    labels = ["01:00", "02:00", "02:00", "03:00"]
    read = series("t,p\n" + "".join(f"2026-10-25T{label},0.{k}\n" for k, label in enumerate(labels)), "local")
    assert np.diff(read.start_s).tolist() == [3600, 3600, 3600]


def test_a_local_stamp_that_the_clock_skips_is_refused() -> None:
    with pytest.raises(SiteFileError, match=r"row 3.*does not exist in Europe/Berlin"):
        series("t,p\n2026-03-29T01:00,0.1\n2026-03-29T02:00,0.1\n", "local")


def test_a_stamp_with_an_offset_is_not_taken_for_local() -> None:
    with pytest.raises(SiteFileError, match="set stamps: utc"):
        series("t,p\n2026-03-29T01:00+01:00,0.1\n", "local")


def test_stamps_with_an_offset_mean_what_they_say() -> None:
    read = series("\ufefft,p\n2026-06-12T02:00+02:00,0.1\n\n2026-06-12T01:00,0.2\n")
    assert read.start_s.tolist() == [1781222400, 1781226000]
    assert read.period_s == 3600


def test_what_a_series_does_not_cover_is_not_a_number() -> None:
    read = series("t,p\n2026-06-12T00:00Z,0.1\n2026-06-12T01:00Z,0.2\n2026-06-12T03:00Z,0.3\n")
    first = float(read.start_s[0])
    found = read.at(first + np.array([-1.0, 0.0, 3599.0, 3600.0, 7200.0, 10799.0, 10800.0, 14399.0, 14400.0]))
    assert np.isnan(found).tolist() == [True, False, False, False, True, True, False, False, True]
    assert found[[1, 3, 6]] == pytest.approx([0.1, 0.2, 0.3])


def test_the_period_is_the_most_frequent_distance() -> None:
    stamps = ["00:00", "00:15", "00:30", "01:30", "01:45"]
    read = series("t,p\n" + "".join(f"2026-06-12T{stamp}Z,0.1\n" for stamp in stamps))
    assert read.period_s == 900


def test_columns_are_found_by_name_among_others() -> None:
    read = parse_price_series(
        " p ,note,t\n0.5,x,2026-06-12T00:00Z\n-0.1,y,2026-06-12T01:00Z\n",
        name="p.csv",
        time_column="t",
        price_column="p",
        stamps="utc",
        zone=BERLIN,
    )
    assert read.price_eur_per_kwh.tolist() == [0.5, -0.1]
    assert read.name == "p.csv, column 'p'"
    assert not read.price_eur_per_kwh.flags.writeable


def test_the_bound_follows_the_currency() -> None:
    text = "t,p\n2026-06-12T00:00Z,31.5\n2026-06-12T01:00Z,29.0\n"
    columns: Any = {"name": "p", "time_column": "t", "price_column": "p", "stamps": "utc", "zone": BERLIN}
    assert parse_price_series(text, **columns, bound_eur_per_kwh=1000.0).price_eur_per_kwh.tolist() == [31.5, 29.0]
    with pytest.raises(SiteFileError, match="accepted -5 to 5"):
        parse_price_series(text, **columns, bound_eur_per_kwh=5.0)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Los_Angeles", "UTC"])
@given(start=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)), hours=st.integers(2, 60))  # noqa: DTZ001
def test_local_labels_of_every_hour_come_back_as_the_hours_they_were(zone: str, start: datetime, hours: int) -> None:
    local_zone = ZoneInfo(zone)
    begin = start.replace(minute=0, second=0, microsecond=0)
    moments = [begin + timedelta(hours=k) for k in range(hours)]
    # A file that begins inside the repeated hour does not tell which of the two it means.
    assume(not any(moment.astimezone(local_zone).fold for moment in moments[:2]))
    labels = [moment.astimezone(local_zone).replace(tzinfo=None).isoformat() for moment in moments]
    read = series("t,p\n" + "".join(f"{label},0.1\n" for label in labels), "local", local_zone)
    assert read.start_s.tolist() == [int(moment.timestamp()) for moment in moments]
