"""The members of a panel, which label the same claims of each answer: those that the rules read from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from spd_faith.judging.claims import Claim
from spd_faith.judging.judge import JudgeRequest, ModelAnswers, Row
from spd_faith.judging.judge_prompts import say_nothing
from spd_faith.judging.rules import VERSION, Rules

JudgementKey = tuple[str, str]  # sample_id, metric


@dataclass(frozen=True)
class ListedClaims:
    """The claims of one sample's answers for one metric.

    `rules_row` is the judgement of the rules. `claims` are the ones to label, with the labels of the rules; none if
    there is nothing to label or the rules cannot read the answer.
    """

    sample: Row
    metric: str
    rules_row: Mapping[str, Any]
    claims: tuple[Claim, ...]

    @property
    def verdicts(self) -> list[Claim]:
        """The claim about the two verdicts, which the members do not label (cr)."""
        return [Claim.from_row(self.rules_row["claims"][0])] if self.metric == "cr" else []


ListedAnswers = Mapping[JudgementKey, ListedClaims]
ListedModel = tuple[ModelAnswers, ListedAnswers]  # one model's answers and their claims


def list_claims(answers: ModelAnswers) -> dict[JudgementKey, ListedClaims]:
    """The claims of each sample and metric, as the rules read them from the answers."""
    samples = {sample["sample_id"]: sample for sample in answers.samples}
    listed = {}
    for row in Rules(answers).rows():
        key = row["sample_id"], row["metric"]
        first = 1 if row["metric"] == "cr" else 0  # after the claim about the verdicts
        claims = tuple(map(Claim.from_row, row["claims"][first:]))
        is_asked = row["score"] is not None and not say_nothing(answers, *key)
        listed[key] = ListedClaims(samples[row["sample_id"]], row["metric"], row, claims if is_asked else ())
    return listed


@dataclass(frozen=True)
class Vote:
    """What a member says about one sample's claims, in their order; `claims` is None if it did not answer.

    `status` is ok or `unscored:<reason>`. `columns` are the columns of `JUDGEMENTS` about its replies; none for the
    rules.
    """

    status: str
    claims: tuple[Claim, ...] | None
    judge_model: str
    columns: Mapping[str, Any]


class Member(Protocol):
    """A member of a panel, for one model's answers. A member without calls only implements `vote`."""

    def missing(self) -> Sequence[JudgeRequest]:
        """Like `Judge.missing`."""
        return ()

    def ask(self, missing: Sequence[JudgeRequest], advance: Callable[[int], Any]) -> None:
        """Like `Judge.ask`."""
        return

    def vote(self, key: JudgementKey) -> Vote:
        """Its labels for the claims of a sample and metric that has any."""
        ...


class RulesMember(Member):
    """The rules, with the labels that they gave when they listed the claims."""

    def __init__(self, listed: ListedAnswers) -> None:
        self._listed = listed

    def vote(self, key: JudgementKey) -> Vote:
        return Vote("ok", self._listed[key].claims, VERSION, {})
