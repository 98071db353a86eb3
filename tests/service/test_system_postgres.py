"""The service on a PostgreSQL that an operator brings: the system's, over TCP with a password.

The other tests of the service run on the embedded one.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from ninefold.service.store.database import migrate, parse_database_url
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import running_service

pytestmark = pytest.mark.anyio

OWNER = "postgres"
"""PostgreSQL does not run as root; Debian's package brings this user."""


def find_programs() -> Path:
    """Return the folder of the system's PostgreSQL, the newest of 15 or later."""
    found = [
        folder / "bin"
        for folder in Path("/usr/lib/postgresql").glob("*")
        if folder.name.isdigit() and int(folder.name) >= 15 and (folder / "bin/initdb").is_file()
    ]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    if on_path is None:
        pytest.fail("There is no PostgreSQL of the system; run scripts/install_postgresql.sh.")
    return Path(on_path).resolve().parent


@pytest.fixture(scope="module")
def system_postgres() -> Iterator[URL]:
    """A server of the system's own programs on a free port, with password authentication."""
    programs, folder = find_programs(), Path(f"/tmp/ninefold-{secrets.token_hex(8)}")
    user = OWNER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder.mkdir(mode=0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER)
    password = folder / "password"
    password.write_text("a password of tests")
    password.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        subprocess.run(
            command, user=user, check=True, cwd=folder, capture_output=True, timeout=PATIENCE_S
        )

    data = folder / "data"
    run("initdb", "-D", str(data), "-U", "owner", "-A", "scram-sha-256", f"--pwfile={password}")
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    log = str(folder / "log")
    run("pg_ctl", "-D", str(data), "-o", options, "-l", log, "-w", "start")
    try:
        yield parse_database_url(
            f"postgresql://owner:a%20password%20of%20tests@127.0.0.1:{port}/postgres"
        )
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


async def test_a_job_is_drawn_on_the_systems_postgresql(
    system_postgres: URL, make_settings: MakeSettings
) -> None:
    migrate(system_postgres)
    migrate(system_postgres, "base")
    migrate(system_postgres)
    async with running_service(make_settings(), system_postgres) as service:
        await service.add_worker(FakeEngine())
        job = await service.ended((await service.post("a red apple"))["id"])
        assert (job["status"], len(job["pictures"])) == ("done", 9)
        ready = (await service.http.get("/readyz")).json()
        assert (ready["status"], ready["database"], ready["schema"]) == ("ok", "ok", "ok")
