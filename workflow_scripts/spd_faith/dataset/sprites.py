"""Small images of COCO objects, drawn by code in any of eight colours.

Which of the 4×4 points of a pixel belong to a shape depends only on additions, multiplications, divisions and
comparisons; the rest is integer arithmetic. So a sprite has the same pixels on every machine.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

COLORS = {
    "red": (212, 38, 38),
    "orange": (242, 138, 24),
    "yellow": (240, 216, 48),
    "green": (44, 158, 66),
    "blue": (44, 88, 216),
    "purple": (136, 56, 180),
    "pink": (246, 138, 190),
    "black": (38, 38, 42),
}
SUBPIXELS = 4  # points along each side of a pixel
FULL_COVERAGE = SUBPIXELS**2

Mask = npt.NDArray[np.bool_]
Point = tuple[float, float]

BODY = "body"  # painted in the object's colour
_FIXED_INKS = {
    "dark": (50, 50, 55),
    "white": (250, 250, 250),
    "grey": (130, 130, 135),
    "brown": (120, 76, 40),
    "window": (190, 215, 235),
    "screen": (95, 110, 125),
    "shine": (150, 170, 185),
    "leaf": (52, 134, 60),
}
_INKS = [BODY, *_FIXED_INKS]


class _Canvas:
    """A unit square with (0, 0) at the top left; later shapes cover earlier ones."""

    def __init__(self, size: int) -> None:
        points = size * SUBPIXELS
        centres = (np.arange(points) + 0.5) / points
        self.x, self.y = centres[None, :], centres[:, None]
        self.inks = np.zeros((points, points), np.uint8)  # 0 where nothing is painted, else 1 + index in _INKS

    def paint(self, ink: str, *masks: Mask) -> None:
        for mask in masks:
            self.inks[mask] = 1 + _INKS.index(ink)

    def ellipse(self, left: float, top: float, right: float, bottom: float) -> Mask:
        across = (2 * self.x - left - right) / (right - left)
        down = (2 * self.y - top - bottom) / (bottom - top)
        inside: Mask = across * across + down * down <= 1
        return inside

    def rectangle(self, left: float, top: float, right: float, bottom: float, radius: float = 0) -> Mask:
        inside: Mask = (self.x >= left) & (self.x <= right) & (self.y >= top) & (self.y <= bottom)
        if not radius:
            return inside
        # Outside the inner rectangle, its distance decides.
        across = np.maximum(np.maximum(left + radius - self.x, self.x - right + radius), 0)
        down = np.maximum(np.maximum(top + radius - self.y, self.y - bottom + radius), 0)
        rounded: Mask = across * across + down * down <= radius * radius
        return inside & rounded

    def polygon(self, *corners: Point) -> Mask:
        """Inside by the even-odd rule."""
        inside = np.zeros(self.inks.shape, bool)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            if y0 != y1:
                crosses = (self.y < y0) != (self.y < y1)
                inside ^= crosses & (self.x < x0 + (x1 - x0) * (self.y - y0) / (y1 - y0))
        return inside

    def stroke(self, width: float, *points: Point) -> Mask:
        """Within half a width of the line through the points."""
        near = np.zeros(self.inks.shape, bool)
        for (x0, y0), (x1, y1) in pairwise(points):
            dx, dy = x1 - x0, y1 - y0
            along = np.clip(((self.x - x0) * dx + (self.y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
            away_x, away_y = self.x - x0 - along * dx, self.y - y0 - along * dy
            near |= away_x * away_x + away_y * away_y <= width * width / 4
        return near


def _apple(c: _Canvas) -> None:
    c.paint(BODY, c.ellipse(0.06, 0.26, 0.60, 0.98), c.ellipse(0.40, 0.26, 0.94, 0.98))
    c.paint("brown", c.stroke(0.07, (0.50, 0.34), (0.54, 0.07)))
    c.paint("leaf", c.polygon((0.54, 0.22), (0.70, 0.04), (0.88, 0.06), (0.74, 0.22)))


def _banana(c: _Canvas) -> None:
    c.paint(BODY, c.ellipse(-0.02, -0.72, 0.98, 0.92) & ~c.ellipse(0.02, -0.46, 0.80, 0.54) & (c.y > 0.16))
    c.paint("brown", c.rectangle(0.83, 0.02, 0.93, 0.18))


def _boat(c: _Canvas) -> None:
    c.paint(BODY, c.polygon((0.0, 0.66), (1.0, 0.66), (0.82, 0.98), (0.18, 0.98)))
    c.paint("brown", c.rectangle(0.46, 0.04, 0.52, 0.66))
    c.paint("white", c.polygon((0.55, 0.08), (0.55, 0.58), (0.94, 0.58)))
    c.paint("white", c.polygon((0.42, 0.18), (0.42, 0.58), (0.10, 0.58)))


def _book(c: _Canvas) -> None:
    c.paint(BODY, c.rectangle(0.12, 0.04, 0.90, 0.82))
    c.paint("white", c.rectangle(0.12, 0.82, 0.90, 0.93), c.rectangle(0.30, 0.18, 0.74, 0.26))
    c.paint("white", c.rectangle(0.30, 0.34, 0.74, 0.40))
    c.paint("dark", c.polygon((0.14, 0.04), (0.05, 0.13), (0.05, 0.98), (0.14, 0.90)))
    c.paint(BODY, c.rectangle(0.05, 0.92, 0.90, 0.98))


def _bottle(c: _Canvas) -> None:
    c.paint("grey", c.rectangle(0.42, 0.00, 0.58, 0.10))
    c.paint(BODY, c.rectangle(0.43, 0.10, 0.57, 0.32), c.rectangle(0.28, 0.44, 0.72, 0.98))
    c.paint(BODY, c.polygon((0.43, 0.28), (0.57, 0.28), (0.72, 0.46), (0.28, 0.46)))
    c.paint("white", c.rectangle(0.28, 0.60, 0.72, 0.80))


def _bus(c: _Canvas) -> None:
    c.paint(BODY, c.rectangle(0.0, 0.14, 1.0, 0.84, radius=0.06))
    c.paint("white", c.rectangle(0.0, 0.58, 1.0, 0.63))
    c.paint("window", *(c.rectangle(left, 0.24, left + 0.17, 0.48) for left in (0.06, 0.295, 0.53, 0.765)))
    c.paint("dark", c.ellipse(0.12, 0.74, 0.34, 0.96), c.ellipse(0.66, 0.74, 0.88, 0.96))


def _car(c: _Canvas) -> None:
    c.paint(BODY, c.rectangle(0.0, 0.46, 1.0, 0.78, radius=0.08))
    c.paint(BODY, c.polygon((0.16, 0.48), (0.30, 0.20), (0.70, 0.20), (0.86, 0.48)))
    c.paint("window", c.polygon((0.25, 0.46), (0.34, 0.27), (0.48, 0.27), (0.48, 0.46)))
    c.paint("window", c.polygon((0.53, 0.46), (0.53, 0.27), (0.66, 0.27), (0.76, 0.46)))
    c.paint("dark", c.ellipse(0.12, 0.64, 0.36, 0.88), c.ellipse(0.64, 0.64, 0.88, 0.88))
    c.paint("grey", c.ellipse(0.19, 0.71, 0.29, 0.81), c.ellipse(0.71, 0.71, 0.81, 0.81))


def _chair(c: _Canvas) -> None:
    c.paint(BODY, c.rectangle(0.18, 0.0, 0.30, 0.98), c.rectangle(0.72, 0.52, 0.84, 0.98))  # legs
    c.paint(BODY, c.rectangle(0.18, 0.48, 0.84, 0.62), c.rectangle(0.18, 0.78, 0.84, 0.84))  # seat and bar
    c.paint(BODY, c.rectangle(0.30, 0.02, 0.38, 0.30))


def _clock(c: _Canvas) -> None:
    c.paint(BODY, c.ellipse(0.03, 0.03, 0.97, 0.97))
    c.paint("white", c.ellipse(0.17, 0.17, 0.83, 0.83))
    c.paint("dark", c.stroke(0.06, (0.70, 0.62), (0.50, 0.50), (0.50, 0.26)))


def _cup(c: _Canvas) -> None:
    c.paint(BODY, c.ellipse(0.52, 0.30, 0.98, 0.76) & ~c.ellipse(0.61, 0.39, 0.89, 0.67))  # handle
    c.paint(BODY, c.polygon((0.10, 0.20), (0.74, 0.20), (0.66, 0.94), (0.18, 0.94)))
    c.paint("white", c.ellipse(0.10, 0.12, 0.74, 0.28))
    c.paint("brown", c.ellipse(0.16, 0.15, 0.68, 0.26))


def _kite(c: _Canvas) -> None:
    c.paint("dark", c.stroke(0.03, (0.58, 0.72), (0.42, 0.80), (0.34, 0.90), (0.10, 0.96)))
    c.paint(BODY, c.polygon((0.62, 0.0), (0.98, 0.34), (0.58, 0.72), (0.26, 0.30)))
    c.paint("white", c.stroke(0.03, (0.62, 0.0), (0.58, 0.72)), c.stroke(0.03, (0.26, 0.30), (0.98, 0.34)))
    c.paint(BODY, c.polygon((0.34, 0.74), (0.46, 0.86), (0.30, 0.90)))
    c.paint(BODY, c.polygon((0.12, 0.86), (0.24, 0.98), (0.06, 1.0)))


def _potted_plant(c: _Canvas) -> None:
    c.paint("leaf", c.ellipse(0.36, 0.0, 0.64, 0.62))
    c.paint("leaf", c.ellipse(0.04, 0.14, 0.46, 0.52), c.ellipse(0.54, 0.14, 0.96, 0.52))
    c.paint(BODY, c.polygon((0.24, 0.64), (0.76, 0.64), (0.66, 0.99), (0.34, 0.99)))
    c.paint(BODY, c.rectangle(0.19, 0.56, 0.81, 0.70))


def _sports_ball(c: _Canvas) -> None:
    ball = c.ellipse(0.04, 0.04, 0.96, 0.96)
    c.paint(BODY, ball)
    c.paint("white", c.rectangle(0.478, 0.04, 0.522, 0.96) & ball, c.rectangle(0.04, 0.478, 0.96, 0.522) & ball)
    for left, right in ((-0.36, 0.34), (0.66, 1.36)):  # the two curved seams
        seam = c.ellipse(left, 0.10, right, 0.90) & ~c.ellipse(left + 0.045, 0.145, right - 0.045, 0.855)
        c.paint("white", seam & ball)


def _stop_sign(c: _Canvas) -> None:
    c.paint("grey", c.rectangle(0.46, 0.70, 0.54, 1.0))
    cut = 0.217  # what an octagon of width 0.74 lacks at each corner of its square
    left, right, top, bottom = 0.13, 0.87, 0.01, 0.75
    upper = ((left, top + cut), (left + cut, top), (right - cut, top), (right, top + cut))
    lower = ((right, bottom - cut), (right - cut, bottom), (left + cut, bottom), (left, bottom - cut))
    c.paint(BODY, c.polygon(*upper, *lower))
    c.paint("white", c.rectangle(0.22, 0.31, 0.78, 0.45))


def _tv(c: _Canvas) -> None:
    c.paint(BODY, c.rectangle(0.0, 0.10, 1.0, 0.80, radius=0.05))
    c.paint("screen", c.rectangle(0.10, 0.20, 0.90, 0.70))
    c.paint("shine", c.polygon((0.14, 0.66), (0.14, 0.24), (0.50, 0.24)))
    c.paint("grey", c.rectangle(0.44, 0.80, 0.56, 0.92), c.rectangle(0.26, 0.90, 0.74, 0.98))


def _umbrella(c: _Canvas) -> None:
    c.paint("dark", c.rectangle(0.475, 0.0, 0.525, 0.90))
    c.paint("dark", c.ellipse(0.30, 0.78, 0.525, 0.99) & ~c.ellipse(0.35, 0.83, 0.475, 0.94) & (c.y > 0.88))
    c.paint(BODY, c.ellipse(0.0, 0.06, 1.0, 1.06) & (c.y <= 0.56))
    c.paint("white", *(c.stroke(0.02, (0.50, 0.08), (foot, 0.55)) for foot in (0.333, 0.667)))


_DRAWINGS: dict[str, Callable[[_Canvas], None]] = {
    "apple": _apple,
    "banana": _banana,
    "boat": _boat,
    "book": _book,
    "bottle": _bottle,
    "bus": _bus,
    "car": _car,
    "chair": _chair,
    "clock": _clock,
    "cup": _cup,
    "kite": _kite,
    "potted plant": _potted_plant,
    "sports ball": _sports_ball,
    "stop sign": _stop_sign,
    "tv": _tv,
    "umbrella": _umbrella,
}
CATEGORIES: Sequence[str] = tuple(_DRAWINGS)


@cache
def _ink_map(category: str, size: int) -> npt.NDArray[np.uint8]:
    canvas = _Canvas(size)
    _DRAWINGS[category](canvas)
    return canvas.inks


@cache
def sprite(category: str, color: str, size: int) -> npt.NDArray[np.int32]:
    """The object as (size, size, 4): red, green and blue summed over the covered points, and their number of 16."""
    palette = np.array([(0, 0, 0, 0), *((*rgb, 1) for rgb in (COLORS[color], *_FIXED_INKS.values()))], np.int32)
    points = palette[_ink_map(category, size)].reshape(size, SUBPIXELS, size, SUBPIXELS, 4)
    summed: npt.NDArray[np.int32] = points.sum(axis=(1, 3), dtype=np.int32)
    summed.setflags(write=False)  # shared by every scene
    return summed
