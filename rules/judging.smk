"""Stage 4, judging: the claims of each answer, labelled.

REQUIRED INPUTS: results/{dataset}/samples.parquet, results/{dataset}/{responses,parsed}/{model}.parquet
OUTPUTS: results/{dataset}/judgements/{judge}/{model}.parquet
"""


rule judge_by_rules:
    input:
        samples="results/{dataset}/samples.parquet",
        responses="results/{dataset}/responses/{model}.parquet",
        parsed="results/{dataset}/parsed/{model}.parquet",
        categories="resources/coco_categories.yaml",
        modules=command_files("judge_responses.py"),
    output:
        judgements="results/{dataset}/judgements/{judge}/{model}.parquet",
    log:
        "results/{dataset}/logs/judge_by_rules/{judge}/{model}.log",
    benchmark:
        "results/{dataset}/benchmarks/judge_by_rules/{judge}/{model}.tsv"
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        identity=lambda wildcards: identity(run.judges[wildcards.judge]),
    shell:
        "python workflow_scripts/judge_responses.py --samples {input.samples:q} --responses {input.responses:q}"
        " --parsed {input.parsed:q} --output {output.judgements:q} 2> {log:q}"
