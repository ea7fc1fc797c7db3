"""What goes wrong on a cluster, each a real run: it ends with the whole leaderboard, or tells what to do.

The runs wait for Slurm most of the time, so they go side by side, each on a project of its own.
"""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import pytest
from slurm.cluster import Cluster, Job
from waiting import COMMAND_SECONDS
from workflow.project import Project, without_times

pytestmark = pytest.mark.slurm

MODEL = "tiny-qwen2-vl-early"
QUESTIONS = 4 * 3  # a pair of each split
MINUTES = 60
COMMAND = "workflow_scripts/run_inference.py"


class Run:
    """A small project that is run through Slurm, and what came of it."""

    def __init__(self, project: Project, cluster: Cluster) -> None:
        self.project = project
        self._cluster = cluster
        self._log = project.folder / "snakemake.txt"

    def start(self, *arguments: str) -> subprocess.Popen:
        with self._log.open("a") as log:
            return subprocess.Popen(
                # as from a terminal: what a shell starts in the background ignores interrupts, with all that it starts
                ["env", "--default-signal=INT", *self.project.slurm_command(*arguments)],
                cwd=self.project.folder,
                env=self.project.environment(CUDA_VISIBLE_DEVICES=None),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def finish(self, *arguments: str) -> int:
        return self.start(*arguments).wait(timeout=10 * MINUTES)

    def await_answers(self, count: int) -> None:
        _wait_for(lambda: len(self.answered()) >= count)

    @property
    def output(self) -> str:
        return self._log.read_text()

    def inference_jobs(self) -> list[Job]:
        return [job for job in self._cluster.jobs(self.project.folder) if "run_inference" in job.comment]

    def unfinished_jobs(self) -> list[Job]:
        return self._cluster.unfinished(self.project.folder)

    def processes(self) -> list[psutil.Process]:
        """Those that work in the project's folder."""
        return [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(self.project.folder)]

    def answered(self) -> list[str]:
        """The key of each line of the journal, in any order; a key that was answered twice stands there twice."""
        files = self.project.folder.glob(f"results/demo/journal/responses/{MODEL}/*.jsonl")
        lines = [json.loads(line) for path in files for line in path.read_text().splitlines() if line.endswith("}")]
        return [line["key"] for line in lines if "key" in line]


def _wait_for(happened: Callable[[], bool], seconds: float = 3 * MINUTES) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


# ---- the runs --------------------------------------------------------------------------------------------------------


def fails_once(run: Run) -> int:
    run.project.insert(
        COMMAND,
        """
        failed = Path("failed")
        if not failed.exists():
            failed.touch()
            raise SystemExit(1)
        """,
    )
    return run.finish()


def fails_always(run: Run) -> int:
    run.project.insert(COMMAND, "raise SystemExit('the weights are torn')")
    return run.finish("--retries", "0")


def takes_too_much_memory(run: Run) -> int:
    """1,000 MB beside what inference takes, of 1,500 at first, of 3,000 the second time."""
    run.project.ask_for(MODEL, mem_mb=1500)
    run.project.insert(
        COMMAND,
        """
        import time
        held = bytearray(b"x") * 1_000_000_000
        time.sleep(3)  # Slurm looks once a second
        """,
    )
    return run.finish()


def takes_too_long(run: Run) -> int:
    """70 seconds beside what inference takes, of 60 at first, of 120 the second time, of 180 the third."""
    run.project.ask_for(MODEL, runtime=1)
    run.project.insert(COMMAND, "import time; time.sleep(70)")
    return run.finish()


def is_cancelled(run: Run) -> int:
    run.project.slow(seconds=1)
    started = run.start()
    run.await_answers(2)
    (job,) = run.inference_jobs()
    subprocess.run(["scancel", job.id], timeout=COMMAND_SECONDS, check=True)
    return started.wait(timeout=10 * MINUTES)


def is_interrupted(run: Run) -> int:
    run.project.slow(seconds=1)
    started = run.start()
    run.await_answers(2)
    started.send_signal(signal.SIGINT)
    return started.wait(timeout=2 * MINUTES)


def is_killed(run: Run) -> int:
    """Snakemake is killed, and restarted while the job that it left behind still runs."""
    run.project.slow(seconds=25)  # so that the job still runs when the next one starts, on a busy machine too
    started = run.start()
    run.await_answers(2)
    started.kill()
    started.wait()
    run.finish("--unlock")
    restarted = run.start()
    _wait_for(lambda: len([job for job in run.inference_jobs() if job.state == "RUNNING"]) == 2)
    return restarted.wait(timeout=10 * MINUTES)


SCENARIOS = (fails_once, fails_always, takes_too_much_memory, takes_too_long, is_cancelled, is_interrupted, is_killed)


def _small(folder: Path) -> Project:
    project = Project.fresh(folder)
    with project.edited("config/datasets.yaml") as datasets:
        for split in datasets["demo"]["splits"].values():
            split["pairs"] = 1
    with project.edited("config/config.yaml") as config:
        config["models"] = [MODEL]
        config["probes"]["run"] = []
    with project.edited("config/models.yaml") as models:
        models[MODEL] |= {"batch_size": 1, "resources": {"mem_mb": 2000, "runtime": 10}}  # on the CPU, so side by side
    return project


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The leaderboard of the same project run locally."""
    project = _small(tmp_path_factory.mktemp("undisturbed") / "project")
    project.run()
    return without_times(project.table("leaderboard.parquet"))


@pytest.fixture(scope="module")
def ended(
    cluster: Cluster, undisturbed: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Callable[[Run], int]], tuple[Run, int]]]:
    """A function that waits for a scenario and returns its run and its exit status."""
    runs = {scenario: Run(_small(tmp_path_factory.mktemp("run") / "project"), cluster) for scenario in SCENARIOS}
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        statuses: dict[Callable, Future[int]] = {
            scenario: pool.submit(scenario, runs[scenario]) for scenario in SCENARIOS
        }
        yield lambda scenario: (runs[scenario], statuses[scenario].result(timeout=15 * MINUTES))


# ---- what came of them -----------------------------------------------------------------------------------------------


def _is_whole(run: Run, status: int, undisturbed: pd.DataFrame) -> None:
    assert status == 0, run.output
    pd.testing.assert_frame_equal(without_times(run.project.table("leaderboard.parquet")), undisturbed)
    assert len(run.answered()) == len(set(run.answered())) == QUESTIONS  # nothing lost, nothing asked twice
    assert not run.unfinished_jobs()


def test_a_job_that_fails_once_is_tried_again(ended: Callable, undisturbed: pd.DataFrame) -> None:
    run, status = ended(fails_once)
    _is_whole(run, status, undisturbed)
    assert [job.state for job in run.inference_jobs()] == ["FAILED", "COMPLETED"]


def test_a_job_that_fails_for_good_is_told_with_model_log_and_what_to_do(ended: Callable) -> None:
    run, status = ended(fails_always)
    assert status != 0
    assert not (run.project.folder / "results/demo/leaderboard.parquet").exists()
    end = run.output[run.output.index("The run failed; completed outputs are kept.") :]
    assert f"run_inference of {MODEL}" in end and f"results/demo/logs/run_inference/{MODEL}.log" in end
    assert "snakemake --profile slurm" in end and "--retries 0" in end
    assert "the weights are torn" in end  # the end of that log


def test_a_job_over_its_memory_gets_more(ended: Callable, undisturbed: pd.DataFrame) -> None:
    run, status = ended(takes_too_much_memory)
    _is_whole(run, status, undisturbed)
    first, second = run.inference_jobs()
    assert first.state in ("OUT_OF_MEMORY", "CANCELLED", "FAILED") and second.state == "COMPLETED"
    assert (first.mem_mb, second.mem_mb) == (1500, 3000)


def test_a_cancelled_job_is_tried_again_and_loses_no_answer(ended: Callable, undisturbed: pd.DataFrame) -> None:
    run, status = ended(is_cancelled)
    _is_whole(run, status, undisturbed)
    assert [job.state for job in run.inference_jobs()] == ["CANCELLED", "COMPLETED"]


def test_an_interrupt_leaves_no_job_and_no_process_and_the_next_start_goes_on(
    ended: Callable, undisturbed: pd.DataFrame
) -> None:
    run, status = ended(is_interrupted)
    assert status != 0
    _wait_for(lambda: not run.unfinished_jobs() and not run.processes())
    assert "The run was stopped" in run.output and "  snakemake --profile slurm" in run.output
    kept = set(run.answered())
    assert 2 <= len(kept) < QUESTIONS
    _is_whole(run, run.finish(), undisturbed)
    assert kept <= set(run.answered())


def test_a_killed_snakemake_can_be_started_again_while_its_jobs_still_run(
    ended: Callable, undisturbed: pd.DataFrame
) -> None:
    run, status = ended(is_killed)
    _is_whole(run, status, undisturbed)
    assert [job.state for job in run.inference_jobs()] == ["COMPLETED", "COMPLETED"]


def test_a_job_over_its_time_gets_more(ended: Callable, undisturbed: pd.DataFrame) -> None:
    """Last, because it takes longest: reruns of the others run next to it."""
    run, status = ended(takes_too_long)
    _is_whole(run, status, undisturbed)
    *over, last = run.inference_jobs()
    assert {job.state for job in over} == {"TIMEOUT"} and last.state == "COMPLETED"
    assert [job.minutes for job in (*over, last)] == list(range(1, len(over) + 2))
