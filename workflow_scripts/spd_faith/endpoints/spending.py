"""Counts the cost of calls and enforces a limit in US dollars.

The cost of a call is unknown until it ends, but it has an upper bound: the prompt's tokens are limited by its text and
images, the answer's by the request. A call starts only if the spending, the bounds of all calls in flight and its own
bound stay within the limit. When it ends, the actual cost replaces the bound. A call that may have been charged, but
returned no token count, is charged its bound.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from spd_faith.core.errors import UserError
from spd_faith.endpoints.charges import Charges

log = logging.getLogger(__name__)


@dataclass
class Charge:
    """Cost of a call in US dollars: 0 before it begins, then its bound until the actual cost is set."""

    bound: float
    usd: float = 0.0
    call: str | None = None


class Spending:
    """Spending under a limit in US dollars; None is no limit. Calls run in one event loop."""

    def __init__(self, max_usd: float | None, spent_usd: float, charges: Charges | None = None) -> None:
        """`charges` keeps the spending across restarts."""
        self.spent_usd = spent_usd
        self._charges = charges
        self._limit = float("inf") if max_usd is None else max_usd
        self._bounds: list[float] = []
        self._ended = asyncio.Condition()
        self._undercount = 1.0

    @asynccontextmanager
    async def reserved(self, max_usd: float) -> AsyncIterator[Charge]:
        """Reserve `max_usd` for a call, and charge the cost that the block sets.

        Waits as long as calls in flight hold reservations. Raises `UserError` if the call does not fit and nothing is
        in flight.
        """
        raised = self._undercount
        charge = Charge(max_usd * raised)
        async with self._ended:
            while self.spent_usd + sum(self._bounds) + charge.bound > self._limit:
                if not self._bounds:
                    raise self._exhausted(charge.bound)
                await self._ended.wait()
            self._bounds.append(charge.bound)
        try:
            yield charge
        finally:
            self._settle(charge, raised)
            async with self._ended:
                self._ended.notify_all()

    def begin(self, charge: Charge) -> None:
        """Mark the call as started."""
        charge.usd = charge.bound
        if self._charges and charge.bound:
            charge.call = self._charges.begin(charge.bound)

    def _settle(self, charge: Charge, raised: float) -> None:
        self._bounds.remove(charge.bound)
        self.spent_usd += charge.usd
        if self._charges and charge.call:
            self._charges.end(charge.call, charge.usd)
        if charge.usd > charge.bound:  # this endpoint counts more tokens than the bounds assume
            log.warning("a call cost $%.6f, more than its bound of $%.6f; raising bounds", charge.usd, charge.bound)
            # concurrent calls used the same factor, so take the maximum instead of multiplying
            self._undercount = max(self._undercount, raised * charge.usd / charge.bound)

    def _exhausted(self, max_usd: float) -> UserError:
        return UserError(
            f"max_usd: ${self.spent_usd:.4f} of ${self._limit:.4f} is spent, and the next call can cost up to"
            f" ${max_usd:.4f}.\n"
            f"  To continue, set max_usd above {self.spent_usd + max_usd:.4f} (each further call can cost as much"
            " again) and run again.\n"
            "  Nothing is lost: completed answers are kept, and only the missing questions will be asked."
        )
