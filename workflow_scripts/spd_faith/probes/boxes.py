"""Map boxes in pixels to image tokens, however the model resizes, merges and pads its images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spd_faith.probes.image_grid import Edges, ImageTokens

if TYPE_CHECKING:
    from spd_faith.inference.images import Size

Boxes = npt.NDArray[np.floating]
"""boxes × 4: left, top, right and bottom as fractions of the image's width and height."""
Coverage = npt.NDArray[np.floating]
"""boxes × image tokens: the fraction of a token's area that lies in the box, in either image."""


def true_boxes(differences: Iterable[Mapping[str, Any]], sizes: tuple[Size, Size]) -> Boxes:
    """The places that the differences concern, without duplicates.

    A place counts in both images, because both show the difference there: an object and what replaces it, or the
    place an object moves to. `color` and `remove` have one place, `position` two. `bbox` is in pixels of the first
    image, `bbox_after` of the second.
    """
    places = (
        (difference[key], size)
        for difference in differences
        for key, size in zip(("bbox", "bbox_after"), sizes, strict=True)
    )
    return _in_fractions((box, size) for box, size in places if box)


def unchanged_boxes(unchanged: Iterable[Mapping[str, Any]] | None, size: Size) -> Boxes:
    """The boxes of unchanged objects; empty if unknown."""
    return _in_fractions((thing["bbox"], size) for thing in unchanged or ())


def _in_fractions(places: Iterable[tuple[Mapping[str, float], Size]]) -> Boxes:
    """As fractions of the image and clipped to it; boxes outside it are dropped."""
    found = []
    for box, (width, height) in places:
        corners = (box["x"] / width, box["y"] / height)
        opposite = ((box["x"] + box["w"]) / width, (box["y"] + box["h"]) / height)
        box_ends = np.clip([*corners, *opposite], 0, 1)
        if (box_ends[2:] > box_ends[:2]).all():
            found.append(box_ends)
    return np.unique(np.reshape(found, (-1, 4)), axis=0)


def coverage(places: ImageTokens, boxes: Boxes, tokens: int) -> Coverage:
    """The fraction of each of the `tokens` image tokens that lies in each box, in either image."""
    return _by_token(places, tokens, boxes, _overlap)


def expected_coverage(places: ImageTokens, boxes: Boxes, tokens: int) -> Coverage:
    """The expected coverage of a box of the same size at a uniformly random place in the image."""
    return _by_token(places, tokens, boxes, _expected_overlap)


def middles_inside(places: ImageTokens, boxes: Boxes, tokens: int) -> npt.NDArray[np.bool_]:
    """Whether the middle of each image token lies in one of the boxes, in either image."""
    return np.asarray(_by_token(places, tokens, boxes, _holds_middle).any(axis=0))


def tokens_inside(places: ImageTokens, boxes: Boxes, tokens: int) -> npt.NDArray[np.bool_]:
    """Whether the middle of each image token lies in one of the boxes, in either image.

    A box too small to contain any middle gets the token that shows most of it, so each box has a token in each image.
    """
    inside = middles_inside(places, boxes, tokens)
    for raster in places.rasters:
        for image in raster.images:
            alone = ImageTokens(places.sizes, (raster.showing(image),))
            missed = ~_by_token(alone, tokens, boxes, _holds_middle).any(axis=1)
            inside[coverage(alone, boxes[missed], tokens).argmax(axis=1)] = True
    return inside


_Along = Callable[[Edges, npt.NDArray[np.floating], npt.NDArray[np.floating]], npt.NDArray[np.floating]]
"""(token edges along one side of an image, start of each box, end of each box) -> boxes × tokens"""


def _by_token(places: ImageTokens, tokens: int, boxes: Boxes, along: _Along) -> Coverage:
    """boxes × tokens: `along` of a token's row times `along` of its column, summed over the images."""
    left, top, right, bottom = boxes.T[:, :, None]
    found = np.zeros((len(boxes), tokens))
    for raster in places.rasters:
        for image in raster.images:
            rows = along(raster.row_edges(image), top, bottom)
            columns = along(raster.column_edges(image), left, right)
            found[:, raster.tokens.ravel()] += (rows[:, :, None] * columns[:, None, :]).reshape(
                len(boxes), raster.tokens.size
            )
    return found


def _overlap(
    edges: Edges, starts: npt.NDArray[np.floating], ends: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    inside = np.minimum(edges[1:], ends) - np.maximum(edges[:-1], starts)
    return np.asarray(inside.clip(min=0) / np.diff(edges))


def _holds_middle(
    edges: Edges, starts: npt.NDArray[np.floating], ends: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    middles = (edges[1:] + edges[:-1]) / 2
    return np.asarray((starts <= middles) & (middles <= ends), float)


def _expected_overlap(
    edges: Edges, starts: npt.NDArray[np.floating], ends: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """An interval of this length starts anywhere in room = 1 − length, so it contains a point t with probability
    (min(t, room) − max(t − length, 0)) / room. The integral over a token is the expected fraction covered."""
    length = ends - starts
    room = np.maximum(1 - length, 1e-9)  # an interval without room covers everything
    points = edges.clip(0, 1)
    started = np.minimum(points, room) ** 2 / 2 + room * np.maximum(points - room, 0)
    ended = np.maximum(points - length, 0) ** 2 / 2
    return np.asarray(np.diff((started - ended) / room) / np.diff(edges))
