"""Renders a standalone HTML page of the samples that two judges disagree on most, claim by claim."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements

_LONGEST_ANSWER = 1500  # characters
_QUESTIONS = {"drf": ("How many differences?",), "cr": ("The same?", "Different?")}
_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d6dae0, #454b54); --quiet: light-dark(#5b6470, #a3acb8);
  --disputed: light-dark(#fff6df, #3a3117); --good: light-dark(#14713a, #6fd497); --bad: light-dark(#b3261e, #ff9a91);
  --open: light-dark(#8a5a00, #f0bd5b); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
h2 .scores { float: right; font-weight: normal; font-variant-numeric: tabular-nums; }
blockquote { margin: .5rem 0; padding: .1rem 0 .1rem 1rem; border-left: 4px solid var(--line); white-space: pre-wrap;
  overflow-wrap: anywhere; }
blockquote b, .quiet { color: var(--quiet); font-weight: normal; font-size: .85rem; }
p.quiet { margin: .25rem 0; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; margin-top: .75rem; }
th, td { border: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
tr.disputed { background: var(--disputed); } td:first-child, th:first-child { width: 1.5rem; text-align: center; }
.label { display: block; font-weight: 600; font-size: .85rem; }
.faithful, .consistent { color: var(--good); } .unfaithful, .contradictory { color: var(--bad); }
.unverifiable, .ambiguous { color: var(--open); }
"""


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
    title = f"{escape(names[0])} and {escape(names[1])}: where they disagree"
    summary = f"{len(disputed)} of {len(scored)} judgements differ in a score, a claim or a label"
    if unscored := len(comparisons) - len(scored):
        summary += f" ({unscored} more are unscored by a judge and not compared)"
    summary += f". The {len(shown)} largest disagreements follow. Each row is one claim; ≠ marks a disagreement."
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>',
        f"<h1>{title}</h1>",
        f"<p>{summary}</p>",
        *(part for comparison in shown for part in _sample(comparison, names, truths, answers)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


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
) -> Iterable[str]:
    first, second = comparison.first, comparison.second
    scores = f"{escape(names[0])} {first.score:.2f} · {escape(names[1])} {second.score:.2f}"
    yield f'<h2>{escape(comparison.key)}, {comparison.metric.upper()} <span class="scores">{scores}</span></h2>'
    if comparison.metric == "drf":
        truth = (f"{true['type']} {true['category']} ({true['description'] or '–'})" for true in truths[comparison.key])
        yield f'<p class="quiet">Truth: {escape("; ".join(truth))}</p>'
    if answers:
        texts = answers[comparison.key, comparison.metric]
        yield from map(_quoted, _QUESTIONS[comparison.metric], texts)
    met = dict(comparison.pairs)
    rows: list[tuple[Claim | None, Claim | None]] = [
        (claim, second.claims[met[i]] if i in met else None) for i, claim in enumerate(first.claims)
    ]
    rows += [(None, claim) for j, claim in enumerate(second.claims) if j not in met.values()]
    yield f"<table><tr><th></th><th>{escape(names[0])}</th><th>{escape(names[1])}</th></tr>"
    for one, other in rows:
        same = _same(one, other)
        mark = "<tr><td></td>" if same else '<tr class="disputed"><td>≠</td>'
        yield f"{mark}<td>{_cell(one)}</td><td>{_cell(other)}</td></tr>"
    yield "</table>"


def _cell(claim: Claim | None) -> str:
    if claim is None:
        return '<span class="quiet">no such claim</span>'
    outcome = claim.label + (f": {claim.error_type.replace('_', ' ')}" if claim.error_type else "")
    texts = " ↔ ".join(escape(" ".join(text.split())) for text in (claim.text, claim.other_text) if text)
    return f'<span class="label {claim.label}">{outcome}</span>{texts}'


def _quoted(question: str, answer: str) -> str:
    cut = answer[:_LONGEST_ANSWER] + (" […]" if len(answer) > _LONGEST_ANSWER else "")
    return f"<blockquote><b>{question}</b>\n{escape(cut.strip()) or '–'}</blockquote>"
