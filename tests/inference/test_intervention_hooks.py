"""Interventions in a model's layers, against models whose attention and layers are written out here."""

import json
import math
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from loading import load_answerer
from pydantic import ValidationError
from tiny_models import FAMILIES, UNGATED, UNLISTED, noise, save_tiny
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

from spd_faith.core.errors import UserError
from spd_faith.inference import attention_scores, ffn_damping
from spd_faith.inference.answers import InterventionUnsupported
from spd_faith.inference.attention_scores import ScoreChange, attend, change_scores, matched_log_factor
from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.ffn_damping import FfnDamping
from spd_faith.inference.intervention import FfnScale, ImageAttention, Intervention
from spd_faith.inference.intervention_hooks import intervened, random_text, why_unsupported
from spd_faith.inference.prompt_places import Run
from spd_faith.inference.transformers_answerer import TransformersAnswerer
from spd_faith.probes.forward import run_pass
from spd_faith.probes.prepared import prepare_answered

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = 8
QUESTIONS = [  # prompts and images of several sizes
    ("Same?", noise(112, 112, 1), noise(112, 112, 2)),
    ("How many differences are there between the two pictures?", noise(56, 112, 3), noise(60, 100, 4)),
    ("Different?", noise(200, 100, 5), noise(10, 10, 6)),
    ("Same?", noise(56, 56, 7), noise(112, 56, 8)),
    ("Same?", noise(112, 112, 1), noise(112, 112, 9)),
]
CHANGED = {"image_attention": {"factor": 3, "boost": 0.5}, "ffn_scale": {"factor": 0.4, "kl_above": 0.5}}
NEUTRAL = (
    {"image_attention": {"factor": 1, "boost": 0}, "ffn_scale": {"factor": 0, "kl_above": 1e9}},
    {"image_attention": {"factor": 1}, "ffn_scale": {"factor": 1}, "placebo": True},
)
FAST = ("qwen2_vl", "qwen3_vl", "llava")
every_family = pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[] if family in FAST else pytest.mark.slow)
        for family in (*FAMILIES, *UNLISTED, *UNGATED)
    ],
)


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Answerers by family and intervention; each checkpoint is loaded once."""
    loaded = {}

    def answerer(family, dtype="float32", **intervention):
        if (family, dtype) not in loaded:
            folder = tmp_path_factory.mktemp(family)
            save_tiny(family, folder)
            loaded[family, dtype] = load_answerer(entry(folder, dtype=dtype)).checkpoint
        checkpoint = loaded[family, dtype]
        settings = Intervention.model_validate(intervention) if intervention else None
        varied = checkpoint.entry.model_copy(update={"intervention": settings})
        return TransformersAnswerer(replace(checkpoint, entry=varied))

    return answerer


def entry(folder, **fields):
    fields = {"dtype": "float32", "max_new_tokens": TOKENS} | fields
    return TransformersModel.model_validate({"backend": "transformers", "model": str(folder)} | fields)


@contextmanager
def hooked(answerer, inputs, **intervention):
    """The model with an intervention that is about to read the inputs."""
    settings = Intervention.model_validate(intervention)
    with intervened(answerer.checkpoint.model, settings, answerer.builder.image_token_id) as hooks:
        hooks.begin(inputs["input_ids"], inputs["attention_mask"])
        yield hooks


def ask(answerer, questions=QUESTIONS):
    return [answer.token_ids for answer in answerer.generator.generate(questions)]


@torch.inference_mode()
def all_logits(model, inputs):
    """Logits of the prompts' tokens, and of six decoder steps with the cache."""
    prefill = model(**inputs).logits
    return prefill, steps(model, inputs)


