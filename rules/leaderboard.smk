"""Stage 7, leaderboard: the scores of all models, aggregated, and the record of the run.

REQUIRED INPUTS: results/{dataset}/configs/{sha}.json, results/{dataset}/{samples,images,audit}.parquet,
results/{dataset}/{responses,parsed}/{model}.parquet, results/{dataset}/{judgements,scores}/{judge}/{model}.parquet,
results/{dataset}/probes/{model}/{probe}.parquet if probes are run, the labels of the config if it names some,
resources/published_results.csv
OUTPUTS: results/{dataset}/leaderboard.{parquet,csv,json,md,tex} (one file per format in
spd_faith/leaderboard/renderers/), results/{dataset}/{breakdowns,comparisons,interventions}.parquet,
results/{dataset}/{run,run_config}.json, results/{dataset}/leaderboard.html, and beside a page that would pass 6 MB
results/{dataset}/leaderboard_files/, which is no declared output: it need not be there, and make_page.py keeps it clean
The merged config is an input because run.json records it. So another name of a model or new human labels rerun only
these jobs. The page links the probes' figures and does not wait for them: one that is missing stops nothing.
"""

from spd_faith.leaderboard import renderers


rule make_leaderboard:
    input:
        config=merged_config,
        samples=paths.samples,
        images=ancient(paths.images),
        audit=paths.audit,
        answers=expand([paths.responses(), paths.parsed()], model=sorted(run.models), allow_missing=True),
        tables=expand(
            [paths.judgements(), paths.scores()],
            judge=sorted(run.judges),
            model=sorted(run.models),
            allow_missing=True,
        ),
        probes=[paths.probe(model, probe) for model in run.probed() for probe in run.probes_of(model)],
        labels=run.config.labels or [],
        published="resources/published_results.csv",
        modules=module_files("make_leaderboard.py", without=["probes/figures", "probes/patching"]),
        renderers=sorted({file for script in renderers.SCRIPTS for file in module_files(script)}),
    output:
        leaderboard=[
            report(
                paths.leaderboard(suffix),
                caption="../resources/report/leaderboard.rst",
                category="7 Leaderboard",
                labels={"Table": "Leaderboard", "Format": suffix},
            )
            for suffix in ("parquet", *renderers.SUFFIXES)
        ],
        breakdowns=report(
            paths.breakdowns,
            caption="../resources/report/breakdowns.rst",
            category="7 Leaderboard",
            labels={"Table": "Breakdowns", "Format": "parquet"},
        ),
        comparisons=report(
            paths.comparisons,
            caption="../resources/report/comparisons.rst",
            category="7 Leaderboard",
            labels={"Table": "Comparisons of models", "Format": "parquet"},
        ),
        interventions=report(
            paths.interventions,
            caption="../resources/report/interventions.rst",
            category="7 Leaderboard",
            labels={"Table": "Comparisons of interventions", "Format": "parquet"},
        ),
        record=report(
            paths.record,
            caption="../resources/report/run_record.rst",
            category="7 Leaderboard",
            labels={"Table": "Record of the run", "Format": "json"},
        ),
        run_config=paths.run_config,
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


rule make_page:
    input:
        config=merged_config,
        leaderboard=rules.make_leaderboard.output.leaderboard,
        groups=[paths.breakdowns, paths.comparisons, paths.interventions],
        record=paths.record,
        samples=paths.samples,
        images=ancient(paths.images),
        answers=rules.make_leaderboard.input.answers,
        tables=rules.make_leaderboard.input.tables,
        maps=expand(
            paths.probe(probe="token_activation_map"),
            model=[model for model in run.probed() if "token_activation_map" in run.probes_of(model)],
            allow_missing=True,
        ),
        templates=[str(file) for file in sorted(Path("resources/pages").iterdir())],
        modules=module_files("make_page.py", without=["probes/figures", "probes/patching"]),
    output:
        page=paths.leaderboard("html"),
    log:
        paths.log("make_page"),
    benchmark:
        paths.benchmark("make_page")
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    shell:
        f"python workflow_scripts/make_page.py --results {in_shell.folder}" " --config {input.config:q} 2> {log:q}"
