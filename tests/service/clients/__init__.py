"""The service as its clients see it, each an unmodified package."""
