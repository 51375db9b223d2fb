"""Why new weights came into force, found out a little at a time between the loop's other work.

For each member 256 evaluations of the policy are needed, which would hold the loop for too long in one piece.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import date

from config.schema import Site
from controller.loop.cycle import CycleReport
from controller.record.catalogues import load_languages
from controller.record.records import ExplanationRow
from controller.record.store import Store
from models.domain.errors import PolicyError, StoreError
from models.domain.interval import local_day_of
from models.explanation.weight import (
    HUNDREDTHS,
    INPUT_SETS,
    MICRO,
    WeightCase,
    WeightChange,
    attribute_change,
    evaluate_steps,
    find_weight_steps,
)
from models.explanation.weight_wording import word_weight

_log = logging.getLogger(__name__)

WEIGHT_TOPIC = "weight"
PIECE = 16
"""Evaluations between two looks at the loop's other work: about 2 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    decision_id: str
    from_day: date
    case: WeightCase


class WeightExplainer:
    """Explains each change of weights to every member; a change that comes before the last one is done replaces it."""

    def __init__(self, site: Site, store: Store) -> None:
        self._site = site
        self._store = store
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(maxsize=1)
        self.idle = asyncio.Event()
        """Set while nothing waits and nothing is being explained."""
        self.idle.set()

    def note(self, report: CycleReport) -> None:
        """A watcher for ``Cycle.watchers``."""
        case = None if report.weighing is None else report.weighing.case
        if case is None or not report.is_committed:
            return
        if self._waiting.full():
            self._waiting.get_nowait()
        self.idle.clear()
        from_day = local_day_of(report.snapshot.taken_utc, self._site.zone)
        self._waiting.put_nowait(_Waiting(decision_id=report.decision_id, from_day=from_day, case=case))

    async def run(self) -> None:
        """Explain what comes, until cancelled."""
        while True:
            waiting = await self._waiting.get()
            try:
                rows = [
                    explain_row(member.id, await _find_change(waiting.case, position), waiting.from_day)
                    for position, member in enumerate(self._site.members)
                ]
                await self._store.add_explanations(waiting.decision_id, rows)
            except (PolicyError, StoreError) as error:
                # The weights hold all the same; only their explanation is missing.
                _log.warning("%s: the weights could not be explained: %s", waiting.decision_id, error)
            if self._waiting.empty():
                self.idle.set()


async def _find_change(case: WeightCase, member: int) -> WeightChange:
    steps: list[float] = []
    for start in range(0, INPUT_SETS, PIECE):
        steps += evaluate_steps(case, member, range(start, min(start + PIECE, INPUT_SETS)))
        await asyncio.sleep(0)
    return attribute_change(case, member, steps)


def explain_row(member: str, change: WeightChange, from_day: date) -> ExplanationRow:
    """A change of weight as it is stored, in two forms.

    The parts that end in ``_log_step`` add up to ``change_log_step``, those in ``_weight_step`` to the difference of
    the weights that are told.
    """
    parts = {f"{name.value}_log_step": micro for name, micro in change.by_input_micro.items()}
    parts |= {
        "reference_log_step": change.reference_micro,
        "limit_log_step": change.limit_micro,
        "projection_log_step": change.projection_micro,
        "change_log_step": change.change_micro,
    }
    steps = find_weight_steps(change)
    told = {f"{name.value}_weight_step": part for name, part in steps.by_input.items()}
    told |= {
        "reference_weight_step": steps.reference,
        "limit_weight_step": steps.limit,
        "projection_weight_step": steps.projection,
        "weight_so_far": steps.before,
        "weight_from_now_on": steps.after,
    }
    numbers: dict[str, float | None] = {name: micro / MICRO for name, micro in parts.items()}
    numbers |= {name: hundredths / HUNDREDTHS for name, hundredths in told.items()}
    return ExplanationRow(
        member=member,
        topic=WEIGHT_TOPIC,
        reason="policy",
        numbers=numbers | {"weight_before": change.weight_before, "weight_after": change.weight_after},
        texts={language.code: word_weight(change, from_day, language) for language in load_languages()},
    )
