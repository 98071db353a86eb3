"""Installing from a hub: what is there is whole and verified; a failure leaves nothing behind."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.install import (
    InstallOptions,
    bytes_needed,
    install_published,
)
from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.model_folder import load_state, read_config
from ninefold.checkpoints.published import PublishedFile
from ninefold.checkpoints.registry import REGISTRY, ModelSpec
from ninefold.checkpoints.verify import verify_model
from ninefold.errors import NinefoldError, UserError
from tests.checkpoints.installing import BLUEPRINT, MINI, SPECS, Notes, nothing_is_left, pull
from tests.checkpoints.published_tiny import (
    WORDS,
    Repositories,
    build_registry,
    change_array,
    write_trap,
)
from tests.checkpoints.standin_hub import Fault, StandinHub

KEY = "model/encoder/layernorm_embedding/bias"


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
