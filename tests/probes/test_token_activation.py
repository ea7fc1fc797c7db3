"""Token activation maps against a slow, literal implementation: double loops, and minimisation by a numeric search."""

import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from probes.probed import QUESTIONS, read_along, text_ids
from probes.test_measures import a_pass
from scipy.optimize import minimize_scalar
from tiny_models import byte_tokenizer

from spd_faith.probes.forward import run_pass
from spd_faith.probes.image_grid import ImageTokens, Raster
from spd_faith.probes.passes import ClassLogits, Unmeasured
from spd_faith.probes.rank_filter import rank_gaussian_filter
from spd_faith.probes.token_activation import (
    AnswerMaps,
    ReadAnswers,
    hits,
    released_maps,
    token_activation_maps,
)
from spd_faith.probes.token_activation_map import TokenActivationMap
from spd_faith.probes.words import Word

WHOLE = (0.0, 0.0, 1.0, 1.0)

# ---- the literal implementation --------------------------------------------------------------------------------------


def literal_filter(image):
    """One image, window by window."""
    rows, columns = image.shape
    found = np.zeros((rows, columns))

    def mirrored(place, length):
        if length == 1:
            return 0
        place = abs(place)
        return 2 * (length - 1) - place if place >= length else place

    for row in range(rows):
        for column in range(columns):
            window = sorted(
                image[mirrored(row + down, rows), mirrored(column + right, columns)]
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
            )
            mean = sum(window) / 9
            deviation = math.sqrt(sum((value - mean) ** 2 for value in window) / 9)
            if max(window) == min(window):
                found[row, column] = window[0]
                continue
            sigma = deviation / mean
            weights = [math.exp(-((rank - 4) ** 2) / (2 * sigma**2)) for rank in range(9)]
            found[row, column] = sum(map(math.prod, zip(window, weights, strict=True))) / sum(weights)
    return found


def literal_maps(logits, question, answer, images, first_class=None):
    """`images`: for each its image tokens as rows of numbers. Everything at its definition's place, one by one.

    `first_class` is the class of the question's tokens and the answer's first, as released; default: their own.
    """
    index = {int(token): place for place, token in enumerate(logits.token_ids)}
    texts = [*question, *answer]
    classes = list(texts)
    if first_class is not None:
        classes[: len(question) + 1] = [first_class] * (len(question) + 1)
    image_tokens = len(logits.at_images)

    def relu(value):
        return max(0.0, float(value))

    def image_map(token):
        return np.array([relu(logits.at_images[place, index[token]]) for place in range(image_tokens)])

    def at_text(place, token):
        if place < len(question):
            return relu(logits.at_question[place, index[token]])
        return relu(logits.at_answer[place - len(question), index[token]])

    found = []
    for number, token in enumerate(answer):
        earlier = range(len(question) + number)
        explained = classes[len(question) + number]
        own = image_map(explained)
        interference = np.zeros(image_tokens)
        total = sum(at_text(place, explained) for place in earlier if texts[place] != token)
        for place in earlier:
            if texts[place] != token and total > 0:
                interference = interference + at_text(place, explained) / total * image_map(classes[place])
        if interference.any():
            best = minimize_scalar(lambda scale, a=own, b=interference: ((a - scale * b) ** 2).sum()).x
            own = np.array([relu(value) for value in own - best * interference])
        together = [*own, *(at_text(place, explained) for place in earlier)]
        low, high = min(together), max(together)
        own = (own - low) / (high - low) if high > low else np.zeros(image_tokens)
        filtered = np.zeros(image_tokens)
        for places in images:
            filtered[places] = literal_filter(own[places])
        found.append(filtered)
    return np.array(found)


# ---- examples --------------------------------------------------------------------------------------------------------

TWO = (
    ImageTokens(((90, 100), (110, 90)), (Raster(0, 10, 9, {0: WHOLE}), Raster(90, 9, 11, {1: WHOLE}))),
    [np.arange(90).reshape(10, 9), 90 + np.arange(99).reshape(9, 11)],
)
SIDE_BY_SIDE = (
    ImageTokens(((90, 100),) * 2, (Raster(0, 10, 18, {0: (0, 0, 0.5, 1), 1: (0.5, 0, 0.5, 1)}),)),
    [np.arange(180).reshape(10, 18)[:, :9], np.arange(180).reshape(10, 18)[:, 9:]],
)
STACKED = (  # 19 rows: the seam goes through the middle one, which is the first image's
    ImageTokens(((90, 90),) * 2, (Raster(0, 19, 9, {0: (0, 0, 1, 0.5), 1: (0, 0.5, 1, 0.5)}),)),
    [np.arange(171).reshape(19, 9)[:10], np.arange(171).reshape(19, 9)[10:]],
)
WITH_ENDS = (  # a token without a place after each image
    ImageTokens(((90, 90),) * 2, (Raster(0, 9, 9, {0: WHOLE}), Raster(82, 9, 9, {1: WHOLE}))),
    [np.arange(81).reshape(9, 9), 82 + np.arange(81).reshape(9, 9)],
)