@torch.inference_mode()
def steps(model, inputs, count=6):
    made = model.generate(
        **inputs,
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    return torch.stack(made.logits, dim=1)


# ---- attention written out -------------------------------------------------------------------------------------------


class ByHand:
    """Attention with whole arrays of weights, for one prompt without padding: the reference."""

    NAME = "eager_by_hand"

    def __init__(self, image, last, factor=1.0, boost=0.0, layers=(0, 99), hidden=()):
        self.image, self.last, self.factor, self.boost, self.layers = image, last, factor, boost, layers
        self.hidden = list(hidden)
        self.weights = {}

    def __call__(self, module, query, key, value, attention_mask, scaling=None, **more):
        heads, queries, keys = query.shape[1], query.shape[2], key.shape[2]
        key, value = (states.repeat_interleave(heads // states.shape[1], dim=1) for states in (key, value))
        places = torch.arange(keys - queries, keys)
        scores = query @ key.transpose(2, 3) * scaling
        scores[..., torch.arange(keys)[None] > places[:, None]] = -torch.inf
        scores[..., self.hidden] = -torch.inf
        image = [place for place in self.image if place < keys]
        in_layers = self.layers[0] <= module.layer_idx <= self.layers[1]
        if in_layers:
            for number, place in enumerate(places.tolist()):
                if place >= self.last:  # PAI's formula
                    chosen = scores[:, :, number, image]
                    scores[:, :, number, image] = torch.where(
                        chosen.isinf(), chosen, chosen + self.boost * chosen.abs()
                    )
        weights = scores.softmax(dim=-1)
        if in_layers:
            weights[..., image] *= self.factor
            weights /= weights.sum(dim=-1, keepdim=True)
        self.weights[module.layer_idx] = weights
        return (weights @ value).transpose(1, 2).contiguous(), None


AttentionMaskInterface.register(ByHand.NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])


@contextmanager
def by_hand(answerer, inputs, **settings):
    """The model with the reference attention over one prompt."""
    ids = inputs["input_ids"][0]
    image = (ids == answerer.builder.image_token_id).nonzero()[:, 0].tolist()
    decoder = answerer.checkpoint.model.get_decoder()
    reference = ByHand(image, settings.pop("last", len(ids) - 1), **settings)
    AttentionInterface.register(ByHand.NAME, reference)
    decoder.set_attn_implementation(ByHand.NAME)
    try:
        yield reference
    finally:
        decoder.set_attn_implementation("sdpa")


def built(answerer, *questions):
    return answerer.builder.build(list(questions) or QUESTIONS[:1])


@every_family
@pytest.mark.parametrize(
    "settings",
    [{"factor": 2}, {"factor": 2, "layers": [1, 1]}, {"boost": 0.5}, {"factor": 0.3, "boost": 1, "layers": [0, 0]}],
    ids=str,
)
def test_attention_is_scaled_as_weights_written_out_are(load, family, settings):
    answerer = load(family)
    inputs = built(answerer)
    plain = all_logits(answerer.checkpoint.model, inputs)
    with by_hand(answerer, inputs):  # the reference itself, without a change
        for found, expected in zip(all_logits(answerer.checkpoint.model, inputs), plain, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    with by_hand(answerer, inputs, **settings):
        expected = all_logits(answerer.checkpoint.model, inputs)
    with hooked(answerer, inputs, image_attention=settings) as hooks:
        prefill = answerer.checkpoint.model(**inputs).logits
        hooks.begin(inputs["input_ids"], inputs["attention_mask"])
        found = prefill, steps(answerer.checkpoint.model, inputs)
    for number in (0, 1):
        torch.testing.assert_close(found[number], expected[number], rtol=1e-4, atol=1e-4)
        assert (expected[number] - plain[number]).abs().max() > 0.1


@every_family
@torch.inference_mode()
def test_neutral_values_are_the_base_model(load, family):
    base = load(family)
    inputs = built(base, *QUESTIONS[:3])
    expected = all_logits(base.checkpoint.model, inputs)
    answers = ask(base)
    own = inputs["attention_mask"].bool()
    for settings in NEUTRAL:
        with hooked(base, inputs, **settings) as hooks:
            prefill = base.checkpoint.model(**inputs).logits
            hooks.begin(inputs["input_ids"], inputs["attention_mask"])
            found = steps(base.checkpoint.model, inputs)
        close = {"atol": 1e-5, "rtol": 1e-6}  # rounding of large logits
        torch.testing.assert_close(prefill[own], expected[0][own], **close)
        torch.testing.assert_close(found, expected[1], **close)
        assert ask(load(family, **settings)) == answers


@every_family
@torch.inference_mode()
def test_neutral_values_answer_as_the_base_model_in_bfloat16(load, family):
    """And attend as it does but for the rounding of another attention kernel, 2⁻⁷ of a logit's power of two each."""
    base = load(family, "bfloat16")
    inputs = built(base, *QUESTIONS[:3]).to(dtype=torch.bfloat16)
    prefill = base.checkpoint.model(**inputs).logits.float()
    own = inputs["attention_mask"].bool()
    answers = ask(base)
    for settings in NEUTRAL:
        with hooked(base, inputs, **settings):
            found = base.checkpoint.model(**inputs).logits.float()
        rounding = 2 ** (prefill[own].abs().max().log2().floor() - 7).item()
        assert (found - prefill)[own].abs().mean() < rounding / 2
        assert ask(load(family, "bfloat16", **settings)) == answers


@every_family
@pytest.mark.parametrize("placebo", [False, True])
def test_changes_in_bfloat16_are_those_of_float32(load, family, placebo):
    """Log-probabilities of the same answers: rounding moves them by less than a third of what the change does."""
    answers = ask(load(family, **CHANGED, placebo=placebo))
    plain, exact, found = (
        log_probs_of(load(family, dtype, **settings), answers)
        for dtype, settings in (
            ("float32", {}),
            ("float32", CHANGED | {"placebo": placebo}),
            ("bfloat16", CHANGED | {"placebo": placebo}),
        )
    )
    assert found.isfinite().all()
    assert 3 * (found - exact).abs().mean() < (plain - exact).abs().mean()


def log_probs_of(answerer, answers):
    """Of all tokens of the answers, from a plain pass of the model as its intervention changes it."""
    checkpoint, found = answerer.checkpoint, []
    for question, answer in zip(QUESTIONS, answers, strict=True):
        inputs = built(answerer, question)
        last = inputs["input_ids"].shape[1] - 1
        more = torch.tensor([answer[:-1]], dtype=torch.long)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], more], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        if "mm_token_type_ids" in inputs:
            inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], dim=1)
        inputs = inputs.to(dtype=checkpoint.model.dtype)
        token_id = answerer.builder.image_token_id
        with intervened(checkpoint.model, checkpoint.entry.intervention, token_id) as hooks, torch.inference_mode():
            hooks.begin(inputs["input_ids"], inputs["attention_mask"], torch.tensor([last]))
            logits = checkpoint.model(**inputs).logits[0, last:]
        found.append(logits.float().log_softmax(-1).gather(-1, torch.tensor(answer)[:, None])[:, 0])
    return torch.cat(found)


