"""A service's jobs from the outside: each is asked for once, however often the connection breaks.

Busy services are waited for as long as they say. Documents are those of docs/http-api.md, as
dictionaries, so that a newer service's further members reach the caller.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from ninefold.client.answers import (
    BusyError,
    parse_events,
    read_answer,
    read_file,
    require_address,
)
from ninefold.errors import CancelledError, NinefoldError, UserError
from ninefold.network import LASTING, explain, open_client, require_token, without_password

Document = dict[str, Any]
Event = dict[str, Any]
OnEvent = Callable[[Event], None]
OnWait = Callable[[float, str], None]
"""Called with the seconds until the next try and the service's reason."""

ENDINGS = frozenset({"done", "refused", "failed", "cancelled"})
"""Events that end a job."""

LOST_AFTER_S = 60.0
"""Seconds without any answer after which a service that was there counts as gone."""

_TIMEOUT = httpx2.Timeout(10.0, read=45.0)  # streams are kept alive every 15 seconds
_PAUSE_S = 1.0
_ABSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)


class Client:
    """Talks with one service, as one visitor, or as the holder of an API key."""

    def __init__(
        self, server: str, api_key: str | None = None, key_name: str = "The API key"
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            server: the service's address, such as "http://127.0.0.1:8000".
            api_key: one of the service's own, if there is one.
            key_name: what messages call it.

        Raises:
            UserError: the address is none, or the key cannot be one.
        """
        address = require_address(server)
        self.server = without_password(address)
        """As messages show it."""
        self._address = address
        key = require_token(api_key, key_name)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = open_client(base_url=address, headers=headers, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; jobs go on."""
        self._http.close()

    def draw(
        self,
        prompt: str,
        *,
        seed: int | None = None,
        model: str | None = None,
        settings: Mapping[str, Any] | None = None,
        on_event: OnEvent = lambda _: None,
        on_wait: OnWait = lambda _, __: None,
    ) -> Document:
        """Ask for pictures, wait for them, and return the finished job.

        Where it ends by an error, an interruption (Ctrl-C) among them, the job is cancelled.

        Raises:
            UserError: it cannot be drawn as asked, or the policy speaks against it.
            CancelledError: somebody cancelled the job.
            NinefoldError: the service cannot be reached, or could not draw it.
        """
        job = self.submit(prompt, seed=seed, model=model, settings=settings, on_wait=on_wait)
        try:
            for event in self.follow(job["id"]):
                on_event(event)
                if event["type"] in ENDINGS:
                    job = event["job"]
        except BaseException:
            self._cancel_quietly(job["id"])
            raise
        return _require_done(job)

    def submit(
        self,
        prompt: str,
        *,
        seed: int | None = None,
        model: str | None = None,
        settings: Mapping[str, Any] | None = None,
        on_wait: OnWait = lambda _, __: None,
    ) -> Document:
        """Ask for pictures and return the job, which is safe then; a busy service is waited for.

        Args:
            prompt: what to draw.
            seed: None lets the service choose one.
            model: None for the one that draws there.
            settings: as `settings` of the API; what is left out is as the model's preset says.
            on_wait: told before each wait for a service that is busy.

        Raises:
            UserError: it cannot be drawn as asked, or the policy speaks against it.
            NinefoldError: the service cannot be reached.
        """
        wish = {"prompt": prompt, "seed": seed, "model": model, "settings": dict(settings or {})}
        body = {name: value for name, value in wish.items() if value is not None}
        headers = {"Idempotency-Key": secrets.token_urlsafe(16)}
        last_heard = time.monotonic()
        is_there = is_told = False
        while True:
            try:
                answer = self._http.post("/api/v1/jobs", json=body, headers=headers)
                return read_answer(answer, self.server)
            except BusyError as busy:
                is_there, last_heard = True, time.monotonic()
                on_wait(busy.retry_after_s, str(busy))
                time.sleep(busy.retry_after_s)
            except httpx2.TransportError as error:
                is_there = is_there or not isinstance(error, (*_ABSENT, *LASTING))
                if not is_there or self._is_lost(error, last_heard):
                    raise self._unreachable(error) from None
                if not is_told:
                    on_wait(_PAUSE_S, f"The connection broke ({explain(error, self._address)}).")
                is_told = True
                time.sleep(_PAUSE_S)

    def follow(self, job_id: str, after: int = 0) -> Iterator[Event]:
        """Yield a job's events to its last; a connection that breaks is made again where it was.

        Raises:
            NinefoldError: the service was gone for too long, or does not know the job.
        """
        last_heard = time.monotonic()
        while True:
            try:
                for event in self._stream(job_id, after):
                    after, last_heard = int(event["seq"]), time.monotonic()
                    yield event
                    if event["type"] in ENDINGS:
                        return
            except (BusyError, httpx2.TransportError) as error:
                if self._is_lost(error, last_heard):
                    raise self._unreachable(error) from None
            time.sleep(_PAUSE_S)

    def _stream(self, job_id: str, after: int) -> Iterator[Event]:
        path = f"/api/v1/jobs/{quote(job_id, safe='')}/events"
        with self._http.stream("GET", path, headers={"Last-Event-ID": str(after)}) as answer:
            if answer.status_code != 200:
                answer.read()
                read_answer(answer, self.server)
            yield from parse_events(answer.iter_lines())

    def job(self, job_id: str) -> Document:
        """Return a job as it is now.

        Raises:
            NinefoldError: there is none, or the service cannot be reached.
        """
        return self._request("GET", f"/api/v1/jobs/{quote(job_id, safe='')}")

    def cancel(self, job_id: str) -> Document:
        """Cancel a job that this client asked for, and return it; one that has ended stays so.

        Raises:
            NinefoldError: it is somebody else's, there is none, or the service is away.
        """
        return self._request("DELETE", f"/api/v1/jobs/{quote(job_id, safe='')}")

    def load(self, job: Mapping[str, Any], picture: Mapping[str, Any]) -> bytes:
        """Return the PNG file of a job's picture, with its recipe in it: the prompt too.

        Raises:
            UserError: the picture is hidden.
            NinefoldError: it was removed, or the service cannot be reached.
        """
        if picture["hidden"]:
            raise UserError("This picture is hidden by the service's policy.")
        job_id, digest = (quote(str(each), safe="") for each in (job["id"], picture["hash"]))
        return self._load(f"/api/v1/jobs/{job_id}/pictures/{digest}.png")

    def load_grid(self, job: Mapping[str, Any]) -> bytes:
        """Return all pictures of a finished job as one PNG file, with the prompt below.

        Raises:
            NinefoldError: the job is not done, or the service cannot be reached.
        """
        return self._load(f"/api/v1/jobs/{quote(str(job['id']), safe='')}/grid.png")

    def _request(self, method: str, path: str) -> Document:
        try:
            return read_answer(self._http.request(method, path), self.server)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None

    def _load(self, path: str) -> bytes:
        try:
            with self._http.stream("GET", path) as answer:
                return read_file(answer, self.server)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None

    def _cancel_quietly(self, job_id: str) -> None:
        try:
            self.cancel(job_id)
        except NinefoldError:
            return  # it ends by itself, and why we stopped is what matters

    def _is_lost(self, error: Exception, last_heard: float) -> bool:
        """Say whether it is no use to try again after an error."""
        return isinstance(error, LASTING) or time.monotonic() - last_heard > LOST_AFTER_S

    def _unreachable(self, error: Exception) -> NinefoldError:
        reason = explain(error, self._address)
        return NinefoldError(
            f"The service at {self.server} cannot be reached ({reason}); is it running there? "
            "`ninefold serve` starts one."
        )


def _require_done(job: Document) -> Document:
    """Return a job that is done, or raise why it is not."""
    status = job["status"]
    if status == "done":
        return job
    if status == "cancelled":
        raise CancelledError("The job was cancelled at the service.")
    if status == "refused" and job.get("refusal"):
        raise UserError(str(job["refusal"]["message"]))
    error = job.get("error") or {}
    message = str(error.get("message") or "The service could not draw the pictures.")
    raise UserError(message) if error.get("code") == "cannot_draw" else NinefoldError(message)
