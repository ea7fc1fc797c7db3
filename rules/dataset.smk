"""Stage 1, dataset: image pairs, their true differences, and the audit that compares the two.

REQUIRED INPUTS: none; the entry in datasets.yaml says where the pairs come from.
OUTPUTS: results/{dataset}/samples.parquet, results/{dataset}/images.parquet, results/{dataset}/audit.parquet
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


rule audit_dataset:
    input:
        samples=paths.samples,
        images=ancient(paths.images),
        modules=module_files("audit_dataset.py"),
    output:
        audit=report(
            paths.audit,
            caption="../resources/report/audit.rst",
            category="1 Dataset",
            labels={"Table": "Audit of the image pairs", "Format": "parquet"},
        ),
    log:
        paths.log("audit_dataset"),
    benchmark:
        paths.benchmark("audit_dataset")
    localrule: True
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    shell:
        "python workflow_scripts/audit_dataset.py --samples {input.samples:q} --images {input.images:q}"
        " --output {output.audit:q} 2> {log:q}"
