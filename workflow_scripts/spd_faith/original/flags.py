"""Flags as the benchmark's commands spell them: with underscores or dashes."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from spd_faith.original.released_models import STAND_INS


def add_flag(parser: ArgumentParser, *names: str, **settings: Any) -> None:
    """Add a flag and its aliases, each with underscores and with dashes."""
    spelled = [spelling for name in names for spelling in (f"--{name}", f"--{name.replace('_', '-')}")]
    parser.add_argument(*dict.fromkeys(spelled), dest=names[0], **settings)


def add_model_flags(flag: Callable[..., None]) -> None:
    """Add the flags about the model that all commands share, through `add_flag` of a parser."""
    flag("model_type", choices=STAND_INS, help="names the model without --model_path; else not needed")
    flag("max_new_tokens", type=int, help="max tokens of an answer (default: as the model's entry says)")
    flag("device", help="cpu, cuda, or one of the visible GPUs: cuda:0 … (default: as the model's entry says)")


def comma_separated(text: str) -> list[str]:
    """The names in a list such as `1,2`; empty ones are dropped."""
    return [name for name in map(str.strip, text.split(",")) if name]
