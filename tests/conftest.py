"""What all tests may ask for: optional real data, and the programs of real servers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CALIFORNIA = ROOT.parent / "shared" / "data" / "california"
# Debian keeps servers in /usr/sbin, which is not on every user's PATH.
PROGRAM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def find_program(name: str, package: str) -> Path:
    """A server's program; without it the test is skipped with a reason, or fails where CI=true."""
    found = shutil.which(name, path=PROGRAM_PATH)
    if found is not None:
        return Path(found)
    reason = f"{name} is not installed: sudo apt-get install {package}, or run scripts/test as root"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def california_profiles() -> Path:
    """Folder of measured homes (load, PV, prices, EV sessions), kept outside the repository for its size."""
    if not (CALIFORNIA / "load_kw.csv").is_file():
        pytest.skip(f"the measured homes are optional and not here: {CALIFORNIA}")
    return CALIFORNIA


@pytest.fixture(scope="session")
def mosquitto_program() -> Path:
    """The Mosquitto broker, for tests marked ``integration``."""
    return find_program("mosquitto", "mosquitto")


@pytest.fixture(scope="session")
def victoria_metrics_program() -> Path:
    """The VictoriaMetrics server, for tests marked ``integration``."""
    return find_program("victoria-metrics", "victoria-metrics")
