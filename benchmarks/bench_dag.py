"""How long Snakemake takes to plan 30 models × 16 shards × 3,000 pairs: python benchmarks/bench_dag.py

Times a dry run of the real workflow, a process of its own from start to end. For scale, Snakemake plans as many jobs of
a workflow of two rules. With --folder the project is written there and left: `snakemake plan --cores 1` in it prints
the figures of docs/scale.md.
"""

import argparse
import sys
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from workflow.project import Project
from workflow.scaled import scaled_project

LIMIT_S = 10  # of CPU, so that other work on the machine is of no account
LIMIT_JOBS = 1200
PLAIN = """
rule all:
    input: expand("results/{{number}}.txt", number=range({jobs}))

rule one:
    output: "results/{{number}}.txt"
    shell: "touch {{output}}"
"""


def plan(project: Project) -> tuple[int, float, float]:
    """(jobs of a dry run, seconds, seconds of CPU)."""
    start, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    jobs = sum(project.planned().values())
    seconds, after = time.perf_counter() - start, getrusage(RUSAGE_CHILDREN)
    return jobs, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="write the project there and end")
    arguments = parser.parse_args()
    if arguments.folder:
        scaled_project(arguments.folder)
        return
    with TemporaryDirectory() as folder:
        jobs, seconds, cpu = plan(scaled_project(Path(folder, "project")))
        plain = Project(Path(folder, "plain"))
        plain.folder.mkdir()
        (plain.folder / "Snakefile").write_text(PLAIN.format(jobs=jobs))
        plain_jobs, plain_seconds, plain_cpu = plan(plain)
    print(
        f"{jobs} jobs planned in {seconds:.1f} s ({cpu:.1f} s of CPU); {plain_jobs} jobs of a plain workflow take "
        f"{plain_seconds:.1f} s ({plain_cpu:.1f}); ratio of CPU {cpu / plain_cpu:.1f}"
    )
    if cpu > LIMIT_S or jobs >= LIMIT_JOBS:
        sys.exit(f"expected under {LIMIT_S} s of CPU and under {LIMIT_JOBS} jobs")


if __name__ == "__main__":
    main()
