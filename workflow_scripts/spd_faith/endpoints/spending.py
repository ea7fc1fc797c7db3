"""What calls cost, and a limit in dollars that is never passed.

What a call will cost is not known before it ends, but there is a bound: the prompt's tokens are bounded by its text and
pictures, the answer's by the request. A call starts only where its bound still fits under the limit beside what is
spent and the bounds of the calls in flight; when it ends, the bound gives way to what the endpoint counted. A call that
may have been charged though no count came back is charged its bound.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from spd_faith.core.errors import UserError
from spd_faith.endpoints.charges import Charges

log = logging.getLogger(__name__)


def most_text_tokens(text: str) -> int:
    """No fewer tokens than an endpoint counts for a text: one per two bytes, and the chat template's own."""
    return 256 + len(text.encode()) // 2


def most_image_tokens(width: int, height: int, known: int | None = None) -> int:
    """No fewer tokens than an endpoint counts for a picture of so many pixels; `known` are the most that it counts.

    A megapixel is bounded by 7,500 tokens. Patches of 28 × 28 pixels make 1,340 of it, tiles of 448 × 448 (InternVL)
    2,560, LLaVA-OneVision's tiles 7,290.
    """
    return known or 2048 + width * height // 192


@dataclass
class Charge:
    """What a call is charged when it ends, in US dollars: nothing where it was not begun, its bound until it is set."""

    most: float
    usd: float = 0.0
    call: str | None = None


class Spending:
    """Dollars spent under a limit; None is no limit. Calls run in one event loop."""

    def __init__(self, max_usd: float | None, spent_usd: float, charges: Charges | None = None) -> None:
        """`charges` keeps what is spent for a later start."""
        self.spent_usd = spent_usd
        self._charges = charges
        self._limit = float("inf") if max_usd is None else max_usd
        self._bounds: list[float] = []
        self._ended = asyncio.Condition()
        self._undercount = 1.0

    @asynccontextmanager
    async def reserved(self, most_usd: float) -> AsyncIterator[Charge]:
        """Reserve `most_usd` for a call, and charge what the block sets.

        Waits where only the bounds of calls in flight stand in the way. Raises `UserError` where the call does not fit
        and nothing is in flight.
        """
        raised = self._undercount
        charge = Charge(most_usd * raised)
        async with self._ended:
            while self.spent_usd + sum(self._bounds) + charge.most > self._limit:
                if not self._bounds:
                    raise self._exhausted(charge.most)
                await self._ended.wait()
            self._bounds.append(charge.most)
        try:
            yield charge
        finally:
            self._settle(charge, raised)
            async with self._ended:
                self._ended.notify_all()

    def begin(self, charge: Charge) -> None:
        """Say that the call is made now."""
        charge.usd = charge.most
        if self._charges and charge.most:
            charge.call = self._charges.begin(charge.most)

    def _settle(self, charge: Charge, raised: float) -> None:
        self._bounds.remove(charge.most)
        self.spent_usd += charge.usd
        if self._charges and charge.call:
            self._charges.end(charge.call, charge.usd)
        if charge.usd > charge.most:  # an endpoint that counts otherwise than any that the bounds were made for
            log.warning("a call cost $%.6f, more than its bound of $%.6f; bounds are raised", charge.usd, charge.most)
            # calls in flight together were bounded alike, so the greatest counts and they do not add up
            self._undercount = max(self._undercount, raised * charge.usd / charge.most)

    def _exhausted(self, most_usd: float) -> UserError:
        return UserError(
            f"max_usd: ${self.spent_usd:.4f} of ${self._limit:.4f} is spent, and the next call can cost up to"
            f" ${most_usd:.4f}.\n"
            f"  To go on, set max_usd to more than {self.spent_usd + most_usd:.4f} (each further call needs as much"
            " again at most) and start again.\n"
            "  Nothing is lost: what was answered is kept, and only what is missing will be asked."
        )
