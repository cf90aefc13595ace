"""``daybeat doctor``: looks at every connection, says what it found, and how to mend what is wrong."""

from typing import Annotated, Final

import typer

from daybeat.doctor_checks import Finding, Verdict, check_database, check_redis
from daybeat.doctor_processes import NEVER_RUN, check_broker, check_machine, check_services
from daybeat.running import announced_stack, running_settings
from daybeat.terminal import print_json

_MARKS: Final = {Verdict.GOOD: "ok  ", Verdict.NOTE: "note", Verdict.BAD: "BAD "}


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON object.")] = False
) -> None:
    """Look at this machine, the servers and the services; exit 1 if something is wrong."""
    settings = running_settings()
    findings = [
        *check_machine(settings),
        *check_broker(settings),
        *check_redis(settings),
        *check_database(settings),
        *check_services(announced_stack(settings.state_folder), settings),
    ]
    healthy = all(finding.verdict is not Verdict.BAD for finding in findings)
    if as_json:
        print_json({"ok": healthy, "findings": [_document(one) for one in findings], "never_run": NEVER_RUN})
    else:
        for finding in findings:
            typer.echo(_line(finding))
        typer.echo("\nNever run by us:")
        for text in NEVER_RUN:
            typer.echo(f"  {text}")
    if not healthy:
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    mend = f"\n       → {finding.mend}" if finding.mend else ""
    return f"{_MARKS[finding.verdict]} {finding.subject}: {finding.found}{mend}"


def _document(finding: Finding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "verdict": finding.verdict.value,
        "found": finding.found,
        "mend": finding.mend,
    }
