"""Comparing two judges of the same answers: the statistics, the page, and the command."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pyarrow as pa
import pytest

from spd_faith.core.errors import UserError
from spd_faith.core.files import write_table
from spd_faith.core.schemas import CLAIM_LABELS, INVENTED, JUDGEMENTS, RESPONSES, SAMPLES
from spd_faith.judging.agreement import agreement, compare_judgements
from spd_faith.judging.disagreements import disagreement_page
from spd_faith.judging.scores import score_counts

pytestmark = pytest.mark.slow

COMMAND = Path("workflow_scripts/compare_judges.py")
TEXTS = {
    "describe": "The car turned blue. The dog is gone. | The cup moved.",
    "same": "No. The dog is gone.",
    "different": "Yes. No dog.",
}
DRF = [("The car turned blue", "faithful"), ("The dog is gone", "unfaithful"), ("The cup moved", "faithful")]
CR = [("No", "consistent", "Yes"), ("The dog is gone", "consistent", "No dog")]


def judgement(sample_id: str, metric: str, claims: list[tuple], status: str | None = None) -> dict[str, Any]:
    rows = [
        {
            "text": text,
            "label": label,
            "other_text": other[0] if other else None,
            "error_type": "fabrication" if label == "unfaithful" else None,
        }
        for text, label, *other in claims
    ]
    counts = {
        f"n_{label}": sum(row["label"] == label for row in rows) for of in CLAIM_LABELS.values() for label in of
    } | {"n_invented": sum(row["label"] == INVENTED for row in rows)}
    score, computed = score_counts(metric, counts)
    return {
        "sample_id": sample_id,
        "metric": metric,
        "claims": rows,
        **counts,
        "score": None if status else score,
        "judge_model": "j",
        "status": status or computed,
    }


def judgements(**changed: dict[str, Any]) -> pa.Table:
    """Six samples with equal judgements, except for rows given by name: `drf_3=…`."""
    rows = []
    for k in range(6):
        for metric, claims in (("drf", DRF), ("cr", CR)):
            rows.append(changed.get(f"{metric}_{k}") or judgement(f"easy/{k}", metric, claims))
    return pa.Table.from_pylist(rows, schema=JUDGEMENTS)


def samples(control: str = "none") -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "sample_id": f"easy/{k}",
                "split": "easy",
                "image_id": f"image{k // 2}",
                "width": 10,
                "height": 10,
                "num_differences": 1,
                "differences": [],
                "control": control if k == 5 else "none",
            }
            for k in range(6)
        ],
        schema=SAMPLES,
    )


def responses() -> pa.Table:
    fixed = {"prompt_sha": "", "finish_reason": "stop", "seconds": 0.0, "attempts": 1}
    return pa.Table.from_pylist(
        [
            {**fixed, "sample_id": f"easy/{k}", "task": task, "response_text": text}
            for k in range(6)
            for task, text in TEXTS.items()
        ],
        schema=RESPONSES,
    )


TRUTHS = {f"easy/{k}": [{"type": "color", "category": "car", "description": "<red> to blue"}] for k in range(6)}
OTHER_LABEL = judgement("easy/3", "drf", [*DRF[:1], ("The dog is gone", "faithful"), *DRF[2:]])
UNSCORED = judgement("easy/4", "cr", [], status="unscored:refused")
ALONE = judgement("easy/1", "cr", [CR[0], ("The cup is red", "ambiguous")])


def test_agreement_of_a_worked_example():
    """18 DRF claims match, one of them with different labels; of 12 CR claims each, 11 match."""
    found = agreement(
        compare_judgements(samples(), judgements(), judgements(drf_3=OTHER_LABEL, cr_1=ALONE), responses())
    )
    drf, cr = found["drf"], found["cr"]
    assert drf["statistics"]["label_accuracy"]["value"] == pytest.approx(17 / 18)
    # both faithful 12, both unfaithful 5, one different: by chance (12·13 + 6·5) / 18² = 186/324
    assert drf["statistics"]["kappa"]["value"] == pytest.approx((17 / 18 - 186 / 324) / (1 - 186 / 324))
    assert drf["labels"]["unfaithful"] == {"faithful": 1, "unfaithful": 5, "unverifiable": 0}
    assert drf["statistics"]["kappa_unverifiable"]["value"] is None
    assert drf["statistics"]["score_error"]["value"] == pytest.approx((1 - 2 / 3) / 6)
    assert cr["counts"]["claims_matched"] == 11  # the cup has no match
    assert cr["statistics"]["f1"]["value"] == pytest.approx(2 * 11 / 24)


def test_unscored_samples_and_controls_are_excluded_and_counted():
    found = agreement(compare_judgements(samples("identical"), judgements(), judgements(cr_4=UNSCORED)))["cr"]["counts"]
    assert found == {
        "samples": 5,
        "scored_by_both": 4,
        "unscored_by_first": 0,
        "unscored_by_second": 1,
        "claims_of_first": 8,
        "claims_of_second": 8,
        "claims_matched": 8,
    }


def test_invented_claims_do_not_count():
    invented = judgement("easy/0", "drf", [*DRF, ("A cat flies", INVENTED)])
    found = agreement(compare_judgements(samples(), judgements(), judgements(drf_0=invented)))["drf"]
    assert found["counts"]["claims_of_second"] == 18
    assert found["statistics"]["f1"]["value"] == 1


def test_a_table_of_other_samples_is_rejected():
    with pytest.raises(UserError, match=r"second judgements[\s\S]*missing: 2"):
        compare_judgements(samples(), judgements(), judgements().slice(0, 10))


def rows_of(page: str) -> list[list[list[str]]]:
    """The heading and rows of each sample on the page, as cell texts."""
    root = ElementTree.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", page))
    found = []
    for element in root.iter():
        if element.tag == "h2":
            found.append([["".join(element.itertext())]])
        elif element.tag == "tr":
            found[-1].append(["|".join(cell.itertext()).replace("| ↔ |", " ↔ ") for cell in element])
    return found


def test_the_page_shows_the_largest_disagreements_first():
    comparisons = compare_judgements(
        samples(), judgements(), judgements(drf_3=OTHER_LABEL, cr_1=ALONE, cr_4=UNSCORED), responses()
    )
    page = disagreement_page(comparisons, ("rules", "other"), 50, TRUTHS)
    assert "2 of 11 judgements differ" in page and "(1 more are unscored by a judge" in page
    assert page.count("Truth: color car (&lt;red&gt; to blue)") == 1  # only for the reasoning
    first, second = rows_of(page)
    assert first[0] == ["easy/1, CR rules 1.00 · other 0.50"]
    assert second[0] == ["easy/3, DRF rules 0.67 · other 1.00"]
    assert second[2:] == [
        ["", "faithful|The car turned blue", "faithful|The car turned blue"],
        ["≠", "unfaithful: fabrication|The dog is gone", "faithful|The dog is gone"],
        ["", "faithful|The cup moved", "faithful|The cup moved"],
    ]
    assert first[3:] == [
        ["≠", "consistent|The dog is gone ↔ No dog", "no such claim"],
        ["≠", "no such claim", "ambiguous|The cup is red"],
    ]
    assert len(rows_of(disagreement_page(comparisons, ("rules", "other"), 1, TRUTHS))) == 1


def test_a_different_error_type_is_a_disagreement():
    other = judgement("easy/2", "drf", DRF)
    other["claims"][1]["error_type"] = "type_confusion"
    page = disagreement_page(
        compare_judgements(samples(), judgements(), judgements(drf_2=other)), ("a", "b"), 50, TRUTHS
    )
    (sample,) = rows_of(page)
    assert sample[3] == ["≠", "unfaithful: fabrication|The dog is gone", "unfaithful: type confusion|The dog is gone"]


def test_the_page_escapes_answers():
    answers = {(f"easy/{k}", metric): ["a | b", "<script>&"] for k in range(6) for metric in ("drf", "cr")}
    page = disagreement_page(
        compare_judgements(samples(), judgements(), judgements(cr_1=ALONE)), ("<i>a", "b"), 50, TRUTHS, answers
    )
    assert ">a | b</span></blockquote>" in page and ">&lt;script&gt;&amp;</span></blockquote>" in page
    assert "<script" not in page and "<i>" not in page


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_table(tmp_path / "samples.parquet", samples(), SAMPLES)
    write_table(tmp_path / "responses" / "m.parquet", responses(), RESPONSES)
    write_table(tmp_path / "judgements" / "rules" / "m.parquet", judgements(), JUDGEMENTS)
    write_table(tmp_path / "judgements" / "other" / "m.parquet", judgements(drf_3=OTHER_LABEL, cr_1=ALONE), JUDGEMENTS)
    return tmp_path


def compare(folder: Path, first: str, second: str, *flags: str) -> subprocess.CompletedProcess[str]:
    tables = [str(folder / "judgements" / name / "m.parquet") for name in (first, second)]
    command = [sys.executable, str(COMMAND), "--samples", str(folder / "samples.parquet"), "--judgements", *tables]
    return subprocess.run([*command, "--output", str(folder / "out"), *flags], capture_output=True, text=True)


def test_the_command_writes_three_files(run_folder):
    done = compare(run_folder, "rules", "other", "--responses", str(run_folder / "responses" / "m.parquet"))
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((run_folder / "out" / "agreement.json").read_text(encoding="utf-8"))
    assert (found["first"], found["second"]) == ("rules", "other")
    assert found["cr"]["counts"]["claims_matched"] == 11
    table = pd.read_csv(run_folder / "out" / "agreement.csv").set_index(["metric", "statistic"])
    kappa = table.loc["drf", "kappa"]
    assert kappa["low"] <= kappa["value"] == found["drf"]["statistics"]["kappa"]["value"] <= kappa["high"]
    page = (run_folder / "out" / "disagreements.html").read_text(encoding="utf-8")
    assert "<h1>rules and other: where they disagree</h1>" in page and ">The car turned blue" in page


def test_the_command_needs_no_responses(run_folder):
    assert compare(run_folder, "rules", "other").returncode == 0
    assert "<blockquote>" not in (run_folder / "out" / "disagreements.html").read_text(encoding="utf-8")


def test_comparing_a_judge_with_itself_is_rejected(run_folder):
    done = compare(run_folder, "rules", "rules")
    assert done.returncode == 1 and "given twice" in done.stderr and "Traceback" not in done.stderr
    assert not (run_folder / "out").exists()
