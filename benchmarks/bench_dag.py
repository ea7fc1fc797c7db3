"""Time that Snakemake takes to plan 30 models × 16 shards × 3,000 pairs.

Times a dry run of the real workflow as a separate process. The baseline is a workflow of two rules with the same number
of jobs. With --folder, only writes the project there; `snakemake plan --cores 1` in it prints the figures of
docs/scale.md. Run: python benchmarks/bench_dag.py
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

LIMIT_S = 10  # of CPU time, which does not depend on the load of the machine
LIMIT_JOBS = 1200
PLAIN = """
rule all:
    input: expand("results/{{number}}.txt", number=range({jobs}))

rule one:
    output: "results/{{number}}.txt"
    shell: "touch {{output}}"
"""


def plan(project: Project) -> tuple[int, float, float]:
    """(jobs of a dry run, seconds, CPU seconds)."""
    start, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    jobs = sum(project.planned().values())
    seconds, after = time.perf_counter() - start, getrusage(RUSAGE_CHILDREN)
    return jobs, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="write the project to this folder and exit")
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
        f"{jobs} jobs planned in {seconds:.1f} s ({cpu:.1f} s CPU); {plain_jobs} jobs of a minimal workflow take "
        f"{plain_seconds:.1f} s ({plain_cpu:.1f} s CPU); CPU ratio {cpu / plain_cpu:.1f}"
    )
    if cpu > LIMIT_S or jobs >= LIMIT_JOBS:
        sys.exit(f"expected less than {LIMIT_S} s CPU and fewer than {LIMIT_JOBS} jobs")


if __name__ == "__main__":
    main()
