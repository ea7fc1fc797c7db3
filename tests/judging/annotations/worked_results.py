"""A small folder of results: four pairs and a control in two splits, three models."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.schemas import IMAGES, PARSED, RESPONSES, SAMPLES
from spd_faith.parsing.table import parse_table

CLOCK = {"type": "remove", "category": "clock", "description": "the clock was removed", "bbox": None}
CAR = {
    "type": "color",
    "category": "car",
    "description": "the color of the car changed from red to blue",
    "bbox": {"x": 2.0, "y": 2.0, "w": 4.0, "h": 4.0},
}
PAIRS = {  # sample: (image id, truth)
    "easy/00000_7": ("7", [CAR]),
    "easy/00001_8": ("8", [CAR]),
    "multi/00000_9": ("9", [CAR, CLOCK]),
    "multi/00001_9": ("9", [CAR, CLOCK]),
}
FIRST, SECOND, THIRD, FOURTH = PAIRS
CONTROL = "easy/00002_7"

# By model and pair: the answers to describe, same and different.
RIGHT = ("The car turned blue 🚗. The clock is gone.", "No. The car turned blue.", "Yes. The car is blue now.")
WRONG = ("The bench moved. The car turned green.", "Yes.", "No, the car is unchanged.")
ANSWERS = {
    "tiger": {FIRST: RIGHT, SECOND: WRONG, THIRD: RIGHT, FOURTH: WRONG},
    "zebra": {FIRST: RIGHT, SECOND: RIGHT, THIRD: WRONG, FOURTH: ("", "No.", "Yes.")},
    "lynx": dict.fromkeys(PAIRS, WRONG),
}


def write_results(folder: Path, answers: dict[str, dict[str, tuple[str, str, str]]] | None = None) -> Path:
    samples, images = [], []
    for sample_id, (image_id, truth) in [*PAIRS.items(), (CONTROL, ("7", []))]:
        samples.append(
            {
                "sample_id": sample_id,
                "split": sample_id.partition("/")[0],
                "image_id": image_id,
                "width": 16,
                "height": 12,
                "num_differences": len(truth),
                "differences": truth,
                "control": "identical" if sample_id == CONTROL else "none",
            }
        )
        encoded = {name: png((len(images), shade, 0)) for name, shade in (("original", 0), ("modified", 255))}
        shas = {f"{name}_sha256": sha256(data) for name, data in encoded.items()}
        images.append({"sample_id": sample_id, **encoded, **shas})
    write_table(folder / "samples.parquet", samples, SAMPLES)
    write_table(folder / "images.parquet", images, IMAGES)
    for model, of_pairs in (answers or ANSWERS).items():
        write_answers(folder, model, of_pairs)
    return folder


def png(color: tuple[int, int, int]) -> bytes:
    data = BytesIO()
    Image.new("RGB", (16, 12), color).save(data, "PNG")
    return data.getvalue()


def write_answers(
    folder: Path,
    model: str,
    of_pairs: dict[str, tuple[str, str, str]],
    failures: dict[tuple[str, str], str] | None = None,
) -> None:
    rows = responses(of_pairs, failures or {})
    write_table(folder / "responses" / f"{model}.parquet", rows, RESPONSES)
    table = read_table(folder / "responses" / f"{model}.parquet", RESPONSES)
    write_table(folder / "parsed" / f"{model}.parquet", parse_table(table), PARSED)


def responses(of_pairs: dict[str, tuple[str, str, str]], failures: dict[tuple[str, str], str]) -> list[dict[str, Any]]:
    return [
        {
            "sample_id": sample_id,
            "task": task,
            "prompt_sha": "",
            "response_text": text,
            "finish_reason": "stop",
            "seconds": 0.0,
            "attempts": 1,
            "failure": failures.get((sample_id, task)),
        }
        for sample_id, texts in of_pairs.items()
        for task, text in zip(("describe", "same", "different"), texts, strict=True)
    ]


def response_table(of_pairs: dict[str, tuple[str, str, str]], failures: dict[tuple[str, str], str]) -> pa.Table:
    return pa.Table.from_pylist(responses(of_pairs, failures), schema=RESPONSES)


def mark(answer: str, text: str, words: str) -> dict[str, Any]:
    """The first place of these words, counted in characters as Python does."""
    start = text.index(words)
    return {"answer": answer, "start": start, "end": start + len(words), "text": words}


def annotations(draw: str, annotator: str, items: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The content of a file that the page saves."""
    return {
        "format": "spd-faith-annotations-1",
        "draw": draw,
        "annotator": annotator,
        "items": {name: {"claims": claims, "done": True} for name, claims in items.items()},
    }


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path
