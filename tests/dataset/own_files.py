"""Files of a user's own pairs for tests: images with something to see in them, lines, folders."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from spd_faith.core.errors import UserError
from spd_faith.dataset.entries import FolderDataset, JsonlDataset, OwnPairs
from spd_faith.dataset.own_pairs import check_pairs, read_pairs
from spd_faith.dataset.sampling import Limit

CAR = {"type": "color", "category": "car"}


def scene(width: int, height: int, changed: bool = False) -> Image.Image:
    """An image without symmetry; changed, a corner of it is white."""
    pixels = np.random.default_rng(7).integers(0, 200, (height // 10 + 1, width // 10 + 1, 3), np.uint8)
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
    if changed:
        image.paste("white", (0, 0, width // 4, height // 4))
    return image


def save_pair(folder: Path, original: str, modified: str, size: tuple[int, int] = (60, 40)) -> None:
    for name, changed in ((original, False), (modified, True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        scene(*size, changed=changed).save(folder / name)


def line(qid: Any = "1", **changes: Any) -> str:
    return json.dumps({"qid": qid, "original": "a.png", "modified": "b.png", "modifications": [CAR]} | changes)


def write_lines(folder: Path, *lines: str, limit: Limit = None) -> JsonlDataset:
    """The entry of a file with these lines, beside the images a.png and b.png of 60×40 pixels."""
    save_pair(folder, "a.png", "b.png")
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return JsonlDataset(source="jsonl", path=str(path), limit=limit)


def write_pair_folder(
    root: Path, split: str, name: str, truth: Any = None, truth_file: str = "differences.json"
) -> Path:
    folder = root / split / name
    save_pair(folder, f"{name}_original.jpg", f"{name}_modified_final.jpg")
    (folder / truth_file).write_text(json.dumps(truth or {"modifications": [CAR]}))
    return folder


def folder_entry(root: Path, splits: list[str] | None = None, limit: Limit = None) -> FolderDataset:
    return FolderDataset(source="folder", path=str(root), splits=splits, limit=limit)


def tables(dataset: OwnPairs) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    batches = list(read_pairs(check_pairs(dataset)))
    return [row for rows, _ in batches for row in rows], [row for _, rows in batches for row in rows]


def errors_of(dataset: OwnPairs) -> str:
    """The errors that are reported before any job."""
    try:
        check_pairs(dataset)
    except UserError as error:
        return str(error)
    raise AssertionError("no error was reported")


def size_of(encoded: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(encoded)).size
