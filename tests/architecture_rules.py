"""The house rules that a reader can rely on, as functions from source files to a list of broken rules.

Every rule takes the parsed sources and returns one line per problem, ``path:line: what is wrong``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import PurePosixPath

from tests.source_tree import LAYERS, Source, calls, dotted, imports

# Rooms of models by floor: a room may import itself and the floors below.
FLOORS = {
    "domain": 0,
    **dict.fromkeys(("profiles", "forecast", "dispatch", "settlement", "fairness", "policy"), 1),
    **dict.fromkeys(("explanation", "policy.training"), 2),
}
TRAINING = "models/policy/training/"
CLOCK = "devices/clock.py"
APPS = "controller/apps/"
ONE_FILE_EACH = ("swiglpk", "highspy", "aiomqtt", "influxdb_client", "onnxruntime")
TRAINING_ONLY = ("torch", "stable_baselines3", "gymnasium")
IMPURE_MODULES = frozenset(
    {
        "asyncio",
        "concurrent",
        "http",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    }
)
IMPURE_METHODS = frozenset({"read_text", "write_text", "read_bytes", "write_bytes"})
CLOCK_METHODS = frozenset({"now", "utcnow", "today"})
SEEDED_RANDOM = frozenset({"Generator", "BitGenerator", "SeedSequence", "PCG64", "default_rng"})
BANNED_NAMES = frozenset({"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"})
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60


def layers_import_only_to_the_left(sources: list[Source]) -> list[str]:
    """config <- models <- devices <- controller; nobody imports the tests."""
    rank = {layer: number for number, layer in enumerate((*LAYERS, "tests"))}
    return [
        f"{source.path}:{line}: {source.layer} must not import {name}"
        for source in sources
        for line, name in imports(source)
        if rank.get(name.split(".")[0], -1) > rank[source.layer]
    ]


def _room(module: str) -> str | None:
    if module.startswith("models.policy.training"):
        return "policy.training"
    parts = module.split(".")
    return parts[1] if parts[0] == "models" and len(parts) > 1 else None


def rooms_of_models_keep_their_floor(sources: list[Source]) -> list[str]:
    """Domain below all, siblings apart, explanation and training above; a new room must be given a floor."""
    problems = []
    for source in sources:
        here = _room(source.module)
        if here is None:
            continue
        if here not in FLOORS:
            problems.append(f"{source.path}:1: models.{here} has no floor in FLOORS")
            continue
        problems += [
            f"{source.path}:{line}: models.{here} must not import {name}"
            for line, name in imports(source)
            if (there := _room(name)) and there != here and FLOORS.get(there, 99) >= FLOORS[here]
        ]
    return problems


def libraries_stay_in_their_place(sources: list[Source]) -> list[str]:
    """One file each for what is replaced or wrapped; PyTorch and its friends only where training is."""
    problems = []
    for library in ONE_FILE_EACH:
        files = sorted({s.path for s in sources for _, name in imports(s) if name.split(".")[0] == library})
        problems += [f"{path}:1: {library} is imported in {files[0]} already" for path in files[1:]]
    problems += [
        f"{source.path}:{line}: {name} belongs under {TRAINING}"
        for source in sources
        for line, name in imports(source)
        if name.split(".")[0] in TRAINING_ONLY and not source.is_training
    ]
    return problems


def models_are_pure(sources: list[Source]) -> list[str]:
    """No input or output, no asyncio, logging or clock, no randomness of their own (training excepted)."""
    problems = []
    for source in sources:
        if source.layer != "models" or source.is_training:
            continue
        problems += [
            f"{source.path}:{line}: models must not import {name}"
            for line, name in imports(source)
            if name.split(".")[0] in IMPURE_MODULES
        ]
        for call, name in calls(source):
            if name in {"open", "io.open", "input"} or name.rpartition(".")[2] in IMPURE_METHODS:
                problems.append(f"{source.path}:{call.lineno}: models must not do input or output: {name}()")
    return problems


def randomness_is_seeded(sources: list[Source]) -> list[str]:
    """No generator that the operating system seeds, and none that the whole process shares."""
    problems = [
        f"{source.path}:{line}: randomness comes in as numpy.random.Generator, not from {name}"
        for source in sources
        for line, name in imports(source)
        if name.split(".")[0] == "random" and not source.is_training
    ]
    for source in sources:
        for call, name in calls(source):
            owner, _, method = name.rpartition(".")
            shared = owner in {"np.random", "numpy.random"} and method not in SEEDED_RANDOM
            unseeded = method == "default_rng" and not call.args and not call.keywords
            if shared or unseeded:
                problems.append(f"{source.path}:{call.lineno}: {name}() is not seeded by its caller")
    return problems


def only_the_clock_knows_the_time(sources: list[Source]) -> list[str]:
    """``time`` and ``datetime.now`` are for devices/clock.py; all others are handed a clock."""
    problems = []
    for source in sources:
        if source.path == CLOCK:
            continue
        problems += [
            f"{source.path}:{line}: {name} is for {CLOCK} alone"
            for line, name in imports(source)
            if name.split(".")[0] == "time"
        ]
        for call, name in calls(source):
            owner, _, method = name.rpartition(".")
            if method in CLOCK_METHODS and owner.rpartition(".")[2] in {"datetime", "date", "Timestamp"}:
                problems.append(f"{source.path}:{call.lineno}: {name}() is for {CLOCK} alone")
    return problems


def packages_are_pages(sources: list[Source]) -> list[str]:
    """Every folder with modules is a package, and its ``__init__.py`` is a docstring and nothing else."""
    packages = {str(PurePosixPath(source.path).parent) for source in sources if source.is_package}
    problems = [
        f"{source.path}:1: its folder has no __init__.py"
        for source in sources
        if str(PurePosixPath(source.path).parent) not in packages
    ]
    problems += [
        f"{source.path}:1: a package's page is one docstring, and defines nothing"
        for source in sources
        if source.is_package and (len(source.tree.body) != 1 or not ast.get_docstring(source.tree))
    ]
    return problems


def code_lines(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function that are neither blank, nor comment, nor docstring."""
    first = node.body[0]
    has_docstring = ast.get_docstring(node, clean=False) is not None
    skipped = range(first.lineno, (first.end_lineno or first.lineno) + 1) if has_docstring else range(0)
    lines = source.text.splitlines()
    return sum(
        number not in skipped and bool(stripped := lines[number - 1].strip()) and not stripped.startswith("#")
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    )


