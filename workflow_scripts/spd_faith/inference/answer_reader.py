"""Reads generated token ids as an answer, whichever engine generated them."""

from spd_faith.inference.batches import Generation
from spd_faith.inference.generation_settings import Decoding
from spd_faith.inference.prompt_builder import PromptBuilder
from spd_faith.inference.reasoning import silent_ids


class AnswerReader:
    """Cuts answers of one checkpoint at their end and decodes them."""

    def __init__(self, decoding: Decoding, builder: PromptBuilder) -> None:
        self._decoding = decoding
        self._builder = builder
        self._silent = silent_ids(builder.tokenizer)

    def read(self, generated: list[int], prompt_tokens: int) -> Generation:
        """The answer in the generated token ids; `prompt_tokens` is the length of its prompt."""
        token_ids, finished = self._decoding.cut(generated, self._builder.decode)
        text = self._builder.decode([token for token in token_ids if token not in self._silent])
        return Generation(text, token_ids, prompt_tokens, finished)
