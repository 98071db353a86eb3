"""`ninefold admin`: what an operator does to jobs, pictures and keys."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from ninefold.atomic_file import write_new
from ninefold.cli.messages import printable, shorten, tell
from ninefold.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from ninefold.service.administration import Administration
    from ninefold.service.picture_moderation import LookAlike
    from ninefold.service.settings import Settings

app = typer.Typer(help="Look after a service: jobs, pictures, keys.")

_Result = TypeVar("_Result")

DataFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="The service's data folder.", show_default=False),
]
PictureName = Annotated[
    str,
    typer.Argument(metavar="PICTURE", help="Hash or address of the picture.", show_default=False),
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]


@app.callback()
def root() -> None:
    """Look after a service: jobs, pictures, keys."""


def _run(data: Path | None, work: "Callable[[Administration], Awaitable[_Result]]") -> _Result:
    from ninefold.service.administration import open_administration

    settings = _read_settings(data)

    async def run() -> _Result:
        async with open_administration(settings) as administration:
            return await work(administration)

    return asyncio.run(run())


def _read_settings(data: Path | None) -> "Settings":
    """Return the settings, once the data lie where they say."""
    from ninefold.service.data_folder import move_from_cache
    from ninefold.service.settings import read_settings

    settings = read_settings(data=data)
    move_from_cache(settings, tell)
    return settings


def _with_database(data: Path | None, work: "Callable[[Any, URL], None]") -> None:
    """Run some work on the database of the settings, which is started if it is embedded."""
    from ninefold.service import backup
    from ninefold.service.supervisor import open_database

    embedded, url = open_database(_read_settings(data))
    try:
        work(backup, url)
    finally:
        if embedded is not None:
            embedded.close()


@app.command("jobs")
def jobs(
    status: Annotated[
        str | None,
        typer.Option(help="Only those that are queued, drawing, done, refused, failed, cancelled."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to list.")] = 50,
    prompts: Annotated[bool, typer.Option("--prompts", help="Show the prompts too.")] = False,
    data: DataFolder = None,
) -> None:
    """List jobs, the newest first, without their prompts."""
    for job in _run(data, lambda hand: hand.jobs(status, limit)):
        told = f"  {shorten(job.prompt)}" if prompts else ""
        when = job.created_at.isoformat(timespec="seconds")
        typer.echo(f"{job.id}  {job.status:9}  {job.tier:9}  attempt {job.attempt}  {when}{told}")


@app.command("cancel")
def cancel(job: JobId, data: DataFolder = None) -> None:
    """Cancel a job."""
    is_done = _run(data, lambda hand: hand.cancel(job))
    tell("Cancelled." if is_done else "It has ended already.")


@app.command("requeue")
def requeue(job: JobId, data: DataFolder = None) -> None:
    """Take a job from the worker that draws it, and let it be drawn again."""
    is_done = _run(data, lambda hand: hand.requeue(job))
    tell("It waits again." if is_done else "It is not being drawn.")


@app.command("remove")
def remove(
    picture: PictureName,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "removed by the operator",
    similar: Annotated[
        bool, typer.Option("--similar", help="Remove what looks the same, too.")
    ] = False,
    data: DataFolder = None,
) -> None:
    """Remove a picture everywhere, for good."""
    digest = _digest_of(picture)

    async def work(hand: "Administration") -> tuple[int, "list[LookAlike]"]:
        alike = await hand.pictures.similar(digest)
        num_jobs = await hand.pictures.remove(digest, reason)
        if similar:
            for other in alike:
                await hand.pictures.remove(other.hash, reason)
        return num_jobs, alike

    num_jobs, alike = _run(data, work)
    tell(f"Removed; {_counted(num_jobs, 'job')} showed it.")
    tell(f"A CDN in front may keep copies: purge /i/{digest}.* and the grids of those jobs.")
    if alike and similar:
        tell(f"Removed {_counted(len(alike), 'picture')} more that look the same.")
    elif alike:
        tell(
            f"Stored pictures that look the same: {len(alike)}. `ninefold admin similar` lists "
            "them, --similar removes them."
        )


@app.command("similar")
def similar(picture: PictureName, data: DataFolder = None) -> None:
    """List stored pictures that look the same, the nearest first."""
    digest = _digest_of(picture)
    for other in _run(data, lambda hand: hand.pictures.similar(digest)):
        typer.echo(f"{other.hash}  {other.bits:2} of 256 bits  {_counted(other.num_jobs, 'job')}")


@app.command("look")
def look(
    picture: PictureName,
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write the PNG to.", show_default=False)
    ],
    data: DataFolder = None,
) -> None:
    """Write a picture to a file, also one that is hidden, to judge a report or an appeal."""
    digest = _digest_of(picture)
    content = _run(data, lambda hand: hand.pictures.look(digest))
    try:
        write_new(out, content)
    except OSError as error:
        raise UserError(f"{str(out)!r} cannot be written ({error.strerror}).") from None


@app.command("show")
def show(picture: PictureName, data: DataFolder = None) -> None:
    """Show a picture that the policy hid, where somebody appealed and was right."""
    digest = _digest_of(picture)
    num_jobs = _run(data, lambda hand: hand.pictures.show(digest))
    tell(f"Shown in {_counted(num_jobs, 'job')}.")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _digest_of(picture: str) -> str:
    digest = picture.rstrip("/").rpartition("/")[2].partition(".")[0]
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise UserError(f"{printable(picture)!r} names no picture; give its hash or its address.")
    return digest


@app.command("unpublish")
def unpublish(job: JobId, data: DataFolder = None) -> None:
    """Take a drawing out of the gallery, for good."""
    is_done = _run(data, lambda hand: hand.unpublish(job))
    tell("It is out of the gallery." if is_done else "It was never in the gallery.")


@app.command("reports")
def reports(
    limit: Annotated[int, typer.Option(min=1, help="Most reports to list.")] = 50,
    data: DataFolder = None,
) -> None:
    """List what people reported, the newest first."""
    for report in _run(data, lambda hand: hand.reports(limit)):
        when = report.created_at.isoformat(timespec="seconds")
        told = f"  {shorten(report.note)}" if report.note else ""
        typer.echo(f"{report.hash}  {report.job_id or '-'}  {report.reason:11}  {when}{told}")


@app.command("vacuum")
def vacuum(
    keep_days: Annotated[
        float | None,
        typer.Option(
            min=0, help="Keep jobs that ended in these days.  [default: NINEFOLD_KEEP_JOBS_DAYS]"
        ),
    ] = None,
    data: DataFolder = None,
) -> None:
    """Remove old jobs, old records and unused files now; a service does it by itself."""

    async def work(hand: "Administration") -> str:
        from ninefold.service.settings import read_settings

        settings = read_settings()
        days = settings.keep_jobs_days if keep_days is None else keep_days
        gone = await hand.vacuum(days, settings.keep_decisions_days, settings.keep_reports_days)
        return f"Removed {gone.jobs} jobs, {gone.pictures} pictures, {gone.objects} files."

    tell(_run(data, work))


@app.command("decisions")
def decisions(
    days: Annotated[float, typer.Option(min=0, help="Those of so many days.")] = 30.0,
    data: DataFolder = None,
) -> None:
    """Print what the policies decided, one JSON object a line, for an audit."""
    for row in _run(data, lambda hand: hand.decisions(days)):
        typer.echo(json.dumps(row, ensure_ascii=True))


@app.command("forget")
def forget(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Id of a job that has ended.")],
    data: DataFolder = None,
) -> None:
    """Delete a job on request: its prompt, its events and its pictures, also from the gallery."""
    gone = _run(data, lambda hand: hand.forget(job))
    tell(f"Forgot the job and {gone} pictures that no other job shows.")


@app.command("dump")
def dump(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.", show_default=False)],
    data: DataFolder = None,
) -> None:
    """Write the database to a file, for a backup or another version of PostgreSQL."""
    _with_database(data, lambda backup, url: backup.dump(url, out))
    tell("Dumped. Pictures, `secret` and `signing` are for you to copy beside it.")


@app.command("restore")
def restore(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="File of `dump`.", show_default=False)
    ],
    data: DataFolder = None,
) -> None:
    """Fill an empty database from a file that `dump` wrote."""
    _with_database(data, lambda backup, url: backup.restore(url, source))
    tell("Restored.")


@app.command("create-key")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    tier: Annotated[
        Literal["key", "priority"], typer.Option(help="key, or priority for the reserved lane.")
    ] = "key",
    data: DataFolder = None,
) -> None:
    """Make an API key and print it; it is shown this once."""
    typer.echo(_run(data, lambda hand: hand.create_key(name, tier)))


@app.command("keys")
def keys(data: DataFolder = None) -> None:
    """List the API keys by their first characters."""
    for row in _run(data, lambda hand: hand.keys()):
        state = "revoked" if row.revoked_at else "valid"
        typer.echo(f"{row.prefix}…  {row.tier:9}  {state:8}  {printable(row.name)}")


@app.command("revoke-key")
def revoke_key(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Its first 12 characters.")],
    data: DataFolder = None,
) -> None:
    """Revoke an API key."""
    num_keys = _run(data, lambda hand: hand.revoke_key(prefix))
    tell("Revoked." if num_keys else "There is no valid key that begins so.")
