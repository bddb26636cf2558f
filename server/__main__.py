"""`careloop` and `python -m server`: run the command, and say what went wrong in one line."""

import os
import sys
from typing import NoReturn

import rich_click as click
from click.exceptions import NoArgsIsHelpError

from server.errors import BadSetting, CareloopError, Unavailable

OK, FAILED, USAGE, AWAY, SETTING, INTERRUPTED = 0, 1, 2, 69, 78, 130


def main() -> NoReturn:
    """Never a traceback: expected trouble is one line, the unexpected one line and an incident in the log."""
    try:
        code = _run()
    except BrokenPipeError:  # whoever read us has gone; nothing more to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)


def _run() -> int:
    try:
        from server.cli import cli

        cli.main(prog_name="careloop", standalone_mode=False)
    except click.Abort:
        return _aborted()
    except click.ClickException as error:
        return _misused(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else OK
    except CareloopError as error:
        return _say(error.says, _code(error))
    except Exception as error:
        if isinstance(error, BrokenPipeError):
            raise
        return _say(*_incident(error))
    return OK


def _aborted() -> int:
    if not sys.stdin.isatty():  # no Ctrl-C, but a question that nobody answered, or answered with no
        _say("Nothing was done: a question was not answered with yes. Options answer questions too.", FAILED)
    return INTERRUPTED


def _misused(error: click.ClickException) -> int:
    if isinstance(error, NoArgsIsHelpError):
        click.echo(error.ctx.get_help())
        return USAGE
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "careloop"
        return _say(f"{error.format_message()} (see: {where} --help)", USAGE)
    return _say(error.format_message(), FAILED)


def _code(error: CareloopError) -> int:
    if isinstance(error, BadSetting):
        return SETTING
    return AWAY if isinstance(error, Unavailable) else FAILED


def _say(text: str, code: int) -> int:
    """One line, whatever the text looks like."""
    print(f"careloop: {' '.join(text.split())}", file=sys.stderr)  # noqa: T201 - this is the command's voice
    return code


def _incident(error: Exception) -> tuple[str, int]:
    import structlog

    from server.db.ids import uuid7
    from server.db.pool import AWAY as LOST
    from server.ops import logs

    if isinstance(error, LOST):
        return "PostgreSQL or the network went away. Try again.", AWAY
    incident = uuid7().hex[-12:]
    logs.configure(as_json=bool(os.environ.get("CARELOOP_LOG_JSON", "") in {"1", "true", "yes"}))
    structlog.get_logger().error("unexpected", incident=incident, exc_info=error)
    return f"Something went wrong that should not (incident {incident}). The line above says where.", FAILED


if __name__ == "__main__":
    main()
