"""Draw a contact sheet: a few pairs of each split, with their true differences as captions and boxes."""

import argparse
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, whole_file
from spd_faith.core.schemas import IMAGES, SAMPLES

THUMBNAIL = 190  # pixels
GAP, MARGIN = 6, 18
PAIR_WIDTH = 2 * THUMBNAIL + GAP
LINE_HEIGHT, HEADING = 16, 30
CAPTION_CHARACTERS = 62
BOX_COLOR = (230, 0, 126)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples.parquet")
    parser.add_argument("--images", type=Path, required=True, help="the dataset's images.parquet")
    parser.add_argument("--output", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--pairs", type=int, default=3, help="pairs per split, evenly spaced (default: %(default)s)")
    args = parser.parse_args()
    if args.pairs < 1:
        raise UserError(f"--pairs {args.pairs}: must be at least 1")

    by_split: dict[str, list[dict[str, Any]]] = {}
    for sample in read_table(args.samples, SAMPLES).to_pylist():
        by_split.setdefault(sample["split"], []).append(sample)
    shown = {split: samples[:: max(1, len(samples) // args.pairs)][: args.pairs] for split, samples in by_split.items()}
    images = {row["sample_id"]: row for row in read_table(args.images, IMAGES).to_pylist()}

    heights = [
        HEADING + THUMBNAIL + MARGIN + LINE_HEIGHT * max(len(caption(sample)) for sample in samples)
        for samples in shown.values()
    ]
    width = 2 * MARGIN + args.pairs * PAIR_WIDTH + (args.pairs - 1) * 2 * MARGIN
    sheet = Image.new("RGB", (width, MARGIN + sum(heights)), "white")
    draw = ImageDraw.Draw(sheet)
    top = MARGIN // 2
    for (split, samples), height in zip(shown.items(), heights, strict=True):
        draw.text((MARGIN, top), split, "black", ImageFont.load_default(20))
        for column, sample in enumerate(samples):
            left = MARGIN + column * (PAIR_WIDTH + 2 * MARGIN)
            draw_pair(sheet, (left, top + HEADING), sample, images[sample["sample_id"]])
        top += height
    with whole_file(args.output) as part:
        sheet.save(part, "PNG", optimize=True)


def draw_pair(sheet: Image.Image, corner: tuple[int, int], sample: dict[str, Any], images: dict[str, Any]) -> None:
    """Both images side by side, the true boxes in them, the differences below."""
    left, top = corner
    draw = ImageDraw.Draw(sheet)
    for shift, name, box_name in ((0, "original", "bbox"), (THUMBNAIL + GAP, "modified", "bbox_after")):
        with Image.open(BytesIO(images[name])) as image:
            thumbnail = image.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
            scale_x, scale_y = THUMBNAIL / image.width, THUMBNAIL / image.height
        sheet.paste(thumbnail, (left + shift, top))
        for box in (difference[box_name] for difference in sample["differences"]):
            if box:
                x, y = left + shift + box["x"] * scale_x, top + box["y"] * scale_y
                x_end, y_end = x + box["w"] * scale_x, y + box["h"] * scale_y
                draw.rectangle((x - 2, y - 2, x_end + 1, y_end + 1), outline=BOX_COLOR)
    for number, line in enumerate(caption(sample)):
        draw.text((left, top + THUMBNAIL + 4 + number * LINE_HEIGHT), line, (60, 60, 60), ImageFont.load_default(12))


def caption(sample: dict[str, Any]) -> list[str]:
    """The true differences, in lines."""
    texts = [difference["description"] or difference["category"] for difference in sample["differences"]]
    return [line for text in texts for line in wrap(f"- {text}", CAPTION_CHARACTERS, subsequent_indent="  ")]


if __name__ == "__main__":
    run_command(main)
