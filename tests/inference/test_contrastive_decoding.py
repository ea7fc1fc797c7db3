"""Contrastive decoding of every family against a plain loop: full passes without a cache, and the formula by hand."""

import copy
import math
from contextlib import contextmanager
from dataclasses import replace
from typing import get_args

import pytest
import torch
from loading import load_answerer
from tiny_models import FAMILIES, UNGATED, UNLISTED, noise, save_tiny
from transformers import BatchFeature

from spd_faith.core.errors import UserError
from spd_faith.inference.contrastive_decoding import (
    CONTRAST_RUNS,
    Asked,
    ContrastiveDecoding,
    generators,
    why_not_contrasted,
)
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.generator import Generator
from spd_faith.inference.image_noise import noised, signal_and_noise
from spd_faith.inference.intervention import Contrast, Intervention
from spd_faith.inference.intervention_hooks import Hooks, intervened
from spd_faith.inference.model_parts import text_decoder
from spd_faith.probes.forward import run_pass
from spd_faith.probes.prepared import prepare_answered

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = 6
SEEDS = {"llava": 1}  # of models whose answers below have no image tokens, which a plain loop cannot read
FAST = ("qwen2_vl", "llava")
every_family = pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=() if family in FAST else pytest.mark.slow)
        for family in [*FAMILIES, *UNLISTED, *UNGATED]
    ],
)
SAME = noise(112, 112, 1)
QUESTIONS = [  # prompts and images of several sizes; one image in several of them
    ("Same?", SAME, noise(112, 112, 2)),
    ("How many differences are there between them?", noise(56, 112, 3), noise(60, 100, 4)),
    ("Why?", noise(200, 100, 5), SAME),
    ("Are they the same?", SAME, noise(112, 112, 2)),
    ("Different?", noise(56, 56, 7), noise(112, 56, 8)),
]
STRONG = {"strength": 1.5, "plausibility": 0.02}
KINDS = {
    "attended": {"mask": "attended", "fraction": 0.4},
    "images": {"mask": "images"},
    "noise": {"mask": "noise", "noise_step": 700},
}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Load a family, once for all tests that only read it."""
    loaded = {}

    def of(family, layout="pair", dtype="float32"):
        if (family, layout, dtype) not in loaded:
            folder = tmp_path_factory.mktemp(family)
            save_tiny(family, folder, SEEDS.get(family, 0))
            loaded[family, layout, dtype] = load_answerer(
                TransformersModel(
                    backend="transformers",
                    model=str(folder),
                    dtype=dtype,
                    max_new_tokens=TOKENS,
                    image_layout=layout,
                )
            )
        return loaded[family, layout, dtype]

    return of


def generator(answerer, intervention=None, **parts):
    """Generates with an intervention, and with other parts of the checkpoint."""
    checkpoint = replace(answerer.checkpoint, **parts)
    fields = checkpoint.entry.model_dump(exclude_none=True) | {"intervention": intervention}
    return Generator(replace(checkpoint, entry=TransformersModel(**fields)), answerer.builder)


def in_batches(generating, questions, size):
    return [
        answer
        for start in range(0, len(questions), size)
        for answer in generating.generate(questions[start : start + size])
    ]


# ---- a plain loop ----------------------------------------------------------------------------------------------------


def last_logits(model, inputs, answer):
    """Of one prompt and the answer so far, in one pass without a cache."""
    more = {"input_ids": torch.tensor([answer], dtype=torch.long)}
    more |= {"attention_mask": torch.ones(1, len(answer), dtype=torch.long)}
    more |= {"mm_token_type_ids": torch.zeros(1, len(answer), dtype=torch.long)}
    longer = {name: torch.cat([value, more[name]], 1) if name in more else value for name, value in inputs.items()}
    with torch.inference_mode():
        return model(**longer, use_cache=False).logits[0, -1].double()


@contextmanager
def changed_arguments(module, change):
    """Within the block, the module gets the named arguments that `change` makes of its own."""
    hook = module.register_forward_pre_hook(lambda _, inputs, named: (inputs, change(named)), with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def most_attended(answerer, inputs, fraction):
    """The image tokens that eager attention, averaged over heads and layers, gives the most from the last token."""
    model = answerer.checkpoint.model
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            layers = model(**inputs, output_attentions=True).attentions
    finally:
        model.set_attn_implementation(usual)
    mean = sum(layer[0, :, -1].double().mean(dim=0) for layer in layers) / len(layers)
    images = (inputs["input_ids"][0] == answerer.builder.image_token_id).nonzero()[:, 0].tolist()
    return sorted(images, key=lambda token: -mean[token])[: max(1, round(fraction * len(images)))]


def plain_contrasts(answerer, question, kind):
    """A function from the answer so far to the contrast run's logits, with kinds as a plain loop has them."""
    model = answerer.checkpoint.model
    if kind != "attended":
        prompt = CONTRAST_PROMPTS[kind](answerer, question)
        return lambda answer: last_logits(model, prompt, answer)
    inputs = answerer.builder.build([question])
    hidden = most_attended(answerer, inputs, KINDS[kind]["fraction"])

    def masked(answer):
        """No state attends to the hidden tokens, as if they were padding, and what they embed is random."""

        def change(named):
            embedded = named["inputs_embeds"].clone()
            embedded[:, hidden] = torch.randn_like(embedded[:, hidden]) * 5
            mask = torch.ones(embedded.shape[:2], dtype=torch.long)
            mask[:, hidden] = 0
            return named | {"inputs_embeds": embedded, "attention_mask": mask}

        with changed_arguments(text_decoder(model), change):
            return last_logits(model, inputs, answer)

    return masked


