"""The real backend on a very small checkpoint of the real classes, loaded from disk.

Counts of image tokens are worked by hand: one token covers 28 × 28 pixels, and a picture has between 4 and 16 of them.
"""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import END, IMAGE, byte_tokenizer, noise
from transformers.models.qwen2_vl import modeling_qwen2_vl

from spd_faith.core.errors import UserError
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.transformers_backend import TransformersBackend

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = 16


def entry(folder, **fields):
    fields = {"dtype": "float32", "max_new_tokens": TOKENS} | fields
    return TransformersModel(backend="transformers", model=str(folder), **fields)


QUESTIONS = [  # prompts and pictures of several sizes
    ("Are the two pictures the same?", noise(112, 112, 1), noise(112, 112, 2)),
    ("How many differences are there between the two pictures? Compare them.", noise(56, 112, 3), noise(60, 100, 4)),
    ("Same?", noise(200, 100, 5), noise(10, 10, 6)),
    ("Different?", noise(56, 56, 7), noise(112, 56, 8)),
]
SQUARES = [("Same?", noise(112, 112, 1), noise(112, 112, 2))]


@pytest.fixture(scope="module")
def backend(tiny_checkpoint):
    return TransformersBackend(entry(tiny_checkpoint))


@pytest.fixture
def changed_checkpoint(tiny_checkpoint, tmp_path):
    """A copy of the checkpoint, to be changed."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "changed")


def image_tokens(arguments):
    """Number of image tokens in each prompt of a batch."""
    token = byte_tokenizer().convert_tokens_to_ids(IMAGE)
    return (arguments["input_ids"] == token).sum(dim=1).tolist()


def update_json(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_does_not_change_an_answer(backend):
    alone = [backend.generate([question])[0] for question in QUESTIONS]
    assert backend.generate(QUESTIONS) == alone
    assert backend.generate(QUESTIONS[::-1]) == alone[::-1]
    assert len({answer.text for answer in alone}) == 4


def test_prompts_are_padded_on_the_left(backend, passed_to_model):
    backend.generate(QUESTIONS)
    mask = passed_to_model[0]["attention_mask"]
    assert mask[:, -1].all()
    assert mask.sum(dim=1).min() < mask.shape[1]  # some padding there was


def test_question_and_pictures_reach_the_model(backend):
    ((text, original, modified),) = SQUARES
    changed = [
        (text, original, modified),
        (text, modified, original),
        (text, original, original),
        ("Why?", original, modified),
    ]
    assert len({answer.text for answer in backend.generate(changed)}) == 4


def test_answers_are_greedy_whatever_the_checkpoint_recommends(backend, changed_checkpoint):
    update_json(
        changed_checkpoint / "generation_config.json",
        do_sample=True, temperature=3.0, top_p=0.9, top_k=7, repetition_penalty=1.8,
    )  # fmt: skip
    assert TransformersBackend(entry(changed_checkpoint)).generate(QUESTIONS) == backend.generate(QUESTIONS)


def test_attention_is_never_eager(backend, monkeypatch):
    def eager(*arguments, **more):
        raise AssertionError("eager attention")

    monkeypatch.setattr(modeling_qwen2_vl, "eager_attention_forward", eager)
    assert backend.generate(SQUARES)


def test_bfloat16(tiny_checkpoint, passed_to_model):
    backend = TransformersBackend(entry(tiny_checkpoint, dtype="bfloat16"))
    answers = backend.generate(QUESTIONS)
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


def test_token_ids_decode_to_the_text(backend):
    tokenizer = byte_tokenizer()
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    for answer in backend.generate(QUESTIONS):
        tokens = tokenizer.convert_ids_to_tokens([token for token in answer.token_ids if token not in special])
        assert answer.text == bytes_of("".join(tokens)).decode("utf-8", errors="replace")
        assert answer.text


def test_an_answer_is_cut_at_the_token_limit(tiny_checkpoint, backend):
    short = TransformersBackend(entry(tiny_checkpoint, max_new_tokens=3)).generate(QUESTIONS)
    assert [answer.token_ids for answer in short] == [a.token_ids[:3] for a in backend.generate(QUESTIONS)]
    assert [answer.finished for answer in short] == [False] * 4


def test_an_answer_ends_at_its_first_end_token(backend, changed_checkpoint):
    plain = backend.generate(QUESTIONS)
    stop = plain[1].token_ids[4]
    end = byte_tokenizer().convert_tokens_to_ids(END)
    update_json(changed_checkpoint / "generation_config.json", eos_token_id=[stop, end])
    stopped = TransformersBackend(entry(changed_checkpoint)).generate(QUESTIONS)
    for before, after in zip(plain, stopped, strict=True):
        length = next((i + 1 for i, token in enumerate(before.token_ids) if token in (stop, end)), TOKENS)
        assert after.token_ids == before.token_ids[:length]
        assert after.finished is (length < TOKENS or before.token_ids[-1] in (stop, end))
    assert len(stopped[1].token_ids) <= 5
    assert stopped[1].finished
    assert any(len(answer.token_ids) > 5 for answer in stopped)  # others of the batch went on


def test_special_tokens_that_mark_reasoning_are_in_the_text(backend, changed_checkpoint):
    """Dropped with the others, they would leave the reasoning in the answer."""
    plain = backend.generate(QUESTIONS)[1]
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
    (answer,) = TransformersBackend(entry(changed_checkpoint)).generate(QUESTIONS[1:2])
    assert answer.token_ids == plain.token_ids
    assert answer.text.index("◁think▷") < answer.text.index("◁/think▷")
    assert "<|other|>" not in answer.text and END not in answer.text


def test_prompt_tokens_are_counted(backend):
    # <|im_start|>user⏎ 6, each picture 16 and 2 around it, the question, <|im_end|>⏎ 2, <|im_start|>assistant⏎ 11
    expected = 6 + 2 * 18 + len("Same?") + 2 + 11
    longer = ("Are the two pictures the same?", *SQUARES[0][1:])
    assert [answer.prompt_tokens for answer in backend.generate([SQUARES[0], longer])] == [expected, expected + 25]


# ---- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "tokens"),
    [
        ([(112, 112), (112, 112)], 16 + 16),
        ([(56, 112), (112, 56)], 8 + 8),
        ([(224, 224), (448, 112)], 16 + 16),  # reduced to 112 × 112 and 224 × 56
        ([(28, 28), (14, 56)], 4 + 4),  # enlarged to 56 × 56 and 28 × 112
        # by √(20,000 · 150 / 12,544) = 15.46 to 1,293 × 9.7: 46 tokens, and one token across
        ([(20_000, 150), (150, 20_000)], 46 + 46),
    ],
)
def test_image_tokens_of_a_pair(backend, passed_to_model, sizes, tokens):
    (width, height), (other_width, other_height) = sizes
    backend.generate([("Same?", noise(width, height, 0), noise(other_width, other_height, 1))])
    assert image_tokens(passed_to_model[0]) == [tokens]
    assert len(passed_to_model[0]["image_grid_thw"]) == 2


def test_the_original_is_shown_first(backend, passed_to_model):
    backend.generate([("Same?", noise(56, 112, 0), noise(112, 56, 1))])
    assert passed_to_model[0]["image_grid_thw"].tolist() == [[1, 8, 4], [1, 4, 8]]  # time, height, width in patches


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((56, 112), [1, 8, 8]),  # two portraits side by side: 112 × 112
        ((112, 56), [1, 8, 8]),  # two landscapes stacked: 112 × 112
        ((56, 56), [1, 4, 8]),  # two squares side by side: 112 × 56
        ((84, 28), [1, 4, 6]),  # stacked: 84 × 56
    ],
)
def test_merged_layout_shows_one_picture(tiny_checkpoint, passed_to_model, size, grid):
    backend = TransformersBackend(entry(tiny_checkpoint, image_layout="merged", max_new_tokens=1))
    backend.generate([("Same?", noise(*size, 0), noise(*size, 1))])
    assert passed_to_model[0]["image_grid_thw"].tolist() == [grid]
    assert image_tokens(passed_to_model[0]) == [grid[1] * grid[2] // 4]


@pytest.mark.parametrize(
    ("budget", "tokens"),
    [
        (None, [32, 8]),
        ({"min_pixels": 1 * 784, "max_pixels": 4 * 784}, [8, 8]),  # 112 × 112 becomes 56 × 56
        ({"min_pixels": 16 * 784, "max_pixels": 64 * 784}, [32, 32]),  # 56 × 56 becomes 112 × 112
        ({"min_pixels": 36 * 784, "max_pixels": 64 * 784}, [72, 72]),  # both become 168 × 168
    ],
)
def test_pixel_budget(tiny_checkpoint, passed_to_model, budget, tokens):
    fields = {"pixel_budget": budget} if budget else {}
    backend = TransformersBackend(entry(tiny_checkpoint, max_new_tokens=1, **fields))
    small = ("Same?", noise(56, 56, 1), noise(56, 56, 2))
    backend.generate([SQUARES[0], small])
    assert image_tokens(passed_to_model[0]) == tokens


# ---- loading ---------------------------------------------------------------------------------------------------------


def truncate_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def drop_a_tensor(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights.pop(next(name for name in weights if name.endswith("gate_proj.weight")))
    save_file(weights, path, {"format": "pt"})


def reshape_a_tensor(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("gate_proj.weight"))
    save_file(weights | {name: weights[name][:5].contiguous()}, path, {"format": "pt"})


FAULTS = {
    "no folder": shutil.rmtree,
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "weights cut off": truncate_weights,
    "a tensor missing": drop_a_tensor,
    "a tensor of another shape": reshape_a_tensor,
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "no processor": lambda folder: (folder / "preprocessor_config.json").unlink(),
    "no vision": lambda folder: (folder / "config.json").write_text('{"model_type": "gpt2"}'),
    "broken config": lambda folder: (folder / "config.json").write_text("{"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_faulty_checkpoint_is_a_users_error(changed_checkpoint, fault):
    fault(changed_checkpoint)
    with pytest.raises(UserError) as caught:
        TransformersBackend(entry(changed_checkpoint))
    assert str(caught.value).startswith(f"{changed_checkpoint}: ")


def test_the_missing_tensor_is_named(changed_checkpoint):
    drop_a_tensor(changed_checkpoint)
    with pytest.raises(UserError, match=r"the weights lack 1 tensors, the first is .*gate_proj\.weight"):
        TransformersBackend(entry(changed_checkpoint))


def test_the_revision_of_a_folder_is_local(backend):
    assert backend.revision == "local"


# ---- devices ---------------------------------------------------------------------------------------------------------


def test_without_cuda_the_cpu_serves(tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert TransformersBackend(entry(tiny_checkpoint, resources={"gpu": 1})).device == "cpu"


def test_an_entry_without_gpu_runs_on_the_cpu(backend):
    assert backend.device == "cpu"  # also where a GPU is visible


@pytest.mark.parametrize(("fields", "device"), [({"requires_gpu": True}, None), ({}, "cuda")])
def test_without_cuda_a_needed_gpu_is_a_users_error(tiny_checkpoint, monkeypatch, fields, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="this job has no GPU"):
        TransformersBackend(entry(tiny_checkpoint, **fields), device)


def test_float32_does_without_tf32(tiny_checkpoint):
    torch.backends.cudnn.allow_tf32 = True  # as torch begins
    torch.backends.cuda.matmul.allow_tf32 = True
    TransformersBackend(entry(tiny_checkpoint))
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.gpu
def test_a_float32_convolution_is_exact_to_float32(tiny_checkpoint):
    TransformersBackend(entry(tiny_checkpoint, resources={"gpu": 1}))
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(64, 64, 3, device="cuda")
    images = torch.randn(8, 64, 56, 56, device="cuda")
    with torch.no_grad():
        found, expected = convolution(images).double(), convolution.double()(images.double())
    assert (found - expected).norm() / expected.norm() < 1e-6  # TF32 is near 3e-4


@pytest.mark.gpu
def test_cuda_answers_as_the_cpu_does(tiny_checkpoint, backend):
    on_gpu = TransformersBackend(entry(tiny_checkpoint, resources={"gpu": 1}))
    assert on_gpu.device == "cuda"
    assert on_gpu.generate(QUESTIONS) == backend.generate(QUESTIONS)


def test_other_processors_are_untouched_by_loading_one():
    """Every class finds its own parts again; a method bound to the base class would find none."""
    from transformers import LlavaProcessor

    from spd_faith.inference.processors import without_video_processors

    with without_video_processors():
        pass
    assert set(LlavaProcessor.get_attributes()) == {"image_processor", "tokenizer"}
