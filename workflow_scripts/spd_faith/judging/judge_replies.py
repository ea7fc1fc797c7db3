"""What a judge at an endpoint may reply: the form that it is held to, and the claims that a reply amounts to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, INVENTED
from spd_faith.core.text import writable_json
from spd_faith.inference.reasoning import split_reasoning
from spd_faith.judging.claims import Claim
from spd_faith.parsing.words import words_of

_CODE_BLOCK = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)  # around the JSON, where no form is enforced
_FAULTS_TOLD = 3
_NOT_ASKED_FOR = ("title", "default", "description")
_TRUE_LABELS = tuple(label for label in CLAIM_LABELS["drf"] if label != "unfaithful")


class ReplyFault(Exception):
    """A reply that is not in its form; the message says why, for the judge."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ReasoningClaim(_Form):
    quote: str
    about: str
    reason: str
    label: Literal[(*_TRUE_LABELS, *ERROR_TYPES)]  # an error type stands for unfaithful, so the two cannot disagree


class ConsistencyClaim(_Form):
    quote_same: str | None
    quote_different: str | None
    about: str
    reason: str
    label: Literal[CLAIM_LABELS["cr"]]

    @model_validator(mode="after")
    def _has_its_quotes(self) -> "ConsistencyClaim":
        quotes = [quote for quote in (self.quote_same, self.quote_different) if quote is not None]
        if len(quotes) < (1 if self.label == "ambiguous" else 2):
            raise ValueError(f"a claim that is {self.label} needs {'a quote' if not quotes else 'both quotes'}")
        return self


class _Reply(_Form):
    score: SkipJsonSchema[float | None] = None
    """Not asked for, and of no account; some judges print one all the same."""


class ReasoningReply(_Reply):
    claims: list[ReasoningClaim]


class ConsistencyReply(_Reply):
    claims: list[ConsistencyClaim]


_REPLIES: dict[str, type[ReasoningReply | ConsistencyReply]] = {"drf": ReasoningReply, "cr": ConsistencyReply}


@dataclass(frozen=True)
class Reading:
    """A reply in its form: its claims in their order, `INVENTED` ones among them, and the score that it printed."""

    claims: tuple[Claim, ...]
    judge_score: float | None


@cache
def response_format(metric: str) -> dict[str, Any]:
    """The request field that holds a judge of `metric` to its form (OpenAI's strict JSON schema)."""
    schema = _REPLIES[metric].model_json_schema()
    definitions = schema.pop("$defs")
    form = {"name": f"{metric}_claims", "strict": True, "schema": _plain(schema, definitions)}
    return {"type": "json_schema", "json_schema": form}


def _plain(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references and remarks, which not every endpoint takes."""
    if isinstance(schema, list):
        return [_plain(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _plain(part, definitions) for key, part in schema.items() if key not in _NOT_ASKED_FOR}


def read_reply(metric: str, text: str, answers: Sequence[str]) -> Reading:
    """The claims of a reply about `answers`, as they were shown: one text for drf, "same" and "different" for cr.

    A claim whose quote is not in its answer is labelled `INVENTED`. Raises `ReplyFault` where the form is broken.
    """
    try:
        reply = _REPLIES[metric].model_validate_json(writable_json(_json_of(text)))
    except ValidationError as error:
        raise ReplyFault(_told(error)) from None
    spoken = [_spoken(answer) for answer in answers]
    if isinstance(reply, ReasoningReply):
        claims = [_reasoning_claim(claim, spoken[0]) for claim in reply.claims]
    else:
        claims = [_consistency_claim(claim, spoken) for claim in reply.claims]
    return Reading(tuple(claims), reply.score)


def _json_of(text: str) -> str:
    """A reply without the reasoning before it and the marks around it."""
    if text.lstrip()[:1] not in ("{", "`"):  # in a quote the marks of reasoning are words of the answer
        text, _ = split_reasoning(text)
    block = _CODE_BLOCK.fullmatch(text)
    return block[1] if block else text.strip()


def _told(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    told = [f"{'.'.join(map(str, fault['loc'])) or 'the reply'}: {fault['msg']}" for fault in faults[:_FAULTS_TOLD]]
    more = len(faults) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _reasoning_claim(claim: ReasoningClaim, spoken: str) -> Claim:
    if not _quotes(claim.quote, spoken):
        return Claim(claim.quote, INVENTED)
    if claim.label in ERROR_TYPES:
        return Claim(claim.quote, "unfaithful", error_type=claim.label)
    return Claim(claim.quote, claim.label)


def _consistency_claim(claim: ConsistencyClaim, spoken: Sequence[str]) -> Claim:
    quotes = (claim.quote_same, claim.quote_different)
    stand = all(quote is None or _quotes(quote, said) for quote, said in zip(quotes, spoken, strict=True))
    first, *other = [quote for quote in quotes if quote is not None]
    return Claim(first, claim.label if stand else INVENTED, *other)


def _spoken(text: str) -> str:
    """The words of a text between single blanks: a quote may differ from it in case, marks and line ends."""
    return f" {' '.join(word.text for word in words_of(text))} "


def _quotes(quote: str, spoken: str) -> bool:
    words = _spoken(quote)
    if not words.strip():
        return False
    return words in spoken or (not quote.isascii() and words.strip() in spoken)  # not all scripts part their words
