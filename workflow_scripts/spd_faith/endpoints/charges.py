"""What calls have cost, kept over restarts: a call is written down before it is made, and again when it has ended.

A call that was killed on its way has no end and counts with its bound, for the endpoint may have charged it.
"""

import secrets
from pathlib import Path

from spd_faith.core.journal import Journal

_END = "/end"


class Charges:
    """The calls of one entry in a folder; used as a context, as the journal that it is kept in."""

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder)

    def __enter__(self) -> "Charges":
        self._journal.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._journal.__exit__(*exception)

    def spent_usd(self) -> float:
        """The cost of all calls that ended, and the bounds of those that did not, in US dollars."""
        records = self._journal.read()
        calls = [call for call in records if not call.endswith(_END)]
        costs: list[float] = [records.get(call + _END, records[call]).content["usd"] for call in calls]
        return sum(costs)

    def begin(self, most_usd: float) -> str:
        """Write down a call that is about to be made and costs at most so much; its name, for `end`."""
        call = secrets.token_hex(8)
        self._journal.append(call, {"usd": most_usd}, {})
        return call

    def end(self, call: str, usd: float) -> None:
        """Write down what the call has cost."""
        self._journal.append(call + _END, {"usd": usd}, {})