LAST = 4  # token of the prompt


def logits_of(question, answer, image_tokens, seed=0, scale=4.0):
    random = np.random.default_rng(seed)
    ids = sorted({*question, *answer, LAST})
    drawn = [  # text is stronger, so that it, too, sets the scale
        torch.tensor(random.normal(0, wide, (count, len(ids))), dtype=torch.float32)
        for count, wide in zip((image_tokens, len(question), len(answer)), (scale, 3 * scale, 3 * scale), strict=True)
    ]
    return ClassLogits(torch.tensor(ids), *drawn)


def passed(logits, question, answer, places):
    return a_pass(
        logits=logits,
        question_token_ids=torch.tensor(question, dtype=torch.long),
        last_prompt_token_id=LAST,
        answer_token_ids=torch.tensor(answer),
        places=places,
    )


def image_tokens_of(images):
    return max(int(places.max()) for places in images) + 1


QUESTION, ANSWER = [7, 3, 9, 3], [5, 3, 5, 8, 8, 2]  # with tokens that are repeated, in the question too


@pytest.mark.parametrize("example", [TWO, SIDE_BY_SIDE, STACKED, WITH_ENDS])
@pytest.mark.parametrize(("question", "answer"), [(QUESTION, ANSWER), ([], [5, 6]), ([], [5]), ([5, 5], [5])])
def test_maps_are_those_of_the_literal_implementation(example, question, answer):
    places, images = example
    logits = logits_of(question, answer, image_tokens_of(images))
    expected = literal_maps(logits, question, answer, images)
    found = token_activation_maps(passed(logits, question, answer, places), places)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.min() >= 0 and 0.1 < found.max() <= 1


@pytest.mark.parametrize("example", [TWO, SIDE_BY_SIDE, STACKED, WITH_ENDS])
@pytest.mark.parametrize(("question", "answer"), [(QUESTION, ANSWER), ([], [5, 6]), ([], [5]), ([5, 5], [5])])
def test_released_maps_have_one_class_for_the_question_and_the_first_token(example, question, answer):
    places, images = example
    logits = logits_of(question, answer, image_tokens_of(images))
    expected = literal_maps(logits, question, answer, images, first_class=LAST)
    found = passed(logits, question, answer, places)
    every, some = np.arange(len(answer)), np.arange(0, len(answer), 2)
    np.testing.assert_allclose(released_maps(found, places, every), expected, atol=1e-6)
    np.testing.assert_allclose(released_maps(found, places, some), expected[some], atol=1e-6)
    assert np.abs(expected - token_activation_maps(found, places)).max() > 0.1


def test_a_released_first_token_is_explained_by_the_question():
    """Its map is the question's own, whose copies leave nothing of it but rounding."""
    places, _ = TWO
    for seed in range(20):
        found = passed(logits_of(QUESTION, ANSWER, 189, seed), QUESTION, ANSWER, places)
        assert not released_maps(found, places, np.array([0])).any()
        assert token_activation_maps(found, places)[0].any()


def test_released_maps_of_a_reference_model_are_those_of_full_logits(load):
    """Its images have 4 × 4 tokens, which are not filtered, so the map is what is left after scaling."""
    probed, answer = load("tiny-qwen2-vl"), text_ids(7)
    (found,) = run_pass(probed.model, probed.prepared([QUESTIONS[0]], [answer]))
    inputs = read_along(probed, QUESTIONS[0], answer)
    with torch.no_grad():
        logits = probed.model(**inputs, use_cache=False).logits[0].double().numpy().clip(min=0)
    ids = inputs["input_ids"][0].numpy()
    _, ((asked,),) = probed.builder.build_groups([[QUESTIONS[0]]])
    question = np.array(probed.builder.spans(asked).user_text)
    states = np.arange(len(ids) - len(answer), len(ids))
    images = np.flatnonzero(ids == probed.model.config.image_token_id)
    texts = np.array([*ids[question], *answer])
    classes = np.array([*[ids[states[0]]] * (len(question) + 1), *answer[1:]])  # the prompt's last token
    at_text = np.array([*question, *states])
    released = released_maps(found, found.places, np.arange(len(answer)))
    for number in range(1, len(answer)):
        place = len(question) + number
        weights = logits[at_text[:place], classes[place]]
        others = np.flatnonzero(texts[:place] != texts[place])
        explained = weights[others] @ logits[images][:, classes[others]].T
        own = logits[images, classes[place]]
        best = np.linalg.lstsq(explained[:, None], own, rcond=None)[0]
        left = (own - best * explained).clip(min=0)
        low, high = min([*left, *weights]), max([*left, *weights])
        np.testing.assert_allclose(released[number], (left - low) / (high - low), atol=1e-4)
    assert not released[0].any()


