"""SPD-Faith: from image pairs to the leaderboard. Each stage has a file in rules/ and a heading in README.md."""

import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

sys.path.insert(0, str(Path(workflow.basedir, "workflow_scripts")))

from spd_faith.core.config import load_run
from spd_faith.core.config_faults import read_mapping
from spd_faith.core.entries import identity
from spd_faith.core.errors import told_faults
from spd_faith.core.failures import failed_job, unfinished
from spd_faith.core.gpus import visible_gpus
from spd_faith.core.modules import command_files

refused = "\nThe configuration has faults; nothing was started.\n\n"
with told_faults(refused):
    read_mapping(Path("config/config.yaml"))  # here, for Snakemake's own message names neither file nor line


configfile: "config/config.yaml"


with told_faults(refused):
    run = load_run(config, [Path(file) for file in workflow.configfiles])

datasets_from = {source: run.dataset_pattern(source) for source in ("demo", "hub", "folder", "jsonl")}
models_from = run.models_from()
judges_from = run.judges_from()
if run.dataset.source in ("folder", "jsonl"):
    from spd_faith.dataset.own_pairs import check_pairs, found_revision

    if workflow.is_main_process:  # the processes of the jobs need not do it again
        with told_faults("\nThe dataset has faults; nothing was started.\n\n"):
            check_pairs(run.dataset)
if workflow.local_exec and (gpus := visible_gpus()):  # no more GPU jobs at once than GPUs; a cluster bounds its own
    workflow.register_resource("gpu", len(gpus))


wildcard_constraints:
    dataset=re.escape(run.config.dataset),
    model="|".join(map(re.escape, run.models)),
    judge="|".join(map(re.escape, run.judges)),


include: "rules/resources.smk"
include: "rules/dataset.smk"
include: "rules/inference.smk"
include: "rules/parsing.smk"
include: "rules/judging.smk"
include: "rules/scoring.smk"
include: "rules/probes.smk"
include: "rules/leaderboard.smk"


# The leaderboard comes first: where cores are few, figures and what they alone need wait for the jobs that it needs.
for made in workflow.rules:
    made.priority = 0 if made.name in ("contrast_probes", "draw_probes") else 1


rule all:
    default_target: True
    input:
        f"results/{run.config.dataset}/leaderboard.parquet",
        expand("results/{dataset}/figures/{model}", dataset=run.config.dataset, model=run.probed()),


rule plan:
    log:
        f"results/{run.config.dataset}/logs/plan.log",
    localrule: True
    conda:
        "envs/spd-faith.yaml"
    params:
        run=run.as_json(),
        results=f"results/{run.config.dataset}",
    shell:
        "python workflow_scripts/plan.py --run {params.run:q} --results {params.results:q} 2> {log:q}"


onstart:
    if workflow.is_main_process and not workflow.touch:
        jobs = [job for job in workflow.dag.needrun_jobs() if "model" in job.wildcards.keys()]
        asked = {job.wildcards.model for job in jobs if job.rule.name.startswith("run_inference")}
        judges = {job.wildcards.judge for job in jobs if job.rule.name == "judge_by_endpoint"}
        # On a cluster the jobs may find a GPU where this process has none.
        gpus_matter = workflow.local_exec and not visible_gpus()
        if lacks := run.lacks(asked, os.environ, has_gpu=not gpus_matter, judges=judges):
            sys.exit("\nNothing was started.\n" + "\n".join(lacks) + "\n")


onsuccess:
    asked = {rule.name for rule in workflow.dag.targetrules}
    if asked == {"all"}:
        shell(f"python workflow_scripts/show_leaderboard.py --results results/{run.config.dataset}")


onerror:
    if workflow.is_main_process:
        failed = workflow.scheduler.failed
        jobs = [job for one in failed for job in (unfinished(one.jobs) if one.is_group() else [one])]
        report = [f"\nThe run {'failed' if jobs else 'was stopped'}; completed outputs are kept."]
        report += [failed_job(job.rule.name, job.wildcards, next(iter(job.log), None)) for job in jobs]
        report.append("Fix the cause and rerun; only what is missing is done:" if jobs else "To go on:")
        report.append(f"  {shlex.join(['snakemake', *sys.argv[1:]])}")
        print("\n".join(report), file=sys.stderr)