@every_family
@pytest.mark.parametrize("placebo", [False, True])
def test_answers_are_the_same_in_any_batch_and_in_chunks(load, family, placebo, monkeypatch):
    answerer = load(family, **CHANGED, placebo=placebo)
    alone = [ask(answerer, [question])[0] for question in QUESTIONS]
    assert ask(answerer, QUESTIONS[:2]) + ask(answerer, QUESTIONS[2:4]) == alone[:4]
    assert ask(answerer) == alone
    monkeypatch.setattr(attention_scores, "_NUMBERS_AT_ONCE", 3000)
    monkeypatch.setattr(ffn_damping, "_NUMBERS_AT_ONCE", 3000)
    assert ask(answerer) == alone
    assert alone != ask(load(family))
    assert alone != ask(load(family, **CHANGED, placebo=not placebo))


def test_answers_are_the_same_in_any_batch_with_a_sliding_window(tmp_path):
    save_tiny("qwen2_vl", tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["text_config"] |= {"use_sliding_window": True, "sliding_window": 40, "max_window_layers": 1}
    config["text_config"]["layer_types"] = ["sliding_attention", "full_attention"]
    path.write_text(json.dumps(config))
    for settings in (CHANGED, CHANGED | {"placebo": True}):
        answerer = load_answerer(entry(tmp_path, intervention=settings))
        assert ask(answerer) == [ask(answerer, [question])[0] for question in QUESTIONS]
        assert_pass_generates_the_same(answerer)


def test_questions_with_an_intervention_share_no_row(load, monkeypatch):
    answerer = load("qwen2_vl", image_attention={"factor": 2})
    images = QUESTIONS[0][1:]
    pair = [("Same?", *images), ("Different?", *images)]
    monkeypatch.setattr("spd_faith.inference.generator.generate_in_rows", None)
    assert ask(answerer, pair) == [ask(answerer, [question])[0] for question in pair]
    assert not answerer.checkpoint.rows_can_be_shared
    assert load("qwen2_vl").checkpoint.rows_can_be_shared


# ---- the probes' pass ------------------------------------------------------------------------------------------------


def passes_of(answerer, answers):
    batch = prepare_answered(answerer.builder, QUESTIONS, answers, share_rows=answerer.checkpoint.rows_can_be_shared)
    model, settings = answerer.checkpoint.model, answerer.checkpoint.entry.intervention
    with intervened(model, settings, answerer.builder.image_token_id) as hooks:
        return run_pass(model, batch, hooks)


def assert_pass_generates_the_same(answerer):
    assert [found.greedy_agreement for found in passes_of(answerer, ask(answerer))] == [1] * len(QUESTIONS)


@every_family
@pytest.mark.parametrize("placebo", [False, True])
def test_the_probes_pass_predicts_the_answers_that_were_generated(load, family, placebo):
    answerer = load(family, **CHANGED, placebo=placebo)
    assert_pass_generates_the_same(answerer)
    answers = ask(answerer)
    assert min(found.greedy_agreement for found in passes_of(load(family), answers)) < 1


@every_family
def test_the_probes_measure_the_attention_that_the_model_has(load, family):
    """All states of an answer, in all layers, in a batch: against the weights of the reference."""
    base = load(family)
    draw = torch.Generator().manual_seed(0)
    answers = [torch.randint(0, 200, (count,), generator=draw).tolist() for count in (9, 1, 20, 5, 14)]  # text
    settings = {"factor": 3, "boost": 0.5}
    found = passes_of(load(family, image_attention=settings), answers)
    for question, answer, one in zip(QUESTIONS, answers, found, strict=True):
        inputs = built(base, question)
        last = inputs["input_ids"].shape[1] - 1
        read = torch.cat([inputs["input_ids"], torch.tensor([answer[:-1]], dtype=torch.long)], dim=1)
        with by_hand(base, inputs, last=last, **settings) as reference, torch.inference_mode():
            inputs["input_ids"], inputs["attention_mask"] = read, torch.ones_like(read)
            if "mm_token_type_ids" in inputs:
                more = torch.zeros(1, len(answer) - 1, dtype=torch.long)
                inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], more], dim=1)
            base.checkpoint.model(**inputs)
        weights = torch.stack([weights[0].mean(dim=0)[last:] for _, weights in sorted(reference.weights.items())])
        torch.testing.assert_close(one.image_attention, weights[..., reference.image], rtol=1e-3, atol=1e-5)


