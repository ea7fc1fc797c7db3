"""What an endpoint's reply says: its text, its reasoning, its tokens, and how it ended, whoever the vendor is."""

import json
import re
from dataclasses import dataclass
from typing import Any

from spd_faith.core.text import writable_json
from spd_faith.endpoints.failures import CallFailure, Kind, is_web_page, page_failure, reported_failure

_MOST_TOKENS = 2**31 - 1  # what the column holds
_BROKEN_OFF = "broken off"

# How vendors say that an answer ended → how it ended here. Upper and lower case, and what joins the words, make no
# difference. Sources: the vendors' references of their chat APIs (OpenAI, Anthropic `stop_reason`, Gemini and Vertex AI
# `FinishReason`, Amazon Bedrock `stopReason`, Cohere, Mistral, DeepSeek, Z.AI), and those of TGI, vLLM and SGLang.
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
    """What came of a question to an endpoint."""

    text: str = ""
    reasoning: str | None = None
    finish_reason: str = "error"  # stop, length, content_filter, refusal, error, unknown:{what the server said}
    prompt_tokens: int | None = None
    generated_tokens: int | None = None  # reasoning included
    seconds: float = 0.0  # of the last call, without waiting
    usd: float | None = None  # of the last call; None without prices or where the endpoint counted nothing
    attempts: int = 1
    model: str | None = None  # the name that the endpoint answered under
    error: str | None = None
    timed_out: bool = False  # the error is that no answer came in time


def body_text(data: bytes, charset: str) -> str:
    """A response's body as text: UTF-8 where it is that, whatever its header names, else in the charset named there."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return data.decode(charset, "replace")
        except Exception:  # no such charset, or one that raises what it happens to raise (idna, punycode)
            return data.decode("utf-8", "replace")


def parse_body(data: bytes, charset: str) -> dict[str, Any]:
    """The JSON object in a response's body; `charset` is what its header names. Raises `CallFailure`."""
    text = body_text(data, charset)
    if is_web_page(text):
        raise page_failure(200, text)
    if re.match(r"\s*(?:data|event|id|retry)?:", text):
        raise CallFailure("the server streams its answers, though it was not asked to; turn that off", Kind.REFUSED)
    try:
        body = json.loads(writable_json(text))
    except (ValueError, RecursionError) as error:
        raise CallFailure(f"the answer is not JSON, or cut off: {error}") from None
    if not isinstance(body, dict):
        raise CallFailure(f"the answer is no chat completion: {text}")
    return body


def read_usage(body: dict[str, Any]) -> tuple[int | None, int | None]:
    """(prompt tokens, generated tokens) as the endpoint counted them, None where it did not."""
    usage = _object(body.get("usage"))
    prompt, generated, total = (
        _count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if prompt is not None and total is not None:
        # some (Gemini) leave reasoning out of completion_tokens, yet charge it and count it in the total
        generated = max(generated or 0, total - prompt)
    return prompt, generated


def read_reply(body: dict[str, Any]) -> Reply:
    """The reply in a response's body, without tokens and cost. Raises `CallFailure` where there is none."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return _read_without_choices(body)
    choice = _object(choices[0])
    if choice.get("error"):
        raise reported_failure(choice["error"])
    message = _object(choice.get("message"))
    content = message.get("content")
    if isinstance(content, int | float):
        raise CallFailure(f"the answer is no chat completion: content {content}")
    text, thought, refusal = _read_content(content)
    text = text or _string(choice.get("text"))  # of plain completions
    reasoning = _first_string(message, "reasoning_content", "reasoning", "thinking") or thought or None
    refusal = _string(message.get("refusal")) or refusal
    said = choice.get("finish_reason")
    ending = "refusal" if refusal else _ending(said)
    if ending == _BROKEN_OFF:
        raise CallFailure(f"broken off: {said}")
    if ending is None:  # no reason, or none that is known
        if not text:
            raise CallFailure(f"the answer is no chat completion: no text, and finish_reason {said!r}")
        ending = f"unknown:{said}" if said else "stop"
    elif ending == "stop" and not message and not text:
        raise CallFailure("the answer is no chat completion: no message")
    model = _string(body.get("model")) or None
    return Reply(text=refusal or text, reasoning=reasoning, finish_reason=ending, model=model)


def _read_without_choices(body: dict[str, Any]) -> Reply:
    feedback = _object(body.get("prompt_feedback") or body.get("promptFeedback"))
    if feedback.get("block_reason") or feedback.get("blockReason"):  # Gemini
        return Reply(finish_reason="content_filter", model=_string(body.get("model")) or None)
    if error := body.get("error"):
        raise reported_failure(error)
    raise CallFailure("an answer without choices, and without an error")


def _ending(said: Any) -> str | None:
    """How an answer ended, None where that is not known; Gemini says "content_filter: PROHIBITED_CONTENT"."""
    parts = str(said or "").split(":")
    return next((_FINISH_REASONS[name] for part in parts if (name := _plain(part)) in _FINISH_REASONS), None)


def _read_content(content: Any) -> tuple[str, str, str]:
    """(text, reasoning, refusal) of a message's content: a string, a list of parts, one part, or decoded JSON."""
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


def _count(value: Any) -> int | None:
    """A number of tokens; some count in floats."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= _MOST_TOKENS else None
