"""Stage 1, dataset: image pairs and their true differences.

REQUIRED INPUTS: none; the entry in datasets.yaml says where the pairs come from.
OUTPUTS: results/{dataset}/samples.parquet, results/{dataset}/images.parquet
The table of images is too large to compare by content. The metadata of the samples identify the images instead, so jobs
that read images depend on the samples and take the images as `ancient`: copying or touching them reruns nothing.
"""

from spd_faith.core.schemas import SAMPLES


rule make_dataset:
    output:
        samples=paths.samples,
        images=paths.images,
    log:
        paths.log("make_dataset"),
    benchmark:
        paths.benchmark("make_dataset")
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=run.dataset.resources.mem_mb,
        runtime=run.dataset.resources.runtime,
    params:
        identity=identity(run.dataset),
        columns=SAMPLES.names,
        content=lambda wildcards: run.dataset.content_revision(),
    shell:
        "python workflow_scripts/make_dataset.py --dataset {wildcards.dataset} --datasets-file config/datasets.yaml"
        " --samples {output.samples:q} --images {output.images:q} 2> {log:q}"
