"""What jobs ask a scheduler for, where it depends on more than the rule."""


def growing(amount):
    """A resource of `amount`, a number or a function of the wildcards, and as much again with each further attempt."""
    return lambda wildcards, attempt: attempt * (amount(wildcards) if callable(amount) else amount)
