"""Laws of metrics: whatever becomes of a number, what is counted goes on."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from ninefold.service import metric_files, metrics
from ninefold.service.metric_files import FIRST_BYTES, AllocatedCounts
from ninefold.service.metrics import Counts
from tests.patience import PATIENCE_S
from tests.small_disk import small_disk


def values(path: Path) -> dict[str, float]:
    return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(path)}  # type: ignore[no-untyped-call]


def count(counts: AllocatedCounts, first: int, last: int) -> None:
    for number in range(first, last):
        counts.write_value(f"key {number}", float(number), 0.0)  # type: ignore[no-untyped-call]


def test_the_blocks_of_a_file_are_there_before_it_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    counts = AllocatedCounts(str(path))
    assert path.stat().st_blocks * 512 >= FIRST_BYTES
    count(counts, 0, 40_000)
    assert path.stat().st_blocks * 512 >= path.stat().st_size > FIRST_BYTES
    assert values(path) == {f"key {number}": float(number) for number in range(40_000)}
    again = AllocatedCounts(str(path))
    assert again.read_value("key 7") == (7.0, 0.0)  # type: ignore[no-untyped-call]
    counts.close()  # type: ignore[no-untyped-call]
    again.close()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EMFILE])
def test_a_file_that_cannot_grow_is_gone_on_with_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    counts = AllocatedCounts(str(tmp_path / "counter_1.db"))
    count(counts, 0, 100)

    def refuse(*_: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(metric_files, "_allocate", refuse)
    count(counts, 100, 90_000)
    for number in (0, 99, 100, 89_999):
        assert counts.read_value(f"key {number}") == (float(number), 0.0)  # type: ignore[no-untyped-call]
    at_once = AllocatedCounts(str(tmp_path / "counter_2.db"))
    count(at_once, 0, 50_000)
    assert at_once.read_value("key 49999") == (49999.0, 0.0)  # type: ignore[no-untyped-call]
    counts.close()  # type: ignore[no-untyped-call]


COUNT = """
import os, sys
from pathlib import Path
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
filler = Path(sys.argv[1]) / "filler"
def fill():
    try:
        with filler.open("ab", 0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
if sys.argv[2] == "at the start":
    fill()
from ninefold.service import metrics
fill()
for number in range(20_000):
    metrics.REJECTED.labels(f"code {number}").inc()
metrics.REQUEST_SECONDS.labels("GET", "/", "200").observe(0.1)
assert b"t2i_slots" in metrics.render({"t2i_slots": 1.0})
"""


@pytest.mark.small_disk
@pytest.mark.parametrize("when", ["at the start", "later"])
def test_a_process_lives_on_where_the_disk_is_full(tmp_path: Path, when: str) -> None:
    with small_disk(tmp_path, 8):
        result = subprocess.run(
            [sys.executable, "-c", COUNT, str(tmp_path), when],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert result.returncode == 0, result.stderr


class Broken:
    """A metric of the library whose file is gone."""

    def labels(self, *_: str) -> None:
        raise IndexError("mmap slice assignment is wrong size")


def test_counting_never_raises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Counts(Broken()).labels("a").inc()  # type: ignore[arg-type]  # as far as is needed
    metrics.REQUEST_SECONDS.labels("too", "few").observe(1.0)
    metrics.ACCEPTED.labels("api_v1", "key").inc(-1)
    assert caplog.text.count("could not be counted") == 3
    (tmp_path / "counter_1.db").write_bytes(b"no counts")
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    assert b"t2i_slots 2.0" in metrics.render({"t2i_slots": 2.0})
