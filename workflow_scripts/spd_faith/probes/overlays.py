"""Token activation maps over the images of a pair, in pages: the true boxes, then a panel per content word.

Panels lie on a grid that is computed from the images' shapes, so a page takes about a second for any answer.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from spd_faith.inference.images import Size
from spd_faith.probes.boxes import true_boxes
from spd_faith.probes.figures.drawing import (
    COLUMN,
    GREY,
    VERMILLION,
    readable,
    styled,
    text_width,
    without_layout,
)
from spd_faith.probes.image_grid import Raster
from spd_faith.probes.word_maps import WordMap

log = logging.getLogger(__name__)

MAX_PAGES = 12
"""Default maximum for one answer: about 250 words."""

_COLORS = "YlOrRd"
_STRONGEST = 0.75  # opacity of a map's maximum
_PALE = 0.45  # of an image under a map
_PAGE = 9.4  # inches; the height of a page at most
_MARGIN, _GUTTER, _BETWEEN = 0.06, 0.12, 0.03  # around the page, between panels, between the images of a pair
_CAPTION, _ROW_GAP = 0.15, 0.06
_LEGEND_LINE = 0.11
_SMALL = 6.5  # points
_NARROWEST, _WIDEST = 1 / 4, 4  # width over height of images that are drawn without stretching
_LETTERS_PER_INCH = 16  # of a legend
_MAX_LETTERS = 120  # of a caption
_LEGEND = "Colours run from 0 to a map's highest value, given beside its word"

Images = tuple[Image.Image, Image.Image]


def overlays(
    sample_id: str,
    images: Images,
    differences: Sequence[Mapping[str, Any]],
    rasters: Sequence[Raster],
    words: Sequence[WordMap],
    max_pages: int = MAX_PAGES,
) -> Iterator[Figure]:
    """Pages that show the pair with the boxes of the differences, then the pair under the map of each word.

    A few words fit on one page, one column wide; more take pages of two columns, at
    most `max_pages`. The last page and the log say how many words are left out.
    """
    grid = _grid_for(images, len(words))
    pair = _Pair.of(images, grid)
    at_once = grid.words(images)
    starts = range(0, max(1, len(words)), at_once)[:max_pages]
    left_out = len(words) - min(len(words), starts[-1] + at_once)
    if left_out:
        log.warning(
            "%s: the first %d words are drawn, %d more are left out", sample_id, len(words) - left_out, left_out
        )
    for page, start in enumerate(starts, start=1):
        some = words[start : start + at_once]
        notes = [f"Sample {readable(sample_id)}"]
        if len(starts) > 1:
            notes.append(f"Page {page} of {len(starts)}: words {start + 1} to {start + len(some)} of {len(words)}")
        if left_out and page == len(starts):
            notes.append(f"{left_out} more words are left out")
        yield _page(grid, pair, differences, rasters, some, notes)


def word_overlays(images: Images, rasters: Sequence[Raster], words: Sequence[WordMap]) -> list[Callable[[], Figure]]:
    """A function per word that draws the pair under the word's map."""
    pair = _Pair.of(images, _ALONE)
    return [partial(_word_overlay, pair, rasters, word) for word in words]


@styled
def _word_overlay(pair: "_Pair", rasters: Sequence[Raster], word: WordMap) -> Figure:
    figure = without_layout(_ALONE.width, _CAPTION + pair.height + _MARGIN, _ALONE.dots)
    _draw_word(figure, (_MARGIN, 0), _ALONE.panel, pair, rasters, word, outside=" outside the images")
    return figure


# ---- where things lie, in inches -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    """Pages of one width with a fixed number of panels in a row; images are at most `tallest` high."""

    width: float
    columns: int
    tallest: float
    dots: int
    """Pixels per inch."""

    @property
    def panel(self) -> float:
        """The width of a panel."""
        return (self.width - 2 * _MARGIN - (self.columns - 1) * _GUTTER) / self.columns

    def height(self, images: Images) -> float:
        """The height at which both images of a pair, equally tall, fill the width of a panel."""
        return (self.panel - _BETWEEN) / sum(map(_shape, images))

    def words(self, images: Images) -> int:
        """How many words fit on a page, after the panel of the boxes."""
        room = _PAGE - 5 * _LEGEND_LINE - 2 * _MARGIN
        rows = int(room / (_CAPTION + min(self.height(images), self.tallest) + _ROW_GAP))
        return rows * self.columns - 1


