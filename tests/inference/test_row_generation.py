"""Answers generated side by side, against those that `generate` of transformers gives to each question alone."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from loading import load_answerer
from tiny_models import FAMILIES, UNLISTED, noise, save_tiny, with_text_first

from spd_faith.inference import generator
from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.transformers_answerer import TransformersAnswerer

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = 40


PAIRS = [
    (noise(112, 112, 1), noise(112, 112, 2)),
    (noise(56, 112, 3), noise(60, 100, 4)),
    (noise(200, 100, 5), noise(10, 10, 6)),
]
TEXTS = ("Same?", "How many differences are there between the two pictures?", "Different?")
QUESTIONS = [(text, *pair) for pair in PAIRS for text in TEXTS]


def entry(folder, **fields):
    fields = {"dtype": "float32", "max_new_tokens": TOKENS} | fields
    return TransformersModel(backend="transformers", model=str(folder), **fields)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Folder with a checkpoint of the family."""
    saved = {}

    def folder(family):
        if family not in saved:
            saved[family] = tmp_path_factory.mktemp(family)
            save_tiny(family, saved[family])
        return saved[family]

    return folder


@pytest.fixture
def rows(monkeypatch):
    """The numbers of questions in the rows of each call."""
    calls = []
    generate = generator.generate_in_rows

    def record(model, inputs, groups, **more):
        calls.append([len(group) for group in groups])
        return generate(model, inputs, groups, **more)

    monkeypatch.setattr(generator, "generate_in_rows", record)
    return calls


