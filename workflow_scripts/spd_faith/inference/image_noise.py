"""Diffusion noise on the pixels that a model reads: the same for an image in any batch and at any place in it.

Visual Contrastive Decoding distorts images so (arXiv 2311.16922, equation 2; the schedule is the one of its released
code, `vcd_utils/vcd_add_noise.py` of DAMO-NLP-SG/VCD).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from PIL import Image

from spd_faith.core.errors import UserError

STEPS = 1_000
_SMALLEST_BETA, _LARGEST_BETA = 1e-5, 5e-3


def random_generator(seed: int, *contents: bytes) -> np.random.Generator:
    """A generator that depends on the seed and the contents alone."""
    digests = b"".join(sha256(content).digest() for content in (str(seed).encode(), *contents))
    return np.random.default_rng(int.from_bytes(sha256(digests).digest()))


def content_of(image: Image.Image) -> bytes:
    """Size and pixels: equal for equal images alone."""
    return f"{image.mode} {image.size}".encode() + image.tobytes()


def signal_and_noise(step: int) -> tuple[float, float]:
    """What pixels and standard normal noise are multiplied with at a step from 0 to 999: √ᾱ and √(1 − ᾱ).

    ᾱ is the product of 1 − β over all steps up to this one; β rises from 10⁻⁵ to 5 × 10⁻³, as a sigmoid from −6 to 6.
    """
    rising = 1 / (1 + np.exp(-np.linspace(-6, 6, STEPS)))
    kept = np.prod(1 - (_SMALLEST_BETA + (_LARGEST_BETA - _SMALLEST_BETA) * rising[: step + 1]))
    return float(np.sqrt(kept)), float(np.sqrt(1 - kept))


def noised(
    inputs: Mapping[str, Any], images: Sequence[Image.Image], image_processor: Any, step: int, seed: int
) -> torch.Tensor:
    """The pixel values of a model's `inputs` with the noise of a step, from `seed` and the content of each image.

    `images` are those of all prompts, in order. Raises `UserError` if the pixel values are not those of one image after
    the other, each with the shape that it has in any batch, but for padding behind it.
    """
    pixels: torch.Tensor | None = inputs.get("pixel_values")
    if pixels is None or (pixels.ndim == 4 and "image_sizes" in inputs):  # padded to the batch's largest image
        raise UserError(f"contrast: noise does not support {type(image_processor).__name__} (no pixels by image)")
    if "image_grid_thw" in inputs:  # patches × values, with equal frames of a still image, which share their noise
        counts = inputs["image_grid_thw"].prod(dim=-1).tolist()
        frames, values = image_processor.temporal_patch_size, image_processor.patch_size**2
    else:  # images × … × height × width
        counts, frames, values = [1] * len(pixels), 1, 1
    if len(counts) != len(images):
        what = f"{len(images)} images have {len(counts)} arrays of pixels"
        raise UserError(f"contrast: noise does not support {type(image_processor).__name__}: {what}")
    kept, added = signal_and_noise(step)
    parts = []
    for part, image in zip(pixels.split(counts), images, strict=True):
        signal = part.float().reshape(len(part), -1, frames, values)
        # drawn in order, so that padding behind the pixels, which depends on the batch, changes none of them
        shape = (*signal.shape[:2], 1, values)
        noise = torch.from_numpy(random_generator(seed, content_of(image)).standard_normal(shape, dtype=np.float32))
        parts.append((kept * signal + added * noise.to(part.device)).reshape(part.shape))
    return torch.cat(parts).to(pixels.dtype)