def prompt_without_images(answerer, question):
    text = question[0]
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    processor = answerer.builder.processor
    ids = processor.apply_chat_template([message], add_generation_prompt=True, tokenize=True, return_dict=True)
    ids = torch.tensor(ids["input_ids"]).reshape(1, -1)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def noised_prompt(answerer, question):
    inputs = answerer.builder.build([question])
    images = answerer.builder.composed(*question[1:])
    part = answerer.builder.processor.image_processor
    return {**inputs, "pixel_values": noised(inputs, images, part, step=700, seed=0)}


CONTRAST_PROMPTS = {"images": prompt_without_images, "noise": noised_prompt}


def plain_answer(answerer, question, kind, strength, plausibility, tokens=TOKENS):
    model, ends = answerer.checkpoint.model, answerer.checkpoint.decoding.end_tokens
    main, contrast = answerer.builder.build([question]), plain_contrasts(answerer, question, kind)
    answer = []
    while len(answer) < tokens and not (answer and answer[-1] in ends):
        p, q = last_logits(model, main, answer).softmax(-1), contrast(answer).softmax(-1)
        scores = (1 + strength) * p.log() - strength * q.log()
        allowed = (p >= plausibility * p.max()).nonzero()[:, 0].tolist()
        answer.append(max(allowed, key=lambda token: scores[token]))
    return answer


@every_family
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_that_of_a_plain_loop_in_any_batch(load, family, kind):
    answerer = load(family)
    expected = [plain_answer(answerer, question, kind, *STRONG.values()) for question in QUESTIONS]
    contrasting = generator(answerer, {"contrast": STRONG | KINDS[kind]})
    for size in (1, 2, 5):
        assert [answer.token_ids for answer in in_batches(contrasting, QUESTIONS, size)] == expected
    base = [answer.token_ids for answer in generator(answerer).generate(QUESTIONS)]
    assert sum(a != b for a, b in zip(expected, base, strict=True)) >= 3  # contrast makes a difference
    assert contrasting.generate(QUESTIONS[::-1]) == contrasting.generate(QUESTIONS)[::-1]


OTHERS = {
    "attended": {"ffn_scale": {"factor": 0.4}},
    "images": {"ffn_scale": {"factor": 0.4}, "image_attention": {"factor": 4.0}},
    "noise": {"ffn_scale": {"factor": 0.4}, "image_attention": {"factor": 4.0}},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["qwen2_vl", "internvl"])
def test_other_interventions_change_both_runs(load, family, kind):
    answerer, others = load(family), OTHERS[kind]
    model, image_token = answerer.checkpoint.model, answerer.builder.image_token_id

    def begin(module, inputs, named):
        hooks.begin(named["input_ids"], named["attention_mask"])  # where the prompt ends changes nothing here

    with intervened(model, Intervention(**others), image_token) as hooks:
        hook = model.register_forward_pre_hook(begin, with_kwargs=True)
        expected = [plain_answer(answerer, question, kind, *STRONG.values()) for question in QUESTIONS]
        hook.remove()
    found = generator(answerer, others | {"contrast": STRONG | KINDS[kind]}).generate(QUESTIONS)
    assert [answer.token_ids for answer in found] == expected
    alone = generator(answerer, {"contrast": STRONG | KINDS[kind]}).generate(QUESTIONS)
    assert [answer.token_ids for answer in alone] != expected


