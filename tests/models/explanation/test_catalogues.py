"""Every sentence stands in every catalogue, with the same places to fill in, and the compiled catalogues agree."""

from __future__ import annotations

import io
import re
import string
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from models.explanation.language import LANGUAGES

ROOM = Path(__file__).parents[3] / "models" / "explanation"
FORBIDDEN = {
    "en": r"\btier|\bincome|\bpoor|\brich\b|\bvulnerable|\bpriorit|\bbenefits office|\bsalary|\bburden",
    "de": r"\bstufe|einkommen|\barm\b|\bärmer|\breich(?!lich)|bedürftig|priorit|gehalt|belastung",
    "fr": r"\brevenu|pauvre|\briche|vulnérable|priorit|salaire|\btranche|précar",
    "es": r"\bingresos|\brenta\b|pobre|\brico|vulnerable|priorit|priorid|salario|\bnivel",
    "it": r"\breddito|povero|\bricco|vulnerabil|priorit|stipendio|\bfascia|\blivello",
}


def extracted() -> list[str]:
    found: dict[str, None] = {}
    for path in sorted(ROOM.glob("*.py")):
        for _, message, _, _ in extract_from_file("python", str(path), keywords={"mark": None}):
            found[str(message)] = None
    return list(found)


def catalogue(language: str) -> Catalog:
    path = ROOM / "locale" / language / "LC_MESSAGES" / "commonwatt.po"
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="commonwatt", abort_invalid=True)


def texts(language: str) -> dict[str, str]:
    return {str(message.id): str(message.string) for message in catalogue(language) if message.id}


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_and_no_other(language: str) -> None:
    assert list(texts(language)) == extracted()
    assert len(extracted()) > 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_translation_is_there_final_and_has_the_same_places(language: str) -> None:
    for message in catalogue(language):
        if not message.id:
            continue
        assert message.string, message.id
        assert not message.fuzzy, message.id
        assert places(str(message.string)) == places(str(message.id)), message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_sentences(language: str) -> None:
    compiled = ROOM / "locale" / language / "LC_MESSAGES" / "commonwatt.mo"
    fresh = io.BytesIO()
    write_mo(fresh, catalogue(language))
    assert compiled.read_bytes() == fresh.getvalue()
    with compiled.open("rb") as file:
        assert {str(one.id): str(one.string) for one in read_mo(file) if one.id} == texts(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_speaks_of_tier_or_income_or_shames(language: str) -> None:
    for text in texts(language).values():
        assert not re.search(FORBIDDEN[language], text.lower()), text


def test_english_says_what_the_code_says() -> None:
    assert all(message == text for message, text in texts("en").items())


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_no_sentence_was_left_in_english(language: str) -> None:
    same = [message for message, text in texts(language).items() if message == text]
    # Single words may be the same.
    assert all(" " not in message for message in same)


def test_french_keeps_its_spaces_before_colons_on_one_line() -> None:
    assert not [text for text in texts("fr").values() if re.search(r"[ \w}]:", text.replace("\u00a0:", ""))]
