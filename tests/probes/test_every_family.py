"""All probes that share a pass, of every family, from saved answers to tables; and that each measure is free of the
errors that the benchmark's released code has: token ids and layer counts of one model, prompts averaged into the
answer, states taken without the image, an ICR of even attention, the last image alone.
"""

import io

import numpy as np
import pandas as pd
import pytest
from probes.probed import QUESTIONS, REFERENCE, TINY, text_ids
from probes.test_forward import cosine, eager_answer, one_pass, plain_states
from probes.test_icr import by_loops
from torch import nn

from spd_faith.core.files import read_table
from spd_faith.core.schemas import TASKS
from spd_faith.inference.model_parts import decoder_layers
from spd_faith.inference.questions import Question
from spd_faith.probes.hidden_similarity import HiddenSimilarity
from spd_faith.probes.outcomes import measure_answers
from spd_faith.probes.probe import ProbeRun
from spd_faith.probes.registry import PROBES
from spd_faith.probes.samples import SavedAnswer
from spd_faith.probes.writing import start_probes, write_probes

EVERY_MODEL = TINY + REFERENCE
SHARING = {name: probe for name, probe in PROBES.items() if probe.reads_shared_pass}
TILED = [("llava_onevision", "merged"), ("llava_next", "pair"), ("llava_next", "merged")]
UNGATED = ("llava_ungated", "qwen3_vl_moe")
WITHOUT_BOXES = "easy/00002_3"
# what the describe answer, "the same?" and "different?" say: cut off inside of a letter, one token, none at all
ANSWERS = {
    "easy/00000_1": ["The red car is gone, and the sofa moved to the left.", "No.", "Yes, a car is gone."],
    "easy/00001_2": ["The car é", "N", ""],
    WITHOUT_BOXES: ["A dog is gone.", "No, a dog is gone.", "Yes."],
}
CUT_OFF, NO_TOKENS = ("easy/00001_2", "describe"), ("easy/00001_2", "different")


def encoded(image):
    file = io.BytesIO()
    image.save(file, format="png")
    return file.getvalue()


def sample(sample_id):
    box = None if sample_id == WITHOUT_BOXES else {"x": 10.0, "y": 20.0, "w": 30.0, "h": 40.0}
    return {
        "sample_id": sample_id,
        "split": "easy",
        "image_id": sample_id[-1],
        "control": "none",
        "width": 112,
        "height": 112,
        "differences": [{"type": "remove", "bbox": box, "bbox_after": None}],
        "unchanged": [{"category": "cat", "bbox": {"x": 60.0, "y": 60.0, "w": 30.0, "h": 30.0}}],
    }


def asked(probed):
    """The questions, and the tokens of their answers by (sample_id, task)."""
    questions, answers = [], {}
    for (sample_id, texts), (_, first, second) in zip(ANSWERS.items(), QUESTIONS, strict=True):
        for task, text in zip(TASKS, texts, strict=True):
            ids = probed.tokenizer(text, add_special_tokens=False)["input_ids"]
            answers[sample_id, task] = SavedAnswer(ids[:-1] if (sample_id, task) == CUT_OFF else ids, None)
            questions.append(Question(sample_id, task, f"{task}?", encoded(first), encoded(second)))
    return questions, answers


def written(probed, folder, batch_size):
    """Every probe's table, as the command writes it, and the answers' tokens."""
    questions, answers = asked(probed)
    probes = start_probes(SHARING, {sample_id: sample(sample_id) for sample_id in ANSWERS}, probed.tokenizer)
    with write_probes(folder, probes, {}) as write:
        for question, outcome in measure_answers(probed.checkpoint, probed.builder, questions, answers, batch_size):
            write(question.sample_id, question.task, outcome)
    tables = {name: read_table(probe.path_in(folder), probe.schema).to_pandas() for name, probe in SHARING.items()}
    return tables, {key: len(answer.token_ids) for key, answer in answers.items()}