_ALONE = _Grid(COLUMN, 1, tallest=COLUMN, dots=200)
_COLUMN = _Grid(COLUMN, 2, tallest=1.15, dots=300)
_PAGES = [_Grid(2 * COLUMN + 0.3, columns, tallest=1.15, dots=200) for columns in (3, 4, 5)]


def _grid_for(images: Images, words: int) -> _Grid:
    """One page, one column wide, if the words fit; else pages with as many panels in a row as fit without gaps."""
    if words <= _COLUMN.words(images):
        return _COLUMN
    return next((grid for grid in _PAGES if grid.height(images) <= grid.tallest), _PAGES[-1])


@dataclass(frozen=True)
class _Pair:
    """The images of a pair as drawn in each panel: equally tall and small enough for it."""

    images: Images
    pale: Images
    sizes: tuple[Size, Size]
    """In pixels of the original images, the coordinates of boxes and maps."""
    widths: tuple[float, float]
    height: float

    @classmethod
    def of(cls, images: Images, grid: _Grid) -> "_Pair":
        height = min(grid.height(images), grid.tallest)
        first, second = images
        widths = (height * _shape(first), height * _shape(second))
        small, other = (
            _small(image, (round(width * grid.dots), round(height * grid.dots)))
            for image, width in zip(images, widths, strict=True)
        )
        return cls((small, other), (_pale(small), _pale(other)), (first.size, second.size), widths, height)

    @property
    def stretched(self) -> bool:
        return any(not _NARROWEST <= width / height <= _WIDEST for width, height in self.sizes)


def _shape(image: Image.Image) -> float:
    """Width over height as drawn, limited so that very narrow images stay visible."""
    return min(max(image.width / image.height, _NARROWEST), _WIDEST)


def _small(image: Image.Image, most: Size) -> Image.Image:
    """Reduced to the resolution at which it is drawn."""
    size = (min(image.width, most[0]), min(image.height, most[1]))
    return image if size == image.size else image.resize(size, Image.Resampling.BOX, reducing_gap=2)


def _pale(image: Image.Image) -> Image.Image:
    """Grey and lighter, so that all colour comes from the map."""
    return Image.blend(image.convert("L"), Image.new("L", image.size, "white"), _PALE)


# ---- drawing ---------------------------------------------------------------------------------------------------------