def test_constant_windows_and_zero_maps():
    """Token 6's logits are never above 0, token 5's are one number in a corner, all of token 8's are the same."""
    places, images = TWO
    answer = [5, 6, 8, 9]
    logits = logits_of(QUESTION, answer, 189)
    columns = {int(token): place for place, token in enumerate(logits.token_ids)}
    for part in (logits.at_images, logits.at_question, logits.at_answer):
        part[:, columns[6]] = -1
    logits.at_images[:, columns[8]] = 3
    logits.at_images[:90, columns[5]] = 20
    found = token_activation_maps(passed(logits, QUESTION, answer, places), places)
    np.testing.assert_allclose(found, literal_maps(logits, QUESTION, answer, images), atol=1e-6)
    assert np.isfinite(found).all()
    assert not found[1].any()
    assert found[0].any()


def test_an_interference_of_zeros_takes_nothing_off():
    """No earlier text activates the token: the map keeps its own values and scale."""
    places, images = TWO
    logits = logits_of([7], [5], 189)
    logits.at_question[:] = -2
    found = token_activation_maps(passed(logits, [7], [5], places), places)
    own = logits.at_images[:, logits.token_ids.tolist().index(5)].numpy().astype(float).clip(min=0)
    np.testing.assert_allclose(found[0, :90].reshape(10, 9), literal_filter((own / own.max())[images[0]]), atol=1e-6)


def test_the_scale_begins_at_the_lowest_value():
    """A map that is nowhere 0, and nothing said before."""
    places, images = TWO
    logits = logits_of([], [5], 189)
    logits.at_images[:] = logits.at_images.abs() + 2
    found = token_activation_maps(passed(logits, [], [5], places), places)
    np.testing.assert_allclose(found, literal_maps(logits, [], [5], images), atol=1e-6)


def test_maps_are_made_once_per_pass():
    places, _ = TWO
    first, second = (passed(logits_of([7], [5], 189, seed), [7], [5], places) for seed in (1, 2))
    read = ReadAnswers(byte_tokenizer())
    maps = read(first, places)
    assert read(first, places) is maps
    np.testing.assert_array_equal(read(second, places).by_token, token_activation_maps(second, places))
    np.testing.assert_array_equal(maps.by_token, token_activation_maps(first, places))


def test_images_of_few_tokens_are_not_filtered():
    """Each object is one token there, and would be gone."""
    places = ImageTokens(((40, 40),) * 2, (Raster(0, 4, 4, {0: WHOLE}), Raster(16, 8, 9, {1: WHOLE})))
    logits = logits_of([], [5], 16 + 72)
    logits.at_images[:] = 0
    logits.at_images[5] = 2
    logits.at_images[40] = 1
    (found,) = token_activation_maps(passed(logits, [], [5], places), places)
    assert found[5] == 1 and found[40] == 0.5 and np.count_nonzero(found) == 2


# ---- filter ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (2, 2), (3, 3), (16, 11)])
def test_the_filter_is_that_of_a_double_loop(shape):
    random = np.random.default_rng(1)
    maps = random.random((4, *shape))
    maps[1] *= random.random(shape) < 0.2  # mostly zeros
    maps[2] = 0.7
    maps[3] = 0
    expected = [literal_filter(one) for one in maps]
    np.testing.assert_allclose(rank_gaussian_filter(maps), expected, atol=1e-12)
    assert rank_gaussian_filter(maps)[2].tolist() == np.full(shape, 0.7).tolist()


def test_a_lone_value_is_taken_off_and_an_area_is_kept():
    """A window with one 1 among zeros: mean 1/9, deviation √(8/81), so σ = √8 and the last rank's weight is e^(−1)."""
    lone, area = np.zeros((9, 9)), np.zeros((9, 9))
    lone[4, 4] = 1
    area[3:7, 3:7] = 1
    weights = np.exp(-((np.arange(9) - 4.0) ** 2) / 16)
    assert rank_gaussian_filter(lone)[4, 4] == pytest.approx(weights[8] / weights.sum())
    assert rank_gaussian_filter(area)[4, 4] == 1


