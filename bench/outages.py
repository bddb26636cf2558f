"""What breaks for everybody: processes, their way to each other, their rights, their clocks, the services below."""

import signal
from datetime import UTC, datetime
from typing import Any

import asyncpg

from bench.living import Clinic, Living
from bench.needs import send
from bench.sabotages import Break, Mend, Sabotage
from devices import topics
from devices.credentials import DynamicSecurity
from server.db.partitions import month_after
from server.ops.embedded import mosquitto

HOURS = 3600.0


def frozen(*names: str) -> Break:
    """Stopped where they stand, with all their connections: nothing ends, nothing answers."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        for name in names:
            living.processes[name].send(signal.SIGSTOP)

        async def mend() -> None:
            for name in names:
                living.processes[name].send(signal.SIGCONT)

        return mend

    return breaks


def killed(*names: str) -> Break:
    """Killed, and nobody starts them again."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        for name in names:
            await living.processes[name].kill()

        async def mend() -> None:
            for name in names:
                await living.processes[name].start()

        return mend

    return breaks


def cut(door: str, *, deaf: bool = False) -> Break:
    """Nothing comes through between one process and what is behind its door."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        await (living.doors[door].deafen() if deaf else living.doors[door].shut())
        return living.doors[door].open

    return breaks


def clock(role: str, how: str) -> Break:
    """The process's clock stands still, or is off by so many seconds."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        file = living.clocks / role
        file.write_text(how if how != "frozen" else f"frozen {datetime.now(UTC).isoformat()}")

        async def mend() -> None:
            file.unlink()

        return mend

    return breaks


THROWN_OUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"


def shut_out(role: str, how: str, again: str) -> Break:
    """PostgreSQL does not let the process's login in any more."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        await living.owner.execute(f"ALTER ROLE careloop_{role} {how}")
        await living.owner.execute(THROWN_OUT, f"careloop_{role}")

        async def mend() -> None:
            await living.owner.execute(f"ALTER ROLE careloop_{role} {again}")
            await _started(living, role)

        return mend

    return breaks


async def _started(living: Living, role: str) -> None:
    """As whoever watches over it would: it may have ended of what it was not allowed, or be about to."""
    await living.processes[role].kill()
    await living.processes[role].start()


def altered(role: str, broken: str, mended: str) -> Break:
    """The owner takes something from the process in the database, and gives it back."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        await living.owner.execute(broken)

        async def mend() -> None:
            await living.owner.execute(mended)
            await _started(living, role)

        return mend

    return breaks


def blind(role: str, table: str) -> Break:
    """A row policy that lets the process see no row."""
    made = f"CREATE POLICY sabotage ON {table} AS RESTRICTIVE TO careloop_{role} USING (false)"
    return altered(role, made, f"DROP POLICY sabotage ON {table}")


