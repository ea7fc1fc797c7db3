"""Backend `transformers`: any checkpoint that the Auto classes know, greedy, batched, never with eager attention."""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from PIL import Image
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    BatchEncoding,
    BatchFeature,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    ProcessorMixin,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize
from transformers.utils import cached_file, extract_commit_hash, is_torchvision_available

from spd_faith.core.errors import UserError
from spd_faith.core.machine import network_hint
from spd_faith.inference.answers import Answer
from spd_faith.inference.batches import Shown, answer_in_batches
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.families import family_of
from spd_faith.inference.generation_settings import greedy_decoding, use_plain_forward
from spd_faith.inference.key_value_cache import cache_with_room
from spd_faith.inference.pictures import Layout, Size, alone, alone_on_square, lay, merged, merged_on_square
from spd_faith.inference.processors import crop_side, load_processor
from spd_faith.inference.prompt_groups import attends_to_all, of_the_same_pictures, tokens_in_common
from spd_faith.inference.questions import Question
from spd_faith.inference.reasoning import silent_tokens
from spd_faith.inference.row_generation import generate_in_rows
from spd_faith.inference.spans import PromptSpans, PromptText, PromptTokens, expand, locate, prompt_spans

log = logging.getLogger(__name__)
_LOADING_ERRORS = (
    *(OSError, ValueError, ImportError, RuntimeError, KeyError, TypeError, AttributeError),
    *(SafetensorError, StrictDataclassError),
)


@dataclass(frozen=True)
class Generation:
    """What a model generated for one prompt; `token_ids` end with the end token where one was generated."""

    text: str
    token_ids: list[int]
    prompt_tokens: int
    finished: bool


