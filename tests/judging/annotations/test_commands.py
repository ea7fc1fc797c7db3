"""From the draw to the table of labels, through the two commands."""

import json
import re
import sys
from pathlib import Path

import pytest
from judging.annotations.worked_results import (
    ANSWERS,
    CONTROL,
    FIRST,
    FOURTH,
    PAIRS,
    SECOND,
    THIRD,
    WRONG,
    annotations,
    mark,
    write_answers,
    write_json,
    write_results,
)

import export_annotations
import import_annotations
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.core.schemas import PARSED, RESPONSES, SAMPLES
from spd_faith.judging.labels import LABELS, answer_sha
from spd_faith.judging.rules import judge_samples


@pytest.fixture
def results(tmp_path) -> Path:
    return write_results(tmp_path / "demo")


def run(monkeypatch, capsys, command, *flags) -> str:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, flags)])
    command.main()
    return capsys.readouterr().out


@pytest.fixture
def export(monkeypatch, capsys, results, tmp_path):
    def export(*flags) -> tuple[dict, str]:
        fixed = ("--results", results, "--output", tmp_path / "out", "--pairs", 4)
        output = run(monkeypatch, capsys, export_annotations, *fixed, *flags)
        return json.loads((tmp_path / "out" / "key.json").read_text()), output

    return export


@pytest.fixture
def import_(monkeypatch, capsys, results, tmp_path):
    def import_(*flags) -> tuple[dict, str]:
        fixed = ("--results", results, "--key", tmp_path / "out" / "key.json", "--output", tmp_path / "labels.parquet")
        output = run(monkeypatch, capsys, import_annotations, *flags, *fixed)
        rows = read_table(tmp_path / "labels.parquet", LABELS).to_pylist()
        return {(row["sample_id"], row["model"], row["metric"]): row for row in rows}, output

    return import_


