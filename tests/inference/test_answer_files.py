"""Files of answers made elsewhere, in each form and container, and what is wrong with bad ones."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spd_faith.core.errors import UserError
from spd_faith.inference.answer_files import LONGEST_TEXT, read_answer_file
from spd_faith.parsing.table import parse_response

CHAIR = [{"type": "color", "category": "chair"}]
README = {  # the example of the benchmark's README
    "qid": "100238_color",
    "predicted_num": 1,
    "structured_output": CHAIR,
    "response_text": "There is one difference: the chair color.",
    "is_faithful": 1,
}
RELEASED = {
    "sample_id": "7",
    "ground_truth": {"modifications": [{"type": "remove", "category": "tv"}]},
    "model_response": "The chair is now red.",
    "parsed_response": {"has_structured_output": True, "structured_output": CHAIR},
    "response_same": "No.",
    "response_different": "Yes.",
}


def save(folder, content, name="answers.json"):
    """Write `content` as the file's kind wants it: records, or the bytes themselves."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(content), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in content))
    else:
        path.write_text(json.dumps(content))
    return path


def read_one(folder, record, name="answers.json"):
    (read,) = read_answer_file(save(folder, [record], name)).records
    return read


def listed(record):
    """What the parsing stage makes of the describe answer: stated number, (type, category) of each difference."""
    row = parse_response("describe", record.answers["describe"][0], failed=False)
    return row["predicted_num"], [(one["type"], one["category"]) for one in row["differences"]]


# ---- forms and containers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["answers.json", "answers.jsonl", "answers.parquet"])
def test_the_readmes_form_reads_alike_from_every_container(tmp_path, name):
    file = read_answer_file(save(tmp_path, [README, README | {"qid": "3", "is_faithful": 0}], name))
    first, second = file.records
    assert (first.id, second.id) == ("100238_color", "3")
    assert (first.is_faithful, second.is_faithful) == (True, False)
    text = first.answers["describe"][0]
    assert text.startswith("There is one difference: the chair color.\n\n{")
    assert json.loads(text.split("\n\n")[1]) == {"predicted_num": 1, "structured_output": CHAIR}
    assert listed(first) == (1, [("color", "chair")])
    assert set(first.answers) == {"describe"}
    assert file.model == name and len(file.sha256) == 64


def test_one_record_alone_is_a_file(tmp_path):
    assert read_answer_file(save(tmp_path, README)).records[0].id == "100238_color"


def test_the_released_form(tmp_path):
    file = read_answer_file(save(tmp_path, {"model": "org/a", "responses": [RELEASED]}))
    (record,) = file.records
    assert file.model == "org/a"
    assert record.id == "7"
    assert record.ground_truth == RELEASED["ground_truth"]
    assert record.answers["same"] == ("No.", None)
    assert record.answers["different"] == ("Yes.", None)
    assert listed(record) == (None, [("color", "chair")])
    assert record.texts["describe"] == "The chair is now red."


def test_a_model_that_every_line_names_is_the_files(tmp_path):
    assert read_answer_file(save(tmp_path, [README | {"model": "b"}], "a.jsonl")).model == "b"
    two = [README | {"model": "b"}, README | {"model": "c", "qid": "x"}]
    assert read_answer_file(save(tmp_path, two, "a.jsonl")).model == "a.jsonl"


def test_a_text_with_a_list_of_its_own_is_left_as_it_is(tmp_path):
    text = 'The dog is gone. {"predicted_num": 1, "structured_output": [{"type": "remove", "category": "dog"}]}'
    record = read_one(tmp_path, README | {"response_text": text})
    assert record.answers["describe"][0] == text
    assert listed(record) == (1, [("remove", "dog")])


@pytest.mark.parametrize("text", ["", "See {this} and [1].", "{'broken': [", '{"note": "no list"}', "[" * 5000])
def test_a_text_without_a_list_gets_the_one_given(tmp_path, text):
    record = read_one(tmp_path, README | {"response_text": text})
    assert record.answers["describe"][0].startswith(text)
    assert listed(record) == (1, [("color", "chair")])


