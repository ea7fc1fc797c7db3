"""Loading lexicon files: errors name the file and key."""

import re

import pytest

from spd_faith.core.errors import UserError
from spd_faith.language.lexicon import LexiconFile, PhraseList, WordSet, any_of, read_lexicon_file


class Sides(LexiconFile):
    left: WordSet
    ways: dict[str, PhraseList]


def read(tmp_path, content):
    path = tmp_path / "sides.yaml"
    path.write_text(content, encoding="utf-8")
    return read_lexicon_file(path, Sides)


def test_all_yaml_scalars_are_strings(tmp_path):
    sides = read(tmp_path, "left: [no, on, 1]\nways: {up: [to the top, up]}")
    assert sides.left == {"no", "on", "1"}
    assert sides.ways == {"up": ("to the top", "up")}


@pytest.mark.parametrize(
    ("content", "key", "reason"),
    [
        ("left: [a]\nright: [b]", "right", "unknown key"),
        ("ways: {}", "left", "missing key"),
        ("left: a\nways: {}", "left", "expected a list of words or phrases, found a phrase"),
        ("left: [a, a]", "left", "'a' is listed twice"),
        ("left: [[a]]\nways: {}", "left", "found an entry of another kind"),
        ("left: [a b]", "left", "more than one word"),
        ("left: [A]", "left", "lower case"),
        ("left: []\nways: {up: [don’t]}", "ways.up", "plain apostrophes"),
        ("left: []\nways: [up]", "ways", "expected keys and values, found a list"),
        ("left: []\nleft: []", "'left'", "repeated"),
        ("left: [", "", "not valid YAML"),
        ("", "", "expected keys and values, found nothing"),
    ],
)
def test_errors_name_file_and_key(tmp_path, content, key, reason):
    with pytest.raises(UserError) as error:
        read(tmp_path, content)
    message = str(error.value)
    assert str(tmp_path / "sides.yaml") in message
    assert key in message
    assert reason in message


def test_any_of_matches_both_apostrophes_and_escapes_patterns():
    pattern = re.compile(any_of(["can't", "a.b", "n/a"]))
    assert all(pattern.fullmatch(text) for text in ("can't", "can’t", "a.b", "n/a"))
    assert not pattern.fullmatch("axb")
