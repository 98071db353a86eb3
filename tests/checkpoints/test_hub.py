"""Downloading: what arrives is what was published, whatever happens on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ninefold.checkpoints import hub
from ninefold.checkpoints.hub import fetch_file, fetch_source, missing_bytes
from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.published import PublishedFile, PublishedSource
from ninefold.errors import DownloadError, UserError
from tests.checkpoints.small_source import (
    FILE,
    REPOSITORIES,
    SHA256,
    SOURCE,
    WEIGHTS,
    failure_of,
    hub_of,
    run_python,
    silent,
)
from tests.checkpoints.standin_hub import COMMIT, Fault, StandinHub, serve


@pytest.fixture
def standin() -> Iterator[StandinHub]:
    with serve(REPOSITORIES) as hub:
        yield hub


def test_every_file_of_a_source_arrives(standin: StandinHub, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}
    fetch_source(
        SOURCE,
        tmp_path / "a" / "b",
        hub_of(standin),
        lambda label, here, total: seen.update({label: (here, total)}),
    )
    for name, content in standin.repositories["family/model"].items():
        assert (tmp_path / "a" / "b" / name).read_bytes() == content
    assert seen["family/model/weights.bin"] == (len(WEIGHTS), len(WEIGHTS))
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_here_is_not_asked_for_again(standin: StandinHub, tmp_path: Path) -> None:
    fetch_source(SOURCE, tmp_path, hub_of(standin), silent)
    standin.requests.clear()
    fetch_source(SOURCE, tmp_path, hub_of(standin), silent)
    assert standin.requests == []
    assert missing_bytes(SOURCE, tmp_path) == 0


def test_a_cut_connection_is_resumed_within_arun_python(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=7_000)
    fetch_file(SOURCE, FILE, tmp_path, hub_of(standin), silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS
    assert standin.bytes_sent("weights.bin") == len(WEIGHTS)


def test_a_broken_download_goes_on_in_the_nextrun_python(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=40_000, cuts=1)
    standin.faults["weights.bin"].headers = {}
    dead = Hub(standin.endpoint, pauses=())
    with pytest.raises(DownloadError, match=r"40,000 of 102,400 bytes here; run the command again"):
        fetch_file(SOURCE, FILE, tmp_path, dead, silent)
    assert missing_bytes(SOURCE, tmp_path) == 15 + 62_400
    fetch_file(SOURCE, FILE, tmp_path, dead, silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS
    assert standin.requests[-1].byte_range == "bytes=40000-"


def test_a_connection_that_stays_cut_is_given_up(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=0)
    message = failure_of(standin, tmp_path)
    assert "with 0 of 102,400 bytes here" in message
    assert sum(r.method == "GET" and "content" in r.path for r in standin.requests) == 3


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=50_000, cuts=1, ignores_ranges=True)
    fetch_file(SOURCE, FILE, tmp_path, hub_of(standin), silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


def test_a_part_that_is_too_long_is_thrown_away(standin: StandinHub, tmp_path: Path) -> None:
    part = tmp_path / f"weights.bin.{SHA256[:16]}.part"
    part.write_bytes(WEIGHTS + b"more")
    fetch_file(SOURCE, FILE, tmp_path, hub_of(standin), silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["weights.bin", "config.json"])
def test_a_file_with_the_wrong_hash_is_not_kept(
    standin: StandinHub, tmp_path: Path, name: str
) -> None:
    standin.faults[name] = Fault(is_corrupt=True)
    assert f"family/model/{name}" in (message := failure_of(standin, tmp_path))
    assert "is not the published file" in message
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / name).exists()


def test_a_hub_that_offers_another_file_is_refused_before_the_download(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Linked-Etag": '"' + "0" * 64 + '"'})
    assert "is not the published file" in failure_of(standin, tmp_path)
    assert standin.bytes_sent("weights.bin") == 0


def test_a_known_hash_is_checked_where_the_hub_gives_only_gits(
    standin: StandinHub, tmp_path: Path
) -> None:
    wrong = PublishedFile("config.json", 15, sha256="0" * 64)
    with pytest.raises(DownloadError, match="is not the published file"):
        fetch_file(SOURCE, wrong, tmp_path, hub_of(standin), silent)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_no_hub_is_named_as_such(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Repo-Commit": None})
    assert "as a Hugging Face hub does" in failure_of(standin, tmp_path)


def test_another_revision_than_the_pinned_one_is_refused(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Repo-Commit": "f" * 40})
    assert "at another revision than 0123456789ab" in failure_of(standin, tmp_path)


def test_a_file_without_a_hash_is_refused(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Linked-Etag": '"17-abc"'})
    assert "gives no hash" in failure_of(standin, tmp_path)


def test_a_repository_that_was_renamed_is_followed(standin: StandinHub, tmp_path: Path) -> None:
    standin.moved["family/old"] = "family/model"
    source = PublishedSource("family/old", COMMIT, "", (FILE,))
    fetch_source(source, tmp_path, hub_of(standin, "hf_x"), silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


def test_a_hub_that_redirects_in_circles_is_given_up(standin: StandinHub, tmp_path: Path) -> None:
    standin.moved |= {"family/a": "family/b", "family/b": "family/a"}
    with pytest.raises(DownloadError, match="as a Hugging Face hub does"):
        fetch_source(
            PublishedSource("family/a", COMMIT, "", (FILE,)), tmp_path, hub_of(standin), silent
        )


def test_a_branch_may_be_named_instead_of_a_commit(standin: StandinHub, tmp_path: Path) -> None:
    source = PublishedSource("family/model", "main", "", (FILE,))
    fetch_source(source, tmp_path, hub_of(standin), silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


FETCH = """
import resource, sys
from pathlib import Path
from ninefold.errors import NinefoldError
from ninefold.checkpoints.hub import fetch_source
from ninefold.checkpoints.hub_client import Hub
from tests.checkpoints.small_source import SOURCE
if int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    fetch_source(SOURCE, Path(sys.argv[2]), Hub(sys.argv[1]), lambda *_: None)
except NinefoldError as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_fills_up_is_one_sentence(standin: StandinHub, tmp_path: Path) -> None:
    done = run_python(FETCH, standin.endpoint, str(tmp_path), "50000")
    assert done.stderr == ""
    assert done.stdout.startswith(f"UserError The disk of {tmp_path} is full; make room there")
    assert not (tmp_path / "weights.bin").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(standin: StandinHub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Nothing can be written under"):
        fetch_source(SOURCE, tmp_path / "file" / "folder", hub_of(standin), silent)


def test_what_comes_beyond_the_announced_size_is_not_kept(
    standin: StandinHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_pieces = 0

    @contextmanager
    def flood(*_: object) -> Iterator[tuple[int, Iterator[bytes]]]:
        def pieces() -> Iterator[bytes]:
            nonlocal num_pieces
            for _ in range(1000):
                num_pieces += 1
                yield bytes(100_000)

        yield 0, pieces()

    monkeypatch.setattr(hub, "read_from", flood)
    with pytest.raises(DownloadError, match=r"sends more of .* than the"):
        fetch_source(SOURCE, tmp_path, hub_of(standin), silent)
    assert num_pieces <= 2  # WEIGHTS are 102,400 bytes
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 2 * len(
        WEIGHTS
    )
