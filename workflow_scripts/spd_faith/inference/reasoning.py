"""A thinking model's reasoning, told from its answer."""

import re

# the opening tag may be missing: chat templates write it into the prompt
_CLOSED = re.compile(r"\A\s*(?:<think>)?(.*?)</think>\s*", re.DOTALL)
_CUT_OFF = re.compile(r"\A\s*<think>(.*)\Z", re.DOTALL)


def split_reasoning(text: str) -> tuple[str, str | None]:
    """(answer, reasoning) of a generated text; reasoning is None where there is none.

    A text that ends before its reasoning does has an empty answer.
    """
    if closed := _CLOSED.match(text):
        return text[closed.end() :], closed[1].strip()
    if cut_off := _CUT_OFF.match(text):
        return "", cut_off[1].strip()
    return text, None
