"""A client of an OpenAI-compatible endpoint: what fails for a while is asked again, what costs is counted and bounded.

Three kinds of failure are told apart. A fault of the moment (no connection, no answer in time, an overloaded server,
an answer that is cut off or makes no sense) is asked again, up to the entry's `attempts`. A refused question (other
4xx) is final for that question. A fault of the whole job (no such key, model or credit, or question after question that
fails) raises `UserError`, since going on would only turn an outage into rows of failures.
"""

import asyncio
import json
import logging
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from spd_faith.core.charges import Charges
from spd_faith.core.entries import AskedModel, EndpointEntry
from spd_faith.core.errors import UserError
from spd_faith.core.machine import allow_open_files, network_hint
from spd_faith.core.slots import Slots
from spd_faith.core.spending import Charge, Spending, cost
from spd_faith.core.text import writable, writable_json

log = logging.getLogger(__name__)
for _http_library in ("httpx", "httpx2"):  # they write a line per call
    logging.getLogger(_http_library).setLevel(logging.WARNING)

_KEY = re.compile(r"[!-~]+")  # what a header can carry
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_LONGEST_RETRY_AFTER_SECONDS = 120.0
_FAILURES_OF_AN_OUTAGE = 10  # questions in a row
_LONGEST_TOLD = 400  # characters of what a server says
_SHORTEST_SECRET = 6  # a shorter key is a placeholder ("EMPTY") and may stand in an answer

_ENDS_THE_JOB = {  # statuses that no question can pass
    401: "the key was refused",
    402: "the account has no credit",
    403: "the key may not use this model",
    404: "no such address or model",
}
# some say that an account is empty under 400 or 429, and in words alone (Anthropic, Z.AI, Alibaba)
_NO_CREDIT = re.compile(r"insufficient_quota|credit balance|insufficient balance|arrearage", re.IGNORECASE)
_REPEATED = {408, 409, 429}
_PERHAPS_CHARGED = {408, 504, 520, 522, 524}  # a gateway gave up; the model may have answered behind it
_NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
_CONTENT_FILTER = {  # codes that endpoints use, in lower case
    "content_filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "data_inspection_failed",
    "datainspectionfailed",
    "1301",
}
_FINISH_REASONS = {
    "length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
}
_BROKEN_OFF = {"network_error", "error", "abort"}
_NOTHING_LOST = "  Nothing is lost: what was answered is kept; start again, and only what is missing is asked."


@dataclass(frozen=True)
class Reply:
    """What came of a question to an endpoint."""

    text: str = ""
    reasoning: str | None = None
    finish_reason: str = "error"  # stop, length, content_filter, refusal, error
    prompt_tokens: int | None = None
    generated_tokens: int | None = None  # reasoning included
    seconds: float = 0.0  # of the last call, without waiting
    usd: float | None = None  # of the last call; None without prices or where the endpoint counted nothing
    attempts: int = 1
    model: str | None = None  # the name that the endpoint answered under
    error: str | None = None
    timed_out: bool = False  # the error is that no answer came in time


class _Fault(Exception):
    """A fault of the moment; `retry_after` is the wait in seconds that the server asked for."""

    def __init__(self, told: str, retry_after: float | None = None) -> None:
        super().__init__(told)
        self.retry_after = retry_after


class _Late(_Fault):
    """No answer in time."""


