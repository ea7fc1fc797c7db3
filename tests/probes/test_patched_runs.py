"""Patched runs against one plain pass per patch, against runs whose end is known, and their cost."""

import json
import shutil
from contextlib import ExitStack
from copy import deepcopy

import numpy as np
import pytest
import torch
from probes.probed import QUESTIONS, REFERENCE, ROOT, TINY, entry, load_probed, read_along, text_ids
from probes.test_forward import LARGEST_DIFFERENCE, Shapes
from tiny_models import noise
from torch import nn

from spd_faith.core.errors import UserError
from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DemoDataset, DemoSplit
from spd_faith.inference.prompts import load_prompts
from spd_faith.probes.boxes import tokens_inside, true_boxes
from spd_faith.probes.patching import patched_runs
from spd_faith.probes.patching.base_run import PatchingUnsupported
from spd_faith.probes.patching.patched_runs import Patch, teacher_forced

every_model = pytest.mark.parametrize(("name", "layout"), TINY + REFERENCE)
IMAGES = [noise(112, 112, seed) for seed in range(4)]
SHOWN = [("Same?", IMAGES[0], second) for second in IMAGES[1:]]  # one prompt about three second images
ANSWER = text_ids(12)
TOKENS = [3, 7, 2, 3]  # of the answer, in any order
LAYERS = 3  # of the models made here


def batch_of(probed, answer=ANSWER, shown=SHOWN):
    return probed.prepared(shown, [answer] * len(shown))


def close(found, expected, rtol=0.0, atol=LARGEST_DIFFERENCE):
    torch.testing.assert_close(found, expected, atol=atol, rtol=rtol)


# ---- a plain implementation: one pass of the whole model per patch ---------------------------------------------------


def parts(model):
    """What reads the states after each layer, from -1 to the last: the next layer or the norm."""
    decoder = model.get_decoder()
    return [*decoder.layers, decoder.norm]


def plain_pass(probed, shown, hooks=()):
    """Log-probabilities of the answer's tokens; `hooks` are (module, function of its arguments)."""
    with ExitStack() as stack, torch.inference_mode():
        for module, hook in hooks:
            stack.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)
        logits = probed.model(**read_along(probed, shown, ANSWER)).logits[0, -len(ANSWER) :]
    return logits.float().log_softmax(-1).gather(-1, torch.tensor(ANSWER)[:, None])[:, 0]


class Plain:
    """The runs of each row, from passes over one row."""

    def __init__(self, probed, shown=SHOWN):
        self.probed, self.shown = probed, shown
        self.states, self.features = [], []
        self.log_probs = torch.stack([self._read(one) for one in shown])

    def _read(self, shown):
        states, features = [], []

        def keep(module, inputs, named):
            states.append(inputs[0])

        def keep_features(module, inputs, named):
            features.extend(named.get("deepstack_visual_embeds") or [])

        hooks = [(self.probed.model.get_decoder(), keep_features)]
        found = plain_pass(self.probed, shown, hooks + [(part, keep) for part in parts(self.probed.model)])
        self.states.append(states)
        self.features.append(features)
        return found

    def patched(self, patch):
        positions = patch.positions

        def put(module, inputs, named):
            states = inputs[0].clone()
            states[0, positions] = self.states[patch.source][patch.layer + 1][0, positions]
            return (states, *inputs[1:]), named

        def put_features(module, inputs, named):
            """Those that are added after later layers; one per image token."""
            if not self.features[patch.source]:
                return None
            tokens = torch.zeros(named["visual_pos_masks"].shape[1], dtype=torch.bool)
            tokens[positions] = True
            chosen = tokens[named["visual_pos_masks"][0]]
            features = [one.clone() for one in named["deepstack_visual_embeds"]]
            for one, other in list(zip(features, self.features[patch.source], strict=True))[patch.layer + 1 :]:
                one[chosen] = other[chosen]
            return inputs, named | {"deepstack_visual_embeds": features}

        model = self.probed.model
        hooks = [(parts(model)[patch.layer + 1], put), (model.get_decoder(), put_features)]
        return plain_pass(self.probed, self.shown[patch.target], hooks) - self.log_probs[patch.target]