async def locked(living: Living, _: Clinic) -> Mend:
    """Somebody holds the outbox and does not let go."""
    holder: Any = await asyncpg.connect(living.database.url)
    await holder.execute("BEGIN; LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
    return holder.close  # type: ignore[no-any-return]


def month(ahead: int) -> Break:
    """A month of readings is detached."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        first = month_after(datetime.now(UTC).date().replace(day=1), ahead)
        name, last = f"reading_{first:%Y_%m}", month_after(first)
        await living.owner.execute(f"ALTER TABLE reading DETACH PARTITION {name}")
        bounds = f"FROM ('{first} 00:00:00+00') TO ('{last} 00:00:00+00')"
        return lambda: living.owner.execute(f"ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES {bounds}")

    return breaks


def may_not(kind: str, topic: str) -> Break:
    """The broker's rules change: the bridge may not do this any more."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        security = DynamicSecurity(living.broker.url_admin)
        what = {"rolename": mosquitto.BRIDGE, "acltype": kind, "topic": topic}
        await security._tell({"command": "removeRoleACL", **what})
        return lambda: security._tell({"command": "addRoleACL", **what, "allow": True, "priority": 0})

    return breaks


def provider(mishap: str = "", *, token: str = "the-token", pace: float = 0.05, crisis: bool = True) -> Break:
    """The provider changes; then a crisis comes, whose page does not arrive."""

    async def breaks(living: Living, clinic: Clinic) -> Mend:
        process = living.processes["provider"]
        if mishap:
            await living.ask_for_mishaps(mishap)
        else:
            await process.kill()
            await process.start(*living.provider(token=token, pace=pace))
        if crisis:
            await send(living, clinic, 192, 124)

        async def mend() -> None:
            await process.kill()
            await process.start()

        return mend

    return breaks


async def full_disk(living: Living, _: Clinic) -> Mend:
    """The audit's head is on a disk without room: the kernel's own, which is always full."""
    aside = living.head.with_suffix(".aside")
    if living.head.exists():
        living.head.rename(aside)
    living.head.symlink_to("/dev/full")

    async def mend() -> None:
        living.head.unlink()
        if aside.exists():
            aside.rename(living.head)

    return mend


async def no_folder(living: Living, _: Clinic) -> Mend:
    """The audit head's folder is gone, and a file is in its place."""
    folder = living.head.parent
    folder.rename(aside := folder.with_name("heads aside"))
    folder.touch()

    async def mend() -> None:
        folder.unlink()
        aside.rename(folder)

    return mend


def service(name: str) -> Break:
    """The broker or the database stands still, with all its processes."""

    async def breaks(living: Living, _: Clinic) -> Mend:
        living.freeze(name, signal.SIGSTOP)

        async def mend() -> None:
            living.freeze(name, signal.SIGCONT)

        return mend

    return breaks


async def broker_gone(living: Living, _: Clinic) -> Mend:
    """The broker has ended."""
    await living.broker.stop()

    async def mend() -> None:
        living.broker = await mosquitto.start(living.folder / "broker")

    return mend


def _all(kind: str, name: str, breaks: Break, by: str = "", *, lasts: bool = False) -> Sabotage:
    return Sabotage(kind=kind, name=name, breaks=breaks, everybody=True, by=by, lasts=lasts)


NO_LOGIN, ONE_MORE = ("NOLOGIN", "LOGIN"), ("CONNECTION LIMIT 0", "CONNECTION LIMIT -1")

FOR_EVERYBODY = (
    # Without the worker only the auditor can page: a page by itself must reach a telephone.
    _all("wedged", "worker", frozen("worker"), by="page"),
    _all("killed", "worker", killed("worker"), by="page"),
    *(_all("wedged", name, frozen(name)) for name in ("bridge", "auditor", "web")),
    *(_all("killed", name, killed(name)) for name in ("bridge", "auditor", "web")),
    _all("killed", "worker and auditor", killed("worker", "auditor")),
    _all("killed", "worker and bridge", killed("worker", "bridge")),
    _all("machine down", "all processes", killed("web", "bridge", "worker", "auditor")),
    *(_all("cut off from the database", name, cut(name)) for name in ("worker", "bridge", "auditor", "web")),
    _all("cut off from the broker", "nothing gets through", cut("broker")),
    _all("cut off from the broker", "nobody answers", cut("broker", deaf=True)),
    *(_all("clock frozen", name, clock(name, "frozen")) for name in ("worker", "bridge", "auditor")),
    _all("clock wrong", "worker an hour behind", clock("worker", str(-HOURS))),
    _all("clock wrong", "bridge an hour ahead", clock("bridge", str(HOURS))),
    _all("login refused", "worker", shut_out("worker", *NO_LOGIN)),
    _all("login refused", "auditor", shut_out("auditor", *NO_LOGIN)),
    _all("no connections left", "worker", shut_out("worker", *ONE_MORE)),
    _all("no connections left", "bridge", shut_out("bridge", *ONE_MORE)),
    _all("row policy", "the worker sees no message", blind("worker", "message")),
    _all("row policy", "the bridge sees no rule", blind("bridge", "rule_limit"), lasts=True),
    _all("right revoked", "the worker may not escalate", altered(
        "worker", "REVOKE UPDATE ON escalation FROM careloop_worker", "GRANT UPDATE ON escalation TO careloop_worker")),
    _all("right revoked", "the bridge may not store", altered(
        "bridge", "REVOKE INSERT ON reading FROM careloop_bridge", "GRANT INSERT ON reading TO careloop_bridge")),
    _all("table locked", "the outbox", locked),
    _all("partition missing", "this month", month(0)),
    _all("partition missing", "next month", month(1)),
    _all("broker's rules", "the bridge may not hear", may_not("publishClientReceive", topics.READINGS)),
    _all("broker's rules", "the bridge may not answer", may_not("publishClientSend", topics.topic("+", "receipts"))),
    _all("broker stopped", "frozen", service("broker")),
    _all("broker stopped", "ended", broker_gone),
    _all("database stopped", "frozen", service("database")),
    _all("provider", "refuses connections", cut("provider")),
    _all("provider", "takes calls and says nothing", cut("provider", deaf=True)),
    _all("provider", "refuses our login", provider(token="another-token", crisis=False)),
    _all("provider", "answers with errors", provider("error")),
    _all("provider", "takes texts and delivers none", provider(pace=HOURS)),
    _all("provider", "reports every text as undelivered", provider("undelivered")),
    _all("audit head cannot be written", "disk full", full_disk),
    _all("audit head cannot be written", "folder gone", no_folder),
)  # fmt: skip
