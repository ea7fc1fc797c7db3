"""Many calls at a time, for callers that are not asynchronous themselves."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def concurrently(
    runner: asyncio.Runner, items: Iterable[Item], work: Callable[[Item], Coroutine[Any, Any, Outcome]], limit: int
) -> Iterator[tuple[Item, Outcome]]:
    """Each item with the outcome of its `work`, as soon as that is there, in any order.

    At most `limit` items are held at a time, and `items` is read no further than that. The runner's loop turns only
    while an outcome is waited for, in the caller's own thread. Where `work` or `items` raises, no item more is taken,
    what is under way is finished and yielded, and then the first exception is raised. A caller that goes away ends what
    is under way.
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
