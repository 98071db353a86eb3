"""Installing: a model that is there is whole and verified; a failure leaves nothing behind."""

import dataclasses
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ninefold.checkpoints.convert import ModelSources
from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.install import (
    InstallOptions,
    bytes_needed,
    install_local,
    install_published,
)
from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.local_sources import find_sources
from ninefold.checkpoints.native import load_state, read_config
from ninefold.checkpoints.published import PublishedFile
from ninefold.checkpoints.registry import REGISTRY, ModelSpec, find_model
from ninefold.checkpoints.verify import Check, verify_model
from ninefold.errors import CheckpointError, NinefoldError, UserError
from tests.checkpoints.published_tiny import (
    GOLDEN,
    WORDS,
    Repositories,
    build_registry,
    build_repositories,
    change_array,
    write_trap,
)
from tests.checkpoints.standin_hub import Fault, StandinHub, serve

BLUEPRINT = build_repositories()
SPECS = build_registry(BLUEPRINT)
MINI = SPECS["tiny-mini"]
KEY = "model/encoder/layernorm_embedding/bias"


class Notes:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.files: dict[str, tuple[int, int]] = {}
        self.checks: list[Check] = []

    def step(self, message: str) -> None:
        self.steps.append(message)

    def progress(self, label: str, here: int, total: int) -> None:
        self.files[label] = (here, total)

    def check(self, check: Check) -> None:
        self.checks.append(check)


@pytest.fixture
def repositories() -> Repositories:
    return {name: dict(files) for name, files in BLUEPRINT.items()}


@pytest.fixture
def standin(repositories: Repositories) -> Iterator[StandinHub]:
    with serve(repositories) as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def pull(
    standin: StandinHub,
    home: Path,
    spec: ModelSpec = MINI,
    options: InstallOptions | None = None,
) -> Notes:
    notes = Notes()
    hub = Hub(standin.endpoint, pauses=(0.01,))
    folder = install_published(spec, hub, notes, options, home)
    assert folder == find_model(spec.name, SPECS, home)
    return notes


def nothing_is_left(home: Path) -> bool:
    """Whether neither a model nor a folder of the work on one is there."""
    return list((home / "models").iterdir()) == []


def fails(standin: StandinHub, home: Path, spec: ModelSpec = MINI) -> str:
    with pytest.raises(NinefoldError) as caught:
        pull(standin, home, spec)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert nothing_is_left(home)
    return message


@pytest.mark.parametrize("name", ["tiny-mini", "tiny-mega"])
def test_a_published_model_is_downloaded_converted_verified_and_installed(
    standin: StandinHub, home: Path, name: str
) -> None:
    notes = pull(standin, home, SPECS[name])
    folder = home / "models" / name
    config = read_config(folder)
    assert (config.name, config.preset, config.clip is None) == (name, "dalle-mini", False)
    assert config.licence == "Apache-2.0; VQGAN: MIT; CLIP: MIT"
    assert (folder / "enwiki-words-frequency.txt").read_bytes() == WORDS
    assert all(check.passed for check in verify_model(folder, SPECS[name]))
    assert [check.name for check in notes.checks][-1] == "drawing"
    assert [step.split()[0] for step in notes.steps] == ["Downloading", "Converting", "Verifying"]
    assert all(here == total for here, total in notes.files.values())
    assert not (home / "downloads" / name).exists()
    assert [path.name for path in (home / "models").iterdir()] == [name]


def test_what_is_installed_is_not_downloaded_again(standin: StandinHub, home: Path) -> None:
    pull(standin, home)
    standin.requests.clear()
    assert pull(standin, home).steps == ["tiny-mini is installed already; --force replaces it"]
    assert standin.requests == []
    assert pull(standin, home, options=InstallOptions(force=True)).checks


def test_a_model_can_do_without_clip_and_be_stored_small(standin: StandinHub, home: Path) -> None:
    pull(standin, home, options=InstallOptions(dtype="float16", with_clip=False))
    folder = home / "models" / "tiny-mini"
    assert read_config(folder).clip is None
    assert {str(t.dtype) for t in load_state(folder, "dallebart").values()} == {"torch.float16"}
    assert not any("tiny/clip" in request.path for request in standin.requests)
    assert load_dallebart(folder).lm_head.weight.dtype.itemsize == 4


