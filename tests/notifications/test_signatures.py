"""Signatures from Twilio's own libraries, and forgeries."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from notifications.signatures import genuine

VECTORS = (
    Path(__file__).parents[3] / "shared/fixtures/twilio/signature_vectors.json"
)  # beside the repository, where there is one
FORM = "application/x-www-form-urlencoded"
URL = "https://careloop.example.org/hooks/twilio/inbound"
KNOWN: list[dict[str, Any]] = json.loads(VECTORS.read_text()) if VECTORS.exists() else []


def signed(url: str, params: dict[str, str]) -> str:
    return str(RequestValidator("token").compute_signature(url, params))


@pytest.mark.skipif(not KNOWN, reason="the shared Twilio fixtures are not on this machine")
@pytest.mark.parametrize("vector", KNOWN, ids=[vector["id"] for vector in KNOWN])
def test_a_vector_of_twilios_own_libraries_is_judged_as_they_judge_it(vector: dict[str, Any]) -> None:
    if vector["json_body"] is not None:
        kind, body = "application/json", vector["json_body"]
    else:
        kind, body = FORM, urlencode(vector["params"], doseq=True)
    valid = genuine(vector["auth_token"], vector["url"], vector["x_twilio_signature"], kind, body.encode())
    assert valid is vector["expect_valid"]


def test_a_changed_field_a_missing_field_and_another_token_are_forgeries() -> None:
    form = {"From": "+12125550201", "Body": "STOP", "MediaUrl0": ""}
    signature = signed(URL, form)
    assert genuine("token", URL, signature, FORM, urlencode(form).encode())
    assert not genuine("token", URL, signature, FORM, urlencode(form | {"Body": "START"}).encode())
    assert not genuine(
        "token", URL, signature, FORM, urlencode({"From": "+12125550201", "Body": "STOP", "X": "1"}).encode()
    )
    assert not genuine("other", URL, signature, FORM, urlencode(form).encode())
    assert not genuine("token", URL + "?a=1", signature, FORM, urlencode(form).encode())


@pytest.mark.parametrize("signature", [None, "", "AAAA", "é"])
def test_no_signature_or_nonsense_is_a_forgery(signature: str | None) -> None:
    assert not genuine("token", URL, signature, FORM, b"Body=STOP")


def test_a_json_body_without_its_hash_is_refused_even_when_the_address_is_signed() -> None:
    assert not genuine("token", URL, signed(URL, {}), "application/json", b'{"Body": "STOP"}')


def test_a_json_body_with_its_hash_is_believed() -> None:
    body = b'{"Body": "STOP"}'
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert genuine("token", url, signed(url, {}), "application/json", body)
    assert not genuine("token", url, signed(url, {}), "application/json", b'{"Body": "START"}')


def test_bytes_that_are_no_text_are_refused() -> None:
    assert not genuine("token", URL, signed(URL, {}), FORM, b"\xff\xfe")