# ---- runs with masked tokens, and the last state's attention ---------------------------------------------------------


@every_family
@torch.inference_mode()
def test_a_masked_run_in_turn_with_the_main_one(load, family):
    """Both runs have a cache of their own; neither sees the other's state."""
    answerer, settings = load(family), {"factor": 2}
    model, inputs = answerer.checkpoint.model, built(answerer)
    image = inputs["input_ids"] == answerer.builder.image_token_id
    hidden = image.nonzero()[::2, 1].tolist()
    masked = torch.zeros_like(image)
    masked[0, hidden] = True

    def forward(tokens, cache):
        """The next token of a run after `tokens`."""
        if cache is None:
            return model(**inputs, use_cache=True)
        return model(input_ids=tokens, past_key_values=cache, use_cache=True)

    def both(main, other):
        runs, found = {"main": main, "other": other}, {"main": [], "other": []}
        state = {"main": (None, None), "other": (None, None)}
        for _ in range(4):
            for name, context in runs.items():
                tokens, cache = state[name]
                with context():
                    output = forward(tokens, cache)
                found[name].append(output.logits[:, -1])
                state[name] = (output.logits[:, -1:].argmax(-1), output.past_key_values)
        return [torch.stack(found[name]) for name in runs]

    with by_hand(answerer, inputs, **settings) as reference:

        @contextmanager
        def hide(places):
            reference.hidden = places
            yield

        expected = both(lambda: hide([]), lambda: hide(hidden))
    contrast = {"strength": 1, "mask": "attended"}
    with hooked(answerer, inputs, image_attention=settings, contrast=contrast) as hooks:
        run = hooks.masking(masked)

        @contextmanager
        def main():
            yield

        found = both(main, lambda: run)
        attention = hooks.attention_of_last_state()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert (expected[0] - expected[1]).abs().max() > 0.1
    with by_hand(answerer, inputs, **settings) as reference:
        model(**inputs)
    weights = torch.stack([weights[0, :, -1].mean(dim=0) for weights in reference.weights.values()])
    torch.testing.assert_close(attention[0], weights.mean(dim=0), rtol=1e-4, atol=1e-6)


