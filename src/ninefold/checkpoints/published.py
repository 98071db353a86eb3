"""Where mini, mega, their VQGAN, CLIP and word list are published, and what their files must be.

Mini and mega are the checkpoints mini-1:v0 and mega-1:v16 of borisdayma/dalle-mini, as its authors
mirrored them from Weights & Biases to the Hugging Face hub. Every source is pinned to a commit. The
SHA-256 of every large file, and of all of CLIP's files, is the one that the hub's pages show for it
(for mini's weights: for copies made of the repository on the hub, which agree). The SHA-256 of the
small text files of mini, mega and the VQGAN (configuration, tokenizer) could not be learned without
fetching them: for these a download is checked against the hub's own ETag alone, which is the git
hash of the content.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFile:
    """One file of a published repository."""

    name: str
    num_bytes: int
    """Rounded for some, as the hub's pages do: good for progress and disk space only."""
    sha256: str | None = None
    """Known hash, or None to rely on the hub's ETag alone."""


@dataclass(frozen=True)
class PublishedSource:
    """Files of one repository at one commit."""

    repository: str
    revision: str
    licence: str
    files: tuple[PublishedFile, ...]

    @property
    def num_bytes(self) -> int:
        """Bytes to download, about."""
        return sum(file.num_bytes for file in self.files)


_TOKENIZER_FILES = (
    PublishedFile("config.json", 1_400),
    PublishedFile("tokenizer.json", 2_120_000),
    PublishedFile("tokenizer_config.json", 497),
    PublishedFile("special_tokens_map.json", 239),
    PublishedFile("vocab.json", 802_000),
    PublishedFile("merges.txt", 461_000),
)

MINI = PublishedSource(
    repository="dalle-mini/dalle-mini",
    revision="e0888f668d60b9009e1a00ef4b6c155ec7512610",
    licence="Apache-2.0",
    files=(
        PublishedFile(
            "flax_model.msgpack",
            1_751_400_000,
            sha256="df70127fbf804aaec7b9eeb54bc123283405ea74e5047bede4986638a384951a",
        ),
        *_TOKENIZER_FILES,
    ),
)

MEGA = PublishedSource(
    repository="dalle-mini/dalle-mega",
    revision="661203c9f0b19db31c8c857bad6c9c2315a95b42",
    licence="Apache-2.0",
    files=(
        PublishedFile(
            "flax_model.msgpack",
            10_350_100_000,
            sha256="35a6c84b02cff45f7257283dbc7f2e4c403950ef146d9f0c9f5e6b9848b9602c",
        ),
        *_TOKENIZER_FILES,
    ),
)

WORDS = PublishedSource(
    repository="dalle-mini/dalle-mini",
    revision="e0888f668d60b9009e1a00ef4b6c155ec7512610",
    licence="Apache-2.0",
    files=(
        PublishedFile(
            "enwiki-words-frequency.txt",
            34_196_068,
            sha256="26bc86b265dacb1f3974fc5aec5fd2523319a2a5207c6ff5c3c602a0f146574b",
        ),
    ),
)

VQGAN = PublishedSource(
    repository="dalle-mini/vqgan_imagenet_f16_16384",
    revision="e93a26e7707683d349bf5d5c41c5b0ef69b677a9",
    licence="MIT (CompVis/taming-transformers)",
    files=(
        PublishedFile("config.json", 434),
        PublishedFile(
            "flax_model.msgpack",
            304_300_000,
            sha256="5ef1a8f63877e450b2616169dcd1ab8f7b8a5eb95160549a1805e9e4511caa93",
        ),
    ),
)

CLIP = PublishedSource(
    repository="openai/clip-vit-base-patch32",
    revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
    licence="MIT (openai/CLIP)",
    files=(
        PublishedFile(
            "config.json",
            4_186,
            sha256="b575ef3c36f2a057fa19e221650105052d61cc9c1a972ec15019c6261ec98770",
        ),
        PublishedFile(
            "preprocessor_config.json",
            316,
            sha256="910e70b3956ac9879ebc90b22fb3bc8a75b6a0677814500101a4c072bd7857bd",
        ),
        PublishedFile(
            "tokenizer.json",
            2_224_041,
            sha256="b556ac8c99757ffb677208af34bc8c6721572114111a6e0aaf5fa69ff0b8d842",
        ),
        PublishedFile(
            "pytorch_model.bin",
            605_247_071,
            sha256="a63082132ba4f97a80bea76823f544493bffa8082296d62d71581a4feff1576f",
        ),
    ),
)

# From the recorded outputs of the kuprel/min-dalle notebook, which prints ids beside each prompt;
# the prompts are given as that notebook's tokenizer sees them (lower case, ASCII).
GOLDEN_TOKENS = (
    ("dali painting of walle", (0, 21853, 1545, 111, 563, 92, 2)),
    ("court sketch of godzilla on trial", (0, 2634, 4189, 111, 14450, 133, 5167, 2)),
    (
        "trail cam footage of gollum eating watermelon",
        (0, 1737, 904, 8271, 111, 39831, 140, 7077, 16927, 2),
    ),
    (
        "cctv of yoda robbing a liquor store",
        (0, 17685, 111, 24509, 976, 11811, 58, 13142, 1110, 2),
    ),
    (
        "a comfy chair that looks like an avocado",
        (0, 58, 29872, 2408, 766, 4126, 1572, 101, 16632, 2),
    ),
    ("artificial intelligence", (0, 6316, 7815, 2)),
    ("alien life", (0, 8925, 742, 2)),
)
