from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from config.operation import Tls
from config.sensitive import Sensitive
from devices.broker_address import BrokerAddress, Credentials, tls_context
from models.domain.errors import BrokerError


def test_a_password_is_in_no_text_made_of_its_credentials() -> None:
    credentials = Credentials(username="hub", password=Sensitive("canary-secret"))
    assert "canary-secret" not in f"{credentials} {credentials!r} {credentials.password}"
    assert credentials.password is not None
    assert credentials.password.reveal() == "canary-secret"


def test_tls_checks_the_brokers_name_and_takes_nothing_older_than_1_2() -> None:
    context = tls_context(Tls())
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["ca_file", "certificate_file"])
def test_tls_files_that_are_missing_or_no_certificates_are_an_error_in_words(tmp_path: Path, name: str) -> None:
    wrong = tmp_path / "wrong.pem"
    for text in (None, "not a certificate"):
        if text is not None:
            wrong.write_text(text)
        tls = Tls.model_validate({name: wrong, "key_file": wrong})
        with pytest.raises(BrokerError, match="TLS files cannot be used"):
            tls_context(tls)


def test_an_address_speaks_the_best_protocol_by_default() -> None:
    assert BrokerAddress(host="broker", port=1883).protocol == "auto"
