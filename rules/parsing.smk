"""Stage 3, parsing: answers as structured lists and verdicts.

REQUIRED INPUTS: results/{dataset}/responses/{model}.parquet, resources/lexicon/en/*.yaml
OUTPUTS: results/{dataset}/parsed/{model}.parquet
"""


rule parse_responses:
    input:
        responses="results/{dataset}/responses/{model}.parquet",
        modules=command_files("parse_responses.py"),
    output:
        parsed="results/{dataset}/parsed/{model}.parquet",
    log:
        "results/{dataset}/logs/parse_responses/{model}.log",
    benchmark:
        "results/{dataset}/benchmarks/parse_responses/{model}.tsv"
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    shell:
        "python workflow_scripts/parse_responses.py --responses {input.responses:q} --output {output.parsed:q} 2> {log:q}"