def shown(folder: Path) -> dict[str, dict]:
    """The items on the page."""
    page = (folder / "for_annotators" / "annotate.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    return {item["id"]: item for item in data["items"]}


def test_what_annotators_get_reveals_no_model_and_no_control(export, tmp_path):
    key, output = export()
    assert key["warning"].startswith("This file says which model wrote which answer")
    assert set(key["pairs"]) == set(PAIRS) and CONTROL not in key["pairs"]
    assert "4 pairs, 3 models: 24 answers" in output and "14 to label" in output
    files = sorted((tmp_path / "out" / "for_annotators").iterdir())
    assert len(files) == 5
    for path in files:
        text = path.read_text(encoding="utf-8").lower()
        for secret in (*ANSWERS, "rules", *PAIRS):
            assert secret not in text, (path, secret)
    assert "key.json" in (tmp_path / "out" / "README.md").read_text()


def test_the_files_for_label_studio_hold_the_same_answers(export, tmp_path):
    key, _ = export()
    items = shown(tmp_path / "out")
    for metric in ("drf", "cr"):
        tasks = json.loads((tmp_path / "out" / "for_annotators" / f"label_studio_{metric}.json").read_text("utf-8"))
        assert [task["data"]["item"] for task in tasks] == [
            name for name, one in items.items() if one["metric"] == metric
        ]
        for task in tasks:
            answers = items[task["data"]["item"]]["answers"]
            assert answers.items() <= task["data"].items() and task["data"]["draw"] == key["draw"]
            assert ("original" in task["data"]) is (metric == "drf")
        config = (tmp_path / "out" / "for_annotators" / f"label_studio_{metric}.xml").read_text()
        names = re.findall(r'value="\$(\w+)"', config)
        assert set(names) <= set(tasks[0]["data"]) and set(answers) <= set(names)


def test_the_same_seed_writes_the_same_files(export, tmp_path):
    def written():
        export("--seed", 5)
        return {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*") if path.is_file()}

    assert written() == written()


def test_the_key_of_another_draw_is_kept(export, tmp_path):
    """Without it the labels of its draw are lost."""
    export("--seed", 5)
    files = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    for flags in (("--seed", 6), ("--seed", 5, "--models", "lynx")):
        with pytest.raises(UserError, match=r"key\.json: the key of another draw[\s\S]*Choose another folder"):
            export(*flags)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == files


@pytest.mark.parametrize("value", ["-1", "1.5", "x"])
def test_a_seed_is_a_whole_number(export, capsys, value):
    with pytest.raises(SystemExit) as raised:
        export("--seed", value)
    assert raised.value.code == 2
    assert f"argument --seed: '{value}' is not a whole number from 0 on" in capsys.readouterr().err


def test_models_are_chosen_and_checked(export):
    key, _ = export("--models", "lynx")
    assert key["models"] == ["lynx"] and all(item["models"] == ["lynx"] for item in key["items"].values())
    with pytest.raises(Exception, match=r"--models lion: no responses. Models with responses: lynx, tiger, zebra"):
        export("--models", "lion", "lynx")


def marked_by_rules(results: Path, key: dict, items: dict) -> dict[str, list[dict]]:
    """The claims that the rules find, as if a person had marked them."""
    found = {}
    samples = read_table(results / "samples.parquet", SAMPLES)
    samples = samples.filter([sample_id in PAIRS for sample_id in samples["sample_id"].to_pylist()])
    for model in key["models"]:
        tables = [
            read_table(results / f"{k}/{model}.parquet", s) for k, s in (("responses", RESPONSES), ("parsed", PARSED))
        ]
        rows = {(row["sample_id"], row["metric"]): row for row in judge_samples(samples, *tables)}
        for name, item in key["items"].items():
            if model in item["models"]:
                claims = rows[item["sample_id"], item["metric"]]["claims"][item["metric"] == "cr" :]
                found[name] = [as_marked(claim, items[name]["answers"]) for claim in claims]
    return found


def as_marked(claim: dict, answers: dict[str, str]) -> dict:
    tasks = list(answers)
    if claim["other_text"] is None and claim["text"] not in answers[tasks[0]]:
        tasks = tasks[1:]
    words = [text for text in (claim["text"], claim["other_text"]) if text]
    quotes = [mark(task, answers[task], text) for task, text in zip(tasks, words, strict=False)]
    return {"quotes": quotes, "label": claim["label"], "error_type": claim["error_type"]}


SCORES = {  # by pair and answers, worked out from the truths: the car turned blue; of multi the clock is gone, too
    ("drf", "RIGHT", "easy"): 1 / 2,  # the clock is not gone
    ("drf", "RIGHT", "multi"): 1,
    ("drf", "WRONG", "easy"): 0,  # no bench moved, and the car is not green
    ("drf", "WRONG", "multi"): 0,
    ("cr", "RIGHT"): 1,  # the verdicts agree, and so do the two claims about the car
    ("cr", "WRONG"): 1 / 2,  # "yes" and "no" agree; the car is named in one answer only
}


def test_labels_of_the_rules_claims_give_the_scores_worked_by_hand(export, import_, results, tmp_path):
    key, _ = export()
    content = annotations(key["draw"], "ann", marked_by_rules(results, key, shown(tmp_path / "out")))
    rows, output = import_(write_json(tmp_path / "annotations_ann.json", content))
    assert len(rows) == 24
    for (sample_id, model, metric), row in rows.items():
        texts = ANSWERS[model][sample_id]
        kind = "WRONG" if texts == WRONG else "RIGHT"
        split = sample_id.partition("/")[0]
        if (sample_id, model) == (FOURTH, "zebra"):  # "" and "No.", "Yes.": nothing to label
            assert (row["score"], row["annotators"]) == ({"drf": 0, "cr": 1}[metric], [])
            continue
        expected = SCORES[("drf", kind, split) if metric == "drf" else ("cr", kind)]
        assert (row["score"], row["annotators"]) == (expected, ["ann"])
        assert row["answer_sha"] == answer_sha(texts[:1] if metric == "drf" else texts[1:])
        assert (row["split"], row["probability"]) == (split, 1)
    assert "ann: 14 answers labelled" in output and "14 of 14 different answers have labels" in output
    assert f"labels: {tmp_path / 'labels.parquet'}" in output and "under 30 a metric is not corrected" in output


def test_two_people_disagree_and_a_third_settles(export, import_, results, tmp_path):
    key, _ = export()
    claims = marked_by_rules(results, key, shown(tmp_path / "out"))
    of_zebra = [name for name, item in key["items"].items() if "zebra" in item["models"]]
    disputed = next(name for name in of_zebra if key["items"][name]["sample_id"] == THIRD)  # its drf comes first
    missing = next(name for name in claims if key["items"][name]["sample_id"] == SECOND)
    theirs = {name: of_item for name, of_item in claims.items() if name not in (disputed, missing)}
    first = write_json(tmp_path / "a.json", annotations(key["draw"], "ann", claims | {disputed: []}))
    second = write_json(tmp_path / "b.json", annotations(key["draw"], "bob", theirs | {disputed: claims[disputed]}))

    rows, output = import_(first, second)
    assert "13 of 14 different answers have labels; left out: 0 without labels, 1 on which people disagree" in output
    assert (THIRD, "zebra", "drf") not in rows and (THIRD, "lynx", "drf") not in rows and len(rows) == 22
    assert rows[FIRST, "lynx", "drf"]["annotators"] == ["ann", "bob"]
    agreement = json.loads((tmp_path / "labels_agreement.json").read_text())
    assert agreement["drf"]["counts"]["items"] == agreement["drf"]["counts"]["agreed_items"] + 1
    page = (tmp_path / "labels_adjudicate.html").read_text(encoding="utf-8")
    assert f'"marked":{{"{disputed}":[[],[{{' in page and '"kind":"adjudicated"' in page

    settled = write_json(tmp_path / "c.json", annotations(key["draw"], "eve", {disputed: claims[disputed]}))
    rows, output = import_(first, second, "--adjudicated", settled)
    assert rows[THIRD, "zebra", "drf"]["annotators"] == ["ann", "bob", "eve"] and len(rows) == 24
    assert "adjudicate.html" not in output


def test_unfinished_and_missing_answers_are_counted(export, import_, tmp_path):
    key, _ = export()
    content = annotations(key["draw"], "ann", {"a0001": [], "a0002": []})
    content["items"]["a0002"]["done"] = False
    rows, output = import_(write_json(tmp_path / "a.json", content))
    assert "1 of 14 different answers have labels; left out: 13 without labels (1 begun, but not finished)" in output
    assert len(rows) == len(key["items"]["a0001"]["models"]) + 2  # and the two of zebra that need none


def test_answers_that_changed_since_the_export_are_reported(export, import_, results, tmp_path):
    key, _ = export()
    write_answers(results, "zebra", ANSWERS["zebra"] | {FIRST: WRONG})
    with pytest.raises(Exception, match=rf"zebra, {FIRST}, drf: another answer") as raised:
        import_(write_json(tmp_path / "a.json", annotations(key["draw"], "ann", {})))
    assert str(raised.value).count("another answer") == 2


def test_a_key_that_is_none_is_reported(import_, tmp_path):
    with pytest.raises(Exception, match=r"key.json: no such file"):
        import_(tmp_path / "a.json")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "key.json").write_text("{}")
    with pytest.raises(UserError, match=r"not a key of export_annotations\.py[\s\S]*key\.json: draw: missing key"):
        import_(tmp_path / "a.json")
    for content, expected in (("{", "not valid JSON"), ("null", "key.json: wrong value")):
        (tmp_path / "out" / "key.json").write_text(content)
        with pytest.raises(UserError, match=r"Pass the key\.json that it wrote") as raised:
            import_(tmp_path / "a.json")
        assert expected in str(raised.value)
        assert "pydantic" not in str(raised.value) and "http" not in str(raised.value)


def test_without_finished_answers_the_labels_are_kept(export, import_, tmp_path):
    key, _ = export()
    import_(write_json(tmp_path / "a.json", annotations(key["draw"], "ann", {"a0001": []})))
    written = (tmp_path / "labels.parquet").read_bytes()
    begun = annotations(key["draw"], "ann", {"a0001": []})
    begun["items"]["a0001"]["done"] = False
    task = {"data": {"item": "a0001", "draw": key["draw"]}, "annotations": []}
    for content, expected in (
        ([], "no labels in this export"),
        ([task], "no labels in this export"),
        (annotations(key["draw"], "ann", {}), "b.json: items: no labels"),
        (begun, "b.json: no finished answers, only 1 begun"),
    ):
        with pytest.raises(UserError, match=expected):
            import_(write_json(tmp_path / "b.json", content))
        assert (tmp_path / "labels.parquet").read_bytes() == written


def test_without_claims_alpha_says_why_it_is_undefined(export, import_, tmp_path):
    key, _ = export()
    drf = next(name for name, item in key["items"].items() if item["metric"] == "drf")
    contents = {name: annotations(key["draw"], name, {drf: []}) for name in ("ann", "bob")}
    _, output = import_(*(write_json(tmp_path / f"{name}.json", content) for name, content in contents.items()))
    assert "DRF: undefined, because nobody marked a claim; 0 claims in 1 answers" in output
    assert "CR: undefined, because no answer was labelled by two people; 0 claims in 0 answers" in output


def test_names_are_the_same_person_in_every_file(export, import_, tmp_path):
    key, _ = export()
    one, two, *_ = key["items"]
    first = write_json(tmp_path / "a.json", annotations(key["draw"], "Ann Lee", {one: []}))
    second = write_json(tmp_path / "b.json", annotations(key["draw"], " ann  LEE ", {two: []}))
    settled = write_json(tmp_path / "c.json", annotations(key["draw"], "ANN LEE", {one: []}))
    rows, output = import_(first, second, "--adjudicated", settled)
    assert "Ann Lee: 2 answers labelled" in output
    assert {tuple(row["annotators"]) for row in rows.values()} == {(), ("Ann Lee",)}
