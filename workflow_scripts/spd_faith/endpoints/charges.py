"""The cost of calls, kept across restarts: each call is recorded before it starts and again when it ends.

A call that was killed has no end record. It counts with its max cost, because the endpoint may have charged it.
"""

import secrets
from pathlib import Path

from spd_faith.core.journal import Journal

_END = "/end"


def ledger_of(journal: Path) -> Path:
    """The folder of the charges for the calls whose results are in the folder `journal`."""
    return journal / "charges"


class Charges:
    """The calls of one entry, stored in a folder; a context manager like the journal behind it."""

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder)

    def __enter__(self) -> "Charges":
        self._journal.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._journal.__exit__(*exception)

    def spent_usd(self) -> float:
        """The cost of all completed calls plus the max cost of all others, in US dollars."""
        records = self._journal.read()
        calls = [call for call in records if not call.endswith(_END)]
        costs: list[float] = [records.get(call + _END, records[call]).content["usd"] for call in calls]
        return sum(costs)

    def begin(self, max_usd: float) -> str:
        """Record a call that is about to start, with its max cost; returns its id for `end`."""
        call = secrets.token_hex(8)
        self._journal.append(call, {"usd": max_usd}, {})
        return call

    def end(self, call: str, usd: float) -> None:
        """Record the actual cost of the call."""
        self._journal.append(call + _END, {"usd": usd}, {})
