"""What Ninefold needs of others, as this environment has it: pinned, or as a bill of materials.

    python scripts/dependencies.py lock       writes constraints.txt, by which `make` installs
    python scripts/dependencies.py sbom FILE  writes a CycloneDX document of what serving needs

Both walk the requirements of the installed packages, so what is in the environment for other
reasons is left out.
"""

import json
import sys
import tomllib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
DEVELOPMENT = ("dev", "safety", "serve", "train")
SERVING = ("safety", "serve")

_HEADER = """\
# What `make` installs, also in CI: the versions that main is tested with. Written by `make lock`
# from an environment that passed the tests; a package that is not here is not bounded by it.
"""


def closure(name: str, extras: Iterable[str]) -> dict[str, Distribution]:
    """Return an installed package and all that it needs with some of its extras, by name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), extra) for extra in ("", *extras)]
    while waiting:
        package, extra = waiting.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        try:
            found[package] = installed = distribution(package)
        except PackageNotFoundError:
            raise SystemExit(f"{package} is not installed; run `make test` first.") from None
        for needed in requirements_of(installed):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                other = canonicalize_name(needed.name)
                waiting += [(other, each) for each in ("", *needed.extras)]
    return dict(sorted(found.items()))


def requirements_of(package: Distribution) -> list[Requirement]:
    """Return what a package needs; of Ninefold as pyproject.toml says now, installed or not."""
    if package.name != "ninefold":
        return [Requirement(text) for text in package.requires or ()]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [Requirement(text) for text in project["dependencies"]]
    for extra, texts in project["optional-dependencies"].items():
        for text in texts:
            needed = Requirement(text)
            marker = f"({needed.marker}) and " if needed.marker else ""
            needed.marker = Marker(f"{marker}extra == '{extra}'")
            found.append(needed)
    return found


def pins(packages: Iterable[Distribution]) -> list[str]:
    """Return the versions of packages as constraints, without a build's own label (+cpu)."""
    return [
        f"{canonicalize_name(each.name)}=={each.version.partition('+')[0]}" for each in packages
    ]


def bill_of_materials(name: str, extras: Iterable[str]) -> dict[str, Any]:
    """Return a CycloneDX 1.6 document (cyclonedx.org) of a package and all that it needs."""
    packages = closure(name, extras)
    own = packages.pop(canonicalize_name(name))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": _component(own, "application"),
        },
        "components": [_component(each, "library") for each in packages.values()],
        "dependencies": [
            {"ref": _reference(each), "dependsOn": sorted(_needs(each, packages))}
            for each in (own, *packages.values())
        ],
    }


def _component(package: Distribution, kind: str) -> dict[str, Any]:
    told = package.metadata
    # Its protocol has no `get`.
    expression = told["License-Expression"] if "License-Expression" in told else None  # noqa: SIM401
    named = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or ()
        if line.startswith("License :: ") and line.count(" :: ") > 1
    ]
    plain = told["License"] if "License" in told else ""  # noqa: SIM401
    plain = plain.strip().partition("\n")[0]
    licences: list[dict[str, Any]] = [{"license": {"name": each}} for each in named or [plain]]
    return {
        "type": kind,
        "bom-ref": _reference(package),
        "name": package.name,
        "version": package.version,
        "purl": _reference(package),
        "licenses": [{"expression": expression}] if expression else licences,
    }


def _reference(package: Distribution) -> str:
    return f"pkg:pypi/{canonicalize_name(package.name)}@{package.version}"


def _needs(package: Distribution, packages: dict[str, Distribution]) -> set[str]:
    names = {canonicalize_name(needed.name) for needed in requirements_of(package)}
    return {_reference(packages[name]) for name in names if name in packages}


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    match arguments:
        case ["lock"]:
            packages = closure("ninefold", DEVELOPMENT)
            packages.pop("ninefold")
            CONSTRAINTS.write_text(_HEADER + "\n".join(pins(packages.values())) + "\n")
        case ["sbom", file]:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            document = bill_of_materials("ninefold", SERVING)
            Path(file).write_text(json.dumps(document, indent=1) + "\n")
            print(f"{len(document['components'])} packages are in {file}.")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
