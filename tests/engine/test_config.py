"""Sizes that an engine cannot work with are refused in one sentence."""

from typing import Any

import pytest

from ninefold.engine.config import EngineConfig, read_format
from ninefold.errors import UserError


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"num_slots": 0}, "num_slots=0 must be 1 or more"),
        ({"num_slots": 3, "reserved_slots": 3}, "must be 0 to 2"),
        ({"reserved_slots": -1}, "must be 0 to 17"),
        ({"max_wait_s": 0.0}, "above 0"),
        ({"max_waiting_images": 0}, "1 or more"),
        ({"max_pending_previews": -1}, "0 or more"),
        ({"num_threads": 0}, "1 or more"),
    ],
)
def test_a_size_that_cannot_work_is_refused(changes: dict[str, Any], advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        EngineConfig(**changes)


@pytest.mark.parametrize(
    ("dtype", "backend", "read"),
    [
        ("float32", None, ("float32", "plain")),
        ("bfloat16", None, ("bfloat16", "plain")),
        ("bfloat16", "plain", ("bfloat16", "plain")),
        ("float32", "native-int8", ("float32", "native-int8")),
        ("native-int8", None, ("float32", "native-int8")),  # as recipes have it
        ("native-int8", "native-int8", ("float32", "native-int8")),
        ("int4", None, ("int4", "plain")),  # which `resolve_dtype` refuses
    ],
)
def test_a_number_format_and_a_backend_are_told_apart(
    dtype: str, backend: str | None, read: tuple[str, str]
) -> None:
    assert read_format(dtype, backend) == read


@pytest.mark.parametrize(
    ("dtype", "backend", "answer"),
    [
        ("float32", "fast", "no backend 'fast'; use plain, native-float32"),
        ("bfloat16", "native-int8", "number format of its own; leave out 'bfloat16'"),
        ("native-float32", "native-int8", "leave out 'native-float32'"),
        ("float32", "static", "no backend 'static'"),
    ],
)
def test_what_does_not_go_together_is_refused(dtype: str, backend: str, answer: str) -> None:
    with pytest.raises(UserError, match=answer):
        read_format(dtype, backend)
