"""Captions are read as they were meant, or refused with a reason; never as rubbish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.data.caption_files import CaptionError, caption_lines, decode_text, json_captions

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_byte_order_mark_is_read_by_it(encoding: str) -> None:
    assert caption_lines("a red ball\r\n日本の城\r\n".encode(encoding)) == (
        "a red ball",
        "日本の城",
    )


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-32-be"])
def test_the_order_of_bytes_is_that_of_the_mark(encoding: str) -> None:
    assert decode_text("\ufeffa café".encode(encoding)) == "a café"


@pytest.mark.parametrize(
    "data",
    [
        "a café".encode("cp1252"),
        "a “ball”".encode("cp1252"),
        "赤いボール".encode("shift-jis"),
        "красный мяч".encode("cp1251"),
        "红球".encode("gbk"),
        "a red ball".encode("utf-16-le"),
        "a red ball".encode("utf-16-be"),
        "a red ball".encode("utf-32-le"),
        "\ufeffa ball".encode("utf-16")[:-1],
        b"\x89PNG\r\n\x1a\n\0\0",
        b"a\0ball",
    ],
)
def test_other_encodings_are_refused_by_their_name(data: bytes) -> None:
    with pytest.raises(CaptionError, match="not text in UTF-8; save it as UTF-8"):
        caption_lines(data)


def test_a_pointer_of_git_lfs_is_called_that() -> None:
    with pytest.raises(CaptionError, match="Git-LFS pointer"):
        caption_lines(LFS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"caption": "\\u0000"}', "control characters"),
        (b'{"caption": "a \\ud800 half"}', "halves of characters"),
        (b'{"caption": "\\u001b[31m"}', "control characters"),
        (b'{"caption": "' + b"x" * 100_001 + b'"}', "more than 100,000 characters"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 10_000, "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not text in UTF-8"),
    ],
)
def test_json_that_holds_no_caption_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(CaptionError, match=reason):
        json_captions(data)


def test_json_that_is_no_object_has_no_captions() -> None:
    assert json_captions(b'["a"]') == ()
    assert json_captions(b'{"caption": NaN}') == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_captions_or_a_reason(data: bytes) -> None:
    try:
        captions = caption_lines(data)
    except CaptionError:
        return
    assert all(caption and caption == " ".join(caption.split()) for caption in captions)
    assert "\0" not in "".join(captions)
