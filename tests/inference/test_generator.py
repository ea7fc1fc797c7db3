"""Greedy answers of a very small checkpoint of the real classes, loaded from disk."""

import json
import shutil

import pytest
import torch
from loading import load_answerer
from tiny_models import END, byte_tokenizer, noise
from transformers.models.qwen2_vl import modeling_qwen2_vl

from spd_faith.inference.entries import TransformersModel

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = 16


def entry(folder, **fields):
    fields = {"dtype": "float32", "max_new_tokens": TOKENS} | fields
    return TransformersModel(backend="transformers", model=str(folder), **fields)


QUESTIONS = [  # prompts and images of several sizes
    ("Are the two pictures the same?", noise(112, 112, 1), noise(112, 112, 2)),
    ("How many differences are there between the two pictures? Compare them.", noise(56, 112, 3), noise(60, 100, 4)),
    ("Same?", noise(200, 100, 5), noise(10, 10, 6)),
    ("Different?", noise(56, 56, 7), noise(112, 56, 8)),
]
SQUARES = [("Same?", noise(112, 112, 1), noise(112, 112, 2))]


def load_generator(entry):
    return load_answerer(entry).generator


@pytest.fixture(scope="module")
def generator(tiny_checkpoint):
    return load_generator(entry(tiny_checkpoint))


@pytest.fixture
def changed_checkpoint(tiny_checkpoint, tmp_path):
    """A copy of the checkpoint, to be changed."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "changed")


def update_json(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_does_not_change_an_answer(generator):
    alone = [generator.generate([question])[0] for question in QUESTIONS]
    assert generator.generate(QUESTIONS) == alone
    assert generator.generate(QUESTIONS[::-1]) == alone[::-1]
    assert len({answer.text for answer in alone}) == 4


def test_prompts_are_padded_on_the_left(generator, passed_to_model):
    generator.generate(QUESTIONS)
    mask = passed_to_model[0]["attention_mask"]
    assert mask[:, -1].all()
    assert mask.sum(dim=1).min() < mask.shape[1]  # some padding there was


def test_question_and_images_reach_the_model(generator):
    ((text, original, modified),) = SQUARES
    changed = [
        (text, original, modified),
        (text, modified, original),
        (text, original, original),
        ("Why?", original, modified),
    ]
    assert len({answer.text for answer in generator.generate(changed)}) == 4


def test_answers_are_greedy_whatever_the_checkpoint_recommends(generator, changed_checkpoint):
    update_json(
        changed_checkpoint / "generation_config.json",
        do_sample=True, temperature=3.0, top_p=0.9, top_k=7, repetition_penalty=1.8,
    )  # fmt: skip
    assert load_generator(entry(changed_checkpoint)).generate(QUESTIONS) == generator.generate(QUESTIONS)


def test_attention_is_never_eager(generator, monkeypatch):
    def eager(*arguments, **more):
        raise AssertionError("eager attention")

    monkeypatch.setattr(modeling_qwen2_vl, "eager_attention_forward", eager)
    assert generator.generate(SQUARES)


def test_bfloat16(tiny_checkpoint, passed_to_model):
    generator = load_generator(entry(tiny_checkpoint, dtype="bfloat16"))
    answers = generator.generate(QUESTIONS)
    assert passed_to_model[0]["pixel_values"].dtype is torch.bfloat16
    assert passed_to_model[0]["input_ids"].dtype is torch.int64
    assert all(0 < len(answer.token_ids) <= TOKENS for answer in answers)
    assert len({answer.text for answer in answers}) == 4


# ---- answers ---------------------------------------------------------------------------------------------------------


def bytes_of(text):
    """What a byte-level token stands for: printable Latin-1 for itself; 256, 257, … for the other bytes in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
    return bytes(table[character] for character in text)


def test_token_ids_decode_to_the_text(generator):
    tokenizer = byte_tokenizer()
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    for answer in generator.generate(QUESTIONS):
        tokens = tokenizer.convert_ids_to_tokens([token for token in answer.token_ids if token not in special])
        assert answer.text == bytes_of("".join(tokens)).decode("utf-8", errors="replace")
        assert answer.text


def test_an_answer_is_cut_at_the_token_limit(tiny_checkpoint, generator):
    short = load_generator(entry(tiny_checkpoint, max_new_tokens=3)).generate(QUESTIONS)
    assert [answer.token_ids for answer in short] == [a.token_ids[:3] for a in generator.generate(QUESTIONS)]
    assert [answer.finished for answer in short] == [False] * 4


def test_an_answer_ends_at_its_first_end_token(generator, changed_checkpoint):
    plain = generator.generate(QUESTIONS)
    stop = plain[1].token_ids[4]
    end = byte_tokenizer().convert_tokens_to_ids(END)
    update_json(changed_checkpoint / "generation_config.json", eos_token_id=[stop, end])
    stopped = load_generator(entry(changed_checkpoint)).generate(QUESTIONS)
    for before, after in zip(plain, stopped, strict=True):
        length = next((i + 1 for i, token in enumerate(before.token_ids) if token in (stop, end)), TOKENS)
        assert after.token_ids == before.token_ids[:length]
        assert after.finished is (length < TOKENS or before.token_ids[-1] in (stop, end))
    assert len(stopped[1].token_ids) <= 5
    assert stopped[1].finished
    assert any(len(answer.token_ids) > 5 for answer in stopped)  # others of the batch went on


def test_special_tokens_that_mark_reasoning_are_in_the_text(generator, changed_checkpoint):
    """Dropped with the others, they would leave the reasoning in the answer."""
    plain = generator.generate(QUESTIONS)[1]
    renamed = dict(zip(plain.token_ids[1:7:2], ("◁think▷", "◁/think▷", "<|other|>"), strict=True))
    path = changed_checkpoint / "tokenizer.json"
    content = json.loads(path.read_text())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    for text, number in list(content["model"]["vocab"].items()):
        if number in renamed:
            del content["model"]["vocab"][text]
            content["model"]["vocab"][renamed[number]] = number
            content["added_tokens"].append({"id": number, "content": renamed[number], "special": True} | flags)
    path.write_text(json.dumps(content))
    (answer,) = load_generator(entry(changed_checkpoint)).generate(QUESTIONS[1:2])
    assert answer.token_ids == plain.token_ids
    assert answer.text.index("◁think▷") < answer.text.index("◁/think▷")
    assert "<|other|>" not in answer.text and END not in answer.text


def test_prompt_tokens_are_counted(generator):
    # <|im_start|>user⏎ 6, each picture 16 and 2 around it, the question, <|im_end|>⏎ 2, <|im_start|>assistant⏎ 11
    expected = 6 + 2 * 18 + len("Same?") + 2 + 11
    longer = ("Are the two pictures the same?", *SQUARES[0][1:])
    assert [answer.prompt_tokens for answer in generator.generate([SQUARES[0], longer])] == [
        expected,
        expected + 25,
    ]


@pytest.mark.gpu
def test_cuda_answers_as_the_cpu_does(tiny_checkpoint, generator):
    on_gpu = load_answerer(entry(tiny_checkpoint, resources={"gpu": 1}))
    assert on_gpu.checkpoint.device == "cuda"
    assert on_gpu.generator.generate(QUESTIONS) == generator.generate(QUESTIONS)
