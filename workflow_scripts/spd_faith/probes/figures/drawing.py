"""Common parts of all figures: sizes, a colour-blind safe palette, bands, and saving."""

import glob
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from textwrap import fill
from typing import Any, ParamSpec, cast

import matplotlib.style
import numpy as np
from fontTools import subset
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy.special import stdtrit

from spd_faith.core.files import whole_file

COLUMN = 3.35  # inches: a column of a paper, 8.5 cm
_STYLE = Path(__file__).with_name("style.mplstyle")

# Okabe and Ito's palette without black and yellow
BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
GREY = "#777777"
COLORS = (BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE)
MARKERS = ("o", "s", "D", "^", "v", ">", "<", "*")
"""For more series than colors: first the colors in one marker, then those in the next."""
INTERVAL = "95% interval of the mean"  # meaning of bands and whiskers, unless a figure says otherwise
_FONTS_OF_SCRIPTS = (  # that DejaVu Sans lacks: Chinese, Japanese, Korean; Indian; Thai; emoji
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "PingFang SC",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Noto Emoji",
)
_MAX_MARKED = 16  # points of a line with markers
_BAND = 0.18  # opacity
_QUICK = {"compress_level": 3}  # a third of the time of the default, for files 6% larger
_NOTE = 56  # letters in a line of a note, in a column
_MIN_VALUES = 3  # values for an interval: with two it spans ±13 standard errors and hides everything else

P = ParamSpec("P")
LineStyle = str | tuple[int, tuple[float, ...]]


Drawing = Callable[[], Iterator[Figure]]
"""Draws the pages of a figure, one after another; most figures are one page."""


@cache
def _fonts() -> list[str]:
    """The style's font, and installed fonts for letters that it does not have."""
    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FONTS_OF_SCRIPTS if name in installed)]


