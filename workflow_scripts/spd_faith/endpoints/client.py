"""A client for OpenAI-compatible endpoints: retries transient failures, counts cost and enforces its limit.

Each failed call is of one kind (`failures.Kind`). A question that is refused, or that fails in all its attempts,
becomes a row with an error. After too many of them in a row the job stops with a `UserError`: continuing would only
turn a wrong entry or an outage into rows of failures.
"""

import asyncio
import json
import logging
import os
import random
import re
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx2
import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from spd_faith.core.errors import UserError
from spd_faith.core.machine import allow_open_files, network_hint
from spd_faith.core.text import writable
from spd_faith.endpoints.charges import Charges
from spd_faith.endpoints.engine.process import Address, Engine
from spd_faith.endpoints.entries import EndpointEntry, EndpointModel
from spd_faith.endpoints.failures import CallFailure, Kind, connection_failure, hint_for, status_failure
from spd_faith.endpoints.replies import Reply, body_text, parse_body, read_reply, read_usage
from spd_faith.endpoints.slots import Slots
from spd_faith.endpoints.spending import Charge, Spending

log = logging.getLogger(__name__)
for _http_library in ("httpx", "httpx2"):  # they log a line per call
    logging.getLogger(_http_library).setLevel(logging.WARNING)

_KEY = re.compile(r"[!-~]+")  # characters allowed in a header
FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
LONGEST_RETRY_AFTER_SECONDS = 120.0
_QUESTIONS_IN_A_ROW = 10  # failures in a row that stop the job
_FRACTION_IN_A_ROW = 0.02  # the same as a fraction of the answers, if larger; with so many failures there is no rank
_DOUBTFUL_CALLS = 3  # doubtful failures that stop the job if no call has succeeded
_LONGEST_REASON = 48  # characters to keep of a finish reason
_LONGEST_ERROR = 400  # characters to keep of a server's error
_SHORTEST_SECRET = 6  # shorter keys are placeholders ("EMPTY") and may occur in answers
_NOTHING_LOST = "  Nothing is lost: completed answers are kept. Run again to ask only the missing questions."