def random_patches(layers, first, length, seed=0):
    """At every layer: a few of the tokens, from one row of three into another."""
    rng = np.random.default_rng(seed)
    patches = []
    for layer in range(-1, layers):
        for target in (0, 0, 2):
            chosen = rng.choice(np.arange(first, length), size=rng.integers(1, length - first), replace=False)
            source = int(rng.choice([row for row in range(3) if row != target]))
            patches.append(Patch(layer, source, target, torch.as_tensor(chosen)))
        middle = first + (length - first) // 3  # of the image
        patches.append(Patch(layer, 1, 0, torch.arange(middle, middle + 3)))
    return [patches[number] for number in rng.permutation(len(patches))]


def check_against_plain_passes(probed, monkeypatch, rtol=1e-5, atol=LARGEST_DIFFERENCE):
    plain = Plain(probed)
    batch = batch_of(probed)
    with teacher_forced(probed.model, batch) as runs:
        close(runs.log_probs(), plain.log_probs, rtol, atol)
        patches = random_patches(len(probed.model.get_decoder().layers), runs.first, batch.token_ids.shape[1])
        changes = runs.patched(patches, TOKENS)
        with monkeypatch.context() as patched:
            patched.setattr(patched_runs, "TOKENS_AT_ONCE", 7)
            in_parts = runs.patched(patches, TOKENS)
        alone = torch.cat([runs.patched([patch], TOKENS) for patch in patches])  # each begins at its own first token
    expected = torch.stack([plain.patched(patch) for patch in patches])[:, TOKENS]
    assert expected.abs().max() > max(0.01, 2 * atol)
    for found in (changes, in_parts, alone):
        close(found, expected, rtol, atol)


@every_model
def test_each_patch_is_a_plain_pass_with_a_hook(load, monkeypatch, name, layout):
    check_against_plain_passes(load(name, layout), monkeypatch)


def rounding(probed, answer=ANSWER):
    """How far apart log-probabilities in bfloat16 may lie that are equal but for rounding.

    The spacing of the largest logits, 2⁻⁷ of their power of two, or what the shape of a batch changes if that is more.
    A change is made of two log-probabilities and compared with one, so four of them.
    """
    with torch.inference_mode():
        one, other = (probed.model(**read_along(probed, shown, answer)).logits[0] for shown in SHOWN[:2])
    largest = torch.cat([one, other]).float().abs().max()
    with teacher_forced(probed.model, batch_of(probed, answer)) as runs:
        together = runs.log_probs()[0]
    with teacher_forced(probed.model, batch_of(probed, answer, SHOWN[:1])) as runs:
        alone = runs.log_probs()[0]
    return 4 * max(2.0 ** (largest.log2().floor().item() - 7), (together - alone).abs().max().item())


@every_model
def test_each_patch_is_a_plain_pass_with_a_hook_in_bfloat16(load, monkeypatch, name, layout):
    probed = load(name, layout, "bfloat16")
    check_against_plain_passes(probed, monkeypatch, 0, rounding(probed))


@every_model
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_all_tokens_after_the_first_input_give_the_other_run_and_none_the_same(load, name, layout, dtype):
    probed = load(name, layout, dtype)
    batch = batch_of(probed)
    atol = LARGEST_DIFFERENCE if dtype == "float32" else rounding(probed)
    with teacher_forced(probed.model, batch) as runs:
        everything = torch.arange(runs.first, batch.token_ids.shape[1])
        nothing = everything[:0]
        both_ways = [Patch(-1, 1, 0, everything), Patch(-1, 0, 1, everything)]
        layers = range(-1, len(probed.model.get_decoder().layers))
        changes = runs.patched(both_ways + [Patch(layer, 1, 0, nothing) for layer in layers], range(len(ANSWER)))
        only_nothing = runs.patched([Patch(-1, 1, 0, nothing)], range(len(ANSWER)))
        log_probs = runs.log_probs()
    assert (log_probs[1] - log_probs[0]).abs().max() > max(0.1, 2 * atol)
    close(changes[0], log_probs[1] - log_probs[0], atol=atol)
    close(changes[1], log_probs[0] - log_probs[1], atol=atol)
    assert (changes[2:] == 0).all() and (only_nothing == 0).all()


