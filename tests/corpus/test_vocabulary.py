"""The tokenizer has the special ids of the published models and reads any text."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ninefold.corpus.vocabulary import SPECIAL_TOKENS, add_words, train_tokenizer
from ninefold.text import TextTokenizer

CAPTIONS = [" a red apple", " a red car", " the red apple tree"] * 5


def test_special_ids_are_those_of_the_published_models() -> None:
    tokenizer = train_tokenizer(CAPTIONS, 300)
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]


def test_learning_twice_gives_the_same_table() -> None:
    assert train_tokenizer(CAPTIONS, 300).to_str() == train_tokenizer(CAPTIONS, 300).to_str()


def test_the_text_tokenizer_reads_it(tmp_path: Path) -> None:
    train_tokenizer(CAPTIONS, 300).save(str(tmp_path / "tokenizer.json"))
    encoded = TextTokenizer.from_folder(tmp_path, 16, 300).encode(" a red apple")
    assert encoded.num_tokens == 5
    assert encoded.ids[0] == 0
    assert encoded.ids[4] == 2


@given(st.text(max_size=30))
def test_no_text_is_lost(text: str) -> None:
    tokenizer = train_tokenizer(CAPTIONS, 300)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_words_get_an_entry_of_their_own() -> None:
    tokenizer = train_tokenizer(CAPTIONS, 300)
    added = add_words(tokenizer, ["sombrero", "zeppelin", "sombrero"])
    assert added.get_vocab_size() == tokenizer.get_vocab_size() + 2
    assert added.encode(" a sombrero.").tokens == ["Ġa", "Ġsombrero", "."]
    assert len(tokenizer.encode(" a sombrero.").ids) > 3
    assert add_words(added, ["zeppelin"]).to_str() == added.to_str()


def test_texts_without_added_words_are_encoded_as_before() -> None:
    tokenizer = train_tokenizer(CAPTIONS, 300)
    added = add_words(tokenizer, ["sombrero"])
    for caption in [*CAPTIONS, " sombreros", "sombrero"]:
        assert added.encode(caption).ids == tokenizer.encode(caption).ids
