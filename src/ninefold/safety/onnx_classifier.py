"""An image classifier from an ONNX file, run by PyTorch: ONNX Runtime reports on its users.

Reads the few parts of the format that a convolutional classifier has (ONNX IR, protocol buffers'
wire format) and runs its operators in the file's order. Anything else is refused when it is read.
Knows nothing of what is classified.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto and docs/Operators.md there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own custom)
from numpy.typing import NDArray
from torch import Tensor

from ninefold.errors import CheckpointError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protocol buffers' wire types
_GRAPH = 7  # of ModelProto
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12  # of GraphProto
_FLOAT32, _INT64 = 1, 7  # of TensorProto.DataType
_NUMPY: Mapping[int, np.dtype[Any]] = {_FLOAT32: np.dtype("<f4"), _INT64: np.dtype("<i8")}

_Field = int | memoryview
_Fields = Mapping[int, Sequence[_Field]]
_Attributes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Step:
    """One operator: what it reads and writes by name."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: _Attributes


class OnnxClassifier:
    """The graph of a file, with its weights in float32 on the CPU.

    Raises:
        CheckpointError: the file is damaged, or has what this cannot run.
    """

    def __init__(self, path: Path) -> None:
        try:
            graph = _only(_read(memoryview(path.read_bytes())), _GRAPH)
            fields = _read(_message(graph))
            self._weights = dict(_read_tensor(_message(each)) for each in fields[_INITIALIZER])
            self._steps = [_read_step(_message(each)) for each in fields[_NODE]]
            names = [_text(_only(_read(_message(each)), 1)) for each in fields[_INPUT]]
            (self._input,) = [name for name in names if name not in self._weights]
            self._output = _text(_only(_read(_message(_only(fields, _OUTPUT))), 1))
            self._last_use = {
                name: place for place, step in enumerate(self._steps) for name in step.inputs
            }
        except (IndexError, KeyError, ValueError, UnicodeDecodeError) as error:
            raise CheckpointError(
                f"{path.name!r} is not a classifier that can be run: {error}; install the package "
                "that brought it again."
            ) from error

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the file's graph makes of its one input."""
        values = {**self._weights, self._input: torch.from_numpy(pixels)}
        with torch.inference_mode():
            for place, step in enumerate(self._steps):
                inputs = [values[name] for name in step.inputs]
                values[step.output] = _OPERATORS[step.operator](inputs, step.attributes)
                for name in step.inputs:
                    if self._last_use[name] == place and name not in self._weights:
                        values.pop(name, None)
        result: NDArray[np.float32] = values[self._output].numpy()
        return result


def _conv(inputs: Sequence[Tensor], attributes: _Attributes) -> Tensor:
    strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
    padded = _pad(inputs[0], attributes, 0.0)
    bias = inputs[2] if len(inputs) > 2 else None
    return F.conv2d(padded, inputs[1], bias, strides, 0, dilations)


def _max_pool(inputs: Sequence[Tensor], attributes: _Attributes) -> Tensor:
    padded = _pad(inputs[0], attributes, -torch.inf)
    return F.max_pool2d(padded, attributes["kernel_shape"], attributes.get("strides", (1, 1)))


def _average_pool(inputs: Sequence[Tensor], attributes: _Attributes) -> Tensor:
    kernel, strides = attributes["kernel_shape"], attributes.get("strides", (1, 1))
    return F.avg_pool2d(inputs[0], kernel, strides)


def _pad(images: Tensor, attributes: _Attributes, value: float) -> Tensor:
    """Pad at the top, left, bottom and right, which PyTorch's own padding cannot do unevenly."""
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    if not any((top, left, bottom, right)):
        return images
    return F.pad(images, (left, right, top, bottom), value=value)


_OPERATORS: Mapping[str, Callable[[Sequence[Tensor], _Attributes], Tensor]] = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "AveragePool": _average_pool,
    "Conv": _conv,
    "MatMul": lambda inputs, _: inputs[0] @ inputs[1],
    "MaxPool": _max_pool,
    "Relu": lambda inputs, _: F.relu(inputs[0]),
    "Reshape": lambda inputs, _: inputs[0].reshape(inputs[1].tolist()),
    "Softmax": lambda inputs, attributes: inputs[0].softmax(attributes["axis"][0]),
    "Transpose": lambda inputs, attributes: inputs[0].permute(attributes["perm"]),
}

_ATTRIBUTES = {
    "Add": set[str](),
    "AveragePool": {"kernel_shape", "strides"},
    "Conv": {"auto_pad", "dilations", "kernel_shape", "pads", "strides"},
    "MatMul": set[str](),
    "MaxPool": {"kernel_shape", "pads", "strides"},
    "Relu": set[str](),
    "Reshape": set[str](),
    "Softmax": {"axis"},
    "Transpose": {"perm"},
}
"""Attributes that are heeded; a node with another would be run wrongly, and is refused."""


def _read_step(message: memoryview) -> _Step:
    fields = _read(message)
    operator = _text(_only(fields, 4))
    if operator not in _OPERATORS:
        raise ValueError(f"its operator {operator!r} is not known here")
    attributes: dict[str, tuple[int, ...]] = {}
    for each in fields.get(5, ()):
        attribute = _read(_message(each))
        name = _text(_only(attribute, 1))
        if name not in _ATTRIBUTES[operator]:
            raise ValueError(f"{name!r} of {operator} is not known here")
        if name == "auto_pad":
            if _text(_only(attribute, 4)) != "NOTSET":
                raise ValueError(f"automatic padding of {operator} is not known here")
            continue
        numbers = [*attribute.get(3, ()), *attribute.get(8, ())]
        attributes[name] = tuple(each for each in numbers if isinstance(each, int))
    inputs = tuple(_text(each) for each in fields[1])
    return _Step(operator, inputs, _text(_only(fields, 2)), attributes)


def _read_tensor(message: memoryview) -> tuple[str, Tensor]:
    fields = _read(message)
    kind = _NUMPY[_integer(_only(fields, 2))]
    shape = [_integer(each) for each in fields.get(1, ())]
    values = np.frombuffer(_message(_only(fields, 9)), kind).reshape(shape)
    return _text(_only(fields, 8)), torch.from_numpy(values.copy())


def _read(message: memoryview) -> dict[int, list[_Field]]:
    """Return the fields of a message by number, each as often as it stands there."""
    fields: dict[int, list[_Field]] = {}
    for number, value in _parse(message):
        fields.setdefault(number, []).append(value)
    return fields


def _parse(message: memoryview) -> Iterator[tuple[int, _Field]]:
    place = 0
    while place < len(message):
        key, place = _read_varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _read_varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _read_varint(message, place)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"a field of kind {kind} is not known here")
        if place + length > len(message):
            raise ValueError("it ends too early")
        yield number, message[place : place + length]
        place += length


def _read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return a number and the place behind it."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _only(fields: _Fields, number: int) -> _Field:
    (value,) = fields[number]
    return value


def _message(value: _Field) -> memoryview:
    if isinstance(value, int):
        raise ValueError(f"{value} stands where a message should")
    return value


def _integer(value: _Field) -> int:
    if not isinstance(value, int):
        raise ValueError("bytes stand where a number should")
    return value


def _text(value: _Field) -> str:
    return bytes(_message(value)).decode()
