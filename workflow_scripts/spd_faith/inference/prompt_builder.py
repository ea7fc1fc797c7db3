"""Turns questions about image pairs into model inputs: composed images, chat template, token ids, spans."""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from PIL import Image
from transformers import BatchEncoding, BatchFeature, PreTrainedTokenizerFast, ProcessorMixin
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize
from transformers.utils.import_utils import is_torchvision_available

from spd_faith.core.errors import UserError
from spd_faith.inference.batches import Shown
from spd_faith.inference.entries import CheckpointModel
from spd_faith.inference.families import Family
from spd_faith.inference.images import Layout, Size, alone, alone_on_square, compose, joined, merged, merged_on_square
from spd_faith.inference.processors import crop_side
from spd_faith.inference.spans import Message, PromptSpans, PromptText, PromptTokens, expand, locate, prompt_spans


class PromptBuilder:
    """Builds the prompts of one checkpoint with its processor; does not need the weights."""

    def __init__(self, entry: CheckpointModel, processor: ProcessorMixin, family: Family) -> None:
        """`entry` sets the image layout and the pixel budget."""
        self.processor: Any = processor  # transformers does not type its parts
        self._entry = entry
        self._family = family
        self._square = crop_side(self.processor.image_processor)

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The processor's tokenizer."""
        return cast(PreTrainedTokenizerFast, self.processor.tokenizer)

    @property
    def pad_token_id(self) -> int:
        """The padding token."""
        return cast(int, self.tokenizer.pad_token_id)

    @property
    def image_token_id(self) -> int:
        """The placeholder token for image patches."""
        return cast(int, self.tokenizer.convert_tokens_to_ids(self.processor.image_token))

    def decode(self, token_ids: list[int]) -> str:
        """The text of the tokens, special ones included."""
        return cast(str, self.tokenizer.decode(token_ids))

    @property
    def pixel_backend(self) -> str:
        """The package that resizes images; between packages, pixels differ by up to 0.17 standard deviations."""
        if self._square or not is_torchvision_available():
            return "pil"
        return "qwen_vl_utils" if self._family.uses_qwen_vl_utils else "torchvision"

    def build(self, questions: Sequence[Shown]) -> BatchFeature:
        """The model's inputs for the questions, left-padded, on the CPU."""
        messages = [self._message(question) for question in questions]
        return self._process([self._render([message]) for message in messages], messages)

    def build_texts(self, texts: Sequence[str]) -> BatchEncoding:
        """The model's inputs for the questions without their images, left-padded, on the CPU."""
        messages = [{"role": "user", "content": [{"type": "text", "text": text}]} for text in texts]
        prompts = [self._render([message]) for message in messages]
        arguments: dict[str, Any] = {"padding": True, "return_tensors": "pt", **self._special_tokens(prompts[0])}
        inputs: BatchEncoding = self.tokenizer(prompts, **arguments)
        return inputs

    def build_groups(self, groups: Sequence[Sequence[Shown]]) -> tuple[BatchFeature, list[list[PromptTokens]]]:
        """The model's inputs for the first question of each group, left-padded, and the prompts of all questions.

        The questions of a group share their images, which are preprocessed once.
        Raises `UserError` if the processor does not report how it expands images.
        """
        messages = [self._message(group[0]) for group in groups]
        rendered = [self._render([message]) for message in messages]
        inputs = self._process(rendered, messages, return_text_replacement_offsets=True)
        all_expansions = inputs.pop("text_replacement_offsets", [])
        if [len(expansions) for expansions in all_expansions] != [len(_images_of(message)) for message in messages]:
            name = type(self.processor).__name__
            raise UserError(f"{self._entry.model}: {name} does not report how it expands images")
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        rows = zip(groups, messages, rendered, inputs["input_ids"], lengths, all_expansions, strict=True)
        prompts = []
        for group, message, first, ids, length, expansions in rows:
            replacements = [(expansion["text"], expansion["replacement"]) for expansion in expansions]
            of_group = [PromptTokens(message, expand(first, replacements), ids[-length:])]
            of_group += [self._prompt(_with_text(message, question), replacements) for question, *_ in group[1:]]
            prompts.append(of_group)
        return inputs, prompts

    def _prompt(self, message: Message, replacements: list[tuple[str, str]]) -> PromptTokens:
        text = expand(self._render([message]), replacements)
        return PromptTokens(message, text, torch.tensor(self._tokenize(text)["input_ids"]))

    def spans(self, prompt: PromptTokens) -> PromptSpans:
        """The spans of a prompt's parts. Raises `UserError` if its chat template changes them."""
        parts = locate(prompt.message, self._render)
        offsets = self._tokenize(prompt.text, return_offsets_mapping=True)["offset_mapping"]
        return prompt_spans(prompt.token_ids.tolist(), offsets, prompt.text, parts, self.image_token_id)

    def layouts(self, original: Image.Image, modified: Image.Image) -> list[Layout]:
        """The layout of each image shown for this pair; squares if the processor would crop to one."""
        if self._entry.image_layout == "merged":
            pair = joined(original, modified)
            return [merged_on_square(pair, self._square) if self._square else merged(pair)]
        sizes = enumerate((original.size, modified.size))
        if self._square:
            return [alone_on_square(size, number, self._square) for number, size in sizes]
        return [alone(size, number) for number, size in sizes]

    def composed(self, original: Image.Image, modified: Image.Image) -> list[Image.Image]:
        """The images shown for this pair, before the processor resizes them."""
        return [compose(layout, (original, modified)) for layout in self.layouts(original, modified)]

    def sent_images(self, original: Image.Image, modified: Image.Image) -> list[Image.Image]:
        """The images shown for this pair as an engine gets them, resized as far as this package resizes images.

        An engine's processor then has nothing left to resize, except for families that only their processors resize.
        """
        message = self._message(("", original, modified))
        if self.pixel_backend == "qwen_vl_utils":
            return list(self._resized_by_qwen_vl_utils(message))
        return [self._resized(image) for image in _images_of(message)]

    @property
    def resizes_images(self) -> bool:
        """Whether `sent_images` leaves nothing to resize."""
        return self._square is not None or self._family.takes_pixel_budget

    def processor_arguments(self) -> dict[str, Any]:
        """Arguments of the processor that an engine must be started with, to read `sent_images` as meant."""
        # a second resizing changes an image again, if the budget is narrow or the image thin
        as_sent = {"do_resize": False} if self._family.takes_pixel_budget else {}
        return {**self._family.processor_arguments, **self._budget(), **as_sent}

    @property
    def adds_special_tokens(self) -> bool:
        """Whether the tokenizer adds a BOS token to a rendered prompt."""
        message: Message = {"role": "user", "content": [{"type": "text", "text": "Yes?"}]}
        return not self._special_tokens(self._render([message]))

    # ---- text --------------------------------------------------------------------------------------------------------

    def _render(self, messages: list[Message], add_generation_prompt: bool = True) -> str:
        arguments = {"tokenize": False, "add_generation_prompt": add_generation_prompt}
        return cast(str, self.processor.apply_chat_template(messages, **arguments))

    def _tokenize(self, text: PromptText, **more: Any) -> BatchEncoding:
        tokens: BatchEncoding = self.tokenizer(text.expanded, **self._special_tokens(text.rendered), **more)
        return tokens

    def _special_tokens(self, prompt: str) -> dict[str, Any]:
        begin = self.tokenizer.bos_token
        # if the template added the BOS token, the tokenizer must not add it again
        return {"add_special_tokens": False} if begin and prompt.startswith(begin) else {}

    # ---- images ------------------------------------------------------------------------------------------------------

    def _message(self, question: Shown) -> Message:
        text, original, modified = question
        images = [
            {"type": "image", "image": image, **self._pixel_limits(image.size)}
            for image in self.composed(original, modified)
        ]
        return {"role": "user", "content": [*images, {"type": "text", "text": text}]}

    def _process(self, prompts: list[str], messages: list[Message], **more: Any) -> BatchFeature:
        images: list[Any] = [_images_of(message) for message in messages]
        arguments: dict[str, Any] = {"return_attention_mask": True, **self._family.processor_arguments, **more}
        if self._square:  # already resized
            arguments |= {"do_resize": False, "do_center_crop": False}
        elif self.pixel_backend == "qwen_vl_utils":
            images = [self._resized_by_qwen_vl_utils(message) for message in messages]
            arguments["do_resize"] = False
        else:
            arguments |= self._budget()
        arguments |= self._special_tokens(prompts[0])
        common = {"padding": True, "truncation": False, "return_tensors": "pt"}
        return cast(BatchFeature, self.processor(text=prompts, images=images, **common, **arguments))

    def _budget(self) -> dict[str, Any]:
        budget = self._entry.pixel_budget
        return {"size": {"shortest_edge": budget.min_pixels, "longest_edge": budget.max_pixels}} if budget else {}

    def _resized(self, image: Image.Image) -> Image.Image:
        """As the processor resizes it with PIL, if it takes a pixel budget."""
        if not self._family.takes_pixel_budget:
            return image
        part = self.processor.image_processor
        limits = self._budget().get("size", part.size)
        height, width = smart_resize(
            image.height,
            image.width,
            factor=part.patch_size * part.merge_size,
            min_pixels=limits["shortest_edge"],
            max_pixels=limits["longest_edge"],
        )
        return image.resize((width, height), Image.Resampling.BICUBIC)

    def _resized_by_qwen_vl_utils(self, message: Message) -> Any:
        from qwen_vl_utils import process_vision_info

        return process_vision_info([message], image_patch_size=self.processor.image_processor.patch_size)[0]

    def _pixel_limits(self, size: Size) -> dict[str, int]:
        """Arguments of qwen-vl-utils for an image of this size: the entry's pixel budget, else the processor's.

        For long, thin images it rounds a side down to 0 (0.0.14); these get the size that the processor itself would
        choose, which keeps at least one token per side.
        """
        if not self._family.uses_qwen_vl_utils:
            return {}
        image_processor = self.processor.image_processor
        own = {"min_pixels": image_processor.size["shortest_edge"], "max_pixels": image_processor.size["longest_edge"]}
        limits: dict[str, int] = self._entry.pixel_budget.model_dump() if self._entry.pixel_budget else own
        token_side = image_processor.patch_size * image_processor.merge_size
        whole_tokens = [max(1, round(side / token_side)) * token_side for side in size]
        is_reduced = math.prod(whole_tokens) > limits["max_pixels"]  # rounding up to whole tokens may exceed the limit
        if is_reduced and min(size) * math.sqrt(limits["max_pixels"] / (size[0] * size[1])) < token_side:
            height, width = smart_resize(size[1], size[0], factor=token_side, **limits)
            return {"resized_height": height, "resized_width": width}
        return limits


def _with_text(message: Message, text: str) -> Message:
    """The message with another question about its images."""
    content = [part if part["type"] == "image" else part | {"text": text} for part in message["content"]]
    return message | {"content": content}


def _images_of(message: Message) -> list[Image.Image]:
    return [part["image"] for part in message["content"] if part["type"] == "image"]
