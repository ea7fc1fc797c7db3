"""Classifies failed calls to an endpoint; the kind decides how the client handles the question.

Servers agree on neither statuses nor bodies, so the kind is looked up in tables: first by words and codes, then by
status. Of the rest, other 4xx count as refused and everything else is retried.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

import openai

from spd_faith.core.machine import network_hint


class Kind(Enum):
    """How to handle the question and the rest of the job."""

    FILTERED = auto()
    """Blocked by a content filter: counts as an answer and is kept."""
    REFUSED = auto()
    """Not retried in this run. Many in a row stop the job."""
    TRANSIENT = auto()
    """Retried, up to `attempts`. Many failed questions in a row stop the job."""
    DOUBTFUL = auto()
    """Transient after a successful call; if every call fails this way, it affects the whole job and stops it."""
    FATAL = auto()
    """No question can succeed: stops the job."""


class CallFailure(Exception):
    """A call without an answer; the text is the server's, neither truncated nor scrubbed."""

    def __init__(
        self,
        said: str,
        kind: Kind = Kind.TRANSIENT,
        problem: str = "",
        *,
        hint: str = "",
        retry_after: float | None = None,
        timed_out: bool = False,
        charged: bool = True,
    ) -> None:
        """`problem` and `hint` are for the message that stops a job; `retry_after` is the wait in seconds that the
        server requested; `charged` is whether the call may have been charged.
        """
        super().__init__(said)
        self.kind = kind
        self.problem = problem
        self.hint = hint
        self.retry_after = retry_after
        self.timed_out = timed_out
        self.charged = charged
        self.seconds = 0.0


_PROXY_HINT = "HTTPS_PROXY and HTTP_PROXY set the proxy, NO_PROXY the hosts to reach without it."
_PAGE_HINT = f"Is base_url the URL of the API (often ending in /v1), or does a proxy respond? {_PROXY_HINT}"

# By the text of an error, with codes in brackets; the first match wins. Codes and sentences come from vendors'
# documentation or users' reports.
_BY_WORDS = (
    (
        re.compile(
            r"\[content_?filter"  # OpenAI, Azure, Moonshot
            r"|content_?policy_?violation"  # OpenAI, OpenRouter, LiteLLM
            r"|ResponsibleAIPolicyViolation|content management policy"  # Azure
            r"|\[moderation_blocked|result of our safety system"  # OpenAI
            r"|flagged as potentially violating our usage policy"  # OpenAI, of reasoning models
            r"|\[flagged_input"  # OpenRouter
            r"|Content violates usage guidelines|SAFETY_CHECK_TYPE"  # xAI
            r"|content filtering policy"  # Anthropic
            r"|data_?inspection_?failed|data may contain inappropriate content"  # Alibaba
            r"|\[1301\]"  # Z.AI
            r"|SensitiveContentDetected"  # Volcengine
            r"|rejected because it was considered high risk",  # Moonshot
            re.IGNORECASE,
        ),
        Kind.FILTERED,
        "",
    ),
    (
        re.compile(
            r"insufficient_quota|billing_(?:hard_limit|not_active)"  # OpenAI
            r"|credit balance"  # Anthropic
            r"|insufficient balance"  # Z.AI, DeepSeek, Moonshot
            r"|exceeded_current_quota"  # Moonshot
            r"|arrearage",  # Alibaba
            re.IGNORECASE,
        ),
        Kind.FATAL,
        "the account has no credit",
    ),
    (
        re.compile(r"PerDay|-per-day|daily (?:limit|quota)"),  # Gemini's quotaId; OpenRouter
        Kind.FATAL,
        "the daily quota is used up",
    ),
)
_BY_STATUS = {
    401: (Kind.DOUBTFUL, "the key was rejected"),
    402: (Kind.FATAL, "the account has no credit"),
    404: (Kind.DOUBTFUL, "no such URL or model"),
    407: (Kind.DOUBTFUL, "the proxy requires a username and password"),
    408: (Kind.TRANSIENT, ""),
    409: (Kind.TRANSIENT, ""),
    425: (Kind.TRANSIENT, ""),
    429: (Kind.TRANSIENT, ""),
    499: (Kind.TRANSIENT, ""),  # a gateway's "client closed request"; Gemini's CANCELLED
}
_PERHAPS_CHARGED = {408, 499, 504, 520, 522, 524}  # a gateway gave up, but the model may have answered
_WEB_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_PAGE_HEAD = 20_000  # characters of a web page to search

