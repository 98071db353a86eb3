"""A picture's recipe survives the file, and a stranger's file does no harm."""

import io
import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ninefold.errors import UserError
from ninefold.pictures.png import (
    MAX_FILE_BYTES,
    MAX_TEXT_BYTES,
    SIGNATURE,
    Recipe,
    Setting,
    encode_png,
    read_recipe,
    without_manifest,
    write_png,
)

RECIPE = Recipe(
    prompt="a hamster in a sombrero 🐹 قبعة",
    seed=2**63 + 1,
    index=4,
    settings={"top_k": 50, "temperature": 0.9, "top_p": None, "seamless": False, "negative": "é"},
    model="pocket",
    model_sha256="0123456789abcdef" * 4,
    software="ninefold 0.1.0",
)
PIXELS = Image.linear_gradient("L").resize((16, 16)).convert("RGB")
settings_values: st.SearchStrategy[Setting] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.floats(allow_nan=False, allow_infinity=False),
)
texts = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def write(folder: Path, data: bytes) -> Path:
    path = folder / "picture.png"
    path.write_bytes(data)
    return path


def png_with(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return a PNG whose text chunks are `chunks`, between its header and its pixels."""
    plain = encode_png(PIXELS)
    head = len(SIGNATURE) + 25
    return plain[:head] + b"".join(chunk(kind, body) for kind, body in chunks) + plain[head:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def itxt(keyword: str, text: bytes, compressed: bool = False) -> tuple[bytes, bytes]:
    packed = zlib.compress(text) if compressed else text
    return b"iTXt", keyword.encode() + b"\0" + bytes([compressed, 0]) + b"\0\0" + packed


def test_a_recipe_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_png(tmp_path / "picture.png", PIXELS, RECIPE)
    assert read_recipe(path) == RECIPE


@given(
    recipe=st.builds(
        Recipe,
        prompt=texts,
        seed=st.integers(0, 2**128),
        index=st.integers(0, 10**6),
        settings=st.dictionaries(st.text(), settings_values),
        model=texts,
        model_sha256=texts,
        software=texts,
    )
)
def test_any_recipe_is_read_back(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    assert read_recipe(write(folder, encode_png(PIXELS, recipe))) == recipe


def test_a_prompt_of_100000_characters_is_carried(tmp_path: Path) -> None:
    recipe = replace(RECIPE, prompt="🐙a" * 50_000)
    data = encode_png(PIXELS, recipe)
    assert len(data) < 20_000
    assert read_recipe(write(tmp_path, data)) == recipe


def test_the_same_picture_and_recipe_give_the_same_bytes() -> None:
    reordered = dict(sorted(RECIPE.settings.items(), reverse=True))
    assert encode_png(PIXELS, RECIPE) == encode_png(PIXELS, replace(RECIPE, settings=reordered))


def test_other_programs_see_the_pixels_and_the_texts() -> None:
    with Image.open(io.BytesIO(encode_png(PIXELS, RECIPE))) as picture:
        assert picture.tobytes() == PIXELS.tobytes()
        assert picture.info["Description"] == RECIPE.prompt
        assert picture.info["Software"] == "ninefold 0.1.0"
        assert json.loads(picture.info["ninefold.settings"]) == dict(RECIPE.settings)


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, b"mine")
    with pytest.raises(FileExistsError):
        write_png(path, PIXELS, RECIPE)
    assert path.read_bytes() == b"mine"


def test_a_file_of_another_kind_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a PNG picture"):
        read_recipe(write(tmp_path, b"\xff\xd8\xff\xe0 a photograph"))


def test_a_png_without_a_recipe_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="carries no recipe"):
        read_recipe(write(tmp_path, encode_png(PIXELS)))
    stranger = PngInfo()
    stranger.add_text("Description", "a holiday")
    buffer = io.BytesIO()
    PIXELS.save(buffer, format="PNG", pnginfo=stranger)
    with pytest.raises(UserError, match="carries no recipe"):
        read_recipe(write(tmp_path, buffer.getvalue()))


def test_a_missing_file_and_a_folder_are_called_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_recipe(tmp_path / "nothing.png")
    with pytest.raises(UserError, match="cannot be read"):
        read_recipe(tmp_path)
    with pytest.raises(UserError, match="not the name of a file"):
        read_recipe(Path("a\0b.png"))


def test_a_file_too_large_for_a_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.write(SIGNATURE)
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(UserError, match="larger than 64 MiB"):
        read_recipe(path)


@pytest.mark.parametrize("length", [9, 30, 100, 300, -1])
def test_a_file_that_is_cut_short_is_damaged(tmp_path: Path, length: int) -> None:
    with pytest.raises(UserError, match="is damaged"):
        read_recipe(write(tmp_path, encode_png(PIXELS, RECIPE)[:length]))


def test_a_flipped_bit_anywhere_is_damage_or_another_kind_of_file(tmp_path: Path) -> None:
    whole = encode_png(PIXELS, RECIPE)
    for at in range(0, len(whole) - 12, 7):
        data = bytearray(whole)
        data[at] ^= 1
        with pytest.raises(UserError, match=r"is damaged|not a PNG"):
            read_recipe(write(tmp_path, bytes(data)))


def recipe_chunks(**changes: bytes) -> list[tuple[bytes, bytes]]:
    """Return the text chunks of a small sound recipe, some of them changed."""
    sound = {
        "Description": b"a cat",
        "Software": b"ninefold 0.1.0",
        "ninefold.seed": b"1",
        "ninefold.index": b"0",
        "ninefold.settings": b"{}",
        "ninefold.model": b"pocket",
        "ninefold.model-sha256": b"00",
    }
    sound |= {name.replace("_", "."): text for name, text in changes.items()}
    return [itxt(name, text) for name, text in sound.items()]


def test_hand_made_chunks_are_read(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, png_with(recipe_chunks())))
    assert (recipe.prompt, recipe.seed, recipe.settings) == ("a cat", 1, {})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ninefold_seed": b"-1"}, "not a whole number"),
        ({"ninefold_seed": b"9" * 5000}, "not a whole number"),
        ({"ninefold_seed": "٣".encode()}, "not a whole number"),
        ({"ninefold_index": b""}, "not a whole number"),
        ({"ninefold_settings": b"[" * 100_000}, "not JSON"),
        ({"ninefold_settings": b'{"top_p": NaN}'}, "not JSON"),
        ({"ninefold_settings": b"[1]"}, "not names and values"),
        ({"ninefold_settings": b'{"a": {}}'}, "not names and values"),
        ({"Description": b"\xff"}, "not UTF-8"),
        ({"Description": b"a" * (MAX_TEXT_BYTES + 1)}, "too long"),
    ],
)
def test_a_senseless_recipe_is_damage(
    tmp_path: Path, changes: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(UserError, match=f"is damaged .*{reason}"):
        read_recipe(write(tmp_path, png_with(recipe_chunks(**changes))))


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (itxt("ninefold.seed", b"2"), "two texts are called ninefold.seed"),
        (itxt("Software", bytes(2**28), compressed=True), "too long"),
        ((b"iTXt", b"Software\0\1\0\0\0not zlib"), "cannot be unpacked"),
        ((b"iTXt", b"Software\0\1\0\0\0" + zlib.compress(b"abc")[:-5]), "cut short"),
        ((b"iTXt", b"Software\0\0"), "cut short"),
        ((b"iTXt", b"Software\0\7\0\0\0x"), "cut short"),
    ],
)
def test_a_hostile_chunk_is_damage(tmp_path: Path, extra: tuple[bytes, bytes], reason: str) -> None:
    chunks = recipe_chunks()
    if b"Software" in extra[1]:
        chunks = [chunk for chunk in chunks if not chunk[1].startswith(b"Software")]
    with pytest.raises(UserError, match=f"is damaged .*{reason}"):
        read_recipe(write(tmp_path, png_with([*chunks, extra])))


def test_a_recipe_that_lacks_a_text_is_damage(tmp_path: Path) -> None:
    chunks = [chunk for chunk in recipe_chunks() if b"ninefold.model\0" not in chunk[1]]
    with pytest.raises(UserError, match=r"lacks ninefold\.model"):
        read_recipe(write(tmp_path, png_with(chunks)))


def test_texts_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    strangers = [itxt("Comment", b"\xff\xff"), (b"iTXt", b"no separator"), (b"zTXt", b"junk")]
    data = png_with([*strangers, *recipe_chunks()])
    assert read_recipe(write(tmp_path, data)).prompt == "a cat"


def test_a_mark_is_told_where_there_is_one(tmp_path: Path) -> None:
    marked = replace(RECIPE, mark="1")
    assert read_recipe(write_png(tmp_path / "marked.png", PIXELS, marked)) == marked
    assert b"ninefold.mark" not in encode_png(PIXELS, RECIPE)


def test_without_its_manifest_a_file_is_what_it_was() -> None:
    data = encode_png(PIXELS, RECIPE)
    body = b"caBX" + b"manifest"
    chunk = struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body))
    assert without_manifest(data[:33] + chunk + data[33:]) == data
    assert without_manifest(data) == data
    assert without_manifest(data[:40]) == data[:40]
    assert without_manifest(b"nonsense") == b"nonsense"
