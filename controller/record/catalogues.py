"""The catalogues of all languages, read once from the package ``models.explanation``.

After a sentence changed: extract, update and translate ``models/explanation/locale/*/LC_MESSAGES/commonwatt.po``, then
``pybabel compile -D commonwatt -d models/explanation/locale``. A test keeps sentences, .po and .mo together.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from importlib.resources import files

from models.explanation.language import LANGUAGES, Language

DOMAIN = "commonwatt"


@cache
def load_language(code: str) -> Language:
    """A language with its catalogue.

    Args:
        code: one of ``LANGUAGES``.
    """
    path = files("models.explanation") / "locale" / code / "LC_MESSAGES" / f"{DOMAIN}.mo"
    with path.open("rb") as file:
        return Language.of(code, GNUTranslations(file))


@cache
def load_languages() -> tuple[Language, ...]:
    """All languages, English first."""
    return tuple(load_language(code) for code in LANGUAGES)
