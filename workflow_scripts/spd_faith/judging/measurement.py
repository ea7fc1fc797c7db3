"""Compares the rules judge with manually labelled answers (`validation_set`)."""

from collections.abc import Sequence
from dataclasses import replace

from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements, SampleJudgement, compare
from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.scores import count_labels, score_counts
from spd_faith.judging.validation_set import Item, ReasoningItem
from spd_faith.parsing.table import parse_response
from spd_faith.parsing.verdicts import verdict


def measure(items: Sequence[Item]) -> list[ComparedJudgements]:
    """Compare the rules (first) with the labels (second) for each item; each item is its own cluster."""
    return [
        compare(
            item.id,
            ("", item.id),
            item.metric,
            _judgement(item.metric, _by_rules(item)),
            _labelled(item),
            _answers(item),
        )
        for item in items
    ]


def contents_only(comparison: ComparedJudgements) -> ComparedJudgements:
    """A `cr` comparison without the claim about the verdicts, which is the first of every judgement."""
    first, second = (replace(one, claims=one.claims[1:]) for one in (comparison.first, comparison.second))
    pairs = tuple((i - 1, j - 1) for i, j in comparison.pairs if i and j)
    return replace(comparison, first=first, second=second, pairs=pairs)


def _answers(item: Item) -> tuple[str, ...]:
    return (item.answer,) if isinstance(item, ReasoningItem) else (item.answer.same, item.answer.different)


def _by_rules(item: Item) -> list[Claim]:
    if isinstance(item, ReasoningItem):
        parsed = parse_response("describe", item.answer, failed=False)
        return judge_reasoning(item.truth.model_dump(), item.answer, parsed)
    texts = {"same": item.answer.same, "different": item.answer.different}
    return judge_consistency(*(YesNoAnswer(text, verdict(text, task)) for task, text in texts.items()))


def _labelled(item: Item) -> SampleJudgement:
    if isinstance(item, ReasoningItem):
        claims = [Claim(claim.quote, claim.label, error_type=claim.error_type) for claim in item.claims]
    else:
        claims = [Claim(claim.quote or "", claim.label, claim.other_quote) for claim in item.claims]
    return _judgement(item.metric, claims)


def _judgement(metric: str, claims: Sequence[Claim]) -> SampleJudgement:
    score, _ = score_counts(metric, count_labels(metric, (claim.label for claim in claims)))
    return SampleJudgement(tuple(claims), score)
