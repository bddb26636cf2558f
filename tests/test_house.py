"""The house's rules that a machine can hold: what ruff, mypy and import-linter see, and what they do not.

Every check is a function of one file's text, and each is first shown an example that it must refuse.
"""

import ast
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("server", "devices", "notifications")
TOP_LEVEL = (*PACKAGES, "tests", "bench", "docs", ".ci")
LONGEST = 300

RUNS_SQL = {"execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "cursor", "prepare"}
SQL_FROM_ELSEWHERE = {  # file -> why the text it runs is no constant
    "server/db/pool.py": "hands on the constants of the domain modules",
    "server/db/migrate.py": "runs the migration files, and role names cannot be parameters",
    "server/db/partitions.py": "table names cannot be parameters",
}

READS_THE_CLOCK = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
}
CLOCK_FROM_ELSEWHERE = {
    "server/security/guards.py": "a guard is where a request begins",
    "server/db/ids.py": "a UUIDv7 begins with the time it was made",
    "notifications/standin/__main__.py": "a provider has a clock of its own",
}
MAY_READ_THE_CLOCK = (
    *(
        "server/flows/",
        "server/bridge.py",
        "server/worker.py",
        "server/auditor.py",
        "server/cli/",
        "server/ops/",
        "server/web/",
    ),
    *("bench/", "tests/"),
)

NO_NOUNS = {"utils", "helpers", "common", "base", "manager", "service"}
# Joined here, so that this file does not name what it forbids.
PYPI, NPM, WORK, HOME = "py" + "pi.org", "npm" + "js.org", "/wo" + "rk", "/ro" + "ot"
OTHERS = ("files.python" + "hosted", "deb." + "debian", "yarn" + "pkg")
HOSTS = "|".join(map(re.escape, (PYPI, NPM, NPM.replace("org", "com"), *OTHERS)))
MACHINE = rf"(?<![\w.)}}~-])(?:{WORK}|{HOME})(?=[/\s\"'`:,)]|$)"
IN_README = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")
MADE_LATER = (".cache", ".careloop", ".venv", "bench/out", "node_modules", "server/web/static/vendor")

Check = Callable[[str], list[str]]


def committed() -> list[Path]:
    """What git has or would take; in an unpacked archive, every file under the top level's folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        paths: Iterable[Path] = (ROOT / name for name in listed.stdout.split("\0") if name)
    else:
        paths = (*ROOT.glob("*"), *(path for top in TOP_LEVEL for path in (ROOT / top).rglob("*")))
    return sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def modules(*tops: str) -> list[Path]:
    return [p for p in committed() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in tops]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def none_of(what: str, files: Iterable[Path], check: Check) -> None:
    """Fail with every offence, as file:line, and say how many files were looked at."""
    looked_at = list(files)
    found = [f"{name_of(path)}: {offence}" for path in looked_at for offence in check(text_of(path))]
    report(what, found, len(looked_at))


def report(what: str, offences: list[str], total: int) -> None:
    says = f"{len({offence.split(':')[0] for offence in offences})} of {total} {what}"
    print(says)
    assert total, f"nothing was looked at: {what}"
    assert not offences, "\n  ".join([says, *offences])


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:  # a picture
        return ""


def dotted(node: ast.AST) -> str:
    """`datetime.datetime.now` of a call's function; an empty string for what has no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
    return ""


def calls(text: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))


def sql_built_from_strings(text: str) -> list[str]:
    """SQL must be a literal, or an UPPERCASE constant that is one."""
    built = set(built_constants(ast.parse(text)))
    found = []
    for call in calls(text):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in RUNS_SQL and call.args):
            continue
        sql = call.args[0]
        literal = isinstance(sql, ast.Constant) and isinstance(sql.value, str)
        constant = dotted(sql).rpartition(".")[2].isupper() and dotted(sql) not in built
        if not (literal or constant):
            found.append(f"{call.lineno}: {ast.unparse(call)[:80]}")
    return found


def built_constants(module: ast.Module) -> Iterator[str]:
    """UPPERCASE names whose value is put together: an f-string, a sum, a call such as `.format`."""
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr | ast.BinOp | ast.Call):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def clock_readings(text: str) -> list[str]:
    """`now` is an argument everywhere but where a story begins."""
    tails = ((call.lineno, ".".join(dotted(call.func).split(".")[-2:])) for call in calls(text))
    return [f"{line}: {tail}()" for line, tail in tails if tail in READS_THE_CLOCK]


def too_long(text: str) -> list[str]:
    lines = text.count("\n")
    return [f"{lines} lines"] if lines > LONGEST else []


def without_docstring(text: str) -> list[str]:
    if not text.strip() or (ast.get_docstring(ast.parse(text)) or "").strip():
        return []
    return ["1: opens without a sentence saying what it is for"]


def places_named(text: str) -> list[str]:
    """Hosts of package registries, and paths of the machine this was written on."""
    lines = enumerate(text.splitlines(), 1)
    return [f"{n}: {hit[0]}" for n, line in lines for hit in re.finditer(f"{HOSTS}|{MACHINE}", line)]


def paths_missing(text: str) -> list[str]:
    """Words in backticks that look like a path of ours, and are none; a module may be named without `.py`."""
    return [word for word in IN_README.findall(text) if ours(word) and not exists(word)]


def ours(word: str) -> bool:
    if word.startswith(MADE_LATER):
        return False
    folder = "/" in word and word.partition("/")[0] in TOP_LEVEL
    return folder or bool(
        re.search(r"\w\.(?:py|md|toml|yaml|lock|png)$|^package(?:-lock)?\.json$|^(?:Make|Docker)file$|^LICENSE$", word)
    )