class TransformersBackend:
    """A loaded checkpoint that answers questions about pairs of pictures."""

    def __init__(self, entry: TransformersModel, device: str | None = None) -> None:
        """Load processor and weights of `entry`; `device` is `cpu` or `cuda`, or None to follow the entry.

        Raises `UserError` that names the part which is missing or does not fit, before the weights are read if it can.
        """
        on_gpu = torch.cuda.is_available() and (entry.resources.gpu > 0 or entry.requires_gpu)
        self.device = device or ("cuda" if on_gpu else "cpu")
        if entry.requires_gpu and self.device == "cpu":
            raise UserError(f"{entry.model}: requires_gpu is set, and this job has no GPU (resources.gpu sets it)")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise UserError(f"{entry.model}: cuda was asked for, and this job has no GPU (resources.gpu sets it)")
        if entry.dtype == "float32":
            _compute_in_ieee_float32()
        commit = _commit_of(entry)
        self.revision = commit or "local"
        """The resolved commit on the hub, or `local`."""
        if commit:  # so that all parts are of one commit, though the branch may move meanwhile
            entry = entry.model_copy(update={"revision": commit})
        self._entry = entry
        config = _load_config(entry)
        self._family = family_of(config.model_type)
        if entry.pixel_budget and not self._family.takes_pixel_budget:
            raise UserError(f"{entry.model}: models of the type {config.model_type} take no pixel_budget; leave it out")
        if entry.image_layout == "pair" and not self._family.sees_pairs:
            log.warning("%s was trained on one picture per prompt; consider image_layout: merged", entry.model)
        try:
            self._processor = load_processor(entry.model, entry.revision)
        except _LOADING_ERRORS as error:
            raise UserError(f"{entry.model}: the processor could not be loaded\n  {error}") from error
        self._square = crop_side(self._processor.image_processor)
        self._decoding = greedy_decoding(entry, config, self._processor.tokenizer, self._family.end_tokens)
        self._model = _load_model(entry, config, self._decoding.config, self.device)
        added = self._processor.tokenizer.added_tokens_decoder
        self._silent = silent_tokens({number: token.content for number, token in added.items() if token.special})

    @property
    def model(self) -> PreTrainedModel:
        """The loaded model, in evaluation mode."""
        return self._model

    @property
    def processor(self) -> ProcessorMixin:
        """The processor, padding on the left."""
        return self._processor

    @property
    def pixel_backend(self) -> str:
        """Which package resizes pictures; their pixels differ by up to 0.17 standard deviations."""
        if self._square or not is_torchvision_available():
            return "pil"
        return "qwen_vl_utils" if self._family.uses_qwen_vl_utils else "torchvision"

    def is_of_same_model(self, provenance: Mapping[str, Any]) -> bool:
        """Whether answers of that provenance came from the same commit; a branch may have moved since."""
        return provenance.get("revision") == self.revision

    def answer(self, questions: Iterable[Question]) -> Iterator[tuple[Question, Answer]]:
        """Each question with its outcome, batch by batch of the entry's size."""
        return answer_in_batches(questions, self.generate, self._entry.batch_size)

    @torch.inference_mode()
    def generate(self, questions: list[Shown]) -> list[Generation]:
        """Answer the questions, in one row those about the same pictures, that is the same two objects.

        Where the model cannot do that, a left-padded batch holds one question about each pair of pictures.
        """
        groups = of_the_same_pictures(questions)
        found: dict[int, Generation] = {}
        if len(groups) < len(questions) and self._answers_in_rows:
            inputs, prompts = self.prepare_groups([[questions[number] for number in group] for group in groups])
            if all(map(self._begin_with_pictures, prompts)):
                for group, answers in zip(groups, self._generate_in_rows(inputs, prompts), strict=True):
                    found |= zip(group, answers, strict=True)
                return [found[number] for number in range(len(questions))]
        for turn in zip_longest(*groups):
            numbers = [number for number in turn if number is not None]
            found |= zip(numbers, self._generate_in_batch([questions[number] for number in numbers]), strict=True)
        return [found[number] for number in range(len(questions))]

    def _generate_in_batch(self, questions: list[Shown]) -> list[Generation]:
        inputs = self.prepare(questions).to(self._model.device, self._model.dtype)
        outputs = self._model.generate(
            **inputs, past_key_values=cache_with_room(self._model), generation_config=self._decoding.config
        )
        prompt_tokens = inputs["attention_mask"].sum(dim=1).tolist()
        answers = outputs[:, inputs["input_ids"].shape[1] :].cpu()
        return [self._read(ids, length) for ids, length in zip(answers, prompt_tokens, strict=True)]

    def _generate_in_rows(self, inputs: BatchFeature, prompts: list[list[PromptTokens]]) -> list[list[Generation]]:
        answers = generate_in_rows(
            self._model,
            inputs.to(self._model.device, self._model.dtype),
            [[prompt.token_ids for prompt in group] for group in prompts],
            end_tokens=self._decoding.end_tokens,
            padding=self._processor.tokenizer.pad_token_id,
            longest=self._entry.max_new_tokens,
        )
        return [
            [self._read(ids, len(prompt.token_ids)) for ids, prompt in zip(of_group, group, strict=True)]
            for of_group, group in zip(answers, prompts, strict=True)
        ]

    @property
    def _answers_in_rows(self) -> bool:
        return (
            self._family.answers_in_rows
            and self._entry.attention == "sdpa"  # takes a mask for each question
            and attends_to_all(self._model)
        )

    def _begin_with_pictures(self, prompts: list[PromptTokens]) -> bool:
        """Whether all that the prompts have in common goes beyond their pictures."""
        image_token = self._image_token
        shared = tokens_in_common([prompt.token_ids for prompt in prompts])
        return all(int((prompt.token_ids == image_token).nonzero()[-1]) < shared - 1 for prompt in prompts)

    def prepare(self, questions: list[Shown]) -> BatchFeature:
        """The model's inputs for the questions, left-padded, on the CPU."""
        messages = [self._message(question) for question in questions]
        return self._process([self._render([message]) for message in messages], messages)

    def prepare_groups(self, groups: list[list[Shown]]) -> tuple[BatchFeature, list[list[PromptTokens]]]:
        """The model's inputs for the first question of each group, left-padded, and the prompts of all questions.

        The questions of a group are about the same pictures, which are prepared once.
        Raises `UserError` where the processor does not say how it expands pictures.
        """
        messages = [self._message(group[0]) for group in groups]
        rendered = [self._render([message]) for message in messages]
        inputs = self._process(rendered, messages, return_text_replacement_offsets=True)
        all_expansions = inputs.pop("text_replacement_offsets", [])
        pictures = [len(_pictures_of(message)) for message in messages]
        if [len(expansions) for expansions in all_expansions] != pictures:
            raise UserError(f"{self._entry.model}: {type(self._processor).__name__} does not say how it expands images")
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        rows = zip(groups, messages, rendered, inputs["input_ids"], lengths, all_expansions, strict=True)
        prompts = []
        for group, message, first, ids, length, expansions in rows:
            replacements = [(expansion["text"], expansion["replacement"]) for expansion in expansions]
            of_group = [PromptTokens(message, expand(first, replacements), ids[-length:])]
            for question, *_ in group[1:]:
                about = _with_text(message, question)
                text = expand(self._render([about]), replacements)
                of_group.append(PromptTokens(about, text, torch.tensor(self._tokenize(text)["input_ids"])))
            prompts.append(of_group)
        return inputs, prompts

    def spans_of(self, prompt: PromptTokens) -> PromptSpans:
        """Where the parts of a prompt stand. Raises `UserError` where its chat template changes them."""
        parts = locate(prompt.message, self._render)
        offsets = self._tokenize(prompt.text, return_offsets_mapping=True)["offset_mapping"]
        return prompt_spans(prompt.token_ids.tolist(), offsets, prompt.text, parts, self._image_token)

    def _tokenize(self, text: PromptText, **more: Any) -> BatchEncoding:
        return self._processor.tokenizer(text.expanded, **self._special_tokens(text.rendered), **more)

    def _special_tokens(self, prompt: str) -> dict[str, Any]:
        begin = self._processor.tokenizer.bos_token
        # where the template wrote the first one, the tokenizer would write it again
        return {"add_special_tokens": False} if begin and prompt.startswith(begin) else {}

    @property
    def _image_token(self) -> int:
        return self._processor.tokenizer.convert_tokens_to_ids(self._processor.image_token)

    def _render(self, messages: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        return self._processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt
        )

    def _process(self, prompts: list[str], messages: list[dict[str, Any]], **more: Any) -> BatchFeature:
        pictures = [_pictures_of(message) for message in messages]
        arguments: dict[str, Any] = {"return_attention_mask": True, **self._family.processor_arguments, **more}
        if self._square:  # they have the size already
            arguments |= {"do_resize": False, "do_center_crop": False}
        elif self.pixel_backend == "qwen_vl_utils":
            from qwen_vl_utils import process_vision_info

            patch_size = self._processor.image_processor.patch_size
            pictures = [process_vision_info([message], image_patch_size=patch_size)[0] for message in messages]
            arguments["do_resize"] = False
        elif budget := self._entry.pixel_budget:
            arguments["size"] = {"shortest_edge": budget.min_pixels, "longest_edge": budget.max_pixels}
        arguments |= self._special_tokens(prompts[0])
        return self._processor(
            text=prompts, images=pictures, padding=True, truncation=False, return_tensors="pt", **arguments
        )

    def _message(self, question: Shown) -> dict[str, Any]:
        text, original, modified = question
        pictures = [
            {"type": "image", "image": lay(layout, (original, modified)), **self._pixel_limits(layout.size)}
            for layout in self.layouts(original.size, modified.size)
        ]
        return {"role": "user", "content": [*pictures, {"type": "text", "text": text}]}

    def layouts(self, original: Size, modified: Size) -> list[Layout]:
        """How a pair of these sizes is shown, picture by picture; on squares where the processor would crop to one."""
        merge = self._entry.image_layout == "merged"
        if self._square and merge:
            return [merged_on_square(original, self._square)]
        if self._square:
            return [alone_on_square(size, number, self._square) for number, size in enumerate((original, modified))]
        return [merged(original)] if merge else [alone(original, 0), alone(modified, 1)]

    def _pixel_limits(self, size: Size) -> dict[str, int]:
        """What qwen-vl-utils reads beside an image of that size: the entry's budget, else the processor's own.

        It rounds a side of a long, thin image down to nothing (0.0.14); such an image gets the size that the processor
        itself would choose, which keeps one token across.
        """
        if not self._family.uses_qwen_vl_utils:
            return {}
        image_processor = self._processor.image_processor
        own = {"min_pixels": image_processor.size["shortest_edge"], "max_pixels": image_processor.size["longest_edge"]}
        limits = self._entry.pixel_budget.model_dump() if self._entry.pixel_budget else own
        token_side = image_processor.patch_size * image_processor.merge_size
        whole_tokens = [max(1, round(side / token_side)) * token_side for side in size]
        is_reduced = math.prod(whole_tokens) > limits["max_pixels"]  # the pixels themselves may be few enough
        if is_reduced and min(size) * math.sqrt(limits["max_pixels"] / (size[0] * size[1])) < token_side:
            height, width = smart_resize(size[1], size[0], factor=token_side, **limits)
            return {"resized_height": height, "resized_width": width}
        return limits

    def _read(self, ids: torch.Tensor, prompt_tokens: int) -> Generation:
        kept, finished = self._decoding.cut(ids, self._processor.tokenizer.decode)
        text = self._processor.tokenizer.decode([token for token in kept.tolist() if token not in self._silent])
        return Generation(text, kept.tolist(), prompt_tokens, finished)