def test_an_answer_about_merged_images_is_that_of_a_plain_loop(load):
    answerer = load("qwen2_vl", "merged")
    expected = [plain_answer(answerer, question, "noise", *STRONG.values()) for question in QUESTIONS]
    found = generator(answerer, {"contrast": STRONG | KINDS["noise"]}).generate(QUESTIONS)
    assert [answer.token_ids for answer in found] == expected


def test_every_kind_is_declared():
    assert tuple(CONTRAST_RUNS) == get_args(Contrast.model_fields["mask"].annotation)


# ---- the scores ------------------------------------------------------------------------------------------------------


class Given:
    """A contrast run with given probabilities."""

    def __init__(self, probabilities):
        self._logits = torch.tensor(probabilities).log() + 3  # a constant changes nothing

    def logits(self):
        return self._logits

    def subtracted(self, logits, can_be_chosen):
        return logits


@pytest.mark.parametrize(
    ("strength", "plausibility", "expected"),
    [
        # p = 0.5, 0.3, 0.2, q = 0.6, 0.1, 0.02; at s = 1 p²/q = 0.42, 0.9, 2
        (1.0, 0.1, 2),
        (1.0, 0.5, 1),  # from 0.25 on
        (1.0, 0.7, 0),
        (0.0, 0.0, 0),
        # at s = 0.1 p (p / q)^0.1 = 0.49, 0.33, 0.25
        (0.1, 0.0, 0),
    ],
)
def test_contrast_changes_the_choice_among_plausible_tokens(strength, plausibility, expected):
    settings = Contrast(strength=strength, mask="noise", plausibility=plausibility)
    main = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]]).log() - 2
    decoding = ContrastiveDecoding(settings, Given([[0.6, 0.1, 0.02], [0.1, 0.1, 0.1]]))
    scores = decoding(None, main.clone())
    assert scores.argmax(dim=-1).tolist() == [expected, 1]
    allowed = [p >= plausibility * 0.5 for p in (0.5, 0.3, 0.2)]
    assert scores[0].isfinite().tolist() == allowed
    if strength == 0:
        assert torch.equal(scores, main)


# ---- neutral settings, and what a contrast costs ---------------------------------------------------------------------


def passes_of(model, generating, questions):
    """(tokens read, rows × 1 logits) of each forward pass, and the answers."""
    passes = []

    def count(module, inputs, named, output):
        passes.append((*named["input_ids"].shape, output.logits.shape[1]))

    hook = model.register_forward_hook(count, with_kwargs=True)
    try:
        return passes, generating.generate(questions)
    finally:
        hook.remove()


@every_family
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_strength_0_is_the_base_model_and_still_runs_twice(load, family, kind, dtype):
    answerer = load(family, dtype=dtype)
    model = answerer.checkpoint.model
    before, expected = passes_of(model, generator(answerer), QUESTIONS)
    neutral = {"contrast": {"strength": 0, "plausibility": 0.5} | KINDS[kind]}
    after, found = passes_of(model, generator(answerer, neutral), QUESTIONS)
    assert found == expected
    assert after[::2] == before
    assert [rows for rows, *_ in after] == [rows for rows, *_ in before for _ in range(2)]
    assert {kept for _, _, kept in after} == {1}  # never the logits of a whole prompt
    if kind != "images":
        assert after[1::2] == before


@every_family
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("placebo", [False, True])
def test_bfloat16(load, family, kind, placebo):
    """Contrasted scores are float32, as those of the model beside them."""
    answerer = load(family, dtype="bfloat16")
    intervention = {"contrast": STRONG | KINDS[kind], "placebo": placebo}
    scores = []
    with pytest.MonkeyPatch.context() as patched:
        plain = ContrastiveDecoding.__call__

        def keep(processor, input_ids, given):
            scores.append((given, plain(processor, input_ids, given)))
            return scores[-1][1]

        patched.setattr(ContrastiveDecoding, "__call__", keep)
        answers = generator(answerer, intervention).generate(QUESTIONS)
    assert all(answer.token_ids for answer in answers)
    assert {one.dtype for both in scores for one in both} == {torch.float32}
    finite = [(given[found.isfinite()], found[found.isfinite()]) for given, found in scores]
    assert not any(found.isnan().any() for _, found in scores)
    assert any((given != found).any() for given, found in finite)


