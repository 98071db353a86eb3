"""The wheel carries the native decoder, compiled for each set of instructions, where it can."""

import platform
import runpy
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

from ninefold.engine.native import library
from ninefold.engine.native.compilation import PORTABLE_TARGETS, SOURCES, TARGETS, prebuilt_name

ROOT = Path(__file__).parents[1]


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that notes what it is asked for, and writes something in no time."""
    path, log = tmp_path / "cxx", tmp_path / "log"
    path.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {log}\n'
        'for a; do [ "$last" = -o ] && printf GLIBC_2.31GLIBC_2.4 > "$a"; last="$a"; done\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("CXX", str(path))
    return log


def build(folder: Path, version: str = "standard") -> zipfile.ZipFile:
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=[version])
    return zipfile.ZipFile(path)


def test_a_wheel_has_a_module_for_each_set_under_the_name_that_is_looked_for(
    compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with build(tmp_path / "dist") as wheel:
        names = set(wheel.namelist())
        assert str(wheel.filename).endswith("py3-none-manylinux_2_31_x86_64.whl")
    folder = ROOT / "src" / "ninefold" / "engine" / "native"
    for instructions in TARGETS:
        name = prebuilt_name(folder, instructions)
        assert f"ninefold/engine/native/built/{name}" in names
    assert {f"ninefold/engine/native/{name}" for name in SOURCES} <= names
    commands = compiler.read_text().splitlines()
    assert len(commands) == len(TARGETS)
    assert not any("native " in command.replace(str(ROOT), "") for command in commands)


def test_a_compiler_that_knows_no_set_leaves_a_wheel_that_compiles_at_its_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "false")
    with build(tmp_path / "dist") as wheel:
        assert str(wheel.filename).endswith("py3-none-any.whl")
    assert "cannot compile for avx2: left out" in "".join(capfd.readouterr())


@pytest.mark.usefixtures("compiler")
def test_a_wheel_without_modules_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NINEFOLD_WHEEL", "pure")
    with build(tmp_path / "dist") as wheel:
        assert str(wheel.filename).endswith("py3-none-any.whl")
        assert not any("/built/" in name for name in wheel.namelist())


def test_an_editable_install_compiles_nothing(compiler: Path, tmp_path: Path) -> None:
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))["NativeBuildHook"]
    data: dict[str, Any] = {"force_include": {}}
    hook(str(ROOT), {}, None, None, str(tmp_path), "wheel").initialize("editable", data)
    assert data == {"force_include": {}}
    assert not compiler.exists()


def test_portable_modules_need_no_more_than_what_is_looked_for_in_a_processor() -> None:
    flags = {
        "avx2": "avx2", "fma": "fma", "avxvnni": "avx_vnni", "avx512f": "avx512f",
        "avx512bw": "avx512bw", "avx512vl": "avx512vl", "avx512bf16": "avx512_bf16",
        "avx512vnni": "avx512_vnni",
    }  # fmt: skip
    for instructions, options in PORTABLE_TARGETS.items():
        needed = {flags[option.removeprefix("-m")] for option in options}
        assert needed <= set(library.NEEDED[instructions]), instructions


@pytest.mark.native("float32")
def test_what_the_wheel_carries_is_loaded_without_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Path(library.__file__).parent
    built = library.load_library()._module._name
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    for name in SOURCES:
        (tmp_path / name).write_bytes((here / name).read_bytes())
    monkeypatch.setenv("CXX", "no-such-compiler")
    load = library._load.__wrapped__
    instructions = library.best_instructions()
    with pytest.raises(library.NativeUnavailableError, match="no C"):
        load(instructions)
    carried = tmp_path / "built" / prebuilt_name(tmp_path, instructions)
    carried.parent.mkdir()
    carried.write_bytes(Path(built).read_bytes())
    assert library.prebuilt(instructions) == carried
    assert load(instructions)._module._name == str(carried)
    (tmp_path / "rows.h").write_text("// changed")  # what was built from other sources is not taken
    assert library.prebuilt(instructions) is None
