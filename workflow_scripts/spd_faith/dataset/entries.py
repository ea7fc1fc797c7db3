"""The kinds of entries in datasets.yaml: sources of image pairs and their ground-truth differences."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field

from spd_faith.core.config_errors import error_at
from spd_faith.core.entries import (
    HUB_ID,
    LEFT_OUT_AT_DEFAULT,
    AbsentFile,
    DatasetEntry,
    DatasetRows,
    Name,
    Names,
    Resources,
    Strict,
    ascending,
    unique,
)
from spd_faith.core.errors import UserError
from spd_faith.core.kinds import EntryKinds
from spd_faith.dataset.control_settings import Controls
from spd_faith.dataset.merged import MergedLayout
from spd_faith.dataset.sampling import Limit, RandomSample, drawn_pairs, limited

if TYPE_CHECKING:
    from spd_faith.dataset.pairs import Pair


def _range(lowest: int, highest: int) -> Any:
    bound = Annotated[int, Field(ge=lowest, le=highest)]
    return Annotated[list[bound], Field(min_length=2, max_length=2), AfterValidator(ascending)]


class Source(DatasetEntry):
    """An entry whose pairs can get controls."""

    controls: Annotated[Controls | None, LEFT_OUT_AT_DEFAULT] = None
    """Control pairs to add, by kind: the number of base pairs per split; see docs/controls.md. Default: none."""

    def split_sizes(self) -> Mapping[str, int | None]:
        """Number of image pairs of each split; None if unknown."""
        raise NotImplementedError

    def control_seed(self, controls: Controls) -> int:
        """The seed that chooses the base pairs."""
        return controls.seed

    def check(self, place: str) -> None:
        if self.controls:
            self.controls.check_splits(place, self.split_sizes())

    def num_controls(self) -> dict[str, int]:
        return self.controls.estimated_pairs(self.split_sizes()) if self.controls else {}

    def rows_with_controls(self) -> DatasetRows:
        """The pairs followed by their controls. Raises `UserError` listing all errors."""
        if not self.controls:
            return self.rows()
        from spd_faith.dataset.controls import with_controls

        return with_controls(self.rows(), self.controls, self.control_seed(self.controls))


class DemoSplit(Strict):
    pairs: int = Field(ge=1, le=100_000)
    """Number of image pairs."""
    objects: _range(1, 14)  # type: ignore[valid-type]
    """[min, max] number of objects in the original image; two of the 16 cells stay free for moved objects."""
    differences: _range(1, 5)  # type: ignore[valid-type]
    """[min, max] number of differences per pair."""


def _can_be_drawn(splits: dict[str, DemoSplit]) -> dict[str, DemoSplit]:
    for name, split in splits.items():
        (min_objects, _), (_, max_differences) = split.objects, split.differences
        if max_differences > min_objects:
            what = f"up to {max_differences} differences require at least as many objects, not {min_objects}"
            raise ValueError(f"{name}: {what}")
    return splits


class DemoDataset(Source):
    source: Literal["demo"]
    """Scenes rendered by the workflow."""
    seed: int = Field(ge=0)
    """Seed of the scenes."""
    splits: Annotated[dict[Name, DemoSplit], Field(min_length=1), AfterValidator(_can_be_drawn)]
    """Settings of each split, by name."""
    is_example: ClassVar[bool] = True

    resources: ClassVar[Resources] = Resources(mem_mb=1000, runtime=10)

    def split_sizes(self) -> dict[str, int | None]:
        return {name: split.pairs for name, split in self.splits.items()}

    def control_seed(self, controls: Controls) -> int:
        return self.seed

    def check(self, place: str) -> None:
        super().check(place)
        if self.controls and self.controls.seed:
            found = error_at(
                f"{place}.controls.seed",
                "not a setting of generated pairs, whose controls use the entry's seed",
                self.controls.seed,
                "0",
            )
            raise UserError(found)

    def num_pairs(self) -> int:
        return sum(split.pairs for split in self.splits.values())

    def rows(self) -> DatasetRows:
        from spd_faith.dataset.demo import demo_rows

        return demo_rows(self)


class HubDataset(Source):
    source: Literal["hub"]
    """Parquet files of a dataset repository on the Hugging Face hub."""
    repository: str = Field(pattern=HUB_ID.pattern)
    """Id of the dataset repository, owner/name."""
    revision: str = "main"
    """Branch, tag or commit; the resolved commit is recorded with the data."""
    splits: dict[Name, Annotated[int, Field(ge=1)] | None] = Field(min_length=1)
    """Splits to use, each with its number of rows; null: unknown."""
    limit: Limit = None
    """Max pairs per split: the first N for a number N, N drawn at random for {pairs: N, seed: S}; null: all."""
    exclude: Annotated[list[str], AfterValidator(unique)] = Field(default_factory=list)
    """Sample ids of unusable pairs to leave out."""

    resources: ClassVar[Resources] = Resources(mem_mb=4000, runtime=240)

    def split_sizes(self) -> dict[str, int | None]:
        return {name: self._num_used(name, rows) for name, rows in self.splits.items()}

    def num_pairs(self) -> int | None:
        counts = self.split_sizes().values()
        return None if None in counts else sum(filter(None, counts))

    def _num_used(self, split: str, rows: int | None) -> int | None:
        """Number of pairs of a split: a random sample is drawn without the excluded ones, the first ones are not."""
        found = (re.match(rf"{re.escape(split)}/([0-9]+)_", sample_id) for sample_id in self.exclude)
        excluded = [int(match[1]) for match in found if match]
        if isinstance(self.limit, RandomSample):
            return limited(self.limit, None if rows is None else rows - len(excluded))
        first = limited(self.limit, rows)
        return None if first is None else first - sum(row < first for row in excluded)

    def rows(self) -> DatasetRows:
        from spd_faith.dataset.hub import hub_pairs
        from spd_faith.dataset.hub_download import download

        folder, commit = download(self)
        return DatasetRows({"dataset": self.repository, "revision": commit}, hub_pairs(folder, self))


class OwnPairs(Source):
    """The user's own image pairs on this machine; they can change while the entry stays the same."""

    path: str = Field(min_length=1)
    """Location of the pairs; relative paths start at the project root."""
    layout: Annotated[MergedLayout | None, LEFT_OUT_AT_DEFAULT] = None
    """Layout of all merged images that do not state their own; null: detected in the pixels of each."""

    def iter_pairs(self) -> "Iterator[Pair | str]":
        """The pairs in table order, with an error message in place of each unreadable one."""
        raise NotImplementedError

    @cached_property
    def _pairs(self) -> "list[Pair]":
        """All pairs, checked once per process. Raises `UserError` listing all errors."""
        from spd_faith.dataset.own_pairs import check_pairs

        return check_pairs(self)

    def split_sizes(self) -> Mapping[str, int]:
        return Counter(pair.split for pair in self._pairs)

    def num_pairs(self) -> int:
        return sum(self.split_sizes().values())

    def check(self, place: str) -> None:
        sizes = self.split_sizes()
        if self.controls:
            self.controls.check_splits(place, sizes)

    def content_revision(self) -> str:
        from spd_faith.dataset.own_pairs import found_revision

        return found_revision(self)

    def rows(self) -> DatasetRows:
        from spd_faith.dataset.own_pairs import read_pairs, revision

        return DatasetRows({"path": self.path, "revision": revision(self._pairs)}, read_pairs(self._pairs))


