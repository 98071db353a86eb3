"""Laws of what is brought from elsewhere: pinned, listed, and nothing of a system unasked."""

import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts.dependencies import DEVELOPMENT, bill_of_materials, closure, requirements_of

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
TOOLS = ("bash", "basename", "cat", "dirname", "env", "id", "mkdir", "sh", "touch")


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(each.name): each for each in pinned}


def test_whatever_ninefold_asks_for_is_pinned_to_a_version_that_it_accepts() -> None:
    pinned = constraints()
    for needed in requirements_of(closure("ninefold", ())["ninefold"]):
        name = canonicalize_name(needed.name)
        if name == "ninefold" or (needed.marker and "Windows" in str(needed.marker)):
            continue
        assert name in pinned, f"{name} is not in constraints.txt; run `make lock`."
        (pin,) = pinned[name].specifier
        assert pin.operator == "=="
        assert needed.specifier.contains(pin.version), f"{name}: run `make lock`."


def test_what_is_needed_by_what_is_needed_is_pinned_too() -> None:
    missing = set(closure("ninefold", DEVELOPMENT)) - set(constraints()) - {"ninefold"}
    assert not missing, f"{', '.join(missing)}: run `make lock`."


def test_everything_that_make_installs_is_bounded_by_the_pins() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    installing = [line for line in lines if "--editable" in line]
    assert len(installing) == 3
    assert all(line.startswith("\t$(INSTALL) ") for line in installing)
    assert any("--constraint constraints.txt" in line for line in lines)


def test_a_bill_of_materials_names_what_is_installed_with_licences_and_relations() -> None:
    document = bill_of_materials("ninefold", ("serve",))
    found = {each["name"].lower(): each for each in document["components"]}
    assert found["fastapi"]["version"] == version("fastapi")
    assert found["fastapi"]["purl"] == f"pkg:pypi/fastapi@{version('fastapi')}"
    assert "pytest" not in found
    assert all(each["licenses"] for each in found.values())
    needs = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    assert found["starlette"]["purl"] in needs[found["fastapi"]["purl"]]
    assert set(needs) == {each["bom-ref"] for each in found.values()} | {
        document["metadata"]["component"]["bom-ref"]
    }


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A machine with an installer of packages that notes what it is told, and little else."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        path = shutil.which(tool)
        assert path is not None
        (programs / tool).symlink_to(path)
    for name in ("apt-get", "sudo"):
        fake = programs / name
        fake.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/log"\n')
        fake.chmod(0o755)
    return tmp_path


def run(bare: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": str(bare / "bin"),
        "CHROMIUM": "/nowhere",
        "POSTGRESQL_FOLDER": "/nowhere",
        "POSTGRESQL_COMMON": str(bare / "postgresql-common"),
        **variables,
    }
    return subprocess.run(
        [str(bare / "bin" / "bash"), str(SCRIPTS / script)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def log_of(bare: Path) -> str:
    path = bare / "log"
    return path.read_text() if path.exists() else ""


PACKAGES = {
    "install_compiler.sh": "g++",
    "install_postgresql.sh": "postgresql",
    "install_page_tools.sh": "npm",
}


@pytest.mark.parametrize("script", PACKAGES)
def test_no_package_of_the_system_is_installed_unasked(bare: Path, script: str) -> None:
    result = run(bare, script)
    assert result.returncode == 1
    assert f"apt-get install {PACKAGES[script]}" in result.stderr
    assert "SYSTEM_PACKAGES=yes" in result.stderr
    assert log_of(bare) == ""
    assert not (bare / "postgresql-common").exists()


@pytest.mark.parametrize("agreed", [{"CI": "true"}, {"SYSTEM_PACKAGES": "yes"}])
@pytest.mark.parametrize("script", PACKAGES)
def test_who_agrees_is_told_what_is_run(bare: Path, script: str, agreed: dict[str, str]) -> None:
    result = run(bare, script, **agreed)
    assert f"install -qq -y --no-install-recommends {PACKAGES[script]}" in log_of(bare)
    assert f"+ {'' if os.geteuid() == 0 else 'sudo '}apt-get update" in result.stderr


def test_no_file_of_the_system_is_overwritten(bare: Path) -> None:
    settings = bare / "postgresql-common" / "createcluster.conf"
    settings.parent.mkdir()
    settings.write_text("start_conf = 'manual'\n")
    run(bare, "install_postgresql.sh", CI="true")
    assert "postgresql" in log_of(bare)
    assert settings.read_text() == "start_conf = 'manual'\n"


def test_no_script_and_no_target_takes_the_rights_of_root_by_itself() -> None:
    for path in (*SCRIPTS.glob("*.sh"), ROOT / "Makefile", ROOT / ".ci" / "run"):
        if path.name != "system_packages.sh":
            text = "\n".join(
                line for line in path.read_text().splitlines() if not line.startswith("#")
            )
            assert "sudo" not in text, path.name
            assert "apt-get" not in text, path.name


PIP = """#!/bin/sh
echo "Collecting torch"
echo "  Downloading torch-2.whl (190.0 MB)"
[ -z "$FAILS" ] || { echo "ERROR: No matching distribution" >&2; exit 1; }
"""


@pytest.mark.parametrize(
    ("variables", "code", "said"),
    [
        ({}, 0, ["Installing PyTorch", "Downloading torch-2.whl (190.0 MB)", "Installed PyTorch"]),
        ({"FAILS": "yes"}, 1, ["ERROR: No matching distribution", "Installing PyTorch failed"]),
        ({"FAILS": "yes", "IS_A_TRY": "yes"}, 1, ["Installing PyTorch"]),
    ],
)
def test_installing_says_what_it_is_at_and_shows_what_went_wrong(
    tmp_path: Path, variables: dict[str, str], code: int, said: list[str]
) -> None:
    python = tmp_path / "python"
    python.write_text(PIP)
    python.chmod(0o755)
    result = subprocess.run(
        ["bash", str(SCRIPTS / "install_packages.sh"), str(python), "torch"],
        env={"PATH": os.environ["PATH"], "WHAT": "PyTorch", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code
    assert all(text in result.stderr for text in said), result.stderr
    assert ("ERROR" in result.stderr) == (said[0] == "ERROR: No matching distribution")
