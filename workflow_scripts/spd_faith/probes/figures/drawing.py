"""What all figures share: sizes, colours that colour-blind readers tell apart, bands, and how they are saved."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from textwrap import fill
from typing import ParamSpec

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy.special import stdtrit

from spd_faith.core.files import whole_file

COLUMN = 3.35  # inches: a column of a paper, 8.5 cm
_STYLE = Path(__file__).with_name("style.mplstyle")

# Okabe and Ito's palette
BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
GREY = "#777777"
COLORS = (BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE, GREY)
INTERVAL = "95% interval of the mean"  # what bands and whiskers are, unless a figure says otherwise
_MOST_MARKED = 16  # points of a line that are marked
_BAND = 0.18  # opacity
_TITLE = 50  # letters in a line of a figure's title
_FEWEST = 3  # values that have an interval: of two it is 13 standard errors wide to either side, and hides all else

P = ParamSpec("P")
LineStyle = str | tuple[int, tuple[float, ...]]


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the project's style, whatever the caller's is."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.style.context(_STYLE, after_reset=True):
            return draw(*args, **kwargs)

    return drawn


def save(figure: Figure, path: Path) -> None:
    """Write `path` with .png and .pdf in place of its suffix; the same figure gives the same bytes."""
    for kind, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None})):
        with (
            matplotlib.style.context(_STYLE, after_reset=True),
            whole_file(path.with_name(path.name + kind)) as part,
        ):
            figure.savefig(part, format=kind[1:], metadata=metadata)
        # what was laid out once stays: it costs as much as drawing, twice where there is an engine to do it
        with matplotlib.rc_context({"figure.constrained_layout.use": False}):
            figure.set_layout_engine(None)


def mean_and_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the first dimension, and the ends of its 95% interval by Student's t; nan is left out.

    nan where there is no value; the ends also where there are fewer than three.
    """
    there = ~np.isnan(values)
    n = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, values, 0).sum(axis=0) / n
        deviation = np.sqrt(np.where(there, (values - mean) ** 2, 0).sum(axis=0) / (n - 1))
        half = np.where(n >= _FEWEST, stdtrit(n - 1, 0.975) * deviation / np.sqrt(n), np.nan)
    return mean, mean - half, mean + half


def band(axes: Axes, x: np.ndarray, values: np.ndarray, color: str, label: str, line: LineStyle) -> None:
    """Line of the means of `values` (samples × points) with its 95% interval."""
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
    marker = "o" if len(x) <= _MOST_MARKED else None
    axes.plot(x, middle, linestyle=line, color=color, label=label, marker=marker)
    axes.fill_between(x, low, high, color=color, alpha=_BAND, linewidth=0)


def bar_with_interval(axes: Axes, place: int, values: np.ndarray, color: str, width: float) -> None:
    """The mean of some samples' values, and its interval as whiskers."""
    mean, low, _ = mean_and_interval(values)
    axes.bar(place, mean, yerr=mean - low, color=color, alpha=0.75, width=width, capsize=3)


def color_of_band(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a band of a colour on white."""
    return tuple(round(255 * (1 - _BAND * (1 - part))) for part in to_rgb(color))


def whole_numbers(axes: Axes, name: str = "layer", bins: int = 7) -> None:
    """An x axis of whole numbers: layers, or steps of an answer."""
    axes.xaxis.set_major_locator(MaxNLocator(bins, integer=True, min_n_ticks=1))
    axes.set_xlabel(name)


def say_empty(axes: Axes, why: str) -> None:
    """In place of a plot for which there are no numbers."""
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[], xlabel="")
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)


def title(figure: Figure, *lines: str) -> None:
    """The figure's title, lines too long for a column broken."""
    figure.suptitle("\n".join(fill(line, _TITLE) for line in lines))


def legend_below(figure: Figure, axes: Sequence[Axes], columns: int, interval: str | None = None) -> None:
    """One legend under all panels, of the labels in any of them and of what the bands and whiskers are."""
    found = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found and interval:
        found[interval] = Patch(color=GREY, alpha=_BAND, linewidth=0)
    if found:
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=min(columns, len(found)))
