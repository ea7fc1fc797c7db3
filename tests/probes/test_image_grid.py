"""Where image tokens lie, against the models themselves: a spot in an image changes the token that should see it.

The vision tower's attention is switched off, so that each token knows its own pixels alone.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from probes.probed import noise
from tiny_models import FAMILIES

from spd_faith.inference.images import merged, usual
from spd_faith.probes.image_grid import image_tokens

SIZES = [((112, 112), (112, 112)), ((168, 112), (168, 112)), ((90, 150), (120, 100)), ((201, 133), (133, 201))]
TILED = ("llava_onevision", "merged")
KNOWN = [(name, layout) for name in FAMILIES for layout in ("pair", "merged") if (name, layout) != TILED]
UNKNOWN = [TILED, ("llava_next", "pair"), ("llava_next", "merged")]


def vision_tower(model):
    for name in ("visual", "vision_tower"):
        if hasattr(model.base_model, name):
            return getattr(model.base_model, name)
    raise AssertionError("no vision tower")


def silent(module, inputs, output):
    """The output of an attention, of zeros."""
    return (torch.zeros_like(output[0]), *output[1:]) if isinstance(output, tuple) else torch.zeros_like(output)


@pytest.fixture
def looking_alone(load):
    """Load a probed whose vision tower does not attend; all as before at the end."""
    undo = []

    def without_attention(name, layout):
        probed = load(name, layout)
        for key, module in vision_tower(probed.model).named_modules():
            if key.split(".")[-1] in ("attn", "self_attn", "attention"):
                undo.append(module.register_forward_hook(silent))
        return probed

    yield without_attention
    for handle in undo:
        handle.remove()


@torch.inference_mode()
def embedded(probed, pair):
    """The states of the image tokens as they enter the decoder, and the prompt's row."""
    batch = probed.prepared([("Same?", *pair)], [[7]])
    (row,) = batch.rows
    seen = []
    with probed.model.get_decoder().register_forward_pre_hook(
        lambda module, inputs, named: seen.append(named["inputs_embeds"]), with_kwargs=True
    ):
        probed.model.base_model(**batch.inputs, use_cache=False)
    return seen[0][0, row.image_positions], row


def with_spot(image, x, y, radius):
    """The image with a square of other pixels around a point."""
    pixels = np.array(image)
    patch = pixels[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
    patch[:] = 255 - patch
    return Image.fromarray(pixels)


@pytest.mark.parametrize(("name", "layout"), KNOWN)
@pytest.mark.parametrize("sizes", SIZES)
def test_a_spot_is_seen_by_the_token_that_lies_there(looking_alone, name, layout, sizes):
    probed = looking_alone(name, layout)
    pair = [noise(*size, seed) for seed, size in enumerate(sizes)]
    plain, row = embedded(probed, pair)
    places = row.places
    assert places.sizes == sizes
    random = np.random.default_rng(0)
    for number in (0, 1):
        (raster,) = (raster for raster in places.rasters if number in raster.images)
        for _ in range(6):
            x, y = (int(random.integers(3, length - 3)) for length in sizes[number])
            shown = list(pair)
            shown[number] = with_spot(pair[number], x, y, 1)
            changed = (embedded(probed, shown)[0] - plain).norm(dim=-1)
            across = np.searchsorted(
                raster.column_edges(number), [(x - 1) / sizes[number][0], (x + 2) / sizes[number][0]]
            )
            down = np.searchsorted(raster.row_edges(number), [(y - 1) / sizes[number][1], (y + 2) / sizes[number][1]])
            expected = raster.tokens[down[0] - 1 : down[1], across[0] - 1 : across[1]].ravel()
            assert int(changed.argmax()) in expected
            # resizing spills a spot over the border of its token, and no further
            around = raster.tokens[max(down[0] - 2, 0) : down[1] + 1, max(across[0] - 2, 0) : across[1] + 1]
            others = np.setdiff1d(np.arange(len(plain)), around)
            assert changed[others].max() <= 1e-3 * changed.max()


@pytest.mark.parametrize("name", ["qwen2_vl", "llava"])
def test_each_prompt_of_a_batch_has_its_own_places(load, name):
    probed = load(name, "merged")
    questions = [("Same?", noise(*first, 1), noise(*second, 2)) for first, second in SIZES]
    together = probed.prepared(questions, [[7]] * len(questions)).rows
    alone = [probed.prepared([question], [[7]]).rows[0] for question in questions]
    assert [row.places for row in together] == [row.places for row in alone]
    assert [row.places.sizes for row in together] == SIZES


@pytest.mark.parametrize(
    ("shape", "count", "do_pad", "known"),
    [
        ((1, 3, 8, 8), 16, False, True),
        ((1, 3, 8, 8), 15, False, False),
        ((1, 3, 8, 16), 16, False, False),  # no square
        ((4, 3, 8, 8), 16, False, False),  # tiles
        ((1, 3, 8, 8), 16, True, False),  # padded in an unknown way
        ((1, 1, 3, 8, 8), 17, True, True),
        ((1, 2, 3, 8, 8), 17, True, False),  # tiles
    ],
)
def test_squares_are_known_by_the_processors_output(shape, count, do_pad, known):
    processor = SimpleNamespace(image_processor=SimpleNamespace(do_pad=do_pad))
    sizes = ((8, 8), (8, 8))
    found = image_tokens(
        processor, {"pixel_values": torch.zeros(shape)}, [(sizes, [merged(usual((8, 8)))])], [(count,)]
    )
    assert [places is not None for places in found] == [known]


@pytest.mark.parametrize("inputs", [{}, {"pixel_values": [[torch.zeros(3, 8, 8)]]}])
def test_other_outputs_are_not_known(inputs):
    sizes = ((8, 8), (8, 8))
    assert image_tokens(SimpleNamespace(), inputs, [(sizes, [merged(usual((8, 8)))])], [(16,)]) == [None]


@pytest.mark.parametrize(("name", "layout"), UNKNOWN)
def test_images_cut_into_tiles_have_no_known_places(load, name, layout):
    pair = (noise(150, 112, 1), noise(150, 112, 2))
    (row,) = load(name, layout).prepared([("Same?", *pair)], [[7]]).rows
    assert row.places is None
