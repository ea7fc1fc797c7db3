"""Properties of parsing any answer: nothing raises, rows fit the schema, valid lists are returned unchanged."""

import json
from random import Random

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.schemas import PARSE_STATUSES, PARSED, TASKS, VERDICTS
from spd_faith.language.foreign_labels import foreign_category
from spd_faith.parsing.answer_text import answer_of
from spd_faith.parsing.table import parse_response

PIECES = [
    *"{}[]\",:'\\\n`*#",
    '{"predicted_num": ',
    '"structured_output": [',
    '{"type": "color", "category": "car"}',
    "'differences': [",
    "None",
    "NaN",
    "-1",
    "1e999",
    "// note",
    "/*",
    "```json\n",
    "True",
    "Yes",
    "No",
    "not ",
    "the car ",
    "from red to blue ",
    "was removed ",
    "and ",
    "the same ",
    "except ",
    "in the second picture ",
    "3 differences",
    "1. ",
    "\x00",
    "\ud800",
    "\\ud800",
    "İ",
]
FRAGMENTS = st.sampled_from(PIECES)
CHARACTERS = st.characters(exclude_categories=())  # surrogates too
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=300),
    st.lists(st.one_of(FRAGMENTS, st.text(CHARACTERS, max_size=4)), max_size=40).map("".join),
)


def is_plain(text: str) -> bool:
    """Whether a text has no marker; Hypothesis also draws strings from the code under test."""
    return answer_of(text) == text


LABELS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=3, max_size=12).filter(
    is_plain
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyzéß漢字𐀀", min_size=3, max_size=12).filter(
    lambda name: foreign_category(name) is None  # "uhr" is read as clock
)


def answers(labels: st.SearchStrategy[str]) -> st.SearchStrategy[dict]:
    entry = st.fixed_dictionaries({"type": st.sampled_from(list(DifferenceType)), "category": labels})
    entries = st.lists(entry, max_size=8)
    return st.tuples(st.integers(0, 1000), entries).map(
        lambda both: {"predicted_num": both[0], "structured_output": both[1]}
    )


ANSWERS = answers(LABELS)
PROSE = st.text(st.characters(codec="utf-8", exclude_characters="{}[]`"), max_size=60).filter(is_plain)


def check_rows(answers: list[tuple[str, str, bool]]) -> None:
    rows = [{"sample_id": "s", **parse_response(*answer)} for answer in answers]
    table = pa.Table.from_pylist(rows, schema=PARSED)
    table.validate(full=True)
    assert not [field.name for field in PARSED if not field.nullable and table[field.name].null_count]
    for (task, text, _), row in zip(answers, rows, strict=True):
        assert {*row, "failure"} == set(PARSED.names), text
        assert row["parse_status"] in PARSE_STATUSES, text
        assert row["listed_num"] == len(row["differences"]), text
        assert row["predicted_num"] is None or 0 <= row["predicted_num"] <= 1000, text
        assert all(difference["type"] in (*DifferenceType, None) for difference in row["differences"]), text
        assert (row["verdict"] is None) if task == "describe" else (row["verdict"] in (*VERDICTS, None)), text
        assert task == "describe" or row["differences"] == [], text


def mutated(text: str, cuts: list[tuple[int, str]]) -> str:
    for at, new in cuts:
        at %= len(text) + 1
        text = text[:at] + new + text[at + 1 :]
    return text


CUTS = st.lists(st.tuples(st.integers(0, 10_000), st.one_of(st.just(""), FRAGMENTS)), min_size=1, max_size=6)
MUTATED = st.builds(lambda answer, cuts: mutated(json.dumps(answer), cuts), ANSWERS, CUTS)


@given(st.sampled_from(TASKS), TEXTS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_text_gives_a_row(task, text, failed):
    check_rows([(task, text, failed)])


@given(MUTATED)
@settings(max_examples=150, deadline=None)
def test_damaged_json_gives_a_row(text):
    check_rows([("describe", text, False)])


def random_text(random: Random) -> str:
    """Fragments of answers in random order, or a short answer with some characters replaced by fragments."""
    if random.random() < 0.5:
        return "".join(random.choices(PIECES, k=random.randint(0, 12)))
    answer = json.dumps({"predicted_num": 1, "structured_output": [{"type": "color", "category": "car"}]})
    return mutated(
        answer, [(random.randrange(len(answer)), random.choice(PIECES)) for _ in range(random.randint(1, 4))]
    )


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_100_000_texts_give_rows(seed):
    random = Random(seed)  # drawing texts with Hypothesis would take longer than parsing them
    check_rows([(random.choice(TASKS), random_text(random), False) for _ in range(20)])


def read_back(text: str) -> tuple[str, int | None, list[tuple[str, str]]]:
    row = parse_response("describe", text, False)
    return row["parse_status"], row["predicted_num"], [(d["type"], d["category"]) for d in row["differences"]]


def written(answer: dict) -> list[tuple[str, str]]:
    return [(entry["type"], entry["category"].lower()) for entry in answer["structured_output"]]


@given(ANSWERS, st.sampled_from([None, 2]), st.booleans(), PROSE)
@settings(max_examples=150, deadline=None)
def test_a_valid_answer_parses_to_itself(answer, indent, ascii_only, prose):
    text = json.dumps(answer, indent=indent, ensure_ascii=ascii_only)
    expected = ("json", answer["predicted_num"], written(answer))
    assert read_back(text) == expected
    assert read_back(f"{prose}\n{text}") == expected
    assert read_back(f"{prose}\n```json\n{text}\n```\n{prose}") == expected


@given(answers(NAMES), st.integers(0, 10_000))
@settings(max_examples=150, deadline=None)
def test_a_truncated_answer_keeps_its_complete_entries(answer, cut):
    text = json.dumps(answer)
    start = text.index("[") + 1
    text = text[: start + cut % (len(text) - start)]
    status, number, entries = read_back(text)
    whole = text.count("}")
    assert (status, number) == ("repaired", answer["predicted_num"])
    assert entries[:whole] == written(answer)[:whole]
    assert len(entries) <= whole + 1


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "{",
        "{'",
        '{"a":',
        '[{"type": ',
        "the car, ",
        "the the '",
        "no ",
        "\n",
        "1 ",
        "1.",
        " ",
        "**",
        "from red to blue ",
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_hostile_text_of_20_kb(task, unit):
    check_rows([(task, unit * (20_000 // len(unit)), False)])
