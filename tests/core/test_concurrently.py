"""Concurrent calls for a synchronous caller: lazy, bounded, and cancelled when the caller goes away."""

import asyncio
import signal
import threading

import pytest
from waiting import PATIENCE

from spd_faith.endpoints.concurrently import concurrently


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


async def doubled(item):
    await asyncio.sleep(0.01)
    return 2 * item


async def until_cancelled():
    async with asyncio.timeout(PATIENCE):
        await asyncio.Event().wait()


def test_every_item_comes_back_with_its_outcome(runner):
    assert sorted(concurrently(runner, range(25), doubled, 4)) == [(item, 2 * item) for item in range(25)]


def test_an_outcome_is_not_held_back_by_a_slower_one(runner):
    seen, first_seen = [], asyncio.Event()

    async def work(item):
        if item == "slow":
            async with asyncio.timeout(PATIENCE):
                await first_seen.wait()

    for item, _ in concurrently(runner, ["slow", "fast"], work, 2):
        seen.append(item)
        first_seen.set()
    assert seen == ["fast", "slow"]


def test_items_are_read_no_further_than_the_limit(runner):
    read = []

    def items():
        for item in range(20):
            read.append(item)
            yield item

    yielded = 0
    for _ in concurrently(runner, items(), doubled, 3):
        yielded += 1
        assert len(read) <= yielded + 3 - 1
    assert yielded == 20


def test_they_run_at_the_same_time(runner):
    all_eight = asyncio.Barrier(8)

    async def work(item):
        async with asyncio.timeout(PATIENCE):
            await all_eight.wait()

    assert len(list(concurrently(runner, range(8), work, 8))) == 8


def test_a_failure_lets_what_is_under_way_finish_and_starts_nothing_more(runner):
    started = []

    async def work(item):
        started.append(item)
        for _ in range(100 * item):  # turns of the loop, so that they end in order at any speed
            await asyncio.sleep(0)
        if item == 0:
            raise KeyError("first")
        if item == 1:
            raise KeyError("second")
        return item

    outcomes = []
    with pytest.raises(KeyError, match="first"):
        outcomes.extend(concurrently(runner, range(10), work, 3))
    assert outcomes == [(2, 2)]
    assert started == [0, 1, 2]


def test_a_failure_of_the_items_lets_what_is_under_way_finish(runner):
    def items():
        yield 1
        raise OSError("the table ends here")

    outcomes = []
    with pytest.raises(OSError, match="ends here"):
        outcomes.extend(concurrently(runner, items(), doubled, 3))
    assert outcomes == [(1, 2)]


def test_a_caller_that_goes_away_ends_what_is_under_way(runner):
    ended = []

    async def work(item):
        try:
            if item > 0:
                await until_cancelled()
        except asyncio.CancelledError:
            ended.append(item)
            raise

    outcomes = concurrently(runner, range(10), work, 3)
    next(outcomes)
    outcomes.close()
    assert sorted(ended) == [1, 2]
    assert not asyncio.all_tasks(runner.get_loop())


def test_an_interrupt_ends_what_is_under_way(runner):
    ended, main = [], threading.main_thread().ident

    async def work(item):
        try:
            if item == 2:
                threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGINT)).start()
            await until_cancelled()
        except asyncio.CancelledError:
            ended.append(item)
            raise

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
    with pytest.raises(KeyboardInterrupt):
        list(concurrently(runner, range(10), work, 3))
    assert sorted(ended) == [0, 1, 2]