@styled
def _page(
    grid: _Grid,
    pair: _Pair,
    differences: Sequence[Mapping[str, Any]],
    rasters: Sequence[Raster],
    words: Sequence[WordMap],
    notes: Sequence[str],
) -> Figure:
    any_outside = any(_lies_outside(word, rasters) for word in words)
    legend = f"{_LEGEND} (*: outside the images)." if any_outside else f"{_LEGEND}."
    legend = " ".join(
        [
            legend if words else "The answer has no content words.",
            *(["Images so far from square are drawn stretched."] if pair.stretched else []),
            *(f"{note}." for note in notes),
        ]
    )
    legend = fill(legend, round(grid.width * _LETTERS_PER_INCH))
    top = _MARGIN
    row = _CAPTION + pair.height + _ROW_GAP
    rows = -(-(len(words) + 1) // grid.columns)
    height = top + rows * row + _MARGIN + _LEGEND_LINE * (legend.count("\n") + 1)
    figure = without_layout(grid.width, height, grid.dots)
    figure.supxlabel(legend, y=_MARGIN / height, va="bottom", color=GREY, size=_SMALL)
    corners = (
        (_MARGIN + column * (grid.panel + _GUTTER), top + line * row)
        for line in range(rows)
        for column in range(grid.columns)
    )
    _draw_boxes(figure, next(corners), grid.panel, pair, differences)
    for word, corner in zip(words, corners, strict=False):
        _draw_word(figure, corner, grid.panel, pair, rasters, word, outside="*")
    return figure


def _show(
    figure: Figure, corner: tuple[float, float], panel: float, pair: _Pair, images: Images, caption: str, color: str
) -> list[Axes]:
    """Both images, centred in a panel with the given top left corner, under a caption."""
    width, height = figure.get_size_inches()
    left, top = corner[0] + (panel - sum(pair.widths) - _BETWEEN) / 2, corner[1] + _CAPTION
    shown = []
    for image, (across, down), inches in zip(images, pair.sizes, pair.widths, strict=True):
        axes = figure.add_axes((left / width, 1 - (top + pair.height) / height, inches / width, pair.height / height))
        axes.imshow(image, extent=(0, across, down, 0), aspect="auto", cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[], xlim=(0, across), ylim=(down, 0))
        axes.grid(visible=False)
        axes.spines[:].set(visible=True, color=GREY, linewidth=0.4)
        left += inches + _BETWEEN
        shown.append(axes)
    middle = ((corner[0] + panel / 2) / width, 1 - (top - 0.035) / height)
    shown[0].text(
        *middle,
        caption,
        transform=figure.transFigure,
        clip_on=False,
        ha="center",
        va="baseline",
        size=_SMALL,
        color=color,
    )
    return shown


def _draw_boxes(
    figure: Figure,
    corner: tuple[float, float],
    panel: float,
    pair: _Pair,
    differences: Sequence[Mapping[str, Any]],
) -> None:
    """Solid lines around the object; dotted lines at the same place in the other image."""
    boxes = [
        (number, box)
        for difference in differences
        for number, key in enumerate(("bbox", "bbox_after"))
        for box in true_boxes([{"bbox": None, "bbox_after": None, key: difference[key]}], pair.sizes)
    ]
    caption = "true boxes" if boxes else "the pair"
    shown = _show(figure, corner, panel, pair, pair.images, caption, VERMILLION)
    for number, (left, top, right, bottom) in boxes:
        for there, (axes, (width, height)) in enumerate(zip(shown, pair.sizes, strict=True)):
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


def _draw_word(
    figure: Figure,
    corner: tuple[float, float],
    panel: float,
    pair: _Pair,
    rasters: Sequence[Raster],
    word: WordMap,
    outside: str,
) -> None:
    """Colours from 0 to the map's highest value. The caption gives it, with `outside` if it lies outside the images."""
    highest = word.highest
    value = "no value" if np.isnan(highest) else f"{highest:.2f}{outside if _lies_outside(word, rasters) else ''}"
    shown = _show(figure, corner, panel, pair, pair.pale, _caption(word.text, value, panel, round(figure.dpi)), "black")
    if not highest > 0:  # nothing to colour; also false for nan
        return
    for raster in rasters:
        for number, (rows, columns) in raster.parts().items():
            axes, (width, height) = shown[number], pair.sizes[number]
            strength = np.nan_to_num(word.values[raster.tokens[rows, columns]] / highest)
            if not strength.size:  # so narrow that no token belongs to it
                continue
            across, down = raster.column_edges(number) * width, raster.row_edges(number) * height
            extent = (
                across[columns.start or 0],
                across[raster.columns if columns.stop is None else columns.stop],
                down[raster.rows if rows.stop is None else rows.stop],
                down[rows.start or 0],
            )
            colors = {"cmap": _COLORS, "vmin": 0, "vmax": 1, "alpha": _STRONGEST * strength}
            axes.imshow(strength, **colors, extent=extent, aspect="auto")
            axes.set(xlim=(0, width), ylim=(height, 0))


def _caption(text: str, value: str, panel: float, dots: int) -> str:
    """The word and its value, with the word cut to fit the panel."""
    text = readable(text)
    whole = f"{text}  {value}"
    if len(text) <= _MAX_LETTERS and text_width(whole, _SMALL, dots) <= panel:
        return whole
    lengths = range(min(len(text), _MAX_LETTERS), 0, -1)
    cut = (f"{text[:length]}…  {value}" for length in lengths)
    return next(one for one in cut if text_width(one, _SMALL, dots) <= panel)


def _lies_outside(word: WordMap, rasters: Sequence[Raster]) -> bool:
    """Whether the maximum lies outside the images only: on the grey around merged ones, or at the end of a row."""
    values = np.nan_to_num(word.values)
    shown = [
        raster.tokens[rows, columns][
            np.ix_(_within(raster.row_edges(number))[rows], _within(raster.column_edges(number))[columns])
        ]
        for raster in rasters
        for number, (rows, columns) in raster.parts().items()
    ]
    return bool(values[np.concatenate([tokens.ravel() for tokens in shown])].max(initial=0) < values.max(initial=0))


def _within(edges: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Which tokens between these edges overlap the image, 0 to 1."""
    return (edges[:-1] < 1) & (edges[1:] > 0)
