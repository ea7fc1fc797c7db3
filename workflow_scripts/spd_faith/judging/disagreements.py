"""Renders a standalone HTML page of the samples that two judges disagree on most, claim by claim."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spd_faith.core.html import render_page
from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements

_LONGEST_ANSWER = 1500  # characters
_QUESTIONS = {"drf": ("How many differences?",), "cr": ("The same?", "Different?")}


def disagreement_page(
    comparisons: Sequence[ComparedJudgements],
    names: tuple[str, str],
    max_samples: int,
    truths: Mapping[str, Sequence[Mapping[str, Any]]],
    answers: Mapping[tuple[str, str], Sequence[str]] | None = None,
) -> str:
    """HTML of up to `max_samples` samples, sorted by score difference, then by the number of disputed claims.

    `names` are the judges' names, `truths` the true differences of each sample, `answers` the judged texts by sample
    and metric, if they are to be shown.
    """
    scored = [comparison for comparison in comparisons if comparison.scored]
    disputed = [comparison for comparison in scored if _dispute(comparison) > (0, 0)]
    disputed.sort(key=lambda comparison: (*(-part for part in _dispute(comparison)), comparison.key))
    shown = disputed[:max_samples]
    summary = f"{len(disputed)} of {len(scored)} judgements differ in a score, a claim or a label"
    if unscored := len(comparisons) - len(scored):
        summary += f" ({unscored} more are unscored by a judge and not compared)"
    summary += f". The {len(shown)} largest disagreements follow. Each row is one claim; ≠ marks a disagreement."
    return render_page(
        "disagreements.html.j2",
        title=f"{names[0]} and {names[1]}: where they disagree",
        styles=["common.css", "disagreements.css"],
        names=names,
        summary=summary,
        samples=[_sample(comparison, names, truths, answers) for comparison in shown],
    )


def _dispute(comparison: ComparedJudgements) -> tuple[float, int]:
    """(score difference, number of claims that only one judge lists or that differ in label or error type)."""
    alone = len(comparison.first.claims) + len(comparison.second.claims) - 2 * len(comparison.pairs)
    difference = abs((comparison.first.score or 0.0) - (comparison.second.score or 0.0))
    pairs = ((comparison.first.claims[i], comparison.second.claims[j]) for i, j in comparison.pairs)
    return difference, alone + sum(not _same(one, other) for one, other in pairs)


def _same(one: Claim | None, other: Claim | None) -> bool:
    return one is not None and other is not None and _outcome(one) == _outcome(other)


def _outcome(claim: Claim) -> tuple[str, str | None]:
    return claim.label, claim.error_type


def _sample(
    comparison: ComparedJudgements,
    names: tuple[str, str],
    truths: Mapping[str, Sequence[Mapping[str, Any]]],
    answers: Mapping[tuple[str, str], Sequence[str]] | None,
) -> dict[str, Any]:
    first, second = comparison.first, comparison.second
    key = comparison.key, comparison.metric
    return {
        "key": comparison.key,
        "metric": comparison.metric.upper(),
        "scores": f"{names[0]} {first.score:.2f} · {names[1]} {second.score:.2f}",
        "truth": "; ".join(map(_difference, truths[comparison.key])) if comparison.metric == "drf" else "",
        "answers": list(zip(_QUESTIONS[comparison.metric], map(_cut, answers[key]), strict=True)) if answers else [],
        "rows": [(_same(one, other), _cell(one), _cell(other)) for one, other in _claims(comparison)],
    }


def _difference(true: Mapping[str, Any]) -> str:
    return f"{true['type']} {true['category']} ({true['description'] or '–'})"


def _cut(answer: str) -> str:
    return (answer[:_LONGEST_ANSWER] + (" […]" if len(answer) > _LONGEST_ANSWER else "")).strip() or "–"


def _claims(comparison: ComparedJudgements) -> Iterable[tuple[Claim | None, Claim | None]]:
    """Matched claims and those of the first judge alone in its order, then those of the second alone."""
    first, second = comparison.first.claims, comparison.second.claims
    met = dict(comparison.pairs)
    yield from ((claim, second[met[i]] if i in met else None) for i, claim in enumerate(first))
    yield from ((None, claim) for j, claim in enumerate(second) if j not in met.values())


def _cell(claim: Claim | None) -> dict[str, Any] | None:
    if claim is None:
        return None
    outcome = claim.label + (f": {claim.error_type.replace('_', ' ')}" if claim.error_type else "")
    texts = [" ".join(text.split()) for text in (claim.text, claim.other_text) if text]
    return {"label": claim.label, "outcome": outcome, "texts": texts}
