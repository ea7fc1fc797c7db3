"""All figures of a model on one image, as an overview."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from spd_faith.core.files import whole_file
from spd_faith.probes.figures.drawing import COLORS, COLUMN, GREY, color_of_band

_WIDTH, _GAP = 500, 24  # pixels
_LETTERS = 48  # in a line of a column
_LINE = 24  # pixels


@dataclass(frozen=True)
class Tile:
    """The first page of a figure, and its heading on the sheet."""

    image: Path
    heading: str


def write_contact_sheet(tiles: Sequence[Tile], path: Path, notes: Sequence[str] = (), columns: int = 4) -> None:
    """Write one PNG of all tiles, each below the shortest column, followed by `notes`.

    An image is one column wide, or two if its figure is.
    """
    ends = [_GAP] * columns
    placed = []
    for tile in chain(map(_headed, tiles), map(_text, notes)):
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
        bands = (*COLORS, GREY)
        kept = [part for color in bands for part in color_of_band(color)]  # pale, so easily merged with others
        palette = small.quantize(256 - len(bands), Image.Quantize.MAXCOVERAGE, kmeans=1)
        palette.putpalette((palette.getpalette() or []) + kept)
        sheet.quantize(palette=palette, dither=Image.Dither.NONE).save(part, "PNG")


def _scaled(image: Path) -> Image.Image:
    with Image.open(image) as opened:
        dots, _ = opened.info.get("dpi", (opened.width / COLUMN, None))
        across = round(opened.width / dots / COLUMN)
        width = across * _WIDTH + (across - 1) * _GAP
        height = round(opened.height * width / opened.width)
        return opened.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _headed(tile: Tile) -> Image.Image:
    image = _scaled(tile.image)
    heading = _text(tile.heading, image.width)
    both = Image.new("RGB", (image.width, heading.height + image.height), "white")
    both.paste(heading, (0, 0))
    both.paste(image, (0, heading.height))
    return both


def _text(text: str, width: int = _WIDTH) -> Image.Image:
    lines = wrap(text, _LETTERS * width // _WIDTH)
    tile = Image.new("RGB", (width, _LINE * (len(lines) + 1)), "white")
    ImageDraw.Draw(tile).text((0, 0), "\n".join(lines), "black", ImageFont.load_default(20))
    return tile
