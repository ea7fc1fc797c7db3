"""The measures of each probe on hand-computed numbers, and their rows."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from spd_faith.inference.sublayers import is_sum_of_parts
from spd_faith.probes.generation_attention import GenerationAttention, columns_of_fractions
from spd_faith.probes.hidden_similarity import HiddenSimilarity, centred_cosines, released, similarity
from spd_faith.probes.layer_changes import LayerChanges, layer_changes
from spd_faith.probes.layers import LayerStates
from spd_faith.probes.neuron_activation import NeuronActivation, neuron_activation
from spd_faith.probes.passes import ClassLogits, HiddenStates, Pass, Unmeasured
from spd_faith.probes.probe import ProbeRun

NOTHING = torch.zeros(0)
RUN = ProbeRun({}, None)


def layer(before, attention, ffn, after=None):
    before, attention, ffn = (torch.tensor(rows, dtype=torch.float32) for rows in (before, attention, ffn))
    after = before + attention + ffn if after is None else torch.tensor(after, dtype=torch.float32)
    return LayerStates(before, attention, ffn, after, None, None)


def hidden(mean, prompt=((1.0, 0.0),), icr=((1.0, 1.0, 1.0, 1.0),), normed_update=1.0):
    embeddings, normed = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    return HiddenStates(
        torch.tensor(mean), torch.tensor(prompt), torch.tensor(icr), embeddings, normed, torch.tensor(normed_update)
    )


def a_pass(**fields):
    """Two layers, an answer of three tokens, two images of two tokens."""
    default = {
        "dtype": "float32",
        "greedy_agreement": 1.0,
        "image_tokens": (2, 2),
        "question_token_ids": torch.tensor([1]),
        "last_prompt_token_id": 2,
        "answer_token_ids": torch.tensor([5, 6, 7]),
        "by_layer": {
            "layer_changes": torch.arange(18.0).reshape(2, 9),
            "neuron_activation": torch.tensor([[0.25, 0.5], [0.75, 1.0]]),
        },
        "attention_fractions": torch.full((2, 3, 7), 1 / 7),
        "image_attention": torch.zeros(2, 3, 4),
        "hidden": hidden([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], [[1.0, 2.0, *[float("nan")] * 2]] * 2),
        "logits": ClassLogits(NOTHING, NOTHING, NOTHING, NOTHING),
    }
    return Pass(**(default | fields))


def rows(probe, *outcomes):
    """The rows of a probe for outcomes of (sample, task), waiting ones included."""
    tables = [table for outcome in outcomes for table in probe.tables(*outcome)]
    tables += probe.remaining()
    return pa.concat_tables(tables).to_pylist() if tables else []


# ---- layer changes ---------------------------------------------------------------------------------------------------


def test_changes_of_one_state():
    """x = (3, 4), attention adds (0, −8), the network (0, 4): x½ = (3, −4), x₁ = (3, 0)."""
    found = layer_changes(layer([[3, 4]], [[0, -8]], [[0, 4]]))
    p = np.array([1, np.exp(-8)]) / (1 + np.exp(-8))
    q = np.array([1, np.exp(4)]) / (1 + np.exp(4))
    expected = [8, 4, 8 / 5, 4 / 5, (9 - 16) / 25, 9 / (5 * 3), (p * np.log(p / q)).sum(), 8 / 5, 4 / 5]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_each_measure_is_the_mean_over_the_states():
    """Ratios too: 1 / 1 and 1 / 4. The released form beside them: 2 / 5."""
    found = layer_changes(layer([[1, 0], [4, 0]], [[0, 1], [0, 1]], [[1, 0], [1, 0]]))
    assert found[2] == pytest.approx((1 + 1 / 4) / 2)
    assert found[7] == pytest.approx(2 / 5)


def test_released_relative_changes_are_ratios_of_means():
    random = np.random.default_rng(1)
    before, attention, ffn = (random.normal(size=(9, 5)) * random.gamma(1, size=(9, 1)) for _ in range(3))
    found = dict(zip(LayerChanges.measures, layer_changes(layer(before, attention, ffn)), strict=True))

    def mean_norm(states):
        return np.sqrt((states**2).sum(axis=1)).mean()

    expected = mean_norm(attention) / mean_norm(before), mean_norm(ffn) / mean_norm(before + attention)
    assert float(found["attention_relative_of_means"]) == pytest.approx(expected[0], rel=1e-5)
    assert float(found["ffn_relative_of_means"]) == pytest.approx(expected[1], rel=1e-5)
    assert float(found["ffn_relative"]) != pytest.approx(expected[1], rel=0.05)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([[3, 0]], True),
        ([[3.02, 0.02]], True),  # rounding
        ([[3, 1]], False),  # as where a norm or a factor stands between a part and the sum
        ([[6, 0]], False),
    ],
)
def test_a_layer_that_is_not_the_sum_of_its_parts_is_reported(after, expected):
    parts = (torch.tensor(states, dtype=torch.float32) for states in ([[3, 4]], [[0, -8]], [[0, 4]], after))
    assert is_sum_of_parts(*parts, torch.float32) is expected


def test_rounding_to_bfloat16_is_no_other_architecture():
    """A large state swallows much of a small change."""
    before, change = torch.full((1, 64), 1000.3).bfloat16(), torch.full((1, 64), 1.7).bfloat16()
    after = before + change + change
    states = before.float(), change.float(), change.float(), after.float()
    assert is_sum_of_parts(*states, torch.bfloat16)
    assert not is_sum_of_parts(*states, torch.float32)


def test_rows_of_layer_changes():
    first, second = rows(LayerChanges(RUN), ("a", "same", a_pass()))
    assert (first["layer"], second["layer"]) == (0, 1)
    assert (first["attention_change"], second["attention_change"], second["kl_attention_ffn"]) == (0, 9, 15)
    assert (first["ffn_relative_of_means"], second["ffn_relative_of_means"]) == (8, 17)
    assert {(row["sample_id"], row["task"], row["status"], row["dtype"]) for row in (first, second)} == {
        ("a", "same", "ok", "float32")
    }


# ---- neuron activation -----------------------------------------------------------------------------------------------


def test_active_neurons_by_token_and_of_the_sum():
    """Three tokens, four neurons: active by token 2, 1 and 1 of 4; sums 1 − 3, 0, 5 and 0.5 + 0.5."""
    activations = torch.tensor([[1.0, 0.0, 0.0, 0.5], [-3.0, 0.0, 5.0, -0.1], [0.0, 0.0, 0.0, 0.6]])
    np.testing.assert_allclose(neuron_activation(activations), [4 / 12, 2 / 4])


# ---- generation attention --------------------------------------------------------------------------------------------


def test_columns_of_fractions():
    """sink 10%, system 15, opening 5, images 20 and 10, user 20, answer 20: the published three are of 80%."""
    fractions = torch.tensor([0.1, 0.15, 0.05, 0.2, 0.1, 0.2, 0.2])
    expected = {"sink": 0.1, "system": 0.15, "picture_1": 0.2, "picture_2": 0.1, "user": 0.25, "answer": 0.2}
    expected |= {"published_system": 0.3 / 0.8, "published_visual": 0.3 / 0.8, "published_user": 0.2 / 0.8}
    assert {name: float(value) for name, value in columns_of_fractions(fractions).items()} == pytest.approx(expected)


def test_a_row_for_each_layer_and_token():
    fractions = torch.rand(2, 3, 7)
    found = rows(GenerationAttention(RUN), ("a", "same", a_pass(attention_fractions=fractions)))
    assert [(row["layer"], row["token"], row["token_id"]) for row in found] == [
        (0, 0, 5), (0, 1, 6), (0, 2, 7), (1, 0, 5), (1, 1, 6), (1, 2, 7)
    ]  # fmt: skip
    assert [row["sink"] for row in found] == fractions[..., 0].flatten().tolist()
    assert [row["picture_2"] for row in found] == fractions[..., 4].flatten().tolist()


def test_a_merged_image_leaves_the_second_null():
    found = rows(GenerationAttention(RUN), ("a", "same", a_pass(image_tokens=(4,))))
    assert {row["picture_2"] for row in found} == {None}
    assert all(row["picture_1"] is not None for row in found)


# ---- hidden similarity -----------------------------------------------------------------------------------------------


def test_similarity_of_one_layer():
    """Mean states (3, 4) and (4, 3): 24 / 25. ICRs 1.5 and 1.2 apart by 0.3: 0.96 × 0.7."""
    same = hidden([[3.0, 4.0]], [[1.0, 0.0]], [[1.5, 0.2, 0.1, 0.3]])
    different = hidden([[4.0, 3.0]], [[0.0, 1.0]], [[1.2, 0.6, float("nan"), 0.1]])
    found = similarity(same, different)
    assert float(found["cosine"]) == pytest.approx(24 / 25)
    assert float(found["cosine_prompt"]) == 0
    assert float(found["score"]) == pytest.approx(24 / 25 * 0.7)
    assert float(found["icr_relative_divergence"]) == pytest.approx(0.4)
    assert found["icr_original_divergence"].isnan()
    assert float(found["icr_original_released_divergence"]) == pytest.approx(0.2)
    assert set(found) | {"layer", "cosine_centred"} == {
        name for name in HiddenSimilarity.schema.names if name not in BESIDE_MEASURES
    }


BESIDE_MEASURES = ("sample_id", "dtype", "greedy_agreement", "status", "error")


def test_a_divergence_above_one_makes_the_score_zero():
    same, different = (hidden([[1.0, 0.0]], icr=[[icr, 0.0, 0.0, 0.0]], normed_update=icr) for icr in (9.0, 1.0))
    found = similarity(same, different)
    assert float(found["score"]) == float(found["sample_score_released"]) == 0


def test_the_released_score_of_a_sample_averages_layers_first():
    """By hand, from the tuple of states that transformers returns: embeddings, after the first layer, after the norm of
    the second and last. Width 4. The divergences are 0.7 and −0.2 before they lose their sign, so 0.45 on average.
    """
    random = np.random.default_rng(2)
    tuples = random.normal(1, 1, size=(2, 3, 4))  # answers × tuple × width
    updates = np.array([[1.3, 0.5], [0.6, 0.7]])
    answers = [
        HiddenStates(
            mean_states=torch.tensor(np.array([states[1], random.normal(size=4)])),
            prompt_states=torch.zeros(2, 4),
            icr=torch.tensor([[update[0], 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]]),
            embeddings=torch.tensor(states[0]),
            normed=torch.tensor(states[2]),
            normed_update=torch.tensor(update[1]),
        )
        for states, update in zip(tuples, updates, strict=True)
    ]
    found = {name: values.tolist() for name, values in released(*answers).items()}
    cosines = [(a @ b) / np.sqrt((a @ a) * (b @ b)) for a, b in zip(*tuples, strict=True)]
    expected = {
        "cosine_released": cosines[1:],
        "icr_simple_released_same": [1.3, 0.5],
        "icr_simple_released_different": [0.6, 0.7],
        "sample_cosine_released": [sum(cosines) / 3] * 2,
        "sample_divergence_released": [0.45] * 2,
        "sample_score_released": [sum(cosines) / 3 * 0.55] * 2,
    }
    assert {name: pytest.approx(values) for name, values in expected.items()} == found


def test_centred_cosines_are_of_what_is_the_samples_own():
    """A common part of (100, 0) hides that the samples' own parts point opposite ways."""
    own = torch.tensor([[[0.0, 1.0]], [[0.0, -1.0]]])
    common = torch.tensor([100.0, 0.0])
    np.testing.assert_allclose(centred_cosines(common + own, common - own), [[-1], [-1]], rtol=1e-4)
    np.testing.assert_allclose(centred_cosines(common + own, 2 * common + own), [[1], [1]], rtol=1e-4)


