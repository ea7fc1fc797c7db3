"""Every family through the one answerer: tiny models of the real classes, saved, and loaded from disk.

Token counts are computed manually: text is one token per byte, so a system turn of Qwen2-VL is <|im_start|>,
`system⏎`, 28 letters, <|im_end|> and ⏎, 38 tokens. Pictures of 112 × 112 pixels are 16 tokens of Qwen2-VL, of
Qwen2.5-VL and of InternVL; 64 of LLaVA-1.5; 64 and one for the line's end of LLaVA-OneVision.
"""

import json
import shutil
import sys
import types

import pytest
import torch
from loading import load_answerer
from PIL import Image
from tiny_models import FAMILIES, UNLISTED, byte_tokenizer, noise, save_tiny

from spd_faith.core.errors import UserError
from spd_faith.inference import families, prompt_builder
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.spans import PromptSpans

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
TOKENS = 12
QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
LAYOUTS = ("pair", "merged")

every_family = pytest.mark.parametrize("family", FAMILIES)
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


SQUARES = ("Same?", noise(112, 112, 1), noise(112, 112, 2))
QUESTIONS = [
    SQUARES,
    ("How many differences are there?", noise(56, 112, 3), noise(60, 100, 4)),
    ("Same?", noise(200, 100, 5), noise(10, 10, 6)),
    ("Different?", noise(56, 56, 7), noise(112, 56, 8)),
]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Folder with a checkpoint of every family."""
    folder = tmp_path_factory.mktemp("families")
    for family in FAMILIES:
        save_tiny(family, folder / family)
    return folder


def entry(folder, **fields):
    return TransformersModel(
        backend="transformers", model=str(folder), **({"dtype": "float32", "max_new_tokens": TOKENS} | fields)
    )


@pytest.fixture(scope="module")
def load(checkpoints):
    """Load a family's answerer, once for all tests that only read it."""
    loaded = {}

    def answerer(family, layout="pair", dtype="float32"):
        key = (family, layout, dtype)
        if key not in loaded:
            loaded[key] = load_answerer(entry(checkpoints / family, image_layout=layout, dtype=dtype))
        return loaded[key]

    return answerer


# ---- answers ---------------------------------------------------------------------------------------------------------


@every_layout
@every_family
def test_a_batch_does_not_change_an_answer(load, family, layout):
    answerer = load(family, layout)
    alone = [answerer.generator.generate([question])[0] for question in QUESTIONS]
    assert answerer.generator.generate(QUESTIONS) == alone
    assert len({answer.text for answer in alone}) == 4


@every_layout
@every_family
def test_bfloat16(load, family, layout):
    answerer = load(family, layout, "bfloat16")
    assert {weight.dtype for weight in answerer.checkpoint.model.parameters()} == {torch.bfloat16}
    answers = answerer.generator.generate(QUESTIONS)
    assert all(0 < len(answer.token_ids) <= TOKENS for answer in answers)
    assert [answer.prompt_tokens for answer in answers] == [
        answer.prompt_tokens for answer in load(family, layout).generator.generate(QUESTIONS)
    ]


@every_layout
@every_family
def test_each_image_reaches_the_model(load, family, layout):
    text, original, modified = SQUARES
    shown = [(text, original, modified), (text, modified, original), (text, original, original)]
    assert len({answer.text for answer in load(family, layout).generator.generate(shown)}) == 3


@pytest.mark.gpu
@every_layout
@every_family
def test_cuda_answers_as_the_cpu_does(checkpoints, load, family, layout):
    on_gpu = load_answerer(entry(checkpoints / family, image_layout=layout, resources={"gpu": 1}))
    assert on_gpu.checkpoint.device == "cuda"
    assert on_gpu.generator.generate(QUESTIONS) == load(family, layout).generator.generate(QUESTIONS)


# ---- spans -----------------------------------------------------------------------------------------------------------


def spans(system, images, text):
    return PromptSpans(range(*system), tuple(range(*image) for image in images), range(*text))


