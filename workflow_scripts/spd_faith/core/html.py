"""Renders HTML pages that are one file each: templates, styles and scripts of resources/pages, and their data.

A page runs only the scripts that it was written with and loads nothing but images: its Content Security Policy lists
the hash of each script. Texts from models, endpoints and configs reach a page in two ways, and both escape them: as
values of a template (Jinja2 with autoescape), or as data that a script reads.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from spd_faith.core.errors import UserError
from spd_faith.core.text import writable

PAGES = Path(__file__).resolve().parents[3] / "resources" / "pages"
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(PAGES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# An HTML parser looks for these inside of scripts; in JavaScript's strings and patterns the backslash changes nothing.
_ENDINGS = {"</script": "<\\/script", "<!--": "<\\!--"}


@dataclass(frozen=True)
class Script:
    """JavaScript."""

    source: str

    @property
    def text(self) -> str:
        """The source as it can stand in a script element."""
        text = self.source
        for ending, harmless in _ENDINGS.items():
            text = text.replace(ending, harmless)
        return text

    @property
    def sha(self) -> str:
        """Its entry in a Content Security Policy."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()}'"


def page_script(*names: str) -> Script:
    """Files of resources/pages as one script."""
    return Script("\n".join(_read(name) for name in names))


def render_page(
    template: str,
    *,
    title: str,
    styles: Sequence[str],
    scripts: Sequence[Script] = (),
    data: Mapping[str, Any] | None = None,
    **values: Any,
) -> str:
    """A template that extends base.html.j2, as HTML.

    `styles` are CSS files of resources/pages or CSS with a brace, `data` JSON-ready objects by the id of the script
    element that holds them, `values` what the template itself names.
    """
    css = [text if "{" in text else _read(text) for text in styles]
    embedded = {name: script_json(content) for name, content in (data or {}).items()}
    return _ENVIRONMENT.get_template(template).render(title=title, styles=css, scripts=scripts, data=embedded, **values)


def script_json(content: Any) -> str:
    """JSON that cannot end the script element that holds it, whatever the texts are."""
    text = writable(json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def files_of_page(output: Path) -> Path:
    """The folder beside a page for its files. Raises `UserError` if `output` cannot be the name of a page."""
    if output.suffix.lower() != ".html" or output.is_dir():
        raise UserError(f"--output {output}: expected a file name that ends in .html")
    return output.with_name(f"{output.stem}_files")


def data_uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def _read(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")
