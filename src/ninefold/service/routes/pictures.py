"""Pictures at addresses made from their content, previews, and all of a job's as one.

A picture's address never changes what it means, so it may be kept for ever; one that an operator
removed answers 410. What is for its owner alone has an address of the job, and no cache keeps it.
Hidden pictures have no address.
"""

import asyncio
import io
import math
import zipfile
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from PIL import Image
from sqlalchemy import select

from ninefold.pictures.grid import grid
from ninefold.pictures.naming import picture_stem
from ninefold.safety.image_policy import Audience
from ninefold.safety.provenance import Provenance
from ninefold.service.byte_ranges import IMMUTABLE, respond
from ninefold.service.dependencies import TheGateway
from ninefold.service.documents import JobDocument, PictureDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs.audiences import is_shown, key_of
from ninefold.service.jobs.picture_steps import RECIPE, encode, with_recipe
from ninefold.service.jobs.safe_steps import MEDIA_TYPES, seal_alike, seal_with
from ninefold.service.problems import Problem, not_found
from ninefold.service.routes.jobs import JobId, find_job, problems, read_viewer
from ninefold.service.store.database import reading
from ninefold.service.store.objects import (
    StorageError,
    content_hash,
    grid_key,
    owner_key,
    picture_key,
    preview_key,
)
from ninefold.service.store.tables import RemovedPicture

Extension = Literal["png", "webp", "jpg"]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="blake3 of the PNG file.")]

_HEADERS = {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Security-Policy": "sandbox"}
_OWN_HEADERS = {**_HEADERS, "Cross-Origin-Resource-Policy": "same-origin", "Vary": "Cookie"}
_OWN_CACHE = "private, no-store"
_ZIP = "application/zip"
_GRID_CACHE = "public, max-age=300"

router = APIRouter(tags=["pictures"])
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {} for media in MEDIA_TYPES.values()}},
    206: {},
    304: {},
}


@router.get(
    "/i/{digest}.{extension}",
    response_class=Response,
    responses={**_PICTURE, **problems(404, 410, 416, 422, 503)},
)
async def read_picture(
    digest: Digest, extension: Extension, request: Request, gateway: TheGateway
) -> Response:
    """Return a picture: PNG as it was drawn, or WebP or JPEG of it."""
    data = await load_picture(gateway, digest, extension)
    return respond(
        request,
        data,
        MEDIA_TYPES[extension],
        etag=f"{digest}.{extension}",
        cache_control=IMMUTABLE,
        headers={
            **_HEADERS,
            "Content-Disposition": "inline",  # with no name: a link's own one is better
        },
    )


@router.get(
    "/api/v1/jobs/{job_id}/own/{digest}.{extension}",
    response_class=Response,
    responses={**_PICTURE, **problems(401, 404, 410, 416, 422, 503)},
)
async def read_own_picture(
    job_id: JobId, digest: Digest, extension: Extension, request: Request, gateway: TheGateway
) -> Response:
    """Return a picture that is shown to who asked for it alone, to them."""
    picture = await _find_picture(gateway, request, job_id, digest)
    if picture.audience != Audience.OWNER.label:
        raise not_found("picture of this job that is shown to you alone")
    return respond(
        request,
        await _load_owned(gateway, digest, extension),
        MEDIA_TYPES[extension],
        etag=f"{digest}.{extension}",
        cache_control=_OWN_CACHE,
        headers=_OWN_HEADERS,
    )


@router.get(
    "/api/v1/jobs/{job_id}/pictures/{digest}.png",
    response_class=Response,
    responses={**_PICTURE, **problems(401, 404, 410, 422, 503)},
)
async def read_picture_with_recipe(
    job_id: JobId, digest: Digest, request: Request, gateway: TheGateway
) -> Response:
    """Return a picture of a job as PNG that tells what it was drawn from, the prompt included."""
    found = await _find_picture(gateway, request, job_id, digest)
    audience = Audience.named(found.audience)
    is_own = audience is Audience.OWNER
    load = _load_owned if is_own else load_picture
    try:
        picture = await load(gateway, digest, "png")
        recipe = await gateway.objects.get(key_of(audience, digest, RECIPE))
        if recipe is None:
            raise not_found("recipe of this picture")
    except Problem:
        gateway.recipe_files.forget(digest)
        raise
    make = partial(_tell, gateway.provenance, picture, recipe)
    data = await gateway.recipe_files.get(digest, make)
    return respond(
        request,
        data,
        MEDIA_TYPES["png"],
        etag=content_hash(data),
        cache_control=_OWN_CACHE if is_own else "private, max-age=300",
        headers=_OWN_HEADERS if is_own else _HEADERS,
    )


