"""The reply format of endpoint judges, and the claims in a reply."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, INVENTED
from spd_faith.core.text import writable_json
from spd_faith.inference.reasoning import find_reasoning_marker
from spd_faith.judging.claims import Claim
from spd_faith.language.words import words_of
from spd_faith.parsing.answer_text import answer_of
from spd_faith.parsing.json_text import inside, is_closed, repaired_object, spellings, whole_values

_CODE_BLOCK = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)  # from endpoints that do not enforce JSON
_MAX_ERRORS_NAMED = 3
_NOT_ASKED_FOR = ("title", "default", "description")
_TRUE_LABELS = tuple(label for label in CLAIM_LABELS["drf"] if label != "unfaithful")

if TYPE_CHECKING:
    _ReasoningLabel = str
    _ConsistencyLabel = str
else:
    # an error type implies the label unfaithful, so the two cannot contradict each other
    _ReasoningLabel = Literal[(*_TRUE_LABELS, *ERROR_TYPES)]
    _ConsistencyLabel = Literal[CLAIM_LABELS["cr"]]


class ReplyError(Exception):
    """An invalid reply; the message explains the error to the judge."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _ReasoningClaim(_Form):
    quote: str
    about: str
    reason: str
    label: _ReasoningLabel


class _ConsistencyClaim(_Form):
    quote_same: str | None
    quote_different: str | None
    about: str
    reason: str
    label: _ConsistencyLabel

    @model_validator(mode="after")
    def _has_its_quotes(self) -> "_ConsistencyClaim":
        quotes = [quote for quote in (self.quote_same, self.quote_different) if quote is not None]
        if len(quotes) < (1 if self.label == "ambiguous" else 2):
            raise ValueError(f"a claim that is {self.label} needs {'a quote' if not quotes else 'both quotes'}")
        return self


class _Reply(_Form):
    score: SkipJsonSchema[float | None] = None
    """Not requested and not used for scores; some judges return one anyway."""


class _ReasoningReply(_Reply):
    claims: list[_ReasoningClaim]


class _ConsistencyReply(_Reply):
    claims: list[_ConsistencyClaim]


class _ReasoningLabelOf(_Form):
    number: int
    label: _ReasoningLabel


class _ConsistencyLabelOf(_Form):
    number: int
    label: _ConsistencyLabel


class _ReasoningLabels(_Reply):
    labels: list[_ReasoningLabelOf]


class _ConsistencyLabels(_Reply):
    labels: list[_ConsistencyLabelOf]


_REPLIES: dict[str, type[_ReasoningReply | _ConsistencyReply]] = {"drf": _ReasoningReply, "cr": _ConsistencyReply}
_LABELS: dict[str, type[_ReasoningLabels | _ConsistencyLabels]] = {"drf": _ReasoningLabels, "cr": _ConsistencyLabels}


R = TypeVar("R", bound=_Reply)


@dataclass(frozen=True)
class Reading:
    """A valid reply: its claims in order, including `INVENTED` ones, and the score that it contains."""

    claims: tuple[Claim, ...]
    judge_score: float | None


@cache
def reply_schema(metric: str, are_listed: bool = False) -> tuple[str, dict[str, Any]]:
    """(name, JSON schema) of a reply for `metric`: claims with labels, or labels if the request lists the claims."""
    name, model = (f"{metric}_labels", _LABELS[metric]) if are_listed else (f"{metric}_claims", _REPLIES[metric])
    schema = model.model_json_schema()
    definitions = schema.pop("$defs")
    return name, _plain(schema, definitions)


