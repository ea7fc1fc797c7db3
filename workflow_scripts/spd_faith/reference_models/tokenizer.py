"""A tokenizer for tiny models: bytes, plus whole phrases as single tokens."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from spd_faith.inference.prompts import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SYSTEM = "You are a helpful assistant."
_ROLES = ("system", "user", "assistant")


def prompt_phrases(prompts: Mapping[str, Prompt]) -> list[str]:
    """The lines of the prompts, the default system turn and the names of the roles."""
    lines = [line for prompt in prompts.values() for line in prompt.text.splitlines() if line]
    return list(dict.fromkeys([*lines, SYSTEM, *_ROLES]))


def build_tokenizer(
    special: Sequence[str], phrases: Iterable[str], end: str, padding: str, named: Mapping[str, str] | None = None
) -> "PreTrainedTokenizerFast":
    """A byte-level tokenizer that encodes and decodes any text without loss.

    The longest matching phrase wins, so a prompt of long lines is a few tokens; unknown text is one token per byte.
    `named` has the special tokens that the family's processor looks up by name.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(phrase, special=False, normalized=False) for phrase in dict.fromkeys(phrases)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=end,
        pad_token=padding,
        padding_side="left",
        model_max_length=32768,
        clean_up_tokenization_spaces=False,
        **({"extra_special_tokens": dict(named)} if named else {}),
    )
