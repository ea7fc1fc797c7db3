"""Where image tokens lie in the images of a pair.

A model cuts each image it is shown into a raster of tokens, row by row, as its processor's outputs say. If a processor
cuts an image into tiles of several rasters, the places of its tokens are unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # maps are drawn from tables without a model, and probes are declared without images
    from transformers import BatchFeature, ProcessorMixin

    from spd_faith.inference.images import Layout, Size

Fractions = tuple[float, float, float, float]  # left, top, width, height
Edges = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Raster:
    """The tokens of one image that the model is shown."""

    first: int
    """Index of the top left token among the prompt's image tokens; the others follow row by row."""
    rows: int
    columns: int
    images: Mapping[int, Fractions]
    """Where the pair's first image (0) and second (1) lie on the raster, as fractions of its width and height."""

    @property
    def tokens(self) -> npt.NDArray[np.int64]:
        """rows × columns."""
        return self.first + np.arange(self.rows * self.columns).reshape(self.rows, self.columns)

    def row_edges(self, image: int) -> Edges:
        """rows + 1, as fractions of the image's height: 0 its top, 1 its bottom."""
        _, top, _, height = self.images[image]
        return (np.linspace(0, 1, self.rows + 1) - top) / height

    def column_edges(self, image: int) -> Edges:
        """columns + 1, as fractions of the image's width: 0 its left, 1 its right."""
        left, _, width, _ = self.images[image]
        return (np.linspace(0, 1, self.columns + 1) - left) / width

    def showing(self, image: int) -> Raster:
        """The same tokens, for one of the images alone."""
        return replace(self, images={image: self.images[image]})

    def parts(self) -> dict[int, tuple[slice, slice]]:
        """The rows and columns that belong to each image: all of them, or the two sides of a merged image's seam.

        A token on the seam belongs to the image that covers most of it, and to the first image if cut in half.
        """
        if len(self.images) == 1:
            return dict.fromkeys(self.images, (slice(None), slice(None)))
        left, top, *_ = self.images[1]
        if left > self.images[0][0]:
            seam = _first_beyond(left, self.columns)
            return {0: (slice(None), slice(seam)), 1: (slice(None), slice(seam, None))}
        seam = _first_beyond(top, self.rows)
        return {0: (slice(seam), slice(None)), 1: (slice(seam, None), slice(None))}


@dataclass(frozen=True)
class ImageTokens:
    """How the image tokens of a prompt map to the images of a pair."""

    sizes: tuple[Size, Size]
    """Width and height of the two images, in pixels."""
    rasters: tuple[Raster, ...]


def image_tokens(
    processor: ProcessorMixin,
    inputs: BatchFeature,
    pairs: list[tuple[tuple[Size, Size], list[Layout]]],
    counts: list[tuple[int, ...]],
) -> list[ImageTokens | None]:
    """Where the image tokens of each prompt of a batch lie; None if an image is not one raster.

    `pairs` has the sizes and layouts of each pair, `counts` the number of tokens of each image shown.
    """
    cuts = _squares if "image_grid_thw" not in inputs else _grids
    shapes = iter(cuts(processor, inputs, [layout for _, layouts in pairs for layout in layouts], sum(counts, ())))
    found = []
    for (sizes, layouts), of_pair in zip(pairs, counts, strict=True):
        rasters, first = [], 0
        for layout, count in zip(layouts, of_pair, strict=True):
            if shape := next(shapes):
                rasters.append(Raster(first, *shape.cells, _on(layout, shape.canvas)))
            first += count
        found.append(ImageTokens(sizes, tuple(rasters)) if len(rasters) == len(layouts) else None)
    return found


class _Shape(NamedTuple):
    cells: tuple[int, int]
    """Rows and columns of a raster."""
    canvas: Size
    """What it covers, in pixels of the image shown, which is centred on it."""


def _grids(
    processor: ProcessorMixin, inputs: BatchFeature, layouts: list[Layout], counts: tuple[int, ...]
) -> Iterator[_Shape | None]:
    """For Qwen models, which keep the shape of an image, rounded to whole tokens."""
    merged = getattr(processor.image_processor, "merge_size", 1)
    for (frames, *patches), layout, count in zip(inputs["image_grid_thw"].tolist(), layouts, counts, strict=True):
        rows, columns = (length // merged for length in patches)
        yield _Shape((rows, columns), layout.size) if frames == 1 and rows * columns == count else None


def _squares(
    processor: ProcessorMixin, inputs: BatchFeature, layouts: list[Layout], counts: tuple[int, ...]
) -> Iterator[_Shape | None]:
    """For models that see squares: stretched to one, or padded to one with an extra token at the end."""
    pixels = inputs.get("pixel_values")
    if pixels is None or not hasattr(pixels, "ndim"):
        yield from [None] * len(layouts)
        return
    square = pixels.shape[-1] == pixels.shape[-2]
    stretched = pixels.ndim == 4 and not getattr(processor.image_processor, "do_pad", False)
    padded = pixels.ndim == 5 and pixels.shape[1] == 1  # more are tiles
    known = square and (stretched or padded) and len(pixels) == len(layouts)
    for layout, count in zip(layouts, counts, strict=True):
        canvas = (max(layout.size),) * 2 if padded else layout.size
        side = isqrt(count)
        yield _Shape((side, side), canvas) if known and side**2 + padded == count else None


def _on(layout: Layout, canvas: Size) -> dict[int, Fractions]:
    """The places of a layout centred on a canvas, as fractions of the canvas."""
    width, height = canvas
    right, down = (width - layout.size[0]) // 2, (height - layout.size[1]) // 2
    return {
        number: ((left + right) / width, (top + down) / height, w / width, h / height)
        for number, (left, top, w, h) in layout.places.items()
    }


def _first_beyond(seam: float, tokens: int) -> int:
    """The first of the `tokens` tokens whose middle lies beyond the seam, a fraction of their length."""
    return int(np.searchsorted((np.arange(tokens) + 0.5) / tokens, seam, side="right"))
