"""score_differences.py on a folder of answer files, used like the original's eval_multi_diff_metrics.py."""

import json

import pandas as pd
import pytest
from original.answer_files import BEDROOM, LISTED, PROSE, read, readme, refused, released, run, save, succeed

from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import SAMPLES
from spd_faith.scoring.tables import SCORES

COMMAND = "score_differences.py"
YES_NO = {"response_same": "No. The bedspread is now blue.", "response_different": "I cannot tell."}


def score(folder, *flags):
    return succeed(COMMAND, "--input_dir", folder / "in", "--output_dir", folder / "out", *flags)


def summary(folder):
    return pd.read_csv(folder / "out" / "scores_summary.csv").set_index("model")


def test_the_worked_example_in_the_released_form(tmp_path):
    save(tmp_path / "in/alpha_responses.json", [released(**YES_NO)], "org/alpha")
    output = score(tmp_path, "--json")
    row = summary(tmp_path).loc["org/alpha"]
    assert (row["n"], row["file"], row["judge"]) == (1, "alpha_responses.json", "rules-4")
    headline = row[["dqr", "tf1", "cf1", "drf", "ds"]].tolist()
    assert headline == pytest.approx([2 / 3, 2 / 5, 2 / 5, 1 / 2, 1 / 2])  # "I cannot tell" does not say "differs"
    assert "66.7" in output and "40.0" in output
    scores = read_table(tmp_path / "out/alpha_responses_scores.parquet", SCORES).to_pylist()
    assert [(one["sample_id"], one["n_pred"], one["n_gt"]) for one in scores] == [("7", 2, 3)]
    parquet = pd.read_parquet(tmp_path / "out/scores_summary.parquet").set_index("model")
    assert parquet.loc["org/alpha", "dqr"] == pytest.approx(2 / 3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "all_models_comparison.json",
        "alpha_responses_metrics.json",
        "alpha_responses_scores.parquet",
        "scores_summary.csv",
        "scores_summary.parquet",
    ]


def test_missing_answers_are_null_and_lower_the_coverage(tmp_path):
    save(tmp_path / "in/a_responses.json", [released("1", **YES_NO), *(released(name) for name in "234")], "a")
    save(tmp_path / "in/b_responses.json", [released("1")], "b")
    output = score(tmp_path)
    rows = summary(tmp_path)
    assert rows.loc["a", ["ds", "ds_coverage", "overall_coverage", "drf_coverage"]].tolist() == [0.5, 0.25, 0.25, 1]
    assert rows.loc["b", ["ds", "ds_coverage"]].isna().all() and rows.loc["b", "tf1_coverage"] == 1
    [warning] = [line for line in output.splitlines() if line.startswith("WARNING")]
    assert warning.endswith("because answers are missing: DS 25%, CR 25%, Overall 25%")


def test_the_original_json_of_the_worked_example(tmp_path):
    save(tmp_path / "in/alpha_responses.json", [released()], "alpha")
    score(tmp_path, "--json")
    empty = {"total_gt": 0, "total_pred": 1, "total_matched": 0, "precision": 0, "recall": None, "f1": 0}
    expected = {
        "total_samples": 1,
        "avg_num_recall": pytest.approx(2 / 3),
        "type_level": {
            "color": {"total_gt": 1, "total_pred": 1, "total_matched": 1, "precision": 1, "recall": 1, "f1": 1},
            "remove": {"total_gt": 2, "total_pred": 0, "total_matched": 0, "precision": None, "recall": 0, "f1": 0},
            "position": empty,
            "overall": {
                "total_gt": 3,
                "total_pred": 2,
                "total_matched": 1,
                "precision": 1 / 2,
                "recall": pytest.approx(1 / 3),
                "f1": pytest.approx(2 / 5),
            },
        },
        "category_level": {
            "total_gt": 3,
            "total_pred": 2,
            "total_matched": 1,
            "precision": 1 / 2,
            "recall": pytest.approx(1 / 3),
            "f1": pytest.approx(2 / 5),
        },
        "model": "alpha",
    }
    written = read(tmp_path / "out/alpha_responses_metrics.json")
    assert written["summary"] == expected
    assert [one["sample_id"] for one in written["per_sample_results"]] == ["7"]
    assert read(tmp_path / "out/all_models_comparison.json") == [expected]


