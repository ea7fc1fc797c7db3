"""probe.py on JSONL files, folders and saved answers, used like the original's commands."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from dataset.own_files import line, save_pair, write_lines, write_pair_folder
from original.answer_files import ROOT, refused
from original.drawn_pairs import save_drawn_pairs
from PIL import Image

import probe
from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import RESPONSES, SAMPLES, TASKS
from spd_faith.inference.images import merge
from spd_faith.inference.prompts import load_prompts
from spd_faith.original.probe_pairs import read_probed_pairs
from spd_faith.original.probe_run import _write_pairs, run_probes
from spd_faith.original.probe_settings import ProbeSettings
from spd_faith.original.released_models import find_model
from spd_faith.probes.registry import PROBES

MODEL = "tiny-qwen2-vl-early"  # contradicts itself now and then


def run_anyway(script, *arguments):
    command = [sys.executable, ROOT / "workflow_scripts" / script, *map(str, arguments)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, cwd=ROOT)


def run(script, *arguments):
    done = run_anyway(script, *arguments)
    assert done.returncode == 0, done.stderr
    return done


def figures_of(folder):
    """Names of the figures, each saved as PDF and PNG."""
    found = {path.name for path in (folder / "figures").iterdir()} - {"contact_sheet.png"}
    names = {name.rsplit(".", 1)[0] for name in found}
    assert found == {f"{name}{kind}" for name in names for kind in (".pdf", ".png")}
    return names


# ---- errors before anything is loaded --------------------------------------------------------------------------------


@pytest.fixture
def error(tmp_path, monkeypatch):
    """The error message of the command; `{0}` in a flag is a folder with pairs.jsonl, an answer and an image."""
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "own"  # for the folders beside it count as splits
    folder.mkdir()
    (folder / "pictures").mkdir()
    Image.new("RGB", (20, 10)).save(folder / "pictures" / "7.png")
    line = {"qid": "7", "image": "7.png", "modifications": [{"type": "color", "category": "car"}]}
    (folder / "pairs.jsonl").write_text(json.dumps(line) + "\n")
    (folder / "answers.json").write_text(json.dumps([{"qid": "7", "response_same": "No."}]))
    (folder / "labels.json").write_text(json.dumps({"results": [{"image": "7", "is_contradictory": True}]}))
    files = {path.name for path in folder.iterdir()}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def message(flags):
        found = refused("probe.py", *flags.format(folder).split())
        assert {path.name for path in folder.iterdir()} == files
        return found

    return message


WHOLE = "--probes layer_changes --model tiny-qwen2-vl --input_file {0}/pairs.jsonl --image_dir {0}/pictures"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--probes layer_changes --model m --output_dir {0}/out", ["pairs: missing", "--input_file FILE"]),
        (f"{WHOLE} --multi-diff-dir {{0}} --output_dir {{0}}/out", ["pairs: given twice"]),
        (WHOLE, ["results: no output given", "--output_dir"]),
        (f"{WHOLE} --output_dir {{0}}/pairs.jsonl", ["results: not a folder", "pairs.jsonl"]),
        (f"{WHOLE} --output_file {{0}}/o.csv", ["--output_file: unknown file type", "allowed: .parquet, .json"]),
        (
            f"{WHOLE} --probes neuron_activation --output_file {{0}}/o.json",
            ["--output_file: no JSON file of this probe", "--output_dir FOLDER --json"],
        ),
        (
            f"{WHOLE} --probes grounding --output_dir {{0}}/out --json",
            ["--json: no JSON form of this probe", "found:   'grounding'", "hidden_similarity"],
        ),
        (f"{WHOLE} --visualize-path {{0}}/o.svg", ["--output_pdf: unknown file type", "allowed: .pdf, .png"]),
        (
            f"{WHOLE} --probes layer_changes grounding --output_file {{0}}/o.parquet",
            ["--output_file: one file cannot hold several probes", "layer_changes, grounding"],
        ),
        (f"{WHOLE} --output_dir {{0}}/out --max-samples 0", ["--max_samples: too small"]),
        (f"{WHOLE} --output_dir {{0}}/out --max-new-tokens 0", ["--max_new_tokens: out of range", "1 to 32,768"]),
        (f"{WHOLE} --output_dir {{0}}/out --device gpu", ["--device: unknown device", "cuda:0"]),
        (f"{WHOLE} --output_dir {{0}}/out --device cuda:0", ["--device: no such device here", "allowed: cpu"]),
        (f"{WHOLE} --output_dir {{0}}/out --sample-ids 8,9", ["--sample_ids: no such pairs", "found:   '8, 9'"]),
        (f"{WHOLE} --output_dir {{0}}/out --layer-start 3 --layer-end 2", ["no layers", "(3, 2)"]),
        (f"{WHOLE} --output_dir {{0}}/out --layer-start -1", ["no layers", "(-1, None)"]),
        (
            f"{WHOLE} --output_dir {{0}}/out --model tiny-qwen-vl",
            ["tiny-qwen-vl: no such model", "nearest: tiny-qwen2-vl"],
        ),
        (f"{WHOLE} --output_dir {{0}}/out --model gpt-4o", ["gpt-4o.backend: not what this command takes"]),
        (f"{WHOLE} --output_dir {{0}}/out --image_dir {{0}}", ["none of 1 pairs", "line 1: image: no such", "7.png"]),
        (f"{WHOLE} --output_dir {{0}}/out --prompts {{0}}", ["describe.txt: no such prompt"]),
        (
            "--probes layer_changes --model tiny-qwen2-vl --multi_diff_dir {0} --output_dir {0}/out",
            ["pictures: no pair of images", "merged.jpg"],
        ),
        (
            f"{WHOLE} --probes hidden_similarity --comparison_result {{0}}/answers.json --output_dir {{0}}/out",
            ["no record has response_different, and hidden_similarity compares the two answers"],
        ),
        (
            f"{WHOLE} --probes hidden_similarity --comparison_result {{0}}/labels.json --output_dir {{0}}/out",
            ["--comparison_result: its images are looked up in a folder", "--image_dir FOLDER, without --input_file"],
        ),
    ],
)
def test_errors_are_reported_before_anything_is_loaded(error, flags, words):
    message = error(flags)
    assert all(word in message for word in words), message


def test_all_errors_in_the_flags_are_reported_at_once(error):
    message = error(
        "--probes layer_changes --model m --in-file-path {0}/no.jsonl --image-dir {0}/none"
        " --comparison-result {0}/no.json --max_samples 0 --output_file {0}/o.csv"
    )
    for part in ("no.jsonl", "none", "no.json'", "--max_samples", "--output_file"):
        assert part in message


def settings_of(*flags):
    """The settings that the command is given by the flags."""
    needed = ["--probes", "layer_changes", "--model", MODEL, "--output_dir", "nowhere"]
    return ProbeSettings(**vars(probe._parser().parse_args([*needed, *map(str, flags)])))


def pairs_of(*flags):
    """Sample ids of the pairs that the flags name."""
    return [pair.sample_id for pair in read_probed_pairs(settings_of(*flags)).pairs]


def test_one_layer_is_a_range():
    settings_of("--image_dir", ROOT / "tests", "--layer-start", "2", "--layer-end", "2").check()


def test_images_of_a_jsonl_file_can_be_in_another_folder(tmp_path):
    entry = write_lines(tmp_path / "pictures", line("7"))
    lines = Path(entry.path).rename(tmp_path / "pairs.jsonl")
    flags = ["--input-file", lines, "--image-dir", tmp_path / "pictures"]
    assert pairs_of(*flags) == ["pairs/00000_7"]


BESIDE = [60, 10, 20, 10]  # the images that `save_pair` writes by default have 60 × 40 pixels
INSIDE = [5, 5, 20, 10]


@pytest.mark.parametrize("is_merged", [False, True])
def test_a_box_outside_its_image_is_unknown_and_its_pair_stays(tmp_path, caplog, is_merged):
    """Of two images known before they are decoded, of a merged one when it is cut."""
    save_pair(tmp_path, "a.png", "b.png")
    if is_merged:
        merge(*(Image.open(tmp_path / name) for name in ("a.png", "b.png"))).save(tmp_path / "merged.png")
    images = {"image": "merged.png", "layout": "stacked"} if is_merged else {"original": "a.png", "modified": "b.png"}
    modifications = [
        {"type": "position", "category": "car", "bbox": INSIDE, "bbox_after": BESIDE},
        {"type": "color", "category": "dog", "bbox": [-2, 0, 9, 9], "bbox_after": INSIDE},
        {"type": "remove", "category": "cat", "bbox": [-0.5, 0, 61, 40.5]},  # larger than the image by half a pixel
    ]
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"qid": "7", **images, "modifications": modifications}) + "\n")
    probed = read_probed_pairs(settings_of("--input-file", tmp_path / "pairs.jsonl"))
    assert _write_pairs(tmp_path, probed.pairs, {}) == ["pairs/00000_7"]
    [sample] = read_table(tmp_path / "samples.parquet", SAMPLES).to_pylist()
    inside, large = (dict(zip("xywh", map(float, box), strict=True)) for box in (INSIDE, modifications[2]["bbox"]))
    found = [(one["category"], one["bbox"], one["bbox_after"]) for one in sample["differences"]]
    assert found == [("car", inside, None), ("dog", None, inside), ("cat", large, None)]
    [message] = [record.getMessage() for record in caplog.records]
    assert message.startswith("boxes outside their image, which are used as unknown: 2\n")
    assert "line 1: modifications.0.bbox_after: outside the image" in message
    assert "line 1: modifications.1.bbox: outside the image" in message


def test_what_needs_a_box_outside_the_image_has_a_status(tmp_path):
    """Of a pair whose only box is not in its image; everything else is measured."""
    save_pair(tmp_path, "a.png", "b.png")
    pair = {"qid": "7", "original": "a.png", "modified": "b.png"}
    pair |= {"modifications": [{"type": "color", "category": "car", "bbox": BESIDE}]}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    flags = ["--probes", "layer_changes", "grounding", "causal_patching", "--model", MODEL]
    flags += ["--input_file", str(tmp_path / "pairs.jsonl"), "--output_dir", str(tmp_path / "out")]
    settings = ProbeSettings(**vars(probe._parser().parse_args(flags)))
    entry = find_model(settings.model_name, ROOT / "config" / "models.yaml")
    run_probes(settings, entry, load_prompts(ROOT / "resources" / "prompts"), read_probed_pairs(settings))
    tables = {name: pd.read_parquet(settings.folder / f"{name}.parquet") for name in settings.probes}
    assert {name: set(table["status"]) for name, table in tables.items()} == {
        "layer_changes": {"ok"},
        "grounding": {"no_boxes"},
        "causal_patching": {"no_boxes"},
    }
    assert set(tables["layer_changes"]["task"]) == set(TASKS)


def test_max_samples_counts_over_all_splits(tmp_path):
    for split, name in (("easy", "1"), ("easy", "2"), ("hard", "1"), ("hard", "2")):
        write_pair_folder(tmp_path, split, name)
    first = ["easy/00000_1", "easy/00001_2", "hard/00000_1"]
    assert pairs_of("--multi_diff_dir", tmp_path, "--max_samples", 3) == first
    assert pairs_of("--image_dir", tmp_path, "--max_samples", 3) == first


def test_max_samples_counts_pairs_that_are_answered(tmp_path):
    for name in "1234":
        write_pair_folder(tmp_path, "easy", name)
    records = [{"qid": name, "response_same": "No."} for name in "432"]
    (tmp_path / "answers.json").write_text(json.dumps(records))
    flags = ["--image_dir", tmp_path / "easy", "--comparison_result", tmp_path / "answers.json"]
    assert pairs_of(*flags, "--max_samples", 2) == ["easy/00001_2", "easy/00002_3"]


# ---- JSONL files, as for analyze_layer_changes.py and neuron_activation.py -------------------------------------------


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    return folder, save_drawn_pairs(folder, 10)


@pytest.fixture(scope="module")
def of_lines(drawn, tmp_path_factory):
    """Results of a run on the first nine of ten lines, with the flags of analyze_layer_changes.py."""
    folder, _ = drawn
    output = tmp_path_factory.mktemp("lines")
    flags = ["--input_file", folder / "pairs.jsonl", "--image_dir", folder / "pictures", "--max_samples", 9]
    flags += ["--output_file", output / "O.parquet", "--output_pdf", output / "P.pdf", "--model_path", MODEL]
    return output, run("probe.py", "--probes", "layer_changes", *flags)


@pytest.mark.slow
def test_a_jsonl_file_gives_measures_table_and_figures(of_lines, drawn):
    output, done = of_lines
    table = read_table(output / "O.parquet", PROBES["layer_changes"].schema).to_pandas()
    expected = [f"pairs/{number:05d}_{name}" for number, name in enumerate(drawn[1][:9])]
    assert set(table[["sample_id", "task", "layer"]].itertuples(index=False, name=None)) == {
        (sample_id, task, layer) for sample_id in expected for task in TASKS for layer in range(4)
    }
    assert len(table) == 9 * 3 * 4
    assert set(table["status"]) == {"ok"} and set(table["greedy_agreement"]) == {1.0}
    assert (output / "O" / "layer_changes.parquet").read_bytes() == (output / "O.parquet").read_bytes()
    assert figures_of(output / "O") == {
        f"{figure}_{contrast}"
        for figure in ("layer_changes", "effect_sizes")
        for contrast in ("faithfulness", "consistency")
    }
    pages = re.findall(rb"/Type /Page\b", (output / "P.pdf").read_bytes())
    assert len(pages) == 4
    assert "trained to point" in done.stderr and "own questions are kept" in done.stderr
    assert "fontTools" not in done.stderr and "pruned" not in done.stderr
    provenance = read_provenance(output / "O.parquet")
    assert (provenance["answers"], provenance["dtype"]) == ("generated", "float32")


@pytest.mark.slow
def test_labels_in_the_file_win_over_the_judge(of_lines):
    groups = pd.read_parquet(of_lines[0] / "O" / "groups.parquet")
    found = groups[groups["contrast"] == "faithfulness"][["group", "reason"]].itertuples(index=False, name=None)
    for number, row in enumerate(found):
        if number % 3 < 2:
            assert row == (("unfaithful", "faithful")[number % 3], "sample_label")
        else:
            assert row[1] in ("drf", "drf_between")


@pytest.mark.slow
def test_the_workflow_s_command_measures_the_same(of_lines, tmp_path):
    """run_probes.py on the samples, images and answers that the run wrote."""
    made = of_lines[0] / "O"
    flags = ["--samples", made / "samples.parquet", "--images", made / "images.parquet", "--model", MODEL]
    flags += ["--responses", made / "responses.parquet", "--output-folder", tmp_path, "--probes", "layer_changes"]
    run("run_probes.py", *flags)
    keys = ["sample_id", "task", "layer"]
    by_rule, here = (
        pd.read_parquet(path).sort_values(keys, ignore_index=True)
        for path in (tmp_path / "layer_changes.parquet", of_lines[0] / "O.parquet")
    )
    pd.testing.assert_frame_equal(by_rule, here, check_exact=True)


@pytest.mark.slow
def test_another_probe_asks_nothing_again(of_lines, drawn, tmp_path):
    output = shutil.copytree(of_lines[0], tmp_path / "copy")
    before = pd.read_parquet(output / "O" / "responses.parquet")
    flags = ["--in_file_path", drawn[0] / "pairs.jsonl", "--image_dir", drawn[0] / "pictures", "--max_samples", 4]
    flags += ["--pretrained_model_path", MODEL, "--output_dir", output / "O", "--visualize_path", output / "V.png"]
    done = run("probe.py", "--probes", "neuron_activation", *flags)
    assert "Answers: 0/0" in done.stderr
    after = pd.read_parquet(output / "O" / "responses.parquet")
    assert after["sample_id"].nunique() == 4
    pd.testing.assert_frame_equal(before.merge(after[["sample_id", "task"]])[after.columns], after)
    assert len(read_table(output / "O" / "neuron_activation.parquet", PROBES["neuron_activation"].schema)) == 4 * 3 * 4
    contrasts = pd.read_parquet(output / "O" / "contrasts.parquet")
    assert set(contrasts["probe"]) == {"answer_length", "neuron_activation"}  # without the table of the earlier run
    with Image.open(output / "V.png") as sheet:
        assert sheet.width == 4 * 500 + 5 * 24


# ---- folders, as for layer_analysis_generation.py --------------------------------------------------------------------


@pytest.mark.slow
def test_a_folder_gives_attention_of_the_named_layers(drawn, tmp_path):
    folder, names = drawn
    flags = ["--multi-diff-dir", folder / "released" / "multi_diff", "--max-samples", 3, "--output-dir", tmp_path]
    flags += ["--layer-start", 1, "--layer-end", 2, "--model-path", ROOT / "resources" / "models" / "tiny-qwen2-vl"]
    run("probe.py", "--probes", "generation_attention", *flags)
    table = read_table(tmp_path / "generation_attention.parquet", PROBES["generation_attention"].schema).to_pandas()
    assert list(table["sample_id"].unique()) == [f"multi_diff/{n:05d}_{name}" for n, name in enumerate(names[:3])]
    assert set(table["layer"]) == {1, 2}
    shares = table[["sink", "system", "picture_1", "picture_2", "user", "answer"]].sum(axis=1)
    assert (shares - 1).abs().max() < 1e-5
    assert figures_of(tmp_path) == {
        *("attention_by_step", "attention_by_layer", "attention_of_sample"),
        *("effect_sizes_faithfulness", "effect_sizes_consistency"),
    }


@pytest.mark.slow
def test_maps_are_drawn_for_the_first_answer_of_a_split(drawn, tmp_path):
    folder, names = drawn
    flags = ["--multi_diff_dir", folder / "released", "--max_samples", 2, "--output_pdf", tmp_path / "maps.pdf"]
    run("probe.py", "--probes", "token_activation_map", *flags, "--model", "tiny-qwen2-vl")
    assert figures_of(tmp_path / "maps") == {f"overlays_describe_multi_diff_00000_{names[0]}"}
    assert not (tmp_path / "maps" / "contrasts.parquet").exists()  # nothing by layer to contrast
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "maps.pdf").read_bytes())) == 1


@pytest.mark.slow
def test_a_layer_that_the_model_does_not_have_is_reported(drawn, tmp_path):
    flags = ["--model", "tiny-qwen2-vl", "--multi-diff-dir", drawn[0] / "released", "--output-dir", tmp_path / "o"]
    done = run_anyway("probe.py", "--probes", "layer_changes", "--layer-start", 4, "--max_samples", 1, *flags)
    assert done.returncode == 1
    assert "--layer_start: no such layer" in done.stderr and "0 to 3" in done.stderr
    assert "Traceback" not in done.stderr


# ---- saved answers, as for eval_cosine.py ----------------------------------------------------------------------------


@pytest.mark.slow
def test_saved_answers_are_probed_as_their_texts(of_lines, drawn, tmp_path):
    """Texts that the model generated give the generated tokens without the end token, and the pass agrees."""
    made = read_table(of_lines[0] / "O" / "responses.parquet", RESPONSES).to_pandas()
    words = dict(zip(TASKS, ("model_response", "response_same", "response_different"), strict=True))
    records = {}
    for row in made.itertuples():
        record = records.setdefault(row.sample_id, {"sample_id": row.sample_id.split("_", 1)[1]})
        record[words[row.task]] = row.response_text
    first, second, *rest = records.values()
    del first["response_same"], second["model_response"]
    records = [first, second | {"is_faithful": 0}, *rest]
    (tmp_path / "comparison.json").write_text(json.dumps({"model": "somebody's", "responses": records}))
    flags = ["--comparison_result", tmp_path / "comparison.json", "--image_dir", drawn[0] / "pictures" / "merged"]
    flags += ["--max_samples", 5, "--layout", "side_by_side", "--model", MODEL, "--output_dir", tmp_path / "out"]
    run("probe.py", "--probes", "hidden_similarity", *flags)

    table = read_table(tmp_path / "out" / "hidden_similarity.parquet", PROBES["hidden_similarity"].schema).to_pandas()
    statuses = table.groupby("sample_id")["status"].agg(["first", "size"]).itertuples(index=False, name=None)
    assert list(statuses) == [("no_answer", 1), *[("ok", 4)] * 4]
    assert set(table["greedy_agreement"].dropna()) == {1.0}
    assert read_provenance(tmp_path / "out" / "hidden_similarity.parquet")["answers"].endswith("tokenised")
    probed = read_table(tmp_path / "out" / "responses.parquet", RESPONSES).to_pandas()
    generated = made.set_index(["sample_id", "task"])["response_token_ids"]
    answered = probed[probed["error"].isna()]
    assert len(answered) == 5 * 3 - 2
    for row in answered.itertuples():
        assert list(row.response_token_ids) == list(generated[row.sample_id, row.task])[:-1]
    groups = pd.read_parquet(tmp_path / "out" / "groups.parquet").set_index(["contrast", "sample_id"])
    reasons = groups.loc["faithfulness"]["reason"].to_list()
    assert reasons == ["drf_unscored", "answer_label", *["drf_unscored"] * 3]  # the file states no truths
    assert groups.loc["consistency"]["reason"].to_list() == ["verdict_unclear", *["verdicts"] * 4]