# by the names and texts of an exception and its causes; the first match wins
_BY_CAUSE = (
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError",
        Kind.FATAL,
        "its certificate is not trusted",
        "Set SSL_CERT_FILE to a file with the certificate of the authority that signed it; behind a proxy that"
        " intercepts TLS, that is the proxy's.",
    ),
    (
        r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|UNKNOWN_PROTOCOL|HTTP_REQUEST",
        Kind.DOUBTFUL,
        "it does not speak TLS",
        "Should base_url start with http:// instead of https://?",
    ),
    (r"ProxyError", Kind.DOUBTFUL, "the proxy cannot connect", _PROXY_HINT),
    (
        r"gaierror|Name or service not known|nodename nor servname|Temporary failure in name resolution",
        Kind.DOUBTFUL,
        "its host name is unknown",
        f"Is base_url right? {_PROXY_HINT}",
    ),
    (r"UnsupportedProtocol|TooManyRedirects|LocalProtocolError", Kind.DOUBTFUL, "it cannot be called", ""),
)
_NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}

# text of a refusal → what to change in the entry; the first match wins
_HINTS = (
    (
        r"max_(?:completion_)?tokens.*(?:support|recogni[sz]ed|unknown|unexpected|instead|extra|permitted)"
        r"|(?:support|recogni[sz]ed|unknown|unexpected|extra|permitted).*max_(?:completion_)?tokens",
        "Set length_field to the other name: max_tokens or max_completion_tokens.",
    ),
    (
        r"context.{0,20}(?:length|window)|too many tokens|tokens?.{0,10}(?:limit|length|too long)|max_model_len",
        "Lower max_new_tokens or images.max_side, or serve the model with a longer context.",
    ),
    (
        r"at most \d+ images?|(?:number of|multiple|single|one) images?\b",
        "Set image_layout: merged, which sends one image; vLLM accepts two with --limit-mm-per-prompt.",
    ),
    (
        r"^413|image.{0,80}(?:large|size|dimension|exceed|pixels)|(?:entity|payload|body).{0,20}large",
        "Lower images.max_side, or set images.format: jpeg.",
    ),
    (r"image|multimodal|vision", "Does the model accept images?"),
)
_NO_HINT = "Check the fields under request (default: temperature: 0), length_field, max_new_tokens and images."


def hint_for(said: str) -> str:
    """What to change in an entry whose questions are refused with this message."""
    found = (hint for pattern, hint in _HINTS if re.search(pattern, said, re.IGNORECASE | re.DOTALL))
    return next(found, _NO_HINT)


def is_web_page(text: str) -> bool:
    """Whether the text is HTML, which no API sends."""
    return bool(_WEB_PAGE.match(text[:_PAGE_HEAD]))


def page_failure(status: int, text: str) -> CallFailure:
    """The failure for HTML in place of JSON: from a gateway, a firewall, a login page."""
    kind, problem = _BY_STATUS.get(status, (Kind.DOUBTFUL, "received a web page instead of an answer"))
    return CallFailure(f"{status}: {_page_title(text)}", kind, problem, hint=_PAGE_HINT, charged=status == 200)


def status_failure(status: int, headers: Mapping[str, str], text: str) -> CallFailure:
    """The failure for an error status."""
    body = _json_or_none(text)
    if status in (403, 404) and is_web_page(text):
        return page_failure(status, text)
    said = _message(body) or (_page_title(text) if is_web_page(text) else text)
    words = " ".join([*(f"[{code}]" for code in _codes(body)), said, text if status == 429 else ""])
    by_status = _BY_STATUS.get(status, (Kind.REFUSED if 400 <= status < 500 else Kind.TRANSIENT, ""))
    by_words = ((kind, problem) for pattern, kind, problem in _BY_WORDS if pattern.search(words))
    kind, problem = next(by_words, by_status)
    return CallFailure(
        f"{status}: {said}",
        kind,
        problem,
        hint=_PROXY_HINT if status == 407 else "",
        retry_after=_retry_after(headers, said),
        charged=status in _PERHAPS_CHARGED,
    )


