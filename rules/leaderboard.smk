"""Stage 7, leaderboard: the scores of all models, aggregated, and the record of the run.

REQUIRED INPUTS: results/{dataset}/configs/{sha}.json, results/{dataset}/{samples,audit}.parquet,
results/{dataset}/responses/{model}.parquet, results/{dataset}/{judgements,scores}/{judge}/{model}.parquet,
results/{dataset}/probes/{model}/{probe}.parquet if probes are run, resources/published_results.csv
OUTPUTS: results/{dataset}/leaderboard.{parquet,csv,md} (one file per format in spd_faith/leaderboard/renderers/),
results/{dataset}/{breakdowns,comparisons}.parquet, results/{dataset}/run.json
The merged config is an input because run.json records it. So a new label reruns only this job.
"""

from spd_faith.leaderboard import renderers


rule make_leaderboard:
    input:
        config=merged_config,
        samples=paths.samples,
        audit=paths.audit,
        responses=expand(paths.responses(), model=sorted(run.models), allow_missing=True),
        tables=expand(
            [paths.judgements(), paths.scores()],
            judge=sorted(run.judges),
            model=sorted(run.models),
            allow_missing=True,
        ),
        probes=expand(
            paths.probe(),
            model=run.probed(),
            probe=sorted(run.config.probes.run),
            allow_missing=True,
        ),
        published="resources/published_results.csv",
        modules=module_files("make_leaderboard.py", without="probes/figures"),
        renderers=sorted({file for script in renderers.SCRIPTS for file in module_files(script)}),
    output:
        leaderboard=[paths.leaderboard(suffix) for suffix in ("parquet", *renderers.SUFFIXES)],
        breakdowns=paths.breakdowns,
        comparisons=paths.comparisons,
        record=paths.record,
    log:
        paths.log("make_leaderboard"),
    benchmark:
        paths.benchmark("make_leaderboard")
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    shell:
        f"python workflow_scripts/make_leaderboard.py --results {in_shell.folder}"
        " --config {input.config:q}"
        " --published {input.published:q} 2> {log:q}"
