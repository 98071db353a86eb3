"""The database as one file and back, by the programs that come with the embedded server.

The way from one major version of PostgreSQL to the next as well: a dump by the newer programs, and
a restore into a new folder. Knows nothing of pictures, which lie beside.
"""

import os
import subprocess
from pathlib import Path

from sqlalchemy import URL, create_engine, text

from ninefold.errors import NinefoldError, UserError
from ninefold.service.store.database import explain
from ninefold.service.store.embedded import newest_programs

_HAS_JOBS = text("SELECT to_regclass('public.jobs') IS NOT NULL")


def dump(url: URL, path: Path) -> None:
    """Write everything in a database to a file, whole or not at all, for this user alone.

    Raises:
        UserError: there is a file of this name, or it cannot be written.
        NinefoldError: the database cannot be read.
    """
    if path.exists():
        raise UserError(f"{str(path)!r} is there already; name another file.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _run("pg_dump", "--format=custom", "--no-owner", f"--file={part}", _libpq(url))
        part.rename(path)
    except OSError as error:
        raise UserError(f"{str(path)!r} cannot be written ({error.strerror}).") from None
    finally:
        part.unlink(missing_ok=True)


def restore(url: URL, path: Path) -> None:
    """Fill an empty database from a file that `dump` wrote, whole or not at all.

    Raises:
        UserError: the file is not there, or the database holds something already.
        NinefoldError: the file is damaged, or the database cannot be written.
    """
    if not path.is_file():
        raise UserError(f"There is no file {str(path)!r}.")
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if connection.execute(_HAS_JOBS).scalar_one():
                raise UserError(
                    "The database has tables of this service already; restore into an empty one, "
                    "such as that of a new NINEFOLD_DATA."
                )
    except Exception as error:
        if isinstance(error, NinefoldError):
            raise
        raise NinefoldError(f"The database cannot be used: {explain(error)}.") from error
    finally:
        engine.dispose()
    options = ("--no-owner", "--single-transaction", "--exit-on-error")
    _run("pg_restore", *options, f"--dbname={_libpq(url)}", str(path))


def _libpq(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _run(program: str, *arguments: str) -> None:
    command = [str(newest_programs() / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr]
        told = lines[0].strip().rstrip(".")
        raise NinefoldError(f"The database was not copied: {told}.")