@every_model
def test_log_probabilities_of_bfloat16_are_not_rounded_to_it(load, name, layout):
    """They are float32, so that sums of them are of the model's logits and not of rounded terms."""
    probed = load(name, layout, "bfloat16")
    with teacher_forced(probed.model, batch_of(probed)) as runs:
        log_probs = runs.log_probs()
    assert log_probs.dtype == torch.float32
    assert (log_probs != log_probs.bfloat16().float()).float().mean() > 0.9


@every_model
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_image_tokens_after_the_last_layer_change_nothing(load, name, layout, dtype):
    probed = load(name, layout, dtype)
    batch = batch_of(probed)
    images = batch.rows[0].image_positions
    with teacher_forced(probed.model, batch) as runs:
        patch = Patch(len(probed.model.get_decoder().layers) - 1, 1, 0, images[images >= runs.first])
        assert (runs.patched([patch], TOKENS) == 0).all()


def test_the_last_image_can_be_patched_and_what_follows(load):
    for layout, first in (("pair", 63), ("merged", 45)):  # as counted in test_prepared.py
        probed = load("qwen2_vl", layout)
        with teacher_forced(probed.model, batch_of(probed)) as runs:
            assert runs.first == first


# ---- where the answer is known ---------------------------------------------------------------------------------------


def fresh(load, name, layout="pair"):
    """A model of its own, which a test may change."""
    return load_probed(entry(load.checkpoint(name), layout))


def vision_part(model):
    inside = model.base_model
    return inside.visual if hasattr(inside, "visual") else inside.multi_modal_projector


@pytest.mark.parametrize(("name", "layout"), TINY)
def test_a_model_that_ignores_its_images_has_no_effect(load, name, layout):
    probed = fresh(load, name, layout)
    with torch.no_grad():
        for weights in vision_part(probed.model).parameters():
            weights.zero_()
    batch = batch_of(probed)
    with teacher_forced(probed.model, batch) as runs:
        log_probs = runs.log_probs()
        everything = torch.arange(runs.first, batch.token_ids.shape[1])
        changes = runs.patched([Patch(-1, 1, 0, everything)], TOKENS)
    assert (log_probs == log_probs[0]).all()
    assert (changes == 0).all()


def with_known_path(load, name, layout):
    """A model of three layers: layer 1 adds the mean of all earlier tokens to each token, the others do nothing."""
    probed = fresh(load, name, layout)
    decoder = probed.model.get_decoder()
    decoder.layers.append(deepcopy(decoder.layers[-1]))
    decoder.config.num_hidden_layers = LAYERS
    if getattr(decoder.config, "layer_types", None):
        decoder.config.layer_types = ["full_attention"] * LAYERS
    with torch.no_grad():
        for number, layer in enumerate(decoder.layers):
            attention = layer.self_attn
            attention.layer_idx = number
            for weights in layer.mlp.parameters():
                weights.zero_()
            attention.q_proj.weight.zero_()  # equal scores
            if attention.q_proj.bias is not None:
                attention.q_proj.bias.zero_()
            if number != 1:
                attention.o_proj.weight.zero_()
    return probed


@pytest.mark.parametrize(("name", "layout"), [("qwen2_vl", "pair"), ("internvl", "pair"), ("llava", "merged")])
def test_a_known_path_gives_the_known_layer(load, name, layout):
    probed = with_known_path(load, name, layout)
    batch = batch_of(probed, ANSWER[:1])
    (row, *_) = batch.rows
    with teacher_forced(probed.model, batch) as runs:
        images = row.image_positions[row.image_positions >= runs.first]
        last = torch.tensor([row.tokens - 1])
        layers = range(-1, LAYERS)
        of_images = runs.patched([Patch(layer, 1, 0, images) for layer in layers], [0])
        of_text = runs.patched([Patch(layer, 1, 0, last) for layer in layers], [0])
        effect = (runs.log_probs()[1] - runs.log_probs()[0]).item()
    assert abs(effect) > 0.01
    assert (of_images / effect).flatten().tolist() == pytest.approx([1, 1, 0, 0], abs=1e-3)
    assert (of_text / effect).flatten().tolist() == pytest.approx([0, 0, 1, 1], abs=1e-3)