@torch.inference_mode()
def test_the_last_states_attention_in_a_padded_batch(load):
    answerer = load("qwen2_vl")
    contrast = {"strength": 1, "mask": "attended"}
    inputs = built(answerer, *QUESTIONS[:3])
    with hooked(answerer, inputs, contrast=contrast) as hooks:
        answerer.checkpoint.model(**inputs)
        together = hooks.attention_of_last_state()
    for row, question in enumerate(QUESTIONS[:3]):
        alone = built(answerer, question)
        with hooked(answerer, alone, contrast=contrast) as hooks:
            answerer.checkpoint.model(**alone)
            expected = hooks.attention_of_last_state()[0]
        torch.testing.assert_close(together[row, -len(expected) :], expected, rtol=1e-4, atol=1e-6)
        assert together[row, : -len(expected)].sum() == 0


# ---- feed-forward networks -------------------------------------------------------------------------------------------


def manual_layers(model, inputs, factor, kl_above, layers):
    """Logits of a model whose layers are computed one by one, and the divergences of their states."""
    outer, given = [], []
    decoder = model.get_decoder()

    def before(module, inputs, named):
        outer.append((inputs[0] if inputs else named["hidden_states"], named))

    def after(module, inputs, output):
        given.append(output[0] if isinstance(output, tuple) else output)

    handles = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in decoder.layers]
    handles += [layer.register_forward_hook(after) for layer in decoder.layers]
    handles += [decoder.norm.register_forward_pre_hook(before, with_kwargs=True)]
    model(**inputs, use_cache=False)
    for handle in handles:
        handle.remove()
    added = [following[0] - output for following, output in zip(outer[1:], given, strict=True)]  # behind a layer
    states, divergences = outer[0][0], []
    for number, layer in enumerate(decoder.layers):
        named = {key: value for key, value in outer[number][1].items() if key != "hidden_states"}
        attention = layer.self_attn(hidden_states=layer.input_layernorm(states), **named)[0]
        middle = states + attention
        network = layer.mlp(layer.post_attention_layernorm(middle))
        network = network[0] if isinstance(network, tuple) else network
        p, q = attention.double().softmax(-1), network.double().softmax(-1)
        divergences.append((p * (p.log() - q.log())).sum(-1))
        if layers[0] <= number <= layers[1]:
            network = torch.where((divergences[-1] > kl_above)[..., None], network * factor, network)
        states = middle + network + added[number]
    return model.get_output_embeddings()(decoder.norm(states)), divergences


