"""Pairs of scenes with known differences: objects on a 4×4 grid, rendered at 448×448 pixels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import numpy as np
import numpy.typing as npt

from spd_faith.core.difference_types import Attribute, DifferenceType
from spd_faith.core.errors import UserError
from spd_faith.dataset.sprites import CATEGORIES, COLORS, FULL_COVERAGE, sprite

DRAWN_TYPES = (DifferenceType.COLOR, DifferenceType.REMOVE, DifferenceType.POSITION)
"""The types that a scene can show."""

GRID = 4
CELL = 112  # pixels
SIDE = GRID * CELL
SIZES = (72, 80, 88)  # pixels; jitter in steps of 4 keeps sprites on whole pixels at a quarter of the size
JITTER = (-8, -4, 0, 4, 8)

TINTS = ((236, 236, 236), (238, 230, 212), (214, 226, 240), (222, 236, 218), (240, 222, 226), (205, 208, 214))
LIGHTS = ("plain", "vertical", "horizontal", "diagonal")

LOOK_ALIKES = {  # the most similar colours that people still distinguish at a glance
    "red": ("orange", "pink"),
    "orange": ("red", "yellow"),
    "yellow": ("orange",),
    "green": ("blue", "black"),
    "blue": ("purple", "green"),
    "purple": ("blue", "pink"),
    "pink": ("purple", "red"),
    "black": ("green", "purple"),
}

Pixels = npt.NDArray[np.uint8]
PixelBox = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Background:
    """A gradient between two tints."""

    light: str
    start: tuple[int, int, int]
    end: tuple[int, int, int]


@dataclass(frozen=True)
class SceneObject:
    category: str
    color: str
    size: int  # pixels
    cell: int  # index, row by row from the top left
    dx: int  # offset from the cell's center in pixels
    dy: int

    @property
    def left(self) -> int:
        return self.cell % GRID * CELL + (CELL - self.size) // 2 + self.dx

    @property
    def top(self) -> int:
        return self.cell // GRID * CELL + (CELL - self.size) // 2 + self.dy


@dataclass(frozen=True)
class SceneDifference:
    type: DifferenceType
    before: SceneObject
    after: SceneObject | None  # None if it was removed

    @property
    def category(self) -> str:
        return self.before.category


@dataclass(frozen=True)
class ScenePair:
    """Two scenes with the same background; differences are sorted by type, then category."""

    background: Background
    original: tuple[SceneObject, ...]
    modified: tuple[SceneObject, ...]
    differences: tuple[SceneDifference, ...]


def sample_pair(
    rng: Random,
    objects: Sequence[int],
    differences: Sequence[int],
    sizes: Sequence[int] = SIZES,
    look_alike: bool = False,
) -> ScenePair:
    """Sample a pair; `objects` and `differences` are (min, max), and no category occurs twice.

    With `look_alike` colours change to similar ones. Raises `UserError` for more objects than a scene can hold, or more
    differences than objects.
    """
    if objects[1] > len(CATEGORIES) or objects[0] < 1:
        raise UserError(f"objects {list(objects)}: a scene holds 1 to {len(CATEGORIES)} objects, one per category.")
    if differences[1] > objects[0]:
        raise UserError(
            f"differences {list(differences)}, objects {list(objects)}: each object has at most one difference, so "
            "max differences must not exceed min objects."
        )
    categories = rng.sample(CATEGORIES, rng.randint(*objects))
    cells = rng.sample(range(GRID * GRID), GRID * GRID)
    light = rng.choice(LIGHTS)
    start, end = rng.choice(TINTS), rng.choice(TINTS)
    background = Background(light, start, start if light == "plain" else end)
    original = tuple(
        SceneObject(category, rng.choice(list(COLORS)), rng.choice(sizes), cell, rng.choice(JITTER), rng.choice(JITTER))
        for category, cell in zip(categories, cells, strict=False)
    )
    free_cells = cells[len(categories) :]  # free in the original image: nothing moves to another object's place
    found = []
    for before in rng.sample(original, rng.randint(*differences)):
        kind = rng.choice([kind for kind in DRAWN_TYPES if free_cells or kind.changes != Attribute.PLACE])
        after = None
        if kind == DifferenceType.COLOR:
            others = LOOK_ALIKES[before.color] if look_alike else [name for name in COLORS if name != before.color]
            after = replace(before, color=rng.choice(others))
        elif kind == DifferenceType.POSITION:
            after = replace(before, cell=free_cells.pop())
        found.append(SceneDifference(kind, before, after))
    modified = modified_objects(original, found)
    found.sort(key=lambda difference: (difference.type, difference.category))
    return ScenePair(background, original, modified, tuple(found))


def modified_objects(
    original: Iterable[SceneObject], differences: Iterable[SceneDifference]
) -> tuple[SceneObject, ...]:
    """The objects of the modified image."""
    changed = {difference.before: difference.after for difference in differences}
    return tuple(after for before in original if (after := changed.get(before, before)) is not None)


@lru_cache(maxsize=8)  # 2 MB each
def _render_background(background: Background) -> npt.NDArray[np.int32]:
    steps = np.arange(SIDE, dtype=np.int32)
    fraction = {
        "plain": np.zeros((SIDE, SIDE), np.int32),
        "vertical": np.broadcast_to(2 * steps[:, None], (SIDE, SIDE)),
        "horizontal": np.broadcast_to(2 * steps[None, :], (SIDE, SIDE)),
        "diagonal": steps[:, None] + steps[None, :],
    }[background.light][..., None]
    whole = 2 * (SIDE - 1)
    start, end = np.array(background.start, np.int32), np.array(background.end, np.int32)
    pixels = (start * (whole - fraction) + end * fraction + whole // 2) // whole
    pixels.setflags(write=False)
    return pixels


def render(background: Background, objects: Iterable[SceneObject]) -> Pixels:
    """The image, (448, 448, 3), in integer arithmetic."""
    pixels = _render_background(background).copy()
    for thing in objects:
        patch = _patch(pixels, thing)
        patch[:] = _drawn_over(patch, thing)
    return pixels.astype(np.uint8)


def visible_box(background: Background, thing: SceneObject) -> PixelBox:
    """Tight bounding box of the visible object."""
    behind = _patch(_render_background(background), thing)
    shown = (_drawn_over(behind, thing) != behind).any(axis=2)
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    left, top = thing.left + int(columns[0]), thing.top + int(rows[0])
    return left, top, int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def _patch(pixels: npt.NDArray[np.int32], thing: SceneObject) -> npt.NDArray[np.int32]:
    return pixels[thing.top : thing.top + thing.size, thing.left : thing.left + thing.size]


def _drawn_over(patch: npt.NDArray[np.int32], thing: SceneObject) -> npt.NDArray[np.int32]:
    drawn = sprite(thing.category, thing.color, thing.size)
    uncovered = FULL_COVERAGE - drawn[..., 3:]
    return (patch * uncovered + drawn[..., :3] + FULL_COVERAGE // 2) // FULL_COVERAGE
