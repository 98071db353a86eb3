"""The fast path: many people's pictures in one batch, equal to `generation/` token for token."""
