"""Overlays of saved maps: which answers have them, and what draws each, from the tables."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.core.schemas import IMAGES, PROBE_TOKEN_ACTIVATION_MAP, SAMPLES
from spd_faith.inference.pictures import decode
from spd_faith.probes.overlays import overlays, saved_rasters, saved_word_maps


def saved_overlays(
    maps: Path, samples: Path, images: Path, task: str, sample_ids: Sequence[str] | None = None
) -> dict[str, Callable[[], Figure]]:
    """What draws the maps of each answer to `task`, by the figure's name; the first of each split where none is named.

    `maps` is a table of the probe in a folder that is named as the model. Empty where there are no maps at all. Raises
    `UserError` for a sample that has none.
    """
    answers = read_table(maps, PROBE_TOKEN_ACTIVATION_MAP, columns=["sample_id", "task", "status"])
    rows = {row["sample_id"]: row for row in read_table(samples, SAMPLES).to_pylist()}
    read_table(images, IMAGES, columns=["sample_id"])  # refuses another kind of table
    of_task = answers.filter(pc.equal(answers["task"], task))
    statuses = dict(zip(of_task["sample_id"].to_pylist(), of_task["status"].to_pylist(), strict=True))
    chosen = sample_ids or _first_of_each_split(rows, statuses)
    for sample_id in chosen:
        if statuses.get(sample_id) != "ok" or sample_id not in rows:
            told = statuses.get(sample_id, "not probed")
            raise UserError(f"{maps}: no maps of {sample_id}, {task}: {told}")
    return {
        f"overlays_{task}_{sample_id.replace('/', '_')}": partial(_draw, maps, rows[sample_id], images, task)
        for sample_id in chosen
    }


def _first_of_each_split(samples: Mapping[str, Mapping[str, Any]], statuses: Mapping[str, str]) -> list[str]:
    """Of samples that have maps."""
    firsts: dict[str, str] = {}
    for sample_id in sorted(statuses):
        if statuses[sample_id] == "ok" and sample_id in samples:
            firsts.setdefault(samples[sample_id]["split"], sample_id)
    return list(firsts.values())


def _draw(maps: Path, sample: Mapping[str, Any], images: Path, task: str) -> Figure:
    wanted = [("sample_id", "==", sample["sample_id"])]
    (pair,) = pq.read_table(images, filters=wanted).to_pylist()
    rows = pq.read_table(maps, filters=[*wanted, ("task", "==", task)]).to_pylist()
    return overlays(
        (maps.parent.name, f"token activation maps ({task})", sample["sample_id"]),
        (decode(pair["original"]), decode(pair["modified"])),
        sample["differences"],
        saved_rasters(rows[0]["rasters"]),
        saved_word_maps(rows),
    )
