"""Packs data of a page: each text once, and all of it compressed, for a page that carries its data has a size."""

import base64
import json
import zlib
from typing import Any

from spd_faith.core.text import writable


def packed(content: Any) -> str:
    """JSON, compressed (raw deflate), in base64; samples_logic.js unpacks it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    text = writable(json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return base64.b64encode(deflate.compress(text.encode()) + deflate.flush()).decode()


class Pool:
    """Values that the data hold once and name by their number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        key = value if isinstance(value, str) else json.dumps(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]

    def cut(self, length: int) -> None:
        """Forget the values after the first `length`."""
        for value in self.values[length:]:
            del self._numbers[value]
        del self.values[length:]
