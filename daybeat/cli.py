"""The command line: which commands there are, and how an error leaves the program.

A command's module is imported when that command is called, so that ``daybeat serve gateway`` does not load
the page and ``daybeat doctor`` works where a service would not.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final, NoReturn

import typer

from daybeat.log_output import set_up_logs
from schemas.errors import DaybeatError, InputError

_COMMANDS: Final = {
    "up": "daybeat.up_command:up",
    "demo": "daybeat.demo:demo",
    "replay": "daybeat.replay_command:replay",
    "simulate": "daybeat.simulate_command:simulate",
    "serve": "daybeat.serve_command:serve",
    "migrate": "daybeat.serve_command:migrate",
    "doctor": "daybeat.doctor_command:doctor",
    "token": "daybeat.token_command:token",
    "watch": "daybeat.watch:watch",
    "plan": "daybeat.plan_commands:plan_app",
    "profile": "daybeat.plan_commands:profile_app",
    "rules": "daybeat.rules_command:rules_app",
    "dead-letters": "daybeat.dead_letters:app",
    "hrv": "daybeat.hrv_command:hrv",
    "baseline": "daybeat.baseline_command:baseline",
    "bench": "bench.cli:app",
}
"""Name → module and attribute: a function, or a group of commands of its own."""

_HELP: Final = "From the wrist to a changed plan in milliseconds."
_BAD_USAGE: Final = 2
_FAILED: Final = 1
_INTERRUPTED: Final = 130


def build_app(names: Sequence[str] = tuple(_COMMANDS)) -> typer.Typer:
    """Return the command line with the commands named; all of them by default."""
    app = typer.Typer(
        name="daybeat",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(help=_HELP)(_root)
    for name in names:
        module, _, attribute = _COMMANDS[name].partition(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main() -> None:
    """Run the command line; ends the process with 0, 1 (failure), 2 (usage or input) or 130 (Ctrl-C)."""
    set_up_logs()
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        app = build_app([called] if called in _COMMANDS else tuple(_COMMANDS))
        sys.exit(app(prog_name="daybeat", standalone_mode=False))
    except DaybeatError as error:
        _fail(str(error), _BAD_USAGE if isinstance(error, InputError) else _FAILED)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(_INTERRUPTED)
    except Exception as error:
        # The library's own errors of usage, which have no public base class in common over its releases.
        if not hasattr(error, "format_message"):
            raise
        message = str(error.format_message())
        if "Usage:" in message:  # called without arguments: this is the help
            sys.stderr.write(f"{message}\n")
            sys.exit(_BAD_USAGE)
        _fail(
            f"{message.replace('Value error, ', '').removesuffix('.')}; see daybeat {called} --help",
            _BAD_USAGE,
        )


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"daybeat: {' '.join(message.split())}\n")
    sys.exit(code)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # called by the library
    if wanted:
        typer.echo(f"daybeat {version('daybeat')}")
        raise typer.Exit


def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and end.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Take the options that stand before a command."""