# Of SQUARES. System turn, user's opening, then <|vision_start|> picture <|vision_end|>, the text of 5 letters.
QWEN2_PAIR = spans((0, 38), [(45, 61), (63, 79)], (80, 85))
PAIR = {
    "qwen2_vl": QWEN2_PAIR,
    "qwen2_5_vl": QWEN2_PAIR,
    # no system turn; 112 is 3.5 × 32, rounded (to even) to 4 × 4 tokens
    "qwen3_vl": spans((0, 0), [(7, 23), (25, 41)], (42, 47)),
    "qwen3_vl_moe": spans((0, 0), [(7, 23), (25, 41)], (42, 47)),
    # <img> picture </img> ⏎
    "internvl": spans((0, 0), [(7, 23), (26, 42)], (44, 49)),
    # <s> `USER: ` picture ⏎ picture ⏎
    "llava": spans((0, 0), [(7, 71), (72, 136)], (137, 142)),
    # <|im_start|> `user `, picture after picture, ⏎
    "llava_onevision": spans((0, 0), [(6, 71), (71, 136)], (137, 142)),
}
# One picture of 224 × 112. Qwen2-VL: 8 × 4 tokens are too many; the root of 2 makes them 158 × 79 pixels: 5 × 2 tokens.
# LLaVA-OneVision: a base view of 64; the grid 112 × 224 holds it as it is: 8 rows of 16, each with an end.
QWEN2_MERGED = spans((0, 38), [(45, 55)], (56, 61))
MERGED = {
    "qwen2_vl": QWEN2_MERGED,
    "qwen2_5_vl": QWEN2_MERGED,
    "qwen3_vl": spans((0, 0), [(7, 17)], (18, 23)),
    "qwen3_vl_moe": spans((0, 0), [(7, 17)], (18, 23)),
    "internvl": spans((0, 0), [(7, 23)], (25, 30)),
    "llava": spans((0, 0), [(7, 71)], (72, 77)),
    "llava_onevision": spans((0, 0), [(6, 6 + 64 + 8 * 17)], (207, 212)),
}


def spans_of(answerer, question):
    _, ((prompt,),) = answerer.builder.build_groups([[question]])
    return answerer.builder.spans(prompt)


@every_layout
@every_family
def test_spans(load, family, layout):
    assert spans_of(load(family, layout), SQUARES) == {"pair": PAIR, "merged": MERGED}[layout][family]


@every_layout
@every_family
def test_spans_hold_every_image_token_and_the_text_alone(load, family, layout):
    """In a batch of unlike prompts, of which some are padded."""
    answerer = load(family, layout)
    inputs, prompts = answerer.builder.build_groups([[question] for question in QUESTIONS])
    plain = answerer.builder.build(QUESTIONS)
    assert set(inputs) == set(plain)
    assert torch.equal(inputs["input_ids"], plain["input_ids"])
    image_token = answerer.checkpoint.model.config.image_token_id
    tokenizer = answerer.checkpoint.tokenizer
    for (text, *_), (prompt,) in zip(QUESTIONS, prompts, strict=True):
        row, parts = prompt.token_ids, answerer.builder.spans(prompt)
        images = [place for image in parts.images for place in image]
        assert images == (row == image_token).nonzero().flatten().tolist()
        assert len(parts.images) == (2 if layout == "pair" else 1)
        assert tokenizer.decode(row[parts.user_text.start : parts.user_text.stop]) == text
        system = tokenizer.decode(row[parts.system.start : parts.system.stop])
        turn = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        assert system == (turn if family in ("qwen2_vl", "qwen2_5_vl") else "")


@every_layout
@every_family
def test_further_questions_about_the_same_images_are_the_prompts_that_they_are_alone(load, family, layout):
    answerer = load(family, layout)
    groups = [[(text, *images) for text in ("Same?", "How many differences?")] for _, *images in QUESTIONS]
    inputs, prompts = answerer.builder.build_groups(groups)
    firsts = answerer.builder.build([group[0] for group in groups])
    assert all(torch.equal(values, firsts[name]) for name, values in inputs.items())
    for group, found in zip(groups, prompts, strict=True):
        for question, prompt in zip(group, found, strict=True):
            assert torch.equal(prompt.token_ids, answerer.builder.build([question])["input_ids"][0])
            assert answerer.builder.spans(prompt) == spans_of(answerer, question)


