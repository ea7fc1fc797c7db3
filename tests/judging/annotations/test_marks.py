"""Files of the page and of Label Studio are checked: all errors at once, each with its place."""

import pytest
from judging.annotations.worked_results import annotations, mark, write_json

from spd_faith.core.errors import UserError
from spd_faith.judging.annotations.items import AnnotationItem
from spd_faith.judging.annotations.marks import MarkedClaim, read_marks

TEXT = "The car 🚗 turned blue. The clock is gone."
SAME, DIFFERENT = "No. The dog left.", "Yes. No dog."
ITEMS = {
    "a1": AnnotationItem("a1", "easy/0", "drf", (TEXT,), ("m",)),
    "a2": AnnotationItem("a2", "easy/0", "cr", (SAME, DIFFERENT), ("m",)),
}
CLOCK = {"quotes": [mark("describe", TEXT, "The clock is gone")], "label": "faithful", "error_type": None}
DOG = {"quotes": [mark("same", SAME, "The dog left"), mark("different", DIFFERENT, "No dog")], "label": "consistent"}


def read(tmp_path, *contents, draw="d1"):
    paths = [write_json(tmp_path / f"file{k}.json", content) for k, content in enumerate(contents)]
    return read_marks(paths, draw, ITEMS)


def errors(tmp_path, *contents, draw="d1") -> str:
    with pytest.raises(UserError) as raised:
        read(tmp_path, *contents, draw=draw)
    return str(raised.value)


def test_a_file_of_the_page(tmp_path):
    content = annotations("d1", "ann", {"a1": [CLOCK], "a2": [DOG]})
    content["items"]["a1"]["done"] = False
    marks = read(tmp_path, content)
    assert marks.unfinished == 1 and list(marks.by_item) == ["a2"]
    (found,) = marks.by_item["a2"]["ann"]
    assert (found.as_claim().text, found.as_claim().other_text) == ("The dog left", "No dog")


def test_the_quote_of_the_first_answer_comes_first():
    found = MarkedClaim.model_validate(DOG | {"quotes": DOG["quotes"][::-1]}).as_claim()
    assert (found.text, found.other_text) == ("The dog left", "No dog")


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (CLOCK | {"label": "wrong"}, "a1: claim 1: unknown label"),
        (CLOCK | {"label": "unfaithful"}, "a1: claim 1: unknown label"),  # without its error type
        (CLOCK | {"error_type": "fabrication"}, "a1: claim 1: unknown label"),
        (CLOCK | {"label": "consistent"}, "a1: claim 1: unknown label"),
        (CLOCK | {"quotes": [CLOCK["quotes"][0] | {"end": 99}]}, "outside the answer"),
        (CLOCK | {"quotes": [CLOCK["quotes"][0] | {"start": -1}]}, "outside the answer"),
        (CLOCK | {"quotes": [CLOCK["quotes"][0] | {"start": 5, "end": 5, "text": ""}]}, "outside the answer"),
        (CLOCK | {"quotes": [CLOCK["quotes"][0] | {"text": "The clock was gone"}]}, "not the words there"),
        (CLOCK | {"quotes": CLOCK["quotes"] * 2}, "not one quote per answer"),
        (CLOCK | {"quotes": [mark("same", SAME, "No")]}, "not one quote per answer"),
        (CLOCK | {"quotes": []}, "items.a1.claims.0.quotes"),
        (CLOCK | {"severity": "minor"}, "items.a1.claims.0.severity: unknown key"),
        (CLOCK | {"quotes": [CLOCK["quotes"][0] | {"start": "5"}]}, "items.a1.claims.0.quotes.0.start"),
    ],
)
def test_a_claim_with_an_error(tmp_path, claim, expected):
    assert expected in errors(tmp_path, annotations("d1", "ann", {"a1": [claim]}))


def test_utf_16_offsets_are_not_taken_for_characters(tmp_path):
    shifted = CLOCK["quotes"][0] | {"start": CLOCK["quotes"][0]["start"] + 1, "end": CLOCK["quotes"][0]["end"] + 1}
    assert "not the words there" in errors(tmp_path, annotations("d1", "ann", {"a1": [CLOCK | {"quotes": [shifted]}]}))


def test_all_errors_are_reported_at_once(tmp_path):
    first = annotations("d1", "ann", {"a1": [CLOCK, CLOCK], "a9": []})
    second = annotations("d1", "ann", {"a1": [CLOCK], "a2": [DOG | {"label": "faithful"}]})
    found = errors(tmp_path, first, second, annotations("d2", "bob", {}), {"format": "other"})
    for expected in (
        "file0.json: a1: claim 2: the same words as claim 1",
        "file0.json: a9: unknown answer",
        "file1.json: a1: labelled twice by one person",
        "file1.json: a2: claim 1: unknown label",
        "file2.json: draw: annotations of another export",
        "file3.json: format: unknown value",
        "file3.json: items: missing key",
    ):
        assert expected in found


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.json").write_bytes(b"\xff\xfe{")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    paths = [tmp_path / name for name in ("text.json", "deep.json", "missing.json")]
    with pytest.raises(UserError) as raised:
        read_marks(paths, "d1", ITEMS)
    found = str(raised.value)
    assert found.count("not valid JSON") == 2 and "missing.json: no such file" in found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "file0.json: no labels\n  found:   null\n  allowed: a file saved by the annotation page, or an export"),
        (3, "file0.json: no labels\n  found:   3\n  allowed: a file saved by the annotation page, or an export"),
        ([{}], "file0.json: 0.data: missing key\n  allowed: A task of Label Studio as export_annotations.py wrote it"),
        ([None], "file0.json: 0: wrong value\n  found:   null\n  allowed: the keys data, annotations"),
    ],
)
def test_json_that_holds_no_labels(tmp_path, content, expected):
    assert expected in errors(tmp_path, content)


