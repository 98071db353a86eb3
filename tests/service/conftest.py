"""One PostgreSQL for all tests of the service, a database for each, and a whole service."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL

from ninefold.service.settings import Settings, read_settings
from ninefold.service.store.database import connection_string, migrate
from ninefold.service.store.embedded import EmbeddedPostgres
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

_numbers = itertools.count()

MakeSettings = Callable[..., Settings]


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone, which is what the service runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep a developer's own settings out of the tests."""
    for name in ("DATABASE_URL", "NINEFOLD_DATABASE_URL", "NINEFOLD_SECRET", "NINEFOLD_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NINEFOLD_DATA", str(tmp_path / "data"))


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that other users may look into, as PostgreSQL does under root.

    pytest's own are closed to them, and closed again whenever another run of it starts.
    """
    with tempfile.TemporaryDirectory(prefix="ninefold-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """Where the tests' PostgreSQL lies."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(postgres_folder: Path) -> Iterator[URL]:
    """The embedded PostgreSQL, with a migrated database called "migrated" to copy from."""
    server = EmbeddedPostgres(postgres_folder)
    execute(server.url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    execute(server.url, "CREATE DATABASE migrated")
    migrate(server.url.set(database="migrated"))
    yield server.url
    server.close()


def execute(url: URL, *statements: str) -> None:
    """Run statements, each by itself."""
    with psycopg.connect(connection_string(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def empty_database(postgres: URL) -> Iterator[URL]:
    """A database without a schema."""
    yield from _database(postgres, "template1")


@pytest.fixture
def database_url(postgres: URL) -> Iterator[URL]:
    """A migrated database for one test."""
    yield from _database(postgres, "migrated")


def _database(postgres: URL, template: str) -> Iterator[URL]:
    name = f"test_{next(_numbers)}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield postgres.set(database=name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def make_settings(tiny_model: Path, tmp_path: Path) -> MakeSettings:
    """Build settings for the tiny model, with what a test gives in their place."""

    def make(**given: Any) -> Settings:
        values: dict[str, Any] = {
            "model": str(tiny_model),
            "data": tmp_path / "data",
            "heartbeat_s": 0.2,
            "stalled_s": 60.0,  # a busy machine keeps a heartbeat waiting
            "drain_s": 2.0,
            "storage_patience_s": 2.0,
            "anonymous_rate": "10000/minute",
            "address_rate": "10000/minute",
        }
        return read_settings(**{**values, **given})

    return make


@pytest.fixture
async def service(database_url: URL, make_settings: MakeSettings) -> AsyncIterator[RunningService]:
    """A gateway without a worker."""
    async with running_service(make_settings(), database_url) as running:
        yield running


@pytest.fixture
async def drawing_service(service: RunningService) -> RunningService:
    """A gateway and a worker that draws at once."""
    await service.add_worker(FakeEngine())
    return service


@pytest.fixture
async def busy_service(
    database_url: URL, make_settings: MakeSettings
) -> AsyncIterator[RunningService]:
    """A service that is drawing something which takes longer than anybody may wait."""
    settings = make_settings(anonymous_max_wait_s=1.0, drain_s=0.1)
    async with running_service(settings, database_url) as running:
        engine = FakeEngine(step_s=20.0)
        worker = await running.add_worker(engine)
        await running.post("the first of all")
        while not engine.drawn:
            await asyncio.sleep(0.01)
        yield running
        worker.stop()
