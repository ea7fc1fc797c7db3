"""Answer files in every form that the released commands read, made by hand from the description of their formats."""

import json
import random
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fault_server import FaultServer
from judging.paid_judge import fenced, honest
from original.answer_files import BEDROOM, LISTED, SCRIPTS, command, read, readme, refused, released, save

from spd_faith.core.files import read_table
from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.inference.answer_files import GivenAnswers
from spd_faith.original.answer_records import by_sample

YES_NO = {"response_same": "No.", "response_different": "Yes."}
Capture = pytest.CaptureFixture[str]


def score(folder: Path, *flags: object) -> None:
    command("score_differences.py", "--input_dir", folder / "in", "--output_dir", folder / "out", "--json", *flags)


def original(folder: Path, name: str = "a") -> dict[str, Any]:
    found: dict[str, Any] = read(folder / f"out/{name}_responses_metrics.json")
    return found


def reason(folder: Path, *records: dict[str, Any], **flags: object) -> dict[str, Any]:
    path = save(folder / "a_responses.json", list(records), "a")
    given = [part for name, value in flags.items() for part in (f"--{name}", value)]
    command("judge_reasoning.py", "--responses_file", path, "--output_file", folder / "f.json", *given)
    written: dict[str, Any] = read(folder / "f.json")
    return written


# ---- folders ---------------------------------------------------------------------------------------------------------


def test_a_folder_of_several_kinds_is_scored_where_it_can_be(tmp_path: Path, capsys: Capture) -> None:
    save(tmp_path / "in/a_responses.json", [released()], "a")
    save(tmp_path / "in/yesno_responses.json", [{"sample_id": "7", **YES_NO}], "b")
    save(tmp_path / "in/results_responses.json", [{"image": "7", "is_contradictory": True}], "c")
    for name, content in (("broken", '{"model": "d", "resp'), ("empty", ""), ("none", "[]"), ("text", '"hello"')):
        (tmp_path / f"in/{name}_responses.json").write_text(content)
    score(tmp_path)
    summary = pd.read_csv(tmp_path / "out/scores_summary.csv")
    assert summary["model"].tolist() == ["a"]
    said = capsys.readouterr().err
    for name in ("yesno", "results", "broken", "empty", "none", "text"):
        assert f"{name}_responses.json" in said
    assert "Files left out:" in said and "--models" in said


def test_a_folder_without_a_usable_file_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a_responses.json").write_text("")
    save(tmp_path / "in/b_responses.json", [{"sample_id": "7", **YES_NO}], "b")
    message = refused("score_differences.py", "--input_dir", tmp_path / "in", "--output_dir", tmp_path / "out")
    assert "a_responses.json" in message and "b_responses.json" in message and "--models" in message
    assert not (tmp_path / "out").exists()


# ---- records ---------------------------------------------------------------------------------------------------------


def test_an_id_that_repeats_counts_each_time(tmp_path: Path) -> None:
    other = {"has_structured_output": True, "structured_output": [{"type": "remove", "category": "tv"}]}
    save(tmp_path / "in/a_responses.json", [released("7"), released("7", parsed_response=other), released("7#2")], "a")
    score(tmp_path)
    found = original(tmp_path)
    assert [one["sample_id"] for one in found["per_sample_results"]] == ["7", "7", "7#2"]
    assert [one["pred_num"] for one in found["per_sample_results"]] == [2, 1, 2]
    assert found["summary"]["avg_num_recall"] == pytest.approx((2 / 3 + 1 / 3 + 2 / 3) / 3)
    scores = pd.read_parquet(tmp_path / "out/a_responses_scores.parquet").to_dict("records")
    assert sorted(one["sample_id"] for one in scores) == ["7", "7#2", "7#2#2"]
    assert {one["image_id"] for one in scores} == {"7", "7#2"}  # one cluster for one image


def test_records_about_different_tasks_of_an_id_are_one_sample(tmp_path: Path) -> None:
    save(tmp_path / "in/a_responses.json", [released("7"), {"sample_id": "7", **YES_NO}], "a")
    score(tmp_path)
    row = pd.read_csv(tmp_path / "out/scores_summary.csv").iloc[0]
    assert (row["n"], row["n_left_out"], row["ds"]) == (1, 0, 1)


