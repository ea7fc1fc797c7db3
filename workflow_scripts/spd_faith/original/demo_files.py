"""The images that demo.py reads, and what it saves."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from spd_faith.core.errors import UserError
from spd_faith.core.files import whole_file
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.merged import LAYOUT_NAMES, MergedLayout, find_layout, split
from spd_faith.original.json_files import write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def read_images(paths: list[Path], layout: MergedLayout | None) -> tuple[Image.Image, Image.Image]:
    """The two images of a pair, from two files or a merged one. Raises `UserError` if they cannot be read."""
    if len(paths) > 2:
        raise UserError(f"--image_path: one merged image or two images, not {len(paths)}")
    images = [_read(path) for path in paths]
    if len(images) == 2:
        return images[0], images[1]
    if (found := layout or find_layout(images[0])) is None:
        raise UserError(
            f"{paths[0]}: cannot detect how its two images were joined; set --layout {LAYOUT_NAMES},"
            " or pass the two images separately"
        )
    return split(images[0], found)


def _read(path: Path) -> Image.Image:
    if not path.is_file():
        raise UserError(f"{path}: no such image")
    try:
        return decode(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: not a readable image\n  {error}") from error


def save_answer(folder: Path, original: Image.Image, modified: Image.Image, answer: dict[str, Any]) -> None:
    write_json(folder / "answer.json", answer)
    original.save(folder / "original.png")
    modified.save(folder / "modified.png")


def save_maps(folder: Path, maps: list[tuple[str, Callable[[], "Figure"]]]) -> None:
    """Draw the map of each word to `folder`, in files numbered in the order of the answer."""
    from spd_faith.probes.figures.drawing import style

    digits = max(2, len(str(len(maps))))
    for number, (word, draw) in enumerate(maps, start=1):
        name = re.sub(r"\W+", "_", word)[:40]
        with style(), whole_file(folder / f"{number:0{digits}d}_{name}.png") as part:
            draw().savefig(part, format="png")
