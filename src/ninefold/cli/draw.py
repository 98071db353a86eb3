"""`ninefold draw`: the options and what each of them means.

Knows nothing of drawing: it collects what was asked for and hands it to `draw_run`.
"""

from typing import Annotated

import typer

_DRAWING = "How to draw"
_FILES = "Files and output"
_MACHINE = "Machine"


def draw(  # noqa: PLR0913 - one argument for each option
    prompts: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROMPT", help="What to draw; quote each prompt."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            help="Draw also the prompts in this text file, one a line; - reads the input."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="pocket, mini, mega, or the folder of a model.  [default: pocket]"),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="PICTURE",
            help="Draw this picture again, byte for byte, from the recipe that its file carries.",
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Let the Ninefold service at this address draw, such as http://127.0.0.1:8000; "
            "its API key, if it needs one, is taken from NINEFOLD_API_KEY.  [default: draw here]",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="The same prompt, seed and settings draw the same pictures.  "
            "[default: a new one, which is shown]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            help="Pictures of each prompt, 1 to 64.  [default: 9]", rich_help_panel=_DRAWING
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Settings to start from: dalle-mini (scale 10, top-k 50, as its notebook), "
            "min-dalle (scale 16, top-k 256, as that package) or pocket.  "
            "[default: the model's own]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    condition_scale: Annotated[
        float | None,
        typer.Option(
            help="How strongly pictures follow the prompt: 1 is no guidance, 10 what DALL·E Mini "
            "uses.  [default: the preset's]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Below 1 is safer, above 1 more varied.  [default: the preset's, 1]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            help="Draw each code from this many of the likeliest; 0 is all.  "
            "[default: the preset's]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Draw each code from the fewest likeliest that reach this probability together.  "
            "[default: the preset's, 1: all]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    negative: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What to keep away from.  [default: nothing]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    seamless: Annotated[
        bool,
        typer.Option(
            "--seamless",
            help="Let each picture run into its neighbours in the grid; for counts of 1, 4, 9, 16.",
            rich_help_panel=_DRAWING,
        ),
    ] = False,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="Draw this many, and keep those that CLIP finds to fit the prompt best.  "
            "[default: as many as --count]",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Refuse what a prompt policy refuses: default is Ninefold's own, else a policy "
            "file.  [default: draw everything]",
        ),
    ] = None,
    sign: Annotated[
        bool,
        typer.Option(
            "--sign",
            help="Write Content Credentials into each file: a signed statement that this model "
            "made it.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    sign_prompt: Annotated[
        bool,
        typer.Option(
            "--sign-prompt", help="Let that statement tell the prompt too.", rich_help_panel=_FILES
        ),
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="The key to sign with.  [default: one that is made on first use]",
            rich_help_panel=_FILES,
        ),
    ] = None,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark",
            help="Put an invisible mark on the pictures, by which ninefold inspect finds copies "
            "that lost everything else.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    out: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="Where to put a folder for each prompt, named after it; nothing is overwritten.",
            rich_help_panel=_FILES,
        ),
    ] = "pictures",
    grid: Annotated[
        bool | None,
        typer.Option(
            help="Save also all pictures of a prompt as one, grid.png, with the prompt below.  "
            "[default: where there are several]",
            rich_help_panel=_FILES,
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON document, and nothing else, on standard output.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print the names of the files alone: no progress, notices or pictures.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Say also what the prompts are read with.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    device: Annotated[
        str,
        typer.Option(help="auto, cpu, cuda, cuda:N, xpu or mps.", rich_help_panel=_MACHINE),
    ] = "auto",
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Number format of the transformer: float32, bfloat16 or float16.  "
            "[default: float32]",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="plain, or a fast way to draw on a CPU: native-float32, native-bfloat16 or "
            "native-int8.  [default: plain]",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="Threads of the processor, at most.  [default: as PyTorch chooses]",
            show_default=False,
            rich_help_panel=_MACHINE,
        ),
    ] = None,
) -> None:
    """Draw nine pictures of each prompt.

    The files are named after the prompt, in a folder of their own, the best picture first; every
    PNG carries what it was drawn from. Names of files go to standard output, all else to standard
    error.
    """
    from ninefold.cli.draw_request import DrawOptions, read_options
    from ninefold.cli.progress import progress_bar

    options = DrawOptions(
        prompts=prompts or (),
        file=file,
        model=model,
        like=like,
        seed=seed,
        count=count,
        preset=preset,
        condition_scale=condition_scale,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        negative=negative,
        seamless=seamless or None,
        candidates=candidates,
        policy=policy,
        sign=sign,
        sign_prompt=sign_prompt,
        key=key,
        mark=mark or None,
        out=out,
        grid=grid,
        json=json,
        quiet=quiet,
        verbose=verbose,
        device=device,
        dtype=dtype,
        backend=backend,
        threads=threads,
        server=server,
    )
    if server is not None:
        from ninefold.cli.draw_remote import run_remote

        run_remote(options)
        return
    request = read_options(options)
    # Only now PyTorch, which takes seconds: what can be refused without it was answered at once.
    with progress_bar("Starting", is_hidden=quiet):
        from ninefold.cli.draw_run import run

    run(request)