DEMO = DemoDataset(source="demo", seed=600, splits={"easy": DemoSplit(pairs=6, objects=[5, 7], differences=[1, 1])})


@pytest.mark.parametrize(("model", "layout"), [("tiny-qwen2-vl", "pair"), ("tiny-internvl", "pair")])
def test_reference_models_read_the_boxes_early_and_random_tokens_never(load, model, layout):
    """Of pairs with one difference; the whole answer depends on it."""
    probed = load(model, layout)
    layers = len(probed.model.get_decoder().layers)
    text = load_prompts(ROOT / "resources" / "prompts")["describe"].text
    effects, drops = [], []
    for number, pair in enumerate(demo_pairs(DEMO)):
        original, modified = (decode(image_row(pair)[name]) for name in ("original", "modified"))
        (answer,) = probed.generator.generate([(text, original, modified)])
        batch = batch_of(probed, answer.token_ids, [(text, original, modified), (text, original, original.copy())])
        row = batch.rows[0]
        boxes = true_boxes(sample_row(pair)["differences"], (original.size, modified.size))
        inside = torch.as_tensor(tokens_inside(row.places, boxes, len(row.image_positions)))
        second = torch.arange(len(inside)) >= row.image_tokens[0]
        others = np.random.default_rng(number).permutation((second & ~inside).nonzero()[:, 0])
        in_box = row.image_positions[second & inside]
        random = row.image_positions[others[: len(in_box)]]
        patches = [Patch(layer, 1, 0, tokens) for layer in range(-1, layers) for tokens in (in_box, random)]
        with teacher_forced(probed.model, batch) as runs:
            effects.append((runs.log_probs()[0] - runs.log_probs()[1]).sum().item())
            drops.append(-runs.patched(patches, range(len(row.answer_token_ids))).sum(-1).view(-1, 2))
    shares = torch.stack(drops).sum(0) / sum(effects)
    assert min(effects) > 1
    assert shares[0, 0] > 0.8 and shares[-1, 0] == 0
    assert shares[:, 1].abs().max() < 0.1


# ---- attention that is not just causal -------------------------------------------------------------------------------


def test_layers_that_see_a_window(load, monkeypatch, tmp_path):
    path = shutil.copytree(load.checkpoint("qwen2_vl"), tmp_path / "window") / "config.json"
    config = json.loads(path.read_text())
    config["text_config"] |= {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}
    config["text_config"]["layer_types"] = ["sliding_attention", "full_attention"]
    path.write_text(json.dumps(config))
    check_against_plain_passes(load_probed(entry(path.parent)), monkeypatch)


def attending_within(places):
    """A hook of the decoder: these tokens also attend to one another; padding is not expected."""

    def attend(module, inputs, named):
        tokens = named["inputs_embeds"].shape[1]
        mask = torch.ones(tokens, tokens, dtype=torch.bool).tril()
        mask[places, places] = True
        return inputs, named | {"attention_mask": mask[None, None].expand(len(named["inputs_embeds"]), -1, -1, -1)}

    return attend


def test_image_tokens_that_attend_to_one_another(load, monkeypatch):
    probed = fresh(load, "llava")
    images = batch_of(probed).rows[0].image_positions[64:]
    within = attending_within(slice(int(images[0]), int(images[-1]) + 1))
    probed.model.get_decoder().register_forward_pre_hook(within, with_kwargs=True)
    check_against_plain_passes(probed, monkeypatch)


def test_earlier_tokens_that_attend_to_the_image_are_unsupported(load):
    probed = fresh(load, "llava")
    probed.model.get_decoder().register_forward_pre_hook(attending_within(slice(0, 100)), with_kwargs=True)
    with (
        pytest.raises(PatchingUnsupported, match="attend to an image that comes after"),
        teacher_forced(probed.model, batch_of(probed)),
    ):
        pass


# ---- cost ------------------------------------------------------------------------------------------------------------


def count_rows(probed, seen):
    """The rows and tokens that each call of a layer computes; returns the hooks."""

    def count(module, inputs, named):
        seen.append(tuple(inputs[0].shape[:2]))

    layers = probed.model.get_decoder().layers
    return [layer.register_forward_pre_hook(count, with_kwargs=True) for layer in layers]


