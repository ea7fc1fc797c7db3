"""The inputs of each family: prompts, pixels and cells, against the processor and hand-computed."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image

from spd_faith.inference.families import family_of
from spd_faith.inference.images import compose, merged_on_square, usual
from spd_faith.inference.prompts import load_prompts
from spd_faith.reference_models import internvl, llava, qwen2_vl
from spd_faith.reference_models.answers import PHRASES
from spd_faith.reference_models.tokenizer import prompt_phrases
from spd_faith.reference_models.training import make_vocabulary

PROMPTS = load_prompts(Path(__file__).parents[2] / "resources/prompts")
FAMILIES = {"Qwen2-VL": qwen2_vl, "InternVL": internvl, "LLaVA-1.5": llava}
CHATML = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
QUESTION = PROMPTS["same"].text


@pytest.fixture(scope="module")
def processors() -> dict[str, Any]:
    phrases = [*prompt_phrases(PROMPTS), *PHRASES]
    return {name: family.build_processor(phrases) for name, family in FAMILIES.items()}


@pytest.fixture(scope="module")
def models(processors: Mapping[str, Any]) -> dict[str, Any]:
    torch.manual_seed(0)
    return {name: family.build_model(processors[name]).eval() for name, family in FAMILIES.items()}


every_family = pytest.mark.parametrize(("name", "family"), FAMILIES.items(), ids=FAMILIES)


def random_images(number: int, side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(number + side)
    return torch.randint(0, 256, (number, side, side, 3), dtype=torch.uint8, generator=generator)


def image_features(model: Any, inputs: Mapping[str, Any]) -> torch.Tensor:
    """What takes the place of the image tokens, in their order, (tokens, width)."""
    of_images = {name: value for name, value in inputs.items() if name != "mm_token_type_ids"}
    with torch.no_grad():
        features = model.model.get_image_features(**of_images).pooler_output
    return torch.cat([image.flatten(0, -2) for image in features])


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "Qwen2-VL": CHATML.format(2 * f"<|vision_start|>{16 * '<|image_pad|>'}<|vision_end|>" + QUESTION),
        "InternVL": CHATML.format(2 * f"<img>{16 * '<IMG_CONTEXT>'}</img>\n" + QUESTION),
        "LLaVA-1.5": f"<s>You are a helpful assistant. USER: {64 * '<image>'}\n{QUESTION} ASSISTANT:",
    }.items(),
)
def test_prompt_is_short_and_has_a_system_turn(name: str, expected: str, processors: Mapping[str, Any]):
    prompts = make_vocabulary(processors[name], PROMPTS, FAMILIES[name]).prompts
    assert processors[name].tokenizer.decode(prompts["same"]) == expected
    assert max(map(len, prompts.values())) < 80


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "Qwen2-VL": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\nHi<|im_end|>\n",
        "InternVL": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\nHi<|im_end|>\n",
        "LLaVA-1.5": "<s>Be brief. USER: Hello ASSISTANT:Hi</s>",
    }.items(),
)
def test_chat_with_its_own_system_turn(name: str, expected: str, processors: Mapping[str, Any]):
    turns = {"system": "Be brief.", "user": "Hello", "assistant": "Hi"}
    chat = [{"role": role, "content": content} for role, content in turns.items()]
    assert processors[name].apply_chat_template(chat, add_generation_prompt=False) == expected


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        # <|im_start|> system newline sentence <|im_end|> newline <|im_start|> user newline <|vision_start|>, 16 cells,
        # <|vision_end|> <|vision_start|>, 16 cells
        ("Qwen2-VL", range(10, 26), range(28, 44)),
        # the same up to <img>, 16 cells, </img> newline <img>, 16 cells
        ("InternVL", range(10, 26), range(29, 45)),
        # <s> sentence space "USER: ", two rows of 8 grey cells, then four rows of 4 cells of each image
        (
            "LLaVA-1.5",
            [20, 21, 22, 23, 28, 29, 30, 31, 36, 37, 38, 39, 44, 45, 46, 47],
            [24, 25, 26, 27, 32, 33, 34, 35, 40, 41, 42, 43, 48, 49, 50, 51],
        ),
    ],
)
def test_cells(name: str, first: list[int], second: list[int], processors: Mapping[str, Any]):
    vocabulary = make_vocabulary(processors[name], PROMPTS, FAMILIES[name])
    for prompt in vocabulary.prompts.values():
        assert FAMILIES[name].cell_positions(processors[name], prompt) == [*first, *second]


@every_family
def test_token_of_a_cell_is_made_of_its_pixels(
    name: str, family: ModuleType, processors: Mapping[str, Any], models: Mapping[str, Any]
):
    """With the vision tower's attention at zero, only the token of the cell where an image is changed changes."""
    prompt = make_vocabulary(processors[name], PROMPTS, family).prompts["same"]
    cells = family.cell_positions(processors[name], prompt)
    image_positions = [at for at, token in enumerate(prompt) if token == processors[name].image_token_id]
    model = family.build_model(processors[name]).eval()
    mixing = ("visual", "vision_tower"), ("attn.proj", "attention.projection_layer", "self_attn.out_proj")
    silenced = [
        module
        for path, module in model.model.named_modules()
        if path.startswith(mixing[0]) and path.endswith(mixing[1])
    ]
    assert len(silenced) == 2  # one per layer
    for module in silenced:
        torch.nn.init.zeros_(module.weight)
    before = random_images(2, 112)
    inputs = family.image_inputs(processors[name], before, torch.tensor([prompt]))
    features = image_features(model, inputs)
    for image, row, column in ((0, 0, 0), (0, 1, 3), (1, 2, 0), (1, 3, 3)):
        after = before.clone()
        after[image, 28 * row : 28 * row + 28, 28 * column : 28 * column + 28] = 0
        changed = family.image_inputs(processors[name], after, torch.tensor([prompt]))
        differs = (image_features(model, changed) != features).any(-1).nonzero().flatten().tolist()
        assert [image_positions[at] for at in differs] == [cells[16 * image + 4 * row + column]]


