"""Stage 6, probes: the internals of open-weight models while they answer.

REQUIRED INPUTS: results/{dataset}/{samples,images}.parquet, results/{dataset}/{responses,parsed}/{model}.parquet,
results/{dataset}/scores/{judge}/{model}.parquet, resources/prompts/{describe,same,different}.txt
OUTPUTS: results/{dataset}/probes/{model}/{probe}.parquet, results/{dataset}/probes/{model}/{groups,contrasts}.parquet,
results/{dataset}/figures/{model}/
Passes rerun if the model's identity, its answers, a prompt, the choice of samples or the columns of a probe's table
change: an older table cannot be read. A new judge or threshold reruns only contrasts and figures. Groups follow the
first judge of the config.
Probes with passes of their own have the rule run_separate_probe: `--forcerun run_probes run_separate_probe` runs all.
The number of figures is limited: overlays of eight answers, twelve pages each, 2 s a page (docs/probes.md, "What it
costs"). A figure that cannot be drawn is listed in figures/{model}/not_drawn.txt; the others are still drawn.
Figures of a model that has variants (interventions) also read results/{dataset}/interventions.parquet.
The leaderboard comes first: the Snakefile gives contrast_probes and draw_probes the lowest priority.
"""

from spd_faith.core.variants import bases_of
from spd_faith.probes.registry import PROBES

bases = bases_of(run.variants().values())  # their figures wait for the leaderboard, whose table has their variants
separate = [probe for probe in sorted(run.config.probes.run) if probe in REGISTRY.separate_probes]
shared = [probe for probe in sorted(run.config.probes.run) if probe not in separate]


rule run_probes:
    input:
        samples=paths.samples,
        images=ancient(paths.images),
        responses=paths.responses(),
        prompts=expand("resources/prompts/{task}.txt", task=["describe", "same", "different"]),
    output:
        expand(paths.probe(), probe=shared, allow_missing=True),
    log:
        paths.log("run_probes", "{model}"),
    benchmark:
        paths.benchmark("run_probes", "{model}")
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
        columns={probe: PROBES[probe].schema.names for probe in shared},
        probes=shared,
        samples_per_split=run.config.probes.samples_per_split,
        seed=run.config.probes.seed,
    shell:
        "python workflow_scripts/run_probes.py --model {wildcards.model} --models-file config/models.yaml"
        " --prompts resources/prompts --samples {input.samples:q} --images {input.images:q}"
        " --responses {input.responses:q} --probes {params.probes} --samples-per-split {params.samples_per_split}"
        " --seed {params.seed} --threads {threads}"
        f" --output-folder {in_shell.probes('{wildcards.model}')}"
        " 2> {log:q}"


use rule run_probes as run_separate_probe with:
    output:
        paths.probe(),
    log:
        paths.log("run_separate_probe", "{probe}", "{model}"),
    benchmark:
        paths.benchmark("run_separate_probe", "{probe}", "{model}")
    wildcard_constraints:
        probe="|".join(separate) or "(?!)",
    params:
        identity=lambda wildcards: identity(run.models[wildcards.model]),
        columns=lambda wildcards: {wildcards.probe: PROBES[wildcards.probe].schema.names},
        probes=lambda wildcards: [wildcards.probe],
        samples_per_split=lambda wildcards: run.samples_per_split(wildcards.probe),
        seed=run.config.probes.seed,


rule contrast_probes:
    input:
        samples=paths.samples,
        responses=paths.responses(),
        parsed=paths.parsed(),
        scores=paths.scores(run.config.judges[0]),
        probes=tables_of_probes,
        modules=module_files("contrast_probes.py", without=["probes/figures", "probes/patching"]),
    output:
        contrasts=paths.probe(probe="contrasts"),
        groups=paths.probe(probe="groups"),
    log:
        paths.log("contrast_probes", "{model}"),
    benchmark:
        paths.benchmark("contrast_probes", "{model}")
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        probes=lambda wildcards: run.probes_of(wildcards.model),
        faithful_at_least=run.config.probes.faithful_at_least,
        unfaithful_at_most=run.config.probes.unfaithful_at_most,
        permutations=run.config.probes.permutations,
        seed=run.config.probes.seed,
    shell:
        "python workflow_scripts/contrast_probes.py --samples {input.samples:q} --responses {input.responses:q}"
        " --parsed {input.parsed:q} --scores {input.scores:q}"
        f" --probes {in_shell.probes('{wildcards.model}')}"
        " --only {params.probes}"
        " --faithful-at-least {params.faithful_at_least} --unfaithful-at-most {params.unfaithful_at_most}"
        " --permutations {params.permutations} --seed {params.seed}"
        " --output {output.contrasts:q} --groups {output.groups:q} 2> {log:q}"


rule draw_probes:
    input:
        samples=paths.samples,
        images=ancient(paths.images),
        probes=tables_of_probes,
        contrasts=rules.contrast_probes.output.contrasts,
        groups=rules.contrast_probes.output.groups,
        interventions=lambda wildcards: [paths.interventions] if wildcards.model in bases else [],
        modules=module_files("draw_probes.py", without=["probes/patching"]),
    output:
        figures=directory(paths.figures()),
    log:
        paths.log("draw_probes", "{model}"),
    benchmark:
        paths.benchmark("draw_probes", "{model}")
    conda:
        "../envs/spd-faith.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        probes=lambda wildcards: run.probes_of(wildcards.model),
        interventions=lambda wildcards, input: ["--interventions", *input.interventions] if input.interventions else [],
    shell:
        "python workflow_scripts/draw_probes.py --samples {input.samples:q} --images {input.images:q}"
        f" --probes {in_shell.probes('{wildcards.model}')}"
        " --only {params.probes}"
        " --contrasts {input.contrasts:q} --groups {input.groups:q} {params.interventions:q} --output-folder {output.figures:q} 2> {log:q}"
