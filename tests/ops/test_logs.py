"""Health data cannot be logged: not by key, not in a library's sentence, not by an exception's message."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
import structlog

from server.ops import logs

Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged() -> Iterator[Logged]:
    root, stream = logging.getLogger(), io.StringIO()
    before = (root.handlers[:], root.level, structlog.get_config())
    logs.configure(as_json=True, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], level, config = before
    root.setLevel(level)
    structlog.configure(**config)


@pytest.mark.parametrize("key", ["payload", "body", "phone", "name", "systolic_mmhg", "password", "note", "to_number"])
def test_a_forbidden_key_loses_its_value_at_any_depth(logged: Logged, key: str) -> None:
    structlog.get_logger().info(
        "stored", **{key: "secret thing"}, inner={"deep": [{key: "secret thing"}]}, patient="id-1"
    )
    (line,) = logged()
    assert "secret thing" not in json.dumps(line)
    assert line["patient"] == "id-1"


def test_a_librarys_sentence_loses_numbers_and_passwords(logged: Logged) -> None:
    logging.getLogger("some.library").warning("text to %s by %s", "+12125550123", "postgresql://u:hunter2@h/db")
    (line,) = logged()
    assert line["event"] == "text to (number) by postgresql://(left out)@h/db"


def test_the_providers_client_does_not_write_its_requests(logged: Logged) -> None:
    logging.getLogger("twilio.http_client").info("Body=%s", "anything")
    assert logged() == []


def test_of_an_exception_only_kind_and_place_are_kept(logged: Logged) -> None:
    try:
        try:
            raise ValueError("Pat Doe has 192/124")
        except ValueError as error:
            raise RuntimeError("Pat Doe again") from error
    except RuntimeError:
        structlog.get_logger().exception("unexpected", incident="abc")
    (line,) = logged()
    assert "Pat Doe" not in json.dumps(line)
    assert line["error"] == "RuntimeError from ValueError"
    assert "test_logs.py" in line["at"]
    assert line["incident"] == "abc"


def test_of_a_database_error_code_and_constraint_are_kept(logged: Logged) -> None:
    error = asyncpg.UniqueViolationError("Key (phone)=(+12125550123) already exists.")
    error.sqlstate, error.constraint_name = "23505", "patient_key"
    structlog.get_logger().error("refused", exc_info=error)
    (line,) = logged()
    assert line["error"] == "UniqueViolationError [23505 patient_key]"
    assert "2125550123" not in json.dumps(line)
