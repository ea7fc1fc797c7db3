"""A pair as large as a photograph, and an answer about it as long as a real model's."""

import numpy as np
from PIL import Image, ImageDraw

from spd_faith.dataset.demo import encode_png

SIZE = (800, 600)  # 28 × 21 tokens of 28 pixels, after rounding to whole tokens: (812, 588)
# in pixels, with fractions, as annotators draw them
UMBRELLA = (40.25, 60.5, 130.75, 88.4)
DOG = (310.6, 420.3, 96.9, 70.2)
BUS = (500.0, 200.0, 300.7, 120.5)  # over the right border, by less than a pixel
BENCH, BENCH_AFTER = (60.1, 480.2, 110.4, 70.3), (180.5, 300.4, 110.4, 70.3)
BICYCLE = (600.4, 400.2, 90.3, 90.9)  # did not change


def box(x, y, w, h):
    return {"x": x, "y": y, "w": w, "h": h}


def difference(kind, category, before, after=None, **more):
    boxes = {"bbox": box(*before), "bbox_after": after and box(*after)}
    return {"type": kind, "category": category, "description": None} | boxes | more


def photograph(size=SIZE):
    """Two gradients with noise at two scales."""
    width, height = size
    across, down = np.meshgrid(np.linspace(0, 120, width), np.linspace(0, 90, height))
    levels = np.stack([across + 60, down + 90, 180 - across / 2 - down / 2], axis=-1)
    draw = np.random.default_rng(0)
    coarse = draw.integers(-20, 21, (height // 40 + 1, width // 40 + 1, 3)).repeat(40, axis=0).repeat(40, axis=1)
    fine = draw.integers(-6, 7, (height, width, 3))
    return Image.fromarray((levels + coarse[:height, :width] + fine).clip(0, 255).astype(np.uint8))


def painted(image, *shapes):
    """The image with an ellipse of a color in each box."""
    image = image.copy()
    for (x, y, w, h), color in shapes:
        ImageDraw.Draw(image).ellipse((x + 1, y + 1, min(x + w, image.width) - 1, y + h - 1), fill=color)
    return image


def pair(sample_id="multi_diff/00004_4"):
    """Four differences: rows of `SAMPLES` and `IMAGES`."""
    still = [(BICYCLE, "black")]
    original = painted(photograph(), *still, (UMBRELLA, "red"), (DOG, "brown"), (BUS, "yellow"), (BENCH, "gray"))
    modified = painted(photograph(), *still, (UMBRELLA, "blue"), (BUS, "green"), (BENCH_AFTER, "gray"))
    differences = [
        difference("color", "umbrella", UMBRELLA, UMBRELLA),
        difference("remove", "dog", DOG),
        difference("color", "bus", BUS, BUS),
        difference("position", "bench", BENCH, BENCH_AFTER),
    ]
    return rows(sample_id, original, modified, differences, [{"category": "bicycle", "bbox": box(*BICYCLE)}])


def rows(sample_id, original, modified, differences, unchanged=None):
    """Of `SAMPLES` and `IMAGES`."""
    sample = {"sample_id": sample_id, "split": sample_id.split("/")[0], "image_id": sample_id, "control": "none"}
    sample |= {"width": original.width, "height": original.height, "num_differences": len(differences)}
    sample |= {"differences": differences, "unchanged": unchanged}
    encoded = {name: encode_png(np.asarray(one)) for name, one in (("original", original), ("modified", modified))}
    shas = {"original_sha256": "", "modified_sha256": "", "merged": None, "merged_sha256": None}
    return sample, {"sample_id": sample_id} | encoded | shas


# Three of the four differences are named, one object that did not change is claimed, and the summary says all again.
CLAIMS = {
    "umbrella": "In the first picture, the umbrella above the café table is red. In the second picture, it is blue",
    "dog": "The brown dog that lies beside the fountain in the first picture is missing from the second picture",
    "bench": "The wooden bench has been moved from the lower left corner to the centre of the square",
}
OTHER = "The bicycle leaning against the wall is black in the first picture and silver in the second picture"
COUNT = "There are **4 differences"
JSON_ENTRIES = {
    "umbrella": '{"type": "color", "category": "umbrella"}',
    "dog": '{"type": "remove", "category": "dog"}',
    "bicycle": '{"type": "color", "category": "bicycle"}',
    "bench": '{"type": "position", "category": "bench"}',
}
LONG_ANSWER = "\n".join(
    [
        "To find out how many differences there are, I compared the two pictures carefully, region by region, starting "
        "with the upper left corner and ending with the lower right one. Both of them show the same public square on a "
        "bright afternoon, with a café, a fountain, some trees and a few vehicles at the edge of the road.",
        "",
        f"{COUNT}** between the two pictures:",
        "",
        f"1. **Umbrella:** {CLAIMS['umbrella']}. The folds of the fabric, the pole and the shadow on the ground are "
        "the same, so only the colour was edited.",
        "",
        f"2. **Dog:** {CLAIMS['dog']}. The paving stones are visible where the animal was lying before.",
        "",
        f"3. **Bicycle:** {OTHER}. The basket and the wheels look alike in both of them.",
        "",
        f"4. **Bench:** {CLAIMS['bench']}. It keeps its shape, its size and its slats.",
        "",
        "Everything else, including the trees, the fountain, the windows of the café and the clouds in the sky, "
        "appears to be identical in both pictures. I also paid attention to small details such as the lamp posts, the "
        "traffic signs and the shadows, and I could not find anything else that was altered.",
        "",
        "### Summary",
        "",
        "In summary, the umbrella turned from red to blue, the dog was removed, the bicycle changed its colour from "
        "black to silver, and the bench was moved to another place. These edits are local and leave the rest of the "
        "scene untouched. Taken together, they change what the picture tells about the place, but not where it was "
        "taken, and none of them can be explained by another camera angle or by another time of the day.",
        "",
        "```json",
        "{",
        '  "num_differences": 4,',
        '  "differences": [',
        ",\n".join(f"    {entry}" for entry in JSON_ENTRIES.values()),
        "  ]",
        "}",
        "```",
    ]
)
