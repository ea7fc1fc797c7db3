"""Loads and checks the word lists in `resources/lexicon/{language}/*.yaml`; prose is read in English alone.

The module that uses a file declares its type:

    class _Sides(LexiconFile):
        left: WordSet

    SIDES = load_lexicon("sides", _Sides)

Every scalar is a string, so "no", "on" and "1" need no quotes. Words are lower case with a plain apostrophe ("can't").
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args, get_origin

import yaml

from spd_faith.core.errors import UserError

LEXICON = Path(__file__).resolve().parents[3] / "resources" / "lexicon"
READ = "en"
"""The language in which prose is read."""

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # the C loader is ten times as fast

Phrase = str
"""One or more words."""

PhraseList = tuple[str, ...]
"""Distinct phrases in order."""

WordSet = frozenset[str]
"""Distinct single words."""


class LexiconFile:
    """The contents of a lexicon file or a section of it; unknown and missing keys are errors.

    Fields are annotated as `Phrase`, `PhraseList`, `WordSet`, a `dict` from strings to one of these, or another
    `LexiconFile`. Pydantic would take ten times as long, imports included, and cheap commands read about thirty files.
    """

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"the lexicon is read-only: {name}")


_File = TypeVar("_File", bound=LexiconFile)


@cache
def load_lexicon(name: str, model: type[_File], language: str = READ) -> _File:
    """Load `{language}/{name}.yaml` as a `model`. Raises `UserError` with the file and key of each error."""
    return read_lexicon_file(LEXICON / language / f"{name}.yaml", model)


def languages_with(name: str) -> list[str]:
    """The languages that have `{name}.yaml`, English first."""
    found = (path.parent.name for path in LEXICON.glob(f"*/{name}.yaml"))
    return sorted(found, key=lambda language: (language != READ, language))


def read_lexicon_file(path: Path, model: type[_File]) -> _File:
    """Load any file as a `model`. Raises `UserError` with the file and key of each error."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    errors: list[str] = []
    file: _File = _read(_content(path, node), model, "", errors)
    if errors:
        raise UserError("\n".join(f"{path}: {error}" for error in errors))
    return file


def _read(raw: Any, kind: Any, key: str, errors: list[str]) -> Any:
    """Convert a value to its annotated type; appends each error with its key to `errors`."""
    is_group = get_origin(kind) is dict
    is_part = isinstance(kind, type) and issubclass(kind, LexiconFile)
    if isinstance(raw, dict) and is_group:
        return _read_groups(raw, kind, key, errors)
    if isinstance(raw, dict) and is_part:
        return _read_fields(raw, kind, key, errors)
    if isinstance(raw, list) and kind in (PhraseList, WordSet):
        return _read_entries(raw, kind, key, errors)
    if isinstance(raw, str) and kind is Phrase:
        errors += _phrase_errors(key, raw)
        return raw
    expected = dict if is_group or is_part else str if kind is Phrase else list
    errors.append(f"{key}: expected {_NAMES[expected]}, found {_NAMES.get(type(raw), 'nothing')}")
    return None


_NAMES: dict[type, str] = {dict: "keys and values", str: "a phrase", list: "a list of words or phrases"}


def _read_groups(raw: dict[str, Any], kind: Any, key: str, errors: list[str]) -> dict[str, Any]:
    _, of = get_args(kind)
    return {name: _read(value, of, _below(key, name), errors) for name, value in raw.items()}


def _read_fields(raw: dict[str, Any], kind: type[LexiconFile], key: str, errors: list[str]) -> LexiconFile:
    fields = kind.__annotations__
    errors += [f"{_below(key, name)}: unknown key" for name in raw if name not in fields]
    errors += [f"{_below(key, name)}: missing key" for name in fields if name not in raw]
    known = {name: of for name, of in fields.items() if name in raw}
    return kind(**{name: _read(raw[name], of, _below(key, name), errors) for name, of in known.items()})


def _read_entries(raw: list[Any], kind: Any, key: str, errors: list[str]) -> tuple[str, ...] | frozenset[str]:
    if not all(isinstance(entry, str) for entry in raw):
        errors.append(f"{key}: expected {_NAMES[list]}, found an entry of another kind")
        return ()
    entries = tuple(raw)
    if len(set(entries)) < len(entries):
        errors += [f"{key}: {entry!r} is listed twice" for at, entry in enumerate(entries) if entry in entries[:at]]
    for entry in entries:
        errors += _phrase_errors(key, entry)
    if kind == PhraseList:
        return entries
    errors += [f"{key}: {entry!r} is more than one word" for entry in entries if " " in entry]
    return frozenset(entries)


def _phrase_errors(key: str, phrase: str) -> Iterator[str]:
    if phrase != phrase.lower() or phrase != " ".join(phrase.split()) or not phrase or "’" in phrase:
        yield f"{key}: {phrase!r} must be lower case, with single spaces and plain apostrophes"


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _content(path: Path, node: yaml.Node | None) -> Any:
    """Convert a YAML node to strings, lists and dictionaries."""
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
    """A pattern that matches the first fitting phrase; an apostrophe also matches the typographic one."""
    return f"(?:{'|'.join(map(_pattern, phrases))})"


def _pattern(phrase: str) -> str:
    return re.escape(phrase).replace("\\ ", " ").replace("\\-", "-").replace("'", "['’]")