def test_an_answer_that_was_not_parsed_keeps_its_text_alone(tmp_path):
    parsed = {"has_structured_output": False, "structured_output": CHAIR}
    record = read_one(tmp_path, RELEASED | {"parsed_response": parsed})
    assert record.answers["describe"][0] == "The chair is now red."
    assert not record.listed.has_list


def test_a_list_without_the_flag_is_used_and_does_not_count_for_the_released_code(tmp_path):
    change = {"model_response": "Look.", "parsed_response": {"structured_output": CHAIR}}
    record = read_one(tmp_path, RELEASED | change)
    assert listed(record) == (None, [("color", "chair")])
    assert not record.listed.has_list


@pytest.mark.parametrize(
    "given",
    [
        CHAIR,
        CHAIR[0],
        {"differences": CHAIR},
        json.dumps(CHAIR),
        json.dumps({"differences": CHAIR}),
        [CHAIR[0] | {"note": None}],
    ],
)
def test_every_shape_of_a_list(tmp_path, given):
    record = read_one(tmp_path, README | {"structured_output": given})
    assert record.listed.entries == CHAIR
    assert listed(record) == (1, [("color", "chair")])


@pytest.mark.parametrize(("stated", "read"), [(2.0, 2), (0, 0), (-1, None), (2.5, None), (None, None)])
def test_an_impossible_number_is_the_models_and_left_to_the_parser(tmp_path, stated, read):
    record = read_one(tmp_path, README | {"predicted_num": stated, "response_text": "The chair is red."})
    assert listed(record) == (read, [("color", "chair")])


@pytest.mark.parametrize(
    ("label", "read"), [(1, True), (0, False), (True, True), (1.0, True), (-1, None), (None, None)]
)
def test_labels(tmp_path, label, read):
    assert read_one(tmp_path, README | {"is_faithful": label}).is_faithful is read


def test_a_null_text_is_no_answer_and_an_empty_one_is(tmp_path):
    record = read_one(tmp_path, {"qid": "a", "response_text": None, "response_same": "", "response_different": None})
    assert record.answers == {"same": ("", None)}


def test_reasoning_is_told_from_the_answer(tmp_path):
    record = read_one(tmp_path, {"qid": "a", "response_text": "<think>[1] or {2}?</think>A chair."})
    assert record.answers["describe"] == ("A chair.", "[1] or {2}?")


def test_what_editors_and_escapes_leave_behind(tmp_path):
    first = b'\xef\xbb\xbf{"qid": "a", "response_text": "x\\ud83d\\ude00y\\ud800"}\r\n'
    lines = first + b'\r\n  \n{"qid": "b", "response_text": "z"}'
    first, second = read_answer_file(save(tmp_path, lines, "a.jsonl")).records
    assert first.answers["describe"][0] == "x😀y\ufffd"
    assert (second.id, second.place.rsplit(": ")[-1]) == ("b", "line 4")


# ---- errors ----------------------------------------------------------------------------------------------------------


