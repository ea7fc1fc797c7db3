"""Resources, environments, groups and tables that depend on the entry of a model or judge."""


def growing(amount):
    """`amount` (a number or a function of the wildcards) times the attempt: retries get more."""
    return lambda wildcards, attempt: attempt * (amount(wildcards) if callable(amount) else amount)


def environment(wildcards):
    """The conda file for a job that runs a model, with CUDA builds if its entry requires a GPU."""
    return f"../envs/spd-faith{'-gpu' if run.models[wildcards.model].requirements().gpu else ''}.yaml"


def scoring_group(wildcards):
    """The profile's group of parsing if judging takes seconds; other judges get separate jobs."""
    group = workflow.group_settings.overwrite_groups.get("parse_responses")
    return group if run.judges[wildcards.judge].runs_with_scoring else None


def tables_of_probes(wildcards):
    """The tables of the probes that are run on a model."""
    return expand(paths.probe(), probe=run.probes_of(wildcards.model), **wildcards)
