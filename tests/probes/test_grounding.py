"""Grounding for constructed attention and maps, with hand-computed results."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from probes.test_measures import a_pass

from spd_faith.probes.grounding import Grounding, densities, over
from spd_faith.probes.image_grid import ImageTokens, Raster
from spd_faith.probes.passes import Unmeasured
from spd_faith.probes.token_activation import AnswerMaps
from spd_faith.probes.words import Word

WHOLE = (0.0, 0.0, 1.0, 1.0)
# two images of 40 × 20 pixels, each 2 rows of 4 tokens of 10 pixels a side
PLACES = ImageTokens(((40, 20),) * 2, (Raster(0, 2, 4, {0: WHOLE}), Raster(8, 2, 4, {1: WHOLE})))


def box(column, row, columns=1.0, rows=1.0):
    """In tokens."""
    return {"x": 10.0 * column, "y": 10.0 * row, "w": 10.0 * columns, "h": 10.0 * rows}


def sample(name, differences, unchanged=None, control="none", split="easy"):
    return {
        "sample_id": name,
        "image_id": name,
        "split": split,
        "control": control,
        "width": 40,
        "height": 20,
        "differences": [{"type": "remove", "bbox": bbox, "bbox_after": after} for bbox, after in differences],
        "unchanged": unchanged and [{"category": "cat", "bbox": bbox} for bbox in unchanged],
    }


HERE = sample("a", [(box(1, 0), None)], unchanged=[box(3, 1)])
THERE = sample("b", [(box(0, 1, columns=2), None)])


def rows(samples, outcome, maps, words, sample_id="a"):
    def read(found, places):
        return AnswerMaps(np.array(maps, dtype=float), words)

    probe = Grounding(SimpleNamespace(samples={one["sample_id"]: one for one in samples}, shared=lambda make: read))
    return pa.concat_tables(list(probe.tables(sample_id, "same", outcome))).to_pylist()


def planted(*layers):
    """A pass of three answer tokens; each layer's attention is (at token 1, elsewhere), the same in both images."""
    attention = torch.zeros(len(layers), 3, 16)
    for layer, (on, off) in enumerate(layers):
        attention[layer] = off
        attention[layer, :, [1, 9]] = on
    return a_pass(image_attention=attention, places=PLACES)


FLAT = np.ones((3, 16))


def test_attention_on_the_true_box_over_the_baselines():
    """0.3 on token 1 of each image and 0.02 on each of the others: a mean of 0.055 over 16 tokens.

    The other sample's box has tokens 4 and 5 of each image, none of them token 1.
    """
    (row,) = rows([HERE, THERE], planted((0.3, 0.02)), FLAT, [Word("car", (1,))])
    assert row["layer"] == 0 and row["content_tokens"] == 1
    assert row["attention_true"] == pytest.approx(0.3 / 0.055)
    assert row["attention_unchanged"] == pytest.approx(0.02 / 0.055)
    assert row["attention_other_sample"] == pytest.approx(0.02 / 0.055)
    # a start from 0 to 3 tokens, each as likely: the first column has 1/6 of the box, the second 1/3; a row has half
    expected = (0.3 * 1 / 6 + 0.02 * 5 / 6) / 0.055
    assert row["attention_random"] == pytest.approx(expected)
    assert row["attention_over_random"] == pytest.approx(0.3 / 0.055 / expected)
    assert row["attention_over_unchanged"] == row["attention_over_other_sample"] == pytest.approx(15)


def test_even_attention_is_one_everywhere():
    (row,) = rows([HERE, THERE], planted((0.05, 0.05)), FLAT, [Word("car", (1,))])
    for kind in ("attention", "tam"):
        values = [
            value for name, value in row.items() if name.startswith(kind) and name not in ("tam_hit", "tam_chance")
        ]
        assert values == pytest.approx([1] * 7)
    assert row["tam_hit"] == row["tam_chance"] == pytest.approx(2 / 16)


def test_each_layer_has_its_own_attention_and_the_last_the_maps():
    first, second = rows([HERE, THERE], planted((0.05, 0.05), (0.3, 0.02)), FLAT, [Word("car", (1,))])
    assert (first["layer"], second["layer"]) == (0, 1)
    assert first["attention_true"] == pytest.approx(1)
    assert second["attention_true"] == pytest.approx(0.3 / 0.055)
    assert first["tam_true"] is first["tam_over_random"] is first["tam_hit"] is None
    assert second["tam_true"] == pytest.approx(1)
    assert set(first) == set(Grounding.schema.names)