def files_and_functions_are_short(sources: list[Source]) -> list[str]:
    """At most 300 lines a file and 60 lines of code a function."""
    problems = [
        f"{source.path}:1: {count} lines, at most {MAX_FILE_LINES}: split it"
        for source in sources
        if (count := len(source.text.splitlines())) > MAX_FILE_LINES
    ]
    problems += [
        f"{source.path}:{node.lineno}: {node.name} has {count} lines of code, at most {MAX_FUNCTION_LINES}"
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (count := code_lines(source, node)) > MAX_FUNCTION_LINES
    ]
    return problems


def names_say_what_is_inside(sources: list[Source]) -> list[str]:
    """No drawer for odds and ends: utils, helpers, common, manager."""
    return [
        f"{source.path}:1: '{word}' says nothing about what is inside"
        for source in sources
        for part in PurePosixPath(source.path).with_suffix("").parts
        for word in part.split("_")
        if word in BANNED_NAMES
    ]


def only_applications_print(sources: list[Source]) -> list[str]:
    """Standard output belongs to the commands: their ``--json`` is exactly one line."""
    return [
        f"{source.path}:{call.lineno}: print() is for {APPS} alone"
        for source in sources
        for call, name in calls(source)
        if name == "print" and not source.path.startswith(APPS)
    ]


def sets_are_not_iterated(sources: list[Source]) -> list[str]:
    """The order of a set of strings changes from run to run; a replay must not."""
    problems = []
    for source in sources:
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
                continue
            over = node.iter
            is_set = isinstance(over, ast.Set | ast.SetComp) or (
                isinstance(over, ast.Call) and dotted(over.func) in {"set", "frozenset"}
            )
            if is_set:
                problems.append(f"{source.path}:{over.lineno}: iterates over a set; sort it first")
    return problems


Rule = Callable[[list[Source]], list[str]]

RULES: tuple[Rule, ...] = (
    layers_import_only_to_the_left,
    rooms_of_models_keep_their_floor,
    libraries_stay_in_their_place,
    models_are_pure,
    randomness_is_seeded,
    only_the_clock_knows_the_time,
    packages_are_pages,
    files_and_functions_are_short,
    names_say_what_is_inside,
    only_applications_print,
    sets_are_not_iterated,
)