@contextmanager
def style() -> Iterator[None]:
    """Use the project's style, whatever the caller's is. Letters without a font become boxes, without warning."""
    ours: list[Path | dict[str, Any]] = [_STYLE, {"font.family": _fonts()}]
    with matplotlib.style.context(ours, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the project's style."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return drawn


def without_layout(width: float, height: float, dots: int) -> Figure:
    """A figure (in inches and pixels per inch) without automatic layout."""
    return Figure(figsize=(width, height), dpi=dots, layout=cast(Any, "none"))  # missing in the stubs


@contextmanager
def pdf_pages(path: Path) -> Iterator[Any]:  # PdfPages is untyped
    """Yield the PDF `path`, to save figures to; it is complete when the block ends."""
    # keep style and tables until the end: fonts are written when the file is closed
    with (
        style(),
        _without_shaping_tables(),
        whole_file(path) as part,
        PdfPages(part, metadata={"CreationDate": None}) as pages,
    ):
        yield pages


@contextmanager
def _without_shaping_tables() -> Iterator[None]:
    """Embed fonts in PDFs without the tables that place letters, which are placed already.

    Matplotlib has no setting for it. Unpacking and subsetting them takes a third of the time of all figures.
    """
    dropped: list[str] = subset.Options._drop_tables_default
    subset.Options._drop_tables_default = [*dropped, "GDEF", "GPOS", "GSUB", "MATH", "kern"]
    try:
        yield
    finally:
        subset.Options._drop_tables_default = dropped


def save(pages: Iterable[Figure], path: Path, also: Callable[[Figure], None] | None = None) -> None:
    """Write the pages of a figure to `path`.pdf, and as images to `path`.png, `path`_p02.png and so on.

    The same figure gives the same bytes. `also` is called with each page. If a page cannot be drawn, no file is left.
    """
    stale = set(path.parent.glob(f"{glob.escape(path.name)}_p[0-9][0-9].png"))
    written = []
    try:
        with pdf_pages(path.with_name(f"{path.name}.pdf")) as pdf:
            for number, figure in enumerate(pages, start=1):
                written.append(path.with_name(f"{path.name}.png" if number == 1 else f"{path.name}_p{number:02}.png"))
                with whole_file(written[-1]) as part:
                    figure.savefig(part, format="png", metadata={"Software": None}, pil_kwargs=_QUICK)
                # keep the layout: computing it again costs as much as drawing. Saving restores the engine of the style.
                with matplotlib.rc_context({"figure.constrained_layout.use": False}):
                    figure.set_layout_engine(None)
                    pdf.savefig(figure)
                    if also:
                        also(figure)
    except BaseException:
        stale.update(written)
        raise
    else:
        stale.difference_update(written)
    finally:
        for page in stale:
            page.unlink(missing_ok=True)


def mean_and_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the first dimension and the ends of its 95% interval (Student's t), ignoring nan.

    The mean is nan without values, the ends are nan with fewer than three.
    """
    there = ~np.isnan(values)
    n = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, values, 0).sum(axis=0) / n
        deviation = np.sqrt(np.where(there, (values - mean) ** 2, 0).sum(axis=0) / (n - 1))
        half = np.where(n >= _MIN_VALUES, stdtrit(n - 1, 0.975) * deviation / np.sqrt(n), np.nan)
    return mean, mean - half, mean + half


def band(axes: Axes, x: np.ndarray, values: np.ndarray, color: str, label: str, line: LineStyle) -> None:
    """Draw a line of the means of `values` (samples × points) with the 95% interval."""
    middle_and_band(axes, x, *mean_and_interval(values), color, label, line)


def middle_and_band(
    axes: Axes,
    x: np.ndarray,
    middle: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    color: str,
    label: str,
    line: LineStyle,
) -> None:
    marker = "o" if len(x) <= _MAX_MARKED else None
    axes.plot(x, middle, linestyle=line, color=color, label=label, marker=marker)
    axes.fill_between(x, low, high, color=color, alpha=_BAND, linewidth=0)


def bar_with_interval(axes: Axes, place: int, values: np.ndarray, color: str, width: float) -> None:
    """Draw the mean of the samples' values as a bar, with the interval as whiskers."""
    mean, low, _ = mean_and_interval(values)
    axes.bar(place, mean, yerr=mean - low, color=color, alpha=0.75, width=width, capsize=3)


def color_of_band(color: str) -> tuple[int, int, int]:
    """The RGB value (0 to 255) of a band of this colour on white."""
    red, green, blue = (round(255 * (1 - _BAND * (1 - part))) for part in to_rgb(color))
    return red, green, blue


def whole_numbers(axes: Axes, name: str = "layer", bins: int = 7) -> None:
    """Set up an x axis of whole numbers: layers, or steps of an answer."""
    axes.xaxis.set_major_locator(MaxNLocator(bins, integer=True, min_n_ticks=1))
    axes.set_xlabel(name)


def say_empty(axes: Axes, why: str) -> None:
    """Write a text in place of a plot without data."""
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[], xlabel="")
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)


def readable(text: str) -> str:
    """On one line, without characters that cannot be drawn: control characters and lone surrogates."""
    text = " ".join(text.split())
    return "".join({"Cc": "", "Cs": "\N{REPLACEMENT CHARACTER}"}.get(unicodedata.category(one), one) for one in text)


def in_column(text: str, letters: int = _NOTE) -> str:
    """A label or a note in lines of at most so many letters; a longer word is broken."""
    return fill(readable(text), letters)


def text_width(text: str, points: float, dots: int) -> float:
    """In inches, of a line in the style's font on a figure with `dots` pixels per inch."""
    width, _, _ = _renderer(dots).get_text_width_height_descent(text, FontProperties(size=points), ismath=False)
    return float(width) / dots


@cache
def _renderer(dots: int) -> Any:
    return cast(Any, RendererAgg)(1, 1, dots)  # untyped


def legend_below(
    figure: Figure, axes: Iterable[Axes], columns: int, interval: str | None = None, note: str | None = None
) -> None:
    """Draw one legend under all panels: a note, the labels of all panels, and the meaning of bands and whiskers."""
    found: dict[str, Artist] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found and interval:
        found[interval] = Patch(color=GREY, alpha=_BAND, linewidth=0)
    if found:
        figure.legend(
            found.values(),
            found.keys(),
            loc="outside lower center",
            ncols=min(columns, len(found)),
            title=note and in_column(note),
        )