@pytest.mark.parametrize(
    ("system", "length"),
    [("{{ 'A chat. ' }}", 8), ("{{ bos_token + 'A chat. ' }}", 9)],  # the second writes <s>, a token, itself
)
def test_a_system_sentence_without_markers(checkpoints, tmp_path, system, length):
    """As Vicuna has it: `A chat. USER: …`."""
    folder = shutil.copytree(checkpoints / "llava", tmp_path / "llava")
    template = folder / "chat_template.jinja"
    template.write_text(system + template.read_text())
    answerer = load_answerer(entry(folder, image_layout="merged"))
    assert spans_of(answerer, SQUARES) == spans((9 - length, 9), [(15, 79)], (80, 85))
    begin = byte_tokenizer(("<unk>", "<s>"), "<s>", "<s>").convert_tokens_to_ids("<s>")
    inputs, ((first, second),) = answerer.builder.build_groups([[SQUARES, ("Sad?", *SQUARES[1:])]])
    assert [(ids == begin).sum() for ids in (inputs["input_ids"], first.token_ids, second.token_ids)] == [1, 1, 1]


def test_a_template_that_changes_the_text_has_no_spans(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints / "llava", tmp_path / "llava")
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("part.text", "part.text | upper"))
    answerer = load_answerer(entry(folder))
    with pytest.raises(UserError, match="the chat template changes a turn or its text"):
        spans_of(answerer, SQUARES)
    assert answerer.generator.generate([SQUARES])


# ---- pictures --------------------------------------------------------------------------------------------------------


def corners(width, height, size):
    """Places of the four corner squares."""
    return [(x, y) for x in (0, width - size) for y in (0, height - size)]


@pytest.mark.parametrize("size", [(448, 448), (300, 400), (640, 480)])
@pytest.mark.parametrize("which", [0, 1], ids=["original", "modified"])
def test_llava_sees_every_corner_of_both_images(load, size, which):
    """A changed corner changes the input, and only in that picture's part of it."""
    answerer = load("llava", "merged")
    seen = []
    for place in [None, *corners(*size, 24)]:
        images = [Image.new("RGB", size, "green"), Image.new("RGB", size, "green")]
        if place:
            images[which].paste("white", (*place, place[0] + 24, place[1] + 24))
        seen.append(answerer.builder.build([("Same?", *images)])["pixel_values"][0])
    plain, *changed = seen
    assert plain.shape == (3, 112, 112)
    along = 2 if size[0] <= size[1] else 1  # side by side or stacked
    middles = []
    for values in changed:
        places = (values != plain).any(dim=0).nonzero()
        assert len(places)
        positions = places[:, along - 1]
        assert bool(((positions >= 56) == bool(which)).all())
        middles.append(tuple(places.float().mean(dim=0).tolist()))
    assert len(set(middles)) == 4  # four corners at four places


@pytest.mark.parametrize("which", [0, 1], ids=["original", "modified"])
def test_llava_sees_every_corner_of_a_pair(load, which):
    answerer = load("llava", "pair")
    seen = []
    for place in [None, *corners(300, 100, 24)]:
        images = [Image.new("RGB", (300, 100), "green"), Image.new("RGB", (300, 100), "green")]
        if place:
            images[which].paste("white", (*place, place[0] + 24, place[1] + 24))
        seen.append(answerer.builder.build([("Same?", *images)])["pixel_values"])
    for values in seen[1:]:
        assert not torch.equal(values[which], seen[0][which])
        assert torch.equal(values[1 - which], seen[0][1 - which])