class Endpoint:
    """Asks the models of one entry. Bound to the event loop of its first call; close it in that loop."""

    def __init__(
        self,
        entry: EndpointEntry,
        address: str,
        key: str | None,
        spent_usd: float,
        slots: Path,
        charges: Charges | None = None,
    ) -> None:
        """`address` is where to ask, see `address_of`; `spent_usd` counts towards `max_usd`; `slots` is the folder that
        bounds calls over jobs; `charges` keeps what is spent for a later start.

        Raises `UserError` where no header can carry the key, or the machine's settings do not allow to connect.
        """
        self._entry = entry
        self._address = address.rstrip("/")
        self._secrets = _written_forms(key)
        self._slots = Slots(slots, self._address, entry.concurrency)
        self._spending = Spending(entry.max_usd, spent_usd, charges)
        self._failed_in_a_row = 0
        self._stop_reason: UserError | None = None
        self._stopped = asyncio.Event()
        if key is not None and not _KEY.fullmatch(key):
            raise UserError(
                f"{entry.key_variable}: not a key: it is empty, or holds blanks, line ends or odd characters"
            )
        # the client would take these from the environment, whatever endpoint they were meant for
        self._headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        if key is None:
            self._headers["Authorization"] = openai.Omit()
        allow_open_files(2 * entry.concurrency, f"`concurrency: {entry.concurrency}`")  # a connection and a lock each
        try:
            self._client = openai.AsyncOpenAI(
                base_url=self._address, api_key=key or "none", max_retries=0, timeout=entry.timeout
            )
        except Exception as error:  # of many kinds: the client reads proxies and certificates from the environment
            what = f"{type(error).__name__}: {error}{network_hint()}"
            raise UserError(f"{self._address}: cannot set up a connection\n  {what}") from error

    @property
    def spent_usd(self) -> float:
        """What counts towards `max_usd` so far."""
        return self._spending.spent_usd

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(
        self,
        messages: list[dict[str, Any]],
        most_prompt_tokens: int,
        asked: AskedModel,
        fields: Mapping[str, Any] = MappingProxyType({}),
    ) -> Reply:
        """The reply of the model `asked` to chat messages, whose tokens are at most `most_prompt_tokens`.

        `fields` are request fields of this question alone; they stand over the entry's.
        Raises `UserError` where nothing more is to be asked; every later call then raises it too.
        """
        most_usd = 0.0
        if asked.prices:
            most_usd = cost(asked.prices, most_prompt_tokens, self._entry.max_new_tokens)
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._entry.attempts),
            wait=_wait,
            retry=retry_if_exception_type(_Fault),
            sleep=self._pause,
            before_sleep=self._tell,
            reraise=True,
        )
        attempts = 0
        try:
            async for attempt in retrying:
                attempts = attempt.retry_state.attempt_number
                with attempt:
                    reply = await self._attempt(messages, most_usd, asked, fields)
        except _Fault as fault:
            self._count_failure(str(fault), asked)
            return Reply(attempts=attempts, error=str(fault), timed_out=isinstance(fault, _Late))
        if reply.error is None:
            self._failed_in_a_row = 0
        return replace(reply, attempts=attempts)

    async def _attempt(
        self, messages: list[dict[str, Any]], most_usd: float, asked: AskedModel, fields: Mapping[str, Any]
    ) -> Reply:
        async with self._spending.reserved(most_usd) as charge, self._slots.held():
            if self._stop_reason:
                raise self._stop_reason
            self._spending.begin(charge)
            started = time.perf_counter()
            try:
                async with asyncio.timeout(self._entry.timeout):  # the client's own is for each read alone
                    raw = await self._client.chat.completions.with_raw_response.create(
                        model=asked.model,
                        messages=messages,
                        extra_headers=self._headers,
                        extra_body={
                            self._entry.length_field: self._entry.max_new_tokens,
                            **self._entry.request,
                            **fields,
                        },
                    )
                return self._read(raw.text, time.perf_counter() - started, charge, asked)
            except TimeoutError:
                raise _Late(f"no answer within {self._entry.timeout:g} seconds") from None
            except openai.APIConnectionError as error:
                cause = error.__cause__ or error
                if type(cause).__name__ in _NEVER_SENT:
                    charge.usd = 0.0
                raise _Fault(self._told(f"{type(cause).__name__}: {cause}{network_hint()}")) from None
            except openai.APIStatusError as error:
                if error.status_code not in _PERHAPS_CHARGED:
                    charge.usd = 0.0
                return self._refused(error, time.perf_counter() - started, asked)

    def _refused(self, error: openai.APIStatusError, seconds: float, asked: AskedModel) -> Reply:
        """The reply that an error status amounts to. Raises `_Fault` or `UserError`."""
        status, body = error.status_code, error.body
        said = body["message"] if isinstance(body, dict) and body.get("message") else error.response.text
        told = self._told(f"{status}: {said}")
        codes = _codes(error)
        if codes & _CONTENT_FILTER:
            return Reply(finish_reason="content_filter", seconds=seconds)
        if _NO_CREDIT.search(" ".join([told, *codes])):
            status = 402
        if status in _ENDS_THE_JOB:
            raise self._stop(_ENDS_THE_JOB[status], told, asked)
        if status in _REPEATED or status >= 500:
            raise _Fault(told, _retry_after(error.response.headers))
        return Reply(seconds=seconds, error=told)

    def _read(self, text: str, seconds: float, charge: Charge, asked: AskedModel) -> Reply:
        """The reply in a response's body. Raises `_Fault` where there is none."""
        try:
            body = json.loads(writable_json(self._scrubbed(text)))
            prompt_tokens, generated_tokens = _usage(body)
            usd = None
            if asked.prices and prompt_tokens is not None and generated_tokens is not None:
                usd = charge.usd = cost(asked.prices, prompt_tokens, generated_tokens)
            if not body.get("choices"):
                raise _Fault(self._told(f"an answer without choices: {body.get('error') or 'no error told'}"))
            choice = body["choices"][0]
            message, reason = choice["message"], choice.get("finish_reason")
            if reason in _BROKEN_OFF:
                raise _Fault(self._told(f"broken off: {reason} {choice.get('error') or ''}".strip()))
            refusal = message.get("refusal")
            return Reply(
                text=_text(refusal or message.get("content")),
                reasoning=_text(message.get("reasoning_content") or message.get("reasoning")) or None,
                finish_reason="refusal" if refusal else _FINISH_REASONS.get(reason, "stop"),
                prompt_tokens=prompt_tokens,
                generated_tokens=generated_tokens,
                seconds=seconds,
                usd=usd,
                model=body.get("model"),
            )
        except json.JSONDecodeError as error:
            raise _Fault(f"the answer is not JSON, or cut off: {error}") from None
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise _Fault(self._told(f"the answer is no chat completion: {type(error).__name__}: {error}")) from None

    def _count_failure(self, told: str, asked: AskedModel) -> None:
        self._failed_in_a_row += 1
        log.warning("a question failed %d times, the last with: %s", self._entry.attempts, told)
        if self._failed_in_a_row >= _FAILURES_OF_AN_OUTAGE:
            what = f"{self._failed_in_a_row} questions in a row failed; is the endpoint up?"
            raise self._stop(what, told, asked)

    def _stop(self, what: str, told: str, asked: AskedModel) -> UserError:
        """Let no call start any more; the error to raise."""
        told = f"{self._address}: {what}\n  It said: {told}\n{self._to_do(asked)}\n{_NOTHING_LOST}"
        self._stop_reason = self._stop_reason or UserError(told)
        self._stopped.set()
        return self._stop_reason

    def _to_do(self, asked: AskedModel) -> str:
        key = self._entry.key_variable
        held = f"the key in {key}" if key else "whether a key is needed (key_variable)"
        return f"  Check base_url, the model {asked.model}, {held}, and the account."

    async def _pause(self, seconds: float) -> None:
        """Wait before an attempt, no longer than anything may be asked."""
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return

    def _tell(self, state: RetryCallState) -> None:
        assert state.outcome and state.next_action
        wait = state.next_action.sleep
        log.info("attempt %d: %s; again in %.1f s", state.attempt_number, state.outcome.exception(), wait)

    def _told(self, text: str) -> str:
        return writable(self._scrubbed(text))[:_LONGEST_TOLD]

    def _scrubbed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


