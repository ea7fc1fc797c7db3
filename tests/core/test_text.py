"""Text from outside: what is replaced, and what stays."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spd_faith.core.config_errors import read_mapping
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_table, write_text
from spd_faith.core.journal import Journal
from spd_faith.core.text import places_in, printable, writable, writable_json, writable_name

HALF = "\ud83d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("No.", "No."),
        ("Straße 模型 😀\x00\u2028", "Straße 模型 😀\x00\u2028"),  # what can be written stays
        ("\ufeffNo", "\ufeffNo"),
        (f"No {HALF}", "No \ufffd"),
        (f"{HALF}No", "\ufffdNo"),
        ("\ude00\ud83d", "\ufffd\ufffd"),  # the wrong way round
        ("\ud83d\ude00", "😀"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
        ("caf\udce9", "caf\ufffd"),  # Python's mark of a byte that is no UTF-8
    ],
)
def test_what_cannot_be_written_is_replaced_and_the_rest_stays(text, expected):
    assert writable(text) == expected
    assert writable(expected) == expected


@pytest.mark.parametrize(
    "source",
    [r'"\ud83d"', r'"\uD83D x"', r'"\ude00"', r'"\ud83d\ude00"', r'"\\ud83d"', r'"\\\ud83d"', r'"\u00e9\n\""'],
)
def test_json_reads_as_json_with_halves_replaced(source):
    expected = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in json.loads(source))
    assert json.loads(writable_json(source)) == expected


def test_names_that_differ_stay_so():
    assert [writable_name(name) for name in ("bär", "b\udce4r", "b\udcf6r")] == ["bär", r"b\udce4r", r"b\udcf6r"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße 模型 😀\n\tfi", "Straße 模型 😀\n\tfi"),
        ("\x1b[2J\x1b]0;x\x07", r"\x1b[2J\x1b]0;x\x07"),
        ("a\rb\x00\x7f\x9b", r"a\rb\x00\x7f\x9b"),
        ("\u202egpj.exe\u2069", r"\u202egpj.exe\u2069"),
        ("a\u2028b", r"a\u2028b"),
    ],
)
def test_nothing_moves_the_cursor_or_reorders_a_line(text, shown):
    assert printable(text) == shown


def test_every_writer_takes_half_a_pair(tmp_path):
    write_text(tmp_path / "a.txt", f"No {HALF}")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "No \ufffd"

    string_list = pa.list_(pa.struct([pa.field("text", pa.string())]))
    schema = pa.schema([pa.field("a", pa.string()), pa.field("b", pa.binary()), pa.field("c", string_list)])
    write_table(tmp_path / "t", [{"a": HALF, "b": b"\xff", "c": [{"text": f"{HALF}!"}]}], schema, {"model": HALF})
    assert read_table(tmp_path / "t", schema).to_pylist() == [{"a": "\ufffd", "b": b"\xff", "c": [{"text": "\ufffd!"}]}]

    with Journal(tmp_path / "journal") as journal:
        journal.append("key", {"text": f"No {HALF}"}, {"revision": HALF})
        (record,) = journal.read().values()
    assert (record.content, record.provenance) == ({"text": "No \ufffd"}, {"revision": "\ufffd"})


def test_yaml_is_read_as_what_can_be_written(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(r'{"a \ud83d": "b \ud83d", "c": ["\ud83d\ude00"]}')
    assert read_mapping(path) == {"a \ufffd": "b \ufffd", "c": ["😀"]}


def test_a_repeated_key_is_still_reported(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(r'{"a\ud83d": 1, "a\ud83d": 2}')
    with pytest.raises(UserError, match="duplicate key"):
        read_mapping(path)


# ---- where the characters of an edited text come from ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "edited", "places"),
    [
        ("car", "car", [0, 1, 2]),
        ("a car", "car", [2, 3, 4]),
        ("car gone", "car", [0, 1, 2]),
        ("a <b>car</b> left", "a car left", [0, 1, 5, 6, 7, 12, 13, 14, 15, 16]),
        ("x &amp; y", "x & y", [0, 1, 2, 7, 8]),
        ("the car. <end>the car.", "the car.", list(range(14, 22))),  # the last one, where both fit
        ("ab", "a-b", [0, 0, 1]),  # what is new has the place before it
        ("ab", "-ab", [0, 0, 1]),
        ("", "a", [0]),
        ("a", "", []),
    ],
)
def test_places_of_characters(text, edited, places):
    assert places_in(text, edited) == places


WORDS = st.lists(st.sampled_from(["the", "car", " ", "is", "<b>", "red", ".", "\n", "é"]), max_size=30)


@given(WORDS, WORDS, st.data())
def test_places_ascend_within_the_text(before, kept, data):
    """What is cut is a part in front and pieces between."""
    kept_parts = [(one, data.draw(st.booleans())) for one in kept]
    text, edited = "".join(before + kept), "".join(one for one, stays in kept_parts if stays)
    places = places_in(text, edited)
    assert len(places) == len(edited)
    assert places == sorted(places)
    assert all(0 <= place < max(len(text), 1) for place in places)


@given(WORDS, WORDS)
def test_places_behind_a_cut_are_exact(before, kept):
    places = places_in("".join(before + kept), "".join(kept))
    assert places == list(range(len("".join(before)), len("".join(before + kept))))
