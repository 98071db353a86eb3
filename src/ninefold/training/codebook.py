"""How the VQGAN's codebook is learned: moving averages, with unused vectors put to use again.

Source: van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning" (2017),
appendix A.1, and the restart of dead codes of Dhariwal et al., "Jukebox" (2020).
"""

import torch
from torch import Tensor, nn

from ninefold.models.vqgan import Codebook


class CodebookLearner(nn.Module):
    """Running counts and sums of the vectors that each code stands for.

    The buffers are float32; M is the number of vectors seen in a step, K codes, E their length.
    """

    def __init__(
        self,
        codebook: Codebook,
        decay: float = 0.99,
        dead_below: float = 0.03,
        num_reserved: int = 0,
    ) -> None:
        """Start counting for a codebook.

        Args:
            codebook: what is learned.
            decay: of counts and sums, per step.
            dead_below: a code whose running count per step is lower is restarted.
            num_reserved: how many of the first codes have a fixed meaning. They follow the vectors
                that are given to them, are never restarted, and restarts leave those vectors out.
        """
        super().__init__()
        self.num_reserved = num_reserved
        count = len(codebook.embedding.weight)
        self.decay = decay
        self.dead_below = dead_below
        self.register_buffer("counts", torch.ones(count))
        self.register_buffer("sums", codebook.embedding.weight.detach().clone())
        self.register_buffer("is_started", torch.zeros((), dtype=torch.bool))
        self.counts: Tensor
        self.sums: Tensor
        self.is_started: Tensor

    @torch.no_grad()
    def update(
        self, codebook: Codebook, vectors: Tensor, codes: Tensor, generator: torch.Generator
    ) -> int:
        """Move the codebook towards the vectors (M, E) that chose `codes` (M,).

        Returns:
            The number of codes that were restarted at a vector of this step.
        """
        vectors = vectors.float()
        weight = codebook.embedding.weight
        free = (codes >= self.num_reserved).nonzero().flatten()
        free = free if len(free) else torch.arange(len(vectors))
        if not self.is_started:
            chosen = free[torch.randint(len(free), (len(weight),), generator=generator)]
            noise = torch.randn(weight.shape, generator=generator) * vectors.std() * 1e-2
            weight.copy_(vectors[chosen] + noise)
            self.counts.fill_(len(vectors) / len(weight))
            self.sums.copy_(weight * self.counts.unsqueeze(1))
            self.is_started.fill_(True)
            return len(weight)
        ones = torch.ones(len(codes))
        counts = torch.zeros_like(self.counts).index_add_(0, codes, ones)
        sums = torch.zeros_like(self.sums).index_add_(0, codes, vectors)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        is_dead = self.counts < self.dead_below
        is_dead[: self.num_reserved] = False
        dead = is_dead.nonzero().flatten()
        if len(dead):
            chosen = free[torch.randint(len(free), (len(dead),), generator=generator)]
            self.counts[dead] = len(vectors) / len(weight)
            self.sums[dead] = vectors[chosen] * self.counts[dead].unsqueeze(1)
        weight.copy_(self.sums / self.counts.clamp(min=1e-6).unsqueeze(1))
        return len(dead)
