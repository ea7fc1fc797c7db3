"""Odd pictures, odd answers and broken checkpoints: a row with a status or an early error, and the rest finishes."""

import io
import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
import torch
from loading import load_answerer
from PIL import Image
from tiny_models import END, byte_tokenizer, save_tiny
from transformers import AutoModelForImageTextToText

from spd_faith.core.errors import UserError
from spd_faith.inference.batches import answer_in_batches
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.questions import Question

pytestmark = pytest.mark.usefixtures("one_thread")
LAYOUTS = {"qwen2_vl": "pair", "llava": "merged"}
TOKENS = 8
both = pytest.mark.parametrize("family", LAYOUTS)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    for family in LAYOUTS:
        save_tiny(family, folder / family)
    return folder


@pytest.fixture
def checkpoint(checkpoints, tmp_path):
    """A copy of the Qwen2-VL, to be changed."""
    return shutil.copytree(checkpoints / "qwen2_vl", tmp_path / "changed")


def load(folder, layout="pair", **fields):
    fields = {"dtype": "float32", "max_new_tokens": TOKENS, "image_layout": layout} | fields
    return load_answerer(TransformersModel(backend="transformers", model=str(folder), **fields))


def change_json(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


# ---- pictures --------------------------------------------------------------------------------------------------------


def noise(width, height, seed=0, channels=3):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze())


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def lying(image):
    """The picture stored on its side, with the Exif tag that says so (6: the stored left is seen on top)."""
    exif = Image.Exif()
    exif[274] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), exif=exif)


GREY = noise(100, 80, 1, channels=1)
PALETTE = noise(100, 80, 2).quantize(16)
ALPHA = noise(100, 80, 3, channels=4)
ON_WHITE = Image.alpha_composite(Image.new("RGBA", ALPHA.size, "white"), ALPHA)
UPRIGHT = noise(100, 80, 4)
# name: as it is stored, and a plain picture that looks the same
SAME_LOOK = {
    "greyscale": (encoded(GREY), encoded(GREY.convert("RGB"))),
    "palette": (encoded(PALETTE), encoded(PALETTE.convert("RGB"))),
    "alpha": (encoded(ALPHA), encoded(ON_WHITE.convert("RGB"))),
    "EXIF": (lying(UPRIGHT), encoded(UPRIGHT)),
}
ANSWERED = {
    "one pixel": encoded(noise(1, 1)),
    "one pixel high": encoded(noise(60, 1)),
    "three pixels": encoded(noise(3, 3)),
    "20,000 wide": encoded(noise(20_000, 150)),
}
CORRUPT = encoded(noise(40, 40))[:-200]
RIBBON = encoded(noise(20_000, 20))  # a thousand times as wide as high: Qwen2-VL takes two hundred
SECOND = encoded(noise(90, 90, 9))


def rows_of(answerer, firsts):
    """The outcome for pairs of each of `firsts` with the same second picture, by name."""
    questions = [Question(name, "same", "Same?", first, SECOND) for name, first in firsts.items()]
    answered = answer_in_batches(questions, answerer.generator.generate, 16)
    rows = {question.sample_id: asdict(answer) for question, answer in answered}
    assert set(rows) == set(firsts)
    return rows


@pytest.fixture(scope="module", params=LAYOUTS)
def odd_rows(request, checkpoints):
    """The family, and its rows of every odd picture, in one batch with ordinary ones."""
    stored = {name: odd for name, (odd, _) in SAME_LOOK.items()}
    looks = {f"{name}, plain": plain for name, (_, plain) in SAME_LOOK.items()}
    answerer = load(checkpoints / request.param, LAYOUTS[request.param])
    return request.param, rows_of(answerer, {**stored, "corrupt": CORRUPT, **looks, "ribbon": RIBBON, **ANSWERED})


