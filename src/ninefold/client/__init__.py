"""A client for a Ninefold service: ask, follow, look, cancel.

    from ninefold.client import Client

    with Client("http://127.0.0.1:8000") as client:
        job = client.draw("a red apple", seed=7)
        file = client.load(job["pictures"][0])

Knows the HTTP API under /api/v1, not how the service draws; needs no PyTorch.
"""

from ninefold.client.client import Client

__all__ = ["Client"]