def connection_failure(error: openai.APIConnectionError) -> CallFailure:
    """The failure for a broken connection."""
    cause = error.__cause__ or error
    words = " ".join(f"{type(one).__name__} {one}" for one in _causes(error))
    settings = network_hint(has_certificates=re.search("ssl|certificate", words, re.IGNORECASE) is not None)
    said = f"{type(cause).__name__}: {cause} ({error.request.url.copy_with(query=None)}){settings}"
    for pattern, kind, problem, hint in _BY_CAUSE:
        if re.search(pattern, words):
            return CallFailure(said, kind, problem, hint=hint, charged=type(cause).__name__ not in _NEVER_SENT)
    return CallFailure(
        said,
        timed_out=isinstance(error, openai.APITimeoutError),
        charged=type(cause).__name__ not in _NEVER_SENT,
    )


def reported_failure(error: Any) -> CallFailure:
    """The failure for an error in a body with status 200; some include the actual status (OpenRouter)."""
    code = error.get("code") if isinstance(error, dict) else None
    try:
        status = int(code)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):  # OverflowError: infinity
        status = 500
    failure = status_failure(status if 400 <= status < 600 else 500, {}, json.dumps({"error": error}))
    failure.charged = True
    return failure


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _error_objects(body: Any) -> list[dict[str, Any]]:
    """The error in the body and the body itself, if they are objects; Gemini sends a list with one body."""
    if isinstance(body, list):
        body = body[0] if body else None
    error = body.get("error") if isinstance(body, dict) else None
    return [one for one in (error, body) if isinstance(one, dict)]


def _message(body: Any) -> str:
    """The text of an error; OpenRouter keeps the vendor's own text in `metadata.raw`."""
    for one in _error_objects(body):
        said = next((one[name] for name in ("message", "error", "detail", "msg") if one.get(name)), None)
        if said:
            metadata = one.get("metadata")
            raw = metadata.get("raw") if isinstance(metadata, dict) else None
            words = said if isinstance(said, str) else json.dumps(said)
            return f"{words} ({raw})" if raw else words
    return ""


def _codes(body: Any) -> Iterator[Any]:
    """The codes of an error: its code, type or status, the inner error's code (Azure), a flag (OpenRouter)."""
    for one in _error_objects(body):
        inner, metadata = one.get("innererror"), one.get("metadata")
        yield from (one[name] for name in ("code", "type", "status") if one.get(name) is not None)
        if isinstance(inner, dict) and inner.get("code"):
            yield inner["code"]
        if isinstance(metadata, dict) and "flagged_input" in metadata:
            yield "flagged_input"


def _page_title(text: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", text[:_PAGE_HEAD], re.IGNORECASE | re.DOTALL)
    return f"a web page, {' '.join(title[1].split())!r}" if title else "a web page"


def _retry_after(headers: Mapping[str, str], said: str) -> float | None:
    """Seconds to wait as the server requests, in a header or in text ("try again in 1m2.5s")."""
    named = [
        _seconds(headers.get("retry-after-ms", ""), 0.001),
        _seconds(headers.get("retry-after", "")),
        _seconds_until(headers.get("retry-after", "")),
        _duration("".join(re.findall(r"(?:retry|try again) in ([\d.hms]+)", said, re.IGNORECASE)[:1])),
        *(
            _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
            for what in ("requests", "tokens")
            if headers.get(f"x-ratelimit-remaining-{what}") == "0"
        ),
    ]
    return next((seconds for seconds in named if seconds is not None), None)


def _seconds(text: str, unit: float = 1.0) -> float | None:
    try:
        seconds = float(text) * unit
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _seconds_until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _duration(text: str) -> float | None:
    """Seconds in "6m0s", "1.5s", "20ms"."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return sum(float(number) * units[unit] for number, unit in parts) if parts else None
