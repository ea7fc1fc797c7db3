"""The words of the language that answers are written in: `resources/lexicon/en/*.yaml`, read and checked.

Each file has a typed object, declared by the module that owns its words:

    class _Sides(LexiconFile):
        left: WordSet

    SIDES = load_lexicon("sides", _Sides)

In the files every scalar is a string, so that "no", "on" and "1" need no quotes. Words are in lower case, with a plain
apostrophe ("can't").
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from spd_faith.core.errors import UserError

LEXICON = Path(__file__).resolve().parents[3] / "resources" / "lexicon" / "en"

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # the one in C takes a tenth of the time


def _as_entries(raw: Any) -> Any:
    """A list as a tuple; what else there is stays, to be refused by its type."""
    if not isinstance(raw, list):
        return raw
    if repeated := [entry for at, entry in enumerate(raw) if entry in raw[:at]]:
        raise ValueError(f"{repeated[0]!r} is listed twice")
    return tuple(raw)


def _as_set(raw: Any) -> Any:
    entries = _as_entries(raw)
    return frozenset(entries) if isinstance(entries, tuple) and all(isinstance(e, str) for e in entries) else entries


def _is_phrase(phrase: str) -> str:
    if phrase != phrase.lower() or phrase != " ".join(phrase.split()) or not phrase or "’" in phrase:
        raise ValueError(f"{phrase!r} is not in lower case, with single spaces and plain apostrophes")
    return phrase


def _is_word(word: str) -> str:
    if " " in _is_phrase(word):
        raise ValueError(f"{word!r} is more than one word")
    return word


Phrase = Annotated[str, AfterValidator(_is_phrase)]
"""One or more words."""

PhraseList = Annotated[tuple[Phrase, ...], BeforeValidator(_as_entries)]
"""Phrases in their order, each once."""

WordSet = Annotated[frozenset[Annotated[str, AfterValidator(_is_word)]], BeforeValidator(_as_set)]
"""Single words, each listed once."""


class LexiconFile(BaseModel):
    """What one file of the lexicon holds; unknown and missing keys are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_File = TypeVar("_File", bound=LexiconFile)


@cache
def load_lexicon(name: str, model: type[_File]) -> _File:
    """The file `{name}.yaml` as a `model`. Raises `UserError` with file and key for each error in it."""
    path = LEXICON / f"{name}.yaml"
    return read_lexicon_file(path, model)


def read_lexicon_file(path: Path, model: type[_File]) -> _File:
    """Any file as a `model`. Raises `UserError` with file and key for each error in it."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    try:
        return model.model_validate(_content(path, node))
    except ValidationError as error:
        raise UserError("\n".join(_explained(path, detail) for detail in error.errors())) from None


def _explained(path: Path, detail: Any) -> str:
    key = ".".join(map(str, detail["loc"]))
    reasons = {"extra_forbidden": "unknown key", "missing": "missing key"}
    reason = reasons.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    return f"{path}: {key}: {reason}"


def _content(path: Path, node: yaml.Node | None) -> Any:
    """A node of YAML as strings, lists and dictionaries."""
    if isinstance(node, yaml.MappingNode):
        content: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in content:
                raise UserError(f"{path}: line {key.start_mark.line + 1}: the key {key.value!r} is repeated")
            content[key.value] = _content(path, value)
        return content
    if isinstance(node, yaml.SequenceNode):
        return [_content(path, one) for one in node.value]
    return node.value if node else None


def any_of(phrases: Iterable[str]) -> str:
    """A pattern for any of the phrases, the first that fits; an apostrophe fits the typographic one too."""
    return f"(?:{'|'.join(map(_pattern, phrases))})"


def _pattern(phrase: str) -> str:
    return re.escape(phrase).replace("\\ ", " ").replace("\\-", "-").replace("'", "['’]")
