"""Writes the page on which people label: one offline HTML file with images, truths and answers."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spd_faith.core.schemas import TASKS_OF
from spd_faith.core.text import writable
from spd_faith.judging.annotations.choices import CHOICES
from spd_faith.judging.annotations.items import AnnotationItem, truth_lines

FOLDER = Path(__file__).resolve().parents[4] / "resources" / "annotation_page"
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
    `MarkedClaim`s by item and person, it is the page on which somebody settles how they differ. No script but the
    page's own runs, and the page can load and send nothing (its Content Security Policy).
    """
    script, style = ("".join((FOLDER / name).read_text(encoding="utf-8") for name in names) for names in _SOURCES)
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
    parts = {
        "{script_sha}": _csp_hash(script),
        "{style_sha}": _csp_hash(style),
        "{style}": style,
        "{script}": script,
        "{data}": _for_script(content),  # last: answers may hold any of the others
    }
    page = (FOLDER / "page.html").read_text(encoding="utf-8")
    for name, part in parts.items():
        before, after = page.split(f"<!--{name}-->" if f"<!--{name}-->" in page else name, 1)
        page = before + part + after
    return page


_SOURCES = (("offsets.js", "page.js"), ("page.css",))


def _csp_hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _for_script(content: Any) -> str:
    """JSON that cannot end the script element that holds it, whatever the texts are."""
    text = writable(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


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
        "images": {name: {"source": data_uri(images[name]), "boxes": boxes[name]} for name in boxes},
    }


def read_images(path: Path, sample_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The encoded images of these samples only: those of all may not fit into memory."""
    columns = ["sample_id", "original", "modified"]
    rows = pq.read_table(path, columns=columns, filters=[("sample_id", "in", sample_ids)]).to_pylist()
    return {row["sample_id"]: row for row in rows}


def data_uri(encoded: bytes) -> str:
    """An image as a data URI: the bytes as they are, or as lossless WebP if browsers do not show their format."""
    from PIL import Image

    with Image.open(BytesIO(encoded)) as image:
        mime = _SHOWN_BY_BROWSERS.get(image.format or "")
        if mime is None:
            shown = BytesIO()
            image.convert("RGB").save(shown, "WEBP", lossless=True)
            mime, encoded = "image/webp", shown.getvalue()
    return f"data:{mime};base64,{base64.b64encode(encoded).decode()}"
