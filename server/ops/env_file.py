"""A file of settings: NAME=value lines, as systemd, docker and a shell read them."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from server.errors import BadSetting


def parse(text: str, path: Path) -> dict[str, str]:
    """The settings in it; quotes around a value are dropped."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not name.strip().replace("_", "").isalnum():
            raise BadSetting(f"Line {number} of {path} is not of the form NAME=value.")
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[name.strip()] = value[1:-1] if quoted else value
    return found


def render(settings: Mapping[str, str]) -> str:
    """What `parse` reads back."""
    return "".join(f"{name}={quote_value(value)}\n" for name, value in settings.items())


def quote_value(value: str) -> str:
    """URLs and keys need no quotes; anything else gets them."""
    return value if quote(value, safe="/:@?&=%+.,_-~*!") == value else f"'{value}'"
