"""Which replies of a judge at an endpoint a judgement is made of, and what they amount to.

Each reply is kept under a key made of all that it hangs on (model, request, prompt, truth, answer, pictures), so it is
paid for once, whatever becomes of the job, the table, or the code that reads it. A judgement is made of one reply, or
of two where the first was not in its form: then the fault is named and it is asked again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from spd_faith.core.entries import identity
from spd_faith.core.files import sha256
from spd_faith.core.journal import Record
from spd_faith.core.schemas import INVENTED
from spd_faith.endpoints.entries import EndpointModel
from spd_faith.judging.entries import OpenAIJudge
from spd_faith.judging.judge_prompts import JudgeQuestion
from spd_faith.judging.judge_replies import Reading, ReplyFault, read_reply, response_format

_UNSCORED = {"length": "truncated", "content_filter": "filter", "refusal": "refusal"}  # by finish reason
_MOST_REPEATED = 4000  # characters of a reply out of form that the judge is shown again

Content = Mapping[str, Any]  # of a kept reply: text, finish_reason, tokens, seconds, usd, attempts, model


class Turn(NamedTuple):
    """A reply that was not in its form, and the fault that is named to the judge."""

    reply: str
    fault: str


@dataclass(frozen=True)
class Judging:
    """A question asked for the `repeat`-th time, from 0 on."""

    question: JudgeQuestion
    repeat: int


@dataclass(frozen=True)
class Outcome:
    """What the kept replies to one judging amount to.

    `status` is ok, or `unscored:<reason>`; `reading` is None where no reply is in its form. `next_key` is the key of
    the reply that is still to be asked for, after `turns`; None where nothing is.
    """

    status: str
    reading: Reading | None
    replies: tuple[Content, ...]
    next_key: str | None = None
    turns: tuple[Turn, ...] = ()


class OpenAIJudgements:
    """The judgements of one entry, as far as the replies to them are kept."""

    def __init__(self, entry: OpenAIJudge, kept: dict[str, Record]) -> None:
        self.entry = entry
        self.kept = kept

    def outcome(self, judging: Judging) -> Outcome:
        """What is known of a judging so far."""
        turns: tuple[Turn, ...] = ()
        replies: tuple[Content, ...] = ()
        while True:
            key = self.key(judging, again=bool(turns))
            if key not in self.kept:
                return Outcome("unscored:error", None, replies, key, turns)
            content = self.kept[key].content
            replies = (*replies, content)
            if reason := _UNSCORED.get(content["finish_reason"]):
                return Outcome(f"unscored:{reason}", None, replies)
            try:
                reading = read_reply(judging.question.metric, content["text"], judging.question.answers)
            except ReplyFault as fault:
                if turns:
                    return Outcome("unscored:schema", None, replies)
                turns = (Turn(content["text"][:_MOST_REPEATED], str(fault)),)
                continue
            if reading.claims and all(claim.label == INVENTED for claim in reading.claims):
                return Outcome(f"unscored:{INVENTED}", reading, replies)
            return Outcome("ok", reading, replies)

    def missing(self, judgings: Iterable[Judging]) -> list[Judging]:
        """Those that lack a reply; of equal ones the first."""
        found: dict[str, Judging] = {}
        for judging in judgings:
            if key := self.outcome(judging).next_key:
                found.setdefault(key, judging)
        return list(found.values())

    def key(self, judging: Judging, again: bool = False) -> str:
        """The sha256 of all that decides a reply: the first one, or the one that was asked for `again`.

        In what words the fault was named decides nothing, or another version of them would be paid for.
        """
        question, entry = judging.question, identity(self.entry)
        parts = {
            **{name: entry[name] for name in ("base_url", "max_new_tokens", "generation")},
            "model": self.asked(question).model,
            "request": self.entry.request | self.fields(judging),
            "repeat": judging.repeat,
            "again": again,
            "messages": self.texts(question),
            "pictures": [*question.pictures, entry["pictures"]] if question.pictures else None,
        }
        return sha256(json.dumps(parts, sort_keys=True))

    def asked(self, question: JudgeQuestion) -> EndpointModel:
        """The model that judges the question's metric."""
        return getattr(self.entry.models, question.metric)

    def fields(self, judging: Judging) -> dict[str, Any]:
        """The request fields of one judging alone."""
        seed = self.entry.request.get("seed")
        seeded = {"seed": seed + judging.repeat} if isinstance(seed, int) else {}
        return {"response_format": response_format(judging.question.metric)} | seeded

    def texts(self, question: JudgeQuestion, turns: Sequence[Turn] = ()) -> list[tuple[str, str]]:
        """(role, text) of each message."""
        texts = [("system", question.instructions), ("user", question.material)]
        for turn in turns:
            again = f"That reply is not in its form: {turn.fault}. Reply again, with the one JSON object alone."
            texts += [("assistant", turn.reply.strip() or "(nothing)"), ("user", again)]
        return texts


def repeated(questions: Iterable[JudgeQuestion | None], repeats: int) -> Iterator[Judging]:
    """Each question, where there is one, as often as it is to be judged."""
    return (Judging(question, repeat) for question in questions if question for repeat in range(repeats))
