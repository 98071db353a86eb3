"""Talking to a hub: patience, plain refusals, and a token that goes nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ninefold.checkpoints.hub import fetch_file, fetch_source
from ninefold.checkpoints.hub_client import Hub
from ninefold.errors import UserError
from tests.checkpoints.small_source import (
    FILE,
    REPOSITORIES,
    SOURCE,
    WEIGHTS,
    failure_of,
    hub_of,
    run_python,
    silent,
)
from tests.checkpoints.standin_hub import Fault, StandinHub, serve


@pytest.fixture
def standin() -> Iterator[StandinHub]:
    with serve(REPOSITORIES) as hub:
        yield hub


LIBRARY_FETCH = """
import sys
from pathlib import Path
from huggingface_hub import hf_hub_download
from tests.checkpoints.small_source import CONFIG, WEIGHTS
for name, content in (("config.json", CONFIG), ("weights.bin", WEIGHTS), ("empty.txt", b"")):
    assert Path(hf_hub_download("family/model", name)).read_bytes() == content
"""


def test_the_standin_satisfies_huggingface_hub_itself(standin: StandinHub, tmp_path: Path) -> None:
    done = run_python(
        LIBRARY_FETCH,
        HF_ENDPOINT=standin.endpoint,
        HF_HOME=str(tmp_path),
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hub_that_is_busy_for_a_moment_is_asked_again(
    standin: StandinHub, tmp_path: Path
) -> None:
    standin.faults["weights.bin"] = Fault(status=503, refusals=2)
    fetch_file(SOURCE, FILE, tmp_path, hub_of(standin), silent)
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
    assert words in failure_of(standin, tmp_path)


def test_no_server_at_all_is_one_sentence(tmp_path: Path) -> None:
    with serve({}) as gone:
        pass
    message = failure_of(gone, tmp_path)
    assert f"The connection to {gone.endpoint} failed" in message


def test_the_token_goes_to_the_hub_alone_and_into_no_message(
    standin: StandinHub, tmp_path: Path
) -> None:
    fetch_source(SOURCE, tmp_path / "a", hub_of(standin, "hf_secret"), silent)
    for request in standin.requests:
        is_elsewhere = request.path.startswith("/content/")
        assert request.authorization == (None if is_elsewhere else "Bearer hf_secret")
    standin.faults["weights.bin"] = Fault(status=500)
    assert "hf_secret" not in failure_of(standin, tmp_path / "b", "hf_secret")
    assert "hf_secret" not in repr(hub_of(standin, "hf_secret"))


def test_no_token_is_sent_where_none_was_given(standin: StandinHub, tmp_path: Path) -> None:
    fetch_source(SOURCE, tmp_path, hub_of(standin), silent)
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


def test_offline_mode_is_respected(standin: StandinHub, tmp_path: Path) -> None:
    done = run_python(FETCH, standin.endpoint, str(tmp_path), "0", HF_HUB_OFFLINE="1")
    assert done.stderr == ""
    assert "HF_HUB_OFFLINE forbids to download it" in done.stdout
    assert standin.requests == []


def test_a_token_from_a_file_loses_the_end_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_x\n")
    assert Hub.from_environment().token == "hf_x"
    monkeypatch.setenv("HF_TOKEN", "hf_\nx")
    with pytest.raises(UserError, match="HF_TOKEN holds"):
        Hub.from_environment()


@pytest.mark.parametrize(
    ("name", "value", "endpoint"),
    [
        ("ALL_PROXY", "socks4://127.0.0.1:1", "http://hub.example"),
        ("SSL_CERT_FILE", "/nonexistent.pem", "https://127.0.0.1:1"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named_at_once(
    name: str, value: str, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"{name} names"):
        fetch_file(SOURCE, FILE, tmp_path, Hub(endpoint, pauses=(1e9,)), silent)


def test_a_proxy_and_certificates_that_the_hub_does_not_need_may_be_wrong(
    standin: StandinHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
    fetch_file(SOURCE, FILE, tmp_path, hub_of(standin), silent)
    assert (tmp_path / "weights.bin").read_bytes() == WEIGHTS