def test_a_row_for_each_sample_and_layer_once_both_answers_are_there():
    answers = [("a", "describe"), ("a", "same"), ("b", "different"), ("b", "same"), ("a", "different")]
    found = rows(HiddenSimilarity(RUN), *((*key, a_pass()) for key in answers))
    assert sorted((row["sample_id"], row["layer"]) for row in found) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert {row["icr_original_same"] for row in found} == {None}
    assert {row["cosine"] for row in found} == {1.0}


def test_one_sample_has_nothing_to_be_centred_on():
    found = rows(HiddenSimilarity(RUN), ("a", "same", a_pass()), ("a", "different", a_pass()))
    assert {row["cosine_centred"] for row in found} == {None}


def test_the_lower_agreement_of_two_answers_stands():
    found = rows(
        HiddenSimilarity(RUN),
        ("a", "same", a_pass(greedy_agreement=0.5)),
        ("a", "different", a_pass(greedy_agreement=1)),
    )
    assert {row["greedy_agreement"] for row in found} == {0.5}


# ---- what could not be measured --------------------------------------------------------------------------------------

PROBES = [LayerChanges, GenerationAttention, NeuronActivation]


@pytest.mark.parametrize("probe", PROBES)
def test_an_answer_without_measurements_is_a_row_that_says_why(probe):
    (row,) = rows(probe(RUN), ("a", "same", Unmeasured("bfloat16", "failed", "out of memory")))
    assert (row["sample_id"], row["task"], row["layer"]) == ("a", "same", None)
    assert (row["status"], row["error"], row["dtype"]) == ("failed", "out of memory", "bfloat16")


@pytest.mark.parametrize("missing", ["same", "different"])
def test_a_similarity_without_one_of_its_answers_is_a_row_that_says_why(missing):
    outcomes = {"same": a_pass(), "different": a_pass(), missing: Unmeasured("float32", "no_answer")}
    (row,) = rows(HiddenSimilarity(RUN), *(("a", *one) for one in outcomes.items()))
    assert (row["sample_id"], row["layer"], row["status"]) == ("a", None, "no_answer")


@pytest.mark.parametrize("probe", [LayerChanges, NeuronActivation])
def test_missing_parts_of_a_model_are_unsupported(probe):
    (row,) = rows(probe(RUN), ("a", "same", a_pass(by_layer={})))
    assert (row["status"], row["layer"], row["error"]) == ("unsupported", None, None)


def test_numbers_that_are_not_defined_are_null():
    fractions = torch.full((1, 1, 7), float("nan"))
    (row,) = rows(
        GenerationAttention(RUN),
        ("a", "same", a_pass(attention_fractions=fractions, answer_token_ids=torch.tensor([5]))),
    )
    assert row["sink"] is None
    assert set(row) == set(GenerationAttention.schema.names)
