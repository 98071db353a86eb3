"""Downloading: what arrives is what was published, whatever happens on the way."""

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninefold.checkpoints.disk import explain_disk_error, format_bytes, require_space
from ninefold.checkpoints.hub import fetch_file, fetch_source, missing_bytes
from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.published import PublishedFile, Source
from ninefold.errors import DownloadError, UserError
from tests.checkpoints.standin_hub import COMMIT, Fault, StandinHub, serve

WEIGHTS = bytes(range(256)) * 400  # large: by redirect and SHA-256
CONFIG = b'{"d_model": 64}'  # small: git's hash
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
SOURCE = Source(
    "family/model",
    COMMIT,
    "Apache-2.0",
    (
        PublishedFile("config.json", 15),
        PublishedFile("weights.bin", len(WEIGHTS), SHA256),
        PublishedFile("empty.txt", 0),
    ),
)
FILE = SOURCE.files[1]


@pytest.fixture
def standin() -> Iterator[StandinHub]:
    files = {"config.json": CONFIG, "weights.bin": WEIGHTS, "empty.txt": b""}
    with serve({"family/model": files}) as hub:
        yield hub


def _hub(standin: StandinHub, token: str | None = None) -> Hub:
    return Hub(standin.endpoint, token, pauses=(0.01, 0.01))


def _silent(_label: str, _here: int, _total: int) -> None:
    pass


def _fails(standin: StandinHub, folder: Path, token: str | None = None) -> str:
    with pytest.raises(DownloadError) as caught:
        fetch_source(SOURCE, folder, _hub(standin, token), _silent)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert not (folder / "weights.bin").exists()
    return message


def test_every_file_of_a_source_arrives(standin: StandinHub, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}
    fetch_source(
        SOURCE,
        tmp_path / "a" / "b",
        _hub(standin),
        lambda label, here, total: seen.update({label: (here, total)}),
    )
    for name, content in standin.repositories["family/model"].items():
        assert (tmp_path / "a" / "b" / name).read_bytes() == content
    assert seen["family/model/weights.bin"] == (len(WEIGHTS), len(WEIGHTS))
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_here_is_not_asked_for_again(standin: StandinHub, tmp_path: Path) -> None:
    fetch_source(SOURCE, tmp_path, _hub(standin), _silent)
    standin.requests.clear()
    fetch_source(SOURCE, tmp_path, _hub(standin), _silent)
    assert standin.requests == []
    assert missing_bytes(SOURCE, tmp_path) == 0


