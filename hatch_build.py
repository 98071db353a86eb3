"""Puts the native decoder into the wheel, compiled for each set of instructions.

Where there is no C++ compiler, or on another system than Linux on x86-64, the wheel is pure Python:
it compiles at its first use, or draws with PyTorch. NINEFOLD_WHEEL=pure asks for that.
"""

import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path("src", "ninefold", "engine", "native")
OLDEST_GLIBC = 17
"""Minor version of manylinux2014, the oldest that PyTorch has."""


class NativeBuildHook(BuildHookInterface[Any]):
    """Compiles, adds what came of it, and names what the wheel asks of a system."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built; editable installs compile at their first use."""
        compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
        is_here = sys.platform == "linux" and platform.machine() == "x86_64"
        is_pure = os.environ.get("NINEFOLD_WHEEL") == "pure"
        if version == "editable" or is_pure or not is_here or compiler is None:
            return
        folder = Path(self.root) / NATIVE
        recipe = runpy.run_path(str(folder / "compilation.py"))
        self._work = tempfile.TemporaryDirectory()
        names = {
            instructions: recipe["prebuilt_name"](folder, instructions)
            for instructions in recipe["PORTABLE_TARGETS"]
        }

        def compile_for(instructions: str) -> Path | None:
            path = Path(self._work.name) / names[instructions]
            options = recipe["PORTABLE_TARGETS"][instructions]
            flags = [*options, *recipe["FLAGS"], *recipe["PORTABLE_FLAGS"]]
            target = ["-o", str(path), str(folder / "decoder.cpp")]
            done = subprocess.run([compiler, *flags, *target], check=False)
            if done.returncode == 0:
                return path
            self.app.display_warning(f"{compiler} cannot compile for {instructions}: left out.")
            return None

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            paths = [path for path in pool.map(compile_for, names) if path is not None]
        if not paths:
            return
        versions = [OLDEST_GLIBC]
        for path in paths:
            versions += [int(n) for n in re.findall(rb"GLIBC_2\.(\d+)", path.read_bytes())]
            target = f"ninefold/engine/native/built/{path.name}"
            build_data["force_include"][str(path)] = target
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_2_{max(versions)}_x86_64"

    def finalize(self, *_: object) -> None:
        """Called when the wheel is written."""
        if hasattr(self, "_work"):
            self._work.cleanup()