def test_llava_is_shown_the_square_as_it_is(load):
    """White, half of it: no pixel is resized again, so there are three values and no more: white, black and grey."""
    black, white = Image.new("RGB", (112, 112), "black"), Image.new("RGB", (112, 112), "white")
    values = load("llava", "merged").builder.build([("Same?", black, white)])["pixel_values"][0]
    expected = torch.full((3, 112, 112), 128 / 255 * 2 - 1)
    expected[:, 28:84, :56] = -1
    expected[:, 28:84, 56:] = 1
    torch.testing.assert_close(values, expected)


def test_a_square_is_not_cropped_by_a_processor_that_resizes_to_more(checkpoints, load, tmp_path):
    folder = shutil.copytree(checkpoints / "llava", tmp_path / "llava")
    change_json(folder / "preprocessor_config.json", size={"shortest_edge": 128})
    seen = load_answerer(entry(folder, image_layout="merged")).builder.build([SQUARES])["pixel_values"]
    assert torch.equal(seen, load("llava", "merged").builder.build([SQUARES])["pixel_values"])


def test_internvl_is_shown_whole_images(load):
    """Its processor would cut these into tiles."""
    wide = ("Same?", noise(448, 112, 1), noise(448, 112, 2))
    assert load("internvl").builder.build([wide])["pixel_values"].shape == (2, 3, 112, 112)


def test_two_images_for_a_model_of_one_are_told(checkpoints, caplog):
    load_answerer(entry(checkpoints / "llava"))
    assert "was trained on one image per prompt; consider image_layout: merged" in caplog.text
    caplog.clear()
    load_answerer(entry(checkpoints / "llava", image_layout="merged"))
    assert caplog.text == ""


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in QWEN])
def test_a_pixel_budget_is_refused_where_none_is_taken(checkpoints, family):
    budget = {"min_pixels": 784, "max_pixels": 7840}
    with pytest.raises(UserError, match=rf"models of type {family} do not support pixel_budget"):
        load_answerer(entry(checkpoints / family, pixel_budget=budget))


# ---- qwen-vl-utils ---------------------------------------------------------------------------------------------------


@pytest.fixture
def torchvision(monkeypatch):
    """As if torchvision were there only when called: an empty one, of which qwen_vl_utils uses nothing for images."""
    monkeypatch.setattr("transformers.utils.is_torchvision_available", lambda: False)
    monkeypatch.setattr(prompt_builder, "is_torchvision_available", lambda: False)

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "qwen_vl_utils"]:
            del sys.modules[name]

    forget()
    package = types.ModuleType("torchvision")
    package.__version__ = "0"
    package.io, package.transforms = types.ModuleType("torchvision.io"), types.ModuleType("torchvision.transforms")
    package.transforms.functional = types.ModuleType("torchvision.transforms.functional")
    package.transforms.InterpolationMode = types.SimpleNamespace(BICUBIC="bicubic")
    for module in (package, package.io, package.transforms, package.transforms.functional):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    yield lambda: monkeypatch.setattr(prompt_builder, "is_torchvision_available", lambda: True)
    forget()


@pytest.mark.parametrize(
    "budget",
    [
        None,
        {"min_pixels": 9 * 1024, "max_pixels": 12 * 1024},
        {"min_pixels": 25 * 1024, "max_pixels": 36 * 1024},  # more than the processor's own
    ],
)
@pytest.mark.parametrize("family", QWEN)
def test_qwen_vl_utils_keeps_the_same_pixel_budget(checkpoints, torchvision, family, budget):
    fields = {"pixel_budget": budget} if budget else {}
    answerer = load_answerer(entry(checkpoints / family, **fields))
    without = answerer.builder.build(QUESTIONS)
    assert answerer.builder.pixel_backend == "pil"
    torchvision()
    assert answerer.builder.pixel_backend == "qwen_vl_utils"
    inputs = answerer.builder.build(QUESTIONS)
    assert torch.equal(inputs["image_grid_thw"], without["image_grid_thw"])
    assert torch.equal(inputs["input_ids"], without["input_ids"])
    torch.testing.assert_close(inputs["pixel_values"], without["pixel_values"], atol=0.02, rtol=0)


