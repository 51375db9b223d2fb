"""Passwords and tokens: from a file or an environment variable, never from the site file."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from config.errors import SiteFileError

_MAX_BYTES = 64 * 1024


def read_secret(key: str, file: Path | None, variable: str | None, environment: Mapping[str, str]) -> str | None:
    """The secret itself, or ``None`` where the site names neither file nor variable.

    Args:
        key: key path of the secret, for errors, such as ``broker.password``.
        file: file that holds it; white space at both ends does not count.
        variable: environment variable that holds it.
        environment: usually ``os.environ``.

    Raises:
        SiteFileError: the file cannot be read, or the variable is not set, or either is empty.
    """
    if file is not None:
        secret = _read_file(key, file)
    elif variable is not None:
        secret = environment.get(variable, "").strip()
    else:
        return None
    if not secret:
        source = f"{key}_file" if file is not None else f"{key}_env: the environment variable {variable}"
        raise SiteFileError(f"{source}: found nothing; accepted: a secret that is not empty")
    return secret


def is_open_to_others(file: Path) -> bool:
    """Whether others than the file's owner and group may read it."""
    return bool(file.stat().st_mode & stat.S_IROTH)


def _read_file(key: str, file: Path) -> str:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SiteFileError(f"{key}_file: {file} is larger than {_MAX_BYTES} bytes and no secret")
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SiteFileError(f"{key}_file: {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SiteFileError(f"{key}_file: {file} is not UTF-8 text") from error