def test_maps_and_attention_are_averaged_over_content_words():
    """Tokens 0 and 2 are no words; they look elsewhere."""
    attention = torch.full((1, 3, 16), 1.0)
    attention[0, 1] = torch.tensor([0.0, 2] + [0] * 14)
    maps = np.zeros((3, 16))
    maps[0, 7], maps[1, 9], maps[2, 3] = 1, 0.5, 1
    outcome = a_pass(image_attention=attention, places=PLACES)
    (row,) = rows([HERE, THERE], outcome, maps, [Word("car", (1,))])
    assert row["attention_true"] == pytest.approx(8)  # of 16 tokens two are true, and one of these has all
    assert row["tam_true"] == pytest.approx(8)
    assert (row["tam_hit"], row["tam_chance"]) == (1, 2 / 16)
    assert row["tam_over_unchanged"] is None  # over 0
    (row,) = rows([HERE, THERE], outcome, maps, [])  # all tokens then
    assert row["content_tokens"] == 0
    assert row["tam_true"] == pytest.approx(16 / 2 * 0.5 / 2.5)
    assert row["tam_hit"] is row["tam_chance"] is None


def test_hits_are_averaged_over_the_tokens_of_content_words():
    maps = np.zeros((3, 16))
    maps[0, 1], maps[1, 0], maps[2, 9] = 1, 1, 0.2
    (row,) = rows([HERE, THERE], planted((1, 1)), maps, [Word("car", (0, 1)), Word("gone", (2,))])
    assert row["tam_hit"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("bbox", "after", "tokens"),
    [
        (box(1, 0), None, [1, 9]),  # removed: where it is, and where it was
        (box(1, 0), box(2, 1), [1, 6, 9, 14]),  # moved: both places
        (box(1, 0), box(1, 0), [1, 9]),  # another colour
    ],
)
def test_places_of_a_difference_count_in_both_images(bbox, after, tokens):
    attention = torch.zeros(1, 3, 16)
    attention[..., tokens] = 1
    outcome = a_pass(image_attention=attention, places=PLACES)
    (row,) = rows([sample("a", [(bbox, after)]), THERE], outcome, FLAT, [])
    assert row["attention_true"] == pytest.approx(16 / len(tokens))


def test_a_large_box_counts_as_much_as_a_small_one():
    """Densities, not sums: 2 tokens and 8 tokens per image, of one attention."""
    attention = np.zeros((1, 4))
    attention[0, 0] = 1
    small, large = np.array([[1.0, 0, 0, 0]]), np.ones((1, 4))
    assert densities(attention, small)[0] == 4
    assert densities(attention, large)[0] == 1
    assert densities(attention, np.concatenate([small, large]))[0] == 2.5
    assert densities(attention, 0.5 * small)[0] == 4  # a token half covered


def test_what_is_not_defined_is_nan():
    assert np.isnan(densities(np.ones((2, 4)), np.empty((0, 4)))).all()
    assert np.isnan(densities(np.zeros((2, 4)), np.ones((1, 4)))).all()
    assert np.isnan(densities(np.ones((1, 4)), np.zeros((1, 4)))).all()
    assert np.isnan(over(np.array([1.0, np.nan]), np.array([0.0, 1.0]))).all()


def test_unknown_baselines_are_null():
    alone = sample("a", [(box(1, 0), None)])
    (row,) = rows([alone], planted((0.3, 0.02)), FLAT, [])
    assert row["attention_unchanged"] is row["attention_over_unchanged"] is None
    assert row["attention_other_sample"] is row["attention_over_other_sample"] is None
    assert row["attention_random"] is not None


def test_other_samples_are_of_the_split_and_show_other_images():
    same_images = THERE | {"sample_id": "c", "image_id": "a"}
    control = THERE | {"sample_id": "d", "image_id": "d", "control": "swapped"}
    elsewhere = THERE | {"sample_id": "e", "image_id": "e", "split": "hard"}
    (row,) = rows([HERE, same_images, control, elsewhere], planted((0.3, 0.02)), FLAT, [])
    assert row["attention_other_sample"] is None


def test_all_boxes_of_all_other_samples_count_alike():
    """Of b tokens 4 and 5, with 0.02; of c tokens 1, with 0.3, and 6: a mean over three boxes."""
    both = sample("c", [(box(1, 0), None), (box(2, 1), None)])
    (row,) = rows([HERE, THERE, both], planted((0.3, 0.02)), FLAT, [])
    assert row["attention_other_sample"] == pytest.approx((0.02 + 0.3 + 0.02) / 3 / 0.055)


def test_a_zero_map_has_no_density_and_hits_as_chance_does():
    (row,) = rows([HERE, THERE], planted((0.3, 0.02)), np.zeros((3, 16)), [Word("car", (1,))])
    assert row["tam_true"] is row["tam_random"] is row["tam_over_random"] is None
    assert row["tam_hit"] == row["tam_chance"] == pytest.approx(2 / 16)
    assert row["status"] == "ok"


def test_a_sample_without_boxes_is_a_row_that_says_so():
    (row,) = rows([sample("a", [(None, None)]), THERE], planted((0.3, 0.02)), FLAT, [])
    assert (row["status"], row["layer"], row["attention_true"]) == ("no_boxes", None, None)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Unmeasured("float32", "no_answer"), "no_answer"), (a_pass(places=None), "unsupported")],
)
def test_an_answer_without_measurements_is_a_row_that_says_why(outcome, status):
    (row,) = rows([HERE], outcome, FLAT, [])
    assert (row["sample_id"], row["task"], row["layer"], row["status"]) == ("a", "same", None, status)
