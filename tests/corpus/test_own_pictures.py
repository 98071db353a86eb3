"""A person's own pictures become a corpus that training reads, and nothing else is replaced."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ninefold.corpus.build import read_records
from ninefold.corpus.own_pictures import build_own_corpus
from ninefold.errors import UserError
from ninefold.training.captions import write_captions


def png(size: tuple[int, int] = (40, 20), colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def write_pictures(folder: Path) -> Path:
    """Write two pictures with captions and one that is damaged."""
    folder.mkdir()
    for name, colour, captions in (("a", "red", "a red thing\nred"), ("b", "blue", "a blue thing")):
        (folder / f"{name}.png").write_bytes(png(colour=colour))
        (folder / f"{name}.txt").write_text(captions)
    (folder / "c.png").write_bytes(b"damaged")
    (folder / "c.txt").write_text("a damaged thing")
    return folder


def test_pictures_are_squares_of_the_size_with_their_own_captions(tmp_path: Path) -> None:
    built = build_own_corpus(write_pictures(tmp_path / "mine"), tmp_path / "corpus", 16)
    assert built.num_pictures == 2
    assert built.left_out == (("c.png", "it is no picture that can be read"),)
    pictures = np.load(tmp_path / "corpus/pictures.npy")
    assert pictures.shape == (2, 16, 16, 4)
    assert pictures[1, 8, 8].tolist() == [0, 0, 255, 255]
    records = read_records(tmp_path / "corpus")
    assert records[0].captions == ("a red thing", "red")
    assert {text.strip() for text in write_captions(records, seed=0)[0]} == {"a red thing", "red"}


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    picture = Image.new("RGB", (32, 32), "white")
    picture.paste("black", (0, 0, 32, 16))
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    picture.save(tmp_path / "mine/a.png", exif=turned)
    (tmp_path / "mine/a.txt").write_text("night below day")
    build_own_corpus(tmp_path / "mine", tmp_path / "corpus", 16)
    shown = np.load(tmp_path / "corpus/pictures.npy")[0]
    assert shown[2, 8].tolist() == [255] * 4
    assert shown[13, 8].tolist() == [0, 0, 0, 255]


def test_building_again_replaces_the_own_corpus(tmp_path: Path) -> None:
    mine = write_pictures(tmp_path / "mine")
    build_own_corpus(mine, tmp_path / "corpus", 16)
    (mine / "b.txt").unlink()
    assert build_own_corpus(mine, tmp_path / "corpus", 32).num_pictures == 1
    assert json.loads((tmp_path / "corpus/manifest.json").read_text())["size"] == 32


def test_the_corpus_of_pocket_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    manifest = tmp_path / "corpus/manifest.json"
    manifest.write_text('{"format": "ninefold-corpus-1"}')
    with pytest.raises(UserError, match="holds another corpus"):
        build_own_corpus(write_pictures(tmp_path / "mine"), tmp_path / "corpus", 16)
    assert manifest.read_text() == '{"format": "ninefold-corpus-1"}'


def test_without_a_usable_picture_nothing_is_written(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "c.png").write_bytes(b"damaged")
    (mine / "c.txt").write_text("a damaged thing")
    with pytest.raises(UserError, match=r"no picture that can be used; c\.png"):
        build_own_corpus(mine, tmp_path / "corpus", 16)
    assert not (tmp_path / "corpus").exists()


def test_one_bad_picture_is_named_and_the_others_are_built(tmp_path: Path) -> None:
    mine = write_pictures(tmp_path / "mine")
    bad = {"d.jpg": b"%!PS-Adobe", "e.png": png()[:60], "f.gif": b"GIF89a", "g.webp": b""}
    for name, content in bad.items():
        (mine / name).write_bytes(content)
        (mine / name).with_suffix(".txt").write_text("a thing")
    (mine / "h.png").write_bytes(png())
    (mine / "h.txt").write_bytes("ein Fuß".encode("cp1252"))
    built = build_own_corpus(mine, tmp_path / "corpus", 16)
    assert built.num_pictures == 2
    assert {name for name, _ in built.left_out} == {"c.png", *bad, "h.png"}
    assert dict(built.left_out)["h.png"].endswith("it is not text in UTF-8; save it as UTF-8")


def test_sixteen_bit_grey_stays_grey(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)
    Image.fromarray(np.tile(ramp, (64, 1))).save(tmp_path / "mine/a.png")
    (tmp_path / "mine/a.txt").write_text("a gradient")
    build_own_corpus(tmp_path / "mine", tmp_path / "corpus", 16)
    row = np.load(tmp_path / "corpus/pictures.npy")[0, 8, :, 0].astype(int)
    assert abs(row - np.linspace(7, 248, 16)).max() < 6


def test_what_a_picture_loses_is_remarked(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "mine/a.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "mine/a.txt").write_text("a light")
    built = build_own_corpus(tmp_path / "mine", tmp_path / "corpus", 16)
    assert built.remarks == (("a.gif", "only the first of its 2 frames is used"),)


def test_where_nothing_can_be_used_every_reason_is_told(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for number in range(7):
        (mine / f"{number}.png").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
        (mine / f"{number}.txt").write_text("a thing")
    with pytest.raises(UserError, match=r"0\.png: it is a Git-LFS pointer.*; and 2 more"):
        build_own_corpus(mine, tmp_path / "corpus", 16)
