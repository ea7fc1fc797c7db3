"""Rows of `LABELS` from what people marked, scored by the formulas of the metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from spd_faith.core.config_errors import NOTHING, error_at, raise_errors
from spd_faith.judging.annotations.items import AnnotationItem, Key, ModelAnswer
from spd_faith.judging.annotations.marks import MarkedClaim
from spd_faith.judging.annotations.span_agreement import agree
from spd_faith.judging.claims import Claim
from spd_faith.judging.consistency import YesNoAnswer, judge_verdicts
from spd_faith.judging.labels import answer_sha
from spd_faith.judging.scores import UNREAD, count_labels, score_counts

Marked = Mapping[str, Sequence[MarkedClaim]]  # the claims of an item by person


class Labelled(NamedTuple):
    claims: list[MarkedClaim]
    annotators: list[str]


@dataclass(frozen=True)
class Merged:
    """One labelling per item; `disputed` are the items that people labelled differently and nobody settled."""

    by_item: dict[str, Labelled]
    disputed: list[str]


def merge(marks: Mapping[str, Marked], settled: Mapping[str, Marked]) -> Merged:
    """Agreed items as the first person quoted them; of the others the settled ones."""
    merged, disputed = {}, []
    for name in sorted({*marks, *settled}):
        of_item = {**marks.get(name, {}), **settled.get(name, {})}
        if name in settled:
            (claims,) = settled[name].values()
            merged[name] = Labelled(list(claims), sorted(of_item))
        elif agree(of_item):
            merged[name] = Labelled(list(min(of_item.items())[1]), sorted(of_item))
        else:
            disputed.append(name)
    return Merged(merged, disputed)


def items_of(key: Key, answers: Sequence[ModelAnswer]) -> dict[str, AnnotationItem]:
    """The key's items with their texts in today's results.

    Raises `UserError` naming each item of which a model's answer is another one now, and each answer without an item.
    """
    by_answer = {(answer.sample_id, answer.model, answer.metric): answer for answer in answers}
    items, errors, seen = {}, [], set()
    for name, keyed in key.items.items():
        for model in keyed.models:
            answer = by_answer.get((keyed.sample_id, model, keyed.metric))
            seen.add((keyed.sample_id, model, keyed.metric))
            if answer is None or not answer.needs_labels or answer_sha(answer.texts) != keyed.answer_sha:
                errors.append(_changed(name, keyed.sample_id, model, keyed.metric))
            else:
                items[name] = AnnotationItem(name, keyed.sample_id, keyed.metric, answer.texts, tuple(keyed.models))
    errors += [
        _changed("no item", *place) for place in by_answer if by_answer[place].needs_labels and place not in seen
    ]
    raise_errors(errors)
    return items


def _changed(name: str, sample_id: str, model: str, metric: str) -> str:
    allowed = "the answers of the export; label again after another export_annotations.py"
    return error_at(f"{name}: {model}, {sample_id}, {metric}", "another answer than the labelled one", NOTHING, allowed)


def label_rows(
    key: Key,
    items: Mapping[str, AnnotationItem],
    merged: Mapping[str, Labelled],
    answers: Sequence[ModelAnswer],
    yes_no: Mapping[tuple[str, str], tuple[YesNoAnswer, YesNoAnswer]],
) -> list[dict[str, Any]]:
    """Rows of `LABELS`: every answer that is labelled or needs no labels.

    `yes_no` has the two answers with their verdicts by model and sample. An answer that never came has no score
    (status `no_answer` or `not_asked`); an empty one has no claims. The claim about the verdicts (cr) comes from the
    rules, as for every judge.
    """
    item_of = {(item.sample_id, model, item.metric): name for name, item in items.items() for model in item.models}
    rows = []
    for answer in answers:
        place = answer.sample_id, answer.model, answer.metric
        labelled = merged.get(item_of.get(place, ""), None if answer.needs_labels else Labelled([], []))
        if labelled is not None:
            rows.append(_row(key, answer, labelled, yes_no[answer.model, answer.sample_id]))
    return rows


def _row(key: Key, answer: ModelAnswer, labelled: Labelled, yes_no: tuple[YesNoAnswer, YesNoAnswer]) -> dict[str, Any]:
    claims: list[Claim] = []
    if not answer.failure:
        if answer.metric == "cr" and None not in (yes_no[0].verdict, yes_no[1].verdict):
            claims.append(judge_verdicts(*yes_no))
        claims += [claim.as_claim() for claim in labelled.claims]
    score, status = _score(answer, claims)
    return {
        "sample_id": answer.sample_id,
        "model": answer.model,
        "metric": answer.metric,
        "split": key.pairs[answer.sample_id].split,
        "probability": key.pairs[answer.sample_id].probability,
        "answer_sha": answer_sha(answer.texts),
        "annotators": labelled.annotators,
        "claims": [{name: value for name, value in claim.as_row().items() if name != "severity"} for claim in claims],
        "score": score,
        "status": status,
    }


def _score(answer: ModelAnswer, claims: Sequence[Claim]) -> tuple[float | None, str]:
    if answer.failure:
        return None, answer.failure
    if answer.metric == "cr" and not claims:
        return None, UNREAD  # the claim about the verdicts is missing, too
    return score_counts(answer.metric, count_labels(answer.metric, (claim.label for claim in claims)))
