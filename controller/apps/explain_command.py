"""``commonwatt explain``: what the store holds on a member's day or interval, in sentences."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import typer

from config.load import load_site
from config.schema import Site
from controller.apps.explain_interval import explain_interval
from controller.apps.explain_page import print_explanation
from controller.loop.weight_explanations import WEIGHT_TOPIC
from controller.record.catalogues import load_language
from controller.record.reader import Reader, open_reader
from controller.record.records import ExplanationRow
from models.domain.interval import settlement_day
from models.explanation.labels import HEADINGS

EXIT_FAILED = 1
BAD_USE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked."""

    member: str
    day: date | None = None
    """Settlement day; the newest settled one where neither this nor an interval is given."""
    interval: datetime | None = None
    """A moment inside the interval; without a zone it is the site's local time."""
    language: str | None = None
    """The site's where not given."""
    store: Path | None = None
    """Store to read instead of the site's."""
    with_what_if: bool = False
    """Solve the recorded interval once more without what moved the battery."""


def explain_member(config: Path, question: Question, *, is_json: bool) -> int:
    """Print a member's explanation; returns the exit status: 0 done, 1 nothing to tell yet, 2 bad use.

    Raises:
        CommonWattError: The site file or the store cannot be used.
    """
    site = load_site(config)
    if question.store is not None:
        site = site.model_copy(update={"store": site.store.model_copy(update={"path": question.store})})
    complaint = _find_misuse(site, question)
    if complaint:
        typer.secho(f"commonwatt: {complaint}", err=True, fg=typer.colors.RED)
        return BAD_USE
    with open_reader(site.store.path) as reader:
        answer = _answer(site, reader, question)
    if isinstance(answer, str):
        typer.secho(f"commonwatt: {answer}", err=True, fg=typer.colors.RED)
        return EXIT_FAILED
    if is_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, allow_nan=False))
    else:
        print_explanation(answer, load_language(answer["language"]))
    return 0


def _find_misuse(site: Site, question: Question) -> str | None:
    known = [member.id for member in site.members]
    if question.member not in known:
        return f"member: found {question.member!r}; accepted: {', '.join(known)}"
    if question.day is not None and question.interval is not None:
        return "found --day and --interval; accepted: one of them"
    if question.with_what_if and question.interval is None:
        return "--what-if asks about an interval; accepted: together with --interval"
    return None


def _answer(site: Site, reader: Reader, question: Question) -> dict[str, Any] | str:
    """The explanation as plain values, or why there is none."""
    language = question.language or site.community.language
    if question.interval is not None:
        moment_utc = _to_utc(question.interval, site)
        return explain_interval(
            site, reader, question.member, moment_utc, load_language(language), with_what_if=question.with_what_if
        )
    days = reader.explained_days()
    if not days:
        return "no day has been settled yet; a day is settled after local midnight, or by commonwatt settle"
    day = question.day or days[-1]
    found = reader.day_explanations(question.member, day)
    if found is None and day in days:
        return f"{day.isoformat()} is settled, but {question.member} was no member on that day"
    if found is None:
        return f"{day.isoformat()} is not settled; settled are {_name_days(days)}"
    revision, rows = found
    weight = _find_weight(reader, question.member, day, site)
    return _describe_day(site, question.member, day, revision, (*rows, *weight), language)


def _name_days(days: tuple[date, ...]) -> str:
    return days[0].isoformat() if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _to_utc(moment: datetime, site: Site) -> datetime:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=site.zone)).astimezone(UTC)


def _find_weight(reader: Reader, member: str, day: date, site: Site) -> tuple[ExplanationRow, ...]:
    """The explanation of the weight that came into force on a day, if it changed."""
    span = settlement_day(day, site.zone)
    stored = reader.explanations(member, span.start_utc, span.end_utc)
    return tuple(one.row for one in stored if one.row.topic == WEIGHT_TOPIC)[-1:]


def _describe_day(
    site: Site, member: str, day: date, revision: int, rows: tuple[ExplanationRow, ...], language: str
) -> dict[str, Any]:
    is_final = all(row.numbers.get("is_final") != 0.0 for row in rows)
    said = [row.texts.get(language, "") for row in rows]
    if not is_final:
        said.append(load_language(language).say(HEADINGS["provisional"]))
    return {
        "member": member,
        "day": day.isoformat(),
        "revision": revision,
        "is_final": is_final,
        "currency": site.community.currency,
        "language": language,
        "sentences": [sentence for sentence in said if sentence],
        "explanations": [
            {"topic": row.topic, "reason": str(row.reason), "numbers": dict(row.numbers), "texts": dict(row.texts)}
            for row in rows
        ],
    }
