"""`ninefold policy`: what the prompt policy says of a prompt, and how good it is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ninefold.cli.messages import printable, tell

app = typer.Typer(help="Check prompts by the prompt policy, and measure it.")

LABELLED_PROMPTS = Path("tests/safety/prompts.jsonl")
"""Where the labelled prompts lie in Ninefold's repository."""

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="A policy file of your own.", show_default=False)
]


@app.callback()
def root() -> None:
    """Check prompts by the prompt policy, and measure it."""


@app.command("check")
def check(
    prompt: Annotated[str, typer.Argument(help="The prompt.", show_default=False)],
    negative: Annotated[str, typer.Option(help="What to keep away from.")] = "",
    policy: PolicyFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what the policy does with a prompt, by which rule, and how to object."""
    from ninefold.safety.prompt_policy import PromptPolicy

    verdict = PromptPolicy.load(policy).check(prompt, negative)
    if as_json:
        typer.echo(json.dumps(verdict.record(), ensure_ascii=False, indent=2))
        return
    typer.echo(printable(f"{verdict.action.label}: {verdict.reason}"))
    if verdict.appeal:
        tell(verdict.appeal)


@app.command("test")
def run_test(
    policy: PolicyFile = None,
    prompts: Annotated[
        Path, typer.Option(help="Labelled prompts, one JSON object a line.")
    ] = LABELLED_PROMPTS,
) -> None:
    """Print precision and recall of the policy on labelled prompts, held-out ones last.

    The exit code is 1 if the held-out half shows the policy to be worse than Ninefold's limits.
    """
    from ninefold.safety.policy_report import measure_halves, read_labelled_prompts
    from ninefold.safety.prompt_policy import PromptPolicy

    loaded = PromptPolicy.load(policy)
    reports = measure_halves(loaded, read_labelled_prompts(prompts))
    typer.echo(f"Policy {printable(loaded.version)}")
    for report in reports:
        typer.echo("")
        for line in report.lines():
            typer.echo(printable(line))
    if not reports[-1].is_good_enough:
        tell("The policy is worse than Ninefold's limits on the held-out half.")
        raise typer.Exit(1)


@app.command("show")
def show() -> None:
    """Print the policy that comes with Ninefold, to start one of your own from."""
    from ninefold.safety.policy_file import default_policy_text

    typer.echo(default_policy_text(), nl=False)
