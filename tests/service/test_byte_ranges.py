"""Laws of whole and partial answers, after RFC 9110."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.service.byte_ranges import parse_range
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", range(10)),
        ("bytes=90-", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-1000", range(100)),
        ("bytes=95-200", range(95, 100)),
        ("bytes=100-", range(0)),
        ("bytes=-0", range(0)),
        ("bytes=9-3", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=-", None),
        ("nonsense", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(header: str, expected: range | None) -> None:
    assert parse_range(header, 100) == expected


@given(st.text(max_size=40), st.integers(0, 1000))
def test_any_header_gives_bytes_that_are_there(header: str, length: int) -> None:
    for text in (header, f"bytes={header}"):
        part = parse_range(text, length)
        assert part is None or 0 <= part.start <= part.stop <= max(length, part.start)


@pytest.mark.anyio
async def test_a_picture_is_cached_for_ever_and_given_in_parts(service: RunningService) -> None:
    await service.add_worker(FakeEngine())
    job = await service.ended((await service.post("a red apple"))["id"])
    url = job["pictures"][0]["url"]
    whole = await service.http.get(url)
    assert "immutable" in whole.headers["cache-control"]
    assert "set-cookie" not in whole.headers
    tag = whole.headers["etag"]
    part = await service.http.get(url, headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(whole.content)}"
    assert (await service.http.get(url, headers={"If-None-Match": tag})).status_code == 304
    beyond = await service.http.get(url, headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    stale = await service.http.get(url, headers={"Range": "bytes=2-5", "If-Range": '"other"'})
    assert stale.status_code == 200
    head = await service.http.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole.content)))
    for extension, start in ((".webp", b"RIFF"), (".jpg", b"\xff\xd8")):
        other = await service.http.get(url.replace(".png", extension))
        assert other.content.startswith(start)