def test_a_file_given_twice_is_one_error(tmp_path):
    content = annotations("d1", "ann", {"a1": [CLOCK], "a2": [DOG]})
    path = write_json(tmp_path / "a.json", content)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError) as raised:
        read_marks([path, tmp_path / "folder" / ".." / "a.json"], "d1", ITEMS)
    (first, _) = str(raised.value).splitlines()
    assert first == f"{tmp_path / 'folder' / '..' / 'a.json'}: given twice"
    copied = errors(tmp_path, content, content)  # under two names
    assert copied.count("labelled twice") == 1 and "file1.json: a1, a2: labelled twice by one person" in copied


@pytest.mark.parametrize("name", ["", "  ", "\t\n"])
def test_a_name_is_not_blank(tmp_path, name):
    assert "file0.json: annotator: a blank name" in errors(tmp_path, annotations("d1", name, {"a1": []}))


def test_names_that_differ_in_case_and_spaces_are_one_person(tmp_path):
    of_ann, of_others = annotations("d1", "Ann", {"a1": []}), {"a2": []}
    marks = read(tmp_path, of_ann, annotations("d1", " ann ", of_others))
    assert dict(marks.by_item) == {"a1": {"Ann": []}, "a2": {"Ann": []}}
    assert "a1: labelled twice by one person" in errors(tmp_path, of_ann, annotations("d1", " ANN", {"a1": []}))


# ---- Label Studio


def region(number: int, task: str, start: int, end: int, label: str, **value) -> dict:
    value = {"start": start, "end": end, "labels": [label], **value}
    return {"id": f"r{number}", "type": "labels", "from_name": f"{task}_label", "to_name": task, "value": value}


def task(item: str, *results: dict, by=3, draw="d1", **annotation) -> dict:
    data = {"item": item, "draw": draw, "describe": TEXT}
    return {"id": 7, "data": data, "annotations": [{"completed_by": by, "result": list(results), **annotation}]}


def test_an_export_of_label_studio(tmp_path):
    start = TEXT.index("The clock")
    joined = {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right"}
    regions = [region(1, "same", 4, 16, "consistent"), region(2, "different", 5, 11, "consistent"), joined]
    export = [
        task("a1", region(0, "describe", start, start + 17, "fabrication", text="The clock is gone")),
        task("a2", *regions, by={"email": "x@y"}),
    ]
    marks = read(tmp_path, export)
    (clock,) = marks.by_item["a1"]["label-studio-3"]
    assert (clock.label, clock.error_type, clock.quotes[0].text) == ("unfaithful", "fabrication", "The clock is gone")
    (dog,) = marks.by_item["a2"]["x@y"]
    assert dog.as_claim().text == "The dog left" and dog.as_claim().other_text == "No dog"


def test_offsets_of_label_studio_in_either_unit(tmp_path):
    """The emoji is one character, and two UTF-16 units."""
    start = TEXT.index("The clock")
    for shift in (0, 1):
        found = region(0, "describe", start + shift, start + shift + 17, "faithful", text="The clock  is gone")
        (claim,) = read(tmp_path, [task("a1", found)]).by_item["a1"]["label-studio-3"]
        assert (claim.quotes[0].start, claim.quotes[0].text) == (start, "The clock is gone")
    found = region(0, "describe", start - 3, start + 14, "faithful", text="The clock is gone")
    assert "not the words there" in errors(tmp_path, [task("a1", found)])


@pytest.mark.parametrize("ends", [("r1", "r9"), ("r1", "r1"), ("r1", "r3")])
def test_a_relation_joins_two_regions_of_the_same_label(tmp_path, ends):
    regions = [
        region(1, "same", 4, 16, "consistent"),
        region(2, "different", 5, 11, "consistent"),
        region(3, "different", 0, 3, "ambiguous"),
    ]
    relation = {"type": "relation", "from_id": ends[0], "to_id": ends[1]}
    assert "a2: a relation that joins no claim" in errors(tmp_path, [task("a2", *regions, relation)])


def test_submitted_without_regions_means_no_claims_and_skipped_means_nothing(tmp_path):
    marks = read(tmp_path, [task("a1"), task("a2", was_cancelled=True), {"data": {"item": "a2", "draw": "d1"}}])
    assert dict(marks.by_item) == {"a1": {"label-studio-3": []}}


def test_errors_in_an_export(tmp_path):
    alone = {"type": "relation", "from_id": "r1", "to_id": "r9"}
    twice = task("a1")
    twice["annotations"] *= 2
    export = [
        twice,
        task("a2", region(1, "same", 4, 16, "good"), alone, by=1),
        task("a9", region(1, "describe", 0, 3, "faithful"), by=2),
        {"data": {"item": "a1"}},
    ]
    found = errors(tmp_path, export)
    for expected in (
        "a1: labelled twice by one person",
        "a2: claim 1: unknown label",
        "a2: a relation that joins no claim",
        "a9: unknown answer",
        "3.data.draw: missing key",
    ):
        assert expected in found