def expected_units(probe, tokens, layers, unsupported):
    """(sample_id, task, layer or token …) of every row that a table must have, and the statuses of those without."""
    units, statuses = set(), {}
    for (sample_id, task), count in tokens.items():
        key = (sample_id, task)
        if count == 0:
            statuses[key] = "no_answer"
        elif unsupported:
            statuses[key] = "unsupported"
        elif probe == "grounding" and sample_id == WITHOUT_BOXES:
            statuses[key] = "no_boxes"
        elif probe == "token_activation_map":
            units |= {(*key, token) for token in range(count)}
        elif probe == "generation_attention":
            units |= {(*key, layer, token) for layer in range(layers) for token in range(count)}
        else:
            units |= {(*key, layer) for layer in range(layers)}
    return units, statuses


def unit_columns(table):
    return [name for name in ("sample_id", "task", "layer", "token") if name in table.columns]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layout"), EVERY_MODEL)
def test_every_table_has_a_row_for_every_unit_whatever_the_batch(load, tmp_path, name, layout):
    probed = load(name, layout)
    tables, tokens = written(probed, tmp_path / "4", batch_size=4)
    assert min(tokens.values()) == tokens[NO_TOKENS] == 0
    assert 1 in tokens.values()
    layers = len(decoder_layers(probed.model))
    for probe, table in tables.items():
        measured = table[table["status"] == "ok"]
        assert set(measured["dtype"]) <= {"float32"}
        found = list(measured[unit_columns(table)].itertuples(index=False, name=None))
        assert len(found) == len(set(found))
        if probe == "hidden_similarity":
            assert set(found) == {(one, layer) for one in ANSWERS if one != NO_TOKENS[0] for layer in range(layers)}
            assert table[table["status"] != "ok"][["sample_id", "status"]].to_numpy().tolist() == [
                [NO_TOKENS[0], "no_answer"]
            ]
            continue
        lacks = (name, layout) in TILED if probe in ("token_activation_map", "grounding") else name in UNGATED
        lacks &= probe in ("token_activation_map", "grounding", "neuron_activation")
        units, statuses = expected_units(probe, tokens, layers, lacks)
        assert set(found) == units, probe
        others = table[table["status"] != "ok"]
        assert (
            dict(zip(zip(others["sample_id"], others["task"], strict=True), others["status"], strict=True)) == statuses
        )
        assert len(others) == len(statuses)
    maps = tables["token_activation_map"]
    if (name, layout) not in TILED:
        assert maps["word"].notna().any() and maps["hit"].notna().any()

    alone, _ = written(probed, tmp_path / "1", batch_size=1)
    for probe, table in tables.items():
        check_same(probe, table, alone[probe])


def check_same(probe, one, other):
    """But for rounding; each measure on its own scale."""
    keys = unit_columns(one)
    one, other = (table.sort_values(keys, ignore_index=True) for table in (one, other))
    measures = [name for name in one.columns if one[name].dtype == np.float32]
    exact = one.columns.difference([*measures, "map", "rasters"])
    pd.testing.assert_frame_equal(one[exact], other[exact])
    for measure in measures:
        scale = max(1.0, one[measure].abs().max())
        np.testing.assert_allclose(
            one[measure] / scale, other[measure] / scale, rtol=0, atol=2e-5, err_msg=f"{probe}, {measure}"
        )
    if "map" in one.columns:
        for here, there in zip(one["map"], other["map"], strict=True):
            assert (here is None) == (there is None)
            if here is not None:
                np.testing.assert_allclose(here.astype(float), there.astype(float), atol=2e-3)  # half precision


@pytest.mark.parametrize("batch_size", [1, 3])
def test_one_pass_serves_all_probes(load, tmp_path, monkeypatch, batch_size):
    """Of three samples: the model runs once for each batch of them, never generates, and its head sees no prompt."""
    probed, runs, heads = load("qwen2_vl"), [], []
    monkeypatch.setattr(type(probed.model), "generate", None)
    base = probed.model.base_model.register_forward_pre_hook(
        lambda module, inputs, named: runs.append(1), with_kwargs=True
    )
    head = probed.model.get_output_embeddings().register_forward_hook(lambda m, i, output: heads.append(len(output)))
    try:
        _, tokens = written(probed, tmp_path, batch_size)
    finally:
        base.remove()
        head.remove()
    assert len(runs) == {1: 3, 3: 1}[batch_size]
    assert sorted(heads) == sorted(count for count in tokens.values() if count)


