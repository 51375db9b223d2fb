"""The tree obeys the house rules, and each rule is able to find what it forbids."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import architecture_rules as rules
from tests.architecture_rules import RULES
from tests.source_tree import LAYERS, Source, read_sources

ROOT = Path(__file__).resolve().parent.parent
LONG_FUNCTION = "def plan():\n" + "    x = 1\n" * 60
LONG_DOCSTRING = 'def plan():\n    """Says\n' + "    much\n" * 100 + '    """\n' + "    # why\n\n    x = 1\n" * 59


def source(path: str, text: str) -> Source:
    return Source(path=path, text=text, tree=ast.parse(text))


@pytest.fixture(scope="module")
def tree() -> list[Source]:
    return read_sources(ROOT)


def test_every_layer_is_there_to_be_checked(tree: list[Source]) -> None:
    assert {one.layer for one in tree} == set(LAYERS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_obeys(rule: rules.Rule, tree: list[Source]) -> None:
    problems = rule(tree)
    assert not problems, "\n".join(["", *problems])


@pytest.mark.parametrize("rule", [rules.files_and_functions_are_short, rules.names_say_what_is_inside])
def test_the_tests_obey_the_rules_of_size_and_name(rule: rules.Rule) -> None:
    problems = rule(read_sources(ROOT, ("tests",)))
    assert not problems, "\n".join(["", *problems])


def test_no_package_stands_under_tests() -> None:
    assert not [one.path for one in read_sources(ROOT, ("tests",)) if one.is_package]


BROKEN = [
    (rules.layers_import_only_to_the_left, "config/a.py", "import models"),
    (rules.layers_import_only_to_the_left, "models/domain/a.py", "from devices.clock import Clock"),
    (rules.layers_import_only_to_the_left, "devices/a.py", "def f():\n    import controller.loop.cycle"),
    (rules.layers_import_only_to_the_left, "controller/a.py", "from tests import fakes"),
    (rules.layers_import_only_to_the_left, "config/a.py", "import importlib\nimportlib.import_module('models')"),
    (rules.rooms_of_models_keep_their_floor, "models/domain/a.py", "from models.dispatch import problem"),
    (rules.rooms_of_models_keep_their_floor, "models/fairness/a.py", "from models import settlement"),
    (rules.rooms_of_models_keep_their_floor, "models/fairness/a.py", "from ..settlement import bills"),
    (rules.rooms_of_models_keep_their_floor, "models/dispatch/__init__.py", "from ..forecast import baseline"),
    (rules.rooms_of_models_keep_their_floor, "models/policy/a.py", "import models.policy.training.ppo"),
    (rules.rooms_of_models_keep_their_floor, "models/dispatch/a.py", "from models.explanation import benefit"),
    (rules.rooms_of_models_keep_their_floor, "models/policy/training/a.py", "import models.explanation.benefit"),
    (rules.rooms_of_models_keep_their_floor, "models/cellar/a.py", "x = 1"),
    (rules.libraries_stay_in_their_place, "models/policy/a.py", "import torch.nn"),
    (rules.libraries_stay_in_their_place, "controller/apps/a.py", "from stable_baselines3 import PPO"),
    (rules.models_are_pure, "models/domain/a.py", "import asyncio"),
    (rules.models_are_pure, "models/forecast/a.py", "from os import path"),
    (rules.models_are_pure, "models/profiles/a.py", "def f():\n    return open('x')"),
    (rules.models_are_pure, "models/profiles/a.py", "import io\nx = io.open('x')"),
    (rules.models_are_pure, "models/policy/a.py", "def f(path):\n    return path.read_bytes()"),
    (rules.randomness_is_seeded, "devices/simulator/a.py", "from random import gauss"),
    (rules.randomness_is_seeded, "models/profiles/a.py", "import numpy as np\nx = np.random.normal(0, 1)"),
    (rules.randomness_is_seeded, "controller/a.py", "from numpy.random import default_rng\nx = default_rng()"),
    (rules.only_the_clock_knows_the_time, "controller/a.py", "import time"),
    (rules.only_the_clock_knows_the_time, "devices/a.py", "from time import perf_counter"),
    (rules.only_the_clock_knows_the_time, "models/a.py", "from datetime import datetime as d, date\ndate.today()"),
    (rules.only_the_clock_knows_the_time, "controller/a.py", "import datetime\nnow = datetime.datetime.now(tz)"),
    (rules.packages_are_pages, "models/__init__.py", "'''Page.'''\nfrom models.domain import errors"),
    (rules.packages_are_pages, "models/__init__.py", ""),
    (rules.packages_are_pages, "models/orphan/a.py", "x = 1"),
    (rules.files_and_functions_are_short, "models/a.py", "x = 1\n" * 301),
    (rules.files_and_functions_are_short, "models/a.py", LONG_FUNCTION),
    (
        rules.files_and_functions_are_short,
        "models/a.py",
        "class A:\n    async " + LONG_FUNCTION.replace("\n", "\n    "),
    ),
    (rules.names_say_what_is_inside, "models/utils.py", ""),
    (rules.names_say_what_is_inside, "devices/common/topics.py", ""),
    (rules.names_say_what_is_inside, "controller/loop/solver_manager.py", ""),
    (rules.only_applications_print, "controller/loop/a.py", "print('hello')"),
    (rules.sets_are_not_iterated, "models/a.py", "for x in set(y):\n    pass"),
    (rules.sets_are_not_iterated, "models/a.py", "z = [x for x in {a for a in y}]"),
]


@pytest.mark.parametrize("rule, path, text", BROKEN)
def test_a_planted_violation_is_found_and_named(rule: rules.Rule, path: str, text: str) -> None:
    problems = rule([source(path, text)])
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}:")


KEPT = [
    (rules.layers_import_only_to_the_left, "controller/a.py", "import config, models.domain, devices, numpy"),
    (rules.rooms_of_models_keep_their_floor, "models/dispatch/solvers/a.py", "from ..problem import Problem"),
    (rules.rooms_of_models_keep_their_floor, "models/explanation/a.py", "from models.settlement import shapley"),
    (
        rules.rooms_of_models_keep_their_floor,
        "models/policy/training/a.py",
        "import models.policy.rule, models.dispatch",
    ),
    (rules.libraries_stay_in_their_place, "models/policy/training/a.py", "import torch"),
    (rules.models_are_pure, "models/policy/training/a.py", "import logging\nopen('x')"),
    (
        rules.models_are_pure,
        "models/domain/a.py",
        "from datetime import time\nimport io\nx = door.open(io.StringIO(y))",
    ),
    (rules.models_are_pure, "devices/a.py", "import asyncio"),
    (rules.randomness_is_seeded, "models/a.py", "import numpy as np\nx = np.random.default_rng(seed)"),
    (
        rules.only_the_clock_knows_the_time,
        "devices/clock.py",
        "import time\nfrom datetime import datetime\ndatetime.now()",
    ),
    (rules.only_the_clock_knows_the_time, "controller/a.py", "t = clock.now_utc()\nfrom datetime import time"),
    (rules.files_and_functions_are_short, "models/a.py", "x = 1\n" * 300),
    (rules.files_and_functions_are_short, "models/a.py", LONG_DOCSTRING),
    (rules.names_say_what_is_inside, "models/domain/community.py", ""),
    (rules.only_applications_print, "controller/apps/cli.py", "print('hello')"),
    (rules.sets_are_not_iterated, "models/a.py", "for x in sorted(set(y)):\n    pass"),
]


@pytest.mark.parametrize("rule, path, text", KEPT)
def test_what_is_allowed_is_left_alone(rule: rules.Rule, path: str, text: str) -> None:
    assert rule([source(path, text)]) == []


@pytest.mark.parametrize("library", rules.ONE_FILE_EACH)
def test_a_wrapped_library_in_a_second_file_is_found(library: str) -> None:
    first = source("controller/a.py", f"import {library}")
    second = source("devices/b.py", f"from {library} import client")
    assert rules.libraries_stay_in_their_place([first]) == []
    assert rules.libraries_stay_in_their_place([second, first]) == [
        f"devices/b.py:1: {library} is imported in controller/a.py already",
    ]


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_the_sources_are_read_from_the_folders_of_the_layers_only(tmp_path: Path) -> None:
    for path in ("models/domain/energy.py", "config/site.py", "scratch/other.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("x = 1\n", encoding="utf-8")
    assert [one.path for one in read_sources(tmp_path)] == ["config/site.py", "models/domain/energy.py"]