@pytest.mark.parametrize("number", ["1", True, float("nan"), [1], {"n": 1}, 10**400, -(10**400)])
def test_a_number_that_is_none_is_a_record_without_a_number(tmp_path: Path, number: Any) -> None:
    parsed = {"has_structured_output": True, "structured_output": LISTED, "predicted_num": number}
    save(tmp_path / "in/a_responses.json", [released(parsed_response=parsed), readme("8", predicted_num=number)], "a")
    score(tmp_path, "--data_dir", truths(tmp_path, "8"))
    row = pd.read_csv(tmp_path / "out/scores_summary.csv").iloc[0]
    assert (row["n"], row["n_left_out"]) == (2, 0)
    assert row["dqr"] == pytest.approx(2 / 3)  # the length of the list


def truths(folder: Path, *ids: str) -> Path:
    lines = [json.dumps({"qid": one, "image": "7.jpg", "modifications": BEDROOM}) for one in ids]
    (folder / "pairs.jsonl").write_text("\n".join(lines))
    return folder / "pairs.jsonl"


def test_a_broken_line_of_truths_costs_its_own_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = truths(tmp_path, "7", "9")
    path.write_text(path.read_text().replace("\n", "\n{broken\n"))
    written = reason(tmp_path, readme("7"), readme("8"), readme("9"), data_dir=path)
    assert [one["sample_id"] for one in written["detailed_results"]] == ["7", "9"]
    assert written["records_left_out"] == 1
    assert "truths left out: 1" in caplog.text and "line 2: not valid JSON" in caplog.text


@pytest.mark.parametrize("flag", [1, "true", "yes", 2.5, True])
@pytest.mark.parametrize("listed", [LISTED, None])
def test_any_true_flag_says_that_there_is_a_list(tmp_path: Path, flag: Any, listed: Any) -> None:
    parsed = {"has_structured_output": flag, "structured_output": listed}
    save(tmp_path / "in/a_responses.json", [released(parsed_response=parsed)], "a")
    score(tmp_path)
    summary = original(tmp_path)["summary"]
    assert summary["total_samples"] == 1
    assert summary["avg_num_recall"] == pytest.approx(2 / 3 if listed else 0)


@pytest.mark.parametrize("flag", [0, "", None, False])
def test_other_flags_drop_the_record_from_the_released_numbers(tmp_path: Path, flag: Any) -> None:
    parsed = {"has_structured_output": flag, "structured_output": LISTED}
    save(tmp_path / "in/a_responses.json", [released(parsed_response=parsed), released("8")], "a")
    score(tmp_path)
    assert [one["sample_id"] for one in original(tmp_path)["per_sample_results"]] == ["8"]
    assert pd.read_csv(tmp_path / "out/scores_summary.csv")["n"].tolist() == [2]  # in ours it counts


@pytest.mark.parametrize("category", [5, ["tv", "clock"], {"name": "tv"}])
def test_a_category_that_is_no_text_stays_in_the_denominator(tmp_path: Path, category: Any) -> None:
    listed = [{"type": "remove", "category": "tv"}, {"type": "remove", "category": category}]
    parsed = {"has_structured_output": True, "structured_output": listed}
    save(tmp_path / "in/a_responses.json", [released(parsed_response=parsed, model_response="Two.")], "a")
    score(tmp_path)
    level = original(tmp_path)["summary"]["category_level"]
    assert (level["total_pred"], level["total_matched"], level["precision"]) == (2, 1, 0.5)
    row = pd.read_csv(tmp_path / "out/scores_summary.csv").iloc[0]
    assert row["cf1"] == pytest.approx(2 * 1 / (2 + 3))


def test_a_record_without_an_answer_is_left_out_and_counted(tmp_path: Path, capsys: Capture) -> None:
    silent = {"sample_id": "8", "ground_truth": {"modifications": BEDROOM}}
    written = reason(tmp_path, released(), silent, silent | YES_NO)
    assert (written["total_samples"], written["records_left_out"]) == (1, 2)
    said = capsys.readouterr().err
    assert "2 records left out" in said and "record 2: no answer" in said
    assert "allowed: model_response, response_text or a parsed list" in said


def test_an_empty_answer_is_an_answer(tmp_path: Path) -> None:
    written = reason(tmp_path, released(), released("8", model_response="", parsed_response=None))
    assert written["summary_statistics"]["avg_faithfulness_score"] == pytest.approx((0.5 + 0) / 2)