def test_runs_join_at_their_layer_and_compute_what_depends_on_them(load, monkeypatch):
    probed = fresh(load, "qwen2_vl")
    batch = batch_of(probed)
    row = batch.rows[0]
    monkeypatch.setattr(patched_runs, "TOKENS_AT_ONCE", 20)
    with teacher_forced(probed.model, batch) as runs:
        seen = []
        count_rows(probed, seen)
        some, later = torch.tensor([runs.first + 5, runs.first + 2]), torch.tensor([runs.first + 7])
        runs.patched([Patch(0, 1, 0, some), Patch(-1, 1, 0, later), Patch(1, 1, 0, some), Patch(0, 2, 0, some)], [3])
    tokens = row.answer_states.start + 4 - (runs.first + 2)  # from the first patched one to the one asked for
    # in parts; in the last layer, keys and values of all tokens, and the one asked for
    assert seen == [(2, 20), (2, tokens - 20), (4, 20), (4, tokens - 20), (4, 1)]


def test_patches_that_begin_late_are_not_computed_with_those_that_begin_early(load, monkeypatch):
    probed = fresh(load, "qwen2_vl")
    row = batch_of(probed).rows[0]
    monkeypatch.setattr(patched_runs.PatchedRuns, "_patches_at_once", lambda runs, stop: 2)
    with teacher_forced(probed.model, batch_of(probed)) as runs:
        seen = []
        count_rows(probed, seen)
        early, late = torch.tensor([runs.first]), torch.tensor([runs.first + 10])
        runs.patched([Patch(layer, 1, 0, positions) for layer in (0, -1) for positions in (late, early)], [3])
    tokens = row.answer_states.start + 4 - runs.first
    of_early, of_late = ([(2, count), (3, count), (3, 1)] for count in (tokens, tokens - 10))
    assert seen == of_early + of_late


@pytest.mark.parametrize("name", ["qwen2_vl", "qwen3_vl_moe", "llava_ungated"])
def test_the_bound_on_memory_holds_and_changes_nothing(load, name, monkeypatch):
    probed = load(name)
    batch = batch_of(probed)
    width = probed.model.get_decoder().config.intermediate_size
    with teacher_forced(probed.model, batch) as runs:
        length = batch.token_ids.shape[1]
        patches = [one for seed in range(4) for one in random_patches(2, runs.first, length, seed)]
        at_once = runs.patched(patches, range(len(ANSWER)))
        for at_most in (5, 3, 2):
            bound = at_most * (length - runs.first) * width * (2 if name == "qwen3_vl_moe" else 1)  # 2 experts a token
            monkeypatch.setattr(patched_runs, "NUMBERS_AT_ONCE", bound)
            with Shapes() as shapes:
                found = runs.patched(patches, range(len(ANSWER)))
            close(found, at_once)
            largest = max(np.prod(shape) for shape in shapes.seen)
            keys = 2 * length * 64  # of two runs, the fewest that are computed together
            assert bound / 4 < largest <= max(bound, keys), (at_most, largest / bound)


def test_no_tokens_and_no_patches(load):
    probed = load("qwen2_vl")
    with teacher_forced(probed.model, batch_of(probed)) as runs:
        nothing = torch.tensor([], dtype=torch.long)
        assert runs.patched([], TOKENS).shape == (0, 4)
        assert runs.patched([Patch(0, 0, 1, nothing)], []).shape == (1, 0)


# ---- what cannot be patched ------------------------------------------------------------------------------------------


def hooks_in(model):
    return [(list(part._forward_hooks), list(part._forward_pre_hooks)) for part in model.modules()]


def test_the_attention_and_hooks_are_as_before(load):
    probed = load("qwen2_vl")
    decoder = probed.model.get_decoder()
    decoder.set_attn_implementation("eager")
    before = hooks_in(probed.model)  # transformers keeps those of a pass that returned attention
    with teacher_forced(probed.model, batch_of(probed)):
        assert decoder.config._attn_implementation == "sdpa"
    assert decoder.config._attn_implementation == "eager"
    decoder.set_attn_implementation("sdpa")
    assert hooks_in(probed.model) == before


