"""The three scripts on machines that lack something: each says what to install, and installs only when needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("demo", "test", "check")
TOOLS = ("bash", "cat", "chmod", "cut", "dirname", "env", "grep", "mkdir", "nproc", "rm", "sha256sum", "tail", "tee")
# Stands for an interpreter: tells its version, makes a .venv around itself, and notes what pip is asked for.
FAKE_PYTHON = """#!/bin/bash
case "$*" in
    *'"%d.%d.%d"'*) echo "{version}" ;;
    *'"%d.%d"'*) echo "{version}" ;;
    *'sys.version_info < (3, 11)'*) exit {too_old} ;;
    *'importlib.metadata'*) exit 1 ;;
    *'import ensurepip, venv'*) exit {no_venv} ;;
    '-m venv '*) mkdir -p "$3/bin" && cat "$0" >"$3/bin/python" && chmod 755 "$3/bin/python" ;;
    '-m pip --version') exit {pip_status} ;;
    '--version') echo "Python {version}" ;;
    '-m pip install '*) echo "$*" >>"{log}" ;;
    *) echo "ran: $*" ;;
esac
"""


class Machine:
    """A copy of the scripts on a machine with only the programs that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repository"
        self.programs = folder / "bin"
        self.log = folder / "pip.log"
        self.programs.mkdir()
        self.log.touch()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "tests").mkdir()
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool) or tool)

    def add_program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text, encoding="utf-8")
        (self.programs / name).chmod(0o755)

    def add_python(self, version: str = "3.12.1", *, too_old: bool = False, no_venv: bool = False) -> None:
        text = FAKE_PYTHON.format(
            version=version, too_old=int(too_old), no_venv=int(no_venv), pip_status=0, log=self.log
        )
        self.add_program("python3", text)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.programs), "HOME": str(self.root)}
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)

    def call(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("bash", "-c", f"set -euo pipefail; source scripts/{script}; {' '.join(words)}")

    def installs(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_executed_and_explains_itself_without_installing(machine: Machine, script: str) -> None:
    assert os.access(ROOT / "scripts" / script, os.X_OK)
    answer = machine.run(f"scripts/{script}", "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith(f"usage: scripts/{script} ")
    assert not (machine.root / ".venv").exists()


def test_check_refuses_a_check_it_does_not_know(machine: Machine) -> None:
    answer = machine.run("scripts/check", "spelling")
    assert answer.returncode == 2
    assert "unknown argument 'spelling'" in answer.stderr


def test_without_python_the_demo_names_the_packages_to_install(machine: Machine) -> None:
    answer = machine.run("scripts/demo")
    assert answer.returncode == 1
    assert "no Python found" in answer.stderr
    assert "sudo apt-get install python3 python3-venv" in answer.stderr


def test_with_an_old_python_the_demo_says_which_it_found_and_which_it_needs(machine: Machine) -> None:
    machine.add_python("3.10.12", too_old=True)
    answer = machine.run("scripts/demo")
    assert answer.returncode == 1
    assert "Python 3.10.12 is too old, CommonWatt needs 3.11 or newer" in answer.stderr


def test_without_the_venv_package_the_demo_names_it(machine: Machine) -> None:
    machine.add_python("3.11.2", no_venv=True)
    answer = machine.run("scripts/demo")
    assert answer.returncode == 1
    assert "sudo apt-get install python3-venv" in answer.stderr


def test_an_installation_happens_once_and_again_only_after_a_change(machine: Machine) -> None:
    machine.add_python()
    for _ in range(2):
        assert machine.call("environment.sh", "ensure_installed sim").returncode == 0
    (line,) = machine.installs()
    assert f"--constraint {machine.root}/constraints.txt --editable {machine.root}[sim]" in line
    with (machine.root / "constraints.txt").open("a", encoding="utf-8") as constraints:
        constraints.write("# changed\n")
    assert machine.call("environment.sh", "ensure_installed sim").returncode == 0
    assert len(machine.installs()) == 2


def test_the_tools_of_developers_cover_the_demo_and_not_the_other_way_round(machine: Machine) -> None:
    machine.add_python()
    for extra in ("sim", "dev", "sim"):
        assert machine.call("environment.sh", f"ensure_installed {extra}").returncode == 0
    assert [line.rpartition("[")[2] for line in machine.installs()] == ["sim]", "dev]"]


def test_a_failed_installation_is_told_and_not_remembered(machine: Machine) -> None:
    machine.add_python()
    machine.log.unlink()
    machine.log.mkdir()
    answer = machine.call("environment.sh", "ensure_installed sim")
    assert answer.returncode == 1
    assert "the installation failed" in answer.stderr
    assert list((machine.root / ".venv").glob(".installed-*")) == []


def test_missing_servers_are_named_when_they_cannot_be_installed(machine: Machine) -> None:
    answer = machine.call("test", "ensure_servers")
    assert answer.returncode == 0
    # Programs in /usr/sbin are found without PATH; the client is in /usr/bin and so always missing here.
    assert "sudo apt-get install --no-install-recommends" in answer.stderr
    assert "mosquitto-clients" in answer.stderr


def test_servers_that_are_there_are_left_alone(machine: Machine) -> None:
    for name in ("mosquitto", "mosquitto_pub", "victoria-metrics"):
        machine.add_program(name, "#!/bin/bash\n")
    answer = machine.call("test", "ensure_servers")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize("has_guard", [False, True])
@pytest.mark.parametrize("status", [0, 100])
def test_servers_are_installed_under_a_guard_that_forbids_their_start(
    machine: Machine, status: int, has_guard: bool
) -> None:
    guard = machine.root / "policy-rc.d"
    if has_guard:
        guard.write_text("the owner's", encoding="utf-8")
    machine.add_program("sudo", '#!/bin/bash\nshift\nexec "$@"\n')
    machine.add_program("systemctl", f'#!/bin/bash\necho "systemctl $*" >>"{machine.log}"\n')
    machine.add_program(
        "apt-get",
        f'#!/bin/bash\n[[ $1 != install ]] && exit\necho "install: $(cat "{guard}" | tail -n 1)" >>"{machine.log}"\n'
        f"exit {status}\n",
    )
    answer = machine.call("test", f"start_guard={guard};", "install_servers mosquitto")
    assert answer.returncode == status
    during = "install: the owner's" if has_guard else "install: exit 101"
    assert machine.installs() == [during] + ["systemctl disable mosquitto"] * (status == 0)
    assert guard.exists() == has_guard


@pytest.mark.parametrize(
    "text, expected",
    [("import pytest\n", 1), ("@pytest.mark.train\ndef test_x(): ...\n", 0), ("pytestmark = pytest.mark.train\n", 0)],
)
def test_pytorch_is_wanted_only_once_a_test_is_marked_train(machine: Machine, text: str, expected: int) -> None:
    (machine.root / "tests" / "test_ppo.py").write_text(text, encoding="utf-8")
    assert machine.call("test", "has_train_tests").returncode == expected


def test_pytorch_is_installed_by_itself_and_without_the_pins(machine: Machine) -> None:
    machine.add_python()
    assert machine.call("test", "ensure_venv;", "ensure_torch").returncode == 0
    (line,) = machine.installs()
    assert line.split()[-1] == "torch==2.13.0"
    assert "--constraint" not in line
