"""A request and the drawing that it led to are one trace, without a word of the prompt."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from ninefold.service.tracing import build_provider
from tests.service.fake_engine import CANNOT
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

PROMPT = "a zebra in a bathtub"


@pytest.fixture(autouse=True)
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Spans of this test alone: OpenTelemetry has one provider for the whole process."""
    exporter = InMemorySpanExporter()
    provider = build_provider("test", SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def spans_of(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def ancestors(exporter: InMemorySpanExporter, span: ReadableSpan) -> Iterator[ReadableSpan]:
    """Yield the spans above one, from its parent to the first."""
    by_id = {each.context.span_id: each for each in exporter.get_finished_spans() if each.context}
    while span.parent is not None and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        yield span


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/v1/jobs", {"prompt": PROMPT}), ("/v1/images/generations", {"prompt": PROMPT})],
)
async def test_a_drawing_belongs_to_the_request_that_asked_for_it(
    drawing_service: RunningService,
    exporter: InMemorySpanExporter,
    path: str,
    body: dict[str, str],
) -> None:
    answer = (await drawing_service.http.post(path, json=body)).raise_for_status()
    if answer.status_code == 202:
        await drawing_service.ended(answer.json()["id"])
    (request,) = spans_of(exporter, f"POST {path}")
    (drawing,) = spans_of(exporter, "draw job")
    assert drawing.parent is not None
    assert drawing.parent.is_remote
    assert request in list(ancestors(exporter, drawing))
    assert drawing.attributes is not None
    assert drawing.attributes["ninefold.attempt"] == 1
    assert drawing.resource.attributes["service.name"] == "ninefold-test"


async def test_a_trace_that_came_with_the_request_goes_on(
    drawing_service: RunningService, exporter: InMemorySpanExporter
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    answer = await drawing_service.http.post(
        "/api/v1/jobs", json={"prompt": PROMPT}, headers=headers
    )
    await drawing_service.ended(answer.json()["id"])
    (drawing,) = spans_of(exporter, "draw job")
    assert drawing.context is not None
    assert f"{drawing.context.trace_id:032x}" == trace_id


async def test_no_span_holds_words_of_a_prompt(
    drawing_service: RunningService, exporter: InMemorySpanExporter
) -> None:
    for prompt in (PROMPT, CANNOT):
        job = await drawing_service.post(prompt, settings={"negative_prompt": "a giraffe"})
        await drawing_service.ended(job["id"])
    await drawing_service.http.get("/api/v1/suggestions", params={"q": "zebra"})
    await drawing_service.http.post("/generate", json={"prompt": "child porn, a zebra"})
    (failed,) = [
        span
        for span in spans_of(exporter, "draw job")
        if span.status.status_code is StatusCode.ERROR
    ]
    assert failed.status.description == "UserError"
    everything = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert "suggestions" in everything
    for word in ("zebra", "bathtub", "giraffe", "cannot", "porn"):
        assert word not in everything