@pytest.mark.parametrize(
    "fault",
    [
        {"ground_truth": {"modifications": [{"type": "size", "category": "tv"}]}},
        {"ground_truth": {"modifications": "color"}},
        {"ground_truth": None},
        {"model_response": 7},
        {"parsed_response": {"has_structured_output": True, "structured_output": 3}},
        {"sample_id": ["7"]},
    ],
)
def test_a_broken_record_costs_itself(tmp_path: Path, capsys: Capture, fault: dict[str, Any]) -> None:
    written = reason(tmp_path, released(), released("8") | fault)
    assert (written["total_samples"], written["records_left_out"]) == (1, 1)
    assert "record 2: " in capsys.readouterr().err


def test_what_the_original_never_looks_at_may_be_anything(tmp_path: Path) -> None:
    odd = {"is_faithful": "maybe", "image": 3, "response_text": ["?"], "structured_output": 7, "split": None}
    written = reason(tmp_path, released(**odd), {**released(), "sample_id": None, "qid": None})
    assert (written["total_samples"], written["records_left_out"]) == (2, 0)
    assert [one["sample_id"] for one in written["detailed_results"]] == ["7", "unknown"]


@pytest.mark.parametrize(
    "odd",
    [
        {"qid": 1.5},
        {"split": {"a": 1}},
        {"modifications": "none"},
        {"response_same": 3},
        {"response_different": ["No."], "response_same": "No."},
    ],
)
def test_keys_that_reasoning_does_not_need_cost_nothing(tmp_path: Path, odd: dict[str, Any]) -> None:
    written = reason(tmp_path, released(**odd))
    assert (written["total_samples"], written["records_left_out"]) == (1, 0)
    assert written["detailed_results"][0]["sample_id"] == "7"


@pytest.mark.parametrize("odd", [{"model_response": 5}, {"parsed_response": [3]}, {"ground_truth": [1]}])
def test_keys_that_consistency_does_not_need_cost_nothing(tmp_path: Path, capsys: Capture, odd: dict[str, Any]) -> None:
    path = save(tmp_path / "a.json", [{"sample_id": "7", **YES_NO, **odd}], "a")
    command("judge_consistency.py", "--response_files", path, "--output_dir", tmp_path / "out")
    assert pd.read_csv(tmp_path / "out/consistency_summary.csv")[["n", "n_left_out"]].to_numpy().tolist() == [[1, 0]]
    said = capsys.readouterr().err
    assert "1 errors in what is not needed" in said and f"record 1: {next(iter(odd))}" in said


@pytest.mark.parametrize("model", [5, "", " ", ["a"], {"name": "a"}])
def test_a_model_without_a_name_is_named_after_its_file(tmp_path: Path, capsys: Capture, model: Any) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a_responses.json").write_text(json.dumps({"model": model, "responses": [released()]}))
    score(tmp_path)
    assert original(tmp_path)["summary"]["model"] == "a_responses.json"
    assert "a_responses.json: model: wrong value" in capsys.readouterr().err


def test_records_of_several_models_in_a_file_are_reported(tmp_path: Path, capsys: Capture) -> None:
    save(tmp_path / "in/a_responses.json", [released(model="org/a"), released("8", model="b")])
    score(tmp_path)
    assert original(tmp_path)["summary"]["total_samples"] == 2
    said = capsys.readouterr().err
    assert "records of several models" in said and "'b, org/a'" in said


def test_ids_that_pandas_made_floats_are_whole_numbers(tmp_path: Path) -> None:
    written = reason(tmp_path, released() | {"sample_id": 12.0}, released() | {"sample_id": None, "qid": 3.0})
    assert [one["sample_id"] for one in written["detailed_results"]] == ["12", "3"]


def test_a_type_in_another_case_is_another_word_to_the_released_code(tmp_path: Path) -> None:
    """It counts exact words: of the types below, one true `remove` and both listed ones, of which one matches."""
    true = [{"type": "Color", "category": "tv"}, {"type": "remove", "category": "bed"}]
    listed = [{"type": "color", "category": "tv"}, {"type": "remove", "category": "bed"}]
    parsed = {"has_structured_output": True, "structured_output": listed}
    save(
        tmp_path / "in/a_responses.json", [released(ground_truth={"modifications": true}, parsed_response=parsed)], "a"
    )
    score(tmp_path)
    level = original(tmp_path)["summary"]["type_level"]["overall"]
    assert (level["total_gt"], level["total_pred"], level["total_matched"]) == (1, 2, 1)
    assert pd.read_csv(tmp_path / "out/scores_summary.csv")["tf1"].tolist() == [1]  # ours reads both spellings


