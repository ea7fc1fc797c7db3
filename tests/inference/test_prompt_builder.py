"""Prompts built from image pairs by a real processor, without any weights.

Image token counts are computed manually: one token covers 28 × 28 pixels, and an image has between 4 and 16 of them.
"""

import shutil

import pytest
import torch
from tiny_models import IMAGE, byte_tokenizer, noise

from spd_faith.core.errors import UserError
from spd_faith.dataset.merged import split
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.families import family_of
from spd_faith.inference.images import compose
from spd_faith.inference.processors import load_processor
from spd_faith.inference.prompt_builder import PromptBuilder

SQUARES = ("Same?", noise(112, 112, 1), noise(112, 112, 2))


@pytest.fixture(scope="module")
def folder(tiny_checkpoint, tmp_path_factory):
    """The checkpoint without its weights."""
    target = tmp_path_factory.mktemp("processor") / "only"
    return shutil.copytree(tiny_checkpoint, target, ignore=shutil.ignore_patterns("*.safetensors"))


def builder_of(folder, **fields):
    fields = {"dtype": "float32", "max_new_tokens": 1, "model": str(folder)} | fields
    entry = TransformersModel(backend="transformers", **fields)
    return PromptBuilder(entry, load_processor(entry.model), family_of("qwen2_vl"))


def image_tokens(inputs):
    """Number of image tokens in each prompt of a batch."""
    token = byte_tokenizer().convert_tokens_to_ids(IMAGE)
    return (inputs["input_ids"] == token).sum(dim=1).tolist()


@pytest.mark.parametrize(
    ("sizes", "tokens"),
    [
        ([(112, 112), (112, 112)], 16 + 16),
        ([(56, 112), (112, 56)], 8 + 8),
        ([(224, 224), (448, 112)], 16 + 16),  # reduced to 112 × 112 and 224 × 56
        ([(28, 28), (14, 56)], 4 + 4),  # enlarged to 56 × 56 and 28 × 112
        # by √(20,000 · 150 / 12,544) = 15.46 to 1,293 × 9.7: 46 tokens, and one token across
        ([(20_000, 150), (150, 20_000)], 46 + 46),
    ],
)
def test_image_tokens_of_a_pair(folder, sizes, tokens):
    (width, height), (other_width, other_height) = sizes
    pair = noise(width, height, 0), noise(other_width, other_height, 1)
    inputs = builder_of(folder).build([("Same?", *pair)])
    assert image_tokens(inputs) == [tokens]
    assert len(inputs["image_grid_thw"]) == 2


def test_the_original_is_shown_first(folder):
    inputs = builder_of(folder).build([("Same?", noise(56, 112, 0), noise(112, 56, 1))])
    assert inputs["image_grid_thw"].tolist() == [[1, 8, 4], [1, 4, 8]]  # time, height, width in patches


@pytest.mark.parametrize(
    ("size", "layout", "second"),
    [  # the place of the second image: left, top, width, height
        ((112, 57), "stacked", (0, 28, 112, 29)),
        ((57, 112), "side_by_side", (28, 0, 29, 112)),
        ((56, 112), "stacked", (0, 56, 56, 56)),  # squares, which are usually side by side
        ((112, 28), "side_by_side", (56, 0, 56, 28)),  # landscapes, which are usually stacked
    ],
)
def test_a_pair_cut_from_a_merged_image_is_shown_as_that_image(folder, size, layout, second):
    builder = builder_of(folder, image_layout="merged")
    published = noise(*size, 0)
    pair = split(published, layout)
    (found,) = builder.layouts(*pair)
    assert (found.size, found.places[0][:2], found.places[1]) == (size, (0, 0), second)
    assert compose(found, pair).tobytes() == published.tobytes()


