"""Parsing realistic describe answers."""

import json

import pytest

from spd_faith.parsing.differences import parse_differences
from spd_faith.parsing.table import parse_response

TWO = [{"type": "color", "category": "car"}, {"type": "position", "category": "dog"}]
STRICT = json.dumps({"predicted_num": 2, "structured_output": TWO})
CAR_DOG = [("color", "car"), ("position", "dog")]

# (answer, status, stated number, [(type, category)])
FROM_JSON = [
    (STRICT, "json", 2, CAR_DOG),
    (f"There are two differences. The car is blue now, the dog moved. {STRICT}", "json", 2, CAR_DOG),
    (f"Sure!\n```json\n{STRICT}\n```\nHope this helps [1].", "json", 2, CAR_DOG),
    (json.dumps(TWO), "json", None, CAR_DOG),
    (f"There are two differences: {json.dumps(TWO)}", "json", 2, CAR_DOG),
    ('{"predicted_num": 0, "structured_output": []}', "json", 0, []),
    (
        '{"numDifferences": "three", "Differences": [{"change": "missing", "object": "Cup"}]}',
        "json",
        3,
        [("remove", "cup")],
    ),
    ('{"count": 1.0, "changes": {"type": "moved", "category": "dog"}}', "json", 1, [("position", "dog")]),
    (
        '{"differences": 1, "objects": [{"object_name": "hot  dog ", "change_type": "Colour"}]}',
        "json",
        1,
        [("color", "hot dog")],
    ),
    ('{"differences": ["car: color", "The dog has moved."]}', "json", None, CAR_DOG),
    ('{"differences": [["color", "car"], ["dog", "position"]]}', "json", None, CAR_DOG),
    ('{"color": ["car"], "position": ["dog"]}', "json", None, CAR_DOG),
    ('{"result": {"predicted_num": 2, "structured_output": ' + json.dumps(TWO) + "}}", "json", 2, CAR_DOG),
    ('{"structured_output": ' + json.dumps(json.dumps(TWO)) + "}", "json", None, CAR_DOG),
    ('{"type": "color", "category": "car"}\n{"type": "position", "category": "dog"}', "json", None, CAR_DOG),
    ('{"predicted_num": 5, "structured_output": []} Wait, no: ' + STRICT, "json", 2, CAR_DOG),
    (STRICT + ' My confidence: {"confidence": 0.9}', "json", 2, CAR_DOG),
    ('{"differences": [{"description": "The sofa was removed"}]}', "json", None, [("remove", "sofa")]),
    ('{"predicted_num": 1, "structured_output": [{"type": "car", "change": "color"}]}', "json", 1, [("color", "car")]),
    (
        '{"predicted_num": 1, "structured_output": [{"type": "replaced", "category": "cup"}]}',
        "json",
        1,
        [(None, "cup")],
    ),
    ('{"predicted_num": 1, "structured_output": [{"type": null, "category": 7}]}', "json", 1, [(None, "7")]),
    ('{"predicted_num": 1, "structured_output": [null]}', "json", 1, [(None, None)]),
    ('{"predicted_num": 0, "structured_output": [{"type": "none", "category": "None"}]}', "json", 0, []),
    ("{'predicted_num': 2, 'structured_output': " + str(TWO) + "}", "repaired", 2, CAR_DOG),
    (STRICT[:-1] + ",}", "repaired", 2, CAR_DOG),
    (STRICT.replace("}, {", "}, // the car\n{"), "repaired", 2, CAR_DOG),
    (
        "{'predicted_num': None, 'structured_output': [{'type': 'color', 'category': 'car'}], 'ok': True}",
        "repaired",
        None,
        [("color", "car")],
    ),
    (
        "{predicted_num: 1, structured_output: [{type: color, category: dining table}]}",
        "repaired",
        1,
        [("color", "dining table")],
    ),
    (
        "The car is blue now.\n```json\n" + STRICT[:-2] + ', {"type": "remove", "category": "clock"}',
        "repaired",
        2,
        [*CAR_DOG, ("remove", "clock")],
    ),
    (STRICT[:-3], "repaired", 2, CAR_DOG),
    (
        "“Here:” {“predicted_num”: 1, “structured_output”: [{“type”: “color”, “category”: “car”}]}",
        "repaired",
        1,
        [("color", "car")],
    ),
]