@pytest.mark.parametrize("name", SAME_LOOK)
def test_a_image_is_seen_as_it_looks(odd_rows, name):
    _, rows = odd_rows
    assert rows[name]["error"] is None
    assert rows[name]["response_token_ids"] == rows[f"{name}, plain"]["response_token_ids"]


def test_what_is_seen_differs(odd_rows):
    _, rows = odd_rows
    assert len({row["response_text"] for name, row in rows.items() if name in SAME_LOOK}) == len(SAME_LOOK)


@pytest.mark.parametrize("name", ANSWERED)
def test_a_image_of_any_size_is_answered(odd_rows, name):
    _, rows = odd_rows
    assert rows[name]["error"] is None
    assert rows[name]["generated_tokens"] == len(rows[name]["response_token_ids"]) > 0


def test_a_corrupt_image_costs_its_own_row_alone(odd_rows):
    family, rows = odd_rows
    failed = {name: row["error"] for name, row in rows.items() if row["error"]}
    assert failed.pop("corrupt").startswith("image: OSError: ")
    if family == "qwen2_vl":  # a limit of its processor
        assert "absolute aspect ratio must be smaller than 200" in failed.pop("ribbon")
    assert failed == {}
    assert (rows["corrupt"]["finish_reason"], rows["corrupt"]["response_text"]) == ("error", "")


@both
def test_a_pixel_is_seen_in_its_colour(checkpoints, family):
    """An image of 1 × 1 or 1 × 3 must not be mistaken for channels."""
    answerer = load(checkpoints / family, LAYOUTS[family])
    for size in ((1, 1), (3, 1), (3, 3)):
        inputs = [
            answerer.builder.build([("Same?", Image.new("RGB", shown, "red"), Image.new("RGB", shown, "red"))])
            for shown in (size, (size[0] * 28, size[1] * 28))
        ]
        small, large = (values["pixel_values"] for values in inputs)
        assert {*small.unique().tolist()} == {*large.unique().tolist()}


# ---- answers ---------------------------------------------------------------------------------------------------------


def with_score_of_end(answerer, score):
    """The answerer, and its end token, which has that score at each step."""
    end = byte_tokenizer().convert_tokens_to_ids(END)
    head = answerer.checkpoint.model.get_output_embeddings()
    head.register_forward_hook(lambda module, inputs, scores: scores.index_fill(-1, torch.tensor([end]), score))
    return answerer, end


def test_an_answer_that_never_ends_is_cut_and_marked(checkpoint):
    answerer, _ = with_score_of_end(load(checkpoint), -1e9)
    (row,) = rows_of(answerer, {"plain": encoded(UPRIGHT)}).values()
    assert (row["finish_reason"], row["generated_tokens"], row["error"]) == ("length", TOKENS, None)


def test_an_empty_answer_is_an_answer(checkpoint):
    answerer, end = with_score_of_end(load(checkpoint), 1e9)
    (row,) = rows_of(answerer, {"plain": encoded(UPRIGHT)}).values()
    assert (row["response_text"], row["response_token_ids"]) == ("", [end])
    assert (row["finish_reason"], row["error"]) == ("stop", None)


# ---- checkpoints -----------------------------------------------------------------------------------------------------


def test_a_missing_weight_file_is_an_early_error(checkpoints, tmp_path):
    model = AutoModelForImageTextToText.from_pretrained(checkpoints / "qwen2_vl")
    folder = shutil.copytree(checkpoints / "qwen2_vl", tmp_path / "sharded")
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="200KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    load(folder)
    shards[1].unlink()
    with pytest.raises(UserError, match=rf"cannot load the weights\n(.|\n)*{shards[1].name}"):
        load(folder)


@both
def test_an_unknown_architecture_is_an_early_error(checkpoints, tmp_path, family):
    folder = shutil.copytree(checkpoints / family, tmp_path / "changed")
    change_json(folder / "config.json", model_type="no_such_vlm")
    with pytest.raises(UserError, match="cannot load the config"):
        load(folder)
