"""The content words of an answer with their token activation maps, from the probe's table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spd_faith.probes.image_grid import Raster


@dataclass(frozen=True)
class WordMap:
    """A content word and its activation at each image token, 0 … 1."""

    text: str
    values: npt.NDArray[np.floating]

    @property
    def highest(self) -> float:
        """nan if no token has a value."""
        known = self.values[np.isfinite(self.values)]
        return float(known.max()) if len(known) else np.nan


def saved_word_maps(rows: Iterable[Mapping[str, Any]]) -> list[WordMap]:
    """The content words of an answer, from its rows of the probe `token_activation_map` in order.

    Neighbouring tokens of one word become one map, their mean.
    """
    words = []
    for word, tokens in groupby(rows, key=lambda row: row["word"]):
        if word is not None:
            words.append(WordMap(word, np.mean([row["map"] for row in tokens], axis=0, dtype=float)))
    return words


def saved_rasters(saved: Iterable[Mapping[str, Any]]) -> list[Raster]:
    """The rasters of a row of that table."""
    return [
        Raster(
            one["first"],
            one["rows"],
            one["columns"],
            {place["picture"]: tuple(place[axis] for axis in "xywh") for place in one["pictures"]},
        )
        for one in saved
    ]


def arrays_of(lists: "pa.ChunkedArray[Any]") -> Iterator[np.ndarray]:
    """Each list of numbers in a column, without creating an object per number."""
    chunk: Any  # a list array
    for chunk in lists.chunks:
        values, ends = chunk.values.to_numpy(zero_copy_only=False), chunk.offsets.to_numpy()
        for start, end in pairwise(ends):
            yield values[start:end]