# ---- ends ------------------------------------------------------------------------------------------------------------


def ending(answerer, tokens=None, stop_strings=(), max_new_tokens=TOKENS):
    """The checkpoint's decoding with other ends."""
    decoding = answerer.checkpoint.decoding
    config = copy.deepcopy(decoding.config)
    config.eos_token_id, config.max_new_tokens = tokens, max_new_tokens
    return replace(decoding, config=config, end_tokens=tokens or [], stop_strings=list(stop_strings))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["qwen2_vl", "llava_onevision"])
def test_an_end_in_one_row_does_not_change_the_others(load, family, kind):
    answerer = load(family)
    intervention = {"contrast": STRONG | KINDS[kind]}
    whole = [answer.token_ids for answer in generator(answerer, intervention).generate(QUESTIONS)]
    end = whole[1][1]
    expected = [ids[: ids.index(end) + 1] if end in ids else ids for ids in whole]
    assert len({len(ids) for ids in expected}) > 1
    ends = [end, *answerer.checkpoint.decoding.end_tokens]
    found = generator(answerer, intervention, decoding=ending(answerer, ends)).generate(QUESTIONS)
    assert [answer.token_ids for answer in found] == expected
    assert [answer.finished for answer in found] == [ids[-1] in ends for ids in expected]


def test_an_answer_ends_at_a_stop_string(load):
    answerer = load("qwen2_vl")
    intervention = {"contrast": STRONG | KINDS["noise"]}
    whole = [answer.token_ids for answer in generator(answerer, intervention).generate(QUESTIONS)]
    stop = answerer.builder.decode(whole[0][2:3])
    found = generator(answerer, intervention, decoding=ending(answerer, stop_strings=[stop])).generate(QUESTIONS)
    assert found[0].finished
    assert len(found[0].token_ids) <= 3
    for answer, ids in zip(found, whole, strict=True):
        assert answer.token_ids == ids[: len(answer.token_ids)]
        assert answer.finished or len(answer.token_ids) == TOKENS


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_of_one_token(load, kind):
    answerer = load("internvl")
    intervention = {"contrast": STRONG | KINDS[kind]}
    whole = generator(answerer, intervention).generate(QUESTIONS)
    one = ending(answerer, max_new_tokens=1)
    found = generator(answerer, intervention, decoding=one).generate(QUESTIONS)
    assert [answer.token_ids for answer in found] == [answer.token_ids[:1] for answer in whole]


# ---- noise -----------------------------------------------------------------------------------------------------------


def test_the_schedule_is_that_of_the_source():
    """A sigmoid of betas from 1e-5 to 5e-3 over 1,000 steps."""
    left = 1.0
    for step in range(1_000):
        x = -6 + 12 * step / 999
        left *= 1 - ((5e-3 - 1e-5) / (1 + math.exp(-x)) + 1e-5)
        if step in (0, 1, 499, 500, 999):
            assert signal_and_noise(step) == pytest.approx((math.sqrt(left), math.sqrt(1 - left)), rel=1e-9)
    assert signal_and_noise(500)[0] == pytest.approx(0.8, abs=0.1)


def noise_of(answerer, questions, step=999, seed=0):
    """The pixel values' noise by image: what is left without the signal."""
    inputs = answerer.builder.build(questions)
    images = [image for question in questions for image in answerer.builder.composed(*question[1:])]
    pixels = noised(inputs, images, answerer.builder.processor.image_processor, step, seed)
    assert pixels.shape == inputs["pixel_values"].shape
    kept, added = signal_and_noise(step)
    found = (pixels - kept * inputs["pixel_values"]) / added
    grids = inputs.get("image_grid_thw")
    return found.split(1 if grids is None else grids.prod(dim=-1).tolist())


