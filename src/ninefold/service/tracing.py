"""Traces for OpenTelemetry: a request, and the drawing that it led to, in another process.

Off unless a collector is named. The request's context is kept with the job as a W3C traceparent.
Spans hold no words of prompts: neither what stands behind an address's question mark nor the
messages of errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ninefold import __version__
from ninefold.service.settings import Settings

_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()


def configure_tracing(settings: Settings, role: str) -> None:
    """Send this process's spans to the collector of the settings, if there is one."""
    if settings.otlp_endpoint is None:
        return
    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    exporting = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint))
    trace.set_tracer_provider(build_provider(role, exporting))


def build_provider(role: str, exporting: SpanProcessor) -> TracerProvider:
    """Return what makes spans of a process of this role, and hands them on to be exported."""
    resource = Resource.create({"service.name": f"ninefold-{role}", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(_WithoutQueries())
    provider.add_span_processor(exporting)
    return provider


class _WithoutQueries(SpanProcessor):
    """Takes out what was searched for."""

    def on_start(
        self,
        span: Span,
        parent_context: Context | None = None,  # noqa: ARG002 - the interface
    ) -> None:
        if "url.query" in (span.attributes or {}):
            span.set_attribute("url.query", "…")


def current_traceparent(given: str | None) -> str | None:
    """Return the context of the span that is open, or else what the request carried."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(_HEADER, given)


@contextmanager
def drawing_span(traceparent: str | None, job_id: str, attempt: int) -> Iterator[None]:
    """Open a span for the drawing of a job, below the request that asked for it."""
    context = _propagator.extract({_HEADER: traceparent}) if traceparent else None
    tracer = trace.get_tracer("ninefold.service")
    attributes: dict[str, str | int] = {"ninefold.job": job_id, "ninefold.attempt": attempt}
    with tracer.start_as_current_span(
        "draw job",
        context,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