def test_the_original_json_uses_the_list_in_the_file_and_the_tables_the_text(tmp_path):
    text = 'One. {"predicted_num": 1, "structured_output": [{"type": "remove", "category": "TV"}]}'
    unlisted = {"has_structured_output": False, "structured_output": LISTED}
    save(
        tmp_path / "in/a_responses.json",
        [released("1", model_response=text), released("2", parsed_response=unlisted, model_response=text)],
        "a",
    )
    score(tmp_path, "--json")
    original = read(tmp_path / "out/a_responses_metrics.json")
    assert [one["sample_id"] for one in original["per_sample_results"]] == ["1"]  # the other is dropped
    assert original["summary"]["avg_num_recall"] == pytest.approx(2 / 3)
    row = summary(tmp_path).loc["a"]
    assert (row["n"], row["dqr"], row["tf1"]) == pytest.approx((2, 1 / 3, 2 * 2 / (2 + 6)))


def test_the_original_json_keeps_case_duplicates_and_values_above_one(tmp_path):
    truth = {"modifications": [{"type": "color", "category": "TV"}, {"type": "remove", "category": "dog"}]}
    listed = [{"type": "Color", "category": "tv"}, *({"type": "color", "category": "TV"},) * 3, {"type": "color"}]
    record = released(ground_truth=truth, parsed_response={"has_structured_output": True, "structured_output": listed})
    save(tmp_path / "in/a_responses.json", [record], "a")
    score(tmp_path, "--json")
    found = read(tmp_path / "out/a_responses_metrics.json")["summary"]
    assert found["avg_num_recall"] == 2.5
    level = found["category_level"]
    assert (level["total_pred"], level["total_matched"], level["recall"]) == (4, 3, 1.5)
    assert found["type_level"]["color"]["total_pred"] == 4
    row = summary(tmp_path).loc["a"]  # the headline: one of five is a TV of the truth, and the ratio is capped
    assert (row["dqr"], row["cf1"]) == pytest.approx((1, 2 / 7))


def truths_as_jsonl(folder):
    line = {"qid": "7", "image": "7.jpg", "modifications": BEDROOM, "is_faithful": 1, "question": "Same?"}
    (folder / "pairs.jsonl").write_text(json.dumps(line) + "\n")
    return folder / "pairs.jsonl"


def truths_as_folder(folder):
    pair = folder / "data/multi_diff/7"
    pair.mkdir(parents=True)
    for name in ("7_original.jpg", "7_modified_final.jpg", "merged.jpg"):
        (pair / name).write_bytes(b"")
    (pair / "differences.json").write_text(json.dumps({"modifications": BEDROOM}))
    return folder / "data/multi_diff"


def truths_as_folder_of_splits(folder):
    return truths_as_folder(folder).parent


def truths_as_table(folder):
    differences = [{"type": one["type"], "category": one["category"]} for one in BEDROOM]
    row = {"sample_id": "multi_diff/00000_7", "split": "multi_diff", "image_id": "7", "width": 9, "height": 9}
    row |= {"num_differences": 3, "differences": differences, "control": "none"}
    write_table(folder / "samples.parquet", [row], SAMPLES)
    return folder / "samples.parquet"


@pytest.mark.parametrize(
    "truths", [truths_as_jsonl, truths_as_folder, truths_as_folder_of_splits, truths_as_table], ids=lambda f: f.__name__
)
def test_the_readmes_form_with_truths_from_elsewhere(tmp_path, truths):
    save(tmp_path / "in/a_responses.json", [readme()])
    score(tmp_path, "--json", "--data_dir", truths(tmp_path))
    row = summary(tmp_path).loc["a_responses.json"]
    assert (row["dqr"], row["tf1"], row["cf1"], row["drf"]) == pytest.approx((2 / 3, 2 / 5, 2 / 5, 1 / 2))
    assert row[["ds", "cr", "overall", "cr_verdict", "cr_signed"]].isna().all()
    assert not {"ds", "n_differs", "n_same"} & set(pd.read_parquet(tmp_path / "out/a_responses_scores.parquet"))
    found = read(tmp_path / "out/a_responses_metrics.json")["summary"]
    assert found["type_level"]["overall"]["f1"] == pytest.approx(2 / 5)


