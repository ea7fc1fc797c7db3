"""The measured quality of the rules judge, and the command that prints it."""

import subprocess
import sys
from pathlib import Path

import pytest

import measure_judge
from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import ComparedJudgements, SampleJudgement, estimate
from spd_faith.judging.measurement import contents_only, measure, measure_parser
from spd_faith.judging.validation_set import ConsistencyItem, ReasoningItem

pytestmark = pytest.mark.slow

COMMAND = Path("workflow_scripts/measure_judge.py")
TRUTH = {
    "width": 400,
    "height": 400,
    "differences": [
        {"type": "color", "category": "car", "description": "The car changed from red to blue."},
        {"type": "remove", "category": "dog", "description": "The dog was removed."},
    ],
}


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(COMMAND), *flags], capture_output=True, text=True)


@pytest.mark.parametrize("page", ["README.md", "docs/judging_rules.md"])
def test_the_docs_have_the_numbers_that_the_command_prints(page):
    judge, parser = (part for part in run().stdout.strip().split("\n\n") if part.startswith("|"))
    assert len(judge.splitlines()) == 12  # a header of two lines, and two lines each of three kinds of DRF, two of CR
    assert len(parser.splitlines()) == 6
    assert f"{judge}\n\n{parser}" in Path(page).read_text(encoding="utf-8")


def test_only_totals_are_printed_for_the_report_set():
    assert {line.split("|")[1].strip() for line in run().stdout.splitlines() if line.startswith("|")} == {
        *("", "---", "DRF", "DRF, prose alone", "DRF, with a JSON list", "CR", "CR without the verdicts"),
        *("The parser reads", "whole lists in prose", "whole lists in JSON", "stated counts", "verdicts"),
    }
    refused = run("--details")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--set tuning --details" in refused.stderr and "Traceback" not in refused.stderr


def test_the_tuning_set_is_printed_by_manner_and_claim():
    printed = run("--set", "tuning", "--details").stdout
    assert "| DRF: numbered |" in printed and "| CR: places |" in printed
    assert "\n| DRF | 296 |" in printed and "\n| CR | 188 |" in printed
    assert "cr-002: score 0.00, labelled 0.00\n  = contradictory: Yes / Yes" in printed
    assert "\nfurther-cr-02: score 1.00" in printed and "report-" not in printed


def test_the_parser_is_measured_by_whole_lists_counts_and_verdicts():
    """Two answers in prose, of which one list and one count are read as labelled; JSON; a pair with one verdict."""

    def describe(answer, listed, count):
        keys = {"id": answer, "metric": "drf", "manner": "m", "truth": TRUTH, "why": "w", "claims": []}
        return ReasoningItem.model_validate(keys | {"answer": answer, "listed": listed, "count": count})

    car, dog = {"type": "color", "category": "car"}, {"type": "remove", "category": "dog"}
    pair = {
        "id": "pair",
        "metric": "cr",
        "manner": "m",
        "truth": TRUTH,
        "why": "w",
        "answer": {"same": "No.", "different": "Yes."},
        "claims": [{"quote": "No", "other_quote": "Yes", "label": "consistent"}],
        "verdicts": {"same": "differs", "different": "same"},
    }
    found = measure_parser(
        [
            describe("One difference: the car changed color.", [car], 1),
            describe("Two differences. The dog was removed.", [car, dog], 3),
            describe('{"predicted_num": 1, "structured_output": [{"type": "remove", "category": "dog"}]}', [dog], 1),
            ConsistencyItem.model_validate(pair),
            ConsistencyItem.model_validate(pair | {"id": "unlabelled", "verdicts": None}),
        ]
    )
    assert (found.whole_lists, found.whole_json_lists) == ({True: 1, False: 1}, {True: 1})
    assert (found.counts, found.verdicts) == ({True: 2, False: 1}, {True: 1, False: 1})


def test_a_drf_item():
    """Of three labelled claims the rules find two, one with another label, and one more claim: 2/3, 2/3, 1/2."""
    item = ReasoningItem.model_validate(
        {
            "id": "a",
            "metric": "drf",
            "manner": "prose",
            "truth": TRUTH,
            "answer": "The car turned blue. The dog is gone. The bench moved. Mum's the word.",
            "claims": [
                {"quote": "The car turned blue", "label": "faithful"},
                {
                    "quote": "The dog is gone",
                    "label": "unfaithful",
                    "error_type": "fabrication",
                    "severity": "critical",
                },
                {"quote": "Mum's the word", "label": "unverifiable"},
            ],
            "why": "contains deliberate disagreements",
        }
    )
    (comparison,) = measure([item])
    assert comparison.pairs == ((0, 0), (1, 1))
    assert comparison.labels() == [("faithful", "faithful"), ("faithful", "unfaithful")]
    assert (comparison.first.score, comparison.second.score) == (2 / 3, 1 / 2)
    found = {name: value.value for name, value in estimate([comparison], resamples=10)[0].items()}
    assert (found["precision"], found["recall"], found["label_accuracy"]) == pytest.approx((2 / 3, 2 / 3, 1 / 2))
    assert found["score_error"] == pytest.approx(1 / 6)


def test_a_cr_item():
    item = ConsistencyItem.model_validate(
        {
            "id": "b",
            "metric": "cr",
            "manner": "prose",
            "truth": TRUTH,
            "answer": {"same": "No. The dog is gone. The car moved.", "different": "Yes. The dog was removed."},
            "claims": [
                {"quote": "No", "other_quote": "Yes", "label": "consistent"},
                {"quote": "The dog is gone", "other_quote": "The dog was removed", "label": "consistent"},
                {"quote": "The car moved", "label": "contradictory"},
            ],
            "why": "the last label is wrong",
        }
    )
    (comparison,) = measure([item])
    assert comparison.pairs == ((0, 0), (1, 1), (2, 2))
    assert comparison.labels()[2] == ("ambiguous", "contradictory")
    assert contents_only(comparison).labels() == comparison.labels()[1:]


@pytest.mark.parametrize("metric", ["drf", "cr"])
def test_the_signed_bias_stands_beside_the_absolute_error_with_its_interval(metric):
    """Differences −0.5, −0.25 and 0.25: a mean error of 1/3 and a bias of −1/6."""
    claims = (Claim("a", "faithful" if metric == "drf" else "consistent"),)
    scores = [(0.5, 1.0), (0.5, 0.75), (0.75, 0.5)]
    comparisons = [
        ComparedJudgements(str(number), ("", str(number)), metric,
                           *(SampleJudgement(claims, score) for score in pair), ((0, 0),))
        for number, pair in enumerate(scores)
    ]  # fmt: skip
    table = measure_judge._table(measure_judge._by_metric(comparisons, set()))
    lines = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    at = lines[0].index("Score error")
    assert lines[0][at + 1] == "Bias"
    values = next(line for line in lines if line[1] == metric.upper())
    intervals = lines[lines.index(values) + 1]
    assert values[at : at + 2] == ["0.33", "-0.17"]
    assert intervals[at : at + 2] == ["0.25 to 0.50", "-0.50 to +0.25"]  # the resamples of three: the extremes


def test_contents_only_leaves_out_the_verdicts():
    judged = [
        SampleJudgement(tuple(Claim(text, "consistent") for text in texts), 1.0)
        for texts in (("v", "a", "b"), ("v", "b"))
    ]
    comparison = ComparedJudgements("s", ("", "s"), "cr", *judged, ((0, 0), (2, 1)))
    left = contents_only(comparison)
    assert [claim.text for claim in left.first.claims] == ["a", "b"]
    assert left.pairs == ((1, 0),)
