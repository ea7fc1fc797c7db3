"""What jobs ask for, where it depends on more than the rule: of a scheduler, and as their environment."""


def growing(amount):
    """A resource of `amount`, a number or a function of the wildcards, and as much again with each further attempt."""
    return lambda wildcards, attempt: attempt * (amount(wildcards) if callable(amount) else amount)


def environment(wildcards):
    """The conda file of a job that runs a model: with CUDA builds if its entry requires a GPU."""
    return f"../envs/spd-faith{'-gpu' if run.models[wildcards.model].requirements().gpu else ''}.yaml"


def scoring_group(wildcards):
    """The group that the profile gives to parsing, if judging takes seconds; other judging has jobs of its own."""
    group = workflow.group_settings.overwrite_groups.get("parse_responses")
    return group if run.judges[wildcards.judge].runs_with_scoring else None
