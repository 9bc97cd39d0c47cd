"""Batches of requests behind an endpoint with OpenAI's Batch API: a file goes up, is worked on within a day, and files come back.

A file costs nothing, a batch does. So a batch is never created without knowing that there is none yet: whoever creates one gives it
a *mark*, which is in the file's name and in the batch's `metadata`. If the outcome of a request is unknown (a broken connection, a
killed process), the endpoint's lists of files and batches are searched for the mark. Nothing is deleted at the endpoint.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from qtui.endpoints import endpoint, failures, sending, server_words
from qtui.endpoints.failures import Failure, Scope
from qtui.endpoints.rate_limits import RateLimiter
from qtui.endpoints.sending import Received
from qtui.errors import UserError

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
WINDOW: Literal["24h"] = "24h"
MARK = "qtui"
"""The key of the mark in a batch's metadata."""
TIMEOUT_SECONDS = 600.0
"""Files may have 200 MB."""
MOST_PAGES = 50
"""Pages of a list that are searched for a mark, the newest entries first, of 100 entries each."""
TRIES = 5
MOST_COUNTED = 2**40
"""A larger number of requests is none that an endpoint has counted, and may be none that the store takes."""
_NO_API = (404, 405, 501)
_OVER = frozenset(("completed", "failed", "expired", "cancelled"))


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest batch that an endpoint takes. The defaults are OpenAI's."""

    requests: int = 50_000
    bytes: int = 200_000_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an endpoint refused a batch as a whole, or one line of its file."""

    code: str
    message: str
    line: int | None = None
    """Number of the line, from 1."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch as its endpoint describes it."""

    id: str
    status: str
    """validating, in_progress, finalizing, completed, failed, expired, cancelling, cancelled, or a word of this endpoint."""
    total: int = 0
    completed: int = 0
    failed: int = 0
    output_file: str = ""
    error_file: str = ""
    problems: tuple[Problem, ...] = ()
    mark: str = ""
    input_file: str = ""

    @property
    def is_over(self) -> bool:
        return self.status in _OVER


class BatchRefusedError(UserError):
    """The endpoint refused what was asked of it."""

    def __init__(self, where: str, failure: Failure, message: str) -> None:
        self.failure = failure
        super().__init__(f"{where}: {message}")


class UnknownOutcomeError(UserError):
    """Nobody can say whether a batch was created, because the endpoint refuses to list its batches."""


class UnreachableError(UserError):
    """The endpoint did not reply now; it may later."""


