"""The project's own papers agree with each other: packaging, pins, hooks, image and continuous integration."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import conftest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
REQUIREMENTS = [
    Requirement(line)
    for lines in (PYPROJECT["project"]["dependencies"], *EXTRAS.values())
    for line in lines
    if not line.startswith("commonwatt[")
]


def lines_of(path: str) -> list[str]:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


PINS = {
    canonicalize_name(name): pinned for name, _, pinned in (row.partition("==") for row in lines_of("constraints.txt"))
}


def test_every_constraint_is_one_exact_version_and_names_no_index() -> None:
    rows = lines_of("constraints.txt")
    assert rows == sorted(rows)
    assert [row for row in rows if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", row)] == []


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_a_dependency_has_a_lower_bound_and_its_pin_lies_inside(requirement: Requirement) -> None:
    assert [one for one in requirement.specifier if one.operator == ">="]
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_the_extra_for_developers_holds_all_others_and_no_extra_is_empty() -> None:
    inner = Requirement(next(line for line in EXTRAS["dev"] if line.startswith("commonwatt[")))
    assert inner.extras == set(EXTRAS) - {"dev"}
    assert all(EXTRAS.values())


def test_the_installed_distribution_is_this_version_and_offers_the_command() -> None:
    assert version("commonwatt") == PYPROJECT["project"]["version"]
    (command,) = entry_points(group="console_scripts", name="commonwatt")
    assert command.value == "controller.apps.cli:main"


def test_the_changelog_has_a_place_for_what_is_new_and_names_no_later_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert PYPROJECT["project"]["version"] in {*headings[1:2], "0.1.0"}


def test_ruff_leaves_out_about_ten_rules_and_each_has_its_reason() -> None:
    ignores = PYPROJECT["tool"]["ruff"]["lint"]["ignore"]
    assert PYPROJECT["tool"]["ruff"]["lint"]["select"] == ["ALL"]
    assert len(ignores) <= 12
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert [code for code in ignores if not re.search(rf'^ *"{code}",\s+# \w.{{15,}}', text, re.MULTILINE)] == []


def test_pre_commit_runs_each_check_of_the_check_script_and_nothing_else() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    script = (ROOT / "scripts/check").read_text(encoding="utf-8")
    checks = re.findall(r"^check_(\w+)\(\)", script, re.MULTILINE)
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert [hook["entry"] for hook in hooks[0]["hooks"]] == [f"scripts/check {name}" for name in checks]


def test_continuous_integration_is_the_two_scripts() -> None:
    assert lines_of(".ci/run")[-2:] == ["./scripts/check", "./scripts/test --all"]


def test_the_image_runs_as_a_numbered_user_from_pinned_bases() -> None:
    lines = lines_of("Dockerfile")
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base) for base in bases)
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", users[-1])


def test_the_image_is_given_everything_it_copies() -> None:
    copied = [line.split()[1:-1] for line in lines_of("Dockerfile") if re.match(r"COPY (?!--from)", line)]
    allowed = {line.lstrip("!").rstrip("/") for line in lines_of(".dockerignore") if line.startswith("!")}
    assert {name for names in copied for name in names} == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_the_wheel_takes_every_layer() -> None:
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == ["config", "models", "devices", "controller"]


def test_a_missing_server_skips_by_name_and_fails_in_continuous_integration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package"):
        conftest.find_program("no-such-server", "no-such-package")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-package"):
        conftest.find_program("no-such-server", "no-such-package")
    assert conftest.find_program("sh", "dash").name == "sh"
