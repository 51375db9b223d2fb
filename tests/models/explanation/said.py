"""Languages with the catalogues that the package ships, and sentences reduced to their shape."""

from __future__ import annotations

import re
from functools import cache
from gettext import GNUTranslations
from pathlib import Path

from models.explanation.language import LANGUAGES, Language

ROOM = Path(__file__).parents[3] / "models" / "explanation"


@cache
def language(code: str) -> Language:
    path = ROOM / "locale" / code / "LC_MESSAGES" / "commonwatt.mo"
    with path.open("rb") as file:
        return Language.of(code, GNUTranslations(file))


def languages() -> tuple[Language, ...]:
    return tuple(language(code) for code in LANGUAGES)


def shape(text: str) -> str:
    """The sentences without their numbers and signs."""
    return re.sub(r"[+-]?[€]?[+-]?\d[\d.,\u202f]*", "#", text)