def test_a_download_that_broke_goes_on_where_it_was(standin: StandinHub, home: Path) -> None:
    standin.faults["flax_model.msgpack"] = Fault(cut_after=500_000, cuts=1)
    standin.faults["merges.txt"] = Fault(status=500, refusals=2)
    assert "answered 500 for tiny/mini/merges.txt" in fails(standin, home)
    sizes = len(BLUEPRINT["tiny/mini"]["flax_model.msgpack"])
    assert standin.bytes_sent("flax_model.msgpack") == sizes
    pull(standin, home)
    sizes += len(BLUEPRINT["tiny/vqgan"]["flax_model.msgpack"])
    assert standin.bytes_sent("flax_model.msgpack") == sizes


def test_a_cut_connection_installs_nothing(standin: StandinHub, home: Path) -> None:
    standin.faults["flax_model.msgpack"] = Fault(cut_after=0)
    assert "run the command again and it goes on from there" in fails(standin, home)


def test_a_wrong_hash_installs_nothing(standin: StandinHub, home: Path) -> None:
    standin.faults["flax_model.msgpack"] = Fault(is_corrupt=True)
    assert "is not the published file" in fails(standin, home)


def _changed(repositories: Repositories, path: str, array: np.ndarray | None) -> None:
    files = repositories["tiny/mini"]
    files["flax_model.msgpack"] = change_array(files["flax_model.msgpack"], path, array)


def test_a_missing_tensor_is_named(
    standin: StandinHub, home: Path, repositories: Repositories
) -> None:
    _changed(repositories, KEY, None)
    assert KEY in fails(standin, home)


def test_a_tensor_too_many_is_named(
    standin: StandinHub, home: Path, repositories: Repositories
) -> None:
    _changed(repositories, "model/encoder/extra", np.zeros(3, np.float32))
    assert "model/encoder/extra" in fails(standin, home)


def test_a_tensor_of_the_wrong_shape_is_named(
    standin: StandinHub, home: Path, repositories: Repositories
) -> None:
    _changed(repositories, KEY, np.zeros(65, np.float32))
    assert "65" in (message := fails(standin, home))
    assert KEY in message


def test_weights_that_are_not_numbers_do_not_pass_verification(
    standin: StandinHub, home: Path, repositories: Repositories
) -> None:
    _changed(repositories, KEY, np.full(64, np.nan, np.float32))
    message = fails(standin, home)
    assert message == (
        "These weights are not a sound tiny-mini, so they were not installed; logits: The logits "
        "of step 0 are not all finite numbers."
    )


def test_a_truncated_file_is_fetched_anew_the_next_time(
    standin: StandinHub, home: Path, repositories: Repositories
) -> None:
    files = repositories["tiny/mini"]
    whole = files["flax_model.msgpack"]
    files["flax_model.msgpack"] = whole[:-100]
    assert "cut short" in fails(standin, home)
    files["flax_model.msgpack"] = whole
    pull(standin, home)


def test_a_file_that_would_run_code_is_refused(
    standin: StandinHub, home: Path, repositories: Repositories, tmp_path: Path
) -> None:
    write_trap(tmp_path / "trap.bin", tmp_path / "sprung")
    clip = repositories["tiny/clip"]
    del clip["model.safetensors"]
    clip["pytorch_model.bin"] = (tmp_path / "trap.bin").read_bytes()
    spec = build_registry(repositories)["tiny-mini"]
    assert "can run code" in fails(standin, home, spec)
    assert not (tmp_path / "sprung").exists()


