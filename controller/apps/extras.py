"""Libraries that come with an extra of the distribution: what is said where they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

EXIT_FAILED = 1


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Names the extra that brings a missing library."""
    try:
        yield
    except ModuleNotFoundError as error:
        typer.secho(
            f"commonwatt: {error.name} is not installed; this command needs the extra {name}: "
            f"pip install 'commonwatt[{name}]'",
            err=True,
            fg=typer.colors.RED,
        )
        raise typer.Exit(EXIT_FAILED) from error
