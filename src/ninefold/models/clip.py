"""CLIP: pictures and texts as unit vectors, near each other where they belong together.

The two transformers of Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision" (2021). Submodules carry the names of Hugging Face's `CLIPModel`, so checkpoints in the
published layout map one to one. It does not know how a text becomes ids (`text/`), what a score is
used for (`generation/rerank.py`) or where weights come from (`checkpoints/`).

Shapes: B rows, T text length, P patches + 1, C width of a tower, E projection_dim, S image_size.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

from ninefold.errors import UnsupportedOptionError
from ninefold.models.transformer import Activation, LayerShape, TransformerStack


@dataclass(frozen=True)
class CLIPConfig:
    """Shape of a CLIP and what it expects of its inputs. The defaults are the published ViT-B/32.

    ViT-B/16 is `CLIPConfig(patch_size=16)`.
    """

    projection_dim: int = 512
    """Length of the vectors that pictures and texts share."""
    image_size: int = 224
    """Side in pixels of the pictures it sees."""
    patch_size: int = 32
    vision_width: int = 768
    vision_layers: int = 12
    vision_heads: int = 12
    vision_intermediate_size: int = 3072
    vocab_size: int = 49408
    max_positions: int = 77
    """Longest text in ids, start and end included."""
    text_width: int = 512
    text_layers: int = 12
    text_heads: int = 8
    text_intermediate_size: int = 2048
    activation: Activation = "quick_gelu"
    layer_norm_eps: float = 1e-5
    eos_token_id: int | None = None
    """The id that ends a text: a text is read off at its first one. None: at its highest id, the
    rule of the first published weights, where end of text is the last entry of the vocabulary."""
    image_mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    image_std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)

    def __post_init__(self) -> None:
        if self.activation not in ("quick_gelu", "gelu"):
            raise UnsupportedOptionError(
                f"CLIP option activation={self.activation!r} is not supported; "
                "use quick_gelu or gelu."
            )
        sizes = {k: v for k, v in vars(self).items() if k != "eos_token_id" and type(v) is int}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name}={size} must be at least 1.")
        if not len(self.image_mean) == len(self.image_std) == 3:
            raise ValueError("image_mean and image_std must have one number a colour, three each.")
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size={self.image_size} must be a multiple of patch_size={self.patch_size}."
            )
        towers = {
            "vision": (self.vision_width, self.vision_heads),
            "text": (self.text_width, self.text_heads),
        }
        for tower, (width, heads) in towers.items():
            if width % heads:
                raise ValueError(f"{tower}_heads={heads} must divide {tower}_width={width}.")

    @property
    def num_patches(self) -> int:
        """Patches of a picture."""
        return (self.image_size // self.patch_size) ** 2


class VisionEmbeddings(nn.Module):
    """A learned vector for the whole picture, then one vector a patch, plus their positions."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        width, patch = config.vision_width, config.patch_size
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding(config.num_patches + 1, width)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, P, C)."""
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        whole = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([whole, patches], dim=1) + self.position_embedding.weight


class VisionModel(nn.Module):
    """The picture tower. `pre_layrnorm` is how the published name is spelled."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        width, eps = config.vision_width, config.layer_norm_eps
        shape = LayerShape(
            width, config.vision_heads, config.vision_intermediate_size, config.activation, eps
        )
        self.embeddings = VisionEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(width, eps)
        self.encoder = TransformerStack(shape, config.vision_layers)
        self.post_layernorm = nn.LayerNorm(width, eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, C), the state at the vector for the whole picture."""
        states = self.encoder(self.pre_layrnorm(self.embeddings(pixels)))
        whole: Tensor = self.post_layernorm(states[:, 0])
        return whole


class TextEmbeddings(nn.Module):
    """One vector an id plus one a position."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.text_width)
        self.position_embedding = nn.Embedding(config.max_positions, config.text_width)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) to (B, T, C)."""
        embedded: Tensor = self.token_embedding(ids)
        return embedded + self.position_embedding.weight[: ids.shape[1]]


class TextModel(nn.Module):
    """The text tower: causal, so what stands after the end of a text does not matter."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        width, eps = config.text_width, config.layer_norm_eps
        shape = LayerShape(
            width, config.text_heads, config.text_intermediate_size, config.activation, eps
        )
        self.eos_token_id = config.eos_token_id
        self.embeddings = TextEmbeddings(config)
        self.encoder = TransformerStack(shape, config.text_layers)
        self.final_layer_norm = nn.LayerNorm(width, eps)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T) ids and True where they count to (B, C), the state at the end of each text."""
        length = ids.shape[1]
        visible = torch.ones(1, 1, length, length, dtype=torch.bool, device=ids.device).tril()
        if mask is not None:
            visible = visible & mask[:, None, None, :]
        states = self.final_layer_norm(self.encoder(self.embeddings(ids), visible))
        ends = ids if self.eos_token_id is None else (ids == self.eos_token_id).int()
        first_end = ends.argmax(dim=1)  # argmax returns the first of equals
        at_end: Tensor = states[torch.arange(len(ids), device=ids.device), first_end]
        return at_end


class CLIP(nn.Module):
    """Both towers, their projections to a common space, and the learned temperature."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = TextModel(config)
        self.vision_model = VisionModel(config)
        self.visual_projection = nn.Linear(config.vision_width, config.projection_dim, bias=False)
        self.text_projection = nn.Linear(config.text_width, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self._initialize()

    def normalize(self, pixels: Tensor) -> Tensor:
        """Make pictures what `encode_image` expects, as the published preprocessing does.

        Args:
            pixels: (B, 3, H, W) floats in [0, 1], of any size.

        Returns:
            (B, 3, S, S) float32: the shorter side resized to S (bicubic, antialiased), the middle
            square cut out, mean and standard deviation of the training pictures taken out.
        """
        size = self.config.image_size
        height, width = pixels.shape[2:]
        shorter = min(height, width)
        resized = F.interpolate(
            pixels.float(),
            size=(height * size // shorter, width * size // shorter),
            mode="bicubic",
            antialias=True,
        ).clamp(0, 1)
        top, left = ((side - size) // 2 for side in resized.shape[2:])
        square = resized[:, :, top : top + size, left : left + size]
        mean = square.new_tensor(self.config.image_mean)[:, None, None]
        std = square.new_tensor(self.config.image_std)[:, None, None]
        return (square - mean) / std

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Pictures (B, 3, S, S), normalized (see `normalize`), to unit vectors (B, E), float32."""
        pixels = pixels.to(self.visual_projection.weight.dtype)
        return F.normalize(self.visual_projection(self.vision_model(pixels)).float(), dim=-1)

    def encode_text(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Texts to unit vectors.

        Args:
            ids: (B, T) int64 with T ≤ max_positions; each row holds its end of text.
            mask: (B, T) bool, False for padding. Needed by nobody who pads on the right; position
                0 must count.

        Returns:
            (B, E) float32.

        Raises:
            ValueError: the texts are longer than the model's positions.
        """
        if ids.shape[1] > self.config.max_positions:
            raise ValueError(
                f"Texts of {ids.shape[1]} ids are longer than max_positions="
                f"{self.config.max_positions}; truncate them, keeping the end of text."
            )
        return F.normalize(self.text_projection(self.text_model(ids, mask)).float(), dim=-1)

    def forward(
        self, pixels: Tensor, ids: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Score every picture against every text.

        Args:
            pixels: (B, 3, S, S), normalized.
            ids: (B', T) int64.
            mask: as in `encode_text`.

        Returns:
            Cosine × exp(logit_scale), float32: by picture (B, B') and by text (B', B).
        """
        images, texts = self.encode_image(pixels), self.encode_text(ids, mask)
        with torch.autocast(images.device.type, enabled=False):  # half would round to 1 in 128
            logits_per_image = self.logit_scale.float().exp() * images @ texts.T
        return logits_per_image, logits_per_image.T

    def _initialize(self) -> None:
        """Draw the weights that training starts from, with the deviations of the paper's code."""
        embeddings = self.vision_model.embeddings
        vision_std = self.config.vision_width**-0.5
        nn.init.normal_(embeddings.class_embedding, std=vision_std)
        nn.init.normal_(embeddings.position_embedding.weight, std=vision_std)
        nn.init.normal_(self.text_model.embeddings.token_embedding.weight, std=0.02)
        nn.init.normal_(self.text_model.embeddings.position_embedding.weight, std=0.01)
        nn.init.normal_(self.visual_projection.weight, std=vision_std)
        nn.init.normal_(self.text_projection.weight, std=self.config.text_width**-0.5)
        self.vision_model.encoder.initialize()
        self.text_model.encoder.initialize()