class Ungated(nn.Module):
    """A feed-forward network whose parts have other names."""

    def __init__(self, network):
        super().__init__()
        self.inside = network

    def forward(self, states):
        return self.inside(states)


def test_a_gate_in_some_layers_alone_is_not_enough(load, monkeypatch):
    """As where some layers are mixtures of experts: rows of the others would be taken for the first layers'."""
    probed = load("qwen2_vl")
    layer = decoder_layers(probed.model)[1]
    expected = one_pass(probed, QUESTIONS[0], text_ids(5))
    monkeypatch.setitem(layer._modules, "mlp", Ungated(layer.mlp))
    found = one_pass(probed, QUESTIONS[0], text_ids(5))
    assert "neuron_activation" not in found.by_layer and "neuron_activation" in expected.by_layer
    np.testing.assert_array_equal(found.by_layer["layer_changes"], expected.by_layer["layer_changes"])


def test_bfloat16_is_stated_in_every_row(load, tmp_path):
    tables, _ = written(load("qwen2_vl", dtype="bfloat16"), tmp_path, batch_size=4)
    for table in tables.values():
        assert set(table["dtype"]) == {"bfloat16"}
        assert table.loc[table["status"] == "ok", "greedy_agreement"].between(0, 1).all()


# ---- the errors of the released code ---------------------------------------------------------------------------------


def test_layers_and_tokens_of_images_are_the_models_own(load):
    """The released code has those of Qwen2-VL-7B for all: 28 layers, and 151655 for a token of an image."""
    seen = set()
    for name, layout in EVERY_MODEL:
        model = load(name, layout).model
        found = one_pass(load(name, layout), QUESTIONS[0], text_ids(4))
        layers = model.config.get_text_config().num_hidden_layers
        for by_layer in (
            found.by_layer["layer_changes"],
            found.attention_fractions,
            found.image_attention,
            found.hidden.icr,
        ):
            assert len(by_layer) == layers
        assert found.image_attention.shape[-1] == sum(found.image_tokens) == len(found.logits.at_images) > 0
        seen.add((layers, model.config.image_token_id))
    assert len({layers for layers, _ in seen} - {28}) > 1
    assert len({token for _, token in seen} - {151655}) > 2


