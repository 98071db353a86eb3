"""Our model folders: written whole or not at all, never over other files, read back exactly."""

import dataclasses
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ninefold.checkpoints.model_folder import (
    ModelConfig,
    Network,
    load_state,
    read_config,
    record_of,
    save_model,
)
from ninefold.checkpoints.tensor_source import TensorSpec, TensorStream, stream_of
from ninefold.errors import CheckpointError, UserError
from tests.tiny import CLIP_CONFIG, DALLEBART, VQGAN_CONFIG

CONFIG = ModelConfig(
    name="tiny — ✓",
    licence="none",
    preset="pocket",
    dallebart=DALLEBART,
    vqgan=VQGAN_CONFIG,
    clip=CLIP_CONFIG,
    picture_size=16,
    normalize_text=False,
)
STATE = {"a.weight": torch.rand(3, 4), "b": torch.rand(2).half()}


def save(folder: Path, *, replace: bool = False, state: dict[str, Tensor] = STATE) -> ModelConfig:
    files: dict[str, Path | bytes] = {"tokenizer.json": b"{}"}
    return save_model(folder, CONFIG, {"vqgan": state}, files, replace=replace)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_saved_reads_back_equal(tmp_path: Path) -> None:
    written = save(tmp_path / "deep" / "model")
    folder = tmp_path / "deep" / "model"
    assert read_config(folder) == written
    assert written == dataclasses.replace(CONFIG, files=written.files)
    state = load_state(folder, "vqgan")
    assert all(torch.equal(state[name], tensor) for name, tensor in STATE.items())
    assert {tensor.dtype for tensor in state.values()} == {torch.float32, torch.float16}
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "tokenizer.json",
        "vqgan.safetensors",
    ]


def test_every_other_file_is_recorded_with_size_and_hash(tmp_path: Path) -> None:
    written = save(tmp_path / "model")
    assert sorted(written.files) == ["tokenizer.json", "vqgan.safetensors"]
    for name, record in written.files.items():
        assert record == record_of(tmp_path / "model" / name)
    assert written.files["tokenizer.json"].bytes == 2
    assert written.files["tokenizer.json"].sha256.startswith("44136fa355b3678a")  # sha256 of {}


def test_files_are_copied_from_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"a 1\n")
    save_model(tmp_path / "model", CONFIG, {}, {"words.txt": tmp_path / "words"})
    assert (tmp_path / "model" / "words.txt").read_bytes() == b"a 1\n"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_can_be_stored_and_loaded_in_any_format(tmp_path: Path, dtype: torch.dtype) -> None:
    save_model(tmp_path / "model", CONFIG, {"vqgan": STATE}, {}, dtype=dtype)
    stored = load_state(tmp_path / "model", "vqgan")
    loaded = load_state(tmp_path / "model", "vqgan", dtype=torch.float32)
    for name, tensor in STATE.items():
        assert stored[name].dtype == dtype
        assert torch.equal(stored[name], tensor.to(dtype))
        assert torch.equal(loaded[name], tensor.to(dtype).float())


def test_a_model_that_is_there_is_kept_unless_replacing_was_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save(folder)
    before = content_of(folder)
    with pytest.raises(UserError, match="is not empty; remove it, or name another folder"):
        save(folder)
    assert content_of(folder) == before
    save(folder, replace=True, state={"a": torch.ones(1)})
    assert list(load_state(folder, "vqgan")) == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    save(tmp_path)
    assert read_config(tmp_path).name == CONFIG.name


def test_other_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds other files, which are kept"):
        save(tmp_path, replace=True)
    with pytest.raises(UserError, match="is a file; name a folder"):
        save(tmp_path / "thesis.tex")
    assert content_of(tmp_path) == {"thesis.tex": b"years of work"}


def streaming(act: Callable[[], None]) -> dict[Network, TensorStream]:
    """Weights whose second tensor is preceded by `act`."""

    def tensors() -> Iterator[tuple[str, Tensor]]:
        yield "a.weight", STATE["a.weight"]
        act()
        yield "b", STATE["b"]

    return {"vqgan": TensorStream(stream_of(STATE).specs, tensors)}


@pytest.mark.parametrize("failure", [CheckpointError("it ended"), KeyboardInterrupt()])
@pytest.mark.parametrize("replace", [False, True])
def test_nothing_is_left_of_a_model_that_failed(
    tmp_path: Path, failure: BaseException, replace: bool
) -> None:
    folder = tmp_path / "model"
    if replace:
        save(folder)
    before = content_of(tmp_path)

    def fail() -> None:
        assert len(list(tmp_path.iterdir())) == 1 + replace, "it is written beside its place"
        raise failure

    with pytest.raises(type(failure)):
        save_model(folder, CONFIG, streaming(fail), {}, replace=replace)
    assert content_of(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == replace


def test_of_two_that_write_at_once_the_first_wins_and_the_second_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "model"

    def overtake() -> None:
        save(folder, state={"first": torch.ones(1)})

    with pytest.raises(UserError, match="was written by another process in the meantime"):
        save_model(folder, CONFIG, streaming(overtake), {})
    assert list(load_state(folder, "vqgan")) == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    specs = {"a": TensorSpec((1 << 50,), torch.float32)}
    huge: dict[Network, TensorStream] = {"vqgan": TensorStream(specs, lambda: [])}
    with pytest.raises(UserError, match="There is no room to write the model tiny"):
        save_model(tmp_path / "model", CONFIG, huge, {})
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_while_writing_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # the nearest to a full disk
    try:
        with pytest.raises(UserError, match="full; make room"):
            save(tmp_path / "model", state={"a": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Nothing can be written under"):
        save(tmp_path / "file" / "model")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, UserError, r"holds no model; there is no config\.json"),
        ("{}", UserError, "is not a model of ninefold; if its weights are published ones"),
        ('{"format": "ninefold-2"}', UserError, "of the format 'ninefold-2'; update ninefold"),
        ('{"format": "ninefold-1"}', CheckpointError, "lacks name, licence, preset, dallebart"),
        ("{", CheckpointError, "is damaged"),
    ],
)
def test_a_folder_that_is_no_model_is_refused(
    tmp_path: Path, content: str | None, error: type[Exception], message: str
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(error, match=message):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("network", "change", "message"),
    [
        ("vqgan", {"n_embed": 500}, "the VQGAN has 500 codes, but image_vocab_size is 66"),
        ("dallebart", {"image_length": 15}, "a picture has a square number of codes"),
        ("dallebart", {"image_length": 64}, "codes are 32 pixels, but picture_size is 16"),
        ("dallebart", {"decoder_start_token_id": 70}, "decoder_start_token_id=70"),
    ],
)
def test_networks_that_do_not_fit_together_are_refused(
    tmp_path: Path, network: str, change: dict[str, int], message: str
) -> None:
    save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    values = json.loads(path.read_text())
    values[network] |= change
    path.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=message):
        read_config(tmp_path / "model")