@pytest.mark.parametrize("thickness", [1, 2, 5, 14, 20])
@pytest.mark.parametrize("family", QWEN)
def test_qwen_vl_utils_takes_thin_images_whose_whole_tokens_alone_exceed_the_budget(
    checkpoints, torchvision, family, thickness
):
    answerer = load_answerer(entry(checkpoints / family, max_new_tokens=1))
    torchvision()
    assert answerer.builder.pixel_backend == "qwen_vl_utils"
    for length in range(2 * thickness, 199 * thickness, 7 * thickness):
        thin = Image.new("RGB", (length, thickness))
        grid = answerer.builder.build([("What?", thin, thin.rotate(90, expand=True))])["image_grid_thw"]
        assert (grid > 0).all()
        assert grid[0].tolist() == grid[1, [0, 2, 1]].tolist()


@pytest.mark.parametrize(("family", "package"), [("llava", "pil"), ("internvl", "torchvision")])
def test_the_package_that_resizes_is_told(load, monkeypatch, family, package):
    """A square is made with Pillow, whatever the processor uses."""
    monkeypatch.setattr(prompt_builder, "is_torchvision_available", lambda: True)
    assert load(family).builder.pixel_backend == package


# ---- end tokens ------------------------------------------------------------------------------------------------------


def change_json(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_internvl_ends_with_its_turn_whatever_the_checkpoint_names(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints / "internvl", tmp_path / "internvl")
    change_json(folder / "generation_config.json", eos_token_id=3)
    end = load_answerer(entry(folder)).checkpoint.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert load_answerer(entry(folder)).checkpoint.decoding.end_tokens == sorted([3, end])


# ---- families that are not listed ------------------------------------------------------------------------------------


@every_layout
@pytest.mark.parametrize("family", UNLISTED)
def test_a_family_that_is_not_listed_works(tmp_path, family, layout):
    assert family not in families.FAMILIES
    save_tiny(family, tmp_path / family)
    answerer = load_answerer(entry(tmp_path / family, image_layout=layout))
    alone = [answerer.generator.generate([question])[0] for question in QUESTIONS]
    assert answerer.generator.generate(QUESTIONS) == alone
    assert len({answer.text for answer in alone}) == 4


def test_tiles_of_a_large_image_are_not_given_up(tmp_path):
    """LLaVA-NeXT crops its tiles, not the image: a merged image of 224 × 112 is an overview and two tiles."""
    save_tiny("llava_next", tmp_path / "next")
    inputs = load_answerer(entry(tmp_path / "next", image_layout="merged")).builder.build([SQUARES])
    assert inputs["pixel_values"].shape == (1, 3, 3, 112, 112)
    assert inputs["image_sizes"].tolist() == [[112, 224]]


def remove_template(folder):
    (folder / "chat_template.jinja").unlink()


def remove_images(folder):
    (folder / "preprocessor_config.json").unlink()


def change_type(model_type):
    def change(folder):
        change_json(folder / "config.json", model_type=model_type)

    return change


MISSING = {
    "chat template": (remove_template, r"has no chat template \(chat_template\.jinja\)"),
    "processor": (remove_images, "cannot load the processor\n  Can.t load image processor"),
    "unknown architecture": (change_type("no_such_vlm"), r"cannot load the config\n  .*no_such_vlm"),
    "model class": (change_type("qwen2"), "no image-text-to-text model class for the type qwen2"),
}


@pytest.mark.parametrize(("remove", "message"), MISSING.values(), ids=MISSING)
def test_the_missing_part_is_named(checkpoints, tmp_path, remove, message):
    folder = shutil.copytree(checkpoints / "qwen2_vl", tmp_path / "changed")
    remove(folder)
    with pytest.raises(UserError, match=message) as caught:
        load_answerer(entry(folder))
    assert str(caught.value).startswith(f"{folder}: ")


def test_remote_code_is_refused(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints / "internvl", tmp_path / "remote")
    change_json(folder / "config.json", model_type="internvl_chat", auto_map={"AutoConfig": "own.Own"})
    (folder / "own.py").write_text("raise SystemExit('was run')")
    with pytest.raises(UserError, match="cannot load the config"):
        load_answerer(entry(folder))