@pytest.mark.parametrize(("name", "layout"), EVERY_MODEL)
@pytest.mark.parametrize("changed", [1, 2])
def test_every_measure_sees_either_image(load, name, layout, changed):
    """In the released code InternVL's states are of the text alone, and of several images the last one counts."""
    probed, answer = load(name, layout), text_ids(25)
    other = list(QUESTIONS[0])
    other[changed] = QUESTIONS[0][changed].rotate(180)
    here, there = (one_pass(probed, question, answer) for question in (QUESTIONS[0], other))
    pairs = {
        "layer_changes": (here.by_layer["layer_changes"], there.by_layer["layer_changes"]),
        "attention_fractions": (here.attention_fractions, there.attention_fractions),
        "image_attention": (here.image_attention, there.image_attention),
        "mean_states": (here.hidden.mean_states, there.hidden.mean_states),
        "prompt_states": (here.hidden.prompt_states, there.hidden.prompt_states),
        "icr": (here.hidden.icr, there.hidden.icr),
        "at_images": (here.logits.at_images, there.logits.at_images),
        "at_answer": (here.logits.at_answer, there.logits.at_answer),
    }
    for field, (one, two) in pairs.items():
        assert one.isfinite().all(), field
        assert (one - two).abs().max() > 1e-3 * one.abs().max(), field


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layout"), EVERY_MODEL)
def test_hidden_similarity_is_that_of_loops_over_plain_passes_with_eager_attention(load, name, layout):
    """Of the answer's states alone, and of the attention that there is, averaged over heads and nothing else."""
    probed, probe, by_hand, states = load(name, layout), HiddenSimilarity(ProbeRun({}, None)), {}, {}
    for task, question, count in (("same", QUESTIONS[0], 43), ("different", QUESTIONS[2], 38)):
        answer = text_ids(count, seed=count)
        assert not list(probe.tables("a", task, one_pass(probed, question, answer)))
        _, attention = eager_answer(probed, question, forced=answer)
        first = probed.builder.build([question])["input_ids"].shape[1] - 1
        layers, output = plain_states(probed, question, answer)
        states[task] = np.array([of_layer[0, first:].numpy() for of_layer in output.hidden_states])
        by_hand[task] = [
            brief(parts, rows[:, first : first + count], first) for parts, rows in zip(layers, attention, strict=True)
        ]
    (table,) = probe.remaining()
    found = table.to_pandas()
    assert len(found) == len(by_hand["same"])
    for row, same, different in zip(found.to_dict("records"), by_hand["same"], by_hand["different"], strict=True):
        expected = {"cosine": cosine(same["mean"], different["mean"])}
        expected["cosine_prompt"] = cosine(same["prompt"], different["prompt"])
        for form in ("simple", "relative", "original", "original_released"):
            expected[f"icr_{form}_same"], expected[f"icr_{form}_different"] = same[form], different[form]
            divergence = abs(same[form] - different[form])  # of numbers up to 80, in float32
            assert row[f"icr_{form}_divergence"] == pytest.approx(divergence, abs=1e-3)
        expected["score"] = expected["cosine"] * (1 - min(abs(same["simple"] - different["simple"]), 1))
        assert {measure: row[measure] for measure in expected} == pytest.approx(expected, rel=1e-3, abs=5e-4)
    expected = released_columns(states["same"], states["different"])
    for column, values in expected.items():
        np.testing.assert_allclose(found[column], values, rtol=1e-3, atol=1e-3, err_msg=column)
    # what prompts averaged in, and even attention, would give
    with_prompts = [
        cosine(*(answers[layer]["with_prompt"] for answers in by_hand.values())) for layer in range(len(found))
    ]
    assert np.abs(found["cosine"] - with_prompts).max() > 2e-3
    assert np.abs(found["icr_original_same"] - [layer["even"] for layer in by_hand["same"]]).max() > 2e-3


def released_columns(same, different):
    """From layers × answer states × width of either answer, embeddings first, as transformers returns them."""
    means = zip(same.mean(axis=1), different.mean(axis=1), strict=True)
    cosines = np.array([cosine(*pair) for pair in means])
    updates = [np.linalg.norm(np.diff(states, axis=0), axis=2).mean(axis=1) for states in (same, different)]
    divergence = np.abs(updates[0] - updates[1]).mean()
    return {
        "cosine_released": cosines[1:],
        "icr_simple_released_same": updates[0],
        "icr_simple_released_different": updates[1],
        "sample_cosine_released": cosines.mean(),
        "sample_divergence_released": divergence,
        "sample_score_released": cosines.mean() * (1 - min(divergence, 1)),
    }


def brief(parts, attention, first):
    """A layer in numbers, from the states of a plain pass and the answer's attention on itself."""
    before, after = (parts[name].detach().numpy()[first:] for name in ("x", "output"))
    updates, lengths = np.linalg.norm(after - before, axis=1), np.linalg.norm(before, axis=1)
    attention = attention.numpy()
    return {
        "mean": after.mean(axis=0),
        "prompt": after[0],
        "simple": updates.mean(),
        "relative": (updates / lengths).mean(),
        "original": by_loops(before, after, attention),
        "original_released": by_loops(before, after, attention, subtracted=1),
        "with_prompt": parts["output"].detach().numpy().mean(axis=0),
        "even": by_loops(before, after, np.tril(1 + 1e-3 * np.random.default_rng(0).random(attention.shape))),
    }
