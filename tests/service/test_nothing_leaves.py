"""Nothing leaves the machine and nothing is written but what the service keeps.

A whole service and the command draw in a home that is empty. A small library, loaded before all
others into every process, notes each name that is resolved and each address that is connected to,
also by compiled code that Python does not see.
"""

import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.service.conftest import open_folder

PATIENCE_S = 600.0
"""Seconds after which a service that does not answer never will."""

WATCH = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void note(const char *text) {
    const char *path = getenv("NINEFOLD_TEST_WATCH");
    int file = path ? open(path, O_WRONLY | O_APPEND) : -1;
    char line[300];
    int length = snprintf(line, sizeof line, "%s\n", text);
    if (file < 0) return;
    if (write(file, line, length < (int)sizeof line ? length : (int)sizeof line) < 0) abort();
    close(file);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    if (node) note(node);
    return real(node, service, hints, found);
}

int connect(int file, const struct sockaddr *address, socklen_t length) {
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    char text[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
    if (text[0]) note(text);
    return real(file, address, length);
}
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with an empty home, an empty working folder and one for temporary files."""
    with open_folder() as folder:
        for name in ("home", "work", "tmp"):
            (folder / name).mkdir()
        (folder / "tmp").chmod(0o1777)
        yield folder


@pytest.fixture
def environment(place: Path, tiny_model: Path) -> dict[str, str]:
    """The environment of a user with an empty home, watched."""
    library, notes = place / "watch.so", place / "notes"
    (place / "watch.c").write_text(WATCH)
    command = ["cc", "-shared", "-fPIC", "-o", str(library), str(place / "watch.c"), "-ldl"]
    subprocess.run(command, check=True)
    notes.touch()
    notes.chmod(0o666)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "LANG": "C.UTF-8",
        "LD_PRELOAD": str(library),
        "NINEFOLD_TEST_WATCH": str(notes),
        "NINEFOLD_MODEL": str(tiny_model),
        "NINEFOLD_BACKEND": "eager",
        "NINEFOLD_PORT": "0",
        "NINEFOLD_THREADS": "1",
    }


def is_here(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def addresses(place: Path) -> set[str]:
    return set((place / "notes").read_text().split())


def test_a_service_that_draws_writes_its_data_and_asks_nobody(
    place: Path, environment: dict[str, str]
) -> None:
    service = subprocess.Popen(
        [sys.executable, "-m", "ninefold", "serve"],
        cwd=place / "work",
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert service.stderr is not None
        said = next(line for line in service.stderr if " at http://" in line)
        address = said.partition(" at ")[2].split()[0]
        job = draw(address)
    finally:
        service.send_signal(signal.SIGINT)
        service.communicate(timeout=PATIENCE_S)
    assert job["status"] == "done", job
    assert [picture["hidden"] for picture in job["pictures"]] == [False] * 9
    written = files_in(place / "home")
    kept = ".local/share/ninefold/service/"
    assert any(name.startswith(f"{kept}pictures/") for name in written)
    assert {name for name in written if not name.startswith(kept)} == set()
    assert files_in(place / "work") == set()
    assert [address for address in addresses(place) if not is_here(address)] == []
    assert addresses(place), "the watch saw nothing, not even the database"


def draw(address: str) -> dict[str, Any]:
    """Have a prompt drawn, and return the job that has ended."""
    until = time.monotonic() + PATIENCE_S
    with httpx2.Client(base_url=address, trust_env=False, timeout=PATIENCE_S) as client:
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.2)
        answer = client.post("/api/v1/jobs", json={"prompt": "a red apple"})
        url = answer.raise_for_status().json()["links"]["self"]
        while True:
            job: dict[str, Any] = client.get(url).raise_for_status().json()
            if job["status"] not in ("queued", "drawing"):
                return job
            assert time.monotonic() < until
            time.sleep(0.2)


def test_the_command_writes_its_pictures_and_asks_nobody(
    place: Path, environment: dict[str, str]
) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "ninefold", "draw", "a red apple"),
            *("--count", "1", "--model", environment["NINEFOLD_MODEL"]),
        ],
        cwd=place / "work",
        env=environment,
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert files_in(place / "home") == set()
    assert files_in(place / "work") == {"pictures/a-red-apple/a-red-apple-1.png"}
    assert files_in(place / "tmp") == set()
    assert [address for address in addresses(place) if not is_here(address)] == []
