"""The labelled answers are complete and match their README, and errors in them name the item."""

import hashlib
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from spd_faith.core.errors import UserError
from spd_faith.core.schemas import SAMPLES
from spd_faith.judging.validation_set import halves, load_validation_set

SET = Path("resources/judge_validation/answers.yaml")
COCO = set(yaml.safe_load(Path("resources/lexicon/en/objects.yaml").read_text(encoding="utf-8"))["categories"])
SEVERITY = {
    "fabrication": "critical",
    "type_category_mismatch": "critical",
    "type_confusion": "moderate",
    "attribute_error": "minor",
    None: None,
}

FURTHER = SET.with_name("further_answers.yaml")


def of_metric(raw: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    return [item for item in raw["items"] if item["metric"] == metric]


RAW = yaml.safe_load(SET.read_text(encoding="utf-8"))
REASONING, CONSISTENCY = of_metric(RAW, "drf"), of_metric(RAW, "cr")
RAW_FURTHER = yaml.safe_load(FURTHER.read_text(encoding="utf-8"))

ITEM = {
    "id": "drf-1",
    "metric": "drf",
    "manner": "prose",
    "truth": {
        "width": 64,
        "height": 48,
        "differences": [{"type": "position", "category": "cup", "bbox": [1, 2, 3, 4], "bbox_after": [5, 6, 7, 8]}],
        "unchanged": [{"category": "dog", "bbox": [9, 10, 11, 12]}],
    },
    "answer": "The cup moved. The dog left.",
    "claims": [
        {"quote": "The cup moved", "label": "faithful"},
        {"quote": "The dog left", "label": "unfaithful", "error_type": "fabrication", "severity": "critical"},
    ],
    "why": "Told by the truth.",
}
PAIR = ITEM | {
    "id": "cr-1",
    "metric": "cr",
    "answer": {"same": "No.", "different": "Yes, the cup."},
    "claims": [{"quote": "No", "other_quote": "Yes", "label": "consistent"}],
}


def write(folder: Path, *items: Any) -> Path:
    path = folder / "answers.yaml"
    path.write_text(yaml.safe_dump({"items": items}), encoding="utf-8")
    return path


def changed(item: dict[str, Any], value: Any, *keys: Any) -> dict[str, Any]:
    """A copy of `item` with `value` at the nested `keys`."""
    item = deepcopy(item)
    parent = item
    for key in keys[:-1]:
        parent = parent[key]
    parent[keys[-1]] = value
    return item


def test_there_are_enough_answers_for_both_metrics_in_every_manner() -> None:
    assert len(RAW["items"]) >= 120
    assert (len(REASONING), len(CONSISTENCY)) == (76, 56)
    manners = Counter(item["manner"] for item in RAW["items"])
    assert len(manners) >= 12
    assert min(manners.values()) >= 4, manners


def test_ids_are_unique_and_every_item_has_a_reason() -> None:
    assert set(Counter(item["id"] for item in RAW["items"]).values()) == {1}
    assert all(item["why"].strip() for item in RAW["items"])
    assert sum("arguable" in item for item in RAW["items"]) <= len(RAW["items"]) / 10


@pytest.mark.parametrize("item", REASONING + of_metric(RAW_FURTHER, "drf"), ids=lambda item: item["id"])
def test_quotes_of_reasoning_claims_are_in_the_answer_in_order(item: dict[str, Any]) -> None:
    rest = item["answer"]
    for claim in item["claims"]:
        _, found, rest = rest.partition(claim["quote"])
        assert found, claim
        assert claim["label"] in ("faithful", "unfaithful", "unverifiable")
        assert (claim["label"] == "unfaithful") == ("error_type" in claim)
        assert claim.get("severity") == SEVERITY[claim.get("error_type")]


@pytest.mark.parametrize("item", CONSISTENCY + of_metric(RAW_FURTHER, "cr"), ids=lambda item: item["id"])
def test_quotes_of_consistency_claims_are_in_the_answers(item: dict[str, Any]) -> None:
    for claim in item["claims"]:
        assert claim.get("quote", "") in item["answer"]["same"]
        assert claim.get("other_quote", "") in item["answer"]["different"]
        assert claim["label"] in ("consistent", "contradictory", "ambiguous")
        if "quote" not in claim or "other_quote" not in claim:
            assert claim["label"] == "ambiguous", "what one answer alone says can be nothing else"
    for claim in item["claims"][1:]:
        assert "quote" in claim or "other_quote" in claim
        if claim["label"] == "ambiguous":
            assert len({"quote", "other_quote"} & set(claim)) == 1, "words of both answers agree or exclude each other"


def test_every_label_and_error_type_occurs_in_both_halves() -> None:
    for half in halves(load_validation_set(SET)):
        claims = [claim for item in half for claim in item.claims]
        assert len({claim.label for claim in claims}) == 6
        assert {getattr(claim, "error_type", None) for claim in claims} == set(SEVERITY)


@pytest.mark.parametrize(
    ("raw", "name"),
    [pytest.param(raw, name, id=name) for raw in (RAW, RAW_FURTHER) for name in raw["truths"]],
)
def test_truths_could_be_pairs_of_the_benchmark(raw: dict[str, Any], name: str) -> None:
    truth = raw["truths"][name]
    assert any(item["truth"] is truth for item in raw["items"]), "no item uses it"
    assert 1 <= len(truth["differences"]) <= 5
    for thing in truth["differences"] + truth.get("unchanged", []):
        assert thing["category"] in COCO
        for x, y, width, height in filter(None, (thing["bbox"], thing.get("bbox_after"))):
            assert 0 <= x < x + width <= truth["width"]
            assert 0 <= y < y + height <= truth["height"]
    for difference in truth["differences"]:
        assert ("bbox_after" in difference) == (difference["type"] == "position")


def test_there_are_many_truths_of_every_number_of_differences() -> None:
    assert len(RAW["truths"]) >= 25
    assert {len(truth["differences"]) for truth in RAW["truths"].values()} == {1, 2, 3, 4, 5}


def test_the_loaded_set_is_the_file_and_its_truths_fit_the_samples_table() -> None:
    items = load_validation_set(SET)
    assert [item.id for item in items] == [item["id"] for item in RAW["items"]]
    assert items[0].claims[0].quote == "Refrigerator"
    assert items[-1].answer.same.startswith("yes theyre")
    columns = ["width", "height", "differences", "unchanged"]
    schema = pa.schema([SAMPLES.field(column) for column in columns])
    rows = [item.truth.model_dump() for item in items]
    assert all(set(row) == set(columns) for row in rows)
    table = pa.Table.from_pylist(rows, schema=schema)
    table.validate(full=True)
    assert table["differences"][0].as_py()[0]["bbox"] == {"x": 420.0, "y": 90.0, "w": 150.0, "h": 300.0}


def test_halves_are_equal_and_follow_the_hash_of_the_ids() -> None:
    items = load_validation_set(SET)
    tuning, report = halves(items)
    for metric, number in (("drf", 38), ("cr", 28)):
        ids = sorted(
            (item["id"] for item in RAW["items"] if item["metric"] == metric),
            key=lambda name: hashlib.sha256(name.encode()).hexdigest(),
        )
        assert [item.id for item in tuning if item.metric == metric] == ids[:number]
        assert [item.id for item in report if item.metric == metric] == ids[number:]
    assert len(tuning) == len(report) == 66
    assert halves(reversed(items)) == (tuning, report)


def test_the_further_answers_have_new_scenes_and_ids_and_are_in_neither_half() -> None:
    further = load_validation_set(FURTHER)
    assert (len(of_metric(RAW_FURTHER, "drf")), len(of_metric(RAW_FURTHER, "cr"))) == (70, 42)
    in_halves = [item for half in halves(load_validation_set(SET)) for item in half]
    assert len({item.id for item in further + in_halves}) == len(further) + len(in_halves)
    assert not [item.id for item in further if any(item.truth == other.truth for other in in_halves)]


def test_the_report_half_gets_the_extra_item(tmp_path: Path) -> None:
    # sha256sum: drf-1 7c92…, drf-6 a376…, drf-4 ad5e…
    items = load_validation_set(write(tmp_path, ITEM | {"id": "drf-4"}, ITEM | {"id": "drf-6"}, ITEM, PAIR))
    tuning, report = halves(items)
    assert [item.id for item in tuning] == ["drf-1"]
    assert [item.id for item in report] == ["drf-6", "drf-4", "cr-1"]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (changed(ITEM, "The cat left", "claims", 1, "quote"), ["drf-1.claims.1.quote", "not found", "The cat left"]),
        (changed(ITEM, "The cup", "claims", 1, "quote"), ["drf-1.claims.1.quote", "after those of the previous claim"]),
        (changed(ITEM, "", "claims", 1, "quote"), ["drf-1.claims.1.quote"]),
        (changed(ITEM, "consistent", "claims", 0, "label"), ["drf-1.claims.0.label", "faithful"]),
        (changed(ITEM, "invented", "claims", 1, "error_type"), ["drf-1.claims.1.error_type", "fabrication"]),
        (changed(ITEM, "minor", "claims", 1, "severity"), ["drf-1.claims.1.severity", "critical"]),
        (changed(ITEM, None, "claims", 1, "severity"), ["drf-1.claims.1.severity", "critical"]),
        (
            changed(ITEM, "minor", "claims", 0, "severity"),
            ["drf-1.claims.0.severity", "no severity without an error type"],
        ),
        (changed(ITEM, None, "claims", 1, "error_type"), ["drf-1.claims.1.error_type", "does not fit the label"]),
        (changed(ITEM, "fabrication", "claims", 0, "error_type"), ["drf-1.claims.0.error_type", "does not fit"]),
        (changed(ITEM, "colour", "truth", "differences", 0, "type"), ["drf-1.truth.differences.0.type", "color"]),
        (changed(ITEM, [], "truth", "differences"), ["drf-1.truth.differences"]),
        (changed(ITEM, [1, 2, 3], "truth", "unchanged", 0, "bbox"), ["drf-1.truth", "[x, y, width, height]"]),
        (changed(ITEM, [1, 2, 0, 4], "truth", "unchanged", 0, "bbox"), ["drf-1.truth.unchanged.0.bbox.w"]),
        (changed(ITEM, "drf", "kind"), ["drf-1.kind", "unknown key"]),
        (changed(ITEM, {"same": "No.", "different": "Yes."}, "answer"), ["drf-1.answer"]),
        (changed(ITEM, "bleu", "metric"), ["drf-1", "metric: cr"]),
        ({key: value for key, value in ITEM.items() if key != "why"}, ["drf-1.why", "missing key"]),
        ({key: value for key, value in ITEM.items() if key != "id"}, ["number 1.id", "missing key"]),
        ("The cup moved.", ["number 1"]),
        (changed(PAIR, "Yes", "claims", 0, "quote"), ["cr-1.claims.0.quote", "not found"]),
        (changed(PAIR, "No", "claims", 0, "other_quote"), ["cr-1.claims.0.other_quote", "not found"]),
        (changed(PAIR, "faithful", "claims", 0, "label"), ["cr-1.claims.0.label", "consistent"]),
        (changed(PAIR, [*PAIR["claims"], {"label": "ambiguous"}], "claims"), ["cr-1.claims.1", "no words"]),
        (changed(PAIR, [], "claims"), ["cr-1.claims"]),
        (changed(PAIR, "No.", "answer"), ["cr-1.answer", "same, different"]),
    ],
    ids=lambda value: ", ".join(value[:2]) if isinstance(value, list) else "",
)
def test_an_error_names_its_item(tmp_path: Path, item: Any, expected: list[str]) -> None:
    with pytest.raises(UserError) as error:
        load_validation_set(write(tmp_path, item))
    for words in expected:
        assert words in str(error.value)


def test_all_errors_are_reported_at_once_including_duplicate_ids(tmp_path: Path) -> None:
    path = write(tmp_path, ITEM, ITEM, changed(PAIR, "faithful", "claims", 0, "label"))
    with pytest.raises(UserError, match=r"drf-1: the id is used more than once(.|\n)*cr-1\.claims\.0\.label"):
        load_validation_set(path)


def test_a_set_without_items_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text("truths: {}\n", encoding="utf-8")
    with pytest.raises(UserError, match="items: not a list"):
        load_validation_set(path)
