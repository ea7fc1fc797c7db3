"""Pictures of token activation maps: both pictures of a pair, the true boxes, and a map for each content word."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import Rectangle
from PIL import Image

from spd_faith.probes.boxes import true_boxes
from spd_faith.probes.figures.drawing import COLUMN, GREY, VERMILLION, styled, title
from spd_faith.probes.image_grid import Raster

COLUMNS = 2
_COLORS = "YlOrRd"
_STRONGEST = 0.75  # opacity of a map's maximum
_PALE = 0.45  # of a picture under a map
_TITLE, _CAPTION, _LINE = 0.65, 0.2, 0.1  # inches
_SMALL = 6.5  # points
_LETTER = 0.6 * _SMALL  # points; the width of most letters, or less
_LEGEND = "Colours run from 0 to a map's highest value, told beside its word"

Pictures = tuple[Image.Image, Image.Image]


@dataclass(frozen=True)
class WordMap:
    """A content word and how strongly each image token speaks of it, 0 … 1."""

    text: str
    values: npt.NDArray[np.floating]


def saved_word_maps(rows: Iterable[Mapping[str, Any]]) -> list[WordMap]:
    """The content words of an answer, of its rows of `PROBE_TOKEN_ACTIVATION_MAP` in order.

    Neighbouring tokens of one word are one map, their mean.
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


@styled
def overlays(
    name: Sequence[str],
    pictures: Pictures,
    differences: Sequence[Mapping[str, Any]],
    rasters: Sequence[Raster],
    words: Sequence[WordMap],
) -> Figure:
    """The pair with the boxes of the differences, then the pair under the map of each word.

    `name` are the lines of the title.
    """
    rows = ceil((len(words) + 1) / COLUMNS)
    panel = COLUMN / COLUMNS * _height(pictures) + _CAPTION
    any_beside = any(_lies_beside(word, rasters) for word in words)
    figure = Figure(figsize=(COLUMN, _TITLE + any_beside * _LINE + rows * panel))
    title(figure, *name)
    legend = f"{_LEGEND}\n(*: which lies beside the pictures)." if any_beside else f"{_LEGEND}."
    figure.supxlabel(legend, color=GREY, size=_SMALL)
    first, *others = figure.subfigures(rows, COLUMNS, squeeze=False).flat
    _draw_boxes(first, pictures, differences)
    for place, word in zip(others, words, strict=False):
        _draw_word(place, pictures, rasters, word, beside="*")
    return figure


@styled
def word_overlay(pictures: Pictures, rasters: Sequence[Raster], word: WordMap) -> Figure:
    """The pair under the map of one word."""
    figure = Figure(figsize=(COLUMN, COLUMN * _height(pictures) + _CAPTION))
    _draw_word(figure, pictures, rasters, word, beside=" beside the pictures")
    return figure


def _lies_beside(word: WordMap, rasters: Sequence[Raster]) -> bool:
    """Whether the map is highest only where no picture is: on the grey around merged ones, or at the end of a row."""
    shown = [
        raster.tokens[rows, columns][
            np.ix_(_within(raster.row_edges(number))[rows], _within(raster.column_edges(number))[columns])
        ]
        for raster in rasters
        for number, (rows, columns) in raster.parts().items()
    ]
    return bool(word.values[np.concatenate([tokens.ravel() for tokens in shown])].max() < word.values.max())


def _within(edges: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Which tokens between these edges show some of the picture, 0 to 1."""
    return (edges[:-1] < 1) & (edges[1:] > 0)


def _height(pictures: Pictures) -> float:
    """Of a pair side by side over its width."""
    return max(picture.height for picture in pictures) / sum(picture.width for picture in pictures)


def _show(place: FigureBase, pictures: Pictures) -> list[Axes]:
    shown = place.subplots(1, 2, width_ratios=[picture.width for picture in pictures], gridspec_kw={"wspace": 0.02})
    for axes, picture in zip(shown, pictures, strict=True):
        axes.imshow(picture, extent=(0, picture.width, picture.height, 0))
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set(visible=True, color=GREY, linewidth=0.4)
    return list(shown)


def _draw_boxes(place: FigureBase, pictures: Pictures, differences: Sequence[Mapping[str, Any]]) -> None:
    """Whole lines where the object is; dashed the same place in the other picture."""
    shown = _show(place, pictures)
    sizes = (pictures[0].size, pictures[1].size)
    for difference in differences:
        for number, key in enumerate(("bbox", "bbox_after")):
            places = true_boxes([difference | {"bbox": None, "bbox_after": None, key: difference[key]}], sizes)
            for left, top, right, bottom in places:
                for there, axes in enumerate(shown):
                    width, height = sizes[there]
                    axes.add_patch(
                        Rectangle(
                            (left * width, top * height),
                            (right - left) * width,
                            (bottom - top) * height,
                            fill=False,
                            edgecolor=VERMILLION,
                            linestyle="-" if there == number else ":",
                            linewidth=1.3,
                        )
                    )
    place.suptitle("true boxes" if differences else "the pair", size=_SMALL, color=VERMILLION, fontweight="normal")


def _draw_word(place: FigureBase, pictures: Pictures, rasters: Sequence[Raster], word: WordMap, beside: str) -> None:
    """Colours from the map's 0 to its highest value, which the caption tells, with `beside` where that is not seen."""
    shown = _show(place, tuple(_pale(picture) for picture in pictures))
    highest = word.values.max()
    for raster in rasters:
        for number, (rows, columns) in raster.parts().items():
            axes, (width, height) = shown[number], pictures[number].size
            share = word.values[raster.tokens[rows, columns]] / (highest or 1)
            across, down = raster.column_edges(number) * width, raster.row_edges(number) * height
            extent = (
                across[columns.start or 0],
                across[raster.columns if columns.stop is None else columns.stop],
                down[raster.rows if rows.stop is None else rows.stop],
                down[rows.start or 0],
            )
            axes.imshow(share, cmap=_COLORS, vmin=0, vmax=1, alpha=_STRONGEST * share, extent=extent)
            axes.set(xlim=(0, width), ylim=(height, 0))
    told = f"  {highest:.2f}{beside if _lies_beside(word, rasters) else ''}"
    longest = int(place.bbox.width / place.dpi * 72 / _LETTER) - len(told)
    text = word.text if len(word.text) <= longest else word.text[: longest - 1] + "…"
    place.suptitle(text + told, size=_SMALL, fontweight="normal")


def _pale(picture: Image.Image) -> Image.Image:
    """In grey, and lighter, so that colours are the map's."""
    return Image.blend(picture.convert("L").convert("RGB"), Image.new("RGB", picture.size, "white"), _PALE)
