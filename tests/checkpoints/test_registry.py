"""Names of models: what each stands for, and where it lies."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch

from ninefold.checkpoints import registry
from ninefold.checkpoints.registry import (
    MODEL_NAME,
    REGISTRY,
    ModelSpec,
    data_folder,
    find_model,
    find_spec,
    holds_model,
    is_installed,
    local_models,
    model_folder,
)
from ninefold.errors import CheckpointError, UserError
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN, VQGANConfig


def _place(home: Path, name: str, config: object = None) -> Path:
    folder = home / "models" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or {"format": "ninefold-1"}))
    return folder


def test_every_name_is_safe_as_a_folder_and_maps_to_its_own_spec() -> None:
    for name, spec in REGISTRY.items():
        assert spec.name == name
        assert MODEL_NAME.fullmatch(name)


def test_every_published_file_is_pinned_and_every_large_one_has_a_known_hash() -> None:
    for spec in REGISTRY.values():
        for source in spec.sources().values():
            assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
            for file in source.files:
                assert file.num_bytes > 0
                if file.num_bytes > 3_000_000:
                    assert file.sha256
                if file.sha256:
                    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)


def test_every_model_says_its_licence_and_limits() -> None:
    for spec in REGISTRY.values():
        assert spec.licence == "Apache-2.0"
        assert 40 < len(spec.limits) < 300
        assert all(source.licence for source in spec.sources().values())


def test_the_size_of_a_download_counts_clip_only_if_it_is_wanted() -> None:
    mini = REGISTRY["mini"]
    saved = mini.download_bytes() - mini.download_bytes(with_clip=False)
    assert saved == mini.sources()["clip"].num_bytes > 600_000_000
    assert REGISTRY["pocket"].download_bytes() == 0


def test_the_recorded_parameter_counts_are_those_of_the_published_shapes() -> None:
    with torch.device("meta"):
        networks = DalleBart(DalleBartConfig()), VQGAN(VQGANConfig())
    dallebart, vqgan = (sum(p.numel() for p in network.parameters()) for network in networks)
    assert REGISTRY["mini"].dallebart_parameters == dallebart
    assert REGISTRY["mini"].vqgan_parameters == REGISTRY["mega"].vqgan_parameters == vqgan


def test_a_pulled_model_is_found_by_name_from_then_on(tmp_path: Path) -> None:
    spec = REGISTRY["mini"]
    assert not is_installed(spec, tmp_path)
    with pytest.raises(UserError, match=r"'mini' is not installed; run `ninefold pull mini`\."):
        find_model("mini", home=tmp_path)
    folder = _place(tmp_path, "mini")
    assert find_model("mini", home=tmp_path) == folder == model_folder(spec, tmp_path)
    assert is_installed(spec, tmp_path)


def test_a_model_of_ones_own_is_found_by_its_name_and_by_its_folder(tmp_path: Path) -> None:
    folder = _place(tmp_path, "my-model")
    _place(tmp_path, "not a name")
    _place(tmp_path, "published", {"model_type": "dallebart"})
    assert local_models(home=tmp_path) == ["my-model"]
    assert find_model("my-model", home=tmp_path) == folder
    assert find_model(folder, home=tmp_path) == folder


def test_a_name_wins_over_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _place(tmp_path, "mini")
    monkeypatch.chdir(tmp_path / "models")
    with pytest.raises(UserError, match="is not installed"):
        find_model("mini", home=tmp_path / "elsewhere")
    assert find_model("./mini", home=tmp_path / "elsewhere") == Path("mini")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    _place(tmp_path, "my-model")
    with pytest.raises(UserError, match="known are pocket, mini, mega, my-model, or give a model"):
        find_model("maxi", home=tmp_path)
    with pytest.raises(UserError, match=r"no model 'maxi'; known are pocket, mini, mega\."):
        find_spec("maxi")
    assert find_spec("mini") is REGISTRY["mini"]


def test_a_folder_of_published_weights_is_not_a_model_yet(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "dallebart"}')
    with pytest.raises(UserError, match="converted with `ninefold pull NAME --from"):
        find_model(tmp_path, home=tmp_path)


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b'{"format": "other"}'])
def test_a_config_that_is_not_ours_is_not_a_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    assert not holds_model(tmp_path)


def test_a_packaged_model_that_is_missing_asks_for_a_new_installation(tmp_path: Path) -> None:
    absent = ModelSpec("absent", "", "", "", is_packaged=True)
    with pytest.raises(CheckpointError, match="install ninefold again"):
        find_model("absent", {"absent": absent}, tmp_path)
    assert model_folder(absent, tmp_path).parts[-3:] == ("ninefold", "weights", "absent")


def test_the_data_folder_is_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINEFOLD_HOME", "~/pictures")
    assert data_folder() == Path.home() / "pictures"


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, ".cache/ninefold"),
        ("linux", {"XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/ninefold"),
        ("darwin", {}, "Library/Caches/ninefold"),
        ("win32", {}, "AppData/Local/ninefold"),
        ("win32", {"LOCALAPPDATA": "/data"}, "/data/ninefold"),
    ],
)
def test_each_platform_has_its_cache(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], folder: str
) -> None:
    for name in ("NINEFOLD_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert registry.data_folder() == Path.home() / folder


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_who_has_no_home_is_told_to_name_a_folder(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("NINEFOLD_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(UserError, match=r"has no home folder, below which models .+HOME"):
        data_folder()
    monkeypatch.setenv("NINEFOLD_HOME", "~nobody-of-this-name/x")
    with pytest.raises(UserError, match="without '~'"):
        data_folder()
    with pytest.raises(UserError, match="without '~'"):
        find_model("~nobody-of-this-name/x")
