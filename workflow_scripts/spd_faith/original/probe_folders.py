"""Finds pairs in folders as the benchmark's commands do: merged images, and folders of pairs with or without truth."""

import os
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from spd_faith.core.config_errors import error_at
from spd_faith.core.entries import NAME
from spd_faith.core.text import writable_name
from spd_faith.dataset.folder import IMAGE_SUFFIXES, folders_in, images_by_role, truth_content, truth_file
from spd_faith.dataset.pairs import ImageFile, Pair, PairTruth
from spd_faith.original.found_pairs import DEFAULT_SPLIT, NO_TRUTH, FoundPair, stated_layout, stated_truth

_LONGEST_NAME = 255  # bytes
_PAIR_OF_IMAGES = "merged.jpg, or {id}_original.jpg and {id}_modified_final.jpg"


def holds_images(folder: Path) -> bool:
    """Whether images are in the folder itself, not in folders of pairs."""
    return any(map(_is_image, folder.iterdir()))


def pairs_of_images(folder: Path) -> Iterator[FoundPair]:
    """A pair for each image of a folder of merged images, in the order of their names."""
    for row, path in enumerate(filter(_is_image, sorted(folder.iterdir()))):
        image_id = writable_name(path.stem)
        yield FoundPair(image_id, merged_pair(path, image_id, row))


def pairs_of_folders(folder: Path) -> Iterator[FoundPair]:
    """The pairs of a folder of splits, or of one split: its subfolders hold images. In natural order, 2 before 10."""
    folder = folder.resolve()
    subfolders = folders_in(folder)
    is_split = any(holds_images(subfolder) for subfolder in subfolders)
    for split in [folder] if is_split else subfolders:
        name = split.name if NAME.fullmatch(split.name) else DEFAULT_SPLIT
        for row, path in enumerate(folders_in(split)):
            yield pair_in_folder(path, writable_name(path.name), row, name)


def pair_in_folder(folder: Path, image_id: str, row: int, split: str) -> FoundPair:
    """The pair in its folder: two images, or a merged one. Its truth may be missing."""
    images = {
        role: ImageFile(str(paths[0]), paths[0]) for role, paths in images_by_role(folder).items() if len(paths) == 1
    }
    if not {"original", "modified"} <= set(images):
        images = {role: image for role, image in images.items() if role == "merged"}
    if not images:
        names = ", ".join(sorted(path.name for path in folder.iterdir())) or "an empty folder"
        return FoundPair(image_id, None, [error_at(str(folder), "no pair of images", names, _PAIR_OF_IMAGES)])
    path = truth_file(folder)
    content = truth_content(path) if path else {}
    if isinstance(content, list):
        return FoundPair(image_id, Pair(str(folder), split, row, image_id, images, NO_TRUTH), content)
    truth, errors = stated_truth(content, str(path))
    return FoundPair(image_id, Pair(str(folder), split, row, image_id, images, truth, stated_layout(content)), errors)


def merged_pair(path: Path, image_id: str, row: int, truth: PairTruth = NO_TRUTH, split: str = DEFAULT_SPLIT) -> Pair:
    """The pair in a merged image."""
    return Pair(str(path), split, row, image_id, {"merged": ImageFile(str(path), path)}, truth)


def named_image(folder: Path, name: str) -> Path | None:
    """The image with this name, with or without its suffix."""
    paths = (folder / f"{name}{suffix}" for suffix in ("", *IMAGE_SUFFIXES))
    return next((path for path in paths if _is_image(path) and _can_exist(path) and path.is_file()), None)


def first_match(folder: Path, name: str) -> Path | None:
    """The first image named {name}_*, .jpg before other formats, as eval_cosine.py looks for it."""
    named = folder / name
    if not _can_exist(named):
        return None
    paths = filter(_is_image, named.parent.glob(f"{escape(named.name)}_*"))
    return min(paths, key=lambda path: (path.suffix != ".jpg", path), default=None)


def named_folder(folder: Path, name: str) -> Path | None:
    """The folder of the pair with this name, in the folder or in one of its splits."""
    paths = (outer / name for outer in (folder, *folders_in(folder)))
    return next((path for path in paths if _can_exist(path) and path.is_dir()), None)


def _can_exist(path: Path) -> bool:
    """Whether each part is short enough for a file system; asking for a longer one is an `OSError`."""
    return all(len(os.fsencode(part)) <= _LONGEST_NAME for part in path.parts)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
