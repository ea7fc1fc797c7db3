"""SPD-Faith: from image pairs to the leaderboard. Each stage has a file in rules/; README.md lists them."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

sys.path.insert(0, str(Path(workflow.basedir, "workflow_scripts")))

from spd_faith.core.config import load_run
from spd_faith.core.config_errors import read_mapping
from spd_faith.core.entries import identity
from spd_faith.core.errors import exit_on_user_error
from spd_faith.core.failures import failed_job, unfinished, without_forced
from spd_faith.core.gpus import visible_gpus
from spd_faith.core.modules import module_files
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import config_file, is_default, leaderboard_labels, write_config_file
from spd_faith.probes.figure_catalogue import declared_figures, heading
from spd_faith.probes.registry import PROBES
from spd_faith.registry import REGISTRY

refused = "\nInvalid configuration; no jobs were started.\n\n"
with exit_on_user_error(refused):
    read_mapping(Path("config/config.yaml"))  # checked here: Snakemake's own error names neither file nor line


configfile: "config/config.yaml"


with exit_on_user_error(refused):
    run = load_run(config, [Path(file) for file in workflow.configfiles], REGISTRY)

results = ResultPaths.of(run.config.dataset)
paths = ResultPaths.of("{dataset}")  # for rules, with wildcards
in_shell = ResultPaths.of("{wildcards.dataset}")
merged_config = config_file(run, results)
if workflow.is_main_process:  # once, not again in each job's process
    with exit_on_user_error("\nInvalid dataset; no jobs were started.\n\n"):
        run.dataset.check(f"config/datasets.yaml: {run.config.dataset}")
    write_config_file(run, merged_config)
if workflow.local_exec and (gpus := visible_gpus()):  # at most one job per GPU; a cluster has its own limits
    workflow.register_resource("gpu", len(gpus))


wildcard_constraints:
    dataset=re.escape(run.config.dataset),
    model="|".join(map(re.escape, run.models)),
    judge="|".join(map(re.escape, run.judges)),


include: "rules/resources.smk"
include: "rules/report.smk"
include: "rules/dataset.smk"
include: "rules/inference.smk"
include: "rules/parsing.smk"
include: "rules/judging.smk"
include: "rules/scoring.smk"
include: "rules/probes.smk"
include: "rules/leaderboard.smk"


# The leaderboard comes first: if cores are few, figures and their contrasts wait for the jobs that it needs.
for workflow_rule in workflow.rules:
    workflow_rule.priority = 0 if workflow_rule.name in ("contrast_probes", "draw_probes") else 1


report: "resources/report/run.rst"


config["figures"] = declared_figures(  # for captions of the report
    [PROBES[name] for name in run.config.probes.run], has_variants=bool(run.variants())
)


rule all:
    default_target: True
    input:
        results.leaderboard("parquet"),
        reported_page(),
        [reported_figures(model) for model in run.probed()],


rule plan:
    input:
        config=merged_config,
    log:
        results.log("plan"),
    localrule: True
    conda:
        "envs/spd-faith.yaml"
    params:
        results=results.folder,
    shell:
        "python workflow_scripts/plan.py --config {input.config:q} --results {params.results:q} 2> {log:q}"


onstart:
    if workflow.is_main_process and not workflow.touch:
        jobs = [job for job in workflow.dag.needrun_jobs() if "model" in job.wildcards.keys()]
        asked = {job.wildcards.model for job in jobs if job.rule.name.startswith("run_inference")}
        judges = {job.wildcards.judge for job in jobs if job.rule.name == "judge_responses"}
        # On a cluster, jobs may have a GPU although this process has none.
        has_gpu = not workflow.local_exec or bool(visible_gpus())
        if missing := run.missing_requirements(asked, os.environ, has_gpu=has_gpu, judges=judges):
            sys.exit("\nMissing requirements; no jobs were started.\n\n" + "\n".join(missing) + "\n")


onsuccess:
    asked = {rule.name for rule in workflow.dag.targetrules}
    if asked == {"all"}:
        command = shlex.join(["snakemake", *without_forced(sys.argv[1:])])
        show = ["python", "workflow_scripts/show_leaderboard.py", "--results", results.folder, "--command", command]
        show += ["--is-default"] if is_default(run, REGISTRY) else []
        subprocess.run(show, check=True)  # not shell(), which formats the braces of `--config`


onerror:
    if workflow.is_main_process:
        failed = workflow.scheduler.failed
        jobs = [job for one in failed for job in (unfinished(one.jobs) if one.is_group() else [one])]
        report = [f"\nThe run {'failed' if jobs else 'was stopped'}; completed outputs are kept."]
        report += [failed_job(job.rule.name, job.wildcards, next(iter(job.log), None)) for job in jobs]
        report.append("Fix the cause and rerun; only what is missing is done:" if jobs else "To continue:")
        report.append(f"  {shlex.join(['snakemake', *sys.argv[1:]])}")
        print("\n".join(report), file=sys.stderr)
