"""Stage 5, scoring: every metric, per sample.

REQUIRED INPUTS: results/{dataset}/samples.parquet, results/{dataset}/responses/{model}.parquet,
results/{dataset}/parsed/{model}.parquet, results/{dataset}/judgements/{judge}/{model}.parquet
OUTPUTS: results/{dataset}/scores/{judge}/{model}.parquet
"""


rule score_responses:
    input:
        samples=paths.samples,
        responses=paths.responses(),
        parsed=paths.parsed(),
        judgements=paths.judgements(),
        modules=module_files("score_responses.py"),
    output:
        scores=paths.scores(),
    log:
        paths.log("score_responses", "{judge}", "{model}"),
    benchmark:
        paths.benchmark("score_responses", "{judge}", "{model}")
    group:
        scoring_group
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        dqr=run.config.scoring.dqr,
        ds=run.config.scoring.ds,
    shell:
        "python workflow_scripts/score_responses.py --samples {input.samples:q} --responses {input.responses:q}"
        " --parsed {input.parsed:q} --judgements {input.judgements:q} --dqr {params.dqr} --ds {params.ds}"
        " --output {output.scores:q} 2> {log:q}"
