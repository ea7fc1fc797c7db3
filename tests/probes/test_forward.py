"""The pass against other ways to its numbers: eager attention token by token, plain hooks in float64, full logits."""

import numpy as np
import pytest
import torch
from probes.probed import QUESTIONS, REFERENCE, TINY, TOKENS, read_along, text_ids
from tiny_models import FAMILIES, UNGATED
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import LogitsProcessor

from spd_faith.inference.model_parts import decoder_layers
from spd_faith.probes import attention, layer_changes
from spd_faith.probes.forward import run_pass
from spd_faith.probes.generation_attention import columns_of_fractions
from spd_faith.probes.passes import SEGMENTS

every_model = pytest.mark.parametrize(("name", "layout"), TINY + REFERENCE)
LARGEST_DIFFERENCE = 1e-5


def one_pass(probed, question, answer):
    (found,) = run_pass(probed.model, probed.prepared([question], [answer]))
    return found


# ---- attention -------------------------------------------------------------------------------------------------------


class Forced(LogitsProcessor):
    """Lets only the given tokens be generated."""

    def __init__(self, token_ids):
        self._left = list(token_ids)

    def __call__(self, input_ids, scores):
        only = torch.full_like(scores, float("-inf"))
        only[:, self._left.pop(0)] = 0
        return only


def eager_answer(probed, question, forced=None):
    """Token ids that are generated with eager attention, and for each layer attention: answer tokens × all tokens."""
    model, usual = probed.model, probed.model.config._attn_implementation
    inputs = probed.builder.build([question])
    model.set_attn_implementation("eager")
    try:
        generated = model.generate(
            **inputs,
            max_new_tokens=len(forced) if forced else TOKENS,
            logits_processor=[Forced(forced)] if forced else [],
            do_sample=False,
            output_attentions=True,
            return_dict_in_generate=True,
            repetition_penalty=1.0,
        )
    finally:
        model.set_attn_implementation(usual)
    prompt = inputs["input_ids"].shape[1]
    answer = generated.sequences[0, prompt:].tolist()
    rows = torch.zeros(len(generated.attentions[0]), len(answer), prompt + len(answer) - 1, dtype=torch.float64)
    for step, layers in enumerate(generated.attentions):
        for number, layer in enumerate(layers):
            last = layer[0, :, -1].double().mean(dim=0)
            rows[number, step, : len(last)] = last
    return answer, rows


@every_model
def test_attention_is_that_of_eager_generation_token_by_token(load, name, layout):
    probed = load(name, layout)
    question = QUESTIONS[0]
    answer, rows = eager_answer(probed, question)
    found = one_pass(probed, question, answer)
    inputs, ((asked,),) = probed.builder.build_groups([[question]])
    spans = probed.builder.spans(asked)
    ids = inputs["input_ids"][0]
    prompt, images = len(ids), (ids == probed.model.config.image_token_id).nonzero().flatten()
    expected = {
        "sink": rows[..., 0],
        "system": rows[..., max(spans.system.start, 1) : max(spans.system.stop, 1)].sum(-1),
        "picture_1": rows[..., images[: len(spans.images[0])]].sum(-1),
        "picture_2": rows[..., images[len(spans.images[0]) :]].sum(-1),
        "answer": rows[..., prompt:].sum(-1),
    }
    expected["user"] = 1 - sum(expected.values())
    # as the released code has it for one image: before it, on it, behind it, in the prompt alone
    first, last = images[0], images[-1]
    seen = rows[..., images].sum(-1)
    before, behind = rows[..., :first].sum(-1), rows[..., first:prompt].sum(-1) - seen
    expected["published_system"] = before / (before + seen + behind)
    expected["published_visual"] = seen / (before + seen + behind)
    expected["published_user"] = behind / (before + seen + behind)
    assert last < prompt
    fractions = columns_of_fractions(found.attention_fractions)
    assert set(fractions) == set(expected)
    for column, values in expected.items():
        torch.testing.assert_close(fractions[column].double(), values, atol=LARGEST_DIFFERENCE, rtol=0, msg=column)
    torch.testing.assert_close(found.image_attention.double(), rows[..., images], atol=LARGEST_DIFFERENCE, rtol=0)
    assert found.greedy_agreement == 1


