"""Figures of the probe `token_activation_map`: choose the answers and draw their overlays from the tables."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, sha256
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.encoded_images import decode
from spd_faith.probes.figures.declared import TASK, ProbeFigures, ProbeResults
from spd_faith.probes.figures.drawing import Drawing
from spd_faith.probes.overlays import MAX_PAGES, overlays
from spd_faith.probes.word_maps import arrays_of, saved_rasters, saved_word_maps

log = logging.getLogger(__name__)

MAX_ANSWERS = 8
"""Overlays drawn by default: the first answer of each split, for at most this many splits."""
_MAX_BYTES = 150  # of a file name, which may have 255 including prefix and suffix


def saved_overlays(
    maps: Path,
    schema: pa.Schema,
    samples: Path,
    images: Path,
    task: str,
    sample_ids: Sequence[str] | None = None,
    max_pages: int = MAX_PAGES,
) -> dict[str, Drawing]:
    """Functions that draw the maps of each answer to `task`, by the figure's name; default: the first of each split.

    `maps` is a table of the probe with this `schema`, in a folder named after the model. Empty if there are no maps at
    all. Raises `UserError` for a named sample without maps.
    """
    answers = read_table(maps, schema, columns=["sample_id", "task", "status"])
    rows = {row["sample_id"]: row for row in read_table(samples, SAMPLES).to_pylist()}
    read_table(images, IMAGES, columns=["sample_id"])  # checks the schema
    of_task = answers.filter(pc.field("task") == task)
    statuses = {row["sample_id"]: row["status"] for row in of_task.to_pylist()}
    chosen = sample_ids or _first_of_each_split(rows, statuses)
    for sample_id in chosen:
        if statuses.get(sample_id) != "ok" or sample_id not in rows:
            why = statuses.get(sample_id, "not probed")
            raise UserError(f"{maps}: no maps for {sample_id}, {task}: {why}")
    return {
        f"overlays_{task}_{_file_name(sample_id)}": partial(_draw, maps, rows[sample_id], images, task, max_pages)
        for sample_id in chosen
    }


def _file_name(sample_id: str) -> str:
    """Letters, digits, dots and dashes; a long name keeps its beginning and gets a checksum."""
    name = re.sub(r"[^\w.-]", "_", sample_id)
    return name if len(name.encode()) <= _MAX_BYTES else f"{name[:40]}_{sha256(sample_id)[:12]}"


def _first_of_each_split(samples: Mapping[str, Mapping[str, Any]], statuses: Mapping[str, str]) -> list[str]:
    """Of the samples that have maps."""
    firsts: dict[str, str] = {}
    for sample_id in sorted(statuses):
        if statuses[sample_id] == "ok" and sample_id in samples:
            firsts.setdefault(samples[sample_id]["split"], sample_id)
    if left_out := list(firsts)[MAX_ANSWERS:]:
        named = ", ".join(left_out[:5]) + ("…" if len(left_out) > 5 else "")
        log.warning("no overlays for %d splits after the first %d: %s", len(left_out), MAX_ANSWERS, named)
    return list(firsts.values())[:MAX_ANSWERS]


def _draw(maps: Path, sample: Mapping[str, Any], images: Path, task: str, max_pages: int) -> Iterator[Figure]:
    wanted = pc.field("sample_id") == sample["sample_id"]
    (pair,) = pq.read_table(images, filters=wanted).to_pylist()
    table = pq.read_table(maps, filters=wanted & (pc.field("task") == task), columns=["word", "map", "rasters"])
    rows = [
        {"word": word, "map": values}
        for word, values in zip(table["word"].to_pylist(), arrays_of(table["map"]), strict=True)
    ]
    return overlays(
        sample["sample_id"],
        (decode(pair["original"]), decode(pair["modified"])),
        sample["differences"],
        saved_rasters(table["rasters"][0].as_py()),
        saved_word_maps(rows),
        max_pages,
    )


def _of_answers(results: ProbeResults) -> dict[str, Drawing]:
    drawings = saved_overlays(results.path, results.probe.schema, results.of.samples, results.of.images, TASK)
    if not drawings:
        log.warning("%s: no maps to draw; see the column status of the table", results.path)
    return drawings


FIGURES = ProbeFigures(of_answers=_of_answers, label="maps")
