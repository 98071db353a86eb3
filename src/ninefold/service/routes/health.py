"""Whether the gateway lives, is ready, and how busy the service is."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select

from ninefold import __version__
from ninefold.errors import NinefoldError
from ninefold.service import metrics
from ninefold.service.dependencies import TheGateway
from ninefold.service.documents import ModelDocument, ModelsDocument, StatusDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs.estimate import expected_seconds
from ninefold.service.jobs.ladder import FULL_COUNT
from ninefold.service.jobs.load import (
    drawing_codes,
    queue_depths,
    queued_codes,
    read_capacity,
    read_engine_info,
)
from ninefold.service.networks import is_loopback
from ninefold.service.problems import not_found
from ninefold.service.routes.jobs import problems
from ninefold.service.store.clock import ago
from ninefold.service.store.database import current_revision, head_revision, reading
from ninefold.service.store.retry import DATABASE_AWAY
from ninefold.service.store.tables import WorkerRow

router = APIRouter(tags=["service"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """Answer if the process does."""
    return {"status": "ok"}


@router.get("/startupz")
@router.get("/readyz")
async def ready(gateway: TheGateway, response: Response) -> dict[str, str]:
    """Tell whether jobs are accepted: database, schema and store; without workers, degraded."""
    checks = await check_parts(gateway)
    is_ready = all(state in ("ok", "none") for state in checks.values())
    if gateway.is_draining:
        checks["gateway"], is_ready = "stopping", False
    response.status_code = 200 if is_ready else 503
    degraded = "degraded: queue only" if checks.get("workers") == "none" else "ok"
    if not gateway.room.is_left:  # pictures and pages are read all the same
        checks["disk"], degraded = "full", "degraded: reading only"
    return {"status": degraded if is_ready else "unavailable", **checks}


async def check_parts(gateway: Gateway) -> dict[str, str]:
    """Return the state of what the gateway depends on."""
    checks: dict[str, str] = {}
    try:
        revision = await current_revision(reading(gateway.database))
        checks["database"] = "ok"
        checks["schema"] = "ok" if revision == head_revision() else f"at {revision}"
        async with reading(gateway.database).connect() as connection:
            capacity = await read_capacity(connection, gateway.settings.stalled_s)
        checks["workers"] = "ok" if capacity.num_workers else "none"
    except DATABASE_AWAY:
        checks["database"] = "away"
    try:
        await gateway.objects.check()
        checks["pictures"] = "ok"
    except NinefoldError:
        checks["pictures"] = "away"
    return checks


@router.get("/api/v1/status", responses=problems(503))
async def read_status(gateway: TheGateway) -> StatusDocument:
    """Tell how busy the service is and how long a new job would take."""
    async with reading(gateway.database).connect() as connection:
        capacity = await read_capacity(connection, gateway.settings.stalled_s)
        depths = await queue_depths(connection)
        codes = await queued_codes(connection) + await drawing_codes(connection)
        slots = select(
            func.coalesce(func.sum(WorkerRow.num_slots), 0),
            func.coalesce(func.sum(WorkerRow.busy_slots), 0),
        ).where(WorkerRow.heartbeat_at > ago(gateway.settings.stalled_s))
        num_slots, busy_slots = (await connection.execute(slots)).one()
    length = gateway.facts.image_length
    wait_s = expected_seconds(codes, 0, capacity)
    eta_s = expected_seconds(codes, FULL_COUNT * length, capacity)
    return StatusDocument(
        queue_depth=sum(depths.values()),
        queue_depths=depths,
        eta_s=None if eta_s is None else round(eta_s, 1),
        images_per_second=round(capacity.codes_per_second / length, 3),
        workers=capacity.num_workers,
        slots=int(num_slots),
        busy_slots=int(busy_slots),
        degradation=gateway.admission.ladder.steps(wait_s),
        version=__version__,
    )


@router.get("/metrics", include_in_schema=False)
async def read_metrics(request: Request, gateway: TheGateway) -> Response:
    """Return numbers for Prometheus, to this machine unless the settings open them."""
    host = request.client.host if request.client else ""
    readers = gateway.settings.metrics
    if readers == "none" or (readers == "local" and not is_loopback(host)):
        raise not_found("page")
    status = await read_status(gateway)
    async with reading(gateway.database).connect() as connection:
        capacity = await read_capacity(connection, gateway.settings.stalled_s)
        codes = await queued_codes(connection) + await drawing_codes(connection)
    gauges = {
        "t2i_queue_depth": float(status.queue_depth),
        "t2i_queue_steps": float(codes),
        "t2i_workers": float(status.workers),
        "t2i_slots": float(status.slots),
        "t2i_slots_busy": float(status.busy_slots),
        "t2i_steps_per_second": capacity.codes_per_second,
        "t2i_streams": float(gateway.event_streams.count),
    }
    return Response(metrics.render(gauges), media_type="text/plain; version=0.0.4")


@router.get("/api/v1/models", responses=problems(503))
async def read_models(gateway: TheGateway) -> ModelsDocument:
    """List the models that draw here, with what their worker says of itself."""
    async with reading(gateway.database).connect() as connection:
        info = await read_engine_info(connection, gateway.settings.stalled_s)
    facts = gateway.facts
    model = ModelDocument(
        name=facts.name,
        licence=facts.licence,
        preset=facts.preset,
        picture_size=facts.picture_size,
        has_ranking=facts.has_clip,
        sha256=info.get("model_sha256"),
        dtype=info.get("dtype"),
        backend=info.get("backend"),
        deterministic=info.get("is_deterministic"),
    )
    return ModelsDocument(models=[model])
