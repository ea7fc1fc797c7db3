"""Reads pairs in the released layout: folders {split}/{id}/ with the images, identified by name, and the truth."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spd_faith.core.config_errors import NAME_RULE, error_at
from spd_faith.core.entries import NAME
from spd_faith.core.text import writable_name
from spd_faith.dataset.merged import LAYOUT_NAMES, MergedLayout
from spd_faith.dataset.pairs import ImageFile, Pair, PairTruth, read_object, read_strict
from spd_faith.dataset.sampling import first_pairs

if TYPE_CHECKING:
    from spd_faith.dataset.entries import FolderDataset

TRUTH = "differences.json"
LOG = "log.json"  # written by the released generator; used if TRUTH is missing

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_ENDINGS = {  # of the file stem; the first match counts
    "original": ("original",),
    "modified": ("modified_final", "modified"),
    "merged": ("merged",),
}
_LAYOUT_HINT = f"`layout` in {TRUTH}: {LAYOUT_NAMES}; or in the dataset's entry, for all pairs"
_LOGGED_NAMES = {"original_bbox": "bbox", "new_bbox": "bbox_after"}
_LOGGED_ONLY = {"category_id", "area", "selection_reason", "object_index", "diff_index"}


class FolderTruth(PairTruth):
    """The content of the truth file of a pair."""

    layout: MergedLayout | None = None
    """Layout of a merged image without the two single ones; default: that of the entry, or as its pixels show."""


def folder_pairs(dataset: "FolderDataset") -> Iterator[Pair | str]:
    """The pairs of the entry in natural name order, with error messages in place of unreadable ones.

    Not limited by a random sample, which is drawn from all of them.
    """
    root = Path(dataset.path)
    folders = folders_in(root)
    if folders and not {"original", "merged"}.isdisjoint(images_by_role(folders[0])):
        allowed = f"the parent folder as path, with splits: [{root.name}]"
        yield error_at(str(root), "its subfolders hold images, so it is a single split", folders[0].name, allowed)
        return
    splits = [folder.name for folder in folders]
    for split in splits if dataset.splits is None else dataset.splits:
        if split not in splits:
            yield error_at(str(root), "no such split folder", split, splits)
        elif not NAME.fullmatch(split):
            yield error_at(str(root / split), "not a valid split name", split, NAME_RULE)
        else:
            yield from _split_pairs(root / split, dataset)


def root_and_splits(folder: Path) -> tuple[Path, list[str] | None]:
    """(root, splits) for a folder of splits, where None means all, or for the folder of one split."""
    folder = folder.resolve()
    has_splits = any(inner.is_dir() for outer in folders_in(folder) for inner in outer.iterdir())
    return (folder, None) if has_splits else (folder.parent, [folder.name])


def _split_pairs(folder: Path, dataset: "FolderDataset") -> Iterator[Pair | str]:
    pairs = folders_in(folder)
    if strays := [path.name for path in _visible(folder) if path.suffix.lower() in IMAGE_SUFFIXES]:
        allowed = f"a folder per pair, {folder.name}/{{id}}/{{id}}_original.jpg"
        yield error_at(str(folder), "images outside the folders of pairs", ", ".join(strays), allowed)
    elif not pairs:
        yield error_at(str(folder), "no pairs", "an empty folder", f"a folder per pair, {folder.name}/{{id}}/")
    for row, path in enumerate(pairs[: first_pairs(dataset.limit)]):
        yield from _pair(path, row, dataset.layout)


def _pair(folder: Path, row: int, layout: MergedLayout | None) -> Iterator[Pair | str]:
    found, truth = images_by_role(folder), _truth(folder)
    errors = list(_image_errors(folder, found))
    if errors or isinstance(truth, list):
        yield from errors
        yield from truth if isinstance(truth, list) else ()
        return
    images = {role: ImageFile(str(path), path) for role, (path,) in found.items()}
    place = str(folder / (TRUTH if (folder / TRUTH).exists() else LOG))
    image_id = writable_name(folder.name)
    yield Pair(place, folder.parent.name, row, image_id, images, truth, truth.layout or layout, _LAYOUT_HINT)


def _image_errors(folder: Path, found: dict[str, list[Path]]) -> Iterator[str]:
    """Errors for roles with no image, or more than one, in the folder of a pair; a merged image is enough."""
    for role in ("original", "modified") if set(found) != {"merged"} else ():
        if role not in found:
            names = ", ".join(path.name for path in _visible(folder)) or "an empty folder"
            expected = f"{folder.name}_{_ENDINGS[role][0]}.jpg, .png or .webp"
            yield error_at(str(folder), f"no {role} image", names, expected)
    for role, paths in found.items():
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            yield error_at(str(folder), f"more than one {role} image", names, "exactly one")


def _truth(folder: Path) -> FolderTruth | list[str]:
    path = truth_file(folder)
    if path is None:
        return [error_at(str(folder), "no truth", "no such file", f"{TRUTH} (or {LOG} of the released generator)")]
    content = truth_content(path)
    return content if isinstance(content, list) else read_strict(FolderTruth, content, str(path))


def truth_file(folder: Path) -> Path | None:
    """The file with the truth in the folder of a pair."""
    return next((path for name in (TRUTH, LOG) if (path := folder / name).is_file()), None)


def truth_content(path: Path) -> dict[str, Any] | list[str]:
    """The content of a truth file with the keys of `FolderTruth`, not yet checked, or the errors in the file."""
    content = read_object(path.read_bytes(), str(path))
    if isinstance(content, list) or path.name != LOG:
        return content
    return {"modifications": [_unlogged(entry) for entry in content.get("differences") or []]}


def _unlogged(entry: Any) -> Any:
    """A difference of the generator's log with the keys of `Modification`; a failed one keeps its `error`."""
    if not isinstance(entry, dict):
        return entry
    return {_LOGGED_NAMES.get(key, key): value for key, value in entry.items() if key not in _LOGGED_ONLY}


def images_by_role(folder: Path) -> dict[str, list[Path]]:
    """The images in a pair's folder by role; others, such as the generator's intermediate steps, are ignored."""
    images = [path for path in _visible(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
    found = {}
    for role, endings in _ENDINGS.items():
        for ending in endings:
            named = [path for path in images if f"_{path.stem.lower()}".endswith(f"_{ending}")]
            if named:
                found[role] = named
                break
    return found


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden, in natural order."""
    return [path for path in _visible(folder) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """The entries of a folder that are not hidden, in natural order: 2 before 10."""
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural)


def _natural(path: Path) -> tuple[list[str | int], str]:
    parts = re.split(r"([0-9]+)", path.name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], path.name