def test_a_missing_or_ambiguous_truth_is_reported(tmp_path):
    lines = [{"qid": "7", "split": split, "image": "7.jpg", "modifications": BEDROOM} for split in ("easy", "hard")]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    save(tmp_path / "in/a_responses.json", [readme(), readme("8")])
    flags = ["--input_dir", tmp_path / "in", "--output_dir", tmp_path / "out", "--data_dir", tmp_path / "pairs.jsonl"]
    message = refused(COMMAND, *flags)
    assert "record 1: matches 2 pairs" in message and "easy/00000_7, hard/00000_7" in message
    assert "record 2: not a pair of" in message
    save(tmp_path / "in/a_responses.json", [readme(split="hard"), readme(split="easy")])
    score(tmp_path, "--data_dir", tmp_path / "pairs.jsonl")
    scores = pd.read_parquet(tmp_path / "out/a_responses_scores.parquet")
    assert scores[["sample_id", "split"]].to_numpy().tolist() == [["hard/7", "hard"], ["easy/7", "easy"]]


@pytest.mark.slow
def test_models_and_definitions_can_be_chosen(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / f"in/{name}_responses.json", [released()], name)
    save(tmp_path / "in/other.json", [released()], "c")
    output = score(tmp_path, "--models", "b_responses.json", "other.json", "--dqr", "exact", "--ds", "count")
    rows = summary(tmp_path)
    assert list(rows.index) == ["b", "c"]
    assert rows["dqr"].tolist() == [0, 0] and rows["ds"].tolist() == pytest.approx([2 / 3] * 2)
    assert "Released code" not in output
    assert not list((tmp_path / "out").glob("*.json"))
    score(tmp_path)
    assert list(summary(tmp_path).index) == ["a", "b"]  # other.json does not end in _responses


def test_the_errors_of_all_files_are_reported_at_once_and_nothing_is_written(tmp_path):
    save(
        tmp_path / "in/a_responses.json", [readme(), released("8", ground_truth={"modifications": [{"type": "Size"}]})]
    )
    save(tmp_path / "in/b_responses.json", [released(model_response=1)], "b")
    message = refused(COMMAND, "--input_dir", tmp_path / "in", "--output_dir", tmp_path / "out")
    for error in (
        "a_responses.json: record 1: no truth",
        "a_responses.json: record 2: ground_truth: modifications.0: type: unknown value\n  found:   'size'",
        "a_responses.json: record 2: ground_truth: modifications.0: category: missing key",
        "b_responses.json: record 1: model_response: not a text",
    ):
        assert error in message, message
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_bad_file_ends_the_command_with_its_message(tmp_path):
    save(tmp_path / "in/a_responses.json", [readme()])
    done = run(COMMAND, "--input_dir", tmp_path / "in", "--output_dir", tmp_path / "out")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--input_dir", "in"], "give both --input_dir and --output_dir"),
        (["--input_dir", "nowhere", "--output_dir", "out"], "--input_dir: no such folder"),
        (["--input_dir", "in", "--output_dir", "out", "--models", "b.json"], "no such file in"),
        (["--input_dir", "in", "--output_dir", "out", "--json", "x.json"], "--json takes no file name"),
        (["--input_dir", "in", "--output_dir", "out", "--samples", "s"], "cannot be combined with --input_dir"),
        (["--input_dir", "in", "--output_dir", "out", "--data_dir", "nowhere"], "no such file or folder"),
        (["--samples", "s", "--parsed", "p", "--models", "a"], "require --input_dir"),
        (["--samples", "s", "--parsed", "p", "--protocol", "released", "--json"], "requires a file name"),
        (["--parsed", "p"], "give --samples and --parsed"),
    ],
)
def test_flags_that_cannot_be_combined_are_reported(tmp_path, flags, error):
    save(tmp_path / "in/a_responses.json", [readme()])
    places = [tmp_path / flag if flag in ("in", "out", "nowhere") else flag for flag in flags]
    assert error in refused(COMMAND, *places)


def test_the_error_for_a_folder_without_answers_lists_its_files(tmp_path):
    save(tmp_path / "in/answers.json", [readme()])
    message = refused(COMMAND, "--input_dir", tmp_path / "in", "--output_dir", tmp_path / "out")
    assert "no *_responses.json" in message and "answers.json" in message


def test_a_file_of_yes_no_answers_alone_has_nothing_to_score(tmp_path):
    record = {"sample_id": "7", "ground_truth": {"modifications": BEDROOM}, "response_same": PROSE}
    save(tmp_path / "in/a_responses.json", [record], "a")
    assert "record 1: no answer to judge or score" in refused(
        COMMAND, "--input_dir", tmp_path / "in", "--output_dir", tmp_path / "out"
    )
