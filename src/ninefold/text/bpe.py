"""Byte-pair encoding tables, from `tokenizer.json` or from `vocab.json` and `merges.txt`.

The byte-level encoding of Radford et al., "Language Models are Unsupervised Multitask Learners"
(2019), in the file layouts of Hugging Face. Knows nothing of prompts or of text length.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from ninefold.errors import CheckpointError
from ninefold.file_kinds import refuse_lfs_pointer
from ninefold.text.encoded import BOS_ID, EOS_ID, SPECIAL_TOKENS

TOKENIZER_FILE, VOCAB_FILE, MERGES_FILE = "tokenizer.json", "vocab.json", "merges.txt"

SPACE = "\u0120"
"""How the byte-level alphabet writes a space: the byte 0x20 shifted to a visible letter, `Ġ`."""


@dataclass(frozen=True)
class BPETables:
    """What byte-pair encoding needs to know."""

    vocab: dict[str, int]
    merges: list[tuple[str, str]]
    """Pairs in the order in which they are to be merged."""

    def build_model(self) -> models.BPE:
        """Build the encoder of single words."""
        return models.BPE(vocab=self.vocab, merges=self.merges, unk_token="<unk>", fuse_unk=False)


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a model's folder, with the ids of Hugging Face's BartTokenizerFast.

    Raises:
        CheckpointError: The files are missing, damaged, or of another kind of model.
    """
    path = folder / TOKENIZER_FILE
    if path.is_file():
        text = _read_text(path)
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise _damaged(path, str(error)) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        _check_special_tokens(tokenizer.token_to_id, folder)
    else:
        tokenizer = _build_tokenizer(read_bpe_tables(folder))
    # BartTokenizerFast knows these in a text whether or not its file declares them.
    tokens = [AddedToken(token, special=True, normalized=True) for token in SPECIAL_TOKENS]
    if tokenizer.token_to_id("<mask>") is not None:
        tokens.append(AddedToken("<mask>", special=True, normalized=True, lstrip=True))
    tokenizer.add_special_tokens(tokens)
    return tokenizer


def read_bpe_tables(folder: Path) -> BPETables:
    """Read vocabulary and merges from whichever of the two layouts a model's folder has.

    Raises:
        CheckpointError: The files are missing, damaged, or of another kind of model.
    """
    path, vocab_path, merges_path = (
        folder / name for name in (TOKENIZER_FILE, VOCAB_FILE, MERGES_FILE)
    )
    if path.is_file():
        model = _read_json(path).get("model")
        if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
            raise _damaged(path, "it holds no byte-pair encoding")
        tables = BPETables(_vocab(model.get("vocab"), path), _merges(model.get("merges"), path))
    elif vocab_path.is_file() and merges_path.is_file():
        path = merges_path
        lines = [line.rstrip("\r") for line in _read_text(path).split("\n")]
        pairs = [line for line in lines if line and not line.startswith("#version")]
        tables = BPETables(_vocab(_read_json(vocab_path), vocab_path), _merges(pairs, path))
    else:
        raise CheckpointError(
            f"There is no tokenizer in {folder}; "
            f"it needs {TOKENIZER_FILE}, or {VOCAB_FILE} and {MERGES_FILE}."
        )
    _check_special_tokens(tables.vocab.get, folder)
    for left, right in tables.merges:
        if not {left, right, left + right} <= tables.vocab.keys():
            raise _damaged(path, f"the merge {left!r} {right!r} is not in the vocabulary")
    return tables


def _build_tokenizer(tables: BPETables) -> Tokenizer:
    tokenizer = Tokenizer(tables.build_model())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # Only for those who read the file elsewhere: `TextTokenizer` adds <s> and </s> itself.
    sep, cls = ("</s>", EOS_ID), ("<s>", BOS_ID)
    tokenizer.post_processor = processors.RobertaProcessing(sep, cls, add_prefix_space=False)
    return tokenizer


def _check_special_tokens(token_to_id: Callable[[str], int | None], folder: Path) -> None:
    for token, token_id in SPECIAL_TOKENS.items():
        if token_to_id(token) != token_id:
            raise CheckpointError(
                f"The tokenizer in {folder} does not give {token} the id {token_id}; "
                "use the tokenizer that belongs to the model."
            )


def _read_text(path: Path) -> str:
    refuse_lfs_pointer(path)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, "it is not readable text") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(document, dict):
        raise _damaged(path, "it is not a JSON object")
    return document


def _vocab(value: object, path: Path) -> dict[str, int]:
    if not isinstance(value, dict) or not all(type(i) is int and i >= 0 for i in value.values()):
        raise _damaged(path, "its vocabulary does not map tokens to ids")
    return value


def _merges(value: object, path: Path) -> list[tuple[str, str]]:
    """Take merges as `"a b"` or as `["a", "b"]`; files have either, by the library's version."""
    pairs = value if isinstance(value, list) else [None]
    parted = [tuple(pair.split(" ")) if isinstance(pair, str) else pair for pair in pairs]
    merges = []
    for pair in parted:
        match pair:
            case (str(left), str(right)) if left and right:
                merges.append((left, right))
            case _:
                raise _damaged(path, "its merges are not pairs of tokens")
    return merges


def _damaged(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"The tokenizer file {path} is damaged ({reason}); pull or convert the model again."
    )