async def _find_picture(
    gateway: Gateway, request: Request, job_id: str, digest: str
) -> PictureDocument:
    """Return a picture of a job that the requester may see, or raise `not_found`."""
    job = await find_job(gateway, request, job_id, await read_viewer(request, gateway))
    for picture in job.pictures:
        if picture.hash == digest and not picture.hidden:
            return picture
    raise not_found("picture of this job that is shown")


async def _load_owned(gateway: Gateway, digest: str, extension: str) -> bytes:
    data = await gateway.objects.get(owner_key(digest, extension))
    if data is None:
        raise await _missing(gateway, digest)
    return data


@router.get(
    "/previews/{job_id}/{digest}.webp",
    response_class=Response,
    responses={**_PICTURE, **problems(404, 422, 503)},
)
async def read_preview(
    job_id: JobId, digest: Digest, request: Request, gateway: TheGateway
) -> Response:
    """Return a picture that is not finished; it is gone once it is."""
    data = await gateway.objects.get(preview_key(job_id, digest))
    if data is None:
        raise not_found("preview")
    return respond(
        request,
        data,
        MEDIA_TYPES["webp"],
        etag=digest,
        cache_control="private, max-age=60",
        headers=_HEADERS,
    )


@router.get(
    "/api/v1/jobs/{job_id}/grid.{extension}",
    response_class=Response,
    responses={**_PICTURE, **problems(404, 409, 410, 416, 422, 503)},
)
async def read_grid(
    job_id: JobId, extension: Extension, request: Request, gateway: TheGateway
) -> Response:
    """Return all pictures of a job as one, in rows of three, with the prompt below."""
    data = await load_grid(gateway, await find_job(gateway, request, job_id), extension)
    return respond(
        request,
        data,
        MEDIA_TYPES[extension],
        etag=content_hash(data),
        cache_control=_GRID_CACHE,
        headers=_HEADERS,
    )


@router.get(
    "/api/v1/jobs/{job_id}/pictures.zip",
    response_class=Response,
    responses={
        200: {"content": {_ZIP: {}}},
        206: {},
        304: {},
        **problems(404, 409, 410, 416, 422, 503),
    },
)
async def read_all(job_id: JobId, request: Request, gateway: TheGateway) -> Response:
    """Return the PNG files of all pictures of a job that others may see, in one ZIP."""
    job = await find_job(gateway, request, job_id)
    numbered = await _load_all_shown(gateway, job)
    data = await asyncio.to_thread(_pack, numbered, picture_stem(job.prompt))
    return respond(
        request,
        data,
        _ZIP,
        etag=content_hash(data),
        cache_control=_GRID_CACHE,
        headers={**_HEADERS, "Content-Disposition": "attachment"},  # the page's link has a name
    )


async def load_picture(gateway: Gateway, digest: str, extension: str) -> bytes:
    """Return a picture's file.

    Raises:
        Problem: there is none (404), or it was removed (410).
        StorageError: the store cannot be read.
    """
    key = picture_key(digest, extension)
    data = gateway.cache.get(key)
    if data is not None:
        return data
    data = await gateway.objects.get(key)
    if data is None:
        raise await _missing(gateway, digest)
    gateway.cache.put(key, data)
    return data


async def _missing(gateway: Gateway, digest: str) -> Problem:
    statement = select(RemovedPicture.hash).where(RemovedPicture.hash == digest)
    async with reading(gateway.database).connect() as connection:
        if (await connection.execute(statement)).scalar_one_or_none() is None:
            return not_found("picture")
    return Problem(410, "removed", "This picture was removed.")


