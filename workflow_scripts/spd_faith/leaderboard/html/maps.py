"""Token activation maps as a page draws them: a byte per image token, for the content words of an answer."""

import base64
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spd_faith.core.files import read_table
from spd_faith.core.schemas import TASKS
from spd_faith.probes.image_grid import Raster
from spd_faith.probes.token_activation_map import TokenActivationMap
from spd_faith.probes.word_maps import WordMap, arrays_of, saved_rasters, saved_word_maps

MAX_WORDS = 40
"""Of one answer."""


def probed_samples(path: Path) -> set[str]:
    """The samples of which a table of the probe has maps; none without a table."""
    if not path.exists():
        return set()
    table = read_table(path, TokenActivationMap.schema, ["sample_id", "status"])
    return set(map(str, table.filter(pc.field("status") == "ok")["sample_id"].unique().to_pylist()))


def answer_maps(path: Path, sample_ids: Collection[str], grids: Callable[[Any], int]) -> dict[str, dict[int, Any]]:
    """The maps of the answers about these samples by sample and number of the task.

    Maps of an answer: `grids`, the number that the function of that name gives to a description of its image tokens;
    `words`, of each [word, highest value, values in base64]; `more`, the number of words left out.
    """
    if not path.exists():
        return {}
    wanted = pc.field("sample_id").isin(pa.array(list(sample_ids), pa.string())) & (pc.field("status") == "ok")
    table = pq.read_table(path, columns=["sample_id", "task", "token", "word", "map", "rasters"], filters=wanted)
    found: dict[str, dict[int, Any]] = {}
    for (sample_id, task), rows in _by_answer(table):
        words = saved_word_maps(rows)
        found.setdefault(sample_id, {})[TASKS.index(task)] = {
            "grids": grids([one for raster in saved_rasters(rows[0]["rasters"].as_py()) for one in _grids(raster)]),
            "words": [_word(word) for word in words[:MAX_WORDS]],
            "more": max(len(words) - MAX_WORDS, 0),
        }
    return found


def _by_answer(table: pa.Table) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    table = table.sort_by([("sample_id", "ascending"), ("task", "ascending"), ("token", "ascending")])
    table = table.combine_chunks()
    answers: dict[tuple[str, str], list[dict[str, Any]]] = {}
    keys = zip(*(table[name].to_pylist() for name in ("sample_id", "task", "word")), strict=True)
    for number, ((sample_id, task, word), values) in enumerate(zip(keys, arrays_of(table["map"]), strict=True)):
        row = {"word": word, "map": values, "rasters": table["rasters"][number]}
        answers.setdefault((sample_id, task), []).append(row)
    yield from answers.items()


def _word(word: WordMap) -> list[Any]:
    highest = word.highest
    if not highest > 0:  # also nan
        return [word.text, None, ""]
    strengths = np.nan_to_num(word.values / highest)
    values = np.clip(np.rint(255 * strengths), 0, 255).astype(np.uint8)
    return [word.text, round(highest, 3), base64.b64encode(values.tobytes()).decode()]


def _grids(raster: Raster) -> Iterator[dict[str, Any]]:
    """Where the tokens of a raster lie on each of the images that it shows, in fractions of the image.

    The token in row r and column c is `first` + r · `stride` + c; its left edge is at `x` + c · `dx`, its top at
    `y` + r · `dy`.
    """
    for image, (rows, columns) in raster.parts().items():
        tokens = raster.tokens[rows, columns]
        if not tokens.size:  # so narrow that no token belongs to it
            continue
        across, down = raster.column_edges(image), raster.row_edges(image)
        yield {
            "image": image,
            "first": int(tokens[0, 0]),
            "stride": raster.columns,
            "rows": tokens.shape[0],
            "columns": tokens.shape[1],
            "x": round(float(across[columns.start or 0]), 5),
            "y": round(float(down[rows.start or 0]), 5),
            "dx": round(float(across[1] - across[0]), 6),
            "dy": round(float(down[1] - down[0]), 6),
        }
