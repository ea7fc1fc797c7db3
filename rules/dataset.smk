"""Stage 1, dataset: image pairs and their true differences.

REQUIRED INPUTS: none; the entry in datasets.yaml says how the pairs are made, or where they are published or lie.
OUTPUTS: results/{dataset}/samples.parquet, results/{dataset}/images.parquet
The samples name the content of the pictures in their metadata. So the jobs that read pictures go by the samples, and take
the table of pictures, which is too large to be compared, as `ancient`: copied or touched it reruns nothing.
"""


rule make_demo_dataset:
    output:
        samples="results/{dataset}/samples.parquet",
        images="results/{dataset}/images.parquet",
    log:
        "results/{dataset}/logs/make_demo_dataset.log",
    benchmark:
        "results/{dataset}/benchmarks/make_demo_dataset.tsv"
    wildcard_constraints:
        dataset=run.dataset_of_source("demo"),
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        identity=identity(run.dataset),
    shell:
        "python workflow_scripts/make_demo_dataset.py --dataset {wildcards.dataset} --datasets-file config/datasets.yaml"
        " --samples {output.samples:q} --images {output.images:q} 2> {log:q}"


rule download_dataset:
    output:
        samples="results/{dataset}/samples.parquet",
        images="results/{dataset}/images.parquet",
    log:
        "results/{dataset}/logs/download_dataset.log",
    benchmark:
        "results/{dataset}/benchmarks/download_dataset.tsv"
    wildcard_constraints:
        dataset=run.dataset_of_source("hub"),
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        identity=identity(run.dataset),
    shell:
        "python workflow_scripts/download_dataset.py --dataset {wildcards.dataset} --datasets-file config/datasets.yaml"
        " --samples {output.samples:q} --images {output.images:q} 2> {log:q}"


rule import_pairs:
    output:
        samples="results/{dataset}/samples.parquet",
        images="results/{dataset}/images.parquet",
    log:
        "results/{dataset}/logs/import_pairs.log",
    benchmark:
        "results/{dataset}/benchmarks/import_pairs.tsv"
    wildcard_constraints:
        dataset=run.dataset_of_source("folder", "jsonl"),
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        identity=identity(run.dataset),
        content=lambda wildcards: run.dataset.content_revision(),
    shell:
        "python workflow_scripts/import_pairs.py --dataset {wildcards.dataset} --datasets-file config/datasets.yaml"
        " --samples {output.samples:q} --images {output.images:q} 2> {log:q}"
