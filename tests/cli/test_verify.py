"""`ninefold verify`: a line a check, and an exit code for scripts."""

import shutil
from pathlib import Path

from tests.cli.conftest import RunInside


def test_a_sound_model_passes_with_a_line_a_check(ninefold: RunInside) -> None:
    result = ninefold("verify", "tiny")
    assert (result.code, result.err) == (0, "")
    assert [line.split(":")[0] for line in result.out.splitlines()] == [
        "pass  configuration",
        "pass  tokenizer",
        "pass  files",
        "pass  transformer",
        "pass  VQGAN",
        "pass  CLIP",
        "pass  logits",
        "pass  drawing",
    ]


def test_a_damaged_model_fails_with_exit_code_1(
    ninefold: RunInside, installed: Path, workplace: Path
) -> None:
    folder = shutil.copytree(installed / "models" / "tiny", workplace / "copy")
    (folder / "clip.safetensors").unlink()
    result = ninefold("verify", "./copy")
    assert result.code == 1
    assert "FAIL  files: clip.safetensors is missing; install the model again." in result.out
    assert "pass  drawing" in result.out


def test_a_model_that_is_not_installed_is_the_users_mistake(ninefold: RunInside) -> None:
    result = ninefold("verify", "mini")
    assert (result.code, result.out) == (2, "")
    assert result.err == "ninefold: Model 'mini' is not installed; run `ninefold pull mini`.\n"
