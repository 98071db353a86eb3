"""Room on the disk: asked for, and explained."""

import errno
import os
from pathlib import Path

import pytest

from ninefold.checkpoints.disk import explain_disk_error, format_bytes, require_space
from ninefold.errors import UserError


def test_room_is_asked_for_in_advance(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "yet", 1, "for a byte")
    with pytest.raises(UserError, match=r"no room for mega: it takes 10.4 GB and .* has 1.5 kB"):
        require_space(tmp_path, 10_400_000_000, "for mega", measure=lambda _: 1_500)


def test_a_full_disk_is_told_from_one_that_cannot_be_written_to(tmp_path: Path) -> None:
    for number, words in ((errno.ENOSPC, "is full; make room"), (errno.EACCES, "can be written")):
        assert words in str(explain_disk_error(OSError(number, os.strerror(number)), tmp_path))


def test_sizes_are_written_as_people_read_them() -> None:
    assert [format_bytes(n) for n in (0, 999, 1_000, 34_196_068, 1_751_400_000)] == [
        "0 bytes",
        "999 bytes",
        "1 kB",
        "34.2 MB",
        "1.75 GB",
    ]
