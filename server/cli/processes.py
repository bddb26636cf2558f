"""The commands that run: each process reads its settings, logs, and ends well on SIGTERM or Ctrl-C."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from server.cli.connect import load
from server.errors import BadSetting, Unavailable
from server.ops.broker import require_broker
from server.settings import Role, Settings

Entry = Callable[[Settings, asyncio.Event], Awaitable[object]]


@click.command()
@click.option("--replace-logins", is_flag=True, help="Take over the logins of another installation on this server.")
def migrate(replace_logins: bool) -> None:
    """Bring the database to the shape this version needs; safe to run again."""
    from server.db import migrate as migrations

    settings = load()
    now = datetime.now(UTC)
    applied = asyncio.run(
        migrations.migrate(
            settings.database_url, settings.secret_key, now, say=click.echo, replace_logins=replace_logins
        )
    )
    click.echo("The database is up to date." if not applied else f"Applied {len(applied)}. Done.")


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of CARELOOP_PORT.")
@click.option("--host", help="Instead of CARELOOP_HOST.")
def web(port: int | None, host: str | None) -> None:
    """Serve pages, the JSON interface, webhooks and live events."""
    from server.app import serve

    settings = _with(load(), port=port, host=host)
    require_free_port(settings.host, settings.port)
    asyncio.run(require_database(settings, "web"))
    _run(serve, settings)


@click.command()
def bridge() -> None:
    """Take readings from the broker, judge them, queue pages, answer with receipts."""
    from server.bridge import run

    settings = load()
    asyncio.run(require_database(settings, "bridge"))
    asyncio.run(require_broker(settings.mqtt_url))
    _run(run, settings)


@click.command()
def worker() -> None:
    """Plan reminders, send what is queued, evaluate gaps, seal the audit."""
    from server.worker import run

    settings = load()
    asyncio.run(require_database(settings, "worker"))
    _run(run, settings)


@click.command()
def auditor() -> None:
    """Check that nothing fell through, and send a test reading down the whole path every minute."""
    from server.auditor import run

    settings = load()
    asyncio.run(require_database(settings, "auditor"))
    _run(run, settings)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of CARELOOP_PORT.")
def up(port: int | None) -> None:
    """Run web, bridge, worker and auditor; a process that dies is started again."""
    settings = _with(load(), port=port, host=None)
    require_free_port(settings.host, settings.port)
    sys.exit(run_until_told(_up(settings)))


async def _up(settings: Settings, stop: asyncio.Event | None = None) -> int:
    from server.ops import supervise

    await require_migrated(settings)
    await require_broker(settings.mqtt_url)
    children = [ours("web", "--port", str(settings.port)), ours("bridge"), ours("worker"), ours("auditor")]
    return await supervise.run(children, stop or stop_on_signals())


def ours(name: str, *arguments: str) -> Any:
    """One of our processes, to be supervised."""
    from server.ops.supervise import Child

    return Child(name=name, argv=(sys.executable, "-m", "server", name, *arguments))


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written once all is serving; JSON, for scripts.")
@click.option("--no-simulate", is_flag=True, help="Without simulated homes: only your own readings arrive.")
@click.option("--port", type=click.IntRange(1, 65535), help="For the web; else 8000 or the next free one.")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), default=Path(".careloop"), show_default=True,
    help="Where the demo keeps its database; delete it to begin again.",
)  # fmt: skip
def demo(ready_file: Path | None, no_simulate: bool, port: int | None, data: Path) -> None:
    """Show a living clinic: database, broker, text messages and homes, all on this machine.

    Everything is invented, nothing leaves this machine, and Ctrl-C ends it all.
    """
    from server.ops import demo as living

    wishes = living.Wishes(ready_file=ready_file, simulate=not no_simulate, port=port, data=data)
    sys.exit(run_until_told(living.run(wishes)))


def _with(settings: Settings, *, port: int | None, host: str | None) -> Settings:
    return msgspec.structs.replace(settings, port=port or settings.port, host=host or settings.host)


def require_free_port(host: str, port: int) -> None:
    from server.ops.embedded.ports import port_is_free

    if not port_is_free(port, host):
        raise Unavailable(
            f"Port {port} on {host} is in use or may not be opened. Choose another one: --port, or CARELOOP_PORT."
        )


async def require_migrated(settings: Settings) -> None:
    from server.db.migrate import pending

    missing = await pending(settings.database_url)
    if missing:
        raise BadSetting(f"The database lacks {len(missing)} migration(s). Run: careloop migrate")


async def require_database(settings: Settings, role: Role) -> None:
    """Asked once at the start, so that a wrong address is told at once; later absences are survived."""
    from server.db import pool

    database = await pool.connect(settings.url_for(role), name="start", size=1)
    await database.close()


def _run(entry: Entry, settings: Settings) -> None:
    from server.ops import logs

    logs.configure(as_json=settings.log_json)

    async def work() -> int:
        await entry(settings, stop_on_signals())
        return 0

    sys.exit(run_until_told(work()))


def run_until_told(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop."""
    import uvloop

    return uvloop.run(work)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set; finishing is the business of whoever waits for it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
