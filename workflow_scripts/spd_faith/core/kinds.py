"""The kinds of entries that a registry file in `config/` can hold, and how to load the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, Union, get_args

from pydantic import Field, TypeAdapter, ValidationError

from spd_faith.core.config_errors import (
    NAME_RULE,
    NOTHING,
    error_at,
    explain,
    raise_errors,
    read_mapping,
    unknown_names,
)
from spd_faith.core.entries import NAME, Entry
from spd_faith.core.errors import UserError

E = TypeVar("E", bound=Entry, covariant=True)
K = TypeVar("K", bound=Entry)


@dataclass(frozen=True)
class EntryKinds(Generic[E]):
    """The kinds of one registry file; the literal field `tag` identifies the kind of an entry."""

    name: str
    """Stem of the file."""
    tag: str
    kinds: tuple[type[E], ...]

    @property
    def by_tag(self) -> dict[str, type[E]]:
        """The kinds by their value of `tag`."""
        return {get_args(kind.model_fields[self.tag].annotation)[0]: kind for kind in self.kinds}

    def validate(self, raw: Mapping[str, Any]) -> E:
        """The entry for a valid mapping, such as one from `model_dump`."""
        return self.by_tag[raw[self.tag]].model_validate(raw)

    def load(self, path: Path) -> dict[str, E]:
        """The entries of a registry file. Raises `UserError` listing all errors."""
        content = read_mapping(path)
        errors = {name: self._outer_errors(path, name, raw) for name, raw in content.items()}
        kinds = {name: self.by_tag[raw[self.tag]] for name, raw in content.items() if not errors[name]}
        entries: dict[str, E] = {}
        for name in sorted(
            kinds, key=lambda name: kinds[name].names_others is not None
        ):  # those that others name first
            fields = dict(content[name])
            errors[name] = _name_others(kinds, entries, path, name, fields)
            try:
                if not errors[name]:
                    entries[name] = kinds[name].model_validate(fields)
            except ValidationError as error:
                errors[name] = [explain(str(path), (name,), kinds[name], details) for details in error.errors()]
        raise_errors(error for of_entry in errors.values() for error in of_entry)
        return {name: entries[name] for name in content}

    def _outer_errors(self, path: Path, name: Any, raw: Any) -> list[str]:
        """What is wrong with an entry apart from the keys of its kind."""
        place, kinds = f"{path}: {name}", self.by_tag
        if not isinstance(name, str) or not NAME.fullmatch(name):
            return [error_at(place, "not a valid name", name, NAME_RULE)]
        if not isinstance(raw, Mapping):
            return [error_at(place, "not an entry", raw, "keys and values")]
        if self.tag not in raw:
            return [error_at(f"{place}.{self.tag}", "missing key", NOTHING, kinds)]
        if raw[self.tag] not in list(kinds):
            return [error_at(f"{place}.{self.tag}", "unknown value", raw[self.tag], kinds)]
        return []

    def load_entry(self, path: Path, name: str) -> E:
        """One entry of a registry file, for commands that take its key."""
        entries = self.load(path)
        raise_errors(unknown_names(f"command line: {self.name}", [name], path, entries))
        return entries[name]

    def load_entry_of(self, kind: type[K], path: Path, name: str) -> K:
        """The same, for commands that take one kind of entries. Raises `UserError` where the entry is of another."""
        entry: Entry = self.load_entry(path, name)
        if not isinstance(entry, kind):
            wanted = [tag for tag, one in self.by_tag.items() if issubclass(one, kind)]
            found = getattr(entry, self.tag)
            raise UserError(error_at(f"{path}: {name}.{self.tag}", "not what this command takes", found, wanted))
        return entry

    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of the registry file."""
        entry: Any = Union[self.kinds]  # noqa: UP007 - built at run time
        if len(self.kinds) > 1:
            entry = Annotated[entry, Field(discriminator=self.tag)]
        return TypeAdapter(dict[str, entry]).json_schema()


def _name_others(
    kinds: Mapping[str, type[Entry]], entries: Mapping[str, Entry], path: Path, name: str, fields: dict[str, Any]
) -> list[str]:
    """Replace the names of other entries in the `fields` of an entry by these; return the errors in the names.

    `kinds` are those of all entries of the file, `entries` the valid ones. An invalid entry may be named, because its
    own errors are reported.
    """
    others = kinds[name].names_others
    if others is None or others.key not in fields:
        return []
    place, names = f"{path}: {name}.{others.key}", fields[others.key]
    if not isinstance(names, list) or len({*map(repr, names)}) < max(others.at_least, len(names)):
        return [error_at(place, "wrong value", names, f"a list of at least {others.at_least} different entries")]
    nameable = [other for other, kind in kinds.items() if kind.names_others is None]
    if unknown := [other for other in names if other not in nameable]:
        return [error_at(place, _why_not(other, kinds, path), other, nameable) for other in unknown]
    fields[others.key] = {other: entries[other] for other in names if other in entries}
    return []


def _why_not(other: Any, kinds: Mapping[str, type[Entry]], path: Path) -> str:
    if isinstance(other, str) and other in kinds:
        return "names other entries itself"
    return f"no such entry in {path}"
