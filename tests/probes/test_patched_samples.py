"""causal_patching on models and images: what it measures of a sample, and why one cannot be measured."""

from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest
import torch
from probes.probed import ROOT, entry, load_probed, read_along

from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import IMAGES, TASKS
from spd_faith.dataset.demo import demo_pairs, encode_png, image_row, sample_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import QuestionId
from spd_faith.probes.causal_patching import CausalPatching
from spd_faith.probes.measuring import measure_probes
from spd_faith.probes.patching.base_run import PatchingUnsupported
from spd_faith.probes.patching.patched_samples import measure_samples
from spd_faith.probes.patching.said import said
from spd_faith.probes.probe import ModelRun
from spd_faith.probes.samples import SavedAnswer
from spd_faith.probes.token_sets import TOKEN_SETS

PROMPTS = load_prompts(ROOT / "resources" / "prompts")
MODELS = [("tiny-qwen2-vl", "pair"), ("tiny-qwen2-vl-loose", "pair"), ("tiny-llava", "merged")]
LAYERS = range(-1, 4)


@cache
def loaded(name, layout, dtype="float32"):
    """The reference model, with room for whole answers."""
    return load_probed(entry(ROOT / "resources" / "models" / name, layout, dtype, max_new_tokens=200))


@cache
def drawn():
    """Two pairs of the demo dataset with one difference and two with several: samples and images."""
    pairs = list(demo_pairs(DATASETS.load_entry(ROOT / "config" / "datasets.yaml", "demo")))
    chosen = [*islice(pairs, 2), *islice((pair for pair in pairs if sample_row(pair)["num_differences"] > 1), 2)]
    return [sample_row(pair) for pair in chosen], [image_row(pair) for pair in chosen]


def model_run(folder, probed, samples, images, texts=None):
    """`texts` are given answers to "how many?"; None: the model's own."""
    write_table(folder / "images.parquet", images, IMAGES)
    shown = [(PROMPTS["describe"].text, decode(one["original"]), decode(one["modified"])) for one in images]
    if texts is None:
        saved = [SavedAnswer(one.token_ids, one.prompt_tokens) for one in probed.generator.generate(shown)]
    else:
        saved = [SavedAnswer(probed.tokenizer(text, add_special_tokens=False)["input_ids"], None) for text in texts]
    answers = {
        QuestionId(sample["sample_id"], task): answer
        for sample, answer in zip(samples, saved, strict=True)
        for task in TASKS
    }
    by_id = {sample["sample_id"]: sample for sample in samples}
    return ModelRun(probed.checkpoint, probed.builder, PROMPTS, by_id, answers, folder / "images.parquet")


def measured(run):
    return list(measure_samples(run, "describe"))


def of_difference(rows, number, **keys):
    """The row of a difference with these keys, the others null."""
    names = {"direction": None, "layer": None, "tokens": None} | keys
    [found] = [row for row in rows if row["difference"] == number and all(row.get(n) == v for n, v in names.items())]
    return found


# ---- what is measured ------------------------------------------------------------------------------------------------


def log_probs(probed, original, modified, token_ids):
    """Of each token of the answer, from a plain forward pass with the head."""
    with torch.inference_mode():
        inputs = read_along(probed, (PROMPTS["describe"].text, original, modified), token_ids)
        logits = probed.model(**inputs, use_cache=False).logits[0].double()
    found = torch.log_softmax(logits[-len(token_ids) :], dim=-1)
    return found[torch.arange(len(token_ids)), torch.tensor(token_ids)].numpy()


