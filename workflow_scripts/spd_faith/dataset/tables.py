"""Writes the tables of a dataset batch by batch, because all images may not fit into memory."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from spd_faith.core.entries import Rows
from spd_faith.core.files import table_writer, write_table
from spd_faith.core.schemas import IMAGES, SAMPLES


def write_dataset(
    samples: Path,
    images: Path,
    batches: Iterable[tuple[Rows, Rows]],
    provenance: Mapping[str, Any],
    summary: Callable[[], Mapping[str, Any]] = dict,
) -> int:
    """Write the tables of samples and images, both with `provenance`; returns the number of pairs.

    `batches` yields (rows of `SAMPLES`, rows of `IMAGES`); if it raises, neither table is written. `summary`, called
    after the last batch, is further provenance of the samples.
    """
    sample_rows: Rows = []
    with table_writer(images, IMAGES, dict(provenance)) as write_images:
        for of_samples, of_images in batches:
            sample_rows += of_samples
            write_images(of_images)
    write_table(samples, sample_rows, SAMPLES, {**provenance, **summary()})
    return len(sample_rows)