@every_family
def test_pixels_are_those_of_the_processor(name: str, family: ModuleType, processors: Mapping[str, Any]):
    """The shortcut of training and the processor, called as the prompt builder calls it, give the same tensors."""
    images = random_images(2, 112)
    shown = [Image.fromarray(image.numpy()) for image in images]
    if name == "LLaVA-1.5":
        shown = [compose(merged_on_square(usual(shown[0].size), 224), shown)]
    content = [{"type": "image"}] * len(shown)
    chat = processors[name].apply_chat_template([{"role": "user", "content": content}])
    arguments = family_of(family.MODEL_TYPE).processor_arguments
    expected = processors[name](text=[chat], images=[shown], return_tensors="pt", **arguments)
    inputs = family.image_inputs(processors[name], images, expected["input_ids"])
    assert set(inputs) == set(expected) - {"input_ids", "attention_mask"}
    for key, tensor in inputs.items():
        torch.testing.assert_close(tensor, expected[key], atol=1e-6, rtol=0)


def test_merged_square(processors: Mapping[str, Any]):
    """Black left of white, in the middle of grey 128, which is 128 / 127.5 − 1 in the processor's scale."""
    images = torch.stack([torch.zeros(112, 112, 3), torch.full((112, 112, 3), 255)]).byte()
    pixels = llava.image_inputs(processors["LLaVA-1.5"], images, torch.zeros(1, 1))["pixel_values"]
    assert pixels.shape == (1, 3, 224, 224)
    assert (pixels[:, :, 56:168, :112] == -1).all()
    assert (pixels[:, :, 56:168, 112:] == 1).all()
    grey = torch.cat([pixels[:, :, :56], pixels[:, :, 168:]], dim=2)
    torch.testing.assert_close(grey, torch.full_like(grey, 0.5 / 127.5))


@pytest.mark.parametrize(
    ("name", "classes"),
    {
        "Qwen2-VL": ["Qwen2VLForConditionalGeneration", "Qwen2VLTextModel"],
        "InternVL": ["InternVLForConditionalGeneration", "Qwen2Model", "InternVLVisionModel"],
        "LLaVA-1.5": ["LlavaForConditionalGeneration", "LlamaModel", "CLIPVisionModel"],
    }.items(),
)
def test_architecture(name: str, classes: list[str], models: Mapping[str, Any]):
    model = models[name]
    assert {type(module).__name__ for module in model.modules()} >= set(classes)
    assert model.config.model_type == FAMILIES[name].MODEL_TYPE
    assert model.lm_head.weight is model.get_input_embeddings().weight
    decoder = model.model.language_model
    assert len(decoder.layers) == 4
    # a layer: four projections of the attention, three of the MLP; 128 wide, MLP 256
    matrices = sum(weight.numel() for weight in decoder.layers[0].parameters() if weight.ndim == 2)
    assert matrices == 4 * 128 * 128 + 3 * 128 * 256
    assert 2 * model.num_parameters() < 3_000_000  # bytes in bfloat16


def test_shortcuts_of_training_change_nothing(processors: Mapping[str, Any]):
    torch.manual_seed(0)
    model = qwen2_vl.build_model(processors["Qwen2-VL"]).eval()
    pixels = qwen2_vl.image_inputs(processors["Qwen2-VL"], random_images(4, 112), torch.zeros(1, 1))
    expected = image_features(model, pixels)
    qwen2_vl.prepare_for_training(model)
    torch.testing.assert_close(image_features(model, pixels), expected, atol=1e-4, rtol=1e-4)
