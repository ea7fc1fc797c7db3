"""Compares the images of a pair with its true differences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
OUTSIDE = "outside"
_NOISE = 4  # medians of the difference in grey levels, above which a pixel differs


@dataclass(frozen=True)
class PairAudit:
    """What the images of a pair show beside its true differences."""

    outside: int
    """Pixels that differ outside the true boxes."""
    flags: tuple[str, ...]


def audit_pair(original: Pixels, modified: Pixels, differences: Sequence[Mapping[str, Any]]) -> PairAudit:
    """The audit of two images (h, w, 3) of one size and their differences as in `SAMPLES`."""
    changed = differing_pixels(original, modified)
    for place in places_of(differences, changed.shape[::-1]):
        changed[place] = False
    outside = int(changed.sum())
    return PairAudit(outside, (OUTSIDE,) if outside else ())


def differing_pixels(original: Pixels, modified: Pixels) -> Mask:
    """Where two images (h, w, 3) of one size differ by more than noise, (h, w)."""
    apart = np.maximum(original, modified) - np.minimum(original, modified)
    return np.asarray((apart > _NOISE * np.median(apart)).any(axis=2))


def places_of(differences: Iterable[Mapping[str, Any]], size: tuple[int, int]) -> list[tuple[slice, slice]]:
    """The pixels (rows, columns) in the boxes of differences, in images of this (width, height)."""
    boxes = (difference[name] for difference in differences for name in ("bbox", "bbox_after"))
    return [_place(box, size) for box in boxes if box]


def _place(box: Mapping[str, float], size: tuple[int, int]) -> tuple[slice, slice]:
    """Pixels that a box touches."""
    (left, right), (top, bottom) = (
        (min(max(floor(box[start]), 0), most), min(max(ceil(box[start] + box[length]), 0), most))
        for start, length, most in zip("xy", "wh", size, strict=True)
    )
    return slice(top, bottom), slice(left, right)
