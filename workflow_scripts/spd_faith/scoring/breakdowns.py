"""The groups of samples in the breakdowns of the headline metrics."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spd_faith.core.difference_types import DifferenceType

Samples = list[dict[str, Any]]  # rows of SAMPLES
Group = tuple[str, NDArray[np.bool_]]  # its name, and a mask of its samples (samples,)

# upper ends (exclusive) of the bins of a sample's mean box area, as a fraction of the image
_AREA_BINS = {"< 1%": 0.01, "1–3%": 0.03, "3–10%": 0.1, "≥ 10%": np.inf}


@dataclass(frozen=True)
class Breakdown:
    """`groups` yields every nonempty group, in the order of the tables."""

    name: str
    title: str
    groups: Callable[[Samples], Iterator[Group]]
    has_intervals: bool = False


def _splits(samples: Samples) -> Iterator[Group]:
    splits = np.array([sample["split"] for sample in samples])
    for split in dict.fromkeys(splits.tolist()):
        yield split, splits == split


def _types(samples: Samples) -> Iterator[Group]:
    types = [{difference["type"] for difference in sample["differences"]} for sample in samples]
    for kind in DifferenceType:
        if (inside := np.array([kind in held for held in types])).any():
            yield kind, inside


def _numbers(samples: Samples) -> Iterator[Group]:
    numbers = np.array([len(sample["differences"]) for sample in samples])
    for number in np.unique(numbers):
        yield str(number), numbers == number


def _areas(samples: Samples) -> Iterator[Group]:
    areas = np.array([_mean_box_area(sample) for sample in samples])
    lowest = 0.0
    for name, highest in _AREA_BINS.items():
        if (inside := (areas >= lowest) & (areas < highest)).any():
            yield name, inside
        lowest = highest
    if (inside := np.isnan(areas)).any():
        yield "unknown", inside


def _mean_box_area(sample: dict[str, Any]) -> float:
    """Mean area of a sample's boxes as a fraction of the image; NaN if it has none."""
    boxes = [difference["bbox"] for difference in sample["differences"] if difference["bbox"]]
    areas = [box["w"] * box["h"] / (sample["width"] * sample["height"]) for box in boxes]
    return sum(areas) / len(areas) if areas else np.nan


BREAKDOWNS = (
    Breakdown("split", "Split", _splits, has_intervals=True),
    Breakdown("type", "Type of difference (a pair counts for each of its types)", _types),
    Breakdown("num_differences", "Number of differences", _numbers),
    Breakdown("box_area", "Box area (mean over a pair's boxes, fraction of the image)", _areas),
)
