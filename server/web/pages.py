"""Pages: one Jinja environment, and the one way a handler renders."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template

from server.security.sessions import Person
from server.web import facts, shown

FOLDER: Final = Path(__file__).parent
TEMPLATES: Final = FOLDER / "templates"
STATIC: Final = FOLDER / "static"
FILTERS: Final = (
    "number", "plain", "vital", "unit", "moment", "ago", "crossed_value", "crossed_limit", "value", "span", "dates",
    "worst_value", "heights",
)  # fmt: skip


def page(name: str, person: Person | None, *, status: int = 200, **context: Any) -> Template:
    """Render a template; every template knows `person` and `now`."""
    return Template(
        name,
        context={"person": person, "now": datetime.now(UTC), **context},
        status_code=status,
        media_type="text/html",
    )


def engine() -> JinjaTemplateEngine:
    """Escapes everything, and a name that a handler forgot is an error, not an empty place."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in FILTERS:
        environment.filters[name] = getattr(shown, name)
    environment.filters |= {made.__name__: made for made in facts.FILTERS}
    environment.globals |= facts.GLOBALS
    environment.globals["asset"] = _addresses(STATIC)
    environment.globals["state_says"] = shown.STATES.__getitem__
    for name in ("SHAPES", "SIDES", "OUTCOMES", "LANGUAGES", "SOURCES", "MEASURES", "PAGES_WHOM", "ARRIVED"):
        environment.globals[name.lower()] = getattr(shown, name)
    return JinjaTemplateEngine.from_environment(environment)


def _addresses(folder: Path) -> Any:
    """File name → address that changes with its content, so browsers may keep a file for ever."""
    made = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in folder.rglob("*")
        if path.is_file()
    }
    return lambda name: f"/static/{name}?v={made[name]}" if name in made else f"/static/{name}"
