"""Drawing at a quarter of the size gives what a processor makes of the full image."""

from random import Random

import numpy as np
from PIL import Image

from spd_faith.dataset.scenes import render, sample_pair
from spd_faith.reference_models.small_images import render_small


def test_small_image_is_the_large_one_reduced():
    for seed in range(3):
        pair = sample_pair(Random(seed), (3, 9), (0, 3))
        for objects in (pair.original, pair.modified):
            large = Image.fromarray(render(pair.background, objects))
            reduced = np.asarray(large.resize((112, 112), Image.Resampling.BICUBIC)).astype(int)
            off = np.abs(render_small(pair.background, objects).astype(int) - reduced)
            assert off.max() <= 3, f"seed {seed}: {off.max()} levels"
            assert off.mean() < 0.6
