"""Pictures are upright, RGB and opaque; two become one by the published rule."""

import io

import numpy as np
import pytest
from PIL import Image

from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.merged import split
from spd_faith.inference.images import joined, merge, merged_on_square, usual

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixels(image):
    """Rows of (r, g, b)."""
    assert image.mode == "RGB"
    return [[tuple(pixel) for pixel in row] for row in np.asarray(image).tolist()]


def a_row(*colors, mode="RGB"):
    image = Image.new(mode, (len(colors), 1))
    for x, color in enumerate(colors):
        image.putpixel((x, 0), color)
    return image


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [  # Exif 2.3, tag 274: where the stored first row and first column are seen
        (1, [[RED, BLUE]]),  # top, left
        (2, [[BLUE, RED]]),  # top, right
        (3, [[BLUE, RED]]),  # bottom, right
        (4, [[RED, BLUE]]),  # bottom, left
        (5, [[RED], [BLUE]]),  # left, top
        (6, [[RED], [BLUE]]),  # right, top
        (7, [[BLUE], [RED]]),  # right, bottom
        (8, [[BLUE], [RED]]),  # left, bottom
    ],
)
def test_a_image_is_turned_as_its_exif_says(orientation, upright):
    exif = Image.Exif()
    exif[274] = orientation
    assert pixels(decode(encoded(a_row(RED, BLUE), exif=exif))) == upright


def test_palette():
    image = a_row(1, 0, mode="P")
    image.putpalette([*RED, *BLUE])
    assert pixels(decode(encoded(image))) == [[BLUE, RED]]


def test_transparent_entry_of_a_palette():
    image = a_row(1, 0, mode="P")
    image.putpalette([*RED, *BLUE])
    assert pixels(decode(encoded(image, transparency=1))) == [[WHITE, RED]]


def test_greyscale():
    assert pixels(decode(encoded(a_row(0, 77, 255, mode="L")))) == [[BLACK, (77, 77, 77), WHITE]]


def test_black_and_white():
    assert pixels(decode(encoded(a_row(0, 1, mode="1")))) == [[BLACK, WHITE]]


def test_16_bit_greyscale():
    image = Image.fromarray(np.array([[0, 0x4D80, 0xFFFF]], dtype=np.uint16))
    grey = (77, 77, 77)  # 0x4D80 is 77.5 × 256 and 77.2 × 257
    assert pixels(decode(encoded(image))) == [[BLACK, grey, WHITE]]


@pytest.mark.parametrize(
    ("pixel", "seen"),
    [((*RED, 255), RED), ((*RED, 0), WHITE), ((*RED, 128), (255, 127, 127)), ((*BLACK, 51), (204,) * 3)],
)
def test_transparent_parts_are_white(pixel, seen):
    assert pixels(decode(encoded(a_row(pixel, mode="RGBA")))) == [[seen]]


def test_greyscale_with_transparency():
    assert pixels(decode(encoded(a_row((0, 255), (0, 0), mode="LA")))) == [[BLACK, WHITE]]


def test_jpeg_in_print_colours():
    (((red, green, blue),),) = pixels(decode(encoded(a_row((0, 255, 255, 0), mode="CMYK"), "JPEG")))
    assert red > 250
    assert max(green, blue) < 5


def test_one_pixel():
    assert pixels(decode(encoded(Image.new("RGB", (1, 1), RED)))) == [[RED]]


PNG = encoded(Image.new("RGB", (40, 40), RED))


BROKEN = {
    "empty": b"",
    "text": b"no picture",
    "its head": PNG[:20],
    "without its end": PNG[: len(PNG) - 20],
    "damaged chunk": PNG.replace(b"IDAT", b"\tU\xe6\x04"),
    "damaged Exif": encoded(Image.new("RGB", (4, 4), RED), exif=b"no Exif at all"),  # a SyntaxError of Pillow's
    "absurd size": b"BM" + b"\xff" * 60,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_a_value_error(broken):
    with pytest.raises(ValueError, match=r"\w+: \w+"):
        decode(broken)


# ---- merged ----------------------------------------------------------------------------------------------------------


def test_portraits_are_side_by_side():
    merged = merge(Image.new("RGB", (1, 2), RED), Image.new("RGB", (1, 2), BLUE))
    assert pixels(merged) == [[RED, BLUE], [RED, BLUE]]


def test_squares_are_side_by_side():
    assert pixels(merge(Image.new("RGB", (1, 1), RED), Image.new("RGB", (1, 1), BLUE))) == [[RED, BLUE]]


def test_landscapes_are_stacked():
    merged = merge(Image.new("RGB", (2, 1), RED), Image.new("RGB", (2, 1), BLUE))
    assert pixels(merged) == [[RED, RED], [BLUE, BLUE]]


def test_nothing_is_cropped_or_mirrored():
    noise = np.random.default_rng(0).integers(0, 256, (2, 30, 20, 3), dtype=np.uint8)
    merged = np.asarray(merge(Image.fromarray(noise[0]), Image.fromarray(noise[1])))
    np.testing.assert_array_equal(merged[:, :20], noise[0])
    np.testing.assert_array_equal(merged[:, 20:], noise[1])


def test_the_second_takes_the_size_of_the_first():
    merged = merge(Image.new("RGB", (20, 30), RED), Image.new("RGB", (50, 10), BLUE))
    assert merged.size == (40, 30)
    assert pixels(merged)[0] == [RED] * 20 + [BLUE] * 20
    assert pixels(merged)[29] == [RED] * 20 + [BLUE] * 20


def test_images_are_not_changed_by_merging():
    original, modified = Image.new("RGB", (2, 3), RED), Image.new("RGB", (3, 3), BLUE)
    merge(original, modified)
    assert (original.size, modified.size) == ((2, 3), (3, 3))
    assert modified.getpixel((2, 2)) == BLUE


def test_on_a_square_a_published_merged_image_keeps_its_seam():
    """40 × 61 by 30 / 61: 19 × 14 and 19 × 15, on a square of 30 with 11 // 2 on the left and 1 // 2 above."""
    pair = split(Image.new("RGB", (40, 61), RED), "stacked")
    layout = merged_on_square(joined(*pair), 30)
    assert layout.size == (30, 30)
    assert layout.places == {0: (5, 0, 19, 14), 1: (5, 14, 19, 15)}


def test_a_layout_that_does_not_fit_the_two_images_is_not_used():
    """Such as where one of the cut images was replaced by another."""
    _, modified = split(Image.new("RGB", (40, 61), RED), "stacked")
    original = Image.new("RGB", (20, 10), BLUE)
    assert joined(original, modified) == usual((20, 10))
    modified.info["spd-faith-layout"] = "diagonal"
    assert joined(Image.new("RGB", (40, 30)), modified) == usual((40, 30))