def test_file_types_are_found_in_any_case(tmp_path: Path) -> None:
    save(tmp_path / "in/A_responses.JSON", [released()], "a")
    score(tmp_path)
    assert original(tmp_path, "A")["summary"]["total_samples"] == 1


def test_many_records_without_an_id_are_numbered_in_linear_time() -> None:
    records = [
        GivenAnswers(f"record {n}", "x", None, {task: ""}, None, None, None)
        for n in range(20_000)
        for task in (("describe",) if n % 2 else ("same", "different"))
    ]
    start = time.process_time()
    samples = by_sample(records)
    assert time.process_time() - start < 30  # 0.2 s; minutes if each looks at all before it
    assert list(samples)[:2] == ["x", "x#2"] and len(samples) == 10_000
    assert {len(of_sample) for of_sample in samples.values()} == {3}


@pytest.mark.parametrize("model", ["org/a", "a\0b", "a\nb", "x" * 300, "中" * 100, ".."])
def test_any_name_of_a_model_gives_a_file(tmp_path: Path, model: str) -> None:
    path = save(tmp_path / "a.json", [{"sample_id": "7", **YES_NO}], model)
    command("judge_consistency.py", "--response_files", path, "--output_dir", tmp_path / "out", "--json")
    (written,) = (tmp_path / "out").glob("*_consistency_results.json")
    assert read(written)["model"] == model