@pytest.mark.parametrize(("size", "layout"), [((56, 112), "stacked"), ((112, 28), "side_by_side")])
def test_a_model_gets_the_merged_image_that_a_pair_was_cut_from(folder, size, layout):
    published = noise(*size, 0)  # of a size that no environment resizes, because they resize differently
    inputs = builder_of(folder, image_layout="merged").build([("Same?", *split(published, layout))])
    alone = builder_of(folder).processor.image_processor(images=[published], return_tensors="pt")
    assert torch.equal(inputs["pixel_values"], alone["pixel_values"])


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((56, 112), [1, 8, 8]),  # two portraits side by side: 112 × 112
        ((112, 56), [1, 8, 8]),  # two landscapes stacked: 112 × 112
        ((56, 56), [1, 4, 8]),  # two squares side by side: 112 × 56
        ((84, 28), [1, 4, 6]),  # stacked: 84 × 56
    ],
)
def test_merged_layout_shows_one_image(folder, size, grid):
    inputs = builder_of(folder, image_layout="merged").build([("Same?", noise(*size, 0), noise(*size, 1))])
    assert inputs["image_grid_thw"].tolist() == [grid]
    assert image_tokens(inputs) == [grid[1] * grid[2] // 4]


@pytest.mark.parametrize(
    ("budget", "tokens"),
    [
        (None, [32, 8]),
        ({"min_pixels": 1 * 784, "max_pixels": 4 * 784}, [8, 8]),  # 112 × 112 becomes 56 × 56
        ({"min_pixels": 16 * 784, "max_pixels": 64 * 784}, [32, 32]),  # 56 × 56 becomes 112 × 112
        ({"min_pixels": 36 * 784, "max_pixels": 64 * 784}, [72, 72]),  # both become 168 × 168
    ],
)
def test_pixel_budget(folder, budget, tokens):
    fields = {"pixel_budget": budget} if budget else {}
    small = ("Same?", noise(56, 56, 1), noise(56, 56, 2))
    inputs = builder_of(folder, **fields).build([SQUARES, small])
    assert image_tokens(inputs) == tokens


def test_prompts_of_a_group_are_those_of_each_question_alone(folder):
    builder = builder_of(folder)
    group = [(text, *SQUARES[1:]) for text in ("Same?", "How many differences?")]
    inputs, (prompts,) = builder.build_groups([group])
    assert len(inputs["image_grid_thw"]) == 2  # prepared once
    for question, prompt in zip(group, prompts, strict=True):
        assert prompt.token_ids.tolist() == builder.build([question])["input_ids"][0].tolist()
        spans = builder.spans(prompt)
        assert [len(image) for image in spans.images] == [16, 16]
        assert builder.decode(prompt.token_ids[spans.user_text.start : spans.user_text.stop].tolist()) == question[0]


def test_a_processor_that_does_not_say_how_it_expands_images_is_refused(folder, monkeypatch):
    builder = builder_of(folder)
    call = type(builder.processor).__call__

    def silent(self, *arguments, **more):
        inputs = call(self, *arguments, **more)
        inputs.pop("text_replacement_offsets", None)
        return inputs

    monkeypatch.setattr(type(builder.processor), "__call__", silent)
    with pytest.raises(UserError, match="Qwen2VLProcessor does not report how it expands images"):
        builder.build_groups([[SQUARES]])


@pytest.mark.parametrize(
    ("budget", "size", "grid"),
    [
        # in patches of 14 × 14, height first; √(700,000 / 78,400) = 2.988 → ⌊11.95⌋ × ⌊8.37⌋ = 11 × 8 tokens, which is
        # less than the budget's own minimum
        ((78_400, 78_400), (1000, 700), [16, 22]),
        # enlarged by √(100,000 / 196) = 22.6 to 316.2: ⌈11.3⌉ = 12 tokens, more than the maximum
        ((100_000, 110_000), (14, 14), [24, 24]),
        (
            (784, 78_400),
            (30, 4000),
            [230, 2],
        ),  # by √(120,000 / 78,400) = 1.237 to 3233 = ⌊115.5⌋ tokens, and one across
    ],
)
def test_a_processor_that_gets_sent_images_does_not_resize_them_again(folder, budget, size, grid):
    limits = dict(zip(("min_pixels", "max_pixels"), budget, strict=True))
    builder = builder_of(folder, pixel_budget=limits)
    sent = builder.sent_images(noise(*size, 0), noise(*size, 1))
    inputs = load_processor(str(folder)).image_processor(images=sent, **builder.processor_arguments())
    assert torch.as_tensor(inputs["image_grid_thw"]).tolist() == [[1, *grid]] * 2