@every_family
@torch.inference_mode()
def test_networks_are_damped_as_layers_written_out_are(load, family):
    answerer = load(family)
    model, inputs = answerer.checkpoint.model, built(answerer)
    plain, divergences = manual_layers(model, inputs, 1, 0, (0, 9))
    torch.testing.assert_close(plain, model(**inputs).logits, rtol=1e-4, atol=1e-4)
    kl_above = divergences[0].median().item() + 1e-4  # half of the states of the first layer, prompt included
    for factor, layers in ((0.5, [0, None]), (0, [1, 1])):
        expected, _ = manual_layers(model, inputs, factor, kl_above, (layers[0], layers[1] or 9))
        with hooked(answerer, inputs, ffn_scale={"factor": factor, "kl_above": kl_above, "layers": layers}):
            found = model(**inputs).logits
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
        assert (expected - plain).abs().max() > 0.1


# ---- placebos --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "text", "factor", "expected"),
    [
        (0.2, 0.3, 2.0, 0.3 + 2 / 15),  # 0.2 becomes 0.4 / 1.2 = 1/3
        (0.2, 0.3, 0.5, 0.3 - 4 / 45),  # 0.2 becomes 0.1 / 0.9 = 1/9
        (0.2, 0.75, 1e6, 1.0),  # would be 1.55
        (0.8, 0.1, 1e-6, 0.0),  # would be -0.7
        (0.2, 0.3, 1.0, 0.3),
        (0.2, 0.0, 2.0, 0.0),
        (0.0, 0.3, 2.0, 0.3),
    ],
)
def test_the_placebo_moves_as_much_attention(image, text, factor, expected):
    weights = torch.tensor([image / 2, image / 2, text, 1 - image - text])
    is_image, is_text = torch.tensor([True, True, False, False]), torch.tensor([False, False, True, False])
    bias = is_image * math.log(factor)
    log_factor = matched_log_factor(weights.log(), bias, is_image, is_text)
    found = (weights.log() + is_text * log_factor).softmax(-1)
    assert found[2].item() == pytest.approx(expected, abs=1e-5)
    if factor == 1:
        assert log_factor.item() == 0


def a_run(rows=2, columns=40):
    """Rows with 4 tokens of padding on the left of the first, images at columns 8 to 19, and the prompts' end."""
    ids = torch.zeros(rows, columns, dtype=torch.long)
    ids[:, 8:20] = 7
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    run = Run.over(ids, mask, 7, torch.full((rows,), columns - 1))
    run.text = random_text(run, seed=3)
    run.advance(columns)
    return run


def test_random_text_depends_on_the_prompt_alone():
    run = a_run()
    padded, whole = run.text
    for tokens, first in ((padded, 4), (whole, 0)):
        assert tokens.sum() == 12  # as many as image tokens
        assert not tokens[: first + 1].any()  # the first token and padding
        assert not tokens[8:20].any()
    alone = Run.over(
        torch.full((1, 36), 0).index_fill(1, torch.arange(4, 16), 7), torch.ones(1, 36), 7, torch.tensor([35])
    )
    assert torch.equal(random_text(alone, seed=3)[0], padded[4:])
    assert not torch.equal(random_text(alone, seed=4)[0], padded[4:])
    short = Run.over(torch.tensor([[0, 7, 7, 7, 1, 2]]), torch.ones(1, 6), 7, torch.tensor([5]))
    assert random_text(short, seed=0).tolist() == [[False, False, False, False, True, True]]


