"""The `ninefold` command: wiring only.

A command is a function in a module of its own, registered in one line here. Those modules import
nothing heavy at their top, so that `ninefold --help` answers at once: what needs PyTorch is
imported inside the function. Exit codes: 0 done, 2 the user's mistake, 1 ours, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

import ninefold
from ninefold.cli import (
    admin,
    audit,
    bench,
    config,
    corpus,
    doctor,
    draw,
    evaluate,
    inspect,
    models,
    policy,
    pull,
    serve,
    train,
    verify,
)
from ninefold.cli.messages import printable, tell
from ninefold.errors import NinefoldError, UserError
from ninefold.standard_streams import open_closed_streams

DEBUG_VARIABLE = "NINEFOLD_DEBUG"
"""Environment variable that, when set to anything but 0, shows where an error came from."""

app = typer.Typer(
    name="ninefold",
    help="Any prompt, nine pictures.",
    epilog="Start with: ninefold draw 'a hamster in a sombrero'",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("draw")(draw.draw)
app.command("serve")(serve.serve)
app.command("inspect")(inspect.inspect)
app.command("pull")(pull.pull)
app.command("models")(models.models)
app.command("verify")(verify.verify)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(admin.app, name="admin")
app.add_typer(audit.app, name="audit")
app.add_typer(config.app, name="config")
app.add_typer(corpus.app, name="corpus")
app.add_typer(policy.app, name="policy")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    """Any prompt, nine pictures."""
    if version:
        typer.echo(f"ninefold {ninefold.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: what follows the program's name; None takes the process's own.
    """
    open_closed_streams()
    _write_any_character()
    try:
        command = typer.main.get_command(app)
        result = command.main(arguments, prog_name="ninefold", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return 1
    except typer.TyperException as error:
        return _fail(error, _explain_usage(error), error.exit_code)
    except UserError as error:
        return _fail(error, str(error), 2)
    except NinefoldError as error:
        return _fail(error, str(error), 1)
    except (typer.Abort, KeyboardInterrupt) as error:
        return _fail(error, "Stopped.", 130)
    except ModuleNotFoundError as error:
        from ninefold.extras import extra_of, missing

        if error.name is None or extra_of(error.name) is None:
            return _fail(error, _explain_unexpected(error), 1)
        return _fail(error, str(missing(error.name)), 2)
    except Exception as error:  # the last resort: whatever it is, a person gets one sentence
        return _fail(error, _explain_unexpected(error), 1)
    return result if isinstance(result, int) else 0


def _fail(error: BaseException, message: str, code: int) -> int:
    if os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
        traceback.print_exception(error)
    tell(f"ninefold: {message}")
    return code


def _explain_usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "ninefold"
    message = error.format_message().rstrip(".")
    return f"{message}; `{command} --help` lists what can be given."


def _explain_unexpected(error: Exception) -> str:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = f"set {DEBUG_VARIABLE}=1 and run it again to see where, and please report it"
    return f"Something went wrong inside ninefold ({printable(what)}); {hint}."


def _write_any_character() -> None:
    """Let names of pictures pass through a terminal or pipe that cannot show all of Unicode."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Point standard output at nothing, so that the interpreter's last flush stays quiet."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