def pasted(original, modified, difference):
    """The modified image with the difference's boxes as in the original."""
    image = modified.copy()
    for box in filter(None, (difference["bbox"], difference["bbox_after"])):
        area = tuple(round(value) for value in (box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]))
        image.paste(original.crop(area), area[:2])
    return image


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layout"), MODELS)
def test_effects_and_shares_of_a_reference_model(tmp_path, name, layout):
    """Effects are those of two plain passes. By construction all tokens of the image carry the whole effect before the
    first layer, and none after the last. The models were trained to point: the difference's tokens carry it early,
    random ones never."""
    probed = loaded(name, layout)
    samples, images = drawn()
    run = model_run(tmp_path, probed, samples, images)
    named = 0
    for sample, image, rows in zip(samples, images, measured(run), strict=True):
        original, modified = decode(image["original"]), decode(image["modified"])
        token_ids = run.answers[QuestionId(sample["sample_id"], "describe")].token_ids
        changed = log_probs(probed, original, modified, token_ids)
        for number, words in enumerate(said(probed.tokenizer, token_ids, sample)):
            difference = sample["differences"][number]
            second = pasted(original, modified, difference) if len(sample["differences"]) > 1 else original
            effects = changed - log_probs(probed, original, second, token_ids)
            row = of_difference(rows, number)
            for column, tokens in (
                ("image_effect", words.claim),
                ("count_effect", words.count),
                ("json_effect", words.json_copy),
                ("other_claims_effect", words.other_claims),
                ("verdict_effect", words.verdict),
            ):
                expected = pytest.approx(effects[list(tokens)].sum(), abs=2e-4) if tokens else None
                assert row[column] == expected, (sample["sample_id"], number, column)
            assert (row["status"], row["claim_tokens"]) == ("ok" if words.claim else "not_named", len(words.claim))
            if words.claim:
                named += 1
                assert row["log_prob_changed"] - row["log_prob_undone"] == pytest.approx(row["image_effect"], abs=1e-5)
                check_shares(rows, number, row["image_effect"])
    assert named >= 3


def check_shares(rows, number, effect):
    for direction in ("undone_into_changed", "changed_into_undone"):
        shares = {
            tokens: [
                of_difference(rows, number, direction=direction, layer=layer, tokens=tokens)["drop"] / effect
                for layer in LAYERS
            ]
            for tokens in TOKEN_SETS
        }
        assert shares["all"][0] == pytest.approx(1, abs=1e-4)
        assert {values[-1] for values in shares.values()} == {0}
        assert shares["difference"][1] == pytest.approx(1, abs=0.1)
        assert np.abs(shares["random"]) == pytest.approx(0, abs=0.1)
        assert np.abs(shares["unchanged"]) == pytest.approx(0, abs=0.1)


@pytest.mark.slow
def test_a_merged_image_is_copied_as_a_whole(tmp_path):
    """All tokens of the only image; and those of the difference where the second half lies."""
    probed = loaded("tiny-llava", "merged")
    samples, images = drawn()
    run = model_run(tmp_path, probed, samples[:1], images[:1])
    [rows] = measured(run)
    prompt = probed.prepared(
        [(PROMPTS["describe"].text, *(decode(images[0][key]) for key in ("original", "modified")))], [[1, 2]]
    )
    copied = {row["tokens"]: row["copied_tokens"] for row in rows if row.get("layer") == 0}
    assert copied["all"] == sum(prompt.rows[0].image_tokens)
    assert copied["random"] == copied["difference"] < copied["all"] / 2


@pytest.mark.parametrize(("name", "layout"), MODELS)
def test_bfloat16_measures_what_float32_does(tmp_path, name, layout):
    """Of the same answers: as many rows, all effects together within 1%, each effect and drop within 0.3 nats."""
    samples, images = drawn()
    run = model_run(tmp_path, loaded(name, layout), samples, images)
    rounded = loaded(name, layout, "bfloat16")
    exact, found = (
        [row for rows in measured(one) for row in rows]
        for one in (run, replace(run, checkpoint=rounded.checkpoint, builder=rounded.builder))
    )
    assert {row["dtype"] for row in found} == {"bfloat16"}
    assert statuses(found) == statuses(exact)
    effects = np.array([(row["image_effect"], one["image_effect"]) for row, one in both(found, exact, "image_effect")])
    assert len(effects) >= 3
    assert effects[:, 0].sum() == pytest.approx(effects[:, 1].sum(), rel=0.01)
    for column in ("image_effect", "count_effect", "json_effect", "other_claims_effect", "verdict_effect", "drop"):
        for row, one in both(found, exact, column):
            assert row[column] == pytest.approx(one[column], abs=0.3), row
    whole = [row for row in found if (row.get("layer"), row.get("tokens")) == (-1, "all")]
    for row in whole:
        [of] = [one for one in found if one.get("image_effect") and is_same_difference(one, row)]
        assert row["drop"] == pytest.approx(of["image_effect"], abs=0.3)
    assert len(whole) == 2 * len(effects)
    assert {row["drop"] for row in found if row.get("layer") == LAYERS[-1]} == {0}


def both(found, exact, column):
    """The rows of two tables that have a number there in either."""
    pairs = zip(found, exact, strict=True)
    return [(row, one) for row, one in pairs if row.get(column) is not None or one.get(column) is not None]


