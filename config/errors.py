"""Root of the exception tree, and what is wrong with a site file.

They stand here because the bottom layer raises them; ``models/domain/errors.py`` draws the whole tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CommonWattError(Exception):
    """Root of all errors that CommonWatt raises on purpose."""


class Severity(StrEnum):
    """Whether a finding keeps the controller from starting."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, or looks wrong, in a site file. Holds no sensitive value."""

    severity: Severity
    path: str
    """Key path, such as ``members[3].batteries[0].capacity_kwh``."""
    where: str = ""
    """The list elements on the path by id, such as ``member m04, battery b1``."""
    line: int | None = None
    """Line in the file, the first is 1."""
    found: str
    """What stands there, masked where it is sensitive."""
    accepted: str
    """What may stand there."""
    hint: str = ""
    """What was probably meant."""

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        where = f" ({self.where})" if self.where else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        place = self.path or "the file"
        return f"{self.severity}: {line}{place}{where}\n    found: {self.found}\n    accepted: {self.accepted}{hint}"


class SiteFileError(CommonWattError):
    """The site file, or a file it names, is not acceptable."""

    def __init__(self, message: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings
        """All findings, warnings too; empty where the message says it all."""