def refused(path):
    with pytest.raises(UserError) as raised:
        read_answer_file(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", b"", "a.json: not valid JSON\n  found:   'an empty file'"),
        ("a.json", b"{", "a.json: not valid JSON"),
        (
            "a.json",
            b'{"qid": "a", "response_text": "x"}\n{"qid": "b", "response_text": "y"}',
            "one JSON object per line",
        ),
        ("a.json", b'[{"qid": "\xff"}]', "a.json: not in UTF-8"),
        ("a.json", b"[" * 100_000, "a.json: unreadable JSON"),
        ("a.json", b"[" + b"1" * 5000 + b"]", "a.json: unreadable JSON"),
        ("a.json", [], "a.json: no answers"),
        ("a.json", {"responses": []}, "a.json: no answers"),
        ("a.json", ["x"], "a.json: record 1: not a record\n  found:   'x'"),
        ("a.json", "text", "a.json: not a file of answers"),
        ("a.json", {"answers": [README]}, "a.json: not a file of answers"),
        ("a.json", {"model": 3, "responses": [README]}, "a.json: model: wrong value"),
        ("a.jsonl", b"", "a.jsonl: no answers"),
        ("a.jsonl", b'{"qid": "a", "response_text": "x"}\n{"qid"\n', "a.jsonl: line 2: not valid JSON"),
        (
            "a.csv",
            b"qid,response_text",
            "a.csv: unknown file type\n  found:   '.csv'\n  allowed: .json, .jsonl, .parquet",
        ),
        ("a.parquet", b"PAR1", "a.parquet: not a Parquet file"),
        ("a.parquet", [{"image": 1, "response_text": "x"}], "a.parquet: no column with sample ids"),
        ("a.parquet", [{"qid": "a", "answer": "x"}], "a.parquet: no column with answers\n  found:   'qid, answer'"),
    ],
)
def test_a_bad_file_is_reported(tmp_path, name, content, expected):
    message = refused(save(tmp_path, content, name))
    assert expected in message, message
    assert str(tmp_path / name) in message


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert "a.json: no such answers file" in refused(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"qid": None}, "record 2: no sample id"),
        ({"qid": ""}, "record 2: qid: wrong value"),
        ({"qid": 1.5}, "record 2: qid: wrong value"),
        ({"predicted_num": float("nan")}, "record 2: predicted_num: not a number\n  found:   nan"),
        ({"predicted_num": 10**400}, "record 2: predicted_num: not a number"),
        ({"predicted_num": "3"}, "record 2: predicted_num: not a number\n  found:   '3'"),
        ({"predicted_num": True}, "record 2: predicted_num: not a number"),
        ({"response_text": 5}, "record 2: response_text: not a text"),
        ({"response_text": "x" * (LONGEST_TEXT + 1)}, "record 2: response_text: a text of 1,000,001 characters"),
        ({"structured_output": 1}, "record 2: structured_output: not a list of differences"),
        ({"structured_output": "one chair"}, "record 2: structured_output: a string that is not JSON"),
        ({"structured_output": [1]}, "record 2: structured_output: entry 1 is not a difference"),
        ({"structured_output": {"a": [], "b": []}}, "record 2: structured_output: not a list of differences"),
        ({"parsed_response": {"structured_output": CHAIR}}, "record 2: two lists for one answer"),
        ({"model_response": "y"}, "record 2: two answers to one task"),
        ({"is_faithful": 2}, "record 2: is_faithful: wrong value"),
        ({"is_faithful": "yes"}, "record 2: is_faithful: wrong value"),
        ({"ground_truth": [1]}, "record 2: ground_truth: not an object"),
    ],
)
def test_a_bad_record_is_reported_by_its_number(tmp_path, change, expected):
    message = refused(save(tmp_path, [README, README | {"qid": "b"} | change]))
    assert expected in message, message
    assert "record 1" not in message and len(message) < 1000


def test_a_record_without_any_answer_is_told_with_the_keys_it_could_have(tmp_path):
    message = refused(save(tmp_path, [{"qid": "a", "respone_text": "x"}]))
    assert "record 1: no answer\n  found:   'qid, respone_text'" in message
    assert "response_text, model_response" in message


def test_nan_and_text_in_a_column_of_numbers(tmp_path):
    path = save(tmp_path, [README, README | {"qid": "b", "predicted_num": float("nan")}], "a.parquet")
    assert "row 2: predicted_num: not a number" in refused(path)
    path = save(tmp_path, [README | {"predicted_num": "3"}], "a.parquet")
    assert "row 1: predicted_num: not a number" in refused(path)


def test_all_faults_are_told_at_once(tmp_path):
    lines = b'{"qid": "a"}\n[1]\n{"qid": "b", "response_text": 1, "is_faithful": 7}\nnothing\n'
    message = refused(save(tmp_path, lines, "a.jsonl"))
    assert [message.count(f"line {number}: ") for number in (1, 2, 3, 4)] == [1, 1, 2, 1]
