"""The site file's JSON Schema: for editors, and for saying what is accepted at a place.

``python -m config.json_schema`` writes ``config/site.schema.json``. An editor with a YAML language server takes it
from the first line of a site file::

    # yaml-language-server: $schema=../site.schema.json
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from config.schema import Site

SCHEMA_FILE = Path(__file__).with_name("site.schema.json")


class _SiteSchema(GenerateJsonSchema):
    # A sensitive default cannot be written into a schema, which is what we want of it.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012


@lru_cache(maxsize=1)
def site_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a site file."""
    schema = Site.model_json_schema(schema_generator=_SiteSchema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "CommonWatt site",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def schema_text() -> str:
    """The schema as the committed file holds it."""
    return json.dumps(site_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
