"""Traces for OpenTelemetry: a request, and the drawing that it led to, in another process.

Off unless a collector is named. The request's context is kept with the job as a W3C traceparent.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ninefold import __version__
from ninefold.service.settings import Settings

_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()


def configure_tracing(settings: Settings, role: str) -> None:
    """Send this process's spans to the collector of the settings, if there is one."""
    if settings.otlp_endpoint is None:
        return
    resource = Resource.create({"service.name": f"ninefold-{role}", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)


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
    with tracer.start_as_current_span(
        "draw job", context, attributes={"ninefold.job": job_id, "ninefold.attempt": attempt}
    ):
        yield