@pytest.mark.parametrize(
    ("patch", "tokens", "message"),
    [
        (Patch(2, 1, 0, torch.tensor([70])), [0], "no such layer"),
        (Patch(-2, 1, 0, torch.tensor([70])), [0], "no such layer"),
        (Patch(0, 3, 0, torch.tensor([70])), [0], "no such layer or row"),
        (Patch(0, 1, 0, torch.tensor([62, 70])), [0], "only positions 63 to 108 "),
        (Patch(0, 1, 0, torch.tensor([109])), [0], "only positions 63 to 108 "),
        (Patch(0, 1, 0, torch.tensor([70])), [12], "tokens 0 to 11"),
    ],
)
def test_patches_that_do_not_exist(load, patch, tokens, message):
    probed = load("qwen2_vl")
    with (
        teacher_forced(probed.model, batch_of(probed)) as runs,
        pytest.raises(ValueError, match=message),
    ):
        runs.patched([patch], tokens)


@pytest.mark.parametrize("answers", [[ANSWER, ANSWER[:5]], [ANSWER, ANSWER[::-1]]])
def test_rows_that_differ_in_more_than_the_image(load, answers):
    probed = load("qwen2_vl")
    batch = probed.prepared(SHOWN[:2], answers)
    with pytest.raises(ValueError, match="their token ids differ"), teacher_forced(probed.model, batch):
        pass


def test_questions_that_share_a_row(load):
    probed = load("qwen2_vl")
    batch = probed.prepared([QUESTIONS[0], ("Different?", *QUESTIONS[0][1:])], [ANSWER, ANSWER])
    with pytest.raises(ValueError, match="not one prompt"), teacher_forced(probed.model, batch):
        pass


def encoder_decoder(model):
    model.config.is_encoder_decoder = True


def without_feed_forward(model):
    del model.get_decoder().layers[0].mlp


def without_norm(model):
    decoder = model.get_decoder()
    del decoder.norm
    decoder.norm = lambda states: states


def capped_logits(model):
    model.register_forward_hook(lambda module, inputs, output: output | {"logits": output.logits.tanh()})


def with_second_norm(model):
    """One that is part of the decoder and reads the first one's output."""
    decoder = model.get_decoder()
    decoder.second = nn.LayerNorm(64)
    decoder.norm.register_forward_hook(lambda module, inputs, output: decoder.second(output))


def layers_without_cache(model):
    def drop(module, inputs, named):
        return inputs, named | {"past_key_values": None}

    for layer in model.get_decoder().layers:
        layer.register_forward_pre_hook(drop, with_kwargs=True)


def more_per_token(model):
    def more(module, inputs, named):
        return inputs, named | {"per_layer_input": torch.zeros(1, 1)}

    for layer in model.get_decoder().layers:
        layer.register_forward_pre_hook(more, with_kwargs=True)


def layers_that_read_the_cache(model):
    def read(module, inputs, named):
        named["past_key_values"].get_seq_length()

    model.get_decoder().layers[1].register_forward_pre_hook(read, with_kwargs=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (encoder_decoder, "it is an encoder-decoder"),
        (without_feed_forward, "its decoder is not a list of layers with self_attn and mlp"),
        (without_norm, "no norm, or more than a norm, follows its layers"),
        (with_second_norm, "no norm, or more than a norm, follows its layers"),
        (capped_logits, "its logits are not those of a linear output head"),
        (layers_without_cache, "its layers are not called with states, a mask and a key-value cache"),
        (more_per_token, "what is a layer's per_layer_input per token"),
        (layers_that_read_the_cache, "its layers use get_seq_length of their cache"),
    ],
)
def test_what_has_no_place_for_patches_is_unsupported(load, change, message):
    probed = fresh(load, "qwen2_vl")
    batch = batch_of(probed)
    change(probed.model)
    with pytest.raises(PatchingUnsupported, match=message) as error, teacher_forced(probed.model, batch) as runs:
        runs.patched([Patch(-1, 1, 0, torch.tensor([70]))], [0])
    assert isinstance(error.value, UserError)
