"""Measure the rules judge on the labelled answers in resources/judge_validation."""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements, Estimate, estimate
from spd_faith.judging.measurement import contents_only, measure
from spd_faith.judging.rules import VERSION
from spd_faith.judging.validation_set import halves, load_validation_set

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "judge_validation"
COLUMNS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "label_accuracy": "Label accuracy",
    "outcome_accuracy": "Label and type",
    "score_error": "Score error",
    "pearson": "Pearson",
    "spearman": "Spearman",
}
OF_SCORES = ("score_error", "pearson", "spearman")
CONTENTS = "CR without the verdicts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--half",
        choices=("tuning", "further", "report"),
        default="report",
        help="part of the labelled answers: rules are tuned on tuning and further, numbers are reported on report;"
        " default: report",
    )
    parser.add_argument(
        "--details", action="store_true", help="print every item claim by claim; not for the report half"
    )
    parser.add_argument(
        "--answers",
        type=Path,
        default=FOLDER,
        help="folder with the labelled answers; default: resources/judge_validation",
    )
    args = parser.parse_args()

    if args.details and args.half == "report":
        raise UserError(
            "--details is not available for the report half, so that no rule is tuned on it.\n"
            "  Use: --half tuning --details"
        )
    if args.half == "further":
        items = load_validation_set(args.answers / "further_answers.yaml")
        name = "further labelled answers"
    else:
        tuning, report = halves(load_validation_set(args.answers / "answers.yaml"))
        items = tuning if args.half == "tuning" else report
        name = f"{args.half} half of the labelled answers"
    comparisons = measure(items)
    print(f"{VERSION} on the {name}, with 95% intervals\n")
    print(_table(_by_metric(comparisons)))
    if args.half != "report":  # of the report half only totals are shown
        manners = {item.id: f"{item.metric.upper()}: {item.manner}" for item in items}
        by_manner = {name: [c for c in comparisons if manners[c.key] == name] for name in sorted(set(manners.values()))}
        print(f"\n{_table(by_manner)}")
    if args.details:
        for comparison in comparisons:
            print(_details(comparison))


def _by_metric(comparisons: Sequence[ComparedJudgements]) -> dict[str, list[ComparedJudgements]]:
    drf, cr = ([c for c in comparisons if c.metric == metric] for metric in JUDGED_METRICS)
    return {"DRF": drf, "CR": cr, CONTENTS: [contents_only(comparison) for comparison in cr]}


def _table(groups: Mapping[str, Sequence[ComparedJudgements]]) -> str:
    lines = [
        f"| | Answers | Claims | {' | '.join(COLUMNS.values())} |",
        f"|{' --- |' * (len(COLUMNS) + 3)}",
    ]
    for name, comparisons in groups.items():
        estimates, sums = estimate(comparisons)
        shown = [None if name == CONTENTS and key in OF_SCORES else estimates[key] for key in COLUMNS]
        values = [name, str(len(comparisons)), str(sums["second"]), *(_number(found) for found in shown)]
        intervals = ["", "", "", *(_interval(found) for found in shown)]
        lines += [f"| {' | '.join(cells)} |" for cells in (values, intervals)]
    return "\n".join(lines)


def _number(found: Estimate | None) -> str:
    return "–" if found is None or math.isnan(found.value) else f"{found.value:.2f}"


def _interval(found: Estimate | None) -> str:
    return "" if found is None or math.isnan(found.low) else f"{found.low:.2f}–{found.high:.2f}"


def _details(comparison: ComparedJudgements) -> str:
    met = dict(comparison.pairs)
    lines = [f"\n{comparison.key}: score {comparison.first.score:.2f}, labelled {comparison.second.score:.2f}"]
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
