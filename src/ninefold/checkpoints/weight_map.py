"""Tables from the names of a published checkpoint to ours, applied strictly in both directions.

A table has one row a tensor. `{}` stands for a number, a whole part of our name between dots, and
is the same on both sides; `*`, only in names that are dropped, stands for anything. A row says how
the layout differs, and whether the published tensor holds all layers, stacked along its first axis.

A plan pairs every tensor of the model with one of the checkpoint before anything is converted: a
tensor that is missing, left over or of another shape is an error that names it. What the formats
call their tensors is not known here (`dallebart`, `vqgan`, `clip`).
"""

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from torch import Tensor

from ninefold.checkpoints.tensor_source import TensorSource, TensorSpec, TensorStream
from ninefold.errors import CheckpointError

Shape: TypeAlias = tuple[int, ...]

_NAMED = 4  # offending tensors that a message names before it only counts them


class Layout(Enum):
    """How the axes of a published tensor become ours: their order; axes left out have one entry."""

    SAME = None
    DENSE = (1, 0)
    """(in, out) to (out, in)."""
    CONV = (3, 2, 0, 1)
    """(height, width, in, out) to (out, in, height, width)."""
    HEADS = (2, 0, 3)
    """(1, 1, heads, 1) to (heads, 1, 1)."""

    def apply(self, tensor: Tensor) -> Tensor:
        """Give `tensor`, in the published layout, ours."""
        if self.value is None:
            return tensor
        left_out = [axis for axis in range(tensor.dim()) if axis not in self.value]
        ours = [tensor.shape[axis] for axis in self.value]
        return tensor.permute(*self.value, *left_out).reshape(ours).contiguous()

    def published(self, shape: Shape) -> Shape:
        """The published shape of a tensor that has `shape` in our layout."""
        if self.value is None:
            return shape
        sides = dict(zip(self.value, shape, strict=True))
        return tuple(sides.get(axis, 1) for axis in range(max(self.value) + 1))


@dataclass(frozen=True)
class WeightRow:
    """Where a published tensor goes."""

    target: str
    """Our name. If `is_stacked`, its first `{}` counts the entries of the first axis."""
    layout: Layout = Layout.SAME
    is_stacked: bool = False


Table: TypeAlias = Mapping[str, WeightRow | None]
"""Published name to what becomes of it; None: it is known, and dropped."""


@dataclass(frozen=True)
class Step:
    """One tensor of the plan."""

    source: str
    index: int | None
    """Entry of the first axis of the source, where that holds all layers."""
    target: str
    layout: Layout


def module_rows(
    modules: Mapping[str, str],
    parameters: Mapping[str, tuple[str, Layout]],
    is_stacked: bool = False,
) -> dict[str, WeightRow | None]:
    """Rows for every parameter of every module.

    Args:
        modules: published module name to ours.
        parameters: published parameter name, with what separates it from the module's, to ours and
            its layout, such as those below.
        is_stacked: whether the published tensors hold all layers.
    """
    return {
        source + published: WeightRow(f"{target}.{ours}", layout, is_stacked)
        for source, target in modules.items()
        for published, (ours, layout) in parameters.items()
    }


FLAX_DENSE = {"/kernel": ("weight", Layout.DENSE), "/bias": ("bias", Layout.SAME)}
FLAX_CONV = {"/kernel": ("weight", Layout.CONV), "/bias": ("bias", Layout.SAME)}
FLAX_NORM = {"/scale": ("weight", Layout.SAME), "/bias": ("bias", Layout.SAME)}
FLAX_EMBED = {"/embedding": ("weight", Layout.SAME)}
TORCH = {".weight": ("weight", Layout.SAME), ".bias": ("bias", Layout.SAME)}


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template)
    return re.compile(escaped.replace(r"\{\}", "[0-9]+").replace(r"\*", ".*"))


