"""Laws of backups: what is dumped comes back, also on a newer PostgreSQL, and nothing is lost."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from ninefold.errors import NinefoldError, UserError
from ninefold.service.backup import dump, restore
from ninefold.service.store import embedded
from ninefold.service.store.database import connection_string, migrate
from ninefold.service.store.embedded import FOLDER, EmbeddedPostgres
from tests.service.conftest import execute, open_folder

JOB = (
    "INSERT INTO jobs (id, owner, share, tier, lane, surface, prompt, seed, model, settings,"
    " start_tag, total_codes) VALUES ('a', '', '', '', '', '', 'a red apple', 1, '', '{}', 0, 0)"
)


def prompts(url: URL) -> list[str]:
    with psycopg.connect(connection_string(url)) as connection:
        return [row[0] for row in connection.execute(b"SELECT prompt FROM jobs").fetchall()]


def test_what_is_dumped_is_restored_into_an_empty_database_and_nowhere_else(
    database_url: URL, empty_database: URL, tmp_path: Path
) -> None:
    execute(database_url, JOB)
    file = tmp_path / "backup"
    dump(database_url, file)
    assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.glob(".backup*")) == []
    with pytest.raises(UserError, match="is there already"):
        dump(database_url, file)
    with pytest.raises(UserError, match="empty one"):
        restore(database_url, file)
    restore(empty_database, file)
    assert prompts(empty_database) == ["a red apple"]
    migrate(empty_database)
    execute(empty_database, JOB.replace("'a'", "'b'"))
    assert len(prompts(empty_database)) == 2


def test_a_file_that_is_no_dump_is_refused_and_the_database_stays_empty(
    empty_database: URL, tmp_path: Path
) -> None:
    (tmp_path / "backup").write_bytes(b"no dump")
    with pytest.raises(NinefoldError, match="was not copied"):
        restore(empty_database, tmp_path / "backup")
    with pytest.raises(UserError, match="There is no file"):
        restore(empty_database, tmp_path / "nothing")
    migrate(empty_database)
    assert prompts(empty_database) == []


def test_a_database_of_an_older_postgresql_moves_to_the_newer_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_folder() as folder:
        monkeypatch.setattr(embedded, "VERSION", 16)
        old = EmbeddedPostgres(folder / "old")
        monkeypatch.undo()
        try:
            migrate(old.url)
            execute(old.url, JOB)
            dump(old.url, tmp_path / "backup")
        finally:
            old.close()
        assert (folder / "old" / FOLDER / "PG_VERSION").read_text().strip() == "16"
        new = EmbeddedPostgres(folder / "new")
        try:
            restore(new.url, tmp_path / "backup")
            migrate(new.url)
            assert prompts(new.url) == ["a red apple"]
        finally:
            new.close()
        assert (folder / "new" / FOLDER / "PG_VERSION").read_text().strip() == "18"
