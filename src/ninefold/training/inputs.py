"""What resumable work was made from: hashes of its inputs, and the refusal to go on with others.

A saved state, or anything else that a run makes once and reads again, is worth something only with
the inputs that it was made from. Knows nothing of what the inputs are.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ninefold.atomic_file import atomic_write
from ninefold.checkpoints.model_folder import CONFIG_FILE, read_config
from ninefold.corpus.build import PICTURES_FILE, RECORDS_FILE
from ninefold.errors import CheckpointError, UserError

Inputs = Mapping[str, str]
"""Name of an input, as messages say it, to the SHA-256 of its content."""


def hash_values(values: object) -> str:
    """Return the SHA-256 of what JSON can hold: settings, lists of names."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def hash_files(paths: Iterable[Path]) -> str:
    """Return one SHA-256 of the names and contents of files, in the given order."""
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name}\0{digest}\n".encode())
    return whole.hexdigest()


def hash_corpus(folder: Path) -> str:
    """Return the SHA-256 of a built corpus: its pictures and what is said of them.

    Raises:
        UserError: files of it are missing.
    """
    try:
        return hash_files([folder / PICTURES_FILE, folder / RECORDS_FILE])
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing; build the corpus again.") from None


def hash_model(folder: Path) -> str:
    """Return the SHA-256 of a model's folder: its configuration and every file that it names.

    Raises:
        UserError: there is no model, or a file of it is missing.
        CheckpointError: its configuration is damaged.
    """
    names = sorted(read_config(folder).files)
    try:
        return hash_files([folder / CONFIG_FILE, *(folder / name for name in names)])
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing; install the model again.") from None


def is_made(path: Path, inputs: Inputs) -> bool:
    """Say whether a file is there that was made from these inputs.

    Raises:
        UserError: it is there, made from others.
        CheckpointError: its record is damaged.
    """
    if not path.exists():
        return False
    record = _record_of(path)
    try:
        saved = json.loads(record.read_bytes())
    except FileNotFoundError:
        saved = None
    except ValueError as error:
        raise CheckpointError(f"{record} is damaged; remove it and {path.name}.") from error
    require_same_inputs(path, saved, inputs)
    return True


def record_inputs(path: Path, inputs: Inputs) -> None:
    """Write down what a file is made from. To be called before the file gets its name."""
    with atomic_write(_record_of(path)) as file:
        file.write(json.dumps(dict(inputs), indent=1).encode())


def require_same_inputs(path: Path, saved: object, inputs: Inputs) -> None:
    """Compare what a file says that it was made from with what it is to be used for now.

    Args:
        path: of the file, for the message.
        saved: its record, unchecked; None where it has none.
        inputs: those of now.

    Raises:
        UserError: they differ.
    """
    if saved is None and not inputs:
        return
    choice = "give another folder with --runs, or remove it to start anew."
    if not isinstance(saved, dict):
        raise UserError(f"{path} does not say what it was made from; {choice}")
    differing = [name for name in {**inputs, **saved} if saved.get(name) != inputs.get(name)]
    if differing:
        raise UserError(f"{path} was made from other inputs ({', '.join(differing)}); {choice}")


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.inputs.json")