class FolderDataset(OwnPairs):
    source: Literal["folder"]
    """Folders {split}/{id}/ with the images of a pair and differences.json; see docs/own_pairs.md."""
    path: str = Field(min_length=1)
    """The folder; relative paths start at the project root."""
    splits: Names | None = None
    """Subfolders to use; null: all."""
    limit: Limit = None
    """Max pairs per split: the first N for a number N, N drawn at random for {pairs: N, seed: S}; null: all."""

    def iter_pairs(self) -> "Iterator[Pair | str]":
        from spd_faith.dataset.folder import folder_pairs

        return drawn_pairs(self.limit, folder_pairs(self))

    @classmethod
    def of_folder(cls, folder: Path, limit: Limit = None) -> Self:
        """An entry for all pairs in a folder of splits or in the folder of one split."""
        from spd_faith.dataset.folder import root_and_splits

        root, splits = root_and_splits(folder)
        return cls(source="folder", path=str(root), splits=splits, limit=limit)

    def absent_file(self) -> AbsentFile | None:
        return None if Path(self.path).is_dir() else AbsentFile("path", self.path, "an existing folder")


class JsonlDataset(OwnPairs):
    source: Literal["jsonl"]
    """A file with one pair per line: image paths and ground-truth differences; see docs/own_pairs.md."""
    path: str = Field(min_length=1)
    """The file; relative paths start at the project root."""
    image_dir: str | None = Field(default=None, min_length=1)
    """Folder that image paths are relative to; default: the folder of the file."""
    limit: Limit = None
    """Max pairs per split: the first N for a number N, N drawn at random for {pairs: N, seed: S}; null: all."""

    def iter_pairs(self) -> "Iterator[Pair | str]":
        from spd_faith.dataset.jsonl import jsonl_pairs

        return drawn_pairs(self.limit, jsonl_pairs(self))

    def absent_file(self) -> AbsentFile | None:
        if not Path(self.path).is_file():
            return AbsentFile("path", self.path, "an existing file")
        if self.image_dir is not None and not Path(self.image_dir).is_dir():
            return AbsentFile("image_dir", self.image_dir, "an existing folder")
        return None


DATASETS = EntryKinds[Source]("datasets", "source", (DemoDataset, HubDataset, FolderDataset, JsonlDataset))
