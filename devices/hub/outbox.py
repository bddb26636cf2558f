"""What a hub has promised to deliver: on disk before it says "accepted", gone only after the server's receipt.

A number's bytes never change once they are given: the server takes the same number with other bytes for another
reading. So the number, and whether the entry is backlog, are decided and written when it is accepted.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

LONGEST = 8_192  # bytes of one reading (a blood pressure is 150): a hundred fit into one message of a megabyte
REMEMBERED = 10_000  # ids of what was accepted last, so that a caller who heard no answer may give it again
OWN = ("seq", "epoch", "backlog", "id")  # the hub's own words; a reading that came with them loses them

SCHEMA = """
    CREATE TABLE IF NOT EXISTS numbering (epoch INTEGER NOT NULL, last INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS waiting (
        seq INTEGER PRIMARY KEY, backlog INTEGER NOT NULL, gatt INTEGER NOT NULL, body BLOB NOT NULL,
        hash BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS waiting_in_turn ON waiting (backlog, seq);
    CREATE TABLE IF NOT EXISTS given (id TEXT PRIMARY KEY, seq INTEGER NOT NULL);
"""

Fields = dict[str, msgspec.Raw]
_fields = msgspec.json.Decoder(Fields)


class NotAReading(Exception):
    """What was given is no JSON object that could be a reading; `says` is for whoever gave it."""

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says


class Damaged(Exception):
    """The store's file is no store any more: an SD card at its end."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One reading as it was given to the hub: its fields as they were written, and its giver's id for it."""

    fields: Fields
    id: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One reading with its number: `body` is what is sent, each time the same."""

    seq: int
    backlog: bool
    body: bytes
    hash: bytes
    gatt: bool = False  # a Bluetooth notification's bytes, not our own JSON


def parse(line: bytes) -> Given:
    """One reading from JSON. Digits stay as they were written: 36.60 is not made 36.6."""
    if len(line) > LONGEST:
        raise NotAReading(f"longer than {LONGEST} bytes")
    try:
        fields = _fields.decode(line)
    except (msgspec.DecodeError, RecursionError):
        raise NotAReading("not a JSON object") from None
    if "kind" not in fields and "characteristic" not in fields:
        raise NotAReading("no kind")
    own_id = fields.get("id")
    try:
        given_id = None if own_id is None else msgspec.json.decode(own_id, type=str)
    except msgspec.DecodeError:
        raise NotAReading("id is not text") from None
    return Given(fields={k: msgspec.Raw(bytes(v)) for k, v in fields.items() if k not in OWN}, id=given_id)


class Outbox:
    """The store in one folder, for one process. Every method may be called from any thread."""

    def __init__(self, folder: Path, epoch_now: int) -> None:
        """`epoch_now` is used if the store is new: see `new_epoch`. A damaged store is set aside, never deleted."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self.set_aside: Path | None = None
        path = folder / "outbox.sqlite3"
        try:
            self._db = _open(path)
        except Damaged:
            self.set_aside = _set_aside(path)
            self._db = _open(path)
        self.epoch, self._last = self._numbering(folder / "epoch", epoch_now)

    def _numbering(self, beside: Path, epoch_now: int) -> tuple[int, int]:
        """The epoch and the last number given. A copy of the epoch beside the store outlives the store."""
        row = self._db.execute("SELECT epoch, last FROM numbering").fetchone()
        if row is not None:
            return int(row[0]), int(row[1])
        epoch = max(epoch_now, _read_epoch(beside) + 1)
        _write_durably(beside, str(epoch))  # first: an epoch that was never used costs nothing
        with self._db:
            self._db.execute("INSERT INTO numbering (epoch, last) VALUES (?, 0)", (epoch,))
        return epoch, 0

    def accept(self, readings: Sequence[Given], *, backlog: bool) -> list[int]:
        """Their numbers, once they are on disk; one that was given before under the same id keeps its first."""
        with self._lock:
            numbers, fresh, last = [], [], self._last
            known = self._known([g.id for g in readings if g.id is not None])
            for given in readings:
                seq = known.get(given.id) if given.id is not None else None
                if seq is None:
                    seq = last = last + 1
                    fresh.append(self._entry(seq, given, backlog=backlog))
                    if given.id is not None:
                        known[given.id] = seq
                numbers.append(seq)
            if fresh:
                self._write(fresh, known, last)
            return numbers

    def _write(self, fresh: Sequence[Entry], known: dict[str, int], last: int) -> None:
        rows = [(e.seq, e.backlog, e.gatt, e.body, e.hash) for e in fresh]
        with self._db:  # commits and reaches the disk, or changes nothing
            self._db.executemany("INSERT INTO waiting VALUES (?, ?, ?, ?, ?)", rows)
            self._db.execute("UPDATE numbering SET last = ?", (last,))
            self._db.executemany("INSERT OR IGNORE INTO given (id, seq) VALUES (?, ?)", known.items())
            self._db.execute("DELETE FROM given WHERE seq <= ?", (last - REMEMBERED,))
        self._last = last

    def _known(self, ids: Iterable[str]) -> dict[str, int]:
        found = {}
        for one in ids:
            row = self._db.execute("SELECT seq FROM given WHERE id = ?", (one,)).fetchone()
            if row is not None:
                found[one] = int(row[0])
        return found

    def _entry(self, seq: int, given: Given, *, backlog: bool) -> Entry:
        said = {"seq": seq, "epoch": self.epoch, **({"backlog": True} if backlog else {}), **given.fields}
        body = msgspec.json.encode(said)
        digest = hashlib.sha256(body).digest()
        return Entry(seq=seq, backlog=backlog, body=body, hash=digest, gatt="characteristic" in given.fields)

    def next(self, most: int, *, backlog: bool, flying: frozenset[int] = frozenset()) -> list[Entry]:
        """Live or backlog entries in the order of their numbers, without those on their way."""
        with self._lock:
            rows = self._db.execute(
                "SELECT seq, backlog, body, hash, gatt FROM waiting WHERE backlog = ? ORDER BY seq LIMIT ?",
                (backlog, most + len(flying)),
            ).fetchall()
        found = [Entry(seq=r[0], backlog=bool(r[1]), body=r[2], hash=r[3], gatt=bool(r[4])) for r in rows]
        return [entry for entry in found if entry.seq not in flying][:most]

    def forget(self, numbers: Iterable[int], through: int = 0) -> None:
        """The server has these, and everything up to `through`."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM waiting WHERE seq <= ?", (through,))
            self._db.executemany("DELETE FROM waiting WHERE seq = ?", [(seq,) for seq in numbers])

    def waiting(self) -> int:
        """How many have no receipt yet."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            self._db.close()


def new_epoch(seconds: int) -> int:
    """For a store that begins now: grows with the clock, and differs even if the clock was never set.

    20 random bits follow the seconds; the whole stays below 2^53, which every JSON reader keeps exactly.
    """
    return (max(seconds, 0) << 20) + secrets.randbits(20)


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=2, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second hub on this folder would give numbers twice
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(SCHEMA)
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise Damaged
    except sqlite3.DatabaseError as error:
        db.close()
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise Damaged from None
        raise
    except Damaged:
        db.close()
        raise
    return db


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"damaged-{secrets.token_hex(4)}.sqlite3")
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        other = path.with_name(path.name + ending)
        if other.exists():
            other.rename(aside.with_name(aside.name + ending))
    return aside


def _read_epoch(beside: Path) -> int:
    try:
        return int(beside.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _write_durably(path: Path, text: str) -> None:
    scratch = path.with_name(path.name + ".new")
    with scratch.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
