"""The pairs that probe.py finds in lines, folders and files of labels; no model is loaded."""

import json

import pytest
from dataset.own_files import CAR, save_pair, scene, write_pair_folder
from original.test_given_answers import save_merged

import probe
from spd_faith.core.errors import UserError
from spd_faith.dataset.own_pairs import read_pairs
from spd_faith.original.probe_pairs import read_probed_pairs
from spd_faith.original.probe_settings import ProbeSettings


def settings_of(*flags):
    needed = ["--probes", "layer_changes", "--output_dir", "nowhere"]
    return ProbeSettings(**vars(probe._parser().parse_args([*needed, *map(str, flags)])))


def probed(*flags):
    return read_probed_pairs(settings_of(*flags))


def ids(*flags):
    return [pair.sample_id for pair in probed(*flags).pairs]


def merged_of(found):
    """Names of the merged images."""
    return [pair.images["merged"].path.name for pair in found.pairs]


def write(folder, *lines):
    """A file of lines; dictionaries become JSON."""
    path = folder / "lines.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


# ---- defaults of the released commands -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probes", "folder"),
    [(["hidden_similarity"], "eval_results_faithfulness"), (["generation_attention"], "generation_plots")],
)
def test_default_folders(probes, folder, tmp_path):
    def folder_of(*flags):
        settings = ProbeSettings(**vars(probe._parser().parse_args(["--image_dir", str(tmp_path), *flags])))
        settings.check()
        return str(settings.folder)

    assert folder_of("--probes", *probes) == folder
    assert folder_of("--probes", *probes, "--output_pdf", "figures.pdf") == "figures"
    assert folder_of("--probes", *probes, "--output-dir", "mine") == "mine"
    with pytest.raises(UserError, match="results: no output given"):
        folder_of("--probes", "grounding", *probes)


def test_default_model():
    assert settings_of().model_name == "qwen"
    assert settings_of("--model-type", "internvl").model_name == "internvl"
    assert settings_of("--model", "internvl", "--model-type", "llava").model_name == "internvl"


@pytest.mark.parametrize(
    ("flags", "task"),
    [
        (["--image-dir", "d"], "describe"),
        (["--image_dir", "d", "--input_file", "f"], "same"),
        (["--image_dir", "d", "--comparison_result", "f"], "same"),
        (["--multi-diff-dir", "d"], "same"),
    ],
)
def test_the_question_of_the_released_attention_command(flags, task):
    assert settings_of(*flags).released_task == task


# ---- lines -----------------------------------------------------------------------------------------------------------


def test_lines_in_the_forms_of_the_released_commands(tmp_path, monkeypatch, caplog):
    save_merged(tmp_path, "a.png", "b.png", "c.png")
    save_pair(tmp_path, "d1.png", "d2.png")
    monkeypatch.chdir(tmp_path)
    lines = write(
        tmp_path,
        {
            "image_path": "a.png",
            "question_same": "Same?",
            "is_faithful": -1,
            "score": [1],
        },
        {"image_path": str(tmp_path / "b.png"), "image": "missing.png", "question_open": "What?", "is_faithful": 1},
        {"qid": 3, "image": "c.png", "ground_truth": {"modifications": [CAR | {"confidence": 0.5}]}, "is_faithful": 0},
        {"sample_id": "d", "original": "d1.png", "modified": "d2.png", "modifications": [], "layout": "diagonal"},
    )
    found = probed("--input_file", lines, "--image_dir", tmp_path)
    assert [pair.sample_id for pair in found.pairs] == [f"pairs/0000{n}_{name}" for n, name in enumerate("ab3d")]
    ((samples, _),) = read_pairs(found.pairs)
    assert [row["question"] for row in samples] == ["Same?", "What?", None, None]
    assert [row["is_faithful"] for row in samples] == [None, True, False, None]
    assert [[one["category"] for one in row["differences"]] for row in samples] == [[], [], ["car"], []]
    assert found.records["pairs/00000_a"]["score"] == [1]
    assert caplog.records == []


