"""Three layouts give the same samples; what cannot be used is told, never taken or run into."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from ninefold.data.shards import Sample, captions_of, read_samples
from ninefold.errors import UserError

LeftOut = list[tuple[str, str]]


def read(folder: Path) -> tuple[list[Sample], LeftOut]:
    left_out: LeftOut = []
    return list(read_samples(folder, lambda *reason: left_out.append(reason))), left_out


def write_shard(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_a_picture_beside_a_text_has_a_caption_a_line(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "b.JPG").write_bytes(b"B")
    (tmp_path / "b.txt").write_text("\ufeffa blue  thing\n\nthe sky\n", encoding="utf-8")
    (tmp_path / "more/a.png").write_bytes(b"A")
    (tmp_path / "more/a.txt").write_text("another")
    samples, left_out = read(tmp_path)
    assert samples == [
        Sample("b.JPG", b"B", ("a blue thing", "the sky")),
        Sample("more/a.png", b"A", ("another",)),
    ]
    assert left_out == []


def test_a_picture_without_a_caption_is_left_out_and_named(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(b"picture")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("  \n")
    samples, left_out = read(tmp_path)
    assert [sample.name for sample in samples] == ["a.png"]
    assert left_out == [
        ("b.png", "it has no caption"),
        ("c.png", "there is no c.txt beside it"),
    ]


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("captions.jsonl", {"file": "a.png", "caption": "a thing"}),
        ("metadata.jsonl", {"file_name": "a.png", "text": "a thing"}),
        ("captions.jsonl", {"file": "a.png", "captions": ["a thing"]}),
    ],
)
def test_a_list_names_pictures_and_captions(
    tmp_path: Path, file: str, row: dict[str, object]
) -> None:
    (tmp_path / "a.png").write_bytes(b"A")
    rows = [row, {"file": "gone.png", "caption": "gone"}]
    (tmp_path / file).write_text("\n".join(json.dumps(line) for line in rows) + "\n\n")
    samples, left_out = read(tmp_path)
    assert samples == [Sample("a.png", b"A", ("a thing",))]
    assert left_out == [("gone.png", "there is no such file")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "captions.jsonl, line 1 is not JSON"),
        ('["a.png"]', 'line 1 names no "file"'),
        ('{"file": "../secret.png", "caption": "x"}', "line 1 names a file outside"),
    ],
)
def test_a_damaged_list_is_refused_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "captions.jsonl").write_text(line)
    with pytest.raises(UserError, match=message):
        read(tmp_path)


def test_shards_are_read_in_order_without_unpacking(tmp_path: Path) -> None:
    write_shard(
        tmp_path / "b.tar",
        {"x/0001.jpg": b"1", "x/0001.txt": b"one", "x/0002.txt": b"two", "x/0002.png": b"2"},
    )
    write_shard(
        tmp_path / "a.tar",
        {"../0.webp": b"0", "../0.json": b'{"caption": "zero"}', "9.jpg": b"9", "8.txt": b"8"},
    )
    samples, left_out = read(tmp_path)
    assert [(sample.data, sample.captions) for sample in samples] == [
        (b"0", ("zero",)),
        (b"1", ("one",)),
        (b"2", ("two",)),
    ]
    assert left_out == [("a.tar: 9", "it has no caption")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar"]


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar file")
    with pytest.raises(UserError, match=r"a\.tar cannot be read"):
        read(tmp_path)


def test_a_folder_of_nothing_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"give each name\.jpg a name\.txt"):
        read(tmp_path)
    with pytest.raises(UserError, match="is no folder"):
        read(tmp_path / "nowhere")


def test_captions_that_are_no_text_are_none() -> None:
    assert captions_of({"captions": ["a", 3, " "], "caption": "b"}) == ("a",)
    assert captions_of({"caption": None}) == ()
