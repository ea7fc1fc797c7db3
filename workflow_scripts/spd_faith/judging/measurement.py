"""Compares the rules judge and the parser with manually labelled answers (`validation_set`)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements, SampleJudgement, compare
from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.scores import score_claims
from spd_faith.judging.validation_set import ConsistencyItem, Item, ReasoningItem
from spd_faith.language.categories import canonical_category
from spd_faith.parsing.table import parse_response
from spd_faith.parsing.verdicts import verdict

YES_NO = ("same", "different")


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


@dataclass(frozen=True)
class Readings:
    """How often the parser reads an answer as labelled."""

    whole_lists: Counter[bool]
    """Of answers in prose: all differences, each with its type and category."""
    whole_json_lists: Counter[bool]
    """The same of answers whose list is read from JSON."""
    counts: Counter[bool]
    verdicts: Counter[bool]


def measure_parser(items: Sequence[Item]) -> Readings:
    """Of the items that are labelled for it; the keys of each count say whether it was read rightly."""
    found = Readings(Counter(), Counter(), Counter(), Counter())
    for item in items:
        if not isinstance(item, ReasoningItem):
            found.verdicts.update(_right_verdicts(item))
        elif item.listed is not None:
            parsed = parse_response("describe", item.answer, failed=False)
            lists = found.whole_json_lists if has_json_list(item) else found.whole_lists
            labelled = Counter((one.type, one.category) for one in item.listed)
            lists[Counter(map(_type_and_category, parsed["differences"])) == labelled] += 1
            found.counts[parsed["predicted_num"] == item.count] += 1
    return found


def has_json_list(item: Item) -> bool:
    """Whether the parser finds a list of differences in JSON."""
    parsed = parse_response("describe", item.answer, failed=False) if isinstance(item, ReasoningItem) else {}
    return bool(parsed.get("has_structured_output"))


def _type_and_category(listed: dict[str, Any]) -> tuple[str | None, str | None]:
    return listed["type"], canonical_category(listed["category"] or "")


def _right_verdicts(item: ConsistencyItem) -> Iterator[bool]:
    if item.verdicts:
        for task in YES_NO:
            yield verdict(getattr(item.answer, task), task) == getattr(item.verdicts, task)


def _answers(item: Item) -> tuple[str, ...]:
    return (item.answer,) if isinstance(item, ReasoningItem) else (item.answer.same, item.answer.different)


def _by_rules(item: Item) -> list[Claim] | None:
    if isinstance(item, ReasoningItem):
        parsed = parse_response("describe", item.answer, failed=False)
        return judge_reasoning(item.truth.model_dump(), item.answer, parsed)
    texts = {task: getattr(item.answer, task) for task in YES_NO}
    return judge_consistency(*(YesNoAnswer(text, verdict(text, task)) for task, text in texts.items()))


def _labelled(item: Item) -> SampleJudgement:
    if isinstance(item, ReasoningItem):
        claims = [Claim(claim.quote, claim.label, error_type=claim.error_type) for claim in item.claims]
    else:
        claims = [Claim(claim.quote or "", claim.label, claim.other_quote) for claim in item.claims]
    return _judgement(item.metric, claims)


def _judgement(metric: str, claims: Sequence[Claim] | None) -> SampleJudgement:
    score, _, _ = score_claims(metric, claims)
    return SampleJudgement(tuple(claims or ()), score)
