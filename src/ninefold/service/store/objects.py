"""Where pictures lie: a folder, or any object store that speaks S3, through `obstore`.

Pictures are written once under the hash of their content and never changed. Knows nothing of what
is in them or who may see them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import obstore
from blake3 import blake3
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from ninefold.errors import NinefoldError, UserError
from ninefold.private_place import make_private
from ninefold.service.backoff import pauses

FOLDER = "pictures"
"""Name of the pictures' folder in the data folder."""

_Result = TypeVar("_Result")
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class StorageError(NinefoldError):
    """The object store does not take or give what it should."""


def content_hash(data: bytes) -> str:
    """Return the address of a content: its blake3 in hexadecimal."""
    return blake3(data).hexdigest()


def picture_key(digest: str, extension: str) -> str:
    """Return where the picture of this hash lies in one format."""
    return f"pictures/{digest[:2]}/{digest}.{extension}"


def hidden_key(digest: str, extension: str) -> str:
    """Return where a picture lies that is not shown."""
    return f"hidden/{digest[:2]}/{digest}.{extension}"


def owner_key(digest: str, extension: str) -> str:
    """Return where a picture lies that is shown to who asked for it alone."""
    return f"owner/{digest[:2]}/{digest}.{extension}"


PLACES = {"pictures": picture_key, "owner": owner_key, "hidden": hidden_key}
"""Where finished pictures lie, by the beginning of their keys."""


def preview_key(job_id: str, digest: str) -> str:
    """Return where a picture lies that is not finished."""
    return f"previews/{job_id}/{digest}.webp"


def grid_key(job_id: str, extension: str) -> str:
    """Return where all pictures of a job lie as one."""
    return f"grids/{job_id}.{extension}"


@dataclass(frozen=True)
class ListedObject:
    """An object as the store lists it."""

    key: str
    modified_at: datetime
    """By the store's clock."""


def _open_folder(folder: Path, *, is_ours: bool) -> ObjectStore:
    store = LocalStore(folder, automatic_cleanup=True, mkdir=True)
    if is_ours:
        make_private(folder)
    return store


class Objects:
    """An object store."""

    def __init__(self, open_store: Callable[[], ObjectStore], patience_s: float = 30.0) -> None:
        """Use a store, which is opened when it is first asked for something.

        Args:
            open_store: opens one of obstore; asked again where it raises OSError.
            patience_s: seconds that a write is tried for.
        """
        self._open_store = open_store
        self._store: ObjectStore | None = None
        self._patience_s = patience_s

    @classmethod
    def open(cls, url: str | None, data: Path, patience_s: float = 30.0) -> "Objects":
        """Open the store at `url`, or the folder in `data` if that is None.

        Credentials of S3 come from the environment, as obstore reads them (AWS_ACCESS_KEY_ID and
        so on); AWS_ENDPOINT names a store that is not Amazon's. A folder that cannot be made now,
        such as one on a disk that is away, is tried again with every use.

        Raises:
            UserError: the address is none of an object store.
        """
        if url is None or urlsplit(url).scheme == "file":
            folder = data / FOLDER if url is None else Path(urlsplit(url).path)
            # A folder that the operator named may be for others to read, too.
            objects = cls(partial(_open_folder, folder, is_ours=url is None), patience_s)
            with suppress(OSError):
                objects._opened()
            return objects
        try:
            store = from_url(url)
            return cls(lambda: store, patience_s)
        except (BaseError, ValueError) as error:
            raise UserError(
                f"NINEFOLD_PICTURES_URL is no object store ({error}); write s3://bucket/prefix, or "
                "leave it out for a folder."
            ) from None

    def require(self) -> None:
        """Open the store now.

        Raises:
            UserError: the folder cannot be made.
        """
        try:
            self._opened()
        except OSError as error:
            raise UserError(
                f"{error} Make it writable, or name another place by NINEFOLD_PICTURES_URL or "
                "NINEFOLD_DATA."
            ) from None

    def _opened(self) -> ObjectStore:
        if self._store is None:
            try:
                self._store = self._open_store()
            except OSError as error:
                # Not of its kind: a file in the folder's place is no picture that is there already.
                message = f"The folder of pictures cannot be opened ({error})."
                raise OSError(message) from error
        return self._store

    async def put(self, key: str, data: bytes, patience_s: float | None = None) -> None:
        """Write an object whole; tries again for a while where the store refuses.

        Args:
            key: its name.
            data: its content.
            patience_s: seconds to try for; None for those of the store.

        Raises:
            StorageError: it refused for too long.
        """
        await self._persist(lambda: obstore.put_async(self._opened(), key, data), patience_s)

    async def put_once(self, key: str, data: bytes) -> None:
        """Write an object unless there is one of that name, which then stays as it is.

        Raises:
            StorageError: the store refused for too long.
        """

        async def write() -> None:
            # The store said that the name is taken, perhaps by our own write before a retry.
            with suppress(AlreadyExistsError, FileExistsError):
                await obstore.put_async(self._opened(), key, data, mode="create")

        await self._persist(write, None)

    async def get(self, key: str) -> bytes | None:
        """Return an object's content, or None if there is none.

        Raises:
            StorageError: the store cannot be read.
        """
        try:
            result = await obstore.get_async(self._opened(), key)
            return bytes(await result.bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise StorageError(
                "The pictures' store cannot be read at the moment; whatever was stored is safe."
            ) from error

    async def delete(self, key: str, patience_s: float | None = None) -> None:
        """Remove an object; it need not exist.

        Raises:
            StorageError: the store refused for `patience_s` seconds, or those of the store.
        """

        async def remove() -> None:
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._opened(), key)

        await self._persist(remove, patience_s)

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object of this name.

        Raises:
            StorageError: the store cannot be read.
        """
        try:
            await obstore.head_async(self._opened(), key)
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise StorageError("The pictures' store cannot be read.") from error
        return True

    async def move(self, key: str, new_key: str) -> None:
        """Give an object another name, in the place of what has that name; it need not exist.

        Raises:
            StorageError: the store refused for too long.
        """

        async def rename() -> None:
            with suppress(FileNotFoundError):
                await obstore.rename_async(self._opened(), key, new_key)

        await self._persist(rename, None)

    async def listed(self, prefix: str, size: int = 1000) -> AsyncIterator[list[ListedObject]]:
        """Yield the objects below a prefix, some `size` at a time.

        Raises:
            StorageError: the store cannot be read.
        """
        try:
            async for batch in obstore.list(self._opened(), prefix, chunk_size=size):
                yield [ListedObject(item["path"], item["last_modified"]) for item in batch]
        except (BaseError, OSError) as error:
            raise StorageError("The pictures' store cannot be listed.") from error

    async def keys(self, prefix: str) -> list[str]:
        """Return the names of all objects below a prefix.

        Raises:
            StorageError: the store cannot be read.
        """
        return [each.key async for batch in self.listed(prefix) for each in batch]

    async def check(self) -> None:
        """Raise StorageError unless the store answers."""
        await self.get("check")

    async def _persist(
        self, attempt: Callable[[], Awaitable[_Result]], patience_s: float | None
    ) -> _Result:
        until = time.monotonic() + (self._patience_s if patience_s is None else patience_s)
        for pause_s in pauses(_FIRST_PAUSE_S, _LONGEST_PAUSE_S):
            try:
                return await attempt()
            except (BaseError, OSError) as error:
                if time.monotonic() + pause_s > until:
                    raise StorageError(
                        "The pictures' store refused a picture for too long."
                    ) from error
            await asyncio.sleep(pause_s)
        raise AssertionError("pauses do not end")
