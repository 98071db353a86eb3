"""The text tokenizer of pocket: byte-level byte-pair encoding learned from its captions.

The same kind of tokenizer as the published models have (special ids `<s>` 0, `<pad>` 1, `</s>` 2,
`<unk>` 3), with a smaller table. Words that have a meaning of their own can be added to it whole.
"""

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from ninefold.text.bpe import SPACE

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def train_tokenizer(captions: Iterable[str], vocab_size: int) -> Tokenizer:
    """Learn a vocabulary of at most `vocab_size` entries from normalized captions.

    The result is the same for the same captions in the same order.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    return tokenizer


def add_words(tokenizer: Tokenizer, words: Iterable[str]) -> Tokenizer:
    """Give words an entry of their own, as they stand after a space.

    Earlier entries keep their ids, and texts without these words their encoding; a word that is an
    entry already is left as it is.

    Args:
        tokenizer: byte-pair encoding, of `train_tokenizer`.
        words: lower-case, without spaces, of letters of ASCII.
    """
    content = json.loads(tokenizer.to_str())
    vocab = content["model"]["vocab"]
    for word in words:
        vocab.setdefault(SPACE + word, len(vocab))
    # No merges lead to these entries: they are looked up before merges are tried.
    content["model"]["ignore_merges"] = True
    added: Tokenizer = Tokenizer.from_str(json.dumps(content))
    return added
