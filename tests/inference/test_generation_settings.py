"""What a checkpoint's generation settings do to its answers, in rows and in batches.

Expected answers are those of `generate` of transformers, called here on a checkpoint that sets nothing.
"""

import inspect
import json
import logging
import shutil
from pathlib import Path

import pytest
from loading import load_answerer
from tiny_models import noise
from transformers import AutoModelForImageTextToText, GenerationConfig
from transformers.generation.configuration_utils import METADATA_FIELDS

from spd_faith.core.errors import UserError
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.generation_settings import HONOURED, SETTINGS

pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = Path(__file__).parents[2] / "resources/models"
TOKENS = 6
PAIR = (noise(112, 112, 1), noise(56, 112, 2))
QUESTIONS = [(text, *PAIR) for text in ("Are the two pictures the same?", "How many differences are there?")]
FILE = "generation_config.json"


def load(folder, **fields):
    fields = {"dtype": "float32", "max_new_tokens": TOKENS} | fields
    return load_answerer(TransformersModel(backend="transformers", model=str(folder), **fields))


def change(path, part=None, **fields):
    content = json.loads(path.read_text())
    (content[part] if part else content).update(fields)
    path.write_text(json.dumps(content))


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of a shipped model, to be changed."""
    return shutil.copytree(MODELS / "tiny-qwen2-vl", tmp_path / "model")


def plain_answers(model, **arguments):
    """The token ids of each answer by `generate` alone, with a cache of its own."""
    answerer, found = load(model), []
    plain = AutoModelForImageTextToText.from_pretrained(model)
    for question in QUESTIONS:
        inputs = answerer.builder.build([question])
        ids = plain.generate(**inputs, **{"max_new_tokens": TOKENS, **arguments})
        found.append(ids[0, inputs["input_ids"].shape[1] :].tolist())
    return found


@pytest.fixture(scope="module")
def expected():
    answers = plain_answers(MODELS / "tiny-qwen2-vl")
    assert len({tuple(answer) for answer in answers}) == 2
    assert {len(answer) for answer in answers} == {TOKENS}
    return answers


def answers_of(answerer):
    """The token ids of each answer: those of a row, after a comparison with those of each question alone."""
    assert answerer.generator.answers_in_rows
    in_row = answerer.generator.generate(QUESTIONS)
    assert in_row == [answerer.generator.generate([question])[0] for question in QUESTIONS]
    return [answer.token_ids for answer in in_row]


# ---- the table -------------------------------------------------------------------------------------------------------

HOSTILE = {
    "max_new_tokens": 2,
    "max_length": 3,
    "min_length": 500,
    "min_new_tokens": 500,
    "max_time": 1e-9,
    "forced_bos_token_id": 5,
    "forced_eos_token_id": 5,
    "do_sample": True,
    "num_beams": 3,
    "num_beam_groups": 2,
    "num_return_sequences": 3,
    "early_stopping": True,
    "length_penalty": -9.0,
    "diversity_penalty": 9.0,
    "penalty_alpha": 0.9,
    "dola_layers": "high",
    "constraints": [1],
    "force_words_ids": [[5]],
    "temperature": 90.0,
    "top_k": 1000,
    "top_p": 0.01,
    "min_p": 0.9,
    "top_h": 0.9,
    "typical_p": 0.01,
    "epsilon_cutoff": 0.5,
    "eta_cutoff": 0.5,
    "repetition_penalty": 50.0,
    "encoder_repetition_penalty": 50.0,
    "no_repeat_ngram_size": 1,
    "encoder_no_repeat_ngram_size": 1,
    "bad_words_ids": "the expected tokens",
    "sequence_bias": [[[5], 1000.0]],
    "suppress_tokens": "the expected tokens",
    "begin_suppress_tokens": "the expected tokens",
    "exponential_decay_length_penalty": [0, 90.0],
    "guidance_scale": 9.0,
    "watermarking_config": {"bias": 90.0},
    "renormalize_logits": True,
    "remove_invalid_values": True,
    "token_healing": True,
    "is_assistant": True,
    "num_assistant_tokens": 3,
    "num_assistant_tokens_schedule": "heuristic",
    "assistant_confidence_threshold": 0.9,
    "assistant_early_exit": 1,
    "assistant_lookbehind": 2,
    "assistant_ensemble_weight": 0.5,
    "target_lookbehind": 2,
    "prompt_lookup_num_tokens": 3,
    "max_matching_ngram_size": 2,
    "speculation_type": "dflash",
    "use_mtp": True,
    "use_cache": False,
    "cache_implementation": "static",
    "cache_config": {"backend": "quanto"},
    "max_cache_len": 4,
    "prefill_chunk_size": 4,
    "low_memory": True,
    "continuous_batching_config": {},
    "compile_config": {"backend": "inductor"},
    "disable_compile": False,
    "return_dict_in_generate": True,
    "output_attentions": True,
    "output_hidden_states": True,
    "output_scores": True,
    "output_logits": True,
}


def test_the_table_holds_every_setting_of_transformers():
    known = {name for name in vars(GenerationConfig()) if name not in METADATA_FIELDS}
    assert set(SETTINGS) == known
    popped = inspect.getsource(GenerationConfig.__init__)  # of each setting its name stands there
    assert all(f'"{name}"' in popped for name in SETTINGS)


def test_each_overridden_setting_is_tried():
    assert set(HOSTILE) == {name for name, value in SETTINGS.items() if value is not HONOURED}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_overridden_setting_changes_no_answer_and_is_reported(name, checkpoint, expected, caplog):
    value = HOSTILE[name]
    if value == "the expected tokens":
        tokens = sorted({token for answer in expected for token in answer})
        value = [[token] for token in tokens] if name == "bad_words_ids" else tokens
    change(checkpoint / FILE, **{name: value})
    assert answers_of(load(checkpoint)) == expected
    if value not in ({}, []):
        assert f"ignoring generation settings of the checkpoint: {name}={value!r}" in caplog.text


def test_what_published_checkpoints_set_is_reported_in_one_line(checkpoint, expected, caplog):
    """As Qwen2-VL-7B-Instruct does, and with settings that transformers does not know."""
    change(
        checkpoint / FILE, do_sample=True, repetition_penalty=1.05, temperature=0.1, top_k=1, top_p=0.001,
        num_beams=1, pad_token_id=256, max_window_size=6144, setting_of_the_future={"a": 1}, chat_format="chatml",
        transformers_version="4.41.2",
    )  # fmt: skip
    assert answers_of(load(checkpoint)) == expected
    (line,) = [message for message in caplog.messages if "generation settings" in message]
    assert line == (
        f"{checkpoint}: decoding is greedy; ignoring generation settings of the checkpoint: "
        "chat_format='chatml', do_sample=True, max_window_size=6144, repetition_penalty=1.05,"
        " setting_of_the_future={'a': 1}, temperature=0.1, top_k=1, top_p=0.001"
    )


@pytest.mark.parametrize("model", ["tiny-qwen2-vl", "tiny-internvl", "tiny-llava"])
def test_nothing_is_reported_of_the_shipped_models(model, caplog):
    load(MODELS / model, image_layout="merged")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("name", ["logits_processor", "stopping_criteria", "assistant_model", "streamer"])
def test_an_argument_of_generate_is_no_setting(checkpoint, expected, caplog, name):
    """GenerationConfig of transformers refuses a file with one."""
    change(checkpoint / FILE, **{name: "x"})
    assert answers_of(load(checkpoint)) == expected
    assert f"{name}='x'" in caplog.text


@pytest.mark.parametrize("content", ["{", "", "[1]", "null", b"\xff\xfe{"])
def test_a_damaged_file_is_a_users_error(checkpoint, content):
    (checkpoint / FILE).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=rf"^{checkpoint}: {FILE} .*download the checkpoint again"):
        load(checkpoint)


# ---- config.json -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [None, "text_config"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("use_cache", False),
        ("return_dict", False),
        ("output_attentions", True),
        ("output_hidden_states", True),
        ("_attn_implementation", "eager"),  # takes no mask of rows
        ("temperature", 90.0),
        ("repetition_penalty", 50.0),
        ("cache_implementation", "static"),
        ("min_length", 500),
    ],
)
@pytest.mark.parametrize("with_file", [True, False])  # an old checkpoint has these settings in its config alone
def test_the_models_config_changes_no_answer(checkpoint, expected, name, value, part, with_file):
    change(checkpoint / "config.json", part, **{name: value})
    if not with_file:
        (checkpoint / FILE).unlink()
    assert answers_of(load(checkpoint)) == expected


@pytest.mark.parametrize(
    ("file", "fields", "message"),
    [
        ("config.json", {"text_config": {"use_cache": "no"}}, "cannot load the config"),
        ("tokenizer_config.json", {"add_special_tokens": False}, "cannot load the processor"),
    ],
    ids=str,
)
def test_a_setting_that_transformers_refuses_is_a_users_error(checkpoint, file, fields, message):
    change(checkpoint / file, **fields)
    with pytest.raises(UserError, match=f"^{checkpoint}: {message}"):
        load(checkpoint)


@pytest.mark.parametrize("part", [None, "text_config"])
def test_an_old_checkpoint_has_its_end_token_and_settings_in_its_config(checkpoint, expected, part, caplog):
    (checkpoint / FILE).unlink()
    change(checkpoint / "config.json", eos_token_id=None)
    change(checkpoint / "config.json", part, eos_token_id=expected[0][2], repetition_penalty=1.5)
    assert answers_of(load(checkpoint))[0] == expected[0][: expected[0].index(expected[0][2]) + 1]
    assert "of the checkpoint: repetition_penalty=1.5" in caplog.text


# ---- how an answer ends ----------------------------------------------------------------------------------------------

END = 258  # <|im_end|> of the shipped models, as their tokenizer_config.json names it


@pytest.mark.parametrize(
    ("configured", "end_tokens", "reported"),
    [
        (END, [END], None),
        ([END, 7], [7, END], None),
        (None, [END], None),
        ([], [END], None),
        (-1, [END], "[-1]"),
        ([7, 10**6], [7], "[1000000]"),
        ("258", [END], "['258']"),
        ([7, 1.5, True], [7], "[1.5, True]"),
    ],
)
def test_end_tokens_are_the_checkpoints(checkpoint, expected, caplog, configured, end_tokens, reported):
    change(checkpoint / FILE, eos_token_id=configured)
    answerer = load(checkpoint)
    assert answerer.checkpoint.decoding.end_tokens == end_tokens
    assert answers_of(answerer)
    messages = [message for message in caplog.messages if "eos_token_id" in message]
    assert messages == (
        [f"{checkpoint}: eos_token_id: ignoring values unknown to the tokenizer: {reported}"] if reported else []
    )


def without(path, *names):
    path.write_text(
        json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name not in names})
    )


def test_where_no_token_ends_an_answer_it_goes_on(checkpoint, expected, caplog):
    without(checkpoint / FILE, "eos_token_id")
    without(checkpoint / "tokenizer_config.json", "eos_token")
    assert answers_of(load(checkpoint)) == expected
    assert f"{checkpoint}: no end token (eos_token_id); every answer runs to max_new_tokens" in caplog.text


@pytest.mark.parametrize(
    ("name", "stops", "lengths"),
    [
        ("tiny-qwen2-vl", ["banana"], {5, TOKENS}),
        ("tiny-qwen2-vl", ["never there", "differences. The", "banana"], {2, 3}),  # the second over two tokens
        ("tiny-qwen2-vl", "has changed", {4, 6}),
        ("tiny-qwen2-vl", ["<|im_end|>"], {TOKENS}),
        ("tiny-internvl", "pictures", {1}),
        ("tiny-internvl", ["color", "five"], {2, TOKENS}),
    ],
)
def test_an_answer_ends_at_a_stop_string(name, stops, lengths, tmp_path):
    """As `generate` ends it, which is passed the tokenizer for this."""
    folder = shutil.copytree(MODELS / name, tmp_path / "model")
    tokenizer = load(folder).builder.tokenizer
    wanted = plain_answers(MODELS / name, stop_strings=stops, tokenizer=tokenizer)
    assert {len(answer) for answer in wanted} == lengths
    change(folder / FILE, stop_strings=stops)
    answerer = load(folder)
    assert answers_of(answerer) == wanted
    for answer in answerer.generator.generate(QUESTIONS):
        ended = any(
            stop in tokenizer.decode(answer.token_ids) for stop in ([stops] if isinstance(stops, str) else stops)
        )
        assert answer.finished is (ended or answer.token_ids[-1] == END)


def test_a_stop_string_that_is_none_is_reported(checkpoint, expected, caplog):
    change(checkpoint / FILE, stop_strings=["", 3])
    assert answers_of(load(checkpoint)) == expected
    assert f"{checkpoint}: stop_strings: ignoring values that are not texts: ['', 3]" in caplog.text


@pytest.mark.parametrize(("tokens", "is_reported"), [(2047, False), (2048, True)])
def test_an_answer_longer_than_the_models_context_is_reported(tokens, is_reported, caplog):
    """`max_position_embeddings` of the shipped models is 2,048."""
    load(MODELS / "tiny-qwen2-vl", max_new_tokens=tokens)
    message = f"max_new_tokens ({tokens}) leaves no room for a prompt: max_position_embeddings is 2048"
    assert (message in caplog.text) is is_reported


# ---- the tokenizer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"padding_side": "right"},
        {"truncation_side": "left", "truncation": True, "max_length": 10},
        {"truncation": True, "model_max_length": 10},
        {"add_bos_token": True},
        {"split_special_tokens": True},
        {"clean_up_tokenization_spaces": True},
        {"model_input_names": ["input_ids"]},
        {"pad_token": None},
    ],
    ids=str,
)
def test_settings_of_the_tokenizer_change_no_prompt(checkpoint, expected, fields):
    change(checkpoint / "tokenizer_config.json", **fields)
    without(checkpoint / "tokenizer_config.json", *(name for name, value in fields.items() if value is None))
    assert answers_of(load(checkpoint)) == expected


def test_a_batch_is_padded_where_the_tokenizer_has_no_padding(checkpoint):
    """Prompts of two lengths, about two pairs."""
    questions = [QUESTIONS[0], ("Same?", *PAIR[::-1])]
    wanted = [load(checkpoint).generator.generate([question])[0] for question in questions]
    without(checkpoint / "tokenizer_config.json", "pad_token")
    assert load(checkpoint).generator.generate(questions) == wanted


def test_without_a_token_to_pad_with_the_tokenizer_is_named(checkpoint):
    without(checkpoint / "tokenizer_config.json", "pad_token", "eos_token")
    without(checkpoint / FILE, "eos_token_id")
    with pytest.raises(UserError, match="its tokenizer has neither a pad_token nor an eos_token"):
        load(checkpoint)
