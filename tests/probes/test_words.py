"""The content words of an answer and the tokens that make them."""

import pytest
from probes.probed import ROOT
from tiny_models import byte_tokenizer
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from spd_faith.probes.words import content_words, decoded_tokens


@pytest.fixture(scope="module")
def by_byte():
    return byte_tokenizer()


def words(tokenizer, text, end=()):
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], *end]
    return [(word.text, word.tokens) for word in content_words(tokenizer, ids)]


def texts(tokenizer, text):
    return [word for word, _ in words(tokenizer, text)]


def test_a_word_has_the_tokens_of_its_letters(by_byte):
    assert words(by_byte, "The red car is gone.") == [
        ("red", (4, 5, 6)),
        ("car", (8, 9, 10)),
        ("gone", (15, 16, 17, 18)),
    ]


def test_letters_of_several_tokens(by_byte):
    """é has two bytes, each letter of 猫 three."""
    assert words(by_byte, "é 猫x") == [("é", (0, 1)), ("猫x", (3, 4, 5, 6))]


def test_special_tokens_make_no_word(by_byte):
    end = [by_byte.eos_token_id]
    assert words(by_byte, "No", end) == [("No", (0, 1))]
    assert content_words(by_byte, end) == content_words(by_byte, []) == []


def test_a_special_token_is_no_part_of_the_word_behind_it(by_byte):
    ids = [by_byte.eos_token_id, *by_byte("car")["input_ids"]]
    assert [(word.text, word.tokens) for word in content_words(by_byte, ids)] == [("car", (1, 2, 3))]


def test_a_letter_that_never_ends(by_byte):
    """An answer cut off inside of a letter."""
    cut = by_byte("car é", add_special_tokens=False)["input_ids"][:-1]
    assert [(word.text, word.tokens) for word in content_words(by_byte, cut)] == [("car", (0, 1, 2))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Yes, it is. No.", ["Yes", "No"]),  # they may be the whole answer
        ("There aren't any; they’re not the same, don’t you see?", ["they’re", "same", "see"]),
        ("1. A stop-sign's colour: 3 of them", ["stop-sign's", "colour"]),
        ("and of the to with however", ["however"]),
        ("", []),
        ("... 12 !?", []),
    ],
)
def test_function_words_numbers_and_signs_are_left_out(by_byte, text, found):
    assert texts(by_byte, text) == found


def test_keys_of_json_and_fences_are_left_out(by_byte):
    text = (
        'Gone:\n```json\n{"predicted_num": 1, "structured_output": [{"type": "remove", "category" : "stop sign"}]}\n```'
    )
    assert texts(by_byte, text) == ["Gone", "remove", "stop", "sign"]


def test_a_key_in_prose_is_a_word(by_byte):
    assert texts(by_byte, 'its "type" changed; category: car') == ["type", "changed", "category", "car"]


def test_words_of_one_token_are_one():
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "resources" / "models" / "tiny-qwen2-vl")
    found = words(tokenizer, "No, the two pictures are not the same. The car has been removed.")
    assert found == [("No, the two pictures are not the same", (0,)), ("car", (2,)), ("removed", (3,))]


def test_pieces_that_carry_their_space_in_front():
    """As SentencePiece has them, where decoding a token alone loses the space."""
    pieces = {"▁The": 0, "▁so": 1, "fa": 2, "▁moved": 3, "s": 4, ".": 5}
    tokenizer = Tokenizer(models.WordLevel(pieces, unk_token="."))
    tokenizer.normalizer = normalizers.Prepend("▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", left=1, right=0)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    found = content_words(fast, [0, 1, 2, 4, 3, 5])
    assert [(word.text, word.tokens) for word in found] == [("sofas", (1, 2, 3)), ("moved", (4,))]


def test_markers_of_reasoning_are_decoded_and_make_no_words():
    tokenizer = byte_tokenizer(special=("<|endoftext|>", "<|im_end|>", "<think>", "</think>"))
    ids = tokenizer("<think>car</think>bus<|im_end|>", add_special_tokens=False)["input_ids"]
    text, spans = decoded_tokens(tokenizer, ids)
    assert text == "<think>car</think>bus"
    assert [text[slice(*span)] for span in spans] == ["<think>", "c", "a", "r", "</think>", "b", "u", "s", ""]
    assert [word.text for word in content_words(tokenizer, ids)] == ["car", "bus"]