@every_model
def test_a_batch_does_not_change_a_number(load, name, layout):
    probed = load(name, layout)
    answers = [text_ids(count, seed) for seed, count in enumerate((23, 1, 40))]
    check_each_alone(probed, QUESTIONS, answers)


@every_model
def test_nor_do_questions_that_share_the_images_of_a_row(load, name, layout):
    probed = load(name, layout)
    words = ("Same?", "Sam, how many differences are there?", "Different?")
    questions = [(text, *QUESTIONS[1][1:]) for text in words]
    questions.insert(1, QUESTIONS[0])  # of other images, in a row of its own
    answers = [text_ids(count, seed) for seed, count in enumerate((23, 31, 1, 40))]
    batch = check_each_alone(probed, questions, answers)
    assert [row.row for row in batch.rows] == [0, 1, 0, 0]
    assert len(batch.token_ids) == 2


def check_each_alone(probed, questions, answers):
    """One pass over all gives the numbers of a pass over each; the batch of all."""
    batch = probed.prepared(questions, answers)
    together = run_pass(probed.model, batch)
    for question, answer, found in zip(questions, answers, together, strict=True):
        alone = one_pass(probed, question, answer)
        for field in ("by_layer", "attention_fractions", "image_attention", "hidden", "logits"):
            for there, here in zip(numbers(found, field), numbers(alone, field), strict=True):
                largest = max(1, here.nan_to_num().abs().max())
                torch.testing.assert_close(
                    there / largest, here / largest, atol=LARGEST_DIFFERENCE, rtol=0, equal_nan=True, msg=field
                )
        assert found.image_tokens == alone.image_tokens
        assert found.greedy_agreement == pytest.approx(alone.greedy_agreement)
    return batch


def numbers(found, field):
    value = getattr(found, field)
    if field == "by_layer":
        return list(value.values())
    return list(vars(value).values()) if field in ("hidden", "logits") else [value]


def test_rows_taken_a_few_at_a_time_are_the_same(load, monkeypatch):
    probed = load("qwen2_vl")
    at_once = one_pass(probed, QUESTIONS[0], text_ids(30))
    rows = 4  # of 4 heads × 98 + 29 tokens each
    monkeypatch.setattr(attention, "_NUMBERS_AT_ONCE", rows * 4 * (98 + 29))
    found = one_pass(probed, QUESTIONS[0], text_ids(30))
    torch.testing.assert_close(found.attention_fractions, at_once.attention_fractions)
    torch.testing.assert_close(found.image_attention, at_once.image_attention)
    torch.testing.assert_close(found.hidden.icr, at_once.hidden.icr)


# ---- layers ----------------------------------------------------------------------------------------------------------


