"""Concurrent calls for synchronous callers."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def concurrently(
    runner: asyncio.Runner, items: Iterable[Item], work: Callable[[Item], Coroutine[Any, Any, Outcome]], limit: int
) -> Iterator[tuple[Item, Outcome]]:
    """Yield each item with the outcome of its `work` as soon as it is ready, in any order.

    At most `limit` items are in flight, and `items` is read lazily. The runner's loop runs in the caller's thread, only
    while waiting for an outcome. If `work` or `items` raises, no further item is started; running items finish and are
    yielded, then the first exception is raised. Closing the generator cancels running items.
    """
    waiting = iter(items)
    exhausted = False
    failure: BaseException | None = None
    tasks: dict[asyncio.Task[Outcome], Item] = {}
    try:
        while True:
            while len(tasks) < limit and not exhausted and failure is None:
                try:
                    item = next(waiting)
                except StopIteration:
                    exhausted = True
                except Exception as error:
                    failure = error
                else:
                    tasks[runner.get_loop().create_task(work(item))] = item
            if not tasks:
                break
            for task in runner.run(_first_to_end(list(tasks))):
                item = tasks.pop(task)
                if raised := task.exception():
                    failure = failure or raised
                else:
                    yield item, task.result()
        if failure:
            raise failure
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            runner.run(asyncio.wait(tasks))


async def _first_to_end(tasks: list[asyncio.Task[Outcome]]) -> set[asyncio.Task[Outcome]]:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done