def exists(word: str) -> bool:
    return (ROOT / word).exists() or (ROOT / f"{word.rstrip('/')}.py").exists()


@pytest.mark.parametrize(
    ("check", "refused"),
    [
        (sql_built_from_strings, "db.fetch(f'SELECT {column} FROM reading')"),
        (sql_built_from_strings, "await db.execute('SELECT ' + columns)"),
        (sql_built_from_strings, "db.fetchval(QUERY.format(table))"),
        (sql_built_from_strings, "connection.executemany(query, rows)"),
        (sql_built_from_strings, "READ = f'SELECT {A}'\ndb.fetchrow(READ, 1)"),
        (sql_built_from_strings, "READ = 'SELECT ' + COLUMNS\ndb.fetchrow(READ, 1)"),
        (clock_readings, "import datetime\nx = datetime.datetime.now(datetime.UTC)"),
        (clock_readings, "datetime.utcnow()"),
        (clock_readings, "import time\nstarted = time.time()"),
        (too_long, "x = 1\n" * (LONGEST + 1)),
        (without_docstring, "import os\n"),
        (without_docstring, '""" """\nimport os\n'),
        (places_named, f"see https://{PYPI}/simple"),
        (places_named, f"resolved: registry.{NPM}/htmx"),
        (places_named, f"cd {WORK}/main && make"),
        (places_named, f"home is `{HOME}`"),
        (paths_missing, "the story is in `server/flows/gone.py`"),
        (paths_missing, "read `GONE.md` first"),
    ],
)
def test_each_check_refuses_what_it_is_for(check: Check, refused: str) -> None:
    assert check(refused)


@pytest.mark.parametrize(
    ("check", "accepted"),
    [
        (
            sql_built_from_strings,
            "READ = 'SELECT 1'\ndb.fetchrow(READ, 1)\ndb.execute(readings.INSERT, rows)",
        ),
        (sql_built_from_strings, "await db.execute('LISTEN alert')\nlater.execute()\nfetch(url)"),
        (clock_readings, "import time\ntime.monotonic()\nnow.date()\nclock.now()"),
        (too_long, "x = 1\n" * LONGEST),
        (without_docstring, '"""The truth it keeps."""\nimport os\n'),
        (without_docstring, ""),
        (places_named, f"GET /worklist, {HOME}s, careloop/v1/x; our server{WORK}/x; ~{HOME}/x"),
        (
            paths_missing,
            "`server/db/pool.py`, `server/db/pool`, `tests/`, `careloop/v1/x/readings`, `.cache/x`, `make`",
        ),
    ],
)
def test_each_check_accepts_what_is_right(check: Check, accepted: str) -> None:
    assert check(accepted) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "ruff", "check"],
        [sys.executable, "-m", "ruff", "format", "--check"],
        [sys.executable, "-m", "mypy", "--strict"],
        [str(Path(sysconfig.get_path("scripts")) / "lint-imports")],
    ],
    ids=["ruff check", "ruff format", "mypy --strict", "lint-imports"],
)
def test_nothing_is_left_for_the_linters_to_say(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    none_of(f"Python files are over {LONGEST} lines", modules(*PACKAGES), too_long)


def test_no_sql_is_built_from_strings() -> None:
    files = [path for path in modules(*PACKAGES) if name_of(path) not in SQL_FROM_ELSEWHERE]
    none_of("Python files run SQL that is no constant", files, sql_built_from_strings)


def test_only_the_beginnings_of_stories_read_the_clock() -> None:
    files = [
        path
        for path in modules(*PACKAGES)
        if not name_of(path).startswith((*MAY_READ_THE_CLOCK, *CLOCK_FROM_ELSEWHERE))
    ]
    none_of("Python files read the clock", files, clock_readings)


def test_every_exception_is_still_needed() -> None:
    exceptions = ((SQL_FROM_ELSEWHERE, sql_built_from_strings), (CLOCK_FROM_ELSEWHERE, clock_readings))
    named = [(name, check) for names, check in exceptions for name in names]
    unneeded = [name for name, check in named if not check(text_of(ROOT / name))]
    report("exceptions are no longer needed", unneeded, len(named))


def test_no_file_is_named_after_nothing() -> None:
    files = committed()
    vague = [name_of(path) for path in files if {path.stem, *path.relative_to(ROOT).parts[:-1]} & NO_NOUNS]
    report("files have a name that says nothing", vague, len(files))


def test_every_module_opens_with_what_it_is_for() -> None:
    none_of("modules open without a docstring", modules(*PACKAGES, "tests", "bench", ".ci"), without_docstring)


def test_no_committed_text_names_a_registry_or_this_machine() -> None:
    none_of("committed files name a registry's host or a path of one machine", committed(), places_named)


def test_every_path_the_readme_names_exists() -> None:
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("README.md is not written yet")
    found, named = paths_missing(text_of(readme)), [*filter(ours, IN_README.findall(text_of(readme)))]
    report("paths in README.md do not exist", found, len(named))


def test_the_tests_run_on_the_very_versions_that_are_shipped() -> None:
    pins = {
        name: set(re.findall(r"^[\w.-]+==\S+", text_of(ROOT / name), re.MULTILINE))
        for name in ("requirements.lock", "tests/requirements.lock")
    }
    missing = sorted(pins["requirements.lock"] - pins["tests/requirements.lock"])
    report("shipped packages are pinned otherwise for tests", missing, len(pins["requirements.lock"]))