def address_of(entry: EndpointEntry, environment: Mapping[str, str]) -> str:
    """Where to ask an entry: its `base_url`, or what `base_url_variable` holds. Raises `UserError` if that is none."""
    moved = environment.get(entry.base_url_variable) if entry.base_url_variable else None
    address = moved or entry.base_url
    try:
        parts = urlsplit(address)
        is_written = address.isprintable() and " " not in address
        is_address = is_written and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of the port, or of brackets
        is_address = False
    if not is_address:
        place = entry.base_url_variable if moved else "base_url"
        raise UserError(f"{place}: not an address such as http://localhost:8000/v1: {address!r}")
    return address


def _written_forms(key: str | None) -> list[str]:
    """The ways in which a server may write a key that it echoes, the longest first."""
    if key is None or len(key) < _SHORTEST_SECRET:
        return []
    return sorted({key, json.dumps(key)[1:-1], repr(key)[1:-1], quote(key, safe="")}, key=len, reverse=True)


def _wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: what the server asked for, else exponential; both with jitter."""
    fault = state.outcome.exception() if state.outcome else None
    asked = fault.retry_after if isinstance(fault, _Fault) else None
    if asked is None:
        first = _FIRST_WAIT_SECONDS
        return wait_exponential_jitter(multiplier=first, max=_LONGEST_WAIT_SECONDS, jitter=first)(state)
    return min(asked, _LONGEST_RETRY_AFTER_SECONDS) + random.uniform(0, _FIRST_WAIT_SECONDS)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, as `retry-after-ms`, or `retry-after` in seconds or as a date."""
    for name, seconds in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            asked = float(headers.get(name, "")) * seconds
        except ValueError:
            continue
        if 0 <= asked < float("inf"):
            return asked
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _codes(error: openai.APIStatusError) -> set[str]:
    """What an error calls itself, in lower case: its code and type, and the inner error's code (Azure)."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("innererror")
    found = [body.get("code"), body.get("type"), inner.get("code") if isinstance(inner, dict) else None]
    return {str(code).lower() for code in found if code is not None}


def _usage(body: dict[str, Any]) -> tuple[int | None, int | None]:
    """(prompt tokens, generated tokens) as the endpoint counted them, None where it did not."""
    usage = body.get("usage") or {}
    prompt, generated, total = (usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    if prompt is not None and total is not None:
        # some (Gemini) leave reasoning out of completion_tokens, yet charge it and count it in the total
        generated = max(generated or 0, total - prompt)
    return prompt, generated


def _text(content: Any) -> str:
    """A message's text; some endpoints send it in parts."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content)
    return str(content or "")
