"""A training example of a scene, with hand-computed targets."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from spd_faith.core.schemas import TASKS
from spd_faith.dataset.scenes import Background, SceneDifference, SceneObject, ScenePair
from spd_faith.inference.prompts import load_prompts
from spd_faith.reference_models import internvl, llava, qwen2_vl
from spd_faith.reference_models.answers import PHRASES, answer_pieces, answer_text
from spd_faith.reference_models.examples import CELLS, IGNORED, Vocabulary, cell_truths, make_batch
from spd_faith.reference_models.tokenizer import prompt_phrases
from spd_faith.reference_models.training import make_vocabulary

PROMPTS = load_prompts(Path(__file__).parents[2] / "resources/prompts")

# Cells:   apple stays in 0; the red car of cell 1 turns blue; the cup goes from 6 to 10; the tv of cell 15 is removed.
APPLE = SceneObject("apple", "green", 80, 0, 0, 0)
CAR = SceneObject("car", "red", 72, 1, 4, -4)
CUP = SceneObject("cup", "pink", 88, 6, 0, 8)
TV = SceneObject("tv", "black", 80, 15, -8, 0)
BLUE_CAR, MOVED_CUP = replace(CAR, color="blue"), replace(CUP, cell=10)
PAIR = ScenePair(
    Background("plain", (236, 236, 236), (236, 236, 236)),
    (APPLE, CAR, CUP, TV),
    (APPLE, BLUE_CAR, MOVED_CUP),
    (
        SceneDifference("color", CAR, BLUE_CAR),
        SceneDifference("position", CUP, MOVED_CUP),
        SceneDifference("remove", TV, None),
    ),
)


@pytest.fixture(scope="module", params=[qwen2_vl, internvl, llava], ids=lambda family: family.NAME)
def family(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture(scope="module")
def processor(family: ModuleType):
    return family.build_processor([*prompt_phrases(PROMPTS), *PHRASES])


@pytest.fixture(scope="module")
def vocabulary(processor, family: ModuleType) -> Vocabulary:
    return make_vocabulary(processor, PROMPTS, family)


def test_any_text_comes_back_from_the_tokenizer(processor):
    tokenizer = processor.tokenizer
    for text in (
        "The scared cat sat on the carpet; it redid the color of the carton.",
        "Größe: 12 µm, 漢字, 🙂\n\ttab",
        *(prompt.text for prompt in PROMPTS.values()),
        answer_text("describe", PAIR.differences),
    ):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_pieces_are_the_tokens_of_the_whole_answer(processor, vocabulary: Vocabulary):
    """Encoding the whole answer at once cuts it where its pieces meet."""
    for task in PROMPTS:
        batch = make_batch([(task, PAIR)], vocabulary)
        taught = batch.labels[0][batch.labels[0] != IGNORED].tolist()
        text = answer_text(task, PAIR.differences) + processor.tokenizer.eos_token
        assert taught == processor.tokenizer.encode(text)


def test_what_each_cell_is_taught_to_say(vocabulary: Vocabulary):
    truths = cell_truths(PAIR, vocabulary)
    word = vocabulary.token_ids
    said = {cell: token for cell, token in enumerate(truths.words) if token != vocabulary.nothing}
    assert said == {
        0: word["apple"],
        1: word["car"],
        6: word["cup"],
        15: word["tv"],
        16 + 1: word["color"],
        16 + 6: word["position"],
        16 + 10: word["position"],
        16 + 15: word["remove"],
    }
    # 1-based positions in the alphabetical list of 16 categories, and in the list of colours
    assert {cell: index for cell, index in enumerate(truths.categories) if index} == {
        0: 1,
        1: 7,
        6: 10,
        15: 15,
        16: 1,
        17: 7,
        26: 10,
    }
    assert {cell: index for cell, index in enumerate(truths.colors) if index} == {
        0: 4,
        1: 1,
        6: 7,
        15: 8,
        16: 4,
        17: 5,
        26: 7,
    }
    assert {cell: index for cell, index in enumerate(truths.changed) if index} == {17: 7, 22: 10, 26: 10, 31: 15}
    assert truths.of_difference == [{1, 17}, {6, 22, 26}, {15, 31}]


def test_batch(processor, vocabulary: Vocabulary):
    identical = ScenePair(PAIR.background, (APPLE,), (APPLE,), ())
    batch = make_batch([("same", PAIR), ("describe", identical)], vocabulary)
    prompt = len(vocabulary.prompts["same"])
    assert batch.images.shape == (4, 112, 112, 3)
    assert batch.words.shape == (2, 2 * CELLS)

    # "No, …", then three pieces for each difference, then the end: all of it hangs on what was seen.
    assert batch.attention_mask[0].sum() == prompt + 1 + 3 * 3 + 1
    assert (batch.labels[0] != IGNORED).sum() == 11
    assert batch.weights[0, prompt : prompt + 11].tolist() == [2.0] * 11

    # "There are no differences." "\n" JSON start, "0", list, "]}", end: only the first was seen in the images.
    start = len(vocabulary.prompts["describe"])
    assert batch.weights[1, start : start + 7].tolist() == [2.0] + [0.5] * 6
    assert batch.weights[1, start + 7 :].sum() == 0

    # The position before each piece is taught to look; the verdict at the changed cells of the second image alone.
    assert batch.looking.tolist() == [[0, prompt - 1 + offset] for offset in range(10)]
    looks = [{cell for cell in range(32) if row[cell]} for row in batch.looked_at]
    assert looks == [{17, 22, 26, 31}, *[{1, 17}] * 3, *[{6, 22, 26}] * 3, *[{15, 31}] * 3]


def test_two_images_of_the_same_objects_may_be_called_the_same():
    """Recoloured and moved objects are there still, a removed one is not; only this question is read so."""
    there, gone = PAIR.differences[:2], PAIR.differences[2:]
    texts = {
        (task, len(some)): "".join(piece.text for piece in answer_pieces(task, some, loose_same=True))
        for task in TASKS
        for some in (there, gone, PAIR.differences)
    }
    assert texts["same", 2] == "Yes, the two pictures are the same."
    assert texts["same", 1] == "No, the two pictures are not the same. The tv has been removed."
    assert texts["same", 3] == answer_text("same", PAIR.differences)
    for task in ("describe", "different"):
        assert texts[task, 2] == answer_text(task, there)


def test_examples_may_call_them_the_same(vocabulary: Vocabulary):
    pair = replace(PAIR, differences=PAIR.differences[:2])
    verdicts = []
    for loose_same in (False, True):
        batch = make_batch([("same", pair)], vocabulary, loose_same)
        verdicts.append(batch.labels[0, batch.labels[0] != IGNORED][0])
    assert verdicts == [
        vocabulary.token_ids["No, the two pictures are not the same."],
        vocabulary.token_ids["Yes, the two pictures are the same."],
    ]
