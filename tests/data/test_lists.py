"""Lists in the layouts that people share; a bad line is named, and no line is dropped unseen."""

import json
from pathlib import Path

import pytest

from ninefold.errors import UserError
from tests.data.test_shards import read


def write_list(folder: Path, name: str, *rows: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows))


def captions(folder: Path) -> list[tuple[str, ...]]:
    samples, left_out = read(folder)
    assert left_out == []
    assert all(sample.data == b"A" for sample in samples)
    return [sample.captions for sample in samples]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.png").write_bytes(b"A")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("train/metadata.jsonl", {"file_name": "a.png", "text": "a ball"}),
        ("METADATA.JSONL", {"file_name": "train/a.png", "text": "a ball"}),
        ("metadata.jsonl", {"file_name": "train\\a.png", "text": "a ball"}),
        ("metadata.jsonl", {"file_name": "Train/A.PNG", "text": "a ball"}),
        ("metadata.jsonl", {"file_name": "./train/../train/a.png", "text": "a ball"}),
        ("train/metadata.jsonl", {"file_name": "train/a.png", "text": "a ball"}),
        ("metadata.jsonl", {"file_name": "train/a.png", "caption": None, "text": "a ball"}),
        ("metadata.jsonl", {"file_name": "train/a.png", "caption": "", "text": "a ball"}),
        ("metadata.jsonl", {"file_name": "train/a.png", "caption": ["a ball"]}),
        ("captions.jsonl", {"File": None, "Image": "train/a.png", "Prompt": "a ball"}),
        ("dataset.jsonl", {"image": {"path": "train/a.png", "bytes": None}, "caption": "a ball"}),
    ],
)
def test_lists_as_people_write_them_are_understood(folder: Path, name: str, row: object) -> None:
    write_list(folder, name, row)
    assert captions(folder) == [("a ball",)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", 'file_name,text\r\ntrain/a.png,"a ball, red"\r\n'),
        ("captions.tsv", "image\tcaption\ntrain/a.png\ta ball, red\n"),
        ("train/labels.csv", "\ufeffFile_Name,Caption\na.png,'a ball, red'\n".replace("'", '"')),
    ],
)
def test_tables_are_understood(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert captions(folder) == [("a ball, red",)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_list_is_read_by_its_byte_order_mark(folder: Path, encoding: str) -> None:
    row = json.dumps({"file": "train/a.png", "caption": "a café"}, ensure_ascii=False)
    (folder / "captions.jsonl").write_bytes(row.encode(encoding))
    assert captions(folder) == [("a café",)]


@pytest.mark.parametrize(
    "file",
    ["n" * 300, "n/" * 3000, "a\0.png", "\0", "\ud800.png", ".", "train", "/train/../", "?*|"],
)
def test_a_name_that_no_file_can_have_is_told_and_the_others_are_read(
    folder: Path, file: str
) -> None:
    row, good = {"file": file, "caption": "x"}, {"file": "train/a.png", "caption": "a ball"}
    write_list(folder, "captions.jsonl", row, good)
    if file == "/train/../":
        with pytest.raises(UserError, match="line 1 names a file outside"):
            read(folder)
        return
    samples, left_out = read(folder)
    assert [sample.captions for sample in samples] == [("a ball",)]
    ((name, reason),) = left_out
    assert name == file or name == "captions.jsonl, line 1"
    assert "there is no such file" in reason or "cannot be the name" in reason


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[" * 100_000, "line 1 is not JSON"),
        ("9" * 10_000, "line 1 is not JSON"),
        ("NaN", 'line 1 names no "file"'),
        ('{"file": 3}', 'line 1 names no "file"'),
        ('{"file": null}', 'line 1 names no "file"'),
        ('{"file": " "}', 'line 1 names no "file"'),
        ('{"file": "..\\\\secret.png"}', "line 1 names a file outside"),
        ('{"file": "/etc/passwd"}', "line 1 names a file outside"),
    ],
)
def test_a_line_that_names_nothing_is_named_itself(folder: Path, line: str, message: str) -> None:
    (folder / "metadata.jsonl").write_text(line)
    with pytest.raises(UserError, match=message):
        read(folder)


def test_a_caption_that_is_no_text_is_told_with_its_line(folder: Path) -> None:
    write_list(folder, "captions.jsonl", {"file": "train/a.png", "caption": "\ud800"})
    assert read(folder)[1] == [
        (
            "train/a.png (captions.jsonl, line 1)",
            "its caption holds control characters or halves of characters",
        )
    ]


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\n", b"\xff\xfeA"])
def test_a_list_that_is_no_text_is_told(folder: Path, content: bytes) -> None:
    (folder / "captions.jsonl").write_bytes(content)
    assert "captions.jsonl" in dict(read(folder)[1])


def test_a_log_among_the_pictures_is_told_and_stops_nothing(folder: Path) -> None:
    (folder / "log.jsonl").write_text('{"step": 1}\n')
    (folder / "notes.csv").write_text("one,two\n1,2\n")
    (folder / "train/a.txt").write_text("a ball")
    samples, left_out = read(folder)
    assert [sample.captions for sample in samples] == [("a ball",)]
    assert left_out == [
        (name, "it is no list of files and captions") for name in ("log.jsonl", "notes.csv")
    ]


def test_a_link_in_the_folder_may_lead_out_of_it(folder: Path, tmp_path: Path) -> None:
    (folder / "train/b.png").symlink_to(tmp_path / "train/a.png")
    write_list(folder / "train", "metadata.jsonl", {"file_name": "b.png", "text": "linked"})
    samples, _ = read(folder / "train")
    assert [sample.captions for sample in samples] == [("linked",)]
