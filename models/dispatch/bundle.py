"""A planning bundle: one recorded interval's problem, settings and plan, to be solved again elsewhere.

It holds no ids (members and devices are positions), no names, no incomes and no bills: see ``concealment``. As bytes::

    magic with the format's version (20 bytes) | SHA-256 of what follows (32 bytes) | zlib stream of ``bundle_codec``
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from models.dispatch.bundle_codec import pack, unpack
from models.dispatch.bundle_shapes import check_shapes
from models.dispatch.concealment import conceal, is_concealed, restate_burden
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.dispatch.validation import validate_problem
from models.domain.errors import BundleError, ProblemError

FORMAT = 1
"""Version of the form; another one is refused, not guessed at."""
_NAME = b"commonwatt-bundle "
_MAGIC = _NAME + b"%d\n" % FORMAT
_DIGEST_BYTES = 32
LARGEST_CONTENT_BYTES = 1 << 28
"""A thousand members and a hundred steps take a tenth of this."""
_COMPRESSION = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the plan was asked for."""

    solver: str
    mip_gap_frac: float
    deadline_s: float
    """Real time allowed for the whole solve [s]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """One plan with all that is needed to make it again."""

    decision_id: str
    """Names the decision in the store."""
    rung: str
    """Rung of the fallback ladder that was used."""
    settings: Settings
    versions: dict[str, str]
    """Of the programs that made the plan, by name."""
    problem_sha256: str
    """Of the problem's canonical bytes; in hexadecimal."""
    problem: DispatchProblem
    """In concealed form."""
    plan: Plan | None
    """None where the solver gave none that passed the audit. Its worst burden is in the problem's concealed unit."""

    def __eq__(self, other: object) -> bool:
        """Equal in every number, text and array."""
        return isinstance(other, Bundle) and pack(self) == pack(other)

    def __hash__(self) -> int:
        """As ``__eq__``."""
        return hash(pack(self))


def make_bundle(
    *,
    decision_id: str,
    rung: str,
    settings: Settings,
    versions: Mapping[str, str],
    problem: DispatchProblem,
    plan: Plan | None,
) -> Bundle:
    """Bundle of a plan; a problem that still holds incomes is concealed.

    Raises:
        ProblemError: The problem is not finite or not consistent.
    """
    concealed = conceal(problem)
    if plan is not None:
        plan = restate_burden(concealed, plan)
        if concealed is not problem:
            # The objective of the plain problem holds its highest burden.
            plan = replace(plan, record=replace(plan.record, objective_eur=0.0))
    return Bundle(
        decision_id=decision_id,
        rung=rung,
        settings=settings,
        versions=dict(versions),
        problem_sha256=hash_problem(concealed),
        problem=concealed,
        plan=plan,
    )


def hash_problem(problem: DispatchProblem) -> str:
    """SHA-256 over all arrays and numbers of a problem, in hexadecimal: equal problems, equal hash."""
    return hashlib.sha256(pack(problem)).hexdigest()


def encode(bundle: Bundle) -> bytes:
    """Bytes of a bundle.

    Raises:
        BundleError: It holds a number that is not finite outside an array.
    """
    body = zlib.compress(pack(bundle), _COMPRESSION)
    return _MAGIC + hashlib.sha256(body).digest() + body


def decode(content: bytes) -> Bundle:
    """The bundle of some bytes, whole and consistent.

    Raises:
        BundleError: naming the place, what was found there and what is accepted.
    """
    bundle = unpack(Bundle, _open(content))
    try:
        validate_problem(bundle.problem)
    except ProblemError as error:
        raise BundleError(f"problem: {error}") from error
    found = hash_problem(bundle.problem)
    if found != bundle.problem_sha256:
        raise BundleError(f"problem_sha256: found {bundle.problem_sha256[:64]!r}; accepted: the problem's own, {found}")
    if not is_concealed(bundle.problem):
        raise BundleError("problem.income_eur: found incomes or bills; accepted: the concealed form only")
    if bundle.plan is not None:
        check_shapes(bundle.problem, bundle.plan)
    return bundle


def _open(content: bytes) -> bytes:
    if not content.startswith(_NAME):
        raise BundleError(f"start: found {content[:20]!r}; accepted: a planning bundle, which begins with {_NAME!r}")
    if not content.startswith(_MAGIC):
        version = content[len(_NAME) : len(_MAGIC)]
        raise BundleError(f"version: found {version!r}; accepted: {FORMAT}")
    body = content[len(_MAGIC) + _DIGEST_BYTES :]
    stored = content[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]
    if hashlib.sha256(body).digest() != stored:
        found = hashlib.sha256(body).hexdigest()
        raise BundleError(f"checksum: found {found}; accepted: {stored.hex()}, so the file was changed or cut")
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(body, LARGEST_CONTENT_BYTES)
    except zlib.error as error:
        raise BundleError(f"content: no zlib stream ({error}); accepted: what this program wrote") from error
    if not stream.eof or stream.unused_data:
        raise BundleError(f"content: no single zlib stream; accepted: one of at most {LARGEST_CONTENT_BYTES} bytes")
    return inflated