def test_a_proven_download_is_kept_when_another_is_damaged(
    standin: StandinHub, home: Path, repositories: Repositories
) -> None:
    weights = BLUEPRINT["tiny/mini"]["flax_model.msgpack"]
    known = hashlib.sha256(weights).hexdigest()
    assert MINI.dallebart
    files = tuple(
        dataclasses.replace(file, sha256=known if file.name == "flax_model.msgpack" else None)
        for file in MINI.dallebart.files
    )
    spec = dataclasses.replace(MINI, dallebart=dataclasses.replace(MINI.dallebart, files=files))
    repositories["tiny/vqgan"]["flax_model.msgpack"] = b"\x80" * 20
    fails(standin, home, spec)
    kept = [path.name for path in (home / "downloads").rglob("*") if path.is_file()]
    assert kept == ["flax_model.msgpack"]


def test_a_model_that_is_too_large_for_the_disk_is_not_begun(
    standin: StandinHub, home: Path
) -> None:
    words = dataclasses.replace(MINI.words, files=(PublishedFile("huge", 10**18),))  # type: ignore[type-var]  # it has words
    message = fails(standin, home, dataclasses.replace(MINI, words=words))
    assert message.startswith("There is no room to install tiny-mini: it takes 2e+09 GB")
    assert standin.requests == []


def test_half_precision_needs_less_room(home: Path) -> None:
    mega = REGISTRY["mega"]
    whole = bytes_needed(mega, InstallOptions(), home)
    half = bytes_needed(mega, InstallOptions(dtype="float16", with_clip=False), home)
    assert whole == 2 * mega.download_bytes()
    assert half == pytest.approx(2 * mega.download_bytes(with_clip=False) - 5.2e9, rel=0.01)


def test_the_packaged_model_is_not_pulled(home: Path) -> None:
    with pytest.raises(UserError, match="'pocket' comes with ninefold; there is nothing to pull"):
        install_published(REGISTRY["pocket"], Hub(), Notes(), home=home)


# From files that are here.


def _sources(folder: Path, golden: str = "tiny_mini") -> ModelSources:
    shutil.copytree(GOLDEN / golden, folder / "transformer")
    shutil.copytree(GOLDEN / "tiny_vqgan", folder / "vqgan")
    if (folder / "transformer" / "encoder.pt").exists():
        (folder / "transformer" / "flax_model.msgpack").unlink()
    return find_sources(folder)


def install(
    name: str | None, sources: ModelSources, home: Path, options: InstallOptions | None = None
) -> Notes:
    notes = Notes()
    install_local(name, sources, notes, options, home, SPECS)
    return notes


def test_local_files_are_recognized_by_their_size(tmp_path: Path, home: Path) -> None:
    install(None, _sources(tmp_path / "files"), home)
    assert read_config(find_model("tiny-mini", SPECS, home)).name == "tiny-mini"


def test_both_families_of_files_give_the_same_weights(
    standin: StandinHub, tmp_path: Path, home: Path
) -> None:
    pull(standin, home)
    install("from-torch", _sources(tmp_path / "files"), home)
    ours = load_state(home / "models" / "from-torch", "dallebart")
    for name, tensor in load_state(home / "models" / "tiny-mini", "dallebart").items():
        assert ours[name].float().equal(tensor)


def test_a_model_of_ones_own_gets_the_name_that_it_is_given(tmp_path: Path, home: Path) -> None:
    install("my-model", _sources(tmp_path / "files"), home)
    folder = find_model("my-model", SPECS, home)
    assert read_config(folder).licence == "that of the files it was made from"


def test_parts_that_are_not_there_are_mentioned(tmp_path: Path, home: Path) -> None:
    sources = _sources(tmp_path / "files")
    missing = install("a", sources, home).steps[:2]
    assert [step.split(",")[0] for step in missing] == [
        "There is no CLIP among the files",
        "There is no word list among the files",
    ]
    words = tmp_path / "enwiki-words-frequency.txt"
    words.write_bytes(WORDS)
    complete = dataclasses.replace(sources, words=words)
    steps = install("b", complete, home, InstallOptions(with_clip=False)).steps
    assert steps == ["Converting b", "Verifying b"]


def test_an_unknown_transformer_asks_for_a_name(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UserError, match="give it a name: `ninefold pull NAME --from FOLDER`"):
        install_local(None, _sources(tmp_path), Notes(), home=home, registry=REGISTRY)