async def load_preview(gateway: Gateway, job_id: str, url: str, extension: str) -> bytes | None:
    """Return a preview's file in another format; None if it is gone, as the picture is finished.

    Args:
        gateway: the service's.
        job_id: whose preview.
        url: as the event of the preview has it.
        extension: `png`, `webp` or `jpg`.
    """
    digest = url.rpartition("/")[2].removesuffix(".webp")
    data = await gateway.objects.get(preview_key(job_id, digest))
    return None if data is None else await asyncio.to_thread(_recode, data, extension)


def _recode(data: bytes, extension: str) -> bytes:
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
        return encode(image.convert("RGB"), extension)


async def load_grid(gateway: Gateway, job: JobDocument, extension: str) -> bytes:
    """Return all pictures of a finished job as one, from the store or made now and stored.

    The same for everybody: what is shown to its owner alone is not in it.

    Raises:
        Problem: the job is not done (409), or nothing of it is shown (404).
        StorageError: the store cannot be read.
    """
    if job.status != "done":
        raise Problem(409, "not_done", "This job has no finished pictures yet; follow its events.")
    key = grid_key(job.id, extension)
    data = gateway.cache.get(key) or await gateway.objects.get(key)
    if data is None:
        data = await _make_grid(gateway, job, extension)
        try:
            await gateway.objects.put(key, data, patience_s=0)
        except StorageError:
            return data  # the next request makes it again
        await _require_unchanged(gateway, job, key)
    gateway.cache.put(key, data)
    return data


async def _require_unchanged(gateway: Gateway, job: JobDocument, key: str) -> None:
    """Take a grid away again if its job, or a picture of it, was deleted while it was made."""
    now = await gateway.reader.find(job.id)
    if now is not None and _shown(now) == _shown(job):
        return
    await gateway.objects.delete(key)
    raise not_found("job of this id, as it was a moment ago")


def _shown(job: JobDocument) -> set[str]:
    return {
        picture.hash
        for picture in job.pictures
        if is_shown(Audience.named(picture.audience), is_own=False)
    }


async def _load_all_shown(gateway: Gateway, job: JobDocument) -> list[tuple[int, bytes]]:
    """Return the PNG files of a finished job that others may see, with their numbers from 1.

    Raises:
        Problem: the job is not done (409), or nothing of it is shown (404).
        StorageError: the store cannot be read.
    """
    if job.status != "done":
        raise Problem(409, "not_done", "This job has no finished pictures yet; follow its events.")
    files, shown = [], _shown(job)
    for picture in job.pictures:
        if picture.hash in shown:
            try:
                data = await load_picture(gateway, picture.hash, "png")
            except Problem:
                continue  # removed since
            files.append((picture.index + 1, data))
    if not files:
        raise not_found("picture that is shown in this job")
    return files


def _pack(numbered: list[tuple[int, bytes]], stem: str) -> bytes:
    """Return files as a ZIP that is the same whenever it is made; PNG does not shrink further."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for number, data in sorted(numbered):
            archive.writestr(zipfile.ZipInfo(f"{stem}-{number}.png"), data)
    return packed.getvalue()


async def _make_grid(gateway: Gateway, job: JobDocument, extension: str) -> bytes:
    files = [data for _, data in await _load_all_shown(gateway, job)]
    is_seamless = bool(job.settings.get("seamless"))
    data = await asyncio.to_thread(_compose, files, job.prompt, extension, is_seamless)
    if gateway.provenance is None:
        return data
    return await asyncio.to_thread(seal_alike, gateway.provenance, data, extension, files[0])


def _tell(provenance: Provenance | None, picture: bytes, recipe: bytes) -> bytes:
    data, known = with_recipe(picture, recipe)
    if provenance is None:
        return data
    return seal_with(provenance, tells_prompt=True)(data, "png", known)


def _compose(files: list[bytes], prompt: str, extension: str, is_seamless: bool) -> bytes:
    images = []
    for data in files:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            images.append(image.convert("RGB"))
    columns = math.ceil(math.sqrt(len(images)))
    if is_seamless and len(images) == columns**2:
        images, columns = [_join(images, columns)], 1
    return encode(grid(images, prompt, columns), extension)


def _join(images: list[Image.Image], columns: int) -> Image.Image:
    width, height = images[0].size
    square = Image.new("RGB", (width * columns, height * columns))
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        square.paste(image, (width * column, height * row))
    return square
