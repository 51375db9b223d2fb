"""Forecast against persistence on recorded homes.

Walks forward hour by hour through each window of the recording after 14 days of history, for all homes, and compares
the mean absolute error with three persistences: the last value, the same time yesterday, the same time last week.
Hourly recordings are taken as constant within the hour, and every plan starts on the hour, so nothing of the future
leaks in.

    .venv/bin/python tests/benchmarks/forecast.py --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from models.domain.arrays import FloatArray  # noqa: E402
from models.domain.errors import ProfileError  # noqa: E402
from models.forecast.demand import forecast_demand  # noqa: E402
from models.forecast.history import Forecast, History  # noqa: E402
from models.forecast.pv import forecast_pv  # noqa: E402
from models.profiles.recorded import RecordedFiles, Recording, read_recording  # noqa: E402

HISTORY_H = 14 * 24
STEP_H = np.array([0.25] * 4 + [1.0] * 23)
LEAD_H = np.cumsum(STEP_H)
SHOWN_LEADS_H = (0.25, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 18.0, 24.0)
METHODS = ("forecast", "last_value", "yesterday", "last_week")

Forecaster = Callable[[History, FloatArray], Forecast]


def walk(series_kw: FloatArray, recording: Recording, forecaster: Forecaster, stride_h: int) -> dict[str, FloatArray]:
    """[T] mean absolute error [kW] of each method for each step of a plan, over windows, starts and homes."""
    errors: dict[str, list[FloatArray]] = {method: [] for method in METHODS}
    hour_of_step = np.concatenate([[0, 0, 0, 0], np.arange(1, 24)])
    for window in recording.windows:
        kw = series_kw[:, window.first : window.first + window.count]
        for now in range(HISTORY_H, window.count - 23, stride_h):
            history = History(start_utc=window.start_utc, interval_s=3600, mean_kw=kw[:, :now])
            truth = kw[:, now + hour_of_step]
            guesses = {
                "forecast": forecaster(history, STEP_H).mean_kw,
                "last_value": kw[:, now - 1 : now],
                "yesterday": kw[:, now - 24 + hour_of_step],
                "last_week": kw[:, now - 168 + hour_of_step],
            }
            for method, guess in guesses.items():
                errors[method].append(np.abs(guess - truth).mean(axis=0))
    return {method: np.mean(values, axis=0) for method, values in errors.items()}


def summarise(errors: dict[str, FloatArray]) -> dict[str, object]:
    """Errors over the whole horizon (by hours) and by lead, and the skill against the best persistence of each."""
    overall = {method: float(np.average(error, weights=STEP_H)) for method, error in errors.items()}
    best = min(value for method, value in overall.items() if method != "forecast")
    by_lead = []
    for lead_h in SHOWN_LEADS_H:
        step = int(np.searchsorted(LEAD_H, lead_h - 1e-9))
        at_lead = {method: round(float(error[step]), 4) for method, error in errors.items()}
        rival = min(value for method, value in at_lead.items() if method != "forecast")
        by_lead.append({"lead_h": lead_h, "mae_kw": at_lead, "skill_frac": round(1.0 - at_lead["forecast"] / rival, 3)})
    return {
        "mae_kw": {method: round(value, 4) for method, value in overall.items()},
        "skill_frac": {
            method: round(1.0 - overall["forecast"] / value, 3)
            for method, value in overall.items()
            if method != "forecast"
        },
        "skill_against_best_frac": round(1.0 - overall["forecast"] / best, 3),
        "by_lead": by_lead,
    }


def load(folder: Path, zone: ZoneInfo) -> Recording:
    """The recording in a folder."""
    missing = [name for name in ("load_kw.csv", "pv_kw.csv", "homes.csv") if not (folder / name).is_file()]
    if missing:
        raise ProfileError(f"{folder}: found no {', '.join(missing)}; accepted is a folder of recorded homes (--data)")
    files = RecordedFiles(
        load_csv=(folder / "load_kw.csv").read_bytes(),
        pv_csv=(folder / "pv_kw.csv").read_bytes(),
        homes_csv=(folder / "homes.csv").read_bytes(),
    )
    recording = read_recording(files, zone)
    if recording.step_s != 3600:
        raise ProfileError(f"{folder}: found an interval of {recording.step_s} s, accepted is 3600 s")
    return recording


def measure(recording: Recording, stride_h: int) -> dict[str, object]:
    """All figures."""
    zone = recording.zone
    owners = [row for row, home in enumerate(recording.homes) if home.pv_kwp > 0.0]
    persons = np.array([home.persons or 3 for home in recording.homes], dtype=np.int64)
    pv_kwp = np.array([recording.homes[row].pv_kwp for row in owners])

    def demand(history: History, step_h: FloatArray) -> Forecast:
        return forecast_demand(history, history.end_utc, step_h, zone=zone, persons=persons)

    def pv(history: History, step_h: FloatArray) -> Forecast:
        return forecast_pv(history, history.end_utc, step_h, zone=zone, pv_kwp=pv_kwp)

    starts = sum(len(range(HISTORY_H, window.count - 23, stride_h)) for window in recording.windows)
    began = time.perf_counter()
    result: dict[str, object] = {
        "homes": len(recording.homes),
        "homes_with_pv": len(owners),
        "windows": len(recording.windows),
        "starts": starts,
        "demand": summarise(walk(recording.load_kw, recording, demand, stride_h)),
        "pv": summarise(walk(recording.pv_kw[owners], recording, pv, stride_h)),
    }
    result["wall_s"] = round(time.perf_counter() - began, 2)
    result["days_of_history"] = timedelta(hours=HISTORY_H).days
    return result


def main() -> int:
    """Print the figures; status 0 done, 1 the data are not there or not usable."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "california")
    parser.add_argument("--zone", default="America/Los_Angeles")
    parser.add_argument("--stride", type=int, default=1, help="hours from one start to the next")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    options = parser.parse_args()
    try:
        result = measure(load(options.data, ZoneInfo(options.zone)), options.stride)
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result, indent=None if options.json else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