class Endpoint:
    """Calls the models of one entry. Bound to the event loop of its first call; close it in that loop."""

    def __init__(
        self,
        entry: EndpointEntry,
        address: str,
        key: str | None,
        spent_usd: float,
        slots: Path | None,
        charges: Charges | None = None,
        answered: int = 0,
        needs: str = "",
        engine: Engine | None = None,
    ) -> None:
        """`address` is the URL to call, see `address_of`; `spent_usd` counts towards `max_usd`; `slots` is the folder
        that limits concurrent calls across jobs, None for no such limit; `charges` keeps the spending across restarts.
        `engine` is the job's own engine, called at its own address; calls stop with an error if it ends.

        `answered` is the number of questions of this job that earlier runs answered. The remaining ones may be the
        refused ones, so that many refusals in a row are tolerated. `needs` states what the caller requires of an
        endpoint, for the error message if all questions are refused.

        Raises `UserError` if the key does not fit in a header or the machine's settings prevent connections.
        """
        self._entry = entry
        self._address = address.rstrip("/")
        self._secrets = _written_forms(key)
        self._slots = Slots(slots, self._address, entry.concurrency) if slots else None
        self._engine = engine
        self._watch: asyncio.Task[None] | None = None
        self._spending = Spending(entry.max_usd, spent_usd, charges)
        self._answered_before = answered
        self._answers = 0
        self._needs = needs
        self._failed_in_a_row = 0
        self._refused_in_a_row = 0
        self._doubtful_calls = 0
        self._undecided: set[asyncio.Task[Any] | None] = set()  # tasks whose first call has not ended
        self._unknown_reasons: set[str] = set()
        self._stop_reason: UserError | None = None
        self._stopped = asyncio.Event()
        if key is not None and not _KEY.fullmatch(key):
            raise UserError(
                f"{entry.key_variable}: not a valid API key: empty, or with spaces, line breaks or non-ASCII characters"
            )
        # otherwise the client takes these from the environment, even if they are meant for another endpoint
        self._headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        if key is None:
            self._headers["Authorization"] = openai.Omit()
        allow_open_files(2 * entry.concurrency, f"`concurrency: {entry.concurrency}`")  # connection and lock
        try:
            self._client = openai.AsyncOpenAI(
                base_url=self._address,
                api_key=key or "none",
                max_retries=0,
                timeout=entry.timeout,
                http_client=_connected_to(engine.address, entry) if engine else None,
            )
        except Exception as error:  # many types: the client reads proxies and certificates from the environment
            what = f"{type(error).__name__}: {error}{network_hint()}"
            raise UserError(f"{self._address}: cannot set up a connection\n  {what}") from None

    @property
    def spent_usd(self) -> float:
        """The spending so far that counts towards `max_usd`."""
        return self._spending.spent_usd

    async def close(self) -> None:
        """Close the connections."""
        if self._watch:
            self._watch.cancel()
        await self._client.close()

    @classmethod
    def of_engine(cls, entry: EndpointEntry, engine: Engine, answered: int = 0, needs: str = "") -> "Endpoint":
        """Calls the job's own engine: free, and without the limit on calls across jobs."""
        address = engine.address
        return cls(entry, address.url, address.key, 0.0, None, answered=answered, needs=needs, engine=engine)

    async def ask(
        self,
        messages: list[dict[str, Any]],
        max_prompt_tokens: int,
        asked: EndpointModel,
        fields: Mapping[str, Any] = MappingProxyType({}),
    ) -> Reply:
        """The reply of the model `asked` to chat messages of at most `max_prompt_tokens` tokens.

        `fields` are request fields for this question only; they override the entry's.
        Raises `UserError` once the job must stop; every later call then raises it too.
        """
        max_usd = 0.0
        if asked.prices:
            max_usd = asked.prices.usd(max_prompt_tokens, self._entry.max_new_tokens)
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._entry.attempts),
            wait=_wait,
            retry=retry_if_exception(_is_retried),
            sleep=self._pause,
            before_sleep=self._log_failed_attempt,
            reraise=True,
        )
        attempts = 0
        if self._engine and self._watch is None:
            self._watch = asyncio.create_task(self._stop_if_it_ends(self._engine))
        self._undecided.add(asyncio.current_task())
        try:
            async for attempt in retrying:
                attempts = attempt.retry_state.attempt_number
                with attempt:
                    try:
                        reply = await self._attempt(messages, max_usd, asked, fields)
                    finally:
                        self._undecided.discard(asyncio.current_task())
        except CallFailure as failure:
            self._count_failure(failure, attempts, asked)
            return Reply(
                attempts=attempts, seconds=failure.seconds, error=self._shown(failure), timed_out=failure.timed_out
            )
        self._answers += 1
        self._failed_in_a_row = self._refused_in_a_row = 0
        return replace(reply, attempts=attempts)

    async def _attempt(
        self, messages: list[dict[str, Any]], max_usd: float, asked: EndpointModel, fields: Mapping[str, Any]
    ) -> Reply:
        """The reply of one call. Raises `CallFailure`, or `UserError` if the job must stop."""
        async with self._spending.reserved(max_usd) as charge, self._slots.held() if self._slots else nullcontext():
            if self._stop_reason:
                raise self._stop_reason
            self._spending.begin(charge)
            started = time.perf_counter()
            try:
                body = await self._body(messages, asked, fields)
                return replace(self._read(body, charge, asked), seconds=time.perf_counter() - started)
            except CallFailure as failure:
                failure.seconds = time.perf_counter() - started
                if not failure.charged:
                    charge.usd = 0.0
                if failure.kind is Kind.FILTERED:
                    return Reply(finish_reason="content_filter", seconds=failure.seconds)
                self._doubtful_calls += failure.kind is Kind.DOUBTFUL
                if failure.kind is Kind.FATAL or (failure.kind is Kind.DOUBTFUL and self._is_doubtful()):
                    raise self._stop(failure.problem, failure, asked) from None
                raise

    async def _body(
        self, messages: list[dict[str, Any]], asked: EndpointModel, fields: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The body of a response. Raises `CallFailure`."""
        try:
            async with asyncio.timeout(self._entry.timeout):  # the client's own timeout applies to each read
                raw = await self._client.chat.completions.with_raw_response.create(
                    model=asked.model,
                    messages=messages,  # type: ignore[arg-type]  # openai has a typed dictionary for each role
                    extra_headers=self._headers,
                    extra_body={self._entry.length_field: self._entry.max_new_tokens, **self._entry.request, **fields},
                )
            response = raw.http_response
            _check_redirect(response)
            return parse_body(response.content, response.charset_encoding or "utf-8")
        except TimeoutError:
            raise CallFailure(f"no answer within {self._entry.timeout:g} seconds", timed_out=True) from None
        except openai.APIConnectionError as error:
            raise connection_failure(error) from None
        except openai.APIStatusError as error:
            _check_redirect(error.response)
            said = body_text(error.response.content, error.response.charset_encoding or "utf-8")
            raise status_failure(error.status_code, error.response.headers, said) from None
        except UnicodeError as error:  # the client decodes errors with the charset in their header
            raise CallFailure(f"cannot decode the server's error: {error}") from None

    def _read(self, body: dict[str, Any], charge: Charge, asked: EndpointModel) -> Reply:
        """The reply in a body, with its cost. Raises `CallFailure` if there is none."""
        prompt_tokens, generated_tokens = read_usage(body)
        usd = None
        if asked.prices and prompt_tokens is not None and generated_tokens is not None:
            usd = charge.usd = asked.prices.usd(prompt_tokens, generated_tokens)
        reply = read_reply(body)
        reason = self._scrubbed(reply.finish_reason)[:_LONGEST_REASON]  # scrub first: a truncated key would not match
        if reason.startswith("unknown:") and reason not in self._unknown_reasons:
            self._unknown_reasons.add(reason)
            log.warning("finish_reason %s: unknown; such answers count as complete", reason)
        return replace(
            reply,
            text=self._scrubbed(reply.text),
            reasoning=None if reply.reasoning is None else self._scrubbed(reply.reasoning),
            model=None if reply.model is None else self._scrubbed(reply.model),
            finish_reason=reason,
            prompt_tokens=prompt_tokens,
            generated_tokens=generated_tokens,
            usd=usd,
        )

    def _is_doubtful(self) -> bool:
        """Whether all calls so far failed in a way that seems to affect the whole job.

        Undecided while the first call of another question is in flight: a gateway's bad node responds faster than a
        model.
        """
        decided = self._undecided <= {asyncio.current_task()}
        return decided and not self._answers and self._doubtful_calls >= _DOUBTFUL_CALLS

    def _count_failure(self, failure: CallFailure, attempts: int, asked: EndpointModel) -> None:
        """Count a failed question. Raises `UserError` after too many in a row."""
        log.warning("a question failed after %d attempts: %s", attempts, self._shown(failure))
        answers = self._answered_before + self._answers
        if failure.kind is Kind.REFUSED:
            self._refused_in_a_row += 1
            if self._refused_in_a_row >= max(_QUESTIONS_IN_A_ROW, answers):
                none = "" if answers else " and none was answered"
                raise self._stop(f"{self._refused_in_a_row} questions in a row were refused{none}", failure, asked)
        else:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= max(_QUESTIONS_IN_A_ROW, _FRACTION_IN_A_ROW * answers):
                what = f"{self._failed_in_a_row} questions in a row failed; {failure.problem or 'is the endpoint up?'}"
                raise self._stop(what, failure, asked)

    def _stop(self, what: str, failure: CallFailure, asked: EndpointModel) -> UserError:
        """Prevent further calls; returns the error to raise."""
        hints = [failure.hint]
        if failure.kind is Kind.REFUSED:
            hints = [hint_for(self._shown(failure)), self._needs]
        lines = [f"Response: {self._shown(failure)}", *hints, self._to_check(asked)]
        error = "\n".join([f"{self._address}: {what}", *(f"  {line}" for line in lines if line), _NOTHING_LOST])
        self._stop_reason = self._stop_reason or UserError(self._scrubbed(error))
        self._stopped.set()
        return self._stop_reason

    async def _stop_if_it_ends(self, engine: Engine) -> None:
        error = await engine.wait_for_death()
        self._stop_reason = self._stop_reason or UserError(f"{error}\n{_NOTHING_LOST}")
        self._stopped.set()

    def _to_check(self, asked: EndpointModel) -> str:
        if self._engine:
            return f"Check the options of the engine; its output: {self._engine.log_file}"
        key = self._entry.key_variable
        held = f"the key in {key}" if key else "whether a key is required (key_variable)"
        return f"Check base_url, the model {asked.model}, {held} and the account."

    async def _pause(self, seconds: float) -> None:
        """Wait before an attempt; return early if the job stops."""
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return

    def _log_failed_attempt(self, state: RetryCallState) -> None:
        assert state.outcome and state.next_action
        failure = state.outcome.exception()
        assert isinstance(failure, CallFailure)
        wait = state.next_action.sleep
        log.info("attempt %d: %s; retrying in %.1f s", state.attempt_number, self._shown(failure), wait)

    def _shown(self, failure: CallFailure) -> str:
        return writable(self._scrubbed(str(failure)))[:_LONGEST_ERROR]

    def _scrubbed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


def _connected_to(address: Address, entry: EndpointEntry) -> httpx2.AsyncClient:
    """A client that connects to an engine directly, without the proxies and certificates of the environment."""
    limits = httpx2.Limits(max_connections=entry.concurrency, max_keepalive_connections=entry.concurrency)
    path = os.fspath(address.socket) if address.socket else None
    transport = httpx2.AsyncHTTPTransport(uds=path, limits=limits, trust_env=False)
    return openai.DefaultAsyncHttpxClient(transport=transport, trust_env=False)


def address_of(entry: EndpointEntry, environment: Mapping[str, str]) -> str:
    """The URL of an entry: `base_url`, or the value of `base_url_variable` if set. Raises `UserError` if invalid."""
    moved = environment.get(entry.base_url_variable) if entry.base_url_variable else None
    address = moved or entry.base_url
    try:
        parts = urlsplit(address)
        is_written = address.isprintable() and " " not in address
        is_address = is_written and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # invalid port or brackets
        is_address = False
    if not is_address:
        place = entry.base_url_variable if moved else "base_url"
        raise UserError(f"{place}: not a valid URL: {address!r} (example: http://localhost:8000/v1)")
    return address


def _written_forms(key: str | None) -> list[str]:
    """The forms in which a server may echo a key, longest first."""
    if key is None or len(key) < _SHORTEST_SECRET:
        return []
    return sorted({key, json.dumps(key)[1:-1], repr(key)[1:-1], quote(key, safe="")}, key=len, reverse=True)


def _check_redirect(response: Any) -> None:
    """Raise `CallFailure` if a redirect turned the request into a GET."""
    if response.request.method != "POST":
        parts = urlsplit(str(response.url))
        to = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        raise CallFailure(
            f"{response.history[0].status_code}: moved to {to}",
            Kind.FATAL,
            "it redirects requests",
            hint=f"If that is the API, set base_url to {to.removesuffix('/').removesuffix('/chat/completions')}.",
            charged=False,
        )


def _is_retried(failure: BaseException) -> bool:
    return isinstance(failure, CallFailure) and failure.kind in (Kind.TRANSIENT, Kind.DOUBTFUL)


def _wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: as the server requests, else exponential backoff; both with jitter."""
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.retry_after if isinstance(failure, CallFailure) else None
    if asked is None:
        first = FIRST_WAIT_SECONDS
        return wait_exponential_jitter(multiplier=first, max=_LONGEST_WAIT_SECONDS, jitter=first)(state)
    return min(asked, LONGEST_RETRY_AFTER_SECONDS) + random.uniform(0, FIRST_WAIT_SECONDS)
