"""The prompts of judges at endpoints: one file per metric in each style."""

_NAMES = {"full": "judge_{}", "short": "judge_{}_short", "panel": "panel_{}"}


def prompt_name(style: str, metric: str) -> str:
    """Name of a prompt file without its suffix. `panel` asks for labels of listed claims, the others list claims."""
    return _NAMES[style].format(metric)
