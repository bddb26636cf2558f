"""A table (CSV) that another system wrote: every line or none, and everything that is wrong is named at once."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import TypeVar

from server.errors import Invalid

Line = TypeVar("Line")
NAMED = 10


def read(
    text: str, columns: Sequence[str], needed: int, line: Callable[[int, dict[str, str]], Line], most: int
) -> list[Line]:
    """Each row as `line` makes it of its number and its columns; the first `needed` columns must be there.

    `line` raises `ValueError` with what is wrong; `Invalid` then names all of it, by line.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if missing := [name for name in columns[:needed] if name not in (rows.fieldnames or ())]:
        raise Invalid(f"The first line must name the columns: {', '.join(columns)}. Missing: {', '.join(missing)}.")
    lines, wrong = [], list[str]()
    for number, row in enumerate(rows, 2):
        try:
            lines.append(line(number, {name: (row.get(name) or "").strip() for name in columns}))
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
    if len(lines) > most:
        wrong.append(f"more than {most:,} lines: split the file")
    refuse(wrong)
    return lines


def refuse(wrong: Sequence[str]) -> None:
    """`Invalid` when anything is wrong: then nothing is taken in."""
    if wrong:
        more = f" … and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise Invalid(f"Nothing was taken in. {'; '.join(wrong[:NAMED])}{more}.")
