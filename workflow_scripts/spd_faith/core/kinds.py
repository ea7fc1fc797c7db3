"""The kinds of entries that one registry file of `config/` can hold, and how the file is loaded."""

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
    """The kinds of one registry file; the field `tag`, a literal of each kind, says which kind an entry is."""

    name: str
    """Stem of the file."""
    tag: str
    kinds: tuple[type[E], ...]

    @property
    def by_tag(self) -> dict[str, type[E]]:
        """The kinds by their value of the field `tag`."""
        return {get_args(kind.model_fields[self.tag].annotation)[0]: kind for kind in self.kinds}

    def validate(self, raw: Mapping[str, Any]) -> E:
        """The entry of a valid mapping, such as `model_dump` gives."""
        return self.by_tag[raw[self.tag]].model_validate(raw)

    def load(self, path: Path) -> dict[str, E]:
        """The entries of a registry file. Raises `UserError` with every error found."""
        kinds = self.by_tag
        entries: dict[str, E] = {}
        errors: list[str] = []
        for name, raw in read_mapping(path).items():
            place = f"{path}: {name}"
            if not isinstance(name, str) or not NAME.fullmatch(name):
                errors.append(error_at(place, "not a valid name", name, NAME_RULE))
            elif not isinstance(raw, Mapping):
                errors.append(error_at(place, "not an entry", raw, "keys and values"))
            elif self.tag not in raw:
                errors.append(error_at(f"{place}.{self.tag}", "missing key", NOTHING, kinds))
            elif raw[self.tag] not in list(kinds):
                errors.append(error_at(f"{place}.{self.tag}", "unknown value", raw[self.tag], kinds))
            else:
                kind = kinds[raw[self.tag]]
                try:
                    entries[name] = kind.model_validate(dict(raw))
                except ValidationError as error:
                    errors += [explain(str(path), (name,), kind, details) for details in error.errors()]
        raise_errors(errors)
        return entries

    def load_entry(self, path: Path, name: str) -> E:
        """One entry of a registry file, for commands that take its name."""
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