@pytest.mark.parametrize("name", ["../escape", "Mini", "", ".hidden", "a" * 65, "a/b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, home: Path, name: str) -> None:
    sources = ModelSources(tmp_path, tmp_path)
    with pytest.raises(UserError):
        install(name, sources, home)
    assert not home.exists()


def test_the_name_of_the_packaged_model_is_taken(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UserError, match="belongs to a model that comes with ninefold"):
        install_local("pocket", ModelSources(tmp_path, tmp_path), Notes(), home=home)


def test_another_model_cannot_take_a_published_name(tmp_path: Path, home: Path) -> None:
    sources = _sources(tmp_path / "files", "tiny_mega")
    with pytest.raises(CheckpointError, match="not a sound tiny-mini, so they were not installed"):
        install("tiny-mini", sources, home)
    assert nothing_is_left(home)


def test_a_local_file_that_would_run_code_is_refused(tmp_path: Path, home: Path) -> None:
    sources = _sources(tmp_path / "files")
    write_trap(sources.dallebart / "encoder.pt", tmp_path / "sprung")
    with pytest.raises(CheckpointError, match="can run code"):
        install("mine", sources, home)
    assert not (tmp_path / "sprung").exists()
    assert nothing_is_left(home)


# With real processes.

PULL = """
import pickle, resource, sys
from pathlib import Path
from ninefold.errors import NinefoldError
from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.install import install_published

class Loud:
    def step(self, message):
        print(message, flush=True)
    def progress(self, label, here, total):
        pass
    def check(self, check):
        pass

spec, endpoint, home, limit = pickle.load(sys.stdin.buffer)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    print("installed", install_published(spec, Hub(endpoint, pauses=()), Loud(), home=home))
except NinefoldError as error:
    print("failed", error)
"""


def _start(standin: StandinHub, home: Path, limit: int = 0) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", PULL],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    with process.stdin as task:
        pickle.dump((MINI, standin.endpoint, home, limit), task)
    process.stdin = None
    return process


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout
    return process.stdout.readline().decode().strip()


def _finish(process: subprocess.Popen[bytes]) -> list[str]:
    out, errors = process.communicate(timeout=120)
    assert errors == b""
    return out.decode().splitlines()


def test_two_processes_at_once_do_the_work_once(standin: StandinHub, home: Path) -> None:
    gate = threading.Event()
    standin.faults["flax_model.msgpack"] = Fault(gate=gate)
    first, second = _start(standin, home), _start(standin, home)
    lines = [_line(process) for process in (first, second)]
    gate.set()
    results = [[line, *_finish(p)] for line, p in zip(lines, (first, second), strict=True)]
    worked, waited = sorted(results, key=lambda lines: lines[0].startswith("Waiting"))
    assert worked[0].startswith("Downloading tiny-mini")
    assert waited == [
        "Waiting for another process that is installing tiny-mini",
        "tiny-mini is installed already; --force replaces it",
        f"installed {home / 'models' / 'tiny-mini'}",
    ]
    assert standin.bytes_sent("pytorch_model.bin") == 0
    assert standin.bytes_sent("model.safetensors") == len(
        BLUEPRINT["tiny/clip"]["model.safetensors"]
    )


def test_a_process_that_is_killed_leaves_nothing_that_the_next_cannot_put_right(
    standin: StandinHub, home: Path
) -> None:
    standin.faults["tokenizer_config.json"] = Fault(gate=(gate := threading.Event()))
    victim = _start(standin, home)
    assert _line(victim).startswith("Downloading")
    victim.kill()
    victim.communicate()
    gate.set()
    pull(standin, home)
    assert [path.name for path in (home / "models").iterdir()] == ["tiny-mini"]


def test_a_disk_that_fills_up_while_converting_is_one_sentence(
    standin: StandinHub, home: Path
) -> None:
    # Every download passes, the largest of which has 4,315,959 bytes; the VQGAN of ours does not.
    *_, last = _finish(_start(standin, home, limit=4_316_000))
    assert last.startswith("failed The disk of ")
    assert last.endswith("and run the command again.")
    assert nothing_is_left(home)
