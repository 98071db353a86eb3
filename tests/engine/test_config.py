"""Sizes that an engine cannot work with are refused in one sentence."""

from typing import Any

import pytest

from ninefold.engine.config import EngineConfig


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
