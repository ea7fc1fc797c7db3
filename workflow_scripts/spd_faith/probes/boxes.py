"""Boxes in pixels as shares of image tokens, under whatever resizing, merging and padding a model's pictures go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spd_faith.probes.image_grid import Edges, ImageTokens

if TYPE_CHECKING:
    from spd_faith.inference.images import Size

Boxes = npt.NDArray[np.floating]
"""boxes × 4: left, top, right and bottom as shares of the picture's width and height."""
Coverage = npt.NDArray[np.floating]
"""boxes × image tokens: which share of a token's area lies in the box, wherever the box is shown."""


def true_boxes(differences: Iterable[Mapping[str, Any]], sizes: tuple[Size, Size]) -> Boxes:
    """The places that the differences concern, each once.

    A place counts in both pictures, for what differs between them is there: an object and what took its place, or a
    place where an object comes to. `color` and `remove` have one place, `position` two. `bbox` is in pixels of the
    first picture, `bbox_after` of the second.
    """
    places = (
        (difference[key], size)
        for difference in differences
        for key, size in zip(("bbox", "bbox_after"), sizes, strict=True)
    )
    return _in_shares((box, size) for box, size in places if box)


def unchanged_boxes(unchanged: Iterable[Mapping[str, Any]] | None, size: Size) -> Boxes:
    """The boxes of objects that did not change; none where they are not known."""
    return _in_shares((thing["bbox"], size) for thing in unchanged or ())


def _in_shares(places: Iterable[tuple[Mapping[str, float], Size]]) -> Boxes:
    """Within the picture; boxes of which nothing lies there are left out."""
    found = []
    for box, (width, height) in places:
        corners = (box["x"] / width, box["y"] / height)
        opposite = ((box["x"] + box["w"]) / width, (box["y"] + box["h"]) / height)
        shares = np.clip([*corners, *opposite], 0, 1)
        if (shares[2:] > shares[:2]).all():
            found.append(shares)
    return np.unique(np.reshape(found, (-1, 4)), axis=0)


def coverage(places: ImageTokens, boxes: Boxes, tokens: int) -> Coverage:
    """Of each of so many image tokens the share that lies in each box, in either picture."""
    return _by_token(places, tokens, boxes, _overlap)


def expected_coverage(places: ImageTokens, boxes: Boxes, tokens: int) -> Coverage:
    """The coverage of a box of each one's size, averaged over all places in the picture, each as likely."""
    return _by_token(places, tokens, boxes, _expected_overlap)


def tokens_inside(places: ImageTokens, boxes: Boxes, tokens: int) -> npt.NDArray[np.bool_]:
    """Whether the middle of each image token lies in one of the boxes, in either picture.

    Of a box too small for that it is the token that shows most of it, so each box has a token in each picture.
    """
    middles = _by_token(places, tokens, boxes, _holds_middle)
    inside = np.asarray(middles.any(axis=0))
    for raster in places.rasters:
        for image in raster.images:
            alone = ImageTokens(places.sizes, (raster.showing(image),))
            missed = ~_by_token(alone, tokens, boxes, _holds_middle).any(axis=1)
            inside[coverage(alone, boxes[missed], tokens).argmax(axis=1)] = True
    return inside


_Along = Callable[[Edges, npt.NDArray[np.floating], npt.NDArray[np.floating]], npt.NDArray[np.floating]]
"""(edges of tokens along one side of a picture, where each box starts and ends there) -> boxes × tokens"""


def _by_token(places: ImageTokens, tokens: int, boxes: Boxes, along: _Along) -> Coverage:
    """boxes × tokens: what `along` says of a token's row times what it says of its column, added over the pictures."""
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
    """With room = 1 − length for its start, a point t lies in an interval of that length with the chance
    (min(t, room) − max(t − length, 0)) / room; its integral over a token is the interval's expected share of it."""
    length = ends - starts
    room = np.maximum(1 - length, 1e-9)  # an interval without room covers all
    points = edges.clip(0, 1)
    started = np.minimum(points, room) ** 2 / 2 + room * np.maximum(points - room, 0)
    ended = np.maximum(points - length, 0) ** 2 / 2
    return np.asarray(np.diff((started - ended) / room) / np.diff(edges))