class BatchEndpoint:
    """Files and batches of one endpoint. `where` begins every message. `pause` waits some seconds; see `submit`."""

    def __init__(
        self,
        base_url: str | None,
        key_name: str,
        where: str,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        import openai

        self._client: openai.AsyncOpenAI = endpoint.client(
            openai.AsyncOpenAI, base_url, key_name, max_retries=0, timeout=TIMEOUT_SECONDS
        )
        self._where = where
        self._key_name = key_name
        self._limiter = RateLimiter()
        self._pause = pause

    async def close(self) -> None:
        await self._client.close()

    async def find_file(self, name: str) -> str | None:
        """Return the id of the file with this name; None if there is none, or if the endpoint has no list of files."""
        async for entry in self._list(self._client.files.with_raw_response.list, "GET /files", is_needed=False):
            if entry.get("filename") == name and isinstance(entry.get("id"), str):
                return str(entry["id"])
        return None

    async def upload(self, name: str, content: bytes) -> str:
        """Upload a file of requests and return its id."""
        create = self._client.files.with_raw_response.create
        value = await self._ask("POST /files", create, file=(name, content, "application/jsonl"), purpose="batch")
        return self._text(value, "id", "POST /files")

    async def submit(self, file_id: str, mark: str) -> Seen:
        """Create a batch of an uploaded file, unless there is one with this mark. Call `find_batch` before, if it may exist.

        A request whose outcome is unknown is not sent again before the list of batches has been searched for the mark.
        """
        create = self._client.batches.with_raw_response.create
        for number in range(1, TRIES + 1):
            received = await sending.receive(
                create,
                input_file_id=file_id,
                endpoint=URL,
                completion_window=WINDOW,
                metadata={MARK: mark},
                extra_headers={"Idempotency-Key": mark},
            )
            if received.is_ok:
                return self._seen(self._parsed(received, "POST /batches"), "POST /batches")
            if received.headers is not None and received.status < 500 and received.status not in (408, 409, 429):
                raise self._refusal("POST /batches", received)
            # A request without a reply may still be on its way, so the list is read a moment later.
            await self._pause(2.0**number)
            if received.loss != "unreachable" and (found := await self.find_batch(mark, file_id)):
                return found
        raise self._refusal("POST /batches", received)

    async def find_batch(self, mark: str, file_id: str) -> Seen | None:
        """Return the batch with this mark or of this file; None if there is none. Raises UnknownOutcomeError if nobody can say."""
        async for entry in self._list(self._client.batches.with_raw_response.list, "GET /batches", is_needed=True):
            metadata = entry.get("metadata")
            has_mark = isinstance(metadata, dict) and metadata.get(MARK) == mark
            if has_mark or (file_id and entry.get("input_file_id") == file_id):
                return self._seen(entry, "GET /batches")
        return None

    async def look(self, batch_id: str) -> Seen:
        """Return the batch as it is now."""
        value = await self._ask(f"GET /batches/{batch_id}", self._client.batches.with_raw_response.retrieve, batch_id)
        return self._seen(value, "GET /batches")

    async def cancel(self, batch_id: str) -> Seen:
        """Cancel a batch. What it has replied to by then is kept, and paid."""
        cancel = self._client.batches.with_raw_response.cancel
        value = await self._ask(f"POST /batches/{batch_id}/cancel", cancel, batch_id)
        return self._seen(value, "POST /batches")

    async def content(self, file_id: str) -> bytes:
        """Return the content of a file."""
        get = self._client.files.with_raw_response.content
        return (await self._send(f"GET /files/{file_id}/content", get, file_id)).body

    async def _list(
        self, get: Callable[..., Awaitable[Any]], what: str, *, is_needed: bool
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the entries of a list, the newest first. A list that the endpoint does not have is empty, unless it is needed."""
        after: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            try:
                value = await self._ask(what, get, limit=100, **after)
            except BatchRefusedError as error:
                if is_needed:
                    raise UnknownOutcomeError(str(error)) from None
                return
            data = value.get("data")
            entries = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
            for entry in entries:
                yield entry
            last = entries[-1].get("id") if entries else None
            if not value.get("has_more") or not isinstance(last, str) or after == {"after": last}:
                return
            after = {"after": last}

    async def _ask(self, what: str, call: Callable[..., Awaitable[Any]], *ids: str, **content: Any) -> dict[str, Any]:
        return self._parsed(await self._send(what, call, *ids, **content), what)

    async def _send(self, what: str, call: Callable[..., Awaitable[Any]], *ids: str, **content: Any) -> Received:
        """Send a request that may be sent twice. Raises UnreachableError or BatchRefusedError."""

        async def request(**values: Any) -> Any:
            return await call(*ids, **values)

        sent = await sending.send(lambda: sending.receive(request, **content), self._limiter)
        if sent.received.is_ok:
            return sent.received
        raise self._refusal(what, sent.received)

    def _refusal(self, what: str, received: Received) -> UserError:
        if received.headers is None:
            lost = "cannot be reached" if received.loss == "unreachable" else "sent no reply"
            return UnreachableError(f"{self._where}: {lost} ({what}). Nothing is lost; start again later.")
        words = server_words.words(received.body)
        failure = failures.of_status(received.status, words)
        said = server_words.shown(words).removesuffix(".") or "no reason"
        if received.status >= 500 and received.status not in _NO_API:
            return UnreachableError(
                f"{self._where}: failed ({what}: {received.status}): {said}. Nothing is lost; start again later."
            )
        return BatchRefusedError(self._where, failure, self._explained(what, failure, said))

    def _explained(self, what: str, failure: Failure, said: str) -> str:
        status = failure.status
        if status in _NO_API and what in ("POST /files", "POST /batches", "GET /batches"):
            return (
                f"has no Batch API ({what}: {status}: {said}). Leave out `batch = true`, so that it is asked directly,"
                " or check base_url."
            )
        if status in _NO_API:
            return (
                f"does not know what was asked for ({what}: {status}: {said}). Is the key in {self._key_name} that of the"
                " account which submitted the batch? `qtui cancel RUN --batch` gives the batch up."
            )
        if status in (401, 403):
            return f"the key in {self._key_name} may not use the Batch API ({what}: {status}): {said}."
        if status in (402, 429) or sending.is_about_account(failure.words):
            return f"the quota or a limit of the account is used up ({what}: {status}): {said}. Start again later."
        return f"refused {what} ({status}): {said}."

    def _parsed(self, received: Received, what: str) -> dict[str, Any]:
        value = server_words.as_storable_json(received.body.decode("utf-8", errors="replace"))
        if isinstance(value, dict):
            return value
        words = server_words.shown(server_words.words(received.body)) or "nothing"
        failure = Failure(received.status, words, Scope.ENDPOINT)
        raise BatchRefusedError(
            self._where, failure, f"replied to {what} with what is no Batch API: {words}. Check base_url."
        )

    def _text(self, value: Mapping[str, Any], name: str, what: str) -> str:
        found = value.get(name)
        if isinstance(found, str) and found:
            return found
        failure = Failure(failures.OK, "", Scope.ENDPOINT)
        said = server_words.shown(server_words.of_value(dict(value)))
        raise BatchRefusedError(self._where, failure, f"replied to {what} without {name}: {said}.")

    def _seen(self, value: Mapping[str, Any], what: str) -> Seen:
        metadata = value.get("metadata")
        counts = value.get("request_counts")
        return Seen(
            id=self._text(value, "id", what),
            status=_string(value, "status") or "unknown",
            total=_count(counts, "total"),
            completed=_count(counts, "completed"),
            failed=_count(counts, "failed"),
            output_file=_string(value, "output_file_id"),
            error_file=_string(value, "error_file_id"),
            problems=tuple(_problems(value.get("errors"))),
            mark=_string(metadata, MARK),
            input_file=_string(value, "input_file_id"),
        )


def request_line(custom_id: str, body: Mapping[str, Any]) -> bytes:
    """Return the line of a file that asks for a completion."""
    line = {"custom_id": custom_id, "method": "POST", "url": URL, "body": body}
    # Lone surrogates, which answers may contain, are escaped: they cannot be encoded.
    return json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Line:
    """What a batch's files say of one request: a status with a body, or a code and words in place of them."""

    custom_id: str
    status: int | None
    body: bytes
    code: str = ""
    words: str = ""


def read_lines(content: bytes) -> Iterator[Line]:
    """Yield the lines of an output or error file. What is no such line is left out: its request counts as not replied to."""
    for raw in content.split(b"\n"):
        value = server_words.as_storable_json(raw.decode("utf-8", errors="replace").strip())
        if not isinstance(value, dict) or not isinstance(value.get("custom_id"), str):
            continue
        response, error = value.get("response"), value.get("error")
        status, body = None, b""
        if isinstance(response, dict):
            status = response.get("status_code")
            inner = response.get("body")
            body = (
                inner.encode() if isinstance(inner, str) else json.dumps(inner).encode() if inner is not None else b""
            )
        is_status = isinstance(status, int) and not isinstance(status, bool)
        yield Line(
            value["custom_id"],
            status if is_status else 200 if body else None,
            body,
            _string(error, "code"),
            server_words.of_value({"error": error}) if error else "",
        )


def _problems(errors: Any) -> Iterator[Problem]:
    """Yield the reasons of a failed batch: a list, alone or under `data`."""
    data = errors.get("data") if isinstance(errors, dict) else errors
    for each in data if isinstance(data, list) else ():
        if isinstance(each, dict):
            line = each.get("line")
            is_line = isinstance(line, int) and not isinstance(line, bool)
            yield Problem(_string(each, "code"), _string(each, "message"), line if is_line else None)
        elif isinstance(each, str):
            yield Problem("", each)


def _string(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _count(value: Any, name: str) -> int:
    found = value.get(name) if isinstance(value, dict) else None
    is_count = not isinstance(found, bool) and isinstance(found, int) and 0 <= found <= MOST_COUNTED
    return int(found) if is_count and found else 0
