"""judge_reasoning.py and judge_consistency.py on answer files, used like the original's judging commands."""

import csv

import pytest
from original.answer_files import BEDROOM, PROSE, read, readme, refused, released, save, succeed

from spd_faith.core.files import read_table
from spd_faith.core.schemas import JUDGEMENTS

pytestmark = pytest.mark.slow

REASONING, CONSISTENCY = "judge_reasoning.py", "judge_consistency.py"


def yes_no(sample_id="7", same="No.", different="Yes.", **more):
    return {"sample_id": sample_id, "response_same": same, "response_different": different} | more


# ---- reasoning -------------------------------------------------------------------------------------------------------


def test_reasoning_of_the_worked_example_as_the_original_writes_it(tmp_path):
    right = "The bedspread changed from orange to blue. The clock is gone. The TV is gone."
    wrong = "The chair moved to the left."
    records = [released("1"), released("2", model_response=right), released("3", model_response=wrong)]
    path = save(tmp_path / "responses.json", records, "alpha")
    flags = ("--responses_file", path, "--data_dir", tmp_path / "nowhere", "--output_file", tmp_path / "out/f.json")
    assert "alpha: DRF 0.5000, 3 samples, judge rules-4" in succeed(REASONING, *flags)
    written = read(tmp_path / "out/f.json")
    assert (written["model"], written["total_samples"], written["evaluation_method"]) == ("alpha", 3, "rules-4")
    assert written["summary_statistics"] == {  # 1/2, 3/3 and 0/1
        "avg_faithfulness_score": pytest.approx(1 / 2),
        "total_samples": 3,
        "valid_samples": 3,
        "error_statistics": {
            "total_errors": 2,
            "by_type": {"type_category_mismatches": 0, "type_confusions": 0, "attribute_errors": 0, "fabrications": 2},
            "by_severity": {"critical": 2, "moderate": 0, "minor": 0},
        },
        "score_distribution": {"perfect_1.0": 1, "high_0.8_1.0": 0, "medium_0.5_0.8": 1, "low_below_0.5": 1},
    }
    first = written["detailed_results"][0]
    assert set(first) == {"sample_id", "ground_truth", "model_response", "faithfulness_evaluation"}
    assert first["ground_truth"] == {"modifications": BEDROOM}
    assert first["model_response"] == PROSE
    assert first["faithfulness_evaluation"] == {
        "overall_faithfulness_score": 0.5,
        "total_claims": 2,
        "faithful_claims": 1,
        "hallucination_claims": 1,
        "unverifiable_claims": 0,
        "errors": [
            {
                "sentence": "The chair moved to the left",
                "error_type": "fabrication",
                "severity": "critical",
                "description": "No such change, neither to this object nor to another;"
                " the truth: color of bedspread, remove of clock, remove of tv",
            },
        ],
        "summary": {"type_category_mismatches": 0, "type_confusions": 0, "attribute_errors": 0, "fabrications": 1},
    }


def test_the_color_in_a_truth_is_used(tmp_path):
    path = save(tmp_path / "a.json", [released(model_response="The bedspread changed from orange to green.")], "a")
    succeed(REASONING, "--responses_file", path, "--output_file", tmp_path / "f.json")
    (one,) = read(tmp_path / "f.json")["detailed_results"]
    assert one["faithfulness_evaluation"]["summary"]["attribute_errors"] == 1


def test_unverifiable_claims_are_counted_separately(tmp_path):
    text = "The bedspread changed from orange to blue. In the first picture the lamp is white."
    path = save(tmp_path / "a.json", [released(model_response=text)], "a")
    succeed(REASONING, "--responses_file", path, "--output_file", tmp_path / "f.json")
    (one,) = read(tmp_path / "f.json")["detailed_results"]
    evaluation = one["faithfulness_evaluation"]
    counts = [evaluation[f"{name}_claims"] for name in ("total", "faithful", "hallucination", "unverifiable")]
    assert counts == [1, 1, 0, 1]
    assert evaluation["overall_faithfulness_score"] == 1


def test_reasoning_as_a_table_of_the_first_records_in_the_readmes_form(tmp_path):
    records = [readme(str(number), modifications=BEDROOM) for number in range(3)]
    path = save(tmp_path / "a.json", records)
    succeed(REASONING, "--responses_file", path, "--output_file", tmp_path / "f.parquet", "--max_samples", 2)
    rows = read_table(tmp_path / "f.parquet", JUDGEMENTS).to_pylist()
    assert [(row["sample_id"], row["metric"], row["score"]) for row in rows] == [("0", "drf", 0.5), ("1", "drf", 0.5)]


