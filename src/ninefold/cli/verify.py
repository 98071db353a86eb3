"""`ninefold verify`: whether an installed model is whole, is what its name says, and works."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ninefold.checkpoints.verify import Check


def verify(
    name: Annotated[
        str, typer.Argument(help="A model's name, or its folder.", show_default=False)
    ] = "pocket",
) -> None:
    """Check an installed model: hashes, weights, parameter counts, token ids, a picture."""
    from ninefold.checkpoints.registry import REGISTRY, find_model
    from ninefold.checkpoints.verify import verify_model

    folder = find_model(name)
    checks = verify_model(folder, REGISTRY.get(name), _print_check)
    if not all(check.passed for check in checks):
        raise typer.Exit(1)


def _print_check(check: "Check") -> None:
    from ninefold.cli.messages import printable

    word, colour = ("pass", typer.colors.GREEN) if check.passed else ("FAIL", typer.colors.RED)
    typer.echo(f"{typer.style(word, fg=colour)}  {check.name}: {printable(check.seen)}")
