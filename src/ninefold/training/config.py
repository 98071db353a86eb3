"""What a training run is asked to do, whatever the network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run. Two runs with the same settings give the same weights."""

    num_steps: int
    batch_size: int
    """Samples between optimizer steps."""
    learning_rate: float
    """Peak rate of AdamW, reached after the warm-up."""
    muon_learning_rate: float | None = None
    """Peak rate of Muon, which then learns the matrices between the embeddings and the head; None
    leaves these to AdamW too."""
    warmup_steps: int = 200
    final_rate_fraction: float = 0.02
    """Share of the peak rate that the cosine decay ends with."""
    weight_decay: float = 0.01
    """Applied to matrices and convolutions; not to norms, biases and embeddings."""
    betas: tuple[float, float] = (0.9, 0.99)
    max_grad_norm: float = 1.0
    ema_decay: float = 0.999
    """Of the averaged weights, which are those that are shipped."""
    seed: int = 0
    log_every: int = 50
    """Steps between lines of the log."""
    save_every: int = 500
    """Steps between saves of the state and the sample pictures."""
    autocast: str = "auto"
    """`"bfloat16"`, `"float32"`, or `"auto"`: bfloat16 where the processor multiplies it
    natively."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "batch_size", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}.")
        if self.muon_learning_rate is not None and self.muon_learning_rate <= 0:
            raise ValueError(f"muon_learning_rate must be above 0, not {self.muon_learning_rate}.")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), not {self.ema_decay}.")
        if self.autocast not in ("auto", "bfloat16", "float32"):
            raise ValueError(f"autocast must be auto, bfloat16 or float32, not {self.autocast!r}.")