def test_a_cut_connection_is_resumed_within_a_run(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=7_000)
    fetch_file(SOURCE, FILE, tmp_path, _hub(standin), _silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS
    assert standin.bytes_sent("weights.bin") == len(WEIGHTS)


def test_a_broken_download_goes_on_in_the_next_run(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=40_000, cuts=1)
    standin.faults["weights.bin"].headers = {}
    dead = Hub(standin.endpoint, pauses=())
    with pytest.raises(DownloadError, match=r"40,000 of 102,400 bytes here; run the command again"):
        fetch_file(SOURCE, FILE, tmp_path, dead, _silent)
    assert missing_bytes(SOURCE, tmp_path) == 15 + 62_400
    fetch_file(SOURCE, FILE, tmp_path, dead, _silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS
    assert standin.requests[-1].byte_range == "bytes=40000-"


def test_a_connection_that_stays_cut_is_given_up(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=0)
    message = _fails(standin, tmp_path)
    assert "with 0 of 102,400 bytes here" in message
    assert sum(r.method == "GET" and "content" in r.path for r in standin.requests) == 3


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(cut_after=50_000, cuts=1, ignores_ranges=True)
    fetch_file(SOURCE, FILE, tmp_path, _hub(standin), _silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


def test_a_part_that_is_too_long_is_thrown_away(standin: StandinHub, tmp_path: Path) -> None:
    part = tmp_path / f"weights.bin.{SHA256[:16]}.part"
    part.write_bytes(WEIGHTS + b"more")
    fetch_file(SOURCE, FILE, tmp_path, _hub(standin), _silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["weights.bin", "config.json"])
def test_a_file_with_the_wrong_hash_is_not_kept(
    standin: StandinHub, tmp_path: Path, name: str
) -> None:
    standin.faults[name] = Fault(is_corrupt=True)
    assert f"family/model/{name}" in (message := _fails(standin, tmp_path))
    assert "is not the published file" in message
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / name).exists()


def test_a_hub_that_offers_another_file_is_refused_before_the_download(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Linked-Etag": '"' + "0" * 64 + '"'})
    assert "is not the published file" in _fails(standin, tmp_path)
    assert standin.bytes_sent("weights.bin") == 0


def test_a_known_hash_is_checked_where_the_hub_gives_only_gits(
    standin: StandinHub, tmp_path: Path
) -> None:
    wrong = PublishedFile("config.json", 15, sha256="0" * 64)
    with pytest.raises(DownloadError, match="is not the published file"):
        fetch_file(SOURCE, wrong, tmp_path, _hub(standin), _silent)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_no_hub_is_named_as_such(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Repo-Commit": None})
    assert "as a Hugging Face hub does" in _fails(standin, tmp_path)


def test_another_revision_than_the_pinned_one_is_refused(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Repo-Commit": "f" * 40})
    assert "at another revision than 0123456789ab" in _fails(standin, tmp_path)


def test_a_file_without_a_hash_is_refused(standin: StandinHub, tmp_path: Path) -> None:
    standin.faults["weights.bin"] = Fault(headers={"X-Linked-Etag": '"17-abc"'})
    assert "gives no hash" in _fails(standin, tmp_path)


def test_a_repository_that_was_renamed_is_followed(standin: StandinHub, tmp_path: Path) -> None:
    standin.moved["family/old"] = "family/model"
    source = Source("family/old", COMMIT, "", (FILE,))
    fetch_source(source, tmp_path, _hub(standin, "hf_x"), _silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


def test_a_hub_that_redirects_in_circles_is_given_up(standin: StandinHub, tmp_path: Path) -> None:
    standin.moved |= {"family/a": "family/b", "family/b": "family/a"}
    with pytest.raises(DownloadError, match="as a Hugging Face hub does"):
        fetch_source(Source("family/a", COMMIT, "", (FILE,)), tmp_path, _hub(standin), _silent)


def test_a_branch_may_be_named_instead_of_a_commit(standin: StandinHub, tmp_path: Path) -> None:
    source = Source("family/model", "main", "", (FILE,))
    fetch_source(source, tmp_path, _hub(standin), _silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


def test_a_hub_that_is_busy_for_a_moment_is_asked_again(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(status=503, refusals=2)
    fetch_file(SOURCE, FILE, tmp_path, _hub(standin), _silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=503), "answered 503"),
        (Fault(status=403), "answered 403"),
        (Fault(status=404, error_code="EntryNotFound"), "has no family/model/weights.bin"),
        (Fault(status=404, error_code="RevisionNotFound"), "at the published revision"),
        (Fault(status=401, error_code="RepoNotFound"), "the repository is gone, or needs an acc"),
        (Fault(status=403, error_code="GatedRepo"), "needs an access token in HF_TOKEN"),
    ],
)
def test_every_refusal_is_one_sentence(
    standin: StandinHub, tmp_path: Path, fault: Fault, words: str
) -> None:
    standin.faults["weights.bin"] = fault
    assert words in _fails(standin, tmp_path)


def test_no_server_at_all_is_one_sentence(tmp_path: Path) -> None:
    with serve({}) as gone:
        pass
    message = _fails(gone, tmp_path)
    assert f"The connection to {gone.endpoint} failed" in message


def test_the_token_goes_to_the_hub_alone_and_into_no_message(
    standin: StandinHub, tmp_path: Path
) -> None:
    fetch_source(SOURCE, tmp_path / "a", _hub(standin, "hf_secret"), _silent)
    for request in standin.requests:
        is_elsewhere = request.path.startswith("/content/")
        assert request.authorization == (None if is_elsewhere else "Bearer hf_secret")
    standin.faults["weights.bin"] = Fault(status=500)
    assert "hf_secret" not in _fails(standin, tmp_path / "b", "hf_secret")
    assert "hf_secret" not in repr(_hub(standin, "hf_secret"))


def test_no_token_is_sent_where_none_was_given(standin: StandinHub, tmp_path: Path) -> None:
    fetch_source(SOURCE, tmp_path, _hub(standin), _silent)
    assert {request.authorization for request in standin.requests} == {None}


def test_the_environment_chooses_endpoint_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    assert Hub.from_environment() == Hub("https://mirror.example", "hf_x")
    assert Hub.from_environment("https://other.example").endpoint == "https://other.example"
    monkeypatch.delenv("HF_ENDPOINT")
    monkeypatch.setenv("HF_TOKEN", "")
    assert Hub.from_environment() == Hub("https://huggingface.co", None)


def test_a_password_in_the_endpoint_is_not_shown() -> None:
    assert Hub("https://me:secret@mirror.example:8443").label == "https://mirror.example:8443"
    assert Hub("https://mirror.example").label == "https://mirror.example"


@pytest.mark.parametrize("endpoint", ["mirror.example", "ftp://mirror.example", "https://"])
def test_an_endpoint_that_is_no_address_is_the_users_mistake(endpoint: str) -> None:
    with pytest.raises(UserError, match="is not the address of a hub"):
        Hub(endpoint)


def _run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


FETCH = """
import resource, sys
from pathlib import Path
from ninefold.errors import NinefoldError
from ninefold.checkpoints.hub import fetch_source
from ninefold.checkpoints.hub_client import Hub
from tests.checkpoints.test_hub import SOURCE
if int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    fetch_source(SOURCE, Path(sys.argv[2]), Hub(sys.argv[1]), lambda *_: None)
except NinefoldError as error:
    print(type(error).__name__, error)
"""


LIBRARY_FETCH = """
import sys
from pathlib import Path
from huggingface_hub import hf_hub_download
from tests.checkpoints.test_hub import CONFIG, WEIGHTS
for name, content in (("config.json", CONFIG), ("weights.bin", WEIGHTS), ("empty.txt", b"")):
    assert Path(hf_hub_download("family/model", name)).read_bytes() == content
"""


def test_the_standin_satisfies_huggingface_hub_itself(standin: StandinHub, tmp_path: Path) -> None:
    done = _run(
        LIBRARY_FETCH,
        HF_ENDPOINT=standin.endpoint,
        HF_HOME=str(tmp_path),
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_disk_that_fills_up_is_one_sentence(standin: StandinHub, tmp_path: Path) -> None:
    done = _run(FETCH, standin.endpoint, str(tmp_path), "50000")
    assert done.stderr == ""
    assert done.stdout.startswith(f"UserError The disk of {tmp_path} is full; make room there")
    assert not (tmp_path / "weights.bin").exists()


def test_offline_mode_is_respected(standin: StandinHub, tmp_path: Path) -> None:
    done = _run(FETCH, standin.endpoint, str(tmp_path), "0", HF_HUB_OFFLINE="1")
    assert done.stderr == ""
    assert "HF_HUB_OFFLINE forbids to download it" in done.stdout
    assert standin.requests == []


def test_a_folder_that_cannot_be_made_is_one_sentence(standin: StandinHub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Nothing can be written under"):
        fetch_source(SOURCE, tmp_path / "file" / "folder", _hub(standin), _silent)


def test_room_is_asked_for_in_advance(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "yet", 1, "for a byte")
    with pytest.raises(UserError, match=r"no room for mega: it takes 10.4 GB and .* has 1.5 kB"):
        require_space(tmp_path, 10_400_000_000, "for mega", measure=lambda _: 1_500)


def test_a_full_disk_is_told_from_one_that_cannot_be_written_to(tmp_path: Path) -> None:
    for number, words in ((errno.ENOSPC, "is full; make room"), (errno.EACCES, "can be written")):
        assert words in str(explain_disk_error(OSError(number, os.strerror(number)), tmp_path))


def test_sizes_are_written_as_people_read_them() -> None:
    assert [format_bytes(n) for n in (0, 999, 1_000, 34_196_068, 1_751_400_000)] == [
        "0 bytes",
        "999 bytes",
        "1 kB",
        "34.2 MB",
        "1.75 GB",
    ]