def plain_states(probed, question, answer):
    """In float64, by plain hooks and output_hidden_states: each layer's x, attention, network, output and gate."""
    inputs = read_along(probed, question, answer)
    inputs = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
    model = probed.model.double()
    if experts := getattr(model.config, "_experts_implementation", None):
        model.set_experts_implementation("eager")  # the usual one knows no float64
    layers, found, hooks = decoder_layers(model), [], []
    try:
        for layer in layers:
            parts = {}
            found.append(parts)

            def keep(key, parts=parts):
                return lambda module, inputs, output: parts.update(
                    {key: (output[0] if isinstance(output, tuple) else output)[0]}
                )

            def keep_input(module, inputs, named, parts=parts):
                parts["x"] = (inputs[0] if inputs else named["hidden_states"])[0]

            hooks += [
                layer.register_forward_pre_hook(keep_input, with_kwargs=True),
                layer.self_attn.register_forward_hook(keep("attention")),
                layer.mlp.register_forward_hook(keep("network")),
                layer.register_forward_hook(keep("output")),
            ]
            if hasattr(layer.mlp, "gate_proj"):
                hooks.append(layer.mlp.gate_proj.register_forward_hook(keep("gate")))
        with torch.no_grad():
            output = model(**inputs, output_hidden_states=True, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
        model.float()
        if experts:
            model.set_experts_implementation(experts)
    return found, output


@every_model
def test_layers_are_those_of_a_plain_pass_in_float64(load, name, layout):
    probed = load(name, layout)
    answer = text_ids(21)
    layers, output = plain_states(probed, QUESTIONS[0], answer)
    found = one_pass(probed, QUESTIONS[0], answer)
    states = slice(-len(answer), None)
    for number, parts in enumerate(layers):
        at_answer = {key: values[states].numpy() for key, values in parts.items()}
        if not name.startswith("qwen3"):  # which adds features of the images between layers
            np.testing.assert_array_equal(parts["x"], output.hidden_states[number][0])
        x, attention, network = at_answer["x"], at_answer["attention"], at_answer["network"]
        expected = [mean_over_states(measure, x, attention, network) for measure in MEASURES.values()]
        expected += [mean_norm(attention) / mean_norm(x), mean_norm(network) / mean_norm(x + attention)]
        np.testing.assert_allclose(found.by_layer["layer_changes"][number].numpy(), expected, rtol=2e-4, atol=1e-5)
        hidden = found.hidden
        np.testing.assert_allclose(hidden.mean_states[number], at_answer["output"].mean(0), rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(hidden.prompt_states[number], at_answer["output"][0], rtol=1e-4, atol=1e-3)
        if "gate" not in parts:
            assert "neuron_activation" not in found.by_layer
            continue
        gate = at_answer["gate"]
        active = gate / (1 + np.exp(-gate))  # SiLU
        expected = [(active > 0).mean(), (active.sum(0) > 0).mean()]
        # in float32 a gate this near zero can have the other sign
        undecided = [(np.abs(gate) < 1e-4).mean(), (np.abs(active.sum(0)) < 1e-4).mean()]
        assert max(undecided) < 0.01
        assert (np.abs(found.by_layer["neuron_activation"][number].numpy() - expected) <= np.add(undecided, 1e-7)).all()
        over_prompt = parts["gate"].numpy()
        over_prompt = over_prompt / (1 + np.exp(-over_prompt))
        assert (over_prompt > 0).mean() != pytest.approx(expected[0], abs=1e-5)


@every_model
def test_states_before_the_first_layer_and_after_the_norm_are_those_that_transformers_returns(load, name, layout):
    """Families that add features of the images between layers add nothing to the answer's states."""
    probed, answer = load(name, layout), text_ids(21)
    _, output = plain_states(probed, QUESTIONS[0], answer)
    hidden = one_pass(probed, QUESTIONS[0], answer).hidden
    states = [of_layer[0, -len(answer) :].numpy() for of_layer in output.hidden_states]
    assert len(states) == len(hidden.mean_states) + 1
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(hidden.embeddings, states[0].mean(axis=0), **close)
    for mean, after in zip(hidden.mean_states[:-1], states[1:-1], strict=True):
        np.testing.assert_allclose(mean, after.mean(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(hidden.normed, states[-1].mean(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(hidden.normed_update, mean_norm(states[-1] - states[-2]), rtol=1e-4)
    assert (hidden.normed - hidden.mean_states[-1]).abs().max() > 1e-2


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def cosine(a, b):
    return (a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))


def kl(p, q):
    return (p * (np.log(p) - np.log(q))).sum()


MEASURES = {
    "attention_change": lambda x, a, f: np.linalg.norm(a),
    "ffn_change": lambda x, a, f: np.linalg.norm(f),
    "attention_relative": lambda x, a, f: np.linalg.norm(a) / np.linalg.norm(x),
    "ffn_relative": lambda x, a, f: np.linalg.norm(f) / np.linalg.norm(x + a),
    "attention_cosine": lambda x, a, f: cosine(x, x + a),
    "ffn_cosine": lambda x, a, f: cosine(x + a, x + a + f),
    "kl_attention_ffn": lambda x, a, f: kl(softmax(a), softmax(f)),
}


def mean_norm(states):
    return np.linalg.norm(states, axis=1).mean()


def mean_over_states(measure, *states):
    return np.mean([measure(*of_state) for of_state in zip(*states, strict=True)])


def test_measures_stand_in_the_order_of_their_names():
    of_means = ("attention_relative_of_means", "ffn_relative_of_means")
    assert (*MEASURES, *of_means) == layer_changes.MEASURES


# ---- logits ----------------------------------------------------------------------------------------------------------


@every_model
def test_logits_of_the_words_are_those_of_the_whole_vocabulary(load, name, layout):
    probed = load(name, layout)
    answer = text_ids(9)
    inputs = read_along(probed, QUESTIONS[1], answer)
    with torch.no_grad():
        full = probed.model(**inputs, use_cache=False).logits[0]
    found = one_pass(probed, QUESTIONS[1], answer)
    _, ((asked,),) = probed.builder.build_groups([[QUESTIONS[1]]])
    spans = probed.builder.spans(asked)
    question = inputs["input_ids"][0, spans.user_text.start : spans.user_text.stop].tolist()
    last_prompt_token_id = int(inputs["input_ids"][0, -len(answer)])
    ids = sorted({*question, *answer, last_prompt_token_id})
    assert found.logits.token_ids.tolist() == ids
    assert found.question_token_ids.tolist() == question
    assert found.last_prompt_token_id == last_prompt_token_id
    assert found.answer_token_ids.tolist() == answer
    images = inputs["input_ids"][0] == probed.model.config.image_token_id
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(found.logits.at_images, full[images][:, ids], **close)
    torch.testing.assert_close(
        found.logits.at_question, full[spans.user_text.start : spans.user_text.stop, ids], **close
    )
    torch.testing.assert_close(found.logits.at_answer, full[-len(answer) :, ids], **close)
    assert found.greedy_agreement == pytest.approx(
        (full[-len(answer) :].argmax(-1) == torch.tensor(answer)).float().mean()
    )


# ---- edges -----------------------------------------------------------------------------------------------------------


def test_an_answer_of_one_token(load):
    found = one_pass(load("qwen2_vl"), QUESTIONS[0], [7])
    assert found.attention_fractions.shape == (2, 1, len(SEGMENTS))
    assert found.attention_fractions[..., SEGMENTS.index("answer")].tolist() == [[0], [0]]
    torch.testing.assert_close(found.attention_fractions.sum(-1), torch.ones(2, 1))
    assert torch.equal(found.hidden.mean_states, found.hidden.prompt_states)
    assert found.hidden.icr[:, 2:].isnan().all()
    assert not found.by_layer["layer_changes"].isnan().any()


@pytest.mark.parametrize("name", ["qwen2_vl", "llava"])
def test_an_answer_may_hold_the_id_of_an_image_token(load, name):
    """As untrained models write it; while they generate it is a token like any other."""
    probed = load(name)
    image = probed.model.config.image_token_id
    answer, rows = eager_answer(probed, QUESTIONS[0], forced=[7, image, 9, image])
    assert answer == [7, image, 9, image]
    found = one_pass(probed, QUESTIONS[0], answer)
    images = (probed.builder.build([QUESTIONS[0]])["input_ids"][0] == image).nonzero().flatten()
    torch.testing.assert_close(found.image_attention.double(), rows[..., images], atol=LARGEST_DIFFERENCE, rtol=0)


def test_a_wrong_token_lowers_the_agreement(load):
    probed = load("qwen2_vl")
    (generated,) = probed.generator.generate([QUESTIONS[0]])
    ids = generated.token_ids
    assert one_pass(probed, QUESTIONS[0], ids).greedy_agreement == 1
    assert one_pass(probed, QUESTIONS[0], [*ids[:-1], ids[-1] + 1]).greedy_agreement == pytest.approx(1 - 1 / len(ids))


def test_a_mixture_of_experts_has_no_gate(load):
    found = one_pass(load("qwen3_vl_moe"), QUESTIONS[0], text_ids(5))
    assert "neuron_activation" not in found.by_layer
    assert "layer_changes" in found.by_layer


@pytest.mark.parametrize("name", ["qwen2_vl", "internvl"])
def test_bfloat16_is_stated_and_near_float32(load, name):
    answer = text_ids(30)
    found, exact = (one_pass(load(name, dtype=dtype), QUESTIONS[0], answer) for dtype in ("bfloat16", "float32"))
    assert (found.dtype, exact.dtype) == ("bfloat16", "float32")
    torch.testing.assert_close(found.attention_fractions.sum(-1), torch.ones(2, 30), atol=1e-6, rtol=0)
    assert 0 < (found.attention_fractions - exact.attention_fractions).abs().max() < 0.1
    assert "layer_changes" in found.by_layer  # rounding is no other architecture
    torch.testing.assert_close(found.by_layer["layer_changes"], exact.by_layer["layer_changes"], atol=0.05, rtol=0.1)


# ---- what it costs and leaves behind ---------------------------------------------------------------------------------


class Shapes(TorchDispatchMode):
    """The shape of every tensor that an operation makes."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.seen.add(tuple(tensor.shape))
        return made


@pytest.mark.parametrize("name", [*FAMILIES, *UNGATED])
def test_nothing_is_made_of_heads_times_tokens_times_tokens_or_of_the_vocabulary_over_the_prompt(load, name):
    probed = load(name)
    answer = text_ids(30)  # short, so that its attention rows can be distinguished from those of all tokens
    batch = probed.prepared(QUESTIONS[:2], [answer, answer])
    tokens, vocabulary = batch.token_ids.shape[1], len(probed.model.get_output_embeddings().weight)
    with Shapes() as shapes:
        run_pass(probed.model, batch)
    seen = shapes.seen - {tuple(batch.inputs["pixel_values"].shape)}
    masks = [shape for shape in seen if sum(size >= tokens - 20 for size in shape) >= 2 and shape[-1] <= tokens]
    assert all(np.prod(shape) <= 2 * tokens * tokens for shape in masks), masks
    heads = [shape for shape in shapes.seen if len(shape) > 1 and shape[-1] == vocabulary]
    assert max(np.prod(shape[:-1]) for shape in heads) <= 30  # states of one answer at a time


def attached(model):
    """What the modules of a model carry: their hooks and attention implementations."""
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    return hooks, [module.config._attn_implementation for module in model.modules() if hasattr(module, "config")]


@every_model
@torch.inference_mode()
def test_the_pass_leaves_the_model_and_its_output_as_they_were(load, name, layout):
    probed = load(name, layout)
    model = probed.model
    batch = probed.prepared(QUESTIONS[:2], [text_ids(5), text_ids(9)])
    run_pass(model, batch)  # transformers itself hangs hooks to some vision towers when they first run
    found, seen = attached(model), []
    assert set(found[1]) == {"sdpa"}
    with model.get_decoder().register_forward_hook(
        lambda module, inputs, output: seen.append(output.last_hidden_state)
    ):
        run_pass(model, batch)
    assert attached(model) == found
    batch.inputs["input_ids"] = batch.token_ids
    plain = model(**batch.inputs, use_cache=False, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(seen[0], plain)  # sdpa's output, bit by bit


def test_a_failed_pass_leaves_no_hooks(load):
    probed = load("qwen2_vl")
    batch = probed.prepared(QUESTIONS[:1], [text_ids(5)])
    found = attached(probed.model)
    batch.inputs["pixel_values"] = batch.inputs["pixel_values"][:-4]
    with pytest.raises((ValueError, RuntimeError)):
        run_pass(probed.model, batch)
    assert attached(probed.model) == found


@pytest.mark.gpu
@every_model
def test_cuda_measures_what_the_cpu_does(load, name, layout):
    probed = load(name, layout)
    answers = [text_ids(count, seed) for seed, count in enumerate((23, 1, 40))]
    batch = probed.prepared(QUESTIONS, answers)
    on_cpu = run_pass(probed.model, batch)
    try:
        on_gpu = run_pass(probed.model.cuda(), batch)
    finally:
        probed.model.cpu()
    for here, there in zip(on_cpu, on_gpu, strict=True):
        torch.testing.assert_close(here.attention_fractions, there.attention_fractions, atol=1e-4, rtol=0)
        torch.testing.assert_close(
            here.by_layer["layer_changes"], there.by_layer["layer_changes"], atol=1e-3, rtol=1e-3
        )