def _compute_in_ieee_float32() -> None:
    """Turn off TF32, which keeps 10 bits of a number's 23: by default cuDNN's convolutions use it for float32."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _commit_of(entry: TransformersModel) -> str | None:
    """The commit that a branch or tag stands for on the hub, or did when it was last downloaded; None of a folder."""
    try:
        return extract_commit_hash(cached_file(entry.model, "config.json", revision=entry.revision), None)
    except Exception as error:  # of many kinds: an HTTP library's own, where a variable of proxies is wrong
        raise UserError(f"{entry.model}: its config could not be loaded\n  {error}{_hint(entry)}") from error


def _hint(entry: TransformersModel) -> str:
    return "" if Path(entry.model).exists() else network_hint()


def _load_config(entry: TransformersModel) -> PretrainedConfig:
    try:
        config = AutoConfig.from_pretrained(entry.model, revision=entry.revision, trust_remote_code=False)
    except _LOADING_ERRORS as error:
        raise UserError(f"{entry.model}: its config could not be loaded\n  {error}{_hint(entry)}") from error
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise UserError(
            f"{entry.model}: transformers has no model class that answers with text about pictures for the type"
            f" {config.model_type}. Serve such a checkpoint through an endpoint instead."
        )
    use_plain_forward(entry.model, config)
    return config


def _load_model(
    entry: TransformersModel, config: PretrainedConfig, decoding: GenerationConfig, device: str
) -> PreTrainedModel:
    try:
        model, loading = AutoModelForImageTextToText.from_pretrained(
            entry.model,
            config=config,
            generation_config=decoding,
            revision=entry.revision,
            trust_remote_code=False,
            dtype=getattr(torch, entry.dtype),
            attn_implementation=entry.attention,
            device_map=entry.device_map or device,
            output_loading_info=True,
        )
    except _LOADING_ERRORS as error:
        raise UserError(f"{entry.model}: the weights could not be loaded\n  {error}") from error
    if missing := sorted(loading["missing_keys"]):  # transformers fills them with noise and goes on
        raise UserError(f"{entry.model}: the weights lack {len(missing)} tensors, the first is {missing[0]}")
    return model.eval()


def _with_text(message: dict[str, Any], text: str) -> dict[str, Any]:
    """The message with another question about its pictures."""
    content = [part if part["type"] == "image" else part | {"text": text} for part in message["content"]]
    return message | {"content": content}


def _pictures_of(message: dict[str, Any]) -> list[Image.Image]:
    return [part["image"] for part in message["content"] if part["type"] == "image"]
