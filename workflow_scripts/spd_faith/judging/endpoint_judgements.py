"""Turns the stored replies of an endpoint judge into judgements.

Each reply is stored under a key of everything that it depends on (model, request, prompt, truth, answer, images), so it
is paid for once, whatever happens to the job, the table or the code that reads it. A judgement takes one reply, or two
if the first is invalid: then the judge is asked again and given the error.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from spd_faith.core.entries import identity
from spd_faith.core.files import sha256
from spd_faith.core.journal import Record
from spd_faith.core.schemas import INVENTED
from spd_faith.endpoints.entries import EndpointModel
from spd_faith.judging.judge import JudgeRequest
from spd_faith.judging.judge_replies import Reading, ReplyError, read_labels, read_reply, reply_schema
from spd_faith.judging.structured_output import STRUCTURED_OUTPUTS

if TYPE_CHECKING:
    from spd_faith.judging.entries import AskedJudge

_UNSCORED = {"length": "truncated", "content_filter": "filter", "refusal": "refusal"}  # by finish reason
_MAX_REPEATED = 4000  # characters of an invalid reply that are shown to the judge again

Content = Mapping[str, Any]  # of a stored reply: text, finish_reason, tokens, seconds, usd, attempts, model


class Turn(NamedTuple):
    """An invalid reply, and the error reported to the judge."""

    reply: str
    error: str


@dataclass(frozen=True)
class Outcome:
    """The result of the stored replies to one request.

    `status` is ok or `unscored:<reason>`; `reading` is None if no reply is valid. `next_key` is the key of the reply
    that is still missing, after `turns`; None if nothing is missing.
    """

    status: str
    reading: Reading | None
    replies: tuple[Content, ...]
    next_key: str | None = None
    turns: tuple[Turn, ...] = ()


class EndpointJudgements:
    """The judgements of one entry, based on the stored replies."""

    def __init__(self, entry: "AskedJudge", kept: dict[str, Record]) -> None:
        self.entry = entry
        self.kept = kept

    def outcome(self, request: JudgeRequest) -> Outcome:
        """The current state of a request."""
        turns: tuple[Turn, ...] = ()
        replies: tuple[Content, ...] = ()
        while True:
            key = self.key(request, again=bool(turns))
            if key not in self.kept:
                return Outcome("unscored:error", None, replies, key, turns)
            content = self.kept[key].content
            replies = (*replies, content)
            if reason := _UNSCORED.get(content["finish_reason"]):
                return Outcome(f"unscored:{reason}", None, replies)
            try:
                reading = _read(request, content["text"])
            except ReplyError as error:
                if turns:
                    return Outcome("unscored:schema", None, replies)
                turns = (Turn(content["text"][:_MAX_REPEATED], str(error)),)
                continue
            if reading.claims and all(claim.label == INVENTED for claim in reading.claims):
                return Outcome(f"unscored:{INVENTED}", reading, replies)
            return Outcome("ok", reading, replies)

    def missing(self, requests: Iterable[JudgeRequest]) -> list[JudgeRequest]:
        """The requests without a reply; only the first of duplicates."""
        found: dict[str, JudgeRequest] = {}
        for request in requests:
            if key := self.outcome(request).next_key:
                found.setdefault(key, request)
        return list(found.values())

    def key(self, request: JudgeRequest, again: bool = False) -> str:
        """The sha256 of everything that the first reply, or the one asked for `again`, depends on.

        The wording of the reported error is left out: changing it must not cause paid calls.
        """
        fields = identity(self.entry)
        parts = {
            **self.entry.where_asked(),
            **{name: fields[name] for name in ("max_new_tokens", "generation")},
            "model": self.model(request.metric).model,
            "request": self.entry.request | self.fields(request),
            "repeat": request.repeat,
            "again": again,
            "messages": self.texts(request),
            "pictures": [*request.image_shas, fields["pictures"]] if request.image_shas else None,
        }
        return sha256(json.dumps(parts, sort_keys=True))

    def provenances(self, requests: Iterable[JudgeRequest]) -> Iterator[Mapping[str, Any]]:
        """The provenance of each stored reply to the requests."""
        for request in requests:
            for again in (False, True):
                if record := self.kept.get(self.key(request, again)):
                    yield record.provenance

    def model(self, metric: str) -> EndpointModel:
        """The model that judges a metric."""
        return self.entry.model_of(metric)

    def fields(self, request: JudgeRequest) -> dict[str, Any]:
        """The fields of the HTTP request that are specific to this request."""
        seed = self.entry.request.get("seed")
        seeded = {"seed": seed + request.repeat} if isinstance(seed, int) else {}
        name, schema = reply_schema(request.metric, request.claims is not None)
        return STRUCTURED_OUTPUTS[self.entry.structured_output](name, schema) | seeded

    def texts(self, request: JudgeRequest, turns: Sequence[Turn] = ()) -> list[tuple[str, str]]:
        """(role, text) of each message."""
        texts = [("system", request.instructions), ("user", request.material)]
        for turn in turns:
            again = f"That reply is not in its form: {turn.error}. Reply again, with the one JSON object alone."
            texts += [("assistant", turn.reply.strip() or "(nothing)"), ("user", again)]
        return texts


def _read(request: JudgeRequest, text: str) -> Reading:
    if request.claims is None:
        return read_reply(request.metric, text, request.answers)
    return read_labels(request.metric, text, request.claims)