def is_same_difference(one, other):
    return [one[key] for key in ("sample_id", "difference")] == [other[key] for key in ("sample_id", "difference")]


# ---- what cannot be measured -----------------------------------------------------------------------------------------


def statuses(rows):
    return [(row.get("difference"), row.get("tokens"), row["status"], row.get("error")) for row in rows]


def a_box(x, y, w, h):
    return {"x": float(x), "y": float(y), "w": float(w), "h": float(h)}


def made(*boxes, sample_id="easy/00000_1", unchanged=None):
    """Two grey images of 112 × 112 that differ in boxes, each the color of a dog, a cat, a car, …"""
    names = ("dog", "cat", "car")
    original = np.full((112, 112, 3), 128, np.uint8)
    modified = original.copy()
    for box in filter(None, boxes):
        x, y, w, h = (int(box[key]) for key in "xywh")
        modified[y : y + h, x : x + w] = (255, 0, 0)
    differences = [
        {"type": "color", "category": name, "description": None, "bbox": box, "bbox_after": box}
        for name, box in zip(names, boxes, strict=False)
    ]
    sample = {"sample_id": sample_id, "width": 112, "height": 112, "control": "none", "unchanged": unchanged}
    sample |= {"split": "easy", "image_id": "1", "num_differences": len(boxes), "differences": differences}
    encoded = {key: encode_png(image) for key, image in (("original", original), ("modified", modified))}
    shas = {"original_sha256": "", "modified_sha256": "", "merged": None, "merged_sha256": None}
    return sample, {"sample_id": sample_id} | encoded | shas


DOG = "There is one difference. The color of the dog changed from gray to red."


def run_made(tmp_path, *pairs, texts, probed=None):
    samples, images = zip(*pairs, strict=True)
    return model_run(tmp_path, probed or loaded("tiny-qwen2-vl", "pair"), list(samples), list(images), texts)


def test_an_answer_that_names_nothing_has_other_effects(tmp_path):
    [rows] = measured(run_made(tmp_path, made(a_box(0, 0, 56, 56)), texts=["There is one difference."]))
    assert statuses(rows) == [(0, None, "not_named", None)]
    assert rows[0]["image_effect"] is None and rows[0]["claim_tokens"] == 0
    assert isinstance(rows[0]["count_effect"], float)


def test_a_box_without_the_middle_of_a_token_is_measured_and_not_copied(tmp_path):
    """A corner of a token of 28 × 28."""
    [rows] = measured(run_made(tmp_path, made(a_box(1, 1, 4, 4)), texts=[DOG]))
    assert of_difference(rows, 0)["status"] == "ok" and of_difference(rows, 0)["claim_tokens"] > 0
    why = {row["tokens"]: row["status"] for row in rows if row["status"] != "ok"}
    assert why == dict.fromkeys(("difference", "random", "unchanged"), "small_box")
    assert {row["tokens"] for row in rows if row.get("layer") is not None} == {"all"}


def test_without_a_known_unchanged_object_the_other_sets_are_copied(tmp_path):
    [rows] = measured(run_made(tmp_path, made(a_box(0, 0, 56, 56)), texts=[DOG]))
    assert [one for one in statuses(rows) if one[2] != "ok"] == [(0, "unchanged", "no_unchanged", None)]
    copied = {row["tokens"] for row in rows if row.get("layer") is not None}
    assert copied == {"difference", "random", "all"}


def test_differences_that_cannot_be_undone_alone_have_their_reason(tmp_path):
    """Boxes that overlap, next to one that can be undone; and a pair of which one box is not known."""
    overlapping = made(a_box(0, 0, 56, 56), a_box(28, 28, 56, 56), a_box(84, 0, 28, 28))
    boxless = made(a_box(0, 0, 56, 56), None, sample_id="easy/00001_2")
    run = run_made(tmp_path, overlapping, boxless, texts=[DOG, DOG])
    rows, of_boxless = measured(run)
    assert statuses(rows)[:2] == [(0, None, "not_undone", "overlap"), (1, None, "not_undone", "overlap")]
    assert rows[0]["claim_tokens"] > 0
    assert of_difference(rows, 2)["status"] == "not_named"
    assert statuses(of_boxless) == [(number, None, "not_undone", "no_boxes") for number in (0, 1)]


