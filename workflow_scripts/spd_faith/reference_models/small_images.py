"""Render scenes at 112×112 pixels: the processor's result for 448×448 images, but many times faster.

Bicubic resizing is linear, so it can come before drawing: sprites and backgrounds are reduced once and composed at the
small size. Pixels differ from the reduced large image by at most two levels of 255.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from spd_faith.dataset.scenes import SIDE, Background, Pixels, SceneObject, render
from spd_faith.dataset.sprites import FULL_COVERAGE, sprite

REDUCTION = 4
SMALL_SIDE = SIDE // REDUCTION
_MARGIN = 4  # pixels by which the filter spreads a sprite's edge


def render_small(background: Background, objects: Iterable[SceneObject]) -> Pixels:
    """The image, (112, 112, 3)."""
    pixels: npt.NDArray[np.float32] = _small_background(background).copy()  # with a margin all around
    for thing in objects:
        drawn = _small_sprite(thing.category, thing.color, thing.size)
        top, left = thing.top // REDUCTION, thing.left // REDUCTION
        patch = pixels[top : top + len(drawn), left : left + len(drawn)]
        patch *= 1 - drawn[..., 3:]
        patch += drawn[..., :3]
    inner = pixels[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    small: Pixels = np.clip(inner + 0.5, 0, 255).astype(np.uint8)
    return small


@cache
def _small_background(background: Background) -> npt.NDArray[np.float32]:
    small = _reduce(render(background, []).astype(np.float32))
    return np.pad(small, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)), mode="edge")


@cache
def _small_sprite(category: str, color: str, size: int) -> npt.NDArray[np.float32]:
    """Premultiplied RGB and opacity, with a margin all around."""
    large = sprite(category, color, size).astype(np.float32) / FULL_COVERAGE
    margin = _MARGIN * REDUCTION
    return _reduce(np.pad(large, ((margin, margin), (margin, margin), (0, 0))))


def _reduce(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    size = (pixels.shape[1] // REDUCTION, pixels.shape[0] // REDUCTION)
    channels = [
        Image.fromarray(np.ascontiguousarray(channel)).resize(size, Image.Resampling.BICUBIC)
        for channel in np.moveaxis(pixels, 2, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)
