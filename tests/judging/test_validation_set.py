"""The labelled answers are complete and match their README, and errors in them name the item."""

import re
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from spd_faith.core.errors import UserError
from spd_faith.core.schemas import SAMPLES
from spd_faith.judging.validation_set import load_validation_set

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
REPORT = SET.with_name("report_answers.yaml")
README = SET.with_name("README.md")


def of_metric(raw: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    return [item for item in raw["items"] if item["metric"] == metric]


RAW = yaml.safe_load(SET.read_text(encoding="utf-8"))
REASONING, CONSISTENCY = of_metric(RAW, "drf"), of_metric(RAW, "cr")
RAW_FURTHER = yaml.safe_load(FURTHER.read_text(encoding="utf-8"))
RAW_REPORT = yaml.safe_load(REPORT.read_text(encoding="utf-8"))
PHOTOGRAPHS = [SET.with_name(f"photographs_{number}.yaml") for number in (1, 2, 3)]
RAW_PHOTOGRAPHS = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in PHOTOGRAPHS]
RAWS = {"answers": RAW, "further": RAW_FURTHER, "report": RAW_REPORT}
RAWS |= {path.stem: raw for path, raw in zip(PHOTOGRAPHS, RAW_PHOTOGRAPHS, strict=True)}


def every(metric: str) -> list[dict[str, Any]]:
    return [item for raw in RAWS.values() for item in of_metric(raw, metric)]


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
    items = [item for raw in RAWS.values() for item in raw["items"]]
    assert set(Counter(item["id"] for item in items).values()) == {1}
    assert all(item["why"].strip() for item in items)
    assert sum("arguable" in item for item in RAW["items"]) <= len(RAW["items"]) / 10


@pytest.mark.parametrize("item", every("drf"), ids=lambda item: item["id"])
def test_quotes_of_reasoning_claims_are_in_the_answer_in_order(item: dict[str, Any]) -> None:
    rest = item["answer"]
    for claim in item["claims"]:
        _, found, rest = rest.partition(claim["quote"])
        assert found, claim
        assert claim["label"] in ("faithful", "unfaithful", "unverifiable")
        assert (claim["label"] == "unfaithful") == ("error_type" in claim)
        assert claim.get("severity") == SEVERITY[claim.get("error_type")]


@pytest.mark.parametrize("item", every("cr"), ids=lambda item: item["id"])
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


@pytest.mark.parametrize("path", [SET, REPORT], ids=lambda path: path.stem)
def test_every_label_and_error_type_occurs(path: Path) -> None:
    claims = [claim for item in load_validation_set(path) for claim in item.claims]
    assert len({claim.label for claim in claims}) == 6
    assert {getattr(claim, "error_type", None) for claim in claims} == set(SEVERITY)


@pytest.mark.parametrize(
    ("raw", "name"),
    [pytest.param(raw, name, id=f"{file}-{name}") for file, raw in RAWS.items() for name in raw["truths"]],
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
        moved = difference["type"] == "position"
        assert moved if "bbox_after" in difference else not (moved and difference["bbox"])


def test_there_are_many_truths_of_every_number_of_differences() -> None:
    for raw in (RAW, RAW_REPORT):
        assert len(raw["truths"]) >= 25
        assert {len(truth["differences"]) for truth in raw["truths"].values()} == {1, 2, 3, 4, 5}


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


def test_the_report_set_has_other_scenes_than_the_tuning_sets_and_each_of_those_its_own() -> None:
    for one, other in ((REPORT, SET), (REPORT, FURTHER), (FURTHER, SET), *((REPORT, path) for path in PHOTOGRAPHS)):
        others = [item.truth for item in load_validation_set(other)]
        assert not [item.id for item in load_validation_set(one) if item.truth in others]


def test_the_report_set_is_labelled_for_the_parser_and_its_ids_are_in_order() -> None:
    reasoning, consistency = of_metric(RAW_REPORT, "drf"), of_metric(RAW_REPORT, "cr")
    assert [item["id"] for item in reasoning] == [f"report-d-{number:03d}" for number in range(1, 81)]
    assert [item["id"] for item in consistency] == [f"report-c-{number:03d}" for number in range(1, 41)]
    for item in reasoning:
        assert item["count"] is None or item["count"] >= 0
        for entry in item["listed"]:
            assert entry["type"] in ("color", "remove", "position", None), item["id"]
            assert entry["category"] in COCO | {None}, item["id"]
    for item in consistency:
        assert item["verdicts"].keys() == {"same", "different"}, item["id"]
    assert {verdict for item in consistency for verdict in item["verdicts"].values()} == {"same", "differs", "unclear"}


def test_the_verdicts_of_the_report_set_give_the_label_of_their_agreement() -> None:
    for item in of_metric(RAW_REPORT, "cr"):
        same, different = (item["verdicts"][key] for key in ("same", "different"))
        agreement = "consistent" if same == different else "contradictory"
        expected = "ambiguous" if "unclear" in (same, different) else agreement
        assert item["claims"][0]["label"] == expected, item["id"]


def test_the_report_set_is_as_often_wrong_as_real_answers() -> None:
    scores = []
    for item in of_metric(RAW_REPORT, "drf"):
        labels = Counter(claim["label"] for claim in item["claims"])
        decided = labels["faithful"] + labels["unfaithful"]
        scores.append(labels["faithful"] / decided if decided else 0.0)
    assert 0.2 <= sum(scores) / len(scores) <= 0.3
    assert 0 < scores.count(1) < scores.count(0)


def test_the_readme_has_the_numbers_of_answers() -> None:
    rows = re.findall(r"^\| `(\w+\.yaml)` \| (\d+)[^|]*\| (\d+) \| (\d+) \|", README.read_text("utf-8"), re.MULTILINE)
    counted = []
    photographs = zip(PHOTOGRAPHS, RAW_PHOTOGRAPHS, strict=True)
    for path, raw in ((REPORT, RAW_REPORT), (SET, RAW), (FURTHER, RAW_FURTHER), *photographs):
        numbers = (len(raw["items"]), len(of_metric(raw, "drf")), len(of_metric(raw, "cr")))
        counted.append((path.name, *map(str, numbers)))
    assert rows == counted


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