@pytest.mark.parametrize(
    ("records", "flags", "error"),
    [
        ([readme()], [], "record 1: no truth"),
        ([yes_no(ground_truth={"modifications": BEDROOM})], [], "record 1: no answer to judge or score"),
        ([released()], ["--max_samples", "0"], "--max_samples: too small"),
        ([released()], ["--output_file", "f.txt"], "--output_file: unknown file type"),
        ([released()], ["--api_key", "sk-secret"], "--api_key: keys are not taken from the command line"),
        ([released()], ["--api-key", "sk-secret"], "--api_key: keys are not taken from the command line"),
        ([released()], ["--apikey=sk-secret"], "--api_key: keys are not taken from the command line"),
        ([released()], ["--base_url", "localhost:8000"], "--base_url: base_url: "),
        ([released()], ["--base_url", "http://me:sk-secret@localhost"], "--base_url: a URL with a user or password"),
    ],
)
def test_reasoning_refuses(tmp_path, records, flags, error):
    path = save(tmp_path / "a.json", records)
    message = refused(REASONING, "--responses_file", path, "--output_file", tmp_path / "f.json", *flags)
    assert error in message and "sk-secret" not in message, message
    assert not (tmp_path / "f.json").exists()


# ---- consistency -----------------------------------------------------------------------------------------------------


def test_consistency_as_the_original_writes_it(tmp_path):
    records = [
        yes_no("1"),  # the verdicts agree: 1 claim, consistent
        yes_no("2", "Yes.", "Yes."),  # the same and different: 1 claim, contradictory
        # verdicts agree, the bedspread on both sides, the chair on one: 2 consistent, 1 ambiguous
        yes_no(
            "3", "No. The bedspread changed from orange to blue. The chair moved.", "Yes. The bedspread is now blue."
        ),
    ]
    path = save(tmp_path / "in/a_responses.json", records, "org/a")
    flags = ("--mode", "responses", "--response_files", path, "--data_dir", tmp_path, "--output_dir", tmp_path / "out")
    output = succeed(CONSISTENCY, *flags, "--json")
    ratio, signed = (1 + 0 + 2 / 3) / 3, (1 - 1 + 2.5 / 3) / 3
    assert f"org/a: CR {ratio:.4f}, signed {signed:.4f}, 3 samples, judge rules-4" in output
    written = read(tmp_path / "out/org_a_consistency_results.json")
    assert (written["model"], written["total_samples"], written["evaluation_method"]) == ("org/a", 3, "rules-4")
    expected = {
        "avg_consistency_rate": pytest.approx(signed),
        "avg_consistency_ratio": pytest.approx(ratio),
        "total_samples": 3,
        "valid_samples": 3,
        "claim_statistics": {
            "total_consistent_claims": 3,
            "total_contradictory_claims": 1,
            "total_ambiguous_claims": 1,
            "avg_consistent_per_sample": 1,
            "avg_contradictory_per_sample": pytest.approx(1 / 3),
        },
        "score_distribution": {"perfect_0.95_1.0": 1, "high_0.8_0.95": 1, "medium_0.5_0.8": 0, "low_below_0.5": 1},
    }
    assert written["summary_statistics"] == expected
    assert read(tmp_path / "out/all_models_consistency_comparison.json") == {"org/a": expected}
    second = written["detailed_results"][1]
    assert (second["response_same"], second["response_different"], second["ground_truth"]) == ("Yes.", "Yes.", {})
    assert second["consistency_evaluation"] == {
        "overall_consistency_rate": -1,
        "consistency_ratio": 0,
        "total_claims": 1,
        "consistent_claims": 0,
        "contradictory_claims": 1,
        "ambiguous_claims": 0,
        "claim_analysis": [
            {
                "claim_id": 1,
                "claim_text_A": "Yes",
                "claim_text_B": "Yes",
                "claim_type": "contradictory",
                "score_contribution": -1,
            }
        ],
        "summary": {"is_logically_consistent": False, "primary_issue": "Yes"},
    }


def test_consistency_of_several_models_as_tables(tmp_path):
    first = save(tmp_path / "a.json", [yes_no()], "a")
    second = save(tmp_path / "b.json", [yes_no(same="Yes."), yes_no("8")], "b")
    succeed(CONSISTENCY, "--mode", "comparison", "--response_files", first, second, "--output_dir", tmp_path / "out")
    with (tmp_path / "out/consistency_summary.csv").open() as file:
        rows = [(row["model"], row["n"], float(row["cr"]), float(row["cr_signed"])) for row in csv.DictReader(file)]
    assert rows == [("a", "1", 1, 1), ("b", "2", 0.5, 0)]
    judged = read_table(tmp_path / "out/b_consistency.parquet", JUDGEMENTS).to_pylist()
    assert [(row["sample_id"], row["metric"], row["score"]) for row in judged] == [("7", "cr", 0), ("8", "cr", 1)]
    assert not list((tmp_path / "out").glob("*.json"))


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"a.json": [yes_no()], "x/a.json": [yes_no()]}, "the same file name\n  found:   'a'"),
        ({"a.json": [yes_no(model="m")], "b.json": [yes_no(model="m")]}, "the same model\n  found:   'm'"),
        ({"a.json": [{"qid": "7", "response_same": "No."}]}, "no record has response_different"),
        ({"a.json": [readme()]}, "record 1: no answer to judge or score"),
    ],
)
def test_consistency_refuses(tmp_path, files, error):
    paths = [save(tmp_path / name, records) for name, records in files.items()]
    message = refused(CONSISTENCY, "--response_files", *paths, "--output_dir", tmp_path / "out")
    assert error in message, message
    assert not (tmp_path / "out").exists()
