"""Looks up the names that can refer to one object without comparing each with all others."""

from collections import defaultdict
from collections.abc import Iterable

from spd_faith.language.assertions import name_key
from spd_faith.language.categories import meant_categories


class NameIndex:
    """Names of objects; `matches` finds those that `may_be_same` in a time that does not depend on their number."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._by_key: dict[str, set[str]] = defaultdict(set)
        self._by_meaning: dict[str, set[str]] = defaultdict(set)
        self._by_ending: dict[str, set[str]] = defaultdict(set)
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        if name in self._names:
            return
        self._names.add(name)
        self._by_key[name_key(name)].add(name)
        for category in meant_categories(name):
            self._by_meaning[category].add(name)
        for ending in _endings(name):
            self._by_ending[ending].add(name)

    def matches(self, name: str) -> set[str]:
        """The names for which `may_be_same(name, …)` holds."""
        meant = meant_categories(name)
        found = {*self._by_key.get(name_key(name), ()), *self._by_meaning.get(name, ()), *(meant & self._names)}
        found |= {ending for ending in _endings(name) if ending in self._names and meant_categories(ending)}
        return found | self._by_ending.get(name, set()) if meant else found

    def has_any(self, names: Iterable[str]) -> bool:
        """Whether one of the names has a match."""
        return any(map(self.matches, names))


def _endings(name: str) -> list[str]:
    """What follows each space: "door" of "car door"."""
    return [name[k + 1 :] for k, character in enumerate(name) if character == " "]