@pytest.mark.parametrize("settings", [ImageAttention(factor=2), ImageAttention(factor=0.5, boost=0.7)], ids=str)
def test_the_placebos_attention_of_every_query_and_head(settings, monkeypatch):
    """Random queries and keys with grouped heads; the reference has the whole array."""
    draw = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, 40, 8, generator=draw)
    key, value = torch.randn(2, 2, 2, 40, 8, generator=draw)
    run = a_run()
    own = torch.ones(40, 40, dtype=torch.bool).tril() & run.prompt[:, None, None, :]
    module = torch.nn.Module()
    module.num_key_value_groups = 2
    scores = query @ key.repeat_interleave(2, dim=1).transpose(2, 3) * 0.3
    scores = scores.masked_fill(~own, -torch.inf)
    plain = scores.softmax(-1)
    boost = settings.boost * scores.abs().nan_to_num(posinf=0)
    boost[:, :, :-1] = 0  # the last prompt token alone is a generated token's query
    changed = (scores + torch.where(run.image[:, None, None], math.log(settings.factor) + boost, 0)).softmax(-1)

    def mass(weights, tokens):
        return (weights * tokens[:, None, None]).sum(-1)

    wanted = (mass(plain, run.text) + mass(changed, run.image) - mass(plain, run.image)).clamp(0, 1)
    odds = wanted / (1 - wanted) * (1 - mass(plain, run.text)) / mass(plain, run.text)
    weights = plain * torch.where(run.text[:, None, None], odds.nan_to_num(nan=1)[..., None], 1)
    weights = weights / weights.sum(-1, keepdim=True)
    seen = own.any(-1)[:, 0]
    can_move = (mass(plain, run.text) > 1e-3) & seen[:, None]
    torch.testing.assert_close(mass(weights, run.text)[can_move], wanted[can_move], atol=1e-5, rtol=0)
    for at_once in (1 << 20, 700):
        monkeypatch.setattr(attention_scores, "_NUMBERS_AT_ONCE", at_once)
        end = change_scores({module: ScoreChange(lambda: run, settings, placebo=True)})
        found, _ = attend(module, query, key, value, own, scaling=0.3)
        end()
        expected = (weights @ value.repeat_interleave(2, dim=1)).transpose(1, 2)
        torch.testing.assert_close(found[seen], expected[seen], atol=1e-4, rtol=1e-4)
    assert (mass(changed, run.image) - mass(plain, run.image)).abs()[can_move].mean() > 0.02


def test_the_placebo_damps_as_many_random_positions():
    run = a_run()
    diverges = torch.linspace(0, 1, 40).expand(2, 40)  # above 0.7 at the last 12
    settings = FfnScale(factor=0.5, kl_above=0.7)
    assert FfnDamping(lambda: run, settings, 0).positions(diverges).nonzero()[:, 1].tolist() == [*range(28, 40)] * 2
    placebo = FfnDamping(lambda: run, settings, 0, placebo_seed=5)
    chosen = placebo.positions(diverges)
    assert chosen.sum(dim=1).tolist() == [12, 12]
    assert not chosen[0, :4].any()  # padding
    assert chosen[:, :28].any(dim=1).all()
    assert not torch.equal(FfnDamping(lambda: run, settings, 1, 5).positions(diverges), chosen)
    assert not torch.equal(FfnDamping(lambda: run, settings, 0, 6).positions(diverges), chosen)
    run.advance(4000)
    later = placebo.positions(torch.zeros(2, 4000))
    rates = later.float().mean(dim=1).tolist()
    assert rates == pytest.approx([12 / 36, 12 / 40], abs=0.03)
    one_by_one = a_run()
    stepped = FfnDamping(lambda: one_by_one, settings, 0, 5)
    stepped.positions(diverges)
    for step in range(20):
        one_by_one.advance(1)
        assert torch.equal(stepped.positions(torch.zeros(2, 1)), later[:, step : step + 1])


# ---- what stays, and what is refused ---------------------------------------------------------------------------------


def attached(model):
    """What the modules of a model carry: their hooks and attention implementations."""
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    return hooks, [module.config._attn_implementation for module in model.modules() if hasattr(module, "config")]


@every_family
@torch.inference_mode()
def test_nothing_stays_in_the_model(load, family):
    answerer = load(family)
    model, inputs = answerer.checkpoint.model, built(answerer)
    expected, found = model(**inputs).logits, attached(model)
    with hooked(answerer, inputs, **CHANGED):
        assert not torch.equal(model(**inputs).logits, expected)
        assert attached(model) != found
    assert attached(model) == found
    assert torch.equal(model(**inputs).logits, expected)
    changed = intervened(model, Intervention.model_validate(CHANGED), 0)
    with pytest.raises(RuntimeError, match="was not announced"), changed:
        model(**inputs)
    assert attached(model) == found
    assert set(found[1]) == {"sdpa"}