def alone(answerer, questions):
    return [answerer.generator.generate([question])[0] for question in questions]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["pair", "merged"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_answer_is_that_of_the_question_alone(folder_of, rows, family, layout):
    answerer = load_answerer(entry(folder_of(family), image_layout=layout))
    expected = alone(answerer, QUESTIONS)
    assert rows == []
    assert answerer.generator.generate(QUESTIONS) == expected
    assert rows == [[3, 3, 3]]
    assert len({answer.text for answer in expected}) == len(QUESTIONS)


def test_groups_of_unlike_size_in_any_order(folder_of, rows):
    answerer = load_answerer(entry(folder_of("qwen2_vl")))
    questions = [QUESTIONS[number] for number in (4, 0, 8, 1, 7, 2)]
    assert answerer.generator.generate(questions) == alone(answerer, questions)
    assert rows == [[1, 3, 2]]


@pytest.mark.parametrize("longest", [1, 2, 7])
def test_answers_are_cut_at_the_token_limit(folder_of, rows, longest):
    answerer = load_answerer(entry(folder_of("qwen2_vl"), max_new_tokens=longest))
    answers = answerer.generator.generate(QUESTIONS)
    assert answers == alone(answerer, QUESTIONS)
    assert {len(answer.token_ids) for answer in answers} == {longest}
    assert rows == [[3, 3, 3]]


def changed(folder, target, **fields):
    """A copy of the checkpoint with other fields in its generation config."""
    path = shutil.copytree(folder, target) / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return target


@pytest.fixture
def widths(monkeypatch):
    """rows × tokens of each call of Qwen2-VL's decoder."""
    from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLTextModel

    calls = []
    forward = Qwen2VLTextModel.forward

    def record(self, input_ids=None, inputs_embeds=None, **more):
        read = input_ids if inputs_embeds is None else inputs_embeds
        calls.append(tuple(read.shape[:2]))
        return forward(self, input_ids=input_ids, inputs_embeds=inputs_embeds, **more)

    monkeypatch.setattr(Qwen2VLTextModel, "forward", record)
    return calls


def test_an_answer_ends_at_its_end_token_and_is_not_read_any_more(folder_of, rows, widths, tmp_path):
    """Two pairs of three questions. The second question's answers end first, in both rows."""
    plain = alone(load_answerer(entry(folder_of("qwen2_vl"))), QUESTIONS[:6])
    stops = [plain[1].token_ids[3], plain[4].token_ids[5]]
    answerer = load_answerer(entry(changed(folder_of("qwen2_vl"), tmp_path / "changed", eos_token_id=stops)))
    expected = alone(answerer, QUESTIONS[:6])
    lengths = torch.tensor([len(answer.token_ids) for answer in expected]).view(2, 3)
    assert lengths[:, 1].max() <= 6
    assert lengths.max() > 6
    widths.clear()
    assert answerer.generator.generate(QUESTIONS[:6]) == expected
    going_on = [int((lengths.max(dim=0).values > step).sum()) for step in range(1, int(lengths.max()))]
    assert widths[2:] == [(2, questions) for questions in going_on]
    assert 3 in going_on
    assert 2 in going_on or 1 in going_on


def test_a_row_with_fewer_questions_lets_none_go_on(folder_of, rows, widths, tmp_path):
    """Of the second question there is one answer, in one of two rows, and it ends at its third token."""
    questions = [QUESTIONS[0], *QUESTIONS[3:5]]
    plain = alone(load_answerer(entry(folder_of("qwen2_vl"))), questions)
    stop = plain[2].token_ids[2]
    assert all(stop not in answer.token_ids[:9] for answer in plain[:2])
    answerer = load_answerer(entry(changed(folder_of("qwen2_vl"), tmp_path / "changed", eos_token_id=stop)))
    widths.clear()
    assert len(answerer.generator.generate(questions)[2].token_ids) == 3
    assert widths[2:6] == [(2, 2), (2, 2), (2, 1), (2, 1)]


def test_what_prompts_have_in_common_is_read_once(folder_of, rows, widths):
    """`Same?` and `Sad?` about pictures of 16 tokens; the prompt's are counted in tests/probes/test_prepared.py."""
    answerer = load_answerer(entry(folder_of("qwen2_vl"), max_new_tokens=3))
    images = []
    answerer.checkpoint.model.model.visual.register_forward_pre_hook(
        lambda module, inputs, named: images.append(len(named["grid_thw"])), with_kwargs=True
    )
    answerer.generator.generate([(text, *PAIRS[0]) for text in ("Same?", "Sad?")])
    assert images == [2]
    before, markers = 38 + 7 + 16 + 2 + 16 + 1, 2 + 11
    assert widths == [(1, before + len("Sa")), (1, 2 * (len("me?") + markers)), (1, 2), (1, 2)]


# ---- where it cannot be ----------------------------------------------------------------------------------------------


def assert_one_question_a_pair(answerer, rows, passed_to_model):
    answers = answerer.generator.generate(QUESTIONS[:6])
    assert rows == []
    assert [len(call["input_ids"]) for call in passed_to_model] == [2, 2, 2]
    assert answers == alone(answerer, QUESTIONS[:6])


def test_where_a_layer_sees_a_window_alone(folder_of, rows, passed_to_model, tmp_path):
    path = shutil.copytree(folder_of("qwen2_vl"), tmp_path / "window") / "config.json"
    config = json.loads(path.read_text())
    config["text_config"] |= {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}
    config["text_config"]["layer_types"] = ["sliding_attention", "full_attention"]
    path.write_text(json.dumps(config))
    assert_one_question_a_pair(load_answerer(entry(path.parent)), rows, passed_to_model)


def test_where_the_images_come_behind_the_question(folder_of, rows, passed_to_model, tmp_path):
    folder = with_text_first(folder_of("qwen2_vl"), tmp_path / "text_first")
    assert_one_question_a_pair(load_answerer(entry(folder)), rows, passed_to_model)


def test_where_attention_takes_no_mask_of_ours(folder_of, rows, passed_to_model):
    checkpoint = load_checkpoint(entry(folder_of("qwen2_vl")))
    flash = checkpoint.entry.model_copy(update={"attention": "flash_attention_2"})
    assert_one_question_a_pair(TransformersAnswerer(replace(checkpoint, entry=flash)), rows, passed_to_model)


@pytest.mark.slow
@pytest.mark.parametrize("family", UNLISTED)
def test_where_the_family_is_not_listed(folder_of, rows, family):
    answerer = load_answerer(entry(folder_of(family)))
    assert answerer.generator.generate(QUESTIONS) == alone(answerer, QUESTIONS)
    assert rows == []


@pytest.mark.gpu
@pytest.mark.parametrize("family", FAMILIES)
def test_cuda_answers_as_the_cpu_does(folder_of, rows, family):
    answerers = [load_answerer(entry(folder_of(family)), device) for device in ("cpu", "cuda")]
    on_cpu, on_gpu = (answerer.generator.generate(QUESTIONS) for answerer in answerers)
    assert on_gpu == on_cpu
    assert rows == [[3, 3, 3]] * 2
