"""What the command says: tables and sentences for a person, one JSON object per line for a script."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """`--json`, the same everywhere."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object per line, for scripts.")(command)


def say(text: str) -> None:
    """A sentence for a person; rich markup."""
    Console(soft_wrap=True, highlight=False).print(text)


def note(text: str) -> None:
    """A sentence beside the result, on standard error so that a script's pipe stays clean."""
    Console(file=sys.stderr, soft_wrap=True, highlight=False).print(escape(text))


def objects(rows: Sequence[Any]) -> None:
    """One JSON object per line: structs by their own field names."""
    for row in rows:
        click.echo(msgspec.json.encode(row))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A table, or one sentence when there is nothing to show."""
    if not rows:
        say(empty)
        return
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:  # piped: never folded to eighty columns
        console.width = 10_000
    console.print(shown)
