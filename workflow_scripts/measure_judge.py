"""Measure the rules judge and the parser on the labelled answers in resources/judge_validation."""

import argparse
import math
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from scipy.stats import binomtest

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements, Estimate, estimate
from spd_faith.judging.measurement import Readings, contents_only, has_json_list, measure, measure_parser
from spd_faith.judging.rules import VERSION
from spd_faith.judging.validation_set import load_validation_set

SETS = {
    "report": ("report_answers.yaml",),
    "tuning": ("answers.yaml", "further_answers.yaml", *(f"photographs_{number}.yaml" for number in (1, 2, 3))),
}
FOLDER = Path(__file__).resolve().parents[1] / "resources" / "judge_validation"
COLUMNS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "label_accuracy": "Label accuracy",
    "outcome_accuracy": "Label and type",
    "score_error": "Score error",
    "bias": "Bias",
    "pearson": "Pearson",
    "spearman": "Spearman",
}
OF_SCORES = ("score_error", "bias", "pearson", "spearman")
CONTENTS = "CR without the verdicts"  # has no score of its own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--set",
        choices=SETS,
        default="report",
        help="labelled answers: rules are tuned on tuning, and numbers are reported on report; default: report",
    )
    parser.add_argument(
        "--details", action="store_true", help="print every item claim by claim; not for the report set"
    )
    parser.add_argument(
        "--answers",
        type=Path,
        default=FOLDER,
        help="folder with the labelled answers; default: resources/judge_validation",
    )
    args = parser.parse_args()

    if args.details and args.set == "report":
        raise UserError(
            "--details is not available for the report set, so that no rule is tuned on it.\n"
            "  Use: --set tuning --details"
        )
    items = [item for name in SETS[args.set] for item in load_validation_set(args.answers / name)]
    comparisons = measure(items)
    print(f"{VERSION} on the {args.set} set of labelled answers, with 95% intervals\n")
    print(_table(_by_metric(comparisons, {item.id for item in items if has_json_list(item)})))
    if unread := sum(comparison.first.score is None for comparison in comparisons):
        print(f"\nNot compared: {unread} answers in a language that the rules do not read.")
    print(f"\n{_parser_table(measure_parser(items))}")
    if args.set != "report":  # of the report set only totals are shown
        manners = {item.id: f"{item.metric.upper()}: {item.manner}" for item in items}
        by_manner = {name: [c for c in comparisons if manners[c.key] == name] for name in sorted(set(manners.values()))}
        print(f"\n{_table(by_manner)}")
    if args.details:
        for comparison in comparisons:
            print(_details(comparison))


def _parser_table(readings: Readings) -> str:
    """Fractions with Wilson's intervals."""
    lines = ["| The parser reads | Right | Of | Fraction | |", "| --- | --- | --- | --- | --- |"]
    for name, found in (
        ("whole lists in prose", readings.whole_lists),
        ("whole lists in JSON", readings.whole_json_lists),
        ("stated counts", readings.counts),
        ("verdicts", readings.verdicts),
    ):
        right, number = found[True], found.total()
        if number:
            low, high = binomtest(right, number).proportion_ci(method="wilson")
            lines.append(f"| {name} | {right} | {number} | {right / number:.2f} | {low:.2f} to {high:.2f} |")
    return "\n".join(lines)


def _by_metric(comparisons: Sequence[ComparedJudgements], json: Set[str]) -> dict[str, list[ComparedJudgements]]:
    """The comparisons by metric and form; `json` are the keys of answers with a list in JSON."""
    drf, cr = ([c for c in comparisons if c.metric == metric] for metric in JUDGED_METRICS)
    groups = {
        "DRF": drf,
        "DRF, prose alone": [c for c in drf if c.key not in json],
        "DRF, with a JSON list": [c for c in drf if c.key in json],
        "CR": cr,
        CONTENTS: [contents_only(comparison) for comparison in cr],
    }
    return {name: group for name, group in groups.items() if group}


def _table(groups: Mapping[str, Sequence[ComparedJudgements]]) -> str:
    lines = [
        f"| | Answers | Claims | {' | '.join(COLUMNS.values())} |",
        f"|{' --- |' * (len(COLUMNS) + 3)}",
    ]
    for name, comparisons in groups.items():
        estimates, sums = estimate(comparisons)
        shown = [None if name == CONTENTS and key in OF_SCORES else estimates[key] for key in COLUMNS]
        formats = ["{:+.2f}" if key == "bias" else "{:.2f}" for key in COLUMNS]
        values = [name, str(len(comparisons)), str(sums["second"]), *map(_number, shown, formats)]
        intervals = ["", "", "", *map(_interval, shown, formats)]
        lines += [f"| {' | '.join(cells)} |" for cells in (values, intervals)]
    return "\n".join(lines)


def _number(found: Estimate | None, form: str) -> str:
    return "–" if found is None or math.isnan(found.value) else form.format(found.value)


def _interval(found: Estimate | None, form: str) -> str:
    if found is None or math.isnan(found.low):
        return ""
    return " to ".join(form.format(end) for end in (found.low, found.high))


def _details(comparison: ComparedJudgements) -> str:
    met = dict(comparison.pairs)
    score = "unscored (language)" if comparison.first.score is None else f"{comparison.first.score:.2f}"
    lines = [f"\n{comparison.key}: score {score}, labelled {comparison.second.score:.2f}"]
    for i, claim in enumerate(comparison.first.claims):
        label = comparison.second.claims[met[i]] if i in met else None
        agreed = label is not None and (claim.label, claim.error_type) == (label.label, label.error_type)
        lines.append(f"  {'=' if agreed else '!'} {_described(claim)}")
        if not agreed:
            lines.append(f"      labelled {_described(label)}" if label else "      not labelled")
    missed = [claim for j, claim in enumerate(comparison.second.claims) if j not in met.values()]
    lines += [f"  ! missed {_described(claim)}" for claim in missed]
    return "\n".join(lines)


def _described(claim: Claim) -> str:
    words = " / ".join(text for text in (claim.text, claim.other_text) if text)
    return f"{claim.error_type or claim.label}: {words}"


if __name__ == "__main__":
    run_command(main)
