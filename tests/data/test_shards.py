"""Three layouts give the same samples; what cannot be used is told, never taken or run into."""

import io
import json
import random
import tarfile
from pathlib import Path

import pytest

from ninefold.data.shards import Sample, captions_of, read_samples
from ninefold.errors import UserError

LeftOut = list[tuple[str, str]]


def read(folder: Path) -> tuple[list[Sample], LeftOut]:
    left_out: LeftOut = []
    return list(read_samples(folder, lambda *reason: left_out.append(reason))), left_out


def write_shard(path: Path, members: dict[str, bytes], compression: str = "") -> None:
    with tarfile.open(path, f"w:{compression}") as archive:  # type: ignore[call-overload]  # any
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
        ("b.png", "it has no caption; b.txt holds no caption"),
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
    assert left_out == [
        ("a.tar: 9.jpg", "there is no 9.txt beside it"),
        ("a.tar: 8.txt", "there is no picture of its name"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar"]


def test_a_damaged_shard_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar file")
    (tmp_path / "b.tar").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "c.tgz").write_bytes(b"\x1f\x8bno gzip")
    write_shard(tmp_path / "d.tar", {"1.jpg": b"1", "1.txt": b"one"})
    samples, left_out = read(tmp_path)
    assert [sample.captions for sample in samples] == [("one",)]
    reasons = dict(left_out)
    assert "cannot be read as a tar file" in reasons["a.tar"]
    assert "`git lfs pull`" in reasons["b.tar"]
    assert "cannot be read as a tar file" in reasons["c.tgz"]


@pytest.mark.parametrize("compression", ["", "gz"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_of_a_shard_that_is_cut_off_what_came_before_is_read(
    tmp_path: Path, share: float, compression: str
) -> None:
    noise = random.Random(0).randbytes
    names = [(n, e) for n in range(9) for e in ("jpg", "txt")]
    members = {f"{n}.{e}": noise(3000) if e == "jpg" else b"a" for n, e in names}
    whole = tmp_path / "whole"
    write_shard(whole, members, compression)
    (tmp_path / "a.tar").write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    whole.unlink()
    write_shard(tmp_path / "b.tar", {"x.jpg": b"x", "x.txt": b"after"})
    samples, left_out = read(tmp_path)
    assert samples[-1].captions == ("after",)
    assert 1 < len(samples) < 10
    assert any(name == "a.tar" and "cut off or damaged" in why for name, why in left_out)


def test_no_cut_of_a_shard_goes_unnoticed(tmp_path: Path) -> None:
    members = {f"{n}.{e}": b"x" * 700 for n in range(2) for e in ("jpg", "txt")}
    shard = tmp_path / "a.tar"
    write_shard(shard, members)
    content = shard.read_bytes()
    for length in range(256, 6 * 1024, 256):
        shard.write_bytes(content[:length])
        samples, left_out = read(tmp_path)
        assert left_out, length
        assert len(samples) <= 2


def test_what_follows_the_end_of_a_shard_is_told(tmp_path: Path) -> None:
    for name in "ab":
        write_shard(tmp_path / name, {f"{name}.jpg": b"1", f"{name}.txt": b"one"})
    both = (tmp_path / "a").read_bytes() + (tmp_path / "b").read_bytes()
    (tmp_path / "a").unlink()
    (tmp_path / "b").unlink()
    (tmp_path / "both.tar").write_bytes(both)
    samples, left_out = read(tmp_path)
    assert [sample.name for sample in samples] == ["both.tar: a.jpg"]
    assert left_out[0][0] == "both.tar"
    assert "put together" in left_out[0][1]


def test_all_members_of_a_shard_are_read_or_told(tmp_path: Path) -> None:
    members = {
        "IMG.2023.01.png": b"1",
        "IMG.2023.01.txt": b"one",
        "IMG.2023.02.png": b"2",
        "2.JFIF": b"3",
        "2.TXT": b"three",
        "0.input.jpg": b"4",
        "0.outputs.txt": b"four",
        "0.mask.npy": b"mask",
        "5.jpg": b"5",
        "5.json": b'{"prompt": "five"}',
        "6.jpg": b"6",
        "6.cls": b"6",
        "7.heic": b"7",
        "8": b"\xff\xd8\xff8",
        "8.txt": b"eight",
        "9.a.jpg": b"9a",
        "9.b.jpg": b"9b",
        "9.txt": b"nine",
        "._junk.jpg": b"",
    }
    write_shard(tmp_path / "a.tar", members)
    with tarfile.open(tmp_path / "a.tar", "a") as archive:
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    samples, left_out = read(tmp_path)
    assert [sample.captions for sample in samples] == [
        ("one",), ("three",), ("four",), ("five",), ("eight",),
    ]  # fmt: skip
    told = {name.removeprefix("a.tar: ") for name, _ in left_out}
    used = {sample.name.removeprefix("a.tar: ") for sample in samples}
    texts = {"IMG.2023.01.txt", "2.TXT", "0.outputs.txt", "5.json", "8.txt"}
    assert told | used | texts == {*members, "link.jpg"} - {"._junk.jpg"}
    assert told.isdisjoint(used | texts)


def test_members_need_not_stand_side_by_side(tmp_path: Path) -> None:
    write_shard(
        tmp_path / "a.tar", {"1.jpg": b"1", "2.jpg": b"2", "1.txt": b"one", "2.txt": b"two"}
    )
    samples, left_out = read(tmp_path)
    assert [(sample.data, sample.captions) for sample in samples] == [
        (b"1", ("one",)), (b"2", ("two",)),
    ]  # fmt: skip
    assert left_out == []


def test_names_of_members_that_are_no_names_harm_nothing(tmp_path: Path) -> None:
    names = ("", "/", ".", "..", "a/", "\udcff.jpg", "x" * 5000 + ".jpg", ".jpg", "a..jpg", "..jpg")
    write_shard(tmp_path / "a.tar", dict.fromkeys(names, b"?") | {"1.jpg": b"1", "1.txt": b"1"})
    assert [sample.data for sample in read(tmp_path)[0]] == [b"1"]


def test_a_folder_of_nothing_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"give each name\.jpg a name\.txt"):
        read(tmp_path)
    with pytest.raises(UserError, match="is no folder"):
        read(tmp_path / "nowhere")


def test_captions_that_are_no_text_are_none() -> None:
    assert captions_of({"captions": ["a", 3, " "], "caption": "b"}) == ("a",)
    assert captions_of({"caption": None}) == ()
    assert captions_of({"caption": None, "text": "b"}) == ("b",)
    assert captions_of({"captions": [], "Caption": ["b", "c"]}) == ("b", "c")


def test_all_layouts_of_one_folder_are_read_and_all_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text('{"file": "a.png", "caption": "listed"}')
    for name in ("a.png", "b.png", "c.heic", "d.zip", "e.parquet", "f.md", ".hidden", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"?")
    (tmp_path / "b.txt").write_text("beside")
    (tmp_path / "orphan.txt").write_text("nobody's")
    (tmp_path / "gone.png").symlink_to("nowhere")
    write_shard(tmp_path / "s.tar", {"1.jpg": b"1", "1.txt": b"in a shard"})
    samples, left_out = read(tmp_path)
    assert [sample.captions[0] for sample in samples] == ["listed", "in a shard", "beside"]
    reasons = {Path(name).name: reason for name, reason in left_out}
    assert set(reasons) == {"c.heic", "d.zip", "e.parquet", "f.md", "orphan.txt", "gone.png"}
    assert "save it as JPEG" in reasons["c.heic"]
    assert "unpack it" in reasons["d.zip"]
    assert "captions.jsonl" in reasons["e.parquet"]


def test_a_corpus_that_lies_in_the_folder_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"A")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "runs/own").mkdir(parents=True)
    for name in ("pictures.npy", "records.jsonl", "manifest.json"):
        (tmp_path / "runs/own" / name).write_bytes(b"?")
    samples, left_out = read(tmp_path)
    assert len(samples) == 1
    assert [Path(name).name for name, _ in left_out] == ["own"]