def _plain(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references and annotations, which some endpoints reject."""
    if isinstance(schema, list):
        return [_plain(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _plain(part, definitions) for key, part in schema.items() if key not in _NOT_ASKED_FOR}


def read_reply(metric: str, text: str, answers: Sequence[str]) -> Reading:
    """Read the claims of a reply about `answers` as sent: one text for drf, "same" and "different" for cr.

    A claim whose quote is not in its answer is labelled `INVENTED`. Raises `ReplyError` for an invalid reply.
    """
    reply = _validated(_REPLIES[metric], text, "claims")
    spoken = [_spoken(answer) for answer in answers]
    if isinstance(reply, _ReasoningReply):
        claims = [_reasoning_claim(claim, spoken[0]) for claim in reply.claims]
    else:
        claims = [_consistency_claim(claim, spoken) for claim in reply.claims]
    return Reading(tuple(claims), reply.score)


def read_reasons(metric: str, text: str) -> dict[tuple[str, str | None], str]:
    """The judge's reason for the label of each claim in a reply, by the claim's `text` and `other_text`.

    Raises `ReplyError` for an invalid reply.
    """
    reply = _validated(_REPLIES[metric], text, "claims")
    if isinstance(reply, _ReasoningReply):
        return {(claim.quote, None): claim.reason for claim in reply.claims}
    quotes = [
        ([one for one in (claim.quote_same, claim.quote_different) if one is not None], claim.reason)
        for claim in reply.claims
    ]
    return {(first, other[0] if other else None): reason for (first, *other), reason in quotes}


def read_labels(metric: str, text: str, claims: Sequence[Claim]) -> Reading:
    """Read the labels of a reply about the numbered `claims`, counted from 1.

    Raises `ReplyError` for an invalid reply, also if a claim has no label or more than one.
    """
    reply = _validated(_LABELS[metric], text, "labels")
    labels = {one.number: one.label for one in reply.labels}
    if len(labels) < len(reply.labels) or set(labels) != set(range(1, len(claims) + 1)):
        raise ReplyError(f"labels: needs each of the numbers 1 to {len(claims)} once")
    labelled = [_with_label(claim, labels[number]) for number, claim in enumerate(claims, start=1)]
    return Reading(tuple(labelled), reply.score)


def _with_label(claim: Claim, label: str) -> Claim:
    if label in ERROR_TYPES:
        return replace(claim, label="unfaithful", error_type=label)
    return replace(claim, label=label, error_type=None)


def _validated(form: type[R], text: str, key: str) -> R:
    """The reply in a text: the object with `key`. Raises `ReplyError` if it does not fit."""
    try:
        return form.model_validate_json(writable_json(_json_of(text, key)))
    except ValidationError as error:
        raise ReplyError(_message(error)) from None


def _json_of(text: str, key: str) -> str:
    """The JSON of a reply: the last object with the list `key`, repaired if it is damaged but not cut off.

    Ignores reasoning, words, fences, escapes and other objects around it; keys are case-insensitive.
    """
    marker = find_reasoning_marker(text)
    if marker is not None and not any(start < marker < end for start, end, _ in whole_values(text)):
        text = answer_of(text)  # reasoning markers inside a quote belong to the quote
    replies = (reply for candidate in _candidates(text) if (reply := _with_list(candidate, key)) is not None)
    reply = next(replies, None)
    if reply is not None:
        return json.dumps(reply, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    block = _CODE_BLOCK.fullmatch(text)
    return block[1] if block else text.strip()


def _candidates(text: str) -> Iterator[Any]:
    """The values in a text from last to first, none from inside a damaged one, then the repaired text."""
    for spelled in spellings(text):
        for start, _, value in reversed(whole_values(spelled)):
            if is_closed(spelled[:start]):
                yield value
    for spelled in spellings(text):
        if repaired := repaired_object(spelled):
            yield repaired.value


def _with_list(value: Any, key: str) -> dict[str, Any] | None:
    """The object with `key` in a decoded value, with normalized keys."""
    for one in inside(value):
        reply = _with_plain_keys(one)
        if isinstance(reply, dict) and key in reply:
            entries = reply[key]
            return reply | {key: [*map(_with_plain_keys, entries)] if isinstance(entries, list) else entries}
    return None


def _with_plain_keys(value: Any) -> Any:
    return {_key(key): item for key, item in value.items()} if isinstance(value, dict) else value


def _key(key: str) -> str:
    return key.strip().lower().replace(" ", "_").replace("-", "_")


def _message(error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_input=False)
    named = [f"{'.'.join(map(str, one['loc'])) or 'the reply'}: {one['msg']}" for one in errors[:_MAX_ERRORS_NAMED]]
    more = len(errors) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")


def _reasoning_claim(claim: _ReasoningClaim, spoken: str) -> Claim:
    stands = _quotes(claim.quote, spoken)
    return _with_label(Claim(claim.quote, INVENTED), claim.label) if stands else Claim(claim.quote, INVENTED)


def _consistency_claim(claim: _ConsistencyClaim, spoken: Sequence[str]) -> Claim:
    quotes = (claim.quote_same, claim.quote_different)
    stand = all(quote is None or _quotes(quote, said) for quote, said in zip(quotes, spoken, strict=True))
    first, *other = [quote for quote in quotes if quote is not None]
    return Claim(first, claim.label if stand else INVENTED, *other)


def _spoken(text: str) -> str:
    """The words of a text between single spaces, so that quotes may differ in case, punctuation and line breaks."""
    return f" {' '.join(word.text for word in words_of(text))} "


def _quotes(quote: str, spoken: str) -> bool:
    words = _spoken(quote)
    if not words.strip():
        return False
    return words in spoken or (not quote.isascii() and words.strip() in spoken)  # not all scripts separate their words