def test_a_relative_image_path_does_not_start_at_the_image_folder(tmp_path, monkeypatch):
    save_merged(tmp_path, "a.png")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    lines = write(tmp_path, {"image_path": "a.png"})
    with pytest.raises(UserError, match=r"none of 1 pairs can be used\n.*line 1: image_path: no such file"):
        probed("--input_file", lines, "--image_dir", tmp_path)


def test_a_line_that_cannot_be_used_costs_itself(tmp_path, caplog):
    save_merged(tmp_path, "a.png", "b.png")
    (tmp_path / "text.png").write_text("no image")
    lines = write(
        tmp_path,
        {"qid": "a", "image": "a.png"},
        "{broken",
        "[1]",
        {"qid": "none"},
        {"qid": "half", "original": "a.png"},
        {"qid": "missing", "image": "missing.png"},
        {"qid": "text", "image": "text.png"},
        "",
        {"qid": "b", "image": "b.png"},
    )
    assert ids("--input_file", lines) == ["pairs/00000_a", "pairs/00005_b"]  # numbered with the readable lines between
    (message,) = (record.getMessage() for record in caplog.records)
    assert message.startswith("pairs left out: 6\n")
    expected = {
        2: "not valid JSON",
        3: "not an object",
        4: "no image",
        5: "no image",
        6: "image: no such file",
        7: "image: not a readable image",
    }
    assert [f"{lines}: line {number}: {what}" in message for number, what in expected.items()] == [True] * 6


def test_of_many_errors_the_first_are_shown(tmp_path, caplog):
    save_merged(tmp_path, "a.png")
    lines = write(tmp_path, *["{"] * 13, {"image": "a.png"})
    assert ids("--input_file", lines) == ["pairs/00000_a"]
    message = caplog.records[0].getMessage()
    assert message.startswith("pairs left out: 13\n") and message.endswith("… and 3 more")
    assert message.count("not valid JSON") == 10


@pytest.mark.parametrize(
    ("stated", "what"),
    [
        ({"modifications": [CAR, {"type": "grown", "category": "cat"}]}, "modifications.1.type"),
        ({"modifications": "none"}, "modifications"),
        ({"ground_truth": ["car"]}, "modifications.0"),
        ({"ground_truth": {"modifications": [CAR | {"error": "timeout"}]}}, "modifications.0.error"),
        ({"modifications": [CAR], "is_faithful": "yes"}, "is_faithful: wrong value"),
        ({"modifications": [CAR], "is_faithful": [1]}, "is_faithful: wrong value"),
    ],
)
def test_a_truth_with_an_error_is_unknown_and_the_pair_stays(tmp_path, caplog, stated, what):
    save_merged(tmp_path, "a.png")
    (pair,) = probed("--input_file", write(tmp_path, {"image": "a.png"} | stated)).pairs
    assert pair.truth.is_faithful is None
    assert len(pair.truth.modifications) == ("is_faithful" in stated)
    message = caplog.records[0].getMessage()
    assert message.startswith("errors in truths and labels, which are used as unknown: 1\n")
    assert f"line 1: {what}" in message


def test_splits_and_ids_of_lines(tmp_path):
    save_merged(tmp_path, "a.png")
    lines = [
        {"split": "easy", "qid": 5, "image": "a.png"},
        {"split": "not a name", "qid": " x ", "image": "a.png"},
        {"split": "easy", "qid": True, "id": "i", "image": "a.png"},
        {"split": 3, "qid": "", "image": "a.png"},
    ]
    found = ids("--input_file", write(tmp_path, *lines))
    assert found == ["easy/00000_5", "pairs/00000_x", "easy/00001_i", "pairs/00001_a"]


def test_a_file_in_utf_16_is_refused(tmp_path):
    (tmp_path / "lines.jsonl").write_text("{}", encoding="utf-16")
    with pytest.raises(UserError, match="not in UTF-8"):
        probed("--input_file", tmp_path / "lines.jsonl")


def test_an_empty_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match="pairs: no pairs"):
        probed("--input_file", write(tmp_path, ""))


# ---- folders ---------------------------------------------------------------------------------------------------------


