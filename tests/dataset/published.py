"""Pairs as the published dataset holds them, and Parquet files of them."""

import os
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def image(width: int, height: int, padding: int = 0) -> bytes:
    """A JPEG picture; `padding` random bytes behind it make it as large as wanted, and hard to compress."""
    buffer = BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, "JPEG")
    return buffer.getvalue() + os.urandom(padding)


def difference(**changes: object) -> dict:
    plain = {"type": "color", "category": "car", "description": None}
    box = {"bbox_x": 1.0, "bbox_y": 2.0, "bbox_w": 3.0, "bbox_h": 4.0}
    return {**plain, **box, **changes}


def pair(image_id: int, differences: list[dict], modified: bytes | None = None, padding: int = 0) -> dict:
    return {
        "image_id": image_id,
        "image1": image(60, 40, padding),
        "image2": modified or image(60, 40, padding),
        "num_differences": len(differences),
        "differences": differences,
    }


def parquet(pairs: list[dict], schema: pa.Schema | None = None) -> bytes:
    """The bytes of a Parquet file with these rows."""
    buffer = BytesIO()
    pq.write_table(pa.Table.from_pylist(pairs, schema=schema), buffer)
    return buffer.getvalue()


def write(folder: Path, name: str, pairs: list[dict], schema: pa.Schema | None = None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(parquet(pairs, schema))
