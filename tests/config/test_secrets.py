from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import SiteFileError
from config.secrets import is_open_to_others, read_secret


def test_without_file_or_variable_there_is_no_secret() -> None:
    assert read_secret("broker.password", None, None, {"PASSWORD": "hunter2"}) is None


def test_a_secret_comes_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    assert read_secret("broker.password", tmp_path / "secret", None, {}) == "hunter2"


def test_a_secret_comes_from_its_variable() -> None:
    assert read_secret("influxdb.token", None, "TOKEN", {"TOKEN": "abc"}) == "abc"


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}, {"TOKEN": "  "}])
def test_a_variable_that_is_not_set_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(SiteFileError, match=r"influxdb.token_env: the environment variable TOKEN: found nothing"):
        read_secret("influxdb.token", None, "TOKEN", environment)


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SiteFileError, match=r"broker.password_file: .*none cannot be read: No such file"):
        read_secret("broker.password", tmp_path / "none", None, {})
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    with pytest.raises(SiteFileError, match="found nothing"):
        read_secret("broker.password", tmp_path / "empty", None, {})


def test_a_file_that_holds_no_secret_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfehunter2")
    with pytest.raises(SiteFileError, match="not UTF-8 text") as raised:
        read_secret("broker.password", tmp_path / "binary", None, {})
    assert "hunter2" not in str(raised.value)
    (tmp_path / "large").write_bytes(b"a" * 100_000)
    with pytest.raises(SiteFileError, match="larger than 65536 bytes"):
        read_secret("broker.password", tmp_path / "large", None, {})


def test_a_file_is_open_to_others_by_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    assert not is_open_to_others(file)
    file.chmod(0o604)
    assert is_open_to_others(file)
