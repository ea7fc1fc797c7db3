"""Parses an endpoint's response: text, reasoning, tokens and finish reason, for any vendor."""

import json
import re
from dataclasses import dataclass
from typing import Any

from spd_faith.core.text import writable_json
from spd_faith.endpoints.failures import CallFailure, Kind, is_web_page, page_failure, reported_failure

_MAX_TOKENS = 2**31 - 1  # limit of the column's type
_BROKEN_OFF = "broken off"

# Our finish reason → the vendors' names for it. Case and word separators are ignored. Sources: the vendors' API
# references (OpenAI, Anthropic `stop_reason`, Gemini and Vertex AI `FinishReason`, Amazon Bedrock `stopReason`, Cohere,
# Mistral, DeepSeek, Z.AI), and those of TGI, vLLM and SGLang.
_VENDOR_REASONS = {
    "stop": """
        stop tool_calls function_call
        end_turn stop_sequence tool_use pause_turn
        eos eos_token
        complete
    """,
    "length": """
        length max_tokens max_output_tokens model_length model_context_window_exceeded
        error_limit
        repetition
    """,
    "content_filter": """
        content_filter content_filtered guardrail_intervened sensitive
        safety recitation blocklist prohibited_content spii language model_armor
        image_safety image_prohibited_content image_recitation
        error_toxic
    """,
    "refusal": "refusal",
    _BROKEN_OFF: """
        error network_error insufficient_system_resource
        abort cancelled user_cancel timeout
        other image_other unspecified
        malformed_function_call unexpected_tool_call too_many_tool_calls malformed_response missing_thought_signature
    """,
}


def _plain(reason: str) -> str:
    return re.sub(r"[^a-z]", "", reason.lower()).removeprefix("finishreason")  # Vertex AI: FINISH_REASON_STOP


_FINISH_REASONS = {_plain(name): ours for ours, names in _VENDOR_REASONS.items() for name in names.split()}


@dataclass(frozen=True)
class Reply:
    """The outcome of a question to an endpoint."""

    text: str = ""
    reasoning: str | None = None
    finish_reason: str = "error"  # stop, length, content_filter, refusal, unknown:{reason}, error
    prompt_tokens: int | None = None
    generated_tokens: int | None = None  # reasoning included
    seconds: float = 0.0  # duration of the last call, without waiting
    usd: float | None = None  # cost of the last call; None without prices or token counts
    attempts: int = 1
    model: str | None = None  # model name in the response
    token_ids: list[int] | None = None  # of the answer, end token included; None if the server does not return them
    prompt_token_ids: list[int] | None = None  # with the placeholders of images expanded
    error: str | None = None
    timed_out: bool = False  # the error is a timeout


def body_text(data: bytes, charset: str) -> str:
    """A response body as text: UTF-8 if it is valid UTF-8, whatever the header says, else in the header's charset."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return data.decode(charset, "replace")
        except Exception:  # an unknown charset, or one with its own exceptions (idna, punycode)
            return data.decode("utf-8", "replace")


def parse_body(data: bytes, charset: str) -> dict[str, Any]:
    """The JSON object in a response body; `charset` comes from the header. Raises `CallFailure`."""
    text = body_text(data, charset)
    if is_web_page(text):
        raise page_failure(200, text)
    if re.match(r"\s*(?:data|event|id|retry)?:", text):
        raise CallFailure("the server streams its response without being asked to; disable streaming", Kind.REFUSED)
    try:
        body = json.loads(writable_json(text))
    except (ValueError, RecursionError) as error:
        raise CallFailure(f"the response is not valid JSON, or is cut off: {error}") from None
    if not isinstance(body, dict):
        raise CallFailure(f"the response is not a chat completion: {text}")
    return body


def read_usage(body: dict[str, Any]) -> tuple[int | None, int | None]:
    """(prompt tokens, generated tokens) as counted by the endpoint, None if missing."""
    usage = _object(body.get("usage"))
    prompt, generated, total = (
        _count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if prompt is not None and total is not None:
        # some (Gemini) leave reasoning out of completion_tokens but charge for it and count it in the total
        generated = max(generated or 0, total - prompt)
    return prompt, generated


def read_reply(body: dict[str, Any]) -> Reply:
    """The reply in a response body, without tokens and cost. Raises `CallFailure` if there is none."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return _read_without_choices(body)
    choice = _object(choices[0])
    if choice.get("error"):
        raise reported_failure(choice["error"])
    message = _object(choice.get("message"))
    content = message.get("content")
    if isinstance(content, int | float):
        raise CallFailure(f"the response is not a chat completion: content {content}")
    text, thought, refusal = _read_content(content)
    text = text or _string(choice.get("text"))  # plain completions
    reasoning = _first_string(message, "reasoning_content", "reasoning", "thinking") or thought or None
    refusal = _string(message.get("refusal")) or refusal
    said = choice.get("finish_reason")
    ending = "refusal" if refusal else _ending(said)
    if ending == _BROKEN_OFF:
        raise CallFailure(f"broken off: {said}")
    if ending is None:  # missing or unknown
        if not text:
            raise CallFailure(f"the response is not a chat completion: no text, and finish_reason {said!r}")
        ending = f"unknown:{said}" if said else "stop"
    elif ending == "stop" and not message and not text:
        raise CallFailure("the response is not a chat completion: no message")
    model = _string(body.get("model")) or None
    return Reply(
        text=refusal or text,
        reasoning=reasoning,
        finish_reason=ending,
        model=model,
        token_ids=_token_ids(choice.get("token_ids")),
        prompt_token_ids=_token_ids(body.get("prompt_token_ids") or choice.get("prompt_token_ids")),
    )


def _read_without_choices(body: dict[str, Any]) -> Reply:
    feedback = _object(body.get("prompt_feedback") or body.get("promptFeedback"))
    if feedback.get("block_reason") or feedback.get("blockReason"):  # Gemini
        return Reply(finish_reason="content_filter", model=_string(body.get("model")) or None)
    if error := body.get("error"):
        raise reported_failure(error)
    raise CallFailure("the response has neither choices nor an error")


def _ending(said: Any) -> str | None:
    """Our finish reason for a vendor's, None if unknown; Gemini sends "content_filter: PROHIBITED_CONTENT"."""
    parts = str(said or "").split(":")
    return next((_FINISH_REASONS[name] for part in parts if (name := _plain(part)) in _FINISH_REASONS), None)


def _read_content(content: Any) -> tuple[str, str, str]:
    """(text, reasoning, refusal) in a message's content: a string, a list of parts, one part, or decoded JSON."""
    if isinstance(content, dict) and "type" in content and "text" in content:
        content = [content]
    if not isinstance(content, list):
        return json.dumps(content, ensure_ascii=False) if isinstance(content, dict) else _string(content), "", ""
    text = reasoning = refusal = ""
    for part in content:
        if not isinstance(part, dict):
            text += _string(part)
        elif part.get("type") in ("thinking", "reasoning"):  # Mistral's holds a list of parts
            reasoning += _read_content(part.get("thinking") or part.get("text"))[0]
        elif part.get("type") == "refusal":
            refusal += _string(part.get("refusal"))
        else:
            text += _string(part.get("text"))
    return text, reasoning, refusal


def _first_string(values: dict[str, Any], *names: str) -> str:
    return next((found for name in names if (found := _string(values.get(name)))), "")


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _token_ids(value: Any) -> list[int] | None:
    is_list = isinstance(value, list) and all(type(token) is int for token in value)
    return value if is_list else None


def _count(value: Any) -> int | None:
    """A number of tokens; some servers send floats."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= _MAX_TOKENS else None
