"""The codebook follows the vectors, and unused codes are put to use."""

import torch

from ninefold.models.vqgan import Codebook, VQGANConfig
from ninefold.training.codebook import CodebookLearner

CONFIG = VQGANConfig(
    ch=8, ch_mult=(1,), resolution=8, attn_resolutions=(), embed_dim=2, n_embed=32, norm_groups=4
)


def clusters(generator: torch.Generator) -> torch.Tensor:
    centres = torch.tensor([[float(x), float(y)] for x in (0, 10) for y in (0, 10, 20, 30)])
    return (centres[:, None] + torch.randn(8, 16, 2, generator=generator) * 0.1).flatten(0, 1)


def test_every_vector_comes_to_have_a_code_near_it() -> None:
    codebook = Codebook(CONFIG).requires_grad_(False)
    learner = CodebookLearner(codebook, decay=0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        vectors = clusters(generator)
        learner.update(codebook, vectors, codebook.nearest(vectors), generator)
    vectors = clusters(generator)
    error = (codebook.embedding(codebook.nearest(vectors)) - vectors).abs().max()
    assert error < 1


def test_an_unused_code_is_put_to_use() -> None:
    codebook = Codebook(CONFIG).requires_grad_(False)
    learner = CodebookLearner(codebook, decay=0.5)
    generator = torch.Generator().manual_seed(0)
    vectors = clusters(generator)
    learner.update(codebook, vectors, codebook.nearest(vectors), generator)
    with torch.no_grad():
        learner.sums[3] = 1e6 * learner.counts[3]
        codebook.embedding.weight[3] = 1e6
    restarted = 0
    for _ in range(20):
        restarted += learner.update(codebook, vectors, codebook.nearest(vectors), generator)
    assert restarted >= 1
    assert codebook.embedding.weight.abs().max() < 100


def test_the_first_update_starts_from_the_data() -> None:
    codebook = Codebook(CONFIG).requires_grad_(False)
    learner = CodebookLearner(codebook)
    vectors = torch.full((20, 2), 5.0)
    generator = torch.Generator().manual_seed(0)
    restarted = learner.update(codebook, vectors, codebook.nearest(vectors), generator)
    assert restarted == CONFIG.n_embed
    torch.testing.assert_close(codebook.embedding.weight, torch.full((32, 2), 5.0))