def test_a_sample_that_cannot_be_measured_does_not_affect_others(tmp_path):
    """Without boxes, without an answer, with a damaged image, and answered in a prompt of another length."""
    whole = a_box(0, 0, 56, 56)
    names = [f"easy/0000{number}_{number}" for number in range(5)]
    pairs = [made(whole if number else None, sample_id=name) for number, name in enumerate(names)]
    pairs[2][1]["modified"] = b"no picture"
    run = model_run_with(tmp_path, pairs, {1: SavedAnswer([], None), 3: SavedAnswer([5, 6, 7], 9)})
    found = measured(run)
    assert [rows[0]["status"] for rows in found] == ["no_boxes", "no_answer", "failed", "failed", "ok"]
    assert found[2][0]["error"].startswith("picture: UnidentifiedImageError")
    assert "tokens now but had 9 when it was answered" in found[3][0]["error"]
    assert all(len(rows) == 1 and rows[0].get("difference") is None for rows in found[:4])


def model_run_with(tmp_path, pairs, changed):
    """A run in which all answers are about a dog but those `changed`, by the number of the sample."""
    readable = made(a_box(0, 0, 56, 56))[1]
    samples, images = [sample for sample, _ in pairs], [image for _, image in pairs]
    run = model_run(tmp_path, loaded("tiny-qwen2-vl", "pair"), samples, [readable] * len(pairs), [DOG] * len(pairs))
    write_table(tmp_path / "images.parquet", images, IMAGES)
    new = {QuestionId(samples[number]["sample_id"], "describe"): answer for number, answer in changed.items()}
    return replace(run, answers={**run.answers, **new})


def test_a_model_that_cannot_be_patched_says_so(tmp_path, monkeypatch):
    run = run_made(tmp_path, made(a_box(0, 0, 56, 56)), texts=[DOG])

    def refuse(model, answered):
        raise PatchingUnsupported("it is an encoder-decoder")

    monkeypatch.setattr("spd_faith.probes.patching.patched_samples.teacher_forced", refuse)
    assert statuses(measured(run)[0]) == [(None, None, "unsupported", "it is an encoder-decoder")]


def test_a_model_with_an_intervention_is_not_patched(tmp_path):
    run = run_made(tmp_path, made(a_box(0, 0, 56, 56)), texts=[DOG])
    changed = run.checkpoint.entry.model_copy(update={"intervention": object()})
    run = replace(run, checkpoint=replace(run.checkpoint, entry=changed))
    assert statuses(measured(run)[0]) == [(None, None, "unsupported", "the model has an intervention")]


def test_without_places_of_tokens_all_are_copied(tmp_path, monkeypatch):
    """As of a processor that cuts an image into tiles."""
    monkeypatch.setattr("spd_faith.probes.prepared.image_tokens", lambda *of: [None] * len(of[2]))
    [rows] = measured(run_made(tmp_path, made(a_box(0, 0, 56, 56)), texts=[DOG]))
    why = {row["tokens"]: row["status"] for row in rows if row["status"] != "ok"}
    assert why == dict.fromkeys(("difference", "random", "unchanged"), "unsupported")
    [effect] = {row["image_effect"] for row in rows if "image_effect" in row}
    first = of_difference(rows, 0, direction="undone_into_changed", layer=-1, tokens="all")
    assert first["drop"] == pytest.approx(effect, abs=1e-4)


# ---- the table -------------------------------------------------------------------------------------------------------


def test_the_shared_pass_runs_only_for_those_that_read_it(tmp_path, monkeypatch):
    run = run_made(tmp_path, made(a_box(0, 0, 56, 56)), texts=[DOG])

    def refuse(*of):
        raise AssertionError("a pass that nobody reads")

    monkeypatch.setattr("spd_faith.probes.measuring.measure_answers", refuse)
    measure_probes(["causal_patching"], run, tmp_path, {}, 4, "m")
    found = read_table(CausalPatching.path_in(tmp_path), CausalPatching.schema)  # with unique keys
    assert set(found["status"].to_pylist()) == {"ok", "no_unchanged"}
    assert not (tmp_path / "layer_changes.parquet").exists()


def test_where_every_sample_fails_there_is_no_table(tmp_path):
    pairs = [made(a_box(0, 0, 56, 56))]
    run = model_run_with(tmp_path, pairs, {0: SavedAnswer([5, 6, 7], 9)})
    with pytest.raises(Exception, match="none of 1 samples could be measured"):
        measure_probes(["causal_patching"], run, tmp_path, {}, 4, "m")
    assert not CausalPatching.path_in(tmp_path).exists()