@pytest.mark.parametrize(
    "intervention", [{"image_attention": {"factor": 2}}, {"contrast": {"strength": 1, "mask": "attended"}}]
)
def test_flash_attention_is_refused_where_scores_change(intervention):
    with pytest.raises(ValidationError, match=r"require attention: sdpa; the entry has attention: flash_attention_2"):
        entry("x", attention="flash_attention_2", intervention=intervention)
    entry("x", attention="flash_attention_2", intervention={"ffn_scale": {"factor": 0.5}})
    entry("x", attention="flash_attention_2", intervention={"contrast": {"strength": 1, "mask": "images"}})


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        ({"image_attention": {"factor": 2, "layers": [0, 2]}}, r"intervention.image_attention.layers: \[0, 2\]"),
        ({"ffn_scale": {"factor": 2, "layers": [5, None]}}, r"intervention.ffn_scale.layers: \[5, None\]"),
    ],
)
def test_layers_that_the_model_lacks_are_refused_at_load(tmp_path, intervention, message):
    save_tiny("llava", tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path}: {message} is beyond the model's last layer, 1"):
        load_answerer(entry(tmp_path, intervention=intervention))


def test_why_settings_have_no_place(load, monkeypatch):
    model = load("internvl").checkpoint.model
    layer = model.get_decoder().layers[1]

    def why(**settings):
        return why_unsupported(model, Intervention.model_validate(settings), "m")

    attention = {"image_attention": {"factor": 2}}
    network = {"ffn_scale": {"factor": 0.5, "layers": [1, 1]}}
    attended = {"contrast": {"strength": 1, "mask": "attended"}}
    without_images = {"contrast": {"strength": 1, "mask": "images"}}
    assert why(**attention, **network, **attended) is None
    no_sum = "ffn_scale: the output of layer 1 of Qwen2Model is not the sum of its input, its attention and its network"
    no_interface = "the attention of Qwen2Model does not use the attention interface of transformers"
    scaled = layer.register_forward_hook(lambda module, inputs, output: output * 1.5)
    assert (why(**network), why(**attention)) == (no_sum, None)
    with monkeypatch.context() as patched:
        patched.setattr(layer.self_attn, "forward", lambda hidden_states, **more: (hidden_states, None))
        assert why(**attention, **network, **attended) == f"image_attention, contrast: {no_interface}; {no_sum}"
        assert (why(**attended), why(**without_images)) == (f"contrast: {no_interface}", None)
        scaled.remove()
        assert why(**network) is None
    monkeypatch.delattr(model.get_decoder(), "layers")
    no_layers = "InternVLForConditionalGeneration cannot be probed or changed: its decoder is not a list of layers"
    assert why(**attention, **network).startswith(f"image_attention, ffn_scale: {no_layers}")


@pytest.mark.parametrize(
    ("family", "why"),
    [
        (
            "llava_post_norm",
            "ffn_scale: the output of layer 0 of Olmo2Model is not the sum of its input, its attention",
        ),
        ("llava_without_parts", "ffn_scale: LlavaForConditionalGeneration cannot be probed or changed: its decoder is"),
    ],
)
def test_a_model_without_a_place_is_loaded_but_not_asked(tmp_path, family, why):
    save_tiny(family, tmp_path)
    changed = entry(tmp_path, intervention={"ffn_scale": {"factor": 0.5}})
    checkpoint = load_checkpoint(changed)
    assert checkpoint.unsupported.startswith(why)
    with pytest.raises(InterventionUnsupported, match=f"{tmp_path}: unsupported: {why}.*Change or remove") as raised:
        TransformersAnswerer(checkpoint)
    assert raised.value.why == checkpoint.unsupported
    assert raised.value.provenance.to_json()["revision"] == "local"
    unchanged = load_checkpoint(entry(tmp_path))
    assert unchanged.unsupported is None
    assert ask(TransformersAnswerer(unchanged), QUESTIONS[:1])[0]