def test_two_models_whose_results_share_a_file_name_are_refused(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{n}.json", [{"sample_id": "7", **YES_NO}], m) for n, m in enumerate(("a/b", "a_b"))]
    flags = ("--response_files", *files, "--output_dir", tmp_path / "out")
    assert "a_b_consistency_results.json" in refused("judge_consistency.py", *flags, "--json")
    assert not (tmp_path / "out").exists()
    command("judge_consistency.py", *flags)  # without the JSON there is nothing to share
    assert pd.read_csv(tmp_path / "out/consistency_summary.csv")["model"].tolist() == ["a/b", "a_b"]


def test_lines_that_are_not_json_cost_themselves(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a_responses.jsonl").write_text(f"{json.dumps(released())}\n{{broken\n\n{json.dumps(released('8'))}")
    score(tmp_path)
    assert len(original(tmp_path)["per_sample_results"]) == 2
    assert "line 2: not valid JSON" in capsys.readouterr().err


def test_of_many_records_left_out_the_first_are_shown(tmp_path: Path, capsys: Capture) -> None:
    reason(tmp_path, released(), *({"sample_id": str(n)} for n in range(100)))
    said = capsys.readouterr().err
    assert "100 records left out" in said and "… and 95 more" in said and len(said.splitlines()) < 25


def test_consistency_of_a_file_that_mixes_records(tmp_path: Path, capsys: Capture) -> None:
    mixed = save(tmp_path / "a.json", [released("1"), {"sample_id": "2", **YES_NO}, {"sample_id": "2", **YES_NO}], "a")
    (tmp_path / "b.json").write_text("{")
    one_sided = save(tmp_path / "c.json", [{"sample_id": "1", "response_same": "No."}], "c")
    files = ("--response_files", mixed, tmp_path / "b.json", one_sided)
    command("judge_consistency.py", *files, "--output_dir", tmp_path / "out", "--json")
    rows = pd.read_csv(tmp_path / "out/consistency_summary.csv")
    assert rows[["model", "n", "n_left_out", "cr"]].to_numpy().tolist() == [["a", 2, 1, 1]]
    written = read(tmp_path / "out/a_consistency_results.json")
    assert [one["sample_id"] for one in written["detailed_results"]] == ["2", "2"]
    said = capsys.readouterr().err
    assert "no record has response_different" in said and "b.json" in said


# ---- a judge at an endpoint ------------------------------------------------------------------------------------------


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.chdir(SCRIPTS.parent)


@pytest.mark.usefixtures("key")
def test_reasoning_is_judged_by_the_model_at_base_url_and_paid_once(tmp_path: Path) -> None:
    with FaultServer(answer=honest) as server:
        for _ in range(2):
            written = reason(tmp_path, released(), base_url=server.base_url)
        assert len(server.requests) == 1
        assert server.requests[0].body["model"].startswith("gpt-4o")
    assert written["evaluation_method"] == "served-model-2026-11-24"
    (one,) = written["detailed_results"]
    assert one["faithfulness_evaluation"]["overall_faithfulness_score"] == 0.5


@pytest.mark.usefixtures("key")
def test_consistency_is_judged_by_the_model_at_base_url(tmp_path: Path) -> None:
    same, different = "No. The tv was removed. The bed was moved.", "Yes. The tv was removed."
    path = save(tmp_path / "a.json", [{"sample_id": "7", "response_same": same, "response_different": different}], "a")
    with FaultServer(answer=honest) as server:
        flags = ("--response_files", path, "--output_dir", tmp_path / "out", "--base_url", server.base_url)
        command("judge_consistency.py", *flags)
        assert server.requests[0].body["model"].startswith("gpt-4o-mini")
    (row,) = read_table(tmp_path / "out/a_consistency.parquet", JUDGEMENTS).to_pylist()
    assert row["score"] == pytest.approx(2 / 3)  # the verdicts and the tv agree, the bed stands in one answer


@pytest.mark.usefixtures("key")
def test_a_judgement_that_failed_is_null_and_in_no_mean(tmp_path: Path) -> None:
    with FaultServer(answer=lambda request: "no JSON" if "chair" in fenced(request)[0] else honest(request)) as server:
        other = released("8", model_response="The tv was removed.", parsed_response=None)
        written = reason(tmp_path, released(), other, base_url=server.base_url)
    first, _ = (one["faithfulness_evaluation"] for one in written["detailed_results"])
    assert first["overall_faithfulness_score"] is None and first["error"].startswith("unscored:")
    statistics = written["summary_statistics"]
    assert (statistics["valid_samples"], statistics["total_samples"]) == (1, 2)
    assert statistics["avg_faithfulness_score"] == 1


# ---- the released formulas -------------------------------------------------------------------------------------------

TYPES, NAMES = ["color", "remove", "position"], ["tv", "TV", "clock", "bed", "cup"]


def drawn_record(random: random.Random, number: int) -> dict[str, Any]:
    def differences(kinds: list[Any], names: list[Any], most: int) -> list[dict[str, Any]]:
        return [
            {"type": random.choice(kinds), "category": random.choice(names)} for _ in range(random.randint(0, most))
        ]

    listed = differences([*TYPES, "size", "", None], [*NAMES, "", None, 5], 6)
    parsed = {"has_structured_output": random.random() < 0.9, "structured_output": listed}
    truth = {"modifications": differences(TYPES, NAMES, 5)}
    return {"sample_id": str(number % 900), "ground_truth": truth, "parsed_response": parsed, "model_response": ""}


def f1(true: int, predicted: int, matched: int) -> float:
    return float(Fraction(2 * matched, true + predicted)) if matched else 0.0


def test_the_released_formulas_on_a_thousand_random_records(tmp_path: Path) -> None:
    """Sums over records by counting; 2PR / (P + R) with P = m / p and R = m / t is 2m / (p + t)."""
    drawn = random.Random(16)
    records = [drawn_record(drawn, number) for number in range(1000)]
    save(tmp_path / "in/a_responses.json", records, "a")
    score(tmp_path)
    summary = original(tmp_path)["summary"]

    ratios, sums = [], Counter[str]()
    for record in records:
        if not record["parsed_response"]["has_structured_output"]:
            continue
        true, listed = record["ground_truth"]["modifications"], record["parsed_response"]["structured_output"]
        ratios.append(len(listed) / len(true) if true else 0)
        types = [Counter(one["type"] for one in side if one["type"] in TYPES) for side in (true, listed)]
        names = {one["category"] for one in true}
        named = [one["category"] for one in listed if one["category"]]
        sums += Counter(
            types=types[0].total(),
            listed_types=types[1].total(),
            matched_types=(types[0] & types[1]).total(),
            names=len(true),
            listed_names=len(named),
            matched_names=sum(1 for name in named if name in names),
        )
    assert summary["total_samples"] == len(ratios) > 850
    assert summary["avg_num_recall"] == pytest.approx(sum(ratios) / len(ratios), rel=1e-12)
    found = summary["type_level"]["overall"]["f1"], summary["category_level"]["f1"]
    expected = (
        f1(sums["types"], sums["listed_types"], sums["matched_types"]),
        f1(sums["names"], sums["listed_names"], sums["matched_names"]),
    )
    assert found == pytest.approx(expected, rel=1e-12)
