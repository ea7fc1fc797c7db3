"""Runs of probe.py on the benchmark's kinds of files, with one loaded reference model, and the JSON that they write."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from original.answer_files import ROOT
from original.drawn_pairs import save_drawn_pairs
from PIL import Image

import probe
from spd_faith.core.errors import UserError
from spd_faith.inference.backends import open_transformers
from spd_faith.inference.named_models import named_model
from spd_faith.original import probe_results, probe_run

MODEL = "tiny-qwen2-vl-early"  # contradicts itself now and then
LAYERS = ["0", "1", "2", "3"]


@pytest.fixture(scope="module")
def run():
    """Runs probe.py in this process, with the model loaded once and without figures."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(ROOT)
        patched.setenv("CUDA_VISIBLE_DEVICES", "")
        with open_transformers(named_model(MODEL, Path("config/models.yaml")), 1) as answerer:

            @contextmanager
            def opened(entry, threads, device):
                assert (entry.model, device) == (answerer.checkpoint.entry.model, None)
                yield answerer

            patched.setattr(probe_run, "open_transformers", opened)
            patched.setattr(probe_results, "_save_figures", lambda *_: None)

            def command(*flags):
                with patch("sys.argv", ["probe.py", "--model", MODEL, *map(str, flags)]):
                    probe.main()
                return answerer

            yield command


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Five pairs: merged images flat/{id}_1.jpg, folders of pairs, and ids."""
    folder = tmp_path_factory.mktemp("drawn")
    names = save_drawn_pairs(folder, 5)
    (folder / "flat").mkdir()
    for name in names:
        merged = Image.open(folder / "pictures" / "merged" / f"{name}.png").convert("RGB")
        merged.save(folder / "flat" / f"{name}_1.jpg", quality=95)
    return folder, names


def read(path):
    return json.loads(path.read_text())


def table(folder, name, task=None):
    rows = pd.read_parquet(folder / f"{name}.parquet")
    return rows if task is None else rows[rows["task"] == task]


# ---- lines -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_lines(run, drawn, tmp_path_factory):
    """Results of lines in the released forms: three usable ones, one without an image, two with a bad one."""
    folder, names = drawn
    output = tmp_path_factory.mktemp("lines")
    flat = folder / "flat"
    whole = bytearray((folder / "pictures" / "merged" / f"{names[3]}.png").read_bytes())
    whole[1000:1200] = bytes(200)
    (flat / "damaged.png").write_bytes(whole)
    Image.new("RGB", (80, 40), "grey").save(flat / "grey.jpg")
    layout = {"layout": "side_by_side"}
    lines = [
        {"qid": "one", "image": f"{names[0]}_1.jpg", "is_faithful": 0, "note": "kept"} | layout,
        {"image_path": str(flat / f"{names[1]}_1.jpg"), "question_same": "Same?", "is_faithful": 1} | layout,
        {"image": "missing.jpg"},
        {"image": f"{names[2]}_1.jpg", "is_faithful": -1} | layout,
        {"image": "grey.jpg"},
        {"image": "damaged.png"} | layout,
    ]
    (output / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    flags = ["--input_file", output / "lines.jsonl", "--image_dir", flat]
    run("--probes", "layer_changes", *flags, "--output_file", output / "out" / "X.json", "--layer-end", 9)
    run("--probes", "neuron_activation", *flags, "--visualize_path", output / "V.pdf", "--json")
    return output, lines


def test_layer_changes_as_released(of_lines):
    output, lines = of_lines
    found = read(output / "out" / "X.json")
    assert [(one["image"], one["is_faithful"]) for one in found] == [
        (lines[0]["image"], 0),
        (Path(lines[1]["image_path"]).name, 1),
        (lines[3]["image"], -1),
    ]
    rows = table(output / "out" / "X", "layer_changes", "same")
    columns = {
        "mha_change": "attention_change",
        "ffn_change": "ffn_change",
        "mha_relative": "attention_relative_of_means",
        "ffn_relative": "ffn_relative_of_means",
        "mha_cosine": "attention_cosine",
        "ffn_cosine": "ffn_cosine",
        "kl_attn_ffn": "kl_attention_ffn",
    }
    for one, sample_id in zip(found, ["pairs/00000_one", f"pairs/00001_{found[1]['image'][:-4]}", None], strict=True):
        assert list(one["layer_changes"]) == LAYERS
        if sample_id:
            of_sample = rows[rows["sample_id"] == sample_id].set_index("layer")
            for layer, values in one["layer_changes"].items():
                assert values == {key: float(of_sample.loc[int(layer), name]) for key, name in columns.items()}


def test_neuron_activation_as_released(of_lines):
    output, lines = of_lines
    found = [json.loads(line) for line in (output / "V_data.jsonl").read_text().splitlines()]
    shares = table(output / "V", "neuron_activation", "same").groupby("sample_id", sort=False)["active_share_of_sum"]
    expected = [list(map(float, values)) for _, values in shares]
    assert [line.pop("activations_avg") for line in found] == expected
    assert found == [lines[number] for number in (0, 1, 3)]


def test_what_a_run_leaves_out_is_said(run, drawn, of_lines, tmp_path, caplog):
    """A missing image is found before the images are read, an unclear seam or damage when they are."""
    flags = ["--input_file", of_lines[0] / "lines.jsonl", "--image_dir", drawn[0] / "flat"]
    run("--probes", "layer_changes", *flags, "--output_dir", tmp_path, "--layer-end", "9", "--max_samples", 5)
    messages = [record.getMessage() for record in caplog.records]
    first, second = (message for message in messages if message.startswith("pairs left out: "))
    assert first.startswith("pairs left out: 1\n") and "line 3: image: no such file" in first
    assert second.startswith("pairs left out: 2\n")
    assert "line 5: image: unknown layout" in second and "line 6: image: cannot be decoded" in second
    assert "--layer_end 9: the model's last layer is 3" in messages
    for name in ("samples", "images", "responses", "layer_changes"):
        assert table(tmp_path, name)["sample_id"].nunique() == 3


def test_images_that_cannot_be_read_at_all_are_an_error(run, drawn, of_lines, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("damaged.png", "grey.jpg"):
        shutil.copy(drawn[0] / "flat" / name, tmp_path / "in")
    flags = ["--probes", "layer_changes", "--image-dir", tmp_path / "in", "--output_dir", tmp_path / "out"]
    with pytest.raises(UserError, match="none of 2 pairs can be used\n") as raised:
        run(*flags)
    assert "damaged.png: cannot be decoded" in str(raised.value)
    assert "grey.jpg: unknown layout" in str(raised.value)


# ---- folders ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_folders(run, drawn, tmp_path_factory):
    """Attention and grounding of three folders with a merged image alone; the model; the folder of results."""
    folder = tmp_path_factory.mktemp("folders")
    for number, name in enumerate(drawn[1][:3]):
        (folder / "in" / str(number)).mkdir(parents=True)
        shutil.copy(drawn[0] / "flat" / f"{name}_1.jpg", folder / "in" / str(number) / "merged.jpg")
    flags = ["--multi-diff-dir", folder / "in", "--sample-ids", "0,2", "--layout", "side_by_side", "--json"]
    flags += ["--layer-start", 1, "--layer-end", 2, "--output-dir", folder / "out"]
    return run("--probes", "generation_attention", "grounding", *flags), folder / "out"


def test_attention_needs_no_truth_and_grounding_says_so(of_folders):
    _, output = of_folders
    attention, grounding = table(output, "generation_attention"), table(output, "grounding")
    assert set(attention["sample_id"]) == set(grounding["sample_id"]) == {"in/00000_0", "in/00002_2"}
    assert set(attention["status"]) == {"ok"}
    assert set(grounding["status"]) == {"no_boxes"}


def test_generation_attention_as_released(of_folders):
    answerer, output = of_folders
    assert sorted(path.name for path in output.glob("*.json")) == [
        f"sample_{name}_generation_data.json" for name in "02"
    ]
    found = read(output / "sample_2_generation_data.json")
    assert (found["sample_id"], found["question"].splitlines()[0]) == ("2", "Are the two pictures the same?")
    responses = table(output, "responses", "same").set_index("sample_id").loc["in/00002_2"]
    answer = "".join(found["generated_tokens"])
    assert answer.startswith(responses["response_text"])
    assert len(found["generated_tokens"]) == responses["generated_tokens"]
    rows = table(output, "generation_attention", "same").set_index("sample_id").loc["in/00002_2"]
    assert list(found["attention_data"]) == ["1", "2"]
    for layer, tokens in found["attention_data"].items():
        of_layer = rows[rows["layer"] == int(layer)]
        names = {"attn_sys": "published_system", "attn_img": "published_visual", "attn_user": "published_user"}
        for key, name in names.items():
            assert [one[key] for one in tokens] == list(map(float, of_layer[name]))
        assert [one["token"] for one in tokens] == found["generated_tokens"]
        np.testing.assert_allclose([sum(one[key] for key in names) for one in tokens], 1, atol=1e-5)
    before, _, _ = rendered(answerer, found["question"]).partition(answerer.builder.processor.image_token)
    lengths = {"sys_len": len(answerer.builder.tokenizer(before)["input_ids"]), "img_len": 2 * 16}
    assert found["input_info"] == lengths | {"input_len": responses["prompt_tokens"]}


def rendered(answerer, question):
    content = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": question}]
    messages = [{"role": "user", "content": content}]
    return answerer.builder.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def test_a_folder_of_images_is_asked_what_differs(run, drawn, tmp_path):
    flags = ["--image-dir", drawn[0] / "flat", "--sample-ids", f"{drawn[1][0]}_1", "--layout", "side_by_side", "--json"]
    run("--probes", "generation_attention", *flags, "--output-dir", tmp_path)
    found = read(tmp_path / f"sample_{drawn[1][0]}_1_generation_data.json")
    assert found["question"].startswith("How many differences are there")
    described = table(tmp_path, "responses", "describe").iloc[0]
    assert "".join(found["generated_tokens"]).startswith(described["response_text"][:20])


def test_samples_with_one_id_get_a_file_each(run, drawn, tmp_path):
    image = f"{drawn[1][0]}_1.jpg"
    line = {"qid": "a/b", "image": image, "layout": "side_by_side"}
    (tmp_path / "lines.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(line | {'qid': 'a_b'})}\n")
    flags = ["--input_file", tmp_path / "lines.jsonl", "--image_dir", drawn[0] / "flat", "--output-dir", tmp_path / "o"]
    run("--probes", "generation_attention", *flags, "--json")
    names = sorted(path.name for path in (tmp_path / "o").glob("*.json"))
    assert names == [f"sample_pairs_{row}_generation_data.json" for row in ("00000_a_b", "00001_a_b")]


# ---- labels ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_labels(run, drawn, tmp_path_factory):
    """Results of a file of labels; each says the opposite of the verdicts of its pair."""
    folder, names = drawn
    output = tmp_path_factory.mktemp("labels")
    flags = ["--probes", "hidden_similarity", "--image_dir", folder / "flat", "--layout", "side_by_side", "--json"]
    results = [{"image": name} for name in names]
    for step in ("first", "second"):
        (output / f"{step}.json").write_text(json.dumps({"results": results}))
        run(*flags, "--comparison_result", output / f"{step}.json", "--output_dir", output / step)
        verdicts = verdicts_of(output / step)
        results = [
            {"image": name, "is_contradictory": same == different, "contradiction_type": "both"}
            for name, (same, different) in zip(names, verdicts, strict=True)
        ]
    return output / "second", names, [one["is_contradictory"] for one in results]


def verdicts_of(folder):
    """("the same?" says yes, "different?" says no) of each sample."""
    texts = table(folder, "responses").set_index(["task", "sample_id"])["response_text"].str.lower()
    return list(zip(texts["same"].str.startswith("yes"), texts["different"].str.startswith("no"), strict=True))


def test_labels_decide_the_groups_of_the_consistency_contrast(of_labels):
    output, _, contradictory = of_labels
    groups = table(output, "groups").set_index("contrast")
    expected = ["contradictory" if label else "consistent" for label in contradictory]
    assert list(groups.loc["consistency"]["group"]) == expected
    assert set(groups.loc["consistency"]["reason"]) == {"comparison_label"}
    assert set(groups.loc["faithfulness"]["reason"]) == {"drf_unscored"}
    assert {True, False} == set(contradictory)


def test_hidden_similarity_as_released(of_labels):
    output, names, contradictory = of_labels
    found = read(output / f"{MODEL}_faithfulness_analysis.json")
    assert list(found) == ["model", "contradictory_samples", "faithful_samples", "statistics"]
    assert found["model"] == MODEL
    by_label = {
        True: {name for name, label in zip(names, contradictory, strict=True) if label},
        False: {name for name, label in zip(names, contradictory, strict=True) if not label},
    }
    assert {one["sample_id"] for one in found["contradictory_samples"]} == by_label[True]
    assert {one["contradiction_type"] for one in found["contradictory_samples"]} == {"both"}
    assert {one["image"] for one in found["faithful_samples"]} == {f"{name}_1.jpg" for name in by_label[False]}
    assert all("sample_id" not in one for one in found["faithful_samples"])

    rows = table(output, "hidden_similarity")
    texts = table(output, "responses").set_index(["task", "sample_id"])["response_text"]
    layers = {
        "hs_cosine_similarity": "cosine_released",
        "icr_same": "icr_simple_released_same",
        "icr_diff": "icr_simple_released_different",
    }
    for one in found["contradictory_samples"]:
        sample_id = f"pairs/{names.index(one['sample_id']):05d}_{one['sample_id']}"
        of_sample = rows[rows["sample_id"] == sample_id]
        assert {key: one[key] for key in layers} == {
            key: list(map(float, of_sample[name])) for key, name in layers.items()
        }
        assert one["output_same"] == texts["same", sample_id]
        assert one["output_different"] == texts["different", sample_id]
        divergence = np.mean(np.abs(np.subtract(one["icr_same"], one["icr_diff"])))
        assert one["icr_divergence"] == pytest.approx(divergence, rel=1e-5)
        assert one["avg_cosine_similarity"] == float(of_sample["sample_cosine_released"].iloc[0])
        expected = one["avg_cosine_similarity"] * (1 - min(divergence, 1))
        assert one["faithfulness_score"] == pytest.approx(expected, rel=1e-4)

    for group, samples in (("contradictory", "contradictory_samples"), ("faithful", "faithful_samples")):
        means = {
            "avg_cosine_sim": "avg_cosine_similarity",
            "avg_icr_divergence": "icr_divergence",
            "avg_faithfulness_score": "faithfulness_score",
        }
        expected = {key: np.mean([one[name] for one in found[samples]]) for key, name in means.items()}
        assert found["statistics"][group] == pytest.approx(expected)


def test_given_answers_keep_their_length(run, drawn, tmp_path, caplog):
    """--max_new_tokens says that it changes nothing; an answer without a clear verdict is counted."""
    caplog.set_level("INFO")
    folder, names = drawn
    texts = [("Yes, the two pictures are the same.", "Yes, the two pictures are different."), ("Maybe.", "Perhaps.")]
    answers = [
        {"qid": name, "response_same": same, "response_different": different}
        for name, (same, different) in zip(names, texts, strict=False)
    ]
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    flags = ["--comparison_result", tmp_path / "answers.json", "--image_dir", folder / "flat", "--max-new-tokens", 2]
    flags += ["--layout", "side_by_side", "--output_dir", tmp_path / "out", "--json"]
    run("--probes", "hidden_similarity", *flags)
    messages = [record.getMessage() for record in caplog.records]
    assert "--max_new_tokens changes nothing: the answers are given" in messages
    assert "hidden_similarity: samples with an unclear verdict, which are not in the JSON: 1" in messages
    found = read(tmp_path / "out" / f"{MODEL}_faithfulness_analysis.json")
    assert [one["output_same"] for one in found["contradictory_samples"]] == [texts[0][0]]
    assert (found["faithful_samples"], found["statistics"]["faithful"]) == ([], {})


def test_samples_without_numbers_are_counted(run, drawn, tmp_path, caplog):
    answers = [{"qid": drawn[1][0], "response_different": "No."}, {"qid": drawn[1][1], "response_same": "No."}]
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    flags = ["--comparison_result", tmp_path / "answers.json", "--image_dir", drawn[0] / "flat"]
    run("--probes", "layer_changes", *flags, "--layout", "side_by_side", "--output_dir", tmp_path / "out", "--json")
    assert [one["image"] for one in read(tmp_path / "out" / "layer_changes.json")] == [f"{drawn[1][1]}_1.jpg"]
    assert "layer_changes: samples without numbers, which are not in the JSON: 1" in caplog.text