@every_family
def test_the_noise_of_an_image_is_the_same_in_any_batch_and_place(load, family):
    answerer = load(family)
    in_batch = noise_of(answerer, QUESTIONS)
    assert len(in_batch) == 2 * len(QUESTIONS)
    for number, question in enumerate(QUESTIONS):
        for place, alone in enumerate(noise_of(answerer, [question])):
            same = in_batch[2 * number + place]
            if same.ndim == 5:  # tiles, padded to the largest image of the batch
                same = same[:, : alone.shape[1]]
            torch.testing.assert_close(same, alone, rtol=0, atol=1e-4)
    torch.testing.assert_close(in_batch[0], in_batch[5], rtol=0, atol=1e-4)  # one image, first here and second there
    assert (in_batch[0] - in_batch[1]).abs().mean() > 0.5
    assert (in_batch[0] - noise_of(answerer, QUESTIONS, seed=1)[0]).abs().mean() > 0.5
    torch.testing.assert_close(in_batch[0], noise_of(answerer, QUESTIONS, step=300)[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", ["qwen3_vl", "internvl"])
def test_the_noise_is_standard_normal(load, family):
    found = noise_of(load(family), QUESTIONS)[0].double()
    assert found.mean().item() == pytest.approx(0, abs=0.02)
    assert found.std().item() == pytest.approx(1, abs=0.02)
    assert (found.abs() > 1).double().mean().item() == pytest.approx(0.317, abs=0.02)


def test_equal_frames_of_a_still_image_stay_equal(load):
    (found, *_) = noise_of(load("qwen2_vl"), QUESTIONS)
    first, second = found.reshape(len(found), 3, 2, -1).unbind(dim=2)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4)
    assert (found[:, :196] - found[:, -196:]).abs().mean() > 0.5  # channels have noise of their own


@pytest.mark.parametrize(
    "inputs",
    [
        {"pixel_values": torch.zeros(3, 3, 4, 4)},  # tiles of an unknown number per image
        {"pixel_values": torch.zeros(1, 3, 4, 4), "image_sizes": torch.tensor([[2, 4]])},  # padded, as Pixtral's
        {"patches": torch.zeros(1, 3, 4, 4)},
    ],
)
def test_pixels_that_do_not_come_by_image_are_an_error(inputs):
    with pytest.raises(UserError, match="contrast: noise does not support NoneType"):
        noised(inputs, [SAME], None, 1, 0)


# ---- placebos --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["qwen2_vl", "llava"])
def test_a_placebo_costs_the_same_and_is_the_same_in_any_batch(load, family, kind):
    answerer = load(family)
    contrast, model = STRONG | KINDS[kind], answerer.checkpoint.model
    cost, answers = passes_of(model, generator(answerer, {"contrast": contrast}), QUESTIONS)
    placebo = generator(answerer, {"contrast": contrast, "placebo": True})
    found_cost, found = passes_of(model, placebo, QUESTIONS)
    assert found_cost == cost
    assert found != answers
    for size in (1, 2):
        assert in_batches(placebo, QUESTIONS, size) == found
    assert generator(answerer, {"contrast": contrast, "placebo": True, "seed": 1}).generate(QUESTIONS) != found


@pytest.mark.parametrize("fraction", [0.001, 0.3, 1.0])
def test_a_placebo_masks_as_many_random_image_tokens(load, fraction, monkeypatch):
    """At least one."""
    answerer, masked = load("qwen2_vl"), []
    masking = Hooks.masking

    def record(self, tokens):
        masked.append(tokens)
        return masking(self, tokens)

    monkeypatch.setattr(Hooks, "masking", record)
    contrast = {"strength": 1, "mask": "attended", "fraction": fraction}
    inputs = answerer.builder.build(QUESTIONS)
    images = inputs["input_ids"] == answerer.builder.image_token_id
    counts = [max(1, round(fraction * count)) for count in images.sum(dim=1).tolist()]
    for placebo in (False, True):
        generator(answerer, {"contrast": contrast, "placebo": placebo}).generate(QUESTIONS)
    method, placebo = masked
    for tokens in (method, placebo):
        assert tokens.sum(dim=1).tolist() == counts
        assert not (tokens & ~images).any()
    assert fraction == 1 or not torch.equal(method, placebo)
    generator(answerer, {"contrast": contrast, "placebo": True}).generate(QUESTIONS[3:4])
    prompt = int(inputs["attention_mask"][3].sum())
    assert torch.equal(masked[-1][0], placebo[3, -prompt:])


def without_images(answerer, monkeypatch):
    """Builds prompts of the questions' text alone."""

    def build(questions):
        return BatchFeature(dict(answerer.builder.build_texts([text for text, *_ in questions])))

    monkeypatch.setattr(answerer.builder, "build", build)


@every_family
@pytest.mark.parametrize(
    ("kind", "placebo"), [(None, False), (None, True), ("attended", False), ("attended", True), ("images", False)]
)
def test_a_prompt_without_image_tokens_has_nothing_to_change(load, family, kind, placebo, monkeypatch):
    """No attention to scale, for a placebo to match or to mask, and nothing that the contrast run does not see."""
    answerer = load(family)
    without_images(answerer, monkeypatch)
    expected = [answer.token_ids for answer in generator(answerer).generate(QUESTIONS)]
    intervention = {"image_attention": {"factor": 3, "boost": 0.5}, "placebo": placebo}
    if kind:
        intervention["contrast"] = STRONG | KINDS[kind]
    found = generator(answerer, intervention).generate(QUESTIONS)
    assert [answer.token_ids for answer in found] == expected


def test_noise_needs_images(load, monkeypatch):
    answerer = load("qwen2_vl")
    without_images(answerer, monkeypatch)
    with pytest.raises(UserError, match=r"contrast: noise does not support Qwen2VLImageProcessor.*no pixels by image"):
        generator(answerer, {"contrast": STRONG | KINDS["noise"]}).generate(QUESTIONS)


def test_no_contrast_in_a_model_with_an_encoder_for_text(load, monkeypatch):
    answerer = load("qwen2_vl")
    model, contrast = answerer.checkpoint.model, Intervention(preset="vcd")
    assert why_not_contrasted(model, answerer.builder, contrast) is None
    monkeypatch.setattr(model.config, "is_encoder_decoder", True)
    why = "contrast: Qwen2VLForConditionalGeneration has an encoder for text"
    assert why_not_contrasted(model, answerer.builder, contrast) == why
    assert why_not_contrasted(model, answerer.builder, None) is None


@pytest.mark.parametrize("kind", ["images", "noise"])
def test_a_placebo_subtracts_the_same_numbers_in_another_order(load, kind):
    answerer = load("internvl")
    inputs = answerer.builder.build(QUESTIONS[:2])
    intervention = Intervention(contrast=STRONG | KINDS[kind], placebo=True)
    run = CONTRAST_RUNS[kind](
        answerer.checkpoint.model, answerer.builder, intervention, Asked(QUESTIONS[:2], inputs, None)
    )
    logits = torch.arange(20.0).reshape(2, 10)
    can_be_chosen = torch.arange(10).expand(2, -1) < torch.tensor([[6], [1]])
    orders = set()
    for _ in range(50):
        found = run.subtracted(logits, can_be_chosen)
        assert torch.equal(found[~can_be_chosen], logits[~can_be_chosen])
        assert found[0, :6].sort().values.tolist() == logits[0, :6].tolist()
        assert found[1, 0] == 10
        orders.add(tuple(found[0].tolist()))
    assert len(orders) > 40


def test_a_random_order_depends_on_text_and_images():
    same, others = ("Same?", SAME, noise(56, 56, 7)), ("Same?", noise(56, 56, 7), SAME)
    questions = [same, same, others, ("Why?", *same[1:])]
    first, again, *different = (one.permutation(20).tolist() for one in generators(0, questions))
    assert first == again
    assert first not in different
    assert first != generators(1, questions)[0].permutation(20).tolist()


# ---- probes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["qwen3_vl", "llava"])
def test_probes_read_the_main_run(load, family, kind):
    """A variant that only contrasts is measured as the base model is."""
    answerer = load(family)
    answers = [[65, 66, 67], [68], [69, 70]]
    intervention = Intervention(contrast=STRONG | KINDS[kind])
    model, image_token = answerer.checkpoint.model, answerer.builder.image_token_id

    def measured(intervention):
        prepared = prepare_answered(answerer.builder, QUESTIONS[:3], answers, share_rows=False)
        with intervened(model, intervention, image_token) as hooks:
            return run_pass(model, prepared, hooks)

    for base, variant in zip(measured(None), measured(intervention), strict=True):
        for name in ("attention_fractions", "image_attention"):
            torch.testing.assert_close(getattr(variant, name), getattr(base, name), rtol=0, atol=1e-5)
        for part in ("logits", "hidden"):
            for name, values in vars(getattr(base, part)).items():
                torch.testing.assert_close(
                    getattr(getattr(variant, part), name), values, rtol=1e-4, atol=1e-4, equal_nan=True
                )
