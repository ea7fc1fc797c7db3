"""The cache of generation against the one that transformers makes by itself."""

import pytest
import torch
from loading import load_answerer
from tiny_models import FAMILIES, UNLISTED, noise, save_tiny
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from spd_faith.inference import key_value_cache
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.key_value_cache import preallocated_cache

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = 20


QUESTIONS = [
    ("Same?", noise(112, 112, 1), noise(112, 112, 2)),
    ("How many differences are there?", noise(56, 112, 3), noise(60, 100, 4)),
]


def entry(folder):
    return TransformersModel(backend="transformers", model=str(folder), dtype="float32", max_new_tokens=TOKENS)


@pytest.mark.parametrize("room", [128, 7])  # at once, and made longer on the way
@pytest.mark.parametrize("name", [*FAMILIES, *UNLISTED])
def test_every_score_is_that_of_the_usual_cache(name, room, tmp_path, monkeypatch):
    save_tiny(name, tmp_path)
    answerer = load_answerer(entry(tmp_path))
    inputs = answerer.builder.build(QUESTIONS)
    wanted = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False, "output_logits": True}
    usual = answerer.checkpoint.model.generate(**inputs, **wanted, return_dict_in_generate=True)
    monkeypatch.setattr(key_value_cache, "_ROOM", room)
    cache = preallocated_cache(answerer.checkpoint.model)
    found = answerer.checkpoint.model.generate(**inputs, **wanted, return_dict_in_generate=True, past_key_values=cache)
    assert torch.equal(found.sequences, usual.sequences)
    torch.testing.assert_close(torch.stack(found.logits), torch.stack(usual.logits), atol=1e-5, rtol=1e-5)
    assert cache.get_seq_length() == usual.past_key_values.get_seq_length()
    with_room = [layer for layer in cache.layers if layer.keys.data_ptr() != layer.keys.contiguous().data_ptr()]
    assert len(with_room) == len(cache.layers)  # views of something longer


def test_a_token_is_written_behind_the_others_and_copies_nothing():
    draw = torch.Generator().manual_seed(0)
    steps = [torch.randn(2, 2, 3, tokens, 5, generator=draw) for tokens in (9, 1, 1)]  # keys and values
    layer = key_value_cache._PreallocatedLayer()
    (keys, _), *later = [layer.update(*states) for states in steps]
    for kept, expected in zip(later[-1], torch.cat(steps, dim=-2), strict=True):
        assert torch.equal(kept, expected)
    assert all(kept.data_ptr() == keys.data_ptr() for kept, _ in later)


def test_windows_keep_their_own_layers(tmp_path):
    save_tiny("qwen2_vl", tmp_path)
    model = load_answerer(entry(tmp_path)).checkpoint.model
    text = model.config.get_text_config()
    text.sliding_window, text.layer_types = 16, ["sliding_attention", "full_attention"]
    assert [type(layer) for layer in DynamicCache(config=text).layers] == [DynamicSlidingWindowLayer, DynamicLayer]
    kinds = [type(layer) for layer in preallocated_cache(model).layers]
    assert kinds == [DynamicSlidingWindowLayer, key_value_cache._PreallocatedLayer]
