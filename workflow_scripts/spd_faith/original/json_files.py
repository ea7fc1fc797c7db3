"""Files and numbers as the original's commands write them."""

import json
from pathlib import Path
from typing import Any

from spd_faith.core.files import write_text


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def as_decimal(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.4f}"