class WeightMap:
    """A table that can be looked up from our names."""

    def __init__(self, table: Table) -> None:
        """Index `table`; a target that two rows share is an error of ours."""
        self._rows: dict[str, tuple[str, WeightRow]] = {}
        for source, row in table.items():
            if row is not None:
                assert row.target not in self._rows, f"two rows of a table fill {row.target}"
                self._rows[row.target] = source, row
        self._dropped = [_pattern(source) for source, row in table.items() if row is None]

    def source_of(self, target: str) -> Step | None:
        """Find where the tensor that we call `target` is in the published format, if it is."""
        parts = target.split(".")
        template = ".".join("{}" if part.isdecimal() else part for part in parts)
        if template not in self._rows:
            return None
        source, row = self._rows[template]
        numbers = [part for part in parts if part.isdecimal()]
        if not row.is_stacked:
            return Step(source.format(*numbers), None, target, row.layout)
        return Step(source.format(*numbers[1:]), int(numbers[0]), target, row.layout)

    def is_dropped(self, source: str) -> bool:
        """Whether the table knows `source` as something that no model needs."""
        return any(pattern.fullmatch(source) for pattern in self._dropped)

    def plan(
        self, source: TensorSource, targets: Mapping[str, Shape], model: str = "the model"
    ) -> list[Step]:
        """Pair every tensor of a model with one of a checkpoint.

        Args:
            source: the checkpoint.
            targets: shape of every tensor of the model, by our name.
            model: what to call the model in a message.

        Returns:
            One step a target, in the order of `targets`.

        Raises:
            CheckpointError: tensors are missing, left over, or of another shape; it names them.
        """
        specs = source.specs
        found = {target: self.source_of(target) for target in targets}
        steps = [step for step in found.values() if step is not None]
        stacks = Counter(step.source for step in steps if step.index is not None)
        used = {step.source for step in steps}
        missing = [target for target, step in found.items() if step is None]
        missing += [name for name in _unique(s.source for s in steps) if name not in specs]
        extra = [n for n in specs if n not in used and not self.is_dropped(n)]
        wrong: dict[str, str] = {}
        for step in steps:
            shape = step.layout.published(targets[step.target])
            if step.index is not None:
                shape = (stacks[step.source], *shape)
            spec = specs.get(step.source)
            if spec is not None:
                problem = _mismatch(spec, shape)
                if problem:
                    wrong[step.source] = f"{step.source} {problem}"
        _refuse(source.label, model, missing, extra, list(wrong.values()))
        return steps

    def convert(
        self, source: TensorSource, targets: Mapping[str, Shape], model: str = "the model"
    ) -> TensorStream:
        """Plan, and return the model's tensors as a stream that reads one at a time.

        Raises:
            CheckpointError: as `plan`.
        """
        steps = self.plan(source, targets, model)
        published = source.specs
        specs = {
            step.target: TensorSpec(targets[step.target], published[step.source].dtype)
            for step in steps
        }

        def tensors() -> Iterator[tuple[str, Tensor]]:
            for step in steps:
                yield step.target, step.layout.apply(source.read(step.source, step.index))

        return TensorStream(specs, tensors)


def check_names(
    label: str,
    specs: Mapping[str, TensorSpec],
    targets: Mapping[str, Shape],
    model: str,
    whole: Container[str] = (),
) -> None:
    """Check that a checkpoint in our own names has exactly the tensors of a model.

    Args:
        label: what messages call the checkpoint.
        specs: its tensors.
        targets: those of the model.
        model: what messages call the model.
        whole: names of the model's tensors that hold whole numbers; all others hold floats.

    Raises:
        CheckpointError: tensors are missing, left over, or of another shape; it names them.
    """
    missing = [name for name in targets if name not in specs]
    extra = [name for name in specs if name not in targets]
    problems = {n: _mismatch(specs[n], targets[n], n in whole) for n in targets if n in specs}
    wrong = [f"{name} {problem}" for name, problem in problems.items() if problem]
    _refuse(label, model, missing, extra, wrong)


def _mismatch(spec: TensorSpec, shape: Shape, is_whole: bool = False) -> str:
    if spec.shape != shape:
        return f"is {list(spec.shape)}, not {list(shape)}"
    if spec.dtype.is_floating_point == is_whole:
        return f"holds {spec.dtype}, not {'whole numbers' if is_whole else 'floats'}"
    return ""


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _refuse(label: str, model: str, missing: list[str], extra: list[str], wrong: list[str]) -> None:
    parts = [
        f"{len(names)} {what} ({_some(names)})"
        for names, what in (
            (missing, "missing"),
            (extra, "that it does not have"),
            (wrong, "of the wrong kind"),
        )
        if names
    ]
    if parts:
        raise CheckpointError(
            f"{label} does not hold {model}: of its tensors, {', '.join(parts)}; "
            "check that weights and config.json are of the same model."
        )


def _some(names: list[str]) -> str:
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
