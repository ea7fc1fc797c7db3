"""Human labels from their file, and which of them are of a run's very answers."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spd_faith.core.errors import UserError
from spd_faith.core.files import write_table
from spd_faith.core.schemas import RESPONSES, TASKS
from spd_faith.judging.current_labels import current_labels, read_labels
from spd_faith.judging.labels import LABELS, answer_sha

TEXTS = {"describe": "The car is red.", "same": "No.", "different": "Yes, the car."}


def label(sample_id: str = "easy/0_1", metric: str = "drf", **changed: Any) -> dict[str, Any]:
    texts = [TEXTS["describe"]] if metric == "drf" else [TEXTS["same"], TEXTS["different"]]
    row = {"sample_id": sample_id, "model": "m", "metric": metric, "split": "easy", "probability": 0.5}
    row |= {"answer_sha": answer_sha(texts), "annotators": ["one"], "claims": [], "score": 1.0, "status": "ok"}
    return row | changed


def written(folder: Path, *labels: dict[str, Any]) -> Path:
    write_table(folder / "labels.parquet", list(labels), LABELS)
    return folder / "labels.parquet"


def responses(folder: Path) -> Path:
    rows = [
        {"sample_id": sample_id, "task": task, "prompt_sha": "", "response_text": text, "finish_reason": "stop"}
        | {"seconds": 0.0, "attempts": 1}
        for sample_id, texts in (("easy/0_1", TEXTS), ("easy/1_2", dict.fromkeys(TASKS, "Nothing.")))
        for task, text in texts.items()
    ]
    write_table(folder / "m.parquet", rows, RESPONSES)
    return folder / "m.parquet"


def test_only_the_very_answer_is_labelled(tmp_path: Path) -> None:
    labels = [
        *(label(), label(metric="cr")),
        *(label("easy/1_2"), label("easy/1_2", metric="cr", answer_sha=answer_sha(["Nothing.", "Nothing."]))),
        label("easy/9_9"),  # no such pair in this run
        label(model="other"),  # not in the run
    ]
    found = current_labels(read_labels(written(tmp_path, *labels)), {"m": responses(tmp_path)}).to_pylist()
    assert [(row["sample_id"], row["metric"], row["is_current"]) for row in found] == [
        *(("easy/0_1", "drf", True), ("easy/0_1", "cr", True)),
        *(("easy/1_2", "drf", False), ("easy/1_2", "cr", True)),
        ("easy/9_9", "drf", False),
        ("easy/0_1", "drf", False),
    ]


def test_without_labels_of_its_models_no_answers_are_read(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path, label(model="other")))
    (found,) = current_labels(labels, {"m": tmp_path / "missing.parquet"}).to_pylist()
    assert (found["model"], found["is_current"]) == ("other", False)


def test_a_split_has_one_probability(tmp_path: Path) -> None:
    """Its plain mean would be biased otherwise. Splits may differ, and pairs that were not drawn are left out later."""
    others = [label("hard/0_0", split="hard", probability=0.1), label("easy/3_3", probability=0.0)]
    read_labels(written(tmp_path, label(), *others))
    path = written(tmp_path, label(), label("easy/1_2", probability=0.25), *others)
    with pytest.raises(UserError) as error:
        read_labels(path)
    first, of_split, advice = str(error.value).splitlines()
    assert (first, of_split) == (
        f"{path}: pairs of a split have different probabilities of being drawn",
        "  easy: 0.25, 0.5",
    )
    assert "one draw" in advice and "import_annotations.py" in advice


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([label(), label()], "easy/0_1, m, drf: repeated"),
        ([label(metric="ds")], "easy/0_1, m, ds: the metric is none of drf, cr"),
        ([label(score=1.5)], "easy/0_1, m, drf: the score 1.5 is not in 0 to 1"),
        ([label(score=float("nan"))], "easy/0_1, m, drf: the score nan is not in 0 to 1"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    path = written(tmp_path, *rows)
    with pytest.raises(UserError) as error:
        read_labels(path)
    assert str(error.value) == f"{path}: 1 wrong rows\n  {message}"


def test_many_wrong_rows_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, *(label(f"easy/{n}_{n}", score=2.0) for n in range(7)))
    with pytest.raises(UserError, match=r"7 wrong rows[\s\S]*… 2 more$"):
        read_labels(path)


@pytest.mark.parametrize("content", [None, b"no table", "another"])
def test_no_table_of_labels(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "labels.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path = responses(tmp_path)
    with pytest.raises(UserError) as error:
        read_labels(path)
    assert str(path) in str(error.value) and "import_annotations.py" in str(error.value)
    assert "Remove" not in str(error.value) and "snakemake" not in str(error.value)  # labels are work


GRADE = pa.field("grade", pa.float64())


@pytest.mark.parametrize(
    ("schema", "found", "expected"),
    [
        (pa.schema([field for field in LABELS if field.name != "score"]), "nothing instead", "score double"),
        (pa.schema([GRADE if field.name == "score" else field for field in LABELS]), "grade double", "score double"),
        (LABELS.append(GRADE), "grade double", "nothing instead"),
    ],
    ids=["missing", "another", "more"],
)
def test_columns_that_differ_are_named(tmp_path: Path, schema: pa.Schema, found: str, expected: str) -> None:
    path = tmp_path / "labels.parquet"
    write_table(path, [], schema)
    with pytest.raises(UserError) as error:
        read_labels(path)
    assert str(error.value).splitlines()[1:3] == [f"  found:    {found}", f"  expected: {expected}"]
