"""All figures of a model on one image, as an overview."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from textwrap import fill

from PIL import Image, ImageDraw, ImageFont

from spd_faith.core.files import whole_file
from spd_faith.probes.figures.drawing import COLORS, COLUMN, color_of_band

_WIDTH, _GAP = 500, 24  # pixels


def write_contact_sheet(images: Sequence[Path], path: Path, notes: Sequence[str] = (), columns: int = 4) -> None:
    """Write one PNG of the PNGs `images`, each below the shortest column, followed by `notes`.

    An image is one column wide, or two if its figure is. `images` has the first page of each figure.
    """
    ends = [_GAP] * columns
    placed = []
    for tile in chain(map(_scaled, images), map(_note, notes)):
        across = round(tile.width / _WIDTH)
        tops = [max(ends[column : column + across]) for column in range(columns - across + 1)]
        column = tops.index(min(tops))
        placed.append((tile, (_GAP + column * (_WIDTH + _GAP), tops[column])))
        ends[column : column + across] = [tops[column] + tile.height + _GAP] * across
    sheet = Image.new("RGB", (_GAP + columns * (_WIDTH + _GAP), max(ends)), "white")
    for tile, corner in placed:
        sheet.paste(tile, corner)
    with whole_file(path) as part:
        # A palette quarters the file size. This method keeps rare colours, such as the ends of a heat map's scale, and
        # is ten times faster on a small copy.
        small = sheet.resize((sheet.width // 4, sheet.height // 4), Image.Resampling.NEAREST)
        kept = [part for color in COLORS for part in color_of_band(color)]  # pale, so easily merged with others
        palette = small.quantize(256 - len(COLORS), Image.Quantize.MAXCOVERAGE, kmeans=1)
        palette.putpalette((palette.getpalette() or []) + kept)
        sheet.quantize(palette=palette, dither=Image.Dither.NONE).save(part, "PNG")


def _scaled(image: Path) -> Image.Image:
    with Image.open(image) as opened:
        dots, _ = opened.info.get("dpi", (opened.width / COLUMN, None))
        across = round(opened.width / dots / COLUMN)
        width = across * _WIDTH + (across - 1) * _GAP
        height = round(opened.height * width / opened.width)
        return opened.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _note(text: str) -> Image.Image:
    tile = Image.new("RGB", (_WIDTH, 100), "white")
    ImageDraw.Draw(tile).text((0, 0), fill(text, 48), "black", ImageFont.load_default(20))
    return tile
