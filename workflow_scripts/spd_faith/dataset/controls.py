"""Adds controls to the pairs of any source, see `control_kinds.py` and docs/controls.md.

The base pairs are, in each split, those with the smallest hashes of seed and sample id: they depend on no other pair,
every kind takes the first of the same ones, and a larger number keeps the smaller sample.
"""

import heapq
import logging
import pickle
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256 as running_sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from spd_faith.core.entries import DatasetRows, Rows
from spd_faith.core.files import sha256
from spd_faith.core.progress import progress
from spd_faith.dataset.control_kinds import CONTROLS, ControlKind, ControlPair, LeftOut
from spd_faith.dataset.controlled_pair import BasePair, image_size
from spd_faith.dataset.sampling import draw_hash

if TYPE_CHECKING:
    from spd_faith.dataset.control_settings import Controls

_PAIRS_PER_BATCH = 16
_log = logging.getLogger(__name__)


def with_controls(rows: DatasetRows, controls: "Controls", seed: int) -> DatasetRows:
    """The pairs of a source, followed by their controls.

    The summary counts the controls that were made and left out, by kind and reason, and identifies their images.
    """
    made = _Controls(rows, controls, seed)
    return DatasetRows(rows.provenance, made.batches(), summary=made.summary)


class _BasePairs:
    """The base pairs seen so far. Their rows are on disk, because all their images may not fit in memory."""

    def __init__(self, folder: Path, controls: "Controls", seed: int) -> None:
        self._folder = folder
        self._controls = controls
        self._seed = seed
        self._heaps: dict[str, list[tuple[int, str]]] = {}  # by split: (-hash, file name), the largest hash first

    def add(self, sample: Mapping[str, Any], image: Mapping[str, Any]) -> None:
        heap = self._heaps.setdefault(sample["split"], [])
        name = draw_hash(self._seed, sample["sample_id"])
        heapq.heappush(heap, (-int(name, 16), name))
        dropped = heapq.heappop(heap)[1] if len(heap) > self._controls.max_base_pairs(sample["split"]) else None
        if name != dropped:
            (self._folder / name).write_bytes(pickle.dumps((sample, image)))
            if dropped:
                (self._folder / dropped).unlink()

    def __len__(self) -> int:
        return sum(map(len, self._heaps.values()))

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, Any], Mapping[str, Any]]]:
        """(rank in its split, row of `SAMPLES`, row of `IMAGES`) of each, by split and hash."""
        for heap in self._heaps.values():
            for rank, (_, name) in enumerate(sorted(heap, reverse=True)):
                yield rank, *pickle.loads((self._folder / name).read_bytes())


class _Controls:
    """Makes the controls of a source and counts them."""

    def __init__(self, rows: DatasetRows, controls: "Controls", seed: int) -> None:
        self._rows = rows
        self._controls = controls
        self._seed = seed
        self._made: Counter[str] = Counter()
        self._left_out: dict[str, Counter[str]] = {name: Counter() for name in CONTROLS}
        self._images = running_sha256()

    def batches(self) -> Iterator[tuple[Rows, Rows]]:
        with TemporaryDirectory() as folder:
            base_pairs = _BasePairs(Path(folder), self._controls, self._seed)
            for samples, images in self._rows.batches:
                for pair in zip(samples, images, strict=True):
                    base_pairs.add(*pair)
                yield samples, images
            yield from self._of_all(base_pairs)
        self._report()

    def summary(self) -> dict[str, Any]:
        """The numbers of controls made and left out, by kind and reason, and a hash of all their images."""
        counts = {
            name: {"made": self._made[name], "left_out": dict(self._left_out[name])}
            for name in CONTROLS
            if self._made[name] or self._left_out[name]
        }
        return {"controls": counts, "control_images": f"sha256:{self._images.hexdigest()[:16]}"}

    def _of_all(self, base_pairs: _BasePairs) -> Iterator[tuple[Rows, Rows]]:
        samples: Rows = []
        images: Rows = []
        with progress(len(base_pairs), "Controls made", "pair") as bar:
            for rank, sample, image in base_pairs:
                base = BasePair(sample, image, self._seed, self._rows.draw_undone)
                for kind in CONTROLS.values():
                    if rank < self._controls.base_pairs(kind.name, sample["split"]):
                        for control, pair in self._of_kind(kind, base):
                            samples.append(control)
                            images.append(pair)
                bar.update()
                if len(samples) >= _PAIRS_PER_BATCH:
                    yield samples, images
                    samples, images = [], []
        if samples:
            yield samples, images

    def _of_kind(self, kind: ControlKind, base: BasePair) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Rows of `SAMPLES` and `IMAGES`."""
        try:
            for made in kind.make(base):
                if isinstance(made, LeftOut):
                    self._left_out[kind.name][made.reason] += 1
                else:
                    self._made[kind.name] += 1
                    control, pair = _sample_row(kind, base, made), _image_row(kind, base, made)
                    self._images.update(f"{pair['original_sha256']}{pair['modified_sha256']}".encode())
                    yield control, pair
        except ValueError as error:
            _log.warning("%s: no control %s: %s", base.sample["sample_id"], kind.name, error)
            self._left_out[kind.name]["unreadable"] += 1

    def _report(self) -> None:
        for name, left_out in self._left_out.items():
            if left_out:
                reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(left_out.items()))
                made = self._made[name]
                _log.warning("controls %s: %d made, %d left out: %s", name, made, left_out.total(), reasons)


def _sample_row(kind: ControlKind, base: BasePair, made: ControlPair) -> dict[str, Any]:
    width, height = image_size(made.images[0])
    return {
        **base.sample,
        **made.truth,
        "sample_id": _sample_id(kind, base, made),
        "width": width,
        "height": height,
        "num_differences": len(made.truth["differences"]),
        "question": None,
        "is_faithful": None,
        "control": kind.name,
        "base_sample_id": base.sample["sample_id"],
        "undone_difference": made.number,
    }


def _image_row(kind: ControlKind, base: BasePair, made: ControlPair) -> dict[str, Any]:
    original, modified = made.images
    return {
        "sample_id": _sample_id(kind, base, made),
        "original": original,
        "modified": modified,
        "original_sha256": sha256(original),
        "modified_sha256": sha256(modified),
    }


def _sample_id(kind: ControlKind, base: BasePair, made: ControlPair) -> str:
    """The base pair's id with the kind, and with the number from 1 of the difference that the control is about."""
    number = "" if made.number is None else f"-{made.number + 1}"
    return f"{base.sample['sample_id']}-{kind.name}{number}"
