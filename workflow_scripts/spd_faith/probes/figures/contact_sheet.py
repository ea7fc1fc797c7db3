"""All figures of a model on one picture, to be looked over."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from spd_faith.core.files import whole_file
from spd_faith.probes.figures.drawing import COLORS, color_of_band

_WIDTH, _GAP = 500, 24  # pixels


def write_contact_sheet(pictures: Sequence[Path], path: Path, columns: int = 4) -> None:
    """Write one PNG of the PNGs `pictures`, each as wide as a column, the next below the shortest column."""
    ends = [_GAP] * columns
    placed = []
    for picture in pictures:
        with Image.open(picture) as opened:
            scaled = opened.convert("RGB").resize(
                (_WIDTH, round(opened.height * _WIDTH / opened.width)), Image.Resampling.LANCZOS
            )
        column = ends.index(min(ends))
        placed.append((scaled, (_GAP + column * (_WIDTH + _GAP), ends[column])))
        ends[column] += scaled.height + _GAP
    sheet = Image.new("RGB", (_GAP + columns * (_WIDTH + _GAP), max(ends)), "white")
    for scaled, corner in placed:
        sheet.paste(scaled, corner)
    with whole_file(path) as part:
        # a quarter of the size; this method keeps rare colours, such as the ends of a heat map's scale, and is ten
        # times as fast where it chooses them by a small copy
        small = sheet.resize((sheet.width // 4, sheet.height // 4), Image.Resampling.NEAREST)
        kept = [part for color in COLORS for part in color_of_band(color)]  # pale: one would be taken for another
        palette = small.quantize(256 - len(COLORS), Image.Quantize.MAXCOVERAGE, kmeans=1)
        palette.putpalette(palette.getpalette() + kept)
        sheet.quantize(palette=palette, dither=Image.Dither.NONE).save(part, "PNG")
