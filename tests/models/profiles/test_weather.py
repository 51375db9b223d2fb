from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from config.schema import Location, Site
from models.domain.errors import ProfileError
from models.profiles.clouds import draw_clearness, draw_sky
from models.profiles.generator import generate
from models.profiles.weather import compute_clear_sky, generate_pv, plane_irradiance

MakeSite = Callable[..., Site]
MUNICH = Location(latitude_deg=48.1, longitude_deg=11.6, altitude_m=520.0)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def year_kw(make_site: MakeSite) -> np.ndarray:
    faces = [(30.0, 180.0), (30.0, 180.0), (30.0, 90.0), (30.0, 270.0), (0.0, 180.0)]
    site = make_site(
        [
            {"id": f"m{n}", "pv_kwp": 1.0, "pv_tilt_deg": tilt, "pv_azimuth_deg": azimuth}
            for n, (tilt, azimuth) in enumerate(faces)
        ]
    )
    by_member = generate_pv(site.members, MUNICH, FIRST, 365 * 1440, seed=11)
    hourly: np.ndarray = np.stack([by_member[f"m{n}"] for n in range(len(faces))]).reshape(len(faces), -1, 60)
    return np.asarray(hourly.mean(axis=2))


def test_a_kilowatt_peak_yields_what_it_does_in_southern_germany(year_kw: np.ndarray) -> None:
    south_kwh, flat_kwh = year_kw[0].sum(), year_kw[4].sum()
    assert 900.0 < south_kwh < 1250.0
    assert 0.75 * south_kwh < flat_kwh < south_kwh


def test_summer_yields_several_times_as_much_as_winter(year_kw: np.ndarray) -> None:
    june, december = year_kw[0, 151 * 24 : 181 * 24].mean(), year_kw[0, 334 * 24 :].mean()
    assert 2.0 < june / december < 9.0


def test_east_faces_the_morning_and_west_the_evening(year_kw: np.ndarray) -> None:
    hour = np.arange(365 * 24) % 24
    middle = [float(np.average(hour, weights=year_kw[n])) for n in (2, 0, 3)]
    assert middle[0] < middle[1] - 0.5 < middle[2] - 1.0


def test_output_is_zero_at_night_and_never_above_the_rating(year_kw: np.ndarray) -> None:
    hour = np.arange(365 * 24) % 24
    assert year_kw[:, (hour >= 21) | (hour < 2)].max() == 0.0
    assert 0.5 < year_kw.max() <= 1.0


def test_days_differ_in_clearness(year_kw: np.ndarray) -> None:
    june = year_kw[0, 151 * 24 : 181 * 24].reshape(30, 24).sum(axis=1)
    assert june.max() > 1.6 * june.min()


def test_neighbours_share_most_of_their_clouds_but_not_all() -> None:
    sky = draw_sky(1, date(2026, 5, 1), 28, 48.0)
    here, there = (draw_clearness(sky, 1, name) for name in ("here", "there"))
    far = draw_clearness(draw_sky(2, date(2026, 5, 1), 28, 48.0), 2, "here")
    assert 0.8 < np.corrcoef(here, there)[0, 1] < 0.9999
    assert np.corrcoef(here, far)[0, 1] < 0.5


def test_clouds_last_for_minutes_hours_and_days() -> None:
    sky = draw_sky(3, date(2026, 1, 1), 365, 48.0)
    cover = sky.slow_cover - sky.slow_cover.mean()

    def autocorrelation(lag_min: int) -> float:
        return float(np.mean(cover[:-lag_min] * cover[lag_min:]) / np.mean(cover**2))

    assert autocorrelation(10) > 0.95
    assert autocorrelation(60) > autocorrelation(6 * 60) > autocorrelation(10 * 1440)
    assert autocorrelation(1440) > 0.15


def test_clearness_stays_between_a_closed_and_an_open_sky() -> None:
    clearness = draw_clearness(draw_sky(4, date(2026, 1, 1), 60, 60.0), 4, "a")
    assert clearness.min() >= 0.25
    assert clearness.max() <= 1.0


def test_the_sun_stands_where_it_should() -> None:
    noon = datetime(2026, 6, 21, 11, 15, tzinfo=UTC)
    sun = compute_clear_sky(MUNICH, noon, 5)
    assert np.interp(noon.timestamp(), sun.knot_s, sun.zenith_deg) == pytest.approx(48.1 - 23.44, abs=0.2)
    assert 850.0 < sun.global_w_per_m2.max() < 1050.0
    upright_north = plane_irradiance(sun, 90.0, 0.0)
    assert np.all(upright_north < 0.4 * plane_irradiance(sun, 30.0, 180.0))


def test_a_missing_pvlib_is_said_in_plain_words(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pvlib", None)
    with pytest.raises(ProfileError, match=r"need pvlib, which is not installed.*commonwatt\[sim\]"):
        generate(make_site([{"id": "a", "pv_kwp": 1.0}]), FIRST, FIRST + timedelta(hours=1), seed=1)
    assert generate(make_site([{"id": "a"}]), FIRST, FIRST + timedelta(hours=1), seed=1).demand_kw.shape == (1, 60)
