"""Runs a command in forks of this process that are killed; started by test_killed_workers.py as a process of its own.

A fork has torch and the library imported already, so a kill costs no start-up. Arguments: a JSON object with `argv` (of
run_inference.py), `kills`, `seed`, and `counter`, a file that gets a line with the size of each batch that is begun.
A kill falls into the loading or up to `longest` seconds after the first, second or third batch was begun. The kernel
does it, by the worker's own time of the processor: a killer could come too late where processes wait for each other.
Prints the number of kills by the batches that the worker had begun.
"""

import json
import os
import random
import signal
import sys
import traceback
from collections import Counter
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

import torch  # noqa: E402

import run_inference  # noqa: E402
from spd_faith.inference.generator import Generator  # noqa: E402


def count_generations(counter: Path, kill: tuple[int, float] | None) -> None:
    """Count the batches of this process; `kill` says in which to kill it, and how many seconds after its beginning."""
    generate, numbers = Generator.generate, count(1)
    batch, seconds = kill or (None, 0.0)

    def counted(self, questions):
        file = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, b"%d\n" % len(questions))
        os.close(file)
        if next(numbers) == batch:
            kill_after(seconds)
        return generate(self, questions)

    Generator.generate = counted
    if batch == 0:
        kill_after(seconds)


def kill_after(seconds: float) -> None:
    """Like SIGKILL, the signal of this timer ends a process that has no handler of it, without any clean-up."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def worker(counter: Path, kill: tuple[int, float] | None = None) -> int:
    child = os.fork()
    if child == 0:
        try:
            count_generations(counter, kill)
            run_inference.main()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def begun(counter: Path) -> int:
    return len(counter.read_bytes().splitlines()) if counter.exists() else 0


def main() -> None:
    task = json.loads(sys.argv[1])
    counter = Path(task["counter"])
    sys.argv = ["run_inference.py", *task["argv"]]
    torch.set_num_threads(1)
    moments = random.Random(task["seed"])
    kills = Counter()
    for _ in range(task["kills"]):
        before = begun(counter)
        _, status = os.waitpid(worker(counter, (moments.randrange(4), moments.uniform(1e-3, task["longest"]))), 0)
        assert os.WIFSIGNALED(status), "a worker ended by itself"
        kills[begun(counter) - before] += 1
    _, status = os.waitpid(worker(counter), 0)
    assert status == 0, "the last worker failed"
    print(json.dumps(kills))


if __name__ == "__main__":
    main()
