"""Draws with craiyon.py at the address that is given, into a folder that is given.

Run by `test_craiyon.py` in an environment of its own. The client has no setting for its server, so
its `BASE_URL` is set, and that of v3's pictures, which it has in its text, is put in their place.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from craiyon import Craiyon, CraiyonV1

PICTURES = "https://img.craiyon.com"


def pointed(client: Any, address: str) -> Any:
    """Return a client that asks another server."""
    client.BASE_URL = address
    return client


async def main(address: str, folder: Path) -> None:
    """Draw once with each API, and each way of it, and print what the answers said."""
    v1, v3 = pointed(CraiyonV1(), address), pointed(Craiyon(), address)
    first = await asyncio.to_thread(v1.generate, "a red apple")
    first.save_images(str(folder / "v1"))
    again = await v1.async_generate("a red apple")
    await again.async_save_images(str(folder / "v1-async"))
    third = await asyncio.to_thread(v3.generate, "a red apple", "a worm", "art")
    third.images = [url.replace(PICTURES, address) for url in third.images]
    await third.async_save_images(str(folder / "v3-async"))
    await asyncio.to_thread(third.save_images, str(folder / "v3"))
    json.dump({"models": [first.model, third.model], "next": third.description}, sys.stdout)


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
