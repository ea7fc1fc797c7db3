"""What engines report when they stop: cache hits and parity, kept across the starts of a model's jobs."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spd_faith.core.files import sha256
from spd_faith.core.journal import Journal
from spd_faith.inference.answers import Provenance
from spd_faith.inference.parity import in_sum
from spd_faith.inference.responses import joint_provenance

SESSIONS = "engine_sessions"
"""Key of a shard's provenance: sessions by a key of their own."""

_COUNTERS = {
    "prefix_hits": "vllm:prefix_cache_hits_total",
    "prefix_queries": "vllm:prefix_cache_queries_total",
    "image_hits": "vllm:mm_cache_hits_total",
    "image_queries": "vllm:mm_cache_queries_total",
}


@dataclass(frozen=True)
class Session:
    """One start of an engine, up to its last question."""

    questions: int
    prefix_hits: int = 0
    """Prompt tokens that were found in the prefix cache, of `prefix_queries`."""
    prefix_queries: int = 0
    image_hits: int = 0
    """Images that were found in the multimodal cache, of `image_queries`."""
    image_queries: int = 0
    parity: str = ""
    """What `count_equal` found; empty: nothing was compared."""

    @classmethod
    def of_counters(cls, questions: int, counters: Mapping[str, float], parity: str) -> "Session":
        """From the engine's metrics by name, and what the parity check found."""
        found = {name: int(counters.get(counter, 0)) for name, counter in _COUNTERS.items()}
        return cls(questions=questions, parity=parity, **found)


class Sessions:
    """The sessions of a model as its entry is now, in a folder beside its answers."""

    def __init__(self, journal: Path, identity: Mapping[str, Any]) -> None:
        """`identity` is that of the entry; sessions of other identities are left out."""
        self._folder = journal / "sessions"
        self._of = sha256(json.dumps(identity, sort_keys=True))[:16]

    def append(self, session: Session, provenance: Provenance) -> None:
        """Keep a session."""
        with Journal(self._folder) as journal:
            journal.append(f"{self._of}-{secrets.token_hex(8)}", asdict(session), provenance.to_json())

    def kept(self) -> dict[str, Any]:
        """Those of all shards that have ended, for the provenance of a shard: its only key is `SESSIONS`, if any."""
        records = Journal(self._folder).read().items()
        found = {key: record.content for key, record in records if key.startswith(f"{self._of}-")}
        return {SESSIONS: found} if found else {}


def joint_with_sums(shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The joint provenance of shards of a model, with the sums over their sessions, each once, in place of these.

    Shards share their journal, so the table of each has all sessions that had ended by then.
    """
    found = {key: Session(**content) for one in shards for key, content in one.get(SESSIONS, {}).items()}
    sessions = list(found.values())
    kept = joint_provenance({name: one[name] for name in one if name != SESSIONS} for one in shards)
    if not sessions:
        return kept
    total = {name: sum(getattr(one, name) for one in sessions) for name in _COUNTERS}
    parity = in_sum(one.parity for one in sessions if one.parity)
    return kept | {
        "engine_starts": len(sessions),
        "prefix_cache": f"{total['prefix_hits']} of {total['prefix_queries']} prompt tokens",
        "image_cache": f"{total['image_hits']} of {total['image_queries']} images",
        **({"parity": parity} if parity else {}),
    }
