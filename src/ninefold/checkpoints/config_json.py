"""Frozen configuration dataclasses from JSON: every key known, every value of its declared type."""

import dataclasses
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ninefold.checkpoints.foreign_file import decoding
from ninefold.errors import CheckpointError
from ninefold.file_kinds import refuse_lfs_pointer

Config = TypeVar("Config")

_MAX_BYTES = 64 * 2**20  # a vocabulary is two
_TOO_MANY = 1 << 40
"""Above every count and size that a configuration can mean; sizes of files are among them."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        UserError: it cannot be opened.
        CheckpointError: it holds something else.
    """
    refuse_lfs_pointer(path)

    def explain(_error: Exception) -> CheckpointError:
        return CheckpointError(f"{path} is damaged: it is not JSON; install it again.")

    with decoding(path, explain):
        if path.stat().st_size > _MAX_BYTES:
            raise explain(ValueError())
        content = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} does not hold a JSON object; install it again.")
    return content


def parse_config(config_type: type[Config], values: Any, where: str) -> Config:
    """Build a configuration from parsed JSON.

    Args:
        config_type: a dataclass; nested dataclasses, tuples, mappings by name, optional values and
            `Literal` are understood.
        values: the parsed JSON.
        where: what to call it in a message.

    Raises:
        CheckpointError: a key is unknown or missing, or a value is not what the dataclass declares
            or accepts.
    """
    if not isinstance(values, dict):
        raise CheckpointError(f"{where} is not a JSON object.")
    hints = get_type_hints(config_type)
    unknown = [key for key in values if key not in hints]
    if unknown:
        raise CheckpointError(f"{where} has the unknown key {unknown[0]!r}; update ninefold.")
    parsed = {key: _parse(hints[key], value, f"{where}: {key}") for key, value in values.items()}
    try:
        return config_type(**parsed)
    except TypeError:
        missing = [name for name in _required(config_type) if name not in values]
        raise CheckpointError(f"{where} lacks {', '.join(missing)}.") from None
    except ValueError as error:
        raise CheckpointError(f"{where} is not usable: {error}") from None
    except ArithmeticError:
        raise CheckpointError(f"{where} is not usable: a size is 0.") from None


def _required(config_type: Any) -> list[str]:
    return [
        field.name
        for field in dataclasses.fields(config_type)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]


def _parse(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return parse_config(hint, value, where)  # type: ignore[arg-type]  # a class, not an object
    if origin in (Union, types.UnionType):
        some = next(kind for kind in arguments if kind is not types.NoneType)
        return None if value is None else _parse(some, value, where)
    if origin is Literal:
        return _checked(value in arguments, value, where)
    if origin is tuple:
        items = _checked(isinstance(value, list), value, where)
        return tuple(_parse(arguments[0], item, where) for item in items)
    if origin is Mapping:
        items = _checked(isinstance(value, dict), value, where)
        return {key: _parse(arguments[1], item, f"{where}.{key}") for key, item in items.items()}
    if hint is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(_checked(is_number, value, where))
    is_right = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    is_absurd = hint is int and is_right and not 0 <= value < _TOO_MANY
    return _checked(is_right and not is_absurd, value, where)


def _checked(is_right: bool, value: Any, where: str) -> Any:
    if not is_right:
        raise CheckpointError(f"{where} cannot be {json.dumps(value)[:80]}.")
    return value
