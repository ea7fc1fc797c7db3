"""Stage 2, inference: the answers of each model to the three tasks.

REQUIRED INPUTS: results/{dataset}/{samples,images}.parquet, resources/prompts/{describe,same,different}.txt
OUTPUTS: results/{dataset}/responses/{model}.parquet
Runs again when the identity of the model's entry, a prompt or the dataset changes; never for a changed module.
"""


rule run_inference:
    input:
        samples="results/{dataset}/samples.parquet",
        images="results/{dataset}/images.parquet",
        prompts=expand("resources/prompts/{task}.txt", task=["describe", "same", "different"]),
    output:
        responses="results/{dataset}/responses/{model}.parquet",
    log:
        "results/{dataset}/logs/run_inference/{model}.log",
    benchmark:
        "results/{dataset}/benchmarks/run_inference/{model}.tsv"
    conda:
        "../envs/spd-faith.yaml"
    threads: lambda wildcards: run.models[wildcards.model].resources.threads
    resources:
        gpu=lambda wildcards: run.models[wildcards.model].resources.gpu,
        mem_mb=lambda wildcards: run.models[wildcards.model].resources.mem_mb,
        runtime=lambda wildcards: run.models[wildcards.model].resources.runtime,
    params:
        identity=lambda wildcards: identity(run.models[wildcards.model]),
    shell:
        "python workflow_scripts/run_inference.py --model {wildcards.model} --models-file config/models.yaml"
        " --prompts resources/prompts --samples {input.samples:q} --images {input.images:q}"
        " --threads {threads} --output {output.responses:q} 2> {log:q}"
