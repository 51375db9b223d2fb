"""From what was computed of a day to what is stored of it, and its one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np

from controller.record.day_explanations import insert_day_explanations
from controller.record.day_posting import PostedDay, book_day, write_day
from controller.record.day_records import DaySettlement, MemberDay
from controller.record.day_rows import read_day, select_from
from controller.record.fairness_rows import insert_day_fairness, points_of_day_fairness
from controller.record.line_protocol import Point
from controller.record.points import PointContext, points_of_explanations
from controller.record.quantities import to_micro
from controller.record.revision_explanations import explain_revision
from controller.record.settlement_job import ComputedDay, DayJob

Queue = Callable[[Callable[[PointContext], Iterator[Point]]], None]
"""Takes points for the outbox, inside the transaction."""


def describe_settlement(job: DayJob, computed: ComputedDay, settled_utc: datetime) -> DaySettlement:
    """The record of a settlement; its revision and stage are set when it is written."""
    settled = computed.settled
    bills = settled.bills
    loss_after = job.terms.carried_loss_eur - settled.split.repaid_eur + settled.split.loss_eur
    members = tuple(
        MemberDay(
            member=member,
            stand_alone_minor=int(bills.stand_alone_minor[k]),
            wear_minor=int(bills.wear_minor[k]),
            share_minor=int(bills.share_minor[k]),
            solidarity_minor=int(bills.solidarity_minor[k]),
            islanded_minor=int(bills.islanded_minor[k]),
            peak_minor=int(computed.peak_minor[k]),
            plain_micro=to_micro(float(settled.valuation.value_eur[k])),
            loss_after_micro=max(0, to_micro(float(loss_after[k]))),
            weight=float(job.terms.weight[k]),
            import_wh=settled.energy.import_wh[k],
            export_wh=settled.energy.export_wh[k],
            received_wh=settled.energy.received_wh[k],
            supplied_wh=settled.energy.supplied_wh[k],
            is_estimated=job.is_estimated[k],
        )
        for k, member in enumerate(job.members)
    )
    return DaySettlement(
        local_day=job.local_day,
        game=job.game,
        method=settled.valuation.method.value,
        outcome=settled.split.outcome.value,
        input_digest=job.digest,
        settled_utc=settled_utc,
        start_utc=job.starts_utc[0],
        step_s=round(job.day.step_h * 3600),
        minor_per_unit=job.terms.minor_per_unit,
        players=settled.valuation.players,
        coalitions=settled.coalitions_evaluated,
        gain_micro=to_micro(settled.gain_eur),
        game_micro=to_micro(float(settled.valuation.value_eur.sum())),
        max_error_micro=to_micro(float(np.max(settled.valuation.error_eur, initial=0.0))),
        core_excess_micro=to_micro(float(settled.core.excess_eur)),
        utility_minor=int(bills.utility_minor),
        peak_minor=int(computed.peak_minor.sum()),
        notes=computed.notes,
        price_lines=job.price_lines,
        islanded_micro_per_kwh=to_micro(job.day.prices.islanded_eur_per_kwh),
        members=members,
    )


def write_settlement(
    connection: sqlite3.Connection,
    job: DayJob,
    computed: ComputedDay,
    settled_utc: datetime,
    queue: Queue | None = None,
) -> PostedDay:
    """Bills, ledger, explanations and their points: all in the caller's transaction, or nothing.

    Raises:
        StoreError: another revision was written meanwhile, or the day is final and this one is not.
    """
    day = describe_settlement(job, computed, settled_utc)
    before = read_day(select_from(connection), job.local_day)
    posted = write_day(connection, day, follows=job.follows, is_final=job.is_final, inputs=job.inputs)
    if posted.is_new:
        changed = explain_revision(before, day, job.currency, is_final=job.is_final)
        rows, revision = (*computed.explanations, *changed), posted.day.revision
        insert_day_explanations(connection, job.local_day, revision, rows)
        insert_day_fairness(connection, job.local_day, revision, computed.fairness)
        if queue is not None:
            queue(lambda context: points_of_explanations(rows, f"settle-{job.local_day}-{revision}", context))
            queue(lambda context: points_of_day_fairness(computed.fairness, revision, day.start_utc, context))
    # Last, because the ledger's entry carries digests of all that was written before it.
    return book_day(connection, posted)
