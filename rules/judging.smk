"""Stage 4, judging: the claims of each answer, labelled.

REQUIRED INPUTS: results/{dataset}/samples.parquet, results/{dataset}/{responses,parsed}/{model}.parquet; for a judge at
an endpoint resources/prompts/judge_{drf,cr}.txt and, where it is shown pictures, results/{dataset}/images.parquet
OUTPUTS: results/{dataset}/judgements/{judge}/{model}.parquet
A judge at an endpoint runs again when the identity of its entry, a prompt, an answer or the dataset changes; never for a
changed module. What it replied once stands in results/{dataset}/journal/judgements/{judge}/, for all models, and is not
paid for again, whatever becomes of the table.
"""


rule judge_by_rules:
    input:
        samples="results/{dataset}/samples.parquet",
        responses="results/{dataset}/responses/{model}.parquet",
        parsed="results/{dataset}/parsed/{model}.parquet",
        modules=command_files("judge_responses.py"),
    output:
        judgements="results/{dataset}/judgements/{judge}/{model}.parquet",
    log:
        "results/{dataset}/logs/judge_by_rules/{judge}/{model}.log",
    benchmark:
        "results/{dataset}/benchmarks/judge_by_rules/{judge}/{model}.tsv"
    wildcard_constraints:
        judge=judges_from["rules"],
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        identity=lambda wildcards: identity(run.judges[wildcards.judge]),
    shell:
        "python workflow_scripts/judge_responses.py --samples {input.samples:q} --responses {input.responses:q}"
        " --parsed {input.parsed:q} --output {output.judgements:q} 2> {log:q}"


rule judge_by_endpoint:
    input:
        samples="results/{dataset}/samples.parquet",
        images=lambda wildcards: (
            ancient(f"results/{wildcards.dataset}/images.parquet") if run.judges[wildcards.judge].pictures else []
        ),
        responses="results/{dataset}/responses/{model}.parquet",
        parsed="results/{dataset}/parsed/{model}.parquet",
        prompts=expand("resources/prompts/judge_{metric}.txt", metric=["drf", "cr"]),
    output:
        judgements="results/{dataset}/judgements/{judge}/{model}.parquet",
    log:
        "results/{dataset}/logs/judge_by_endpoint/{judge}/{model}.log",
    benchmark:
        "results/{dataset}/benchmarks/judge_by_endpoint/{judge}/{model}.tsv"
    wildcard_constraints:
        judge=judges_from["endpoint"],
    conda:
        "../envs/spd-faith.yaml"
    threads: lambda wildcards: run.judges[wildcards.judge].resources.threads
    resources:
        slurm_partition=lambda wildcards: run.judges[wildcards.judge].resources.partition,
        mem_mb=growing(lambda wildcards: run.judges[wildcards.judge].resources.mem_mb),
        runtime=growing(lambda wildcards: run.judges[wildcards.judge].resources.runtime),
    params:
        identity=lambda wildcards: identity(run.judges[wildcards.judge]),
        images=lambda wildcards, input: f"--images {input.images}" if input.images else "",
    shell:
        "python workflow_scripts/judge_by_endpoint.py --judge {wildcards.judge} --judges-file config/judges.yaml"
        " --prompts resources/prompts --samples {input.samples:q} {params.images} --responses {input.responses:q}"
        " --parsed {input.parsed:q} --journal results/{wildcards.dataset}/journal/judgements/{wildcards.judge}"
        " --output {output.judgements:q} 2> {log:q}"
