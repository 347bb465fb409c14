"""The command line: one file per verb, imported only when that verb is used.

    exit 0    done
         1    a verb's own "no": a program that failed, a rule that does not hold
         2    the user's mistake (a `SparkgapError`, or words that click does not understand)
         4    Sparkgap's own machinery failed (`InfraError`)
         130  interrupted by Ctrl-C

Anything else is a bug and ends in its traceback (exit 1). Each verb's file has one public name, `command`.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import cast

import click

from sparkgap import __version__
from sparkgap.errors import InfraError, SparkgapError

COMMANDS: dict[str, tuple[str, str]] = {  # verb -> (module, one line of help), in the order that `--help` shows
    "measure": ("sparkgap.cli.measure", "Measure a model: ask it, score its replies, say how sure that is."),
    "grade": ("sparkgap.cli.grade", "Grade samples that a model wrote, with pass@k and what went wrong."),
    "gap": ("sparkgap.cli.gap", "Say how far a model is behind others, how sure that is, and where the points go."),
    "gate": ("sparkgap.cli.gate", "Check that a run keeps rules, with 95 % confidence; for CI."),
    "curate": ("sparkgap.cli.curate", "Make training data of repositories: licensed, unlike any benchmark, proven."),
    "report": ("sparkgap.cli.report", "Show runs side by side, as one HTML page or as Markdown."),
    "train": ("sparkgap.cli.train", "Train a model: imitate data, or learn from the judge's verdicts."),
    "demo": ("sparkgap.cli.demo", "Show the whole circle on a small model made on the spot, on two cores."),
    "run": ("sparkgap.cli.run", "Judge one program and show its verdict in full."),
    "check": ("sparkgap.cli.check", "Say what this machine can jail and which data it has, and test the judge."),
    "data": ("sparkgap.cli.data", "List, fetch and verify the published files."),
}


class _Verbs(click.Group):
    """A group that knows its verbs by name, and turns the error tree into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", import_module(COMMANDS[cmd_name][0]).command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if close := get_close_matches(args[0], COMMANDS, n=1):
                raise click.UsageError(f"{error.message} Did you mean {close[0]!r}?", ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (SparkgapError, InfraError) as error:
            click.echo(f"sparkgap: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("sparkgap: interrupted", err=True)
            ctx.exit(130)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="sparkgap")
def main() -> None:
    """Measure how far a language model is behind at code, and close the gap."""
