"""The two JavaScript libraries that the page carries, from the Python packages that bundle them.

DataTables (in itables) sorts and filters a table that is HTML already, so it can be read without scripts, and its
headers are buttons for keyboards and screen readers. Vega-Lite (in vl-convert) draws charts from data in the page.
"""

import importlib.util
import re
from functools import cache
from pathlib import Path

from spd_faith.core.html import Script

_EXPORTS = re.compile(r"export\s*\{([^}]*)\};?")
_DEFAULT = " as default"


def data_tables() -> Script:
    """Sets `window.DataTable`."""
    source = _in_itables("dt_bundle.js")
    (exported,) = _EXPORTS.finditer(source)
    names = [one.removesuffix(_DEFAULT) for one in exported[1].split(",") if one.endswith(_DEFAULT)]
    body = source[: exported.start()] + f"window.DataTable={names[0]};" + source[exported.end() :]
    return Script(_in_own_scope(body))


def data_tables_style() -> str:
    return _in_itables("dt_bundle.css")


@cache  # bundling takes two seconds
def vega_lite() -> Script:
    """Sets `window.vegaEmbed`."""
    import vl_convert

    return Script(_in_own_scope(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")))


def _in_itables(name: str) -> str:
    found = importlib.util.find_spec("itables")  # found, not imported: it would import pandas
    assert found is not None and found.origin is not None, "requirements-common.txt names itables"
    return (Path(found.origin).parent / "html" / name).read_text(encoding="utf-8")


def _in_own_scope(source: str) -> str:
    return f'(() => {{\n"use strict";\n{source}\n}})();'