def test_folders_with_a_merged_image_alone_and_without_truth(tmp_path, caplog):
    for name in ("1", "10", "2"):
        (tmp_path / "multi_diff" / name).mkdir(parents=True)
        save_merged(tmp_path / "multi_diff" / name, "merged.jpg")
    write_pair_folder(tmp_path, "multi_diff", "3")
    (write_pair_folder(tmp_path, "multi_diff", "4") / "differences.json").unlink()
    (write_pair_folder(tmp_path, "multi_diff", "5") / "5_original.jpg").unlink()
    (write_pair_folder(tmp_path, "multi_diff", "6") / "differences.json").write_text("{")
    (tmp_path / "multi_diff" / "10" / "differences.json").write_text('{"layout": "stacked", "note": "no truth"}')
    failed = {"differences": [CAR | {"error": "timeout"}]}
    write_pair_folder(tmp_path, "multi_diff", "7", failed, "log.json")
    found = probed("--multi_diff_dir", tmp_path / "multi_diff")
    rows = {"1": 0, "2": 1, "3": 2, "4": 3, "6": 5, "7": 6, "10": 7}
    assert [pair.sample_id for pair in found.pairs] == [f"multi_diff/{n:05d}_{name}" for name, n in rows.items()]
    truths = {pair.image_id: len(pair.truth.modifications) for pair in found.pairs}
    assert truths == dict.fromkeys(rows, 0) | {"3": 1}
    assert [pair.layout for pair in found.pairs] == [None] * 6 + ["stacked"]
    left_out, without_truth = (record.getMessage() for record in caplog.records)
    assert left_out.startswith("pairs left out: 1\n") and "5: no pair of images" in left_out
    assert "unknown: 2\n" in without_truth
    assert "6/differences.json: not valid JSON" in without_truth and "7/log.json: modifications.0" in without_truth
    assert ids("--multi_diff_dir", tmp_path) == [pair.sample_id for pair in found.pairs]  # the folder of splits


def test_an_ambiguous_original_leaves_the_merged_image(tmp_path):
    folder = write_pair_folder(tmp_path, "multi_diff", "1")
    scene(60, 40).save(folder / "other_original.png")
    save_merged(folder, "merged.jpg")
    (pair,) = probed("--multi_diff_dir", tmp_path).pairs
    assert set(pair.images) == {"merged"}


def test_a_folder_of_merged_images(tmp_path, caplog):
    save_merged(tmp_path, "b.jpg", "a.png", "10.jpg", ".hidden.jpg")
    (tmp_path / "c.jpg").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    assert ids("--image-dir", tmp_path) == ["pairs/00000_10", "pairs/00001_a", "pairs/00002_b"]
    assert "c.jpg: an empty file" in caplog.text
    assert ids("--image-dir", tmp_path, "--max-samples", "2") == ["pairs/00000_10", "pairs/00001_a"]


# ---- labels ----------------------------------------------------------------------------------------------------------


def write_labels(folder, *results):
    (folder / "comparison.json").write_text(json.dumps({"model": "m", "results": results}))
    return folder / "comparison.json"


def label(image, is_contradictory=None, **more):
    return {"image": image, "is_contradictory": is_contradictory} | more


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    save_merged(folder, "a_2.jpg", "a_1.jpg", "a_0.png", "a.jpg", "b.jpg", "x[1]_1.jpg", "aa_1.jpg")
    write_pair_folder(folder, "easy", "c")
    (folder / "d").mkdir()
    save_merged(folder / "d", "merged.jpg")
    return folder


def test_images_are_found_as_the_original_finds_them(images, tmp_path):
    stated = {"a": True, "b": False, "c": True, "d": None, "x[1]": 1, "b.jpg": 0}
    labels = write_labels(tmp_path, *(label(name, value) for name, value in stated.items()))
    found = probed("--comparison_result", labels, "--image_dir", images)
    assert [pair.image_id for pair in found.pairs] == ["a", "b", "c", "d", "x[1]", "b.jpg"]
    paths = [
        (pair.images.get("merged") or pair.images["original"]).path.relative_to(images).as_posix()
        for pair in found.pairs
    ]
    assert paths == ["a_1.jpg", "b.jpg", "easy/c/c_original.jpg", "d/merged.jpg", "x[1]_1.jpg", "b.jpg"]
    by_image = {pair.image_id: found.contradictory[pair.sample_id] for pair in found.pairs}
    assert by_image == {name: bool(value) for name, value in stated.items()}
    assert found.imported is None


