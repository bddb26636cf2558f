"""`python -m notifications.standin`: a provider of text messages on this machine, for the demo and for trying out."""

import argparse
import asyncio
import logging
import signal
from datetime import UTC, datetime

import structlog

from notifications.standin.app import create
from notifications.standin.provider import Provider
from notifications.standin.server import serve


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m notifications.standin", description=__doc__)
    asked.add_argument("--host", default="127.0.0.1")
    asked.add_argument("--port", type=int, required=True)
    asked.add_argument("--account-sid", required=True, help="what the product gives as TWILIO_ACCOUNT_SID")
    asked.add_argument("--auth-token", required=True, help="what the product gives as TWILIO_AUTH_TOKEN")
    asked.add_argument("--sender", required=True, help="our number, like +12125550300")
    asked.add_argument("--messaging-service", help="MG…: our number is in it, and every webhook says so")
    asked.add_argument("--webhook-base", required=True, help="where the product answers, like http://127.0.0.1:8000")
    asked.add_argument("--pace", type=float, default=0.4, help="seconds between queued, sent and delivered")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    asyncio.run(_run(asked.parse_args()))


async def _run(given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    provider = Provider(
        given.account_sid, given.auth_token, given.sender, lambda: datetime.now(UTC), given.messaging_service
    )
    await serve(create(provider, given.webhook_base, pace_seconds=given.pace), given.host, given.port, stop)


if __name__ == "__main__":
    main()