FROM_PROSE = [
    ("The sofa turned from red to blue and the clock is missing.", None, [("color", "sofa"), ("remove", "clock")]),
    ("The clock and the TV were removed.", None, [("remove", "clock"), ("remove", "tv")]),
    ("1. **Car**: changed from red to blue\n2. **Dog**: moved next to the tree", None, CAR_DOG),
    ("There are 2 differences:\n- the car's color\n- the dog was relocated", 2, CAR_DOG),
    ("Removed:\n- clock\n- vase\nColor:\n- car", None, [("remove", "clock"), ("remove", "vase"), ("color", "car")]),
    ("In the first picture the car is red. In the second picture the car is blue.", None, [("color", "car")]),
    ("There is a clock in the first picture but not in the second.", None, [("remove", "clock")]),
    ("The dog has not moved, but the cup has.", None, []),
    ("The car moved. So, the position of the car changed.", None, [("position", "car")]),
    ("One chair on the left is missing, and another chair on the right is missing.", None, [("remove", "chair")] * 2),
    ("The bedspread changed its color; everything else is the same.", None, [("color", "bed")]),
    ("A cup was added to the table.", None, [("remove", "cup")]),
    ("The car is different.", None, [(None, "car")]),
    ("There is a red car. It has moved.", None, [("position", "car")]),
    ("the car moved and changed color", None, [("position", "car"), ("color", "car")]),
    (
        "**Image 1:** A dog and a red car.\n\n**Image 2:** The cat is missing.\n\n**Differences:**\n- The dog is gone.",
        None,
        [("remove", "dog")],
    ),
    (
        "Changes:\n- **Jacket**: red in image 1, blue in image 2\n- **Weather**: rainy in image 2\n- **Dog**: same",
        None,
        [("color", "person"), (None, "weather")],
    ),
    ("- **The laptop screen**: the screen shows a map in image 1 and a face in image 2", None, [(None, "laptop")]),
    ("There are two differences: the man's tie and the woman's handbag.", 2, [(None, "tie"), (None, "handbag")]),
    ("- **Woods**: The trees are denser in image 2. The bushes are hazier in image 2.", None, [(None, "woods")]),
    ("I'm sorry, but I can only see one image, so I can't compare it with a second one.", None, []),
    ("1. The dog is gone.\n\nIn conclusion, the dog and its bowl changed.", None, [("remove", "dog")]),
    ("| Item | Image 1 | Image 2 |\n|---|---|---|\n| Dog | yes | no |\n| Cup | red | red |", None, [("remove", "dog")]),
    ("There are three differences.", 3, []),
    ("3", 3, []),
    ("No differences.", 0, []),
    ("The pictures are identical.", 0, []),
    ("Something was removed.", 1, []),
]


def found(row) -> list[tuple[str | None, str | None]]:
    return [(difference["type"], difference["category"]) for difference in row["differences"]]


@pytest.mark.parametrize(("answer", "status", "number", "expected"), FROM_JSON)
def test_lists_in_json(answer, status, number, expected):
    row = parse_differences(answer)
    assert (row["parse_status"], row["predicted_num"], found(row)) == (status, number, expected)
    assert row["has_structured_output"]
    assert row["listed_num"] == len(expected)
    assert row["verdict"] is None


@pytest.mark.parametrize(("answer", "number", "expected"), FROM_PROSE)
def test_lists_in_prose(answer, number, expected):
    row = parse_differences(answer)
    assert (row["predicted_num"], found(row)) == (number, expected)
    assert row["parse_status"] == ("free_text" if expected or number is not None else "failed")
    assert not row["has_structured_output"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("3", 3), ("3.0", 3), ('"3"', 3), ('"three"', 3), ('"3 differences"', 3), ("0", 0), ("1000", 1000),
        ("1001", None), ("-1", None), ("2.5", None), ('"-2"', None), ('"2.5"', None), ("true", None), ("null", None),
        ("NaN", None), ("Infinity", None), ("9" * 5000, None), ("1e400", None), ('"many"', None), ("[2]", None),
    ],
)  # fmt: skip
def test_stated_number(number, expected):
    row = parse_differences(
        f'{{"predicted_num": {number}, "structured_output": [{{"type": "color", "category": "car"}}]}}'
    )
    assert row["predicted_num"] == expected
    assert row["listed_num"] == 1


def test_json_with_only_a_number_takes_the_list_from_the_prose():
    row = parse_differences('The dog moved. {"predicted_num": 2}')
    assert (row["parse_status"], row["predicted_num"], found(row)) == ("free_text", 2, [("position", "dog")])
    row = parse_differences('{"predicted_num": 2}')
    assert (row["parse_status"], row["predicted_num"], row["has_structured_output"]) == ("json", 2, False)


def test_raw_words_are_kept():
    row = parse_differences(
        '[{"type": "Re-coloured", "category": " Wine  Glass "}, {"type": "Swapped", "category": "TV"}]'
    )
    assert row["differences"] == [
        {"type": "color", "category": "wine glass", "raw_type": "Re-coloured", "raw_category": "Wine Glass"},
        {"type": None, "category": "tv", "raw_type": "Swapped", "raw_category": "TV"},
    ]


def test_an_escaped_lone_surrogate_does_not_reach_the_table():
    row = parse_differences('[{"type": "color", "category": "\\ud800cup"}]')
    assert found(row) == [("color", "\ufffdcup")]


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_empty(text):
    assert parse_response("describe", text, False)["parse_status"] == "empty"
    assert parse_response("same", text, False)["parse_status"] == "empty"
    assert parse_response("same", text, False)["verdict"] == "unclear"


def test_nothing_found():
    assert parse_differences("I cannot see the pictures.")["parse_status"] == "failed"


def test_a_failed_response_is_not_parsed():
    row = parse_response("describe", STRICT, True)
    assert (row["parse_status"], row["predicted_num"], row["listed_num"]) == ("no_response", None, 0)
    assert parse_response("different", "Yes", True)["verdict"] is None
