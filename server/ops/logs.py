"""Logs say what happened to whom by id, and never a name, a number somebody measured, or words of a message.

Every line passes here: ours (structlog) and the libraries' (logging). Keys that could carry health data or
secrets lose their value, telephone numbers lose their digits, and of an exception only its kind, its place,
and a database's SQLSTATE and constraint are kept: messages of exceptions quote what people typed.
"""

import logging
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import asyncpg
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

LEFT_OUT = "(left out)"
FORBIDDEN = frozenset({
    "payload", "body", "text", "message_body", "note", "words", "reply", "raw", "reading", "values",
    "value", "evidence", "name", "given_name", "family_name", "patient_name", "staff_name", "mrn",
    "birth_date", "address", "email", "login", "phone", "to_number", "from_number", "number", "to",
    "from_", "sender_number", "password", "secret", "token", "cookie", "authorization", "auth_token",
    "secret_key", "field_key", "url", "database_url", "mqtt_url", "systolic", "systolic_mmhg",
    "diastolic", "diastolic_mmhg", "pulse_bpm", "glucose", "glucose_mgdl", "weight", "weight_kg",
    "spo2", "spo2_pct", "temperature_c",
})  # fmt: skip
TELEPHONE = re.compile(r"\+\d{8,15}\b")
CREDENTIALS = re.compile(r"://[^\s/@]+@")

# At INFO the provider's client writes whole requests, telephone number and text included.
QUIET = ("twilio", "apscheduler", "paho", "asyncio", "granian.access", "_granian", "httpx", "httpcore")


def configure(*, as_json: bool, stream: TextIO | None = None) -> None:
    """Route every logger of this process to `stream` (standard error), once, at its start."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(), processors=[_forget_record, *_renderers(as_json, out)]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        place_of_exception,
        without_health_data,
    ]


def _renderers(as_json: bool, out: TextIO) -> Sequence[Processor]:
    if as_json:
        return [structlog.processors.JSONRenderer(sort_keys=True)]
    return [structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0)]


def _forget_record(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event


def without_health_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Empty the forbidden keys, at any depth, and blank telephone numbers and passwords in addresses."""
    return {
        key: value if key in {"timestamp", "level", "_record"} else _clean(key, value) for key, value in event.items()
    }


def _clean(key: str, value: Any) -> Any:
    if key in FORBIDDEN:
        return LEFT_OUT
    if isinstance(value, dict):
        return {str(inner): _clean(str(inner), one) for inner, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", one) for one in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return LEFT_OUT
    if isinstance(value, str):
        return CREDENTIALS.sub("://(left out)@", TELEPHONE.sub("(number)", value))
    return value


def place_of_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Instead of a traceback: the kind of each exception in the chain and where it was raised."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["error"] = " from ".join(_kind(one) for one in _chain(error))
        event["at"] = _place(error)
    return event


def _exception(given: ExcInfo | BaseException | bool | None) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1]
    return sys.exc_info()[1] if given else None


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < 8:
        one = waiting.pop(0)
        if one is None or one in found:
            continue
        found.append(one)
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        waiting.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))
    return found


def _kind(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, asyncpg.PostgresError):
        constraint = getattr(error, "constraint_name", None)
        return f"{name} [{error.sqlstate}{f' {constraint}' if constraint else ''}]"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} [errno {error.errno}]"
    return name


def _place(error: BaseException) -> str:
    """The innermost frames of each exception, innermost first: file, line and function."""
    leaf = _chain(error)[-1] if isinstance(error, BaseExceptionGroup) else error
    frames = traceback.extract_tb(leaf.__traceback__)[-6:]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
