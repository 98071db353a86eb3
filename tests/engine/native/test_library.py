"""The module is built once, by the compiler that is there, and what hinders it is said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ninefold.engine.backends import painter_kind
from ninefold.engine.native import library
from ninefold.engine.native.compilation import FLAGS
from ninefold.engine.native.library import NativeUnavailableError
from ninefold.engine.native.structures import (
    KINDS,
    load_library_for,
    load_painting_library,
)
from ninefold.errors import UserError
from tests.native_kinds import available_kinds


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Load the module anew, with an empty folder for what is built."""
    monkeypatch.setenv("NINEFOLD_HOME", str(tmp_path))
    monkeypatch.setattr(library, "_load", library._load.__wrapped__)
    return library.load_library


def compiler(folder: Path, script: str) -> str:
    path = folder / "cxx"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.native("float32")
def test_the_result_of_a_build_is_kept(
    load: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setattr(library, "FLAGS", ("-O0", *FLAGS[1:]))  # quicker to compile
    monkeypatch.setenv("CXX", compiler(tmp_path, f'echo "$@" >> {log}\nexec g++ "$@"'))
    load()
    load()
    builds = [line for line in log.read_text().splitlines() if "-shared" in line]
    assert len(builds) == 1
    assert len(list((tmp_path / "native").iterdir())) == 1


@pytest.mark.native("float32")
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'x.cpp:1: error: no such thing' >&2; exit 1", "failed: x.cpp:1: error"),
        ('for a; do last="$out"; out="$a"; done; touch "$last"', "cannot be loaded"),
    ],
)
def test_a_compiler_that_fails_is_an_explained_error(
    load: Callable[[], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    reason: str,
) -> None:
    monkeypatch.setenv("CXX", compiler(tmp_path, script))
    with pytest.raises(NativeUnavailableError, match=reason):
        load()


@pytest.mark.native("float32")
def test_a_machine_without_a_compiler_is_told_what_to_install(
    load: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NativeUnavailableError, match="install g"):
        load()


@pytest.mark.native("float32")
def test_a_compiler_that_is_too_old_for_vnni_builds_for_avx2_and_says_so(
    load: Callable[[], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv(library.LIMIT_VARIABLE, raising=False)
    monkeypatch.setattr(library, "processor_flags", lambda: frozenset(library.NEEDED["avxvnni"]))
    monkeypatch.setattr(library, "FLAGS", ("-O0", *FLAGS[1:]))
    refusal = 'echo "error: what is -mavxvnni" >&2; exit 1'
    script = f'case "$*" in *-mavxvnni*) {refusal};; esac\nexec g++ "$@"'
    monkeypatch.setenv("CXX", compiler(tmp_path, script))
    load()
    assert [path.name.split("-")[1] for path in (tmp_path / "native").iterdir()] == ["avx2"]
    assert "what is -mavxvnni; drawing without avxvnni" in caplog.text


def test_a_processor_without_the_instructions_is_named(
    load: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(library.LIMIT_VARIABLE, raising=False)
    monkeypatch.setattr(library, "processor_flags", lambda: frozenset({"avx", "avx2"}))
    with pytest.raises(NativeUnavailableError, match="this processor has no fma"):
        load()


def test_another_system_is_told_that_it_is_for_linux(
    load: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(library.LIMIT_VARIABLE, raising=False)
    monkeypatch.setattr(library, "processor_flags", frozenset)
    with pytest.raises(NativeUnavailableError, match="runs on Linux only"):
        load()


@pytest.mark.parametrize(
    ("limit", "kinds"),
    [
        ("avx512", ("float32", "bfloat16", "int8")),
        ("avx2", ("float32", "bfloat16", "int8")),
        ("none", ()),
    ],
)
def test_the_variable_keeps_the_engine_from_instructions(
    monkeypatch: pytest.MonkeyPatch, limit: str, kinds: tuple[str, ...]
) -> None:
    everything = frozenset(name for names in library.NEEDED.values() for name in names)
    monkeypatch.setattr(library, "processor_flags", lambda: everything)
    monkeypatch.setenv(library.LIMIT_VARIABLE, limit)
    assert available_kinds() == kinds
    for kind in set(KINDS) - set(kinds):
        with pytest.raises(NativeUnavailableError, match=f"NINEFOLD_INSTRUCTIONS={limit} forbids"):
            load_library_for(kind)


@pytest.mark.parametrize("limit", ["avx512", "avx512vnni", "avxvnni", "avx2"])
def test_the_variable_names_the_set_that_is_used_where_all_are_there(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    everything = frozenset(name for names in library.NEEDED.values() for name in names)
    monkeypatch.setattr(library, "processor_flags", lambda: everything)
    monkeypatch.setenv(library.LIMIT_VARIABLE, limit)
    assert library.best_instructions() == limit


def test_bfloat16_is_painted_in_only_where_it_is_multiplied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(library.LIMIT_VARIABLE, raising=False)
    monkeypatch.setattr(library, "processor_flags", lambda: frozenset(library.NEEDED["avxvnni"]))
    assert painter_kind("native-int8") == painter_kind("native-bfloat16") == "float32"
    with pytest.raises(NativeUnavailableError, match="avx512_bf16"):
        load_painting_library("bfloat16")
    monkeypatch.setattr(library, "processor_flags", lambda: frozenset(library.NEEDED["avx512"]))
    assert painter_kind("native-int8") == painter_kind("native-bfloat16") == "bfloat16"
    assert painter_kind("native-float32") == "float32"


def test_a_variable_that_names_no_instructions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.LIMIT_VARIABLE, "sse")
    with pytest.raises(
        UserError, match="'sse' is unknown; use none, avx2, avxvnni, avx512vnni, avx512"
    ):
        available_kinds()
