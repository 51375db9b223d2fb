"""A site file to a site: every flaw at once, each with its key path, line, what was found and what is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.accepted import is_path, schema_at
from config.consistency import check_consistency
from config.document import MAX_BYTES, Document, read_document
from config.errors import Finding, Severity, SiteFileError
from config.flaw import Flaw, Location, path_text
from config.operation import Store
from config.schema import Site
from config.secrets import is_open_to_others
from config.tariff import SeriesPrice
from config.validation import mend_site, validate_site, value_at

_FILE_KEYS = ("file", "path", "model")
_NOUNS = {
    "members": "member",
    "batteries": "battery",
    "evs": "EV",
    "shiftable_loads": "appliance",
    "curtailable_loads": "curtailable load",
    "gateways": "gateway",
    "devices": "device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteReading:
    """What came of reading a site file."""

    site: Site | None
    """Unset where there are errors."""
    findings: tuple[Finding, ...]
    """Errors first, then warnings, each in the order of the file."""


def load_site(path: Path | str) -> Site:
    """The site that a file describes; the paths in it are made absolute.

    Raises:
        SiteFileError: the file has errors; the message tells all of them and ``findings`` holds them.
    """
    reading = read_site(path)
    if reading.site is None:
        errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise SiteFileError("\n".join([f"{path}: {count}", *map(str, errors)]), reading.findings)
    return reading.site


def check_site(path: Path | str) -> list[Finding]:
    """Everything that is wrong, or looks wrong, in a site file; empty for a good one."""
    return list(read_site(path).findings)


def read_site(path: Path | str) -> SiteReading:
    """The site and all findings; never raises for what stands in the file."""
    path = Path(path)
    try:
        text = _read_text(path)
    except SiteFileError as error:
        finding = Finding(severity=Severity.ERROR, path="", found=str(error), accepted="a site file in YAML")
        return SiteReading(site=None, findings=(finding,))
    return parse_site(text, path.absolute().parent)


def parse_site(text: str, folder: Path) -> SiteReading:
    """The same from a text.

    Args:
        text: content of a site file.
        folder: what relative paths in it are relative to.
    """
    document = read_document(text)
    if document.data is None and not document.flaws:
        document.flaws.append(Flaw(location=(), found="nothing", accepted="a site", hint="the file is empty"))
    if document.data is None:
        return SiteReading(site=None, findings=_findings(document, document.flaws))
    _name_store(document.data)
    _make_paths_absolute(document.data, (), document.data, folder)
    site, flaws = validate_site(document.data)
    checked = site or mend_site(document.data, flaws)
    if checked is not None:
        flaws += _without_doubtful([*check_consistency(checked), *_check_files(checked)], flaws, document.data)
    flaws = document.flaws + flaws
    has_errors = any(flaw.severity is Severity.ERROR for flaw in flaws)
    return SiteReading(site=None if has_errors else site, findings=_findings(document, flaws))


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SiteFileError(f"a file of more than {MAX_BYTES // 2**20} MB")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SiteFileError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SiteFileError(f"{path} is not UTF-8 text (byte {error.start})") from error


def _name_store(data: Any) -> None:
    """The store's default path is relative to the site file as well, so it has to be there to be made absolute."""
    store = data.setdefault("store", {}) if isinstance(data, dict) else None
    if isinstance(store, dict):
        store.setdefault("path", str(Store().path))


def _make_paths_absolute(part: Any, location: Location, data: Any, folder: Path) -> None:
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in list(entries):
        inner = (*location, key)
        if isinstance(value, dict | list):
            _make_paths_absolute(value, inner, data, folder)
        elif isinstance(value, str) and str(key).endswith(_FILE_KEYS) and is_path(schema_at(inner, data)):
            part[key] = str(folder / Path(value).expanduser())


def _check_files(site: Site) -> list[Flaw]:
    files: list[tuple[Location, Path | None]] = [
        (("tariff", key, "file"), price.file)
        for key in ("import_price", "export_price")
        if isinstance(price := getattr(site.tariff, key), SeriesPrice)
    ]
    files.append((("policy", "model"), site.policy.model))
    if site.broker.tls is not None:
        tls = site.broker.tls
        files += [(("broker", "tls", key), getattr(tls, key)) for key in ("ca_file", "certificate_file", "key_file")]
    secrets: list[tuple[Location, Path | None]] = [(("broker", "password_file"), site.broker.password_file)]
    if site.influxdb is not None:
        secrets.append((("influxdb", "token_file"), site.influxdb.token_file))
    flaws = [_check_file(place, file) for place, file in files + secrets]
    flaws += [_check_mode(place, file) for place, file in secrets]
    return [flaw for flaw in flaws if flaw is not None]


def _check_file(location: Location, file: Path | None) -> Flaw | None:
    if file is None:
        return None
    try:
        with file.open("rb"):
            return None
    except OSError as error:
        found = f"{file}: {error.strerror}"
        return Flaw(location=location, found=found, accepted="a file that can be read, relative to the site file")


def _check_mode(location: Location, file: Path | None) -> Flaw | None:
    if file is None or not file.is_file() or not is_open_to_others(file):
        return None
    hint = f"chmod 600 {file}"
    accepted = "a file that only its owner may read"
    return Flaw(
        location=location,
        found="a secret that everyone may read",
        accepted=accepted,
        hint=hint,
        severity=Severity.WARNING,
    )


def _without_doubtful(crossed: list[Flaw], shape: list[Flaw], data: Any) -> list[Flaw]:
    """Cross-checks' flaws that do not rest on a value that is broken itself, for they may vanish with it.

    An error of the cross-checks counts as broken for their warnings, but not for their other errors.
    """
    errors = [flaw for flaw in crossed if flaw.severity is Severity.ERROR]
    warnings = [flaw for flaw in crossed if flaw.severity is Severity.WARNING]
    kept = [flaw for flaw in errors if not _rests_on(flaw, shape, data)]
    return kept + [flaw for flaw in warnings if not _rests_on(flaw, shape + kept, data)]


def _rests_on(flaw: Flaw, broken: list[Flaw], data: Any) -> bool:
    used = (flaw.location, *flaw.concerns)
    touched = any(
        _is_within(one.location, place) or _is_within(place, one.location) for one in broken for place in used
    )
    named = [value_at(data, one.location) for one in broken]
    return touched or any(isinstance(value, str) and repr(value) in flaw.found for value in named)


def _is_within(inner: Location, outer: Location) -> bool:
    return inner[: len(outer)] == outer


def _findings(document: Document, flaws: list[Flaw]) -> tuple[Finding, ...]:
    findings = [
        Finding(
            severity=flaw.severity,
            path=path_text(flaw.location),
            where=_where(flaw.location, document.data),
            line=document.line_of(flaw.location) if flaw.location else None,
            found=flaw.found,
            accepted=flaw.accepted,
            hint=flaw.hint,
        )
        for flaw in flaws
    ]
    return tuple(sorted(findings, key=lambda finding: (finding.severity, finding.line or 0)))


def _where(location: Location, data: Any) -> str:
    named = []
    for position, element in enumerate(location):
        noun = _NOUNS.get(str(location[position - 1])) if position and isinstance(element, int) else None
        part = value_at(data, location[: position + 1])
        if noun and isinstance(part, dict) and isinstance(part.get("id"), str):
            named.append(f"{noun} {part['id'][:40]}")
    return ", ".join(named)