def test_filtering_in_several_rounds_changes_nothing(monkeypatch):
    maps = np.random.default_rng(2).random((7, 6, 5))
    whole = rank_gaussian_filter(maps)
    monkeypatch.setattr("spd_faith.probes.rank_filter._VALUES_AT_ONCE", 600)
    np.testing.assert_array_equal(rank_gaussian_filter(maps), whole)


# ---- hits ------------------------------------------------------------------------------------------------------------


def test_a_hit_is_a_maximum_inside():
    maps = np.array([[0.1, 0.9, 0.2, 0], [0.9, 0.1, 0.2, 0], [0.5, 0.5, 0.5, 0.1], [0, 0, 0, 0]])
    inside = np.array([False, True, False, False])
    assert hits(maps, inside).tolist() == [1, 0, pytest.approx(1 / 3), 0.25]  # the last two: ties


# ---- rows ------------------------------------------------------------------------------------------------------------

SMALL = ImageTokens(((40, 40),) * 2, (Raster(0, 1, 2, {0: WHOLE}), Raster(2, 1, 2, {1: WHOLE})))
CAR = {"type": "remove", "bbox": {"x": 0.0, "y": 0.0, "w": 20.0, "h": 40.0}, "bbox_after": None}
SAMPLE = {"a": {"differences": [CAR]}, "b": {"differences": [CAR | {"bbox": None}]}}
MAPS = np.array([[0.2, 0.1, 0, 0], [1 / 3, 0.1, 0, 0], [0.1, 0.25, 0.1, 0]])


WORDS = [Word("red car", (1,)), Word("sofa", (1, 2))]


def small_logits():
    """The classes are 1 (the question), 2 (the prompt's last token), 5, 6 and 7 (the answer).

    The tokens 6 and 7 are explained by the question alone: by [4, 0, 0, 0] with its own class, by [0, 5, 0, 0] with
    that of the prompt's last token. Of token 6, [2, 3, 1, 0], that leaves [2, 0, 1, 0]; of 7 it leaves [0, 0, 2, 1].
    """
    by_class = [[4, 0, 0, 0], [0, 5, 0, 0], [4, 0, 0, 0], [2, 3, 1, 0], [0, 3, 2, 1]]
    at_images = torch.tensor(by_class, dtype=torch.float32).T
    return ClassLogits(torch.tensor([1, 2, 5, 6, 7]), at_images, torch.ones(1, 5), torch.full((3, 5), -1.0))


def rows(sample_id, outcome, words=WORDS):
    def read(found, places):
        return AnswerMaps(MAPS, words)

    tables = list(
        TokenActivationMap(SimpleNamespace(samples=SAMPLE, shared=lambda make: read)).tables(sample_id, "same", outcome)
    )
    return pa.concat_tables(tables).to_pylist()


def test_a_row_for_each_token_with_its_map():
    found = rows("a", a_pass(places=SMALL, logits=small_logits()))
    assert [(row["token"], row["token_id"], row["word"]) for row in found] == [
        (0, 5, None), (1, 6, "red car sofa"), (2, 7, "sofa")
    ]  # fmt: skip
    assert [(row["hit"], row["chance"]) for row in found] == [(None, None), (1, 0.5), (0, 0.5)]
    assert [row["hit_released"] for row in found] == [None, 1, 1]
    for row, expected in zip(found, MAPS, strict=True):
        np.testing.assert_allclose(row["map"], expected, atol=1e-3)  # float16
    assert found[0]["rasters"] == [
        {
            "first": 2 * number,
            "rows": 1,
            "columns": 2,
            "pictures": [{"picture": number, "x": 0, "y": 0, "w": 1, "h": 1}],
        }
        for number in (0, 1)
    ]
    assert set(found[0]) == set(TokenActivationMap.schema.names)


def test_without_boxes_there_are_maps_and_no_hits():
    found = rows("b", a_pass(places=SMALL))
    assert {(row["hit"], row["chance"], row["status"]) for row in found} == {(None, None, "ok")}
    assert all(row["map"] for row in found)


def test_without_content_words_there_are_maps_and_no_hits():
    found = rows("a", a_pass(places=SMALL), words=[])
    assert {(row["hit"], row["chance"], row["word"], row["status"]) for row in found} == {(None, None, None, "ok")}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Unmeasured("float32", "no_answer"), "no_answer"), (a_pass(places=None), "unsupported")],
)
def test_an_answer_without_maps_is_a_row_that_says_why(outcome, status):
    (row,) = rows("a", outcome)
    assert (row["sample_id"], row["task"], row["token"], row["map"], row["status"]) == ("a", "same", None, None, status)