def test_missing_images_and_wrong_labels_are_counted(images, tmp_path, caplog):
    labels = write_labels(tmp_path, label("a"), label("z"), {"is_contradictory": True}, 7, label("b", "false"))
    assert ids("--comparison_result", labels, "--image_dir", images) == ["pairs/00000_a"]
    (message,) = (record.getMessage() for record in caplog.records)
    assert message.startswith("pairs left out: 4\n")
    for part in (
        "record 2: no image of this name",
        "z_*.jpg, z.jpg or the folder z, in",
        "record 3: no image",
        "record 4: no image",
        "record 5: is_contradictory: wrong value",
    ):
        assert part in message


@pytest.mark.parametrize("name", ["/z", "y/z", "../z", "x" * 300, "y/" + "中" * 100 + "/z", "nul\0z", "["])
def test_an_image_of_an_impossible_name_costs_its_record(images, tmp_path, caplog, name):
    labels = write_labels(tmp_path, label("a"), label(name))
    assert ids("--comparison_result", labels, "--image_dir", images) == ["pairs/00000_a"]
    (message,) = (record.getMessage() for record in caplog.records)
    assert message.startswith("pairs left out: 1\n") and "record 2: no image of this name" in message


def test_an_absolute_name_is_found_as_in_the_original(images, tmp_path):
    labels = write_labels(tmp_path, label(str(images / "a")))
    (pair,) = probed("--comparison_result", labels, "--image_dir", tmp_path).pairs
    assert pair.images["merged"].path.name == "a_1.jpg"


def test_max_samples_counts_usable_pairs_of_each_label(images, tmp_path):
    labels = write_labels(tmp_path, *(label(name, name in "zac") for name in "zabcd"))
    found = probed("--comparison_result", labels, "--image_dir", images, "--max_samples", 1)
    assert [pair.image_id for pair in found.pairs] == ["a", "b"]


def test_one_label_alone_is_enough(images, tmp_path):
    labels = write_labels(tmp_path, label("a", True))
    assert ids("--comparison_result", labels, "--image_dir", images) == ["pairs/00000_a"]
    with pytest.raises(UserError, match="pairs: no pairs"):
        probed("--comparison_result", write_labels(tmp_path), "--image_dir", images)


def test_answers_whose_image_is_missing_are_counted(images, tmp_path, caplog):
    answers = [{"qid": name, "response_same": "No."} for name in ("z", "b", "a", "aa")]
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    found = probed("--comparison_result", tmp_path / "answers.json", "--image_dir", images)
    assert merged_of(found) == ["b.jpg", "a.jpg", "aa_1.jpg"]  # an exact name comes first
    assert "pairs left out: 1\n" in caplog.text and "record 1: no image of this name" in caplog.text


# ---- samples by id ---------------------------------------------------------------------------------------------------


def test_samples_are_chosen_by_id(tmp_path, caplog):
    for split, name in (("easy", "1"), ("easy", "07"), ("hard", "x_1"), ("hard", "12")):
        write_pair_folder(tmp_path, split, name)
    (tmp_path / "hard" / "12" / "12_original.jpg").unlink()
    flags = ["--multi_diff_dir", tmp_path, "--sample-ids"]
    assert ids(*flags, "7, x_1,99,y,") == ["easy/00001_07", "hard/00001_x_1"]
    (message,) = (record.getMessage() for record in caplog.records)  # nothing about pair 12
    assert message == "--sample_ids that match no pair: 2 (99, y)"
    assert ids(*flags, "easy/00000_1,12") == ["easy/00000_1"]
    assert "pairs left out: 1\n" in caplog.text
    assert ids(*flags, "1,7", "--max_samples", 1) == ["easy/00000_1"]
    with pytest.raises(UserError, match="--sample_ids: no such pairs"):
        probed(*flags, "99")
    with pytest.raises(UserError, match="none of 1 pairs can be used"):
        probed(*flags, "12")
