"""Runs a command in forks of this process and kills them; started by test_killed_workers.py as a process of its own.

A fork has torch and the library imported already, so a kill costs no start-up. Arguments: a JSON object with `argv` (of
run_inference.py), `kills`, `seed`, and `counter`, a file that gets a line with the size of each batch that is begun.
A kill falls into the loading or up to `longest` seconds after the first, second or third batch was begun. Prints the
number of kills by the batches that the worker had begun.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

import torch  # noqa: E402

import run_inference  # noqa: E402
from spd_faith.inference.generator import Generator  # noqa: E402


def count_generations(counter: Path) -> None:
    generate = Generator.generate

    def counted(self, questions):
        file = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, b"%d\n" % len(questions))
        os.close(file)
        return generate(self, questions)

    Generator.generate = counted


def worker() -> int:
    child = os.fork()
    if child == 0:
        try:
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
    count_generations(counter)
    torch.set_num_threads(1)
    moments = random.Random(task["seed"])
    kills = Counter()
    for _ in range(task["kills"]):
        before = begun(counter)
        child = worker()
        batches = moments.randrange(4)
        while begun(counter) - before < batches and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        time.sleep(moments.uniform(0, task["longest"]))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "a worker ended by itself"
        kills[begun(counter) - before] += 1
    _, status = os.waitpid(worker(), 0)
    assert status == 0, "the last worker failed"
    print(json.dumps(kills))


if __name__ == "__main__":
    main()
