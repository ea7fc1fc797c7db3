"""Stage 3, parsing: answers as structured lists and verdicts.

REQUIRED INPUTS: results/{dataset}/responses/{model}.parquet, resources/coco_categories.yaml, resources/lexicon/en/*.yaml
OUTPUTS: results/{dataset}/parsed/{model}.parquet
"""


rule parse_responses:
    input:
        responses=paths.responses(),
        categories="resources/coco_categories.yaml",
        modules=module_files("parse_responses.py"),
    output:
        parsed=paths.parsed(),
    log:
        paths.log("parse_responses", "{model}"),
    benchmark:
        paths.benchmark("parse_responses", "{model}")
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    shell:
        "python workflow_scripts/parse_responses.py --responses {input.responses:q} --output {output.parsed:q} 2> {log:q}"
