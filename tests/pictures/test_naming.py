"""What file names made from prompts promise, and how new folders are claimed."""

import multiprocessing
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.atomic_file import write_new
from ninefold.pictures.naming import (
    MAX_STEM_BYTES,
    claim_folder,
    picture_stem,
)

WINDOWS_DEVICES = {"CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "LPT9"}
prompts = st.text(max_size=300) | st.text(
    alphabet=st.sampled_from("aé́ -./\\:*?<>|\"'\0\n‮⁦️ㅤक्षि🐙‍👩CONul1"), max_size=60
)


@pytest.mark.parametrize(
    ("prompt", "stem"),
    [
        ("a red apple", "a-red-apple"),
        ("A hamster Godzilla in a sombrero attacking Tokyo!", None),
        ("../../etc/passwd", "etc-passwd"),
        ("--out=/", "out"),
        (".hidden", "hidden"),
        ("C:\\Windows\\x.exe ", "C-Windows-x-exe"),
        ("the cat's hat", "the-cats-hat"),
        ("con", "con-picture"),
        ("COM¹", "COM¹-picture"),
        ("nul.txt", "nul-txt"),
        ("", "picture"),
        ("?!*", "picture"),
        ("ㅤ️", "picture"),
        ("🐙", "🐙"),
        ("Cafe\u0301 au lait", "Café-au-lait"),
        ("قطة حمراء", "قطة-حمراء"),
        ("evil\u202egnp.exe", "evilgnp-exe"),
        ("line one\nline two\x00\x1b[31m", "line-one-line-two-31m"),
        ("हिन्दी क्षत्रिय", "हिन्दी-क्षत्रिय"),
    ],
)
def test_the_name_tells_the_prompt(prompt: str, stem: str | None) -> None:
    assert picture_stem(prompt) == (stem or "A-hamster-Godzilla-in-a-sombrero-attacking-Tokyo")


@given(prompt=prompts, max_bytes=st.integers(8, MAX_STEM_BYTES))
def test_the_name_is_one_safe_path_component_everywhere(prompt: str, max_bytes: int) -> None:
    stem = picture_stem(prompt, max_bytes)
    assert 0 < len(stem.encode()) <= max_bytes
    assert stem[0] not in "-."
    assert stem[-1] not in "-. "
    assert stem.upper() not in WINDOWS_DEVICES
    assert not set(stem) & set('/\\:*?"<>|\0')
    assert all(unicodedata.category(character)[0] in "LMNSP" for character in stem)
    assert stem == unicodedata.normalize("NFC", stem)
    assert Path(stem).name == stem


@given(prompt=prompts)
def test_naming_a_name_gives_the_same_name(prompt: str) -> None:
    stem = picture_stem(prompt)
    assert picture_stem(stem) == stem


@given(text=st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=8))
def test_letters_and_digits_of_every_script_are_kept(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert picture_stem(f"x{text}x") == unicodedata.normalize("NFC", f"x{composed}x")


def test_a_long_prompt_is_cut_between_words() -> None:
    stem = picture_stem("thanos is looking for his mother at walmart " * 100)
    assert len(stem.encode()) <= 80
    assert stem == "thanos-is-looking-for-his-mother-at-walmart-thanos-is-looking-for-his-mother-at"


def test_a_long_word_is_not_cut_inside_a_character() -> None:
    assert picture_stem("e" + "\u0323\u0302" * 100, 8).startswith("ệ")
    assert picture_stem("a" * 6 + "e\u0323\u0304", 8) == "aaaaaa"


@pytest.mark.parametrize("max_bytes", [7, MAX_STEM_BYTES + 1])
def test_a_length_out_of_range_is_refused(max_bytes: int) -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        picture_stem("a", max_bytes)


def test_a_taken_folder_gets_the_next_number(tmp_path: Path) -> None:
    (tmp_path / "apple").write_text("a file, not a folder")
    assert [claim_folder(tmp_path, "apple").name for _ in range(2)] == ["apple-2", "apple-3"]


def test_processes_that_claim_the_same_name_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_save_many, args=(tmp_path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(list(tmp_path.iterdir())) == 60
    assert sorted(path.read_bytes() for path in tmp_path.glob("*/file")) == sorted(
        f"{n}:{k}".encode() for n in range(3) for k in range(20)
    )


def _save_many(folder: Path, writer: int) -> None:
    for k in range(20):
        write_new(claim_folder(folder, "apple") / "file", f"{writer}:{k}".encode())
