"""Stage 2, inference: the answers of each model to the three tasks.

REQUIRED INPUTS: results/{dataset}/{samples,images}.parquet, resources/prompts/{describe,same,different}.txt
OUTPUTS: results/{dataset}/responses/{model}.parquet
Reruns if the identity of the model's entry, a prompt, the dataset or the columns of the table change, never for a
changed module. Answers are kept in results/{dataset}/journal/responses/{model}/: no question is asked twice, even if the
table is deleted.
Models with `inference: shards` have the rules run_inference_shard and gather_responses, the others run_inference. So
`--forcerun run_inference run_inference_shard` makes the tables of all again.
"""

from spd_faith.core.schemas import RESPONSES


rule run_inference:
    input:
        samples=paths.samples,
        images=ancient(paths.images),
        prompts=expand("resources/prompts/{task}.txt", task=["describe", "same", "different"]),
    output:
        responses=paths.responses(),
    log:
        paths.log("run_inference", "{model}"),
    benchmark:
        paths.benchmark("run_inference", "{model}")
    wildcard_constraints:
        model=run.models_of_rule("run_inference"),
    conda:
        environment
    threads: lambda wildcards: run.models[wildcards.model].resources.threads
    resources:
        gpu=lambda wildcards: run.models[wildcards.model].resources.gpu,
        slurm_partition=lambda wildcards: run.models[wildcards.model].resources.partition,
        mem_mb=growing(lambda wildcards: run.models[wildcards.model].resources.mem_mb),
        runtime=growing(lambda wildcards: run.models[wildcards.model].resources.runtime),
    params:
        identity=lambda wildcards: identity(run.models[wildcards.model]),
        columns=RESPONSES.names,
        shard="",
    shell:
        "python workflow_scripts/run_inference.py --model {wildcards.model} --models-file config/models.yaml"
        " --prompts resources/prompts --samples {input.samples:q} --images {input.images:q}"
        f" --journal {in_shell.response_journal('{wildcards.model}')}"
        " --threads {threads} {params.shard}"
        " --output {output.responses:q} 2> {log:q}"


use rule run_inference as run_inference_shard with:
    output:
        responses=paths.response_shard(),
    log:
        paths.log("run_inference", "{model}", "{shard}"),
    benchmark:
        paths.benchmark("run_inference", "{model}", "{shard}")
    wildcard_constraints:
        model=run.models_of_rule("gather_responses"),
        shard=r"\d+",
    params:
        identity=lambda wildcards: identity(run.models[wildcards.model]),
        columns=RESPONSES.names,
        shard=lambda wildcards: f"--shard {wildcards.shard} --shards {run.num_shards(wildcards.model)}",


rule gather_responses:
    input:
        samples=paths.samples,
        shards=lambda wildcards: expand(
            paths.response_shard(),
            shard=range(run.num_shards(wildcards.model)),
            allow_missing=True,
        ),
    output:
        responses=paths.responses(),
    log:
        paths.log("gather_responses", "{model}"),
    benchmark:
        paths.benchmark("gather_responses", "{model}")
    wildcard_constraints:
        model=run.models_of_rule("gather_responses"),
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python workflow_scripts/gather_responses.py --samples {input.samples:q} --shards {input.shards:q}"
        " --output {output.responses:q} 2> {log:q}"


rule import_responses:
    input:
        samples=paths.samples,
        answers=lambda wildcards: run.models[wildcards.model].path,
        modules=module_files("import_responses.py"),
    output:
        responses=paths.responses(),
    log:
        paths.log("import_responses", "{model}"),
    benchmark:
        paths.benchmark("import_responses", "{model}")
    wildcard_constraints:
        model=run.models_of_rule("import_responses"),
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: lambda wildcards: run.models[wildcards.model].resources.threads
    resources:
        mem_mb=lambda wildcards: run.models[wildcards.model].resources.mem_mb,
        runtime=lambda wildcards: run.models[wildcards.model].resources.runtime,
    params:
        identity=lambda wildcards: identity(run.models[wildcards.model]),
        columns=RESPONSES.names,
    shell:
        "python workflow_scripts/import_responses.py --model {wildcards.model} --models-file config/models.yaml"
        " --samples {input.samples:q} --output {output.responses:q} 2> {log:q}"
