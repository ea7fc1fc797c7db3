"""Writes the page on which people label: one offline HTML file with images, truths and answers."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spd_faith.core.html import data_uri, page_script, render_page
from spd_faith.core.schemas import TASKS_OF
from spd_faith.judging.annotations.choices import CHOICES
from spd_faith.judging.annotations.items import AnnotationItem, truth_lines

_SHOWN_BY_BROWSERS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def annotation_page(
    draw: str,
    items: Sequence[AnnotationItem],
    samples: Mapping[str, Mapping[str, Any]],
    images: Mapping[str, Mapping[str, bytes]],
    marked: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
) -> str:
    """The page as HTML.

    `draw` is that of the key; `samples` and `images` are rows of `SAMPLES` and `IMAGES` by sample. With `marked`, the
    `MarkedClaim`s by item and person, it is the page on which somebody settles how they differ.
    """
    content = {
        "kind": "annotations" if marked is None else "adjudicated",  # first part of the saved file's name
        "draw": draw,
        "choices": _choices(),
        "marked": {
            name: [[claim.model_dump() for claim in claims] for _, claims in sorted(of_item.items())]
            for name, of_item in (marked or {}).items()
        },
        **_tasks(items, samples, images),
    }
    return render_page(
        "annotate.html.j2",
        title="Label claims",
        styles=["common.css", "annotate.css"],
        scripts=[page_script("offsets.js", "annotate.js")],
        data={"data": content},
    )


def _choices() -> dict[str, list[dict[str, str | None]]]:
    return {metric: [choice._asdict() for choice in choices.values()] for metric, choices in CHOICES.items()}


def _tasks(
    items: Sequence[AnnotationItem],
    samples: Mapping[str, Mapping[str, Any]],
    images: Mapping[str, Mapping[str, bytes]],
) -> dict[str, Any]:
    """Pairs, each with its images once, and items that refer to them by position."""
    position = {sample_id: k for k, sample_id in enumerate(dict.fromkeys(item.sample_id for item in items))}
    return {
        "pairs": [_pair(samples[sample_id], images[sample_id]) for sample_id in position],
        "items": [
            {
                "id": item.id,
                "pair": position[item.sample_id],
                "metric": item.metric,
                "answers": dict(zip(TASKS_OF[item.metric], item.texts, strict=True)),
            }
            for item in items
        ],
    }


def _pair(sample: Mapping[str, Any], images: Mapping[str, bytes]) -> dict[str, Any]:
    boxes = {
        name: [list(true[box].values()) for true in sample["differences"] if true[box]]
        for name, box in (("original", "bbox"), ("modified", "bbox_after"))
    }
    return {
        "truth": truth_lines(sample),
        "images": {name: {"source": image_uri(images[name]), "boxes": boxes[name]} for name in boxes},
    }


def read_images(path: Path, sample_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The encoded images of these samples only: those of all may not fit into memory."""
    columns = ["sample_id", "original", "modified"]
    rows = pq.read_table(path, columns=columns, filters=[("sample_id", "in", sample_ids)]).to_pylist()
    return {row["sample_id"]: row for row in rows}


def image_uri(encoded: bytes) -> str:
    """An image as a data URI: the bytes as they are, or as lossless WebP if browsers do not show their format."""
    from PIL import Image

    with Image.open(BytesIO(encoded)) as image:
        mime = _SHOWN_BY_BROWSERS.get(image.format or "")
        if mime is None:
            shown = BytesIO()
            image.convert("RGB").save(shown, "WEBP", lossless=True)
            mime, encoded = "image/webp", shown.getvalue()
    return data_uri(mime, encoded)
