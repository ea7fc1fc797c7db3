"""Stage 4, judging: the claims of each answer, labelled.

REQUIRED INPUTS: results/{dataset}/samples.parquet, results/{dataset}/{responses,parsed}/{model}.parquet; the files that
the judge's entry names (prompts, or data and modules of the rules); if it sees images, results/{dataset}/images.parquet
OUTPUTS: results/{dataset}/judgements/{judge}/{model}.parquet
Reruns if the identity of the judge's entry, an answer or the dataset changes, or a file or module that the entry names:
all modules of the rules judge, none of a paid judge or a panel. Replies of paid judges are kept for all models in
results/{dataset}/journal/judgements/{judge}/ and never paid for twice; a panel's in those of its members.
"""


rule judge_responses:
    input:
        samples=paths.samples,
        images=lambda wildcards: ancient(results.images) if run.judges[wildcards.judge].needs_images else [],
        responses=paths.responses(),
        parsed=paths.parsed(),
        files=lambda wildcards: run.judges[wildcards.judge].input_files(),
        modules=lambda wildcards: run.judges[wildcards.judge].input_modules(),
    output:
        judgements=paths.judgements(),
    log:
        paths.log("judge_responses", "{judge}", "{model}"),
    benchmark:
        paths.benchmark("judge_responses", "{judge}", "{model}")
    group:
        scoring_group
    conda:
        "../envs/spd-faith.yaml"
    threads: lambda wildcards: run.judges[wildcards.judge].job_resources().threads
    resources:
        gpu=lambda wildcards: run.judges[wildcards.judge].job_resources().gpu,
        slurm_partition=lambda wildcards: run.judges[wildcards.judge].job_resources().partition,
        mem_mb=growing(lambda wildcards: run.judges[wildcards.judge].job_resources().mem_mb),
        runtime=growing(lambda wildcards: run.judges[wildcards.judge].job_resources().runtime),
    params:
        identity=lambda wildcards: identity(run.judges[wildcards.judge]),
        images=lambda wildcards, input: f"--images {input.images}" if input.images else "",
        journal=str(paths.judgement_journal()),
    shell:
        "python workflow_scripts/judge_responses.py --judge {wildcards.judge} --judges-file config/judges.yaml"
        " --prompts resources/prompts --samples {input.samples:q} {params.images} --responses {input.responses:q}"
        " --parsed {input.parsed:q} --journal {params.journal:q} --output {output.judgements:q} 2> {log:q}"
