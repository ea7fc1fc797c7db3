"""Backend `transformers`: any checkpoint that the Auto classes know, greedy, batched, never with eager attention."""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from transformers import AutoModelForImageTextToText
from transformers.utils import is_torchvision_available

from spd_faith.core.config import TransformersModel
from spd_faith.core.errors import UserError
from spd_faith.inference.pictures import merge
from spd_faith.inference.processors import load_processor

# model types whose authors prepare pictures with the package qwen-vl-utils (it imports torchvision)
_QWEN_VL_UTILS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
# what a family's processor must be told: InternVL's tiles pictures unless asked not to
_PROCESSOR_ARGUMENTS = {"internvl": {"crop_to_patches": False}}


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
        """Load processor and weights of `entry`; `device` is `cpu` or `cuda`, or None to follow the entry."""
        on_gpu = torch.cuda.is_available() and (entry.resources.gpu > 0 or entry.requires_gpu)
        self.device = device or ("cuda" if on_gpu else "cpu")
        if entry.requires_gpu and self.device == "cpu":
            raise UserError(f"{entry.model}: requires_gpu is set, and this job has no GPU (resources.gpu sets it)")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise UserError(f"{entry.model}: cuda was asked for, and this job has no GPU (resources.gpu sets it)")
        self._entry = entry
        try:
            self._processor = load_processor(entry.model, entry.revision)
            model, loading = AutoModelForImageTextToText.from_pretrained(
                entry.model,
                revision=entry.revision,
                dtype=getattr(torch, entry.dtype),
                attn_implementation=entry.attention,
                device_map=entry.device_map or self.device,
                output_loading_info=True,
            )
        except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
            raise UserError(f"{entry.model}: could not be loaded\n  {error}") from error
        if missing := sorted(loading["missing_keys"]):  # transformers fills them with noise and goes on
            raise UserError(f"{entry.model}: the weights lack {len(missing)} tensors, the first is {missing[0]}")
        self._model = model.eval()
        self._family = self._model.config.model_type
        self._end_tokens = self._find_end_tokens()

    @property
    def pixel_backend(self) -> str:
        """Which package resizes pictures; their pixels differ by up to 0.17 standard deviations."""
        if not is_torchvision_available():
            return "pil"
        return "qwen_vl_utils" if self._family in _QWEN_VL_UTILS else "torchvision"

    @property
    def revision(self) -> str:
        """The resolved commit on the hub, or `local`."""
        return getattr(self._model.config, "_commit_hash", None) or "local"

    @torch.inference_mode()
    def generate(self, questions: list[tuple[str, Image.Image, Image.Image]]) -> list[Generation]:
        """Answer (text, original, modified) questions in one left-padded batch."""
        inputs = self._prepare(questions).to(self._model.device, self._model.dtype)
        outputs = self._model.generate(
            **inputs,
            max_new_tokens=self._entry.max_new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,  # some checkpoints set one; it would also count the padding of a batch
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=self._end_tokens,
            pad_token_id=self._processor.tokenizer.pad_token_id,
        )
        prompt_tokens = inputs["attention_mask"].sum(dim=1).tolist()
        answers = outputs[:, inputs["input_ids"].shape[1] :].cpu()
        return [self._read(ids, length) for ids, length in zip(answers, prompt_tokens, strict=True)]

    def _prepare(self, questions: list[tuple[str, Image.Image, Image.Image]]) -> Any:
        pictures = [self._layout(original, modified) for _, original, modified in questions]
        messages = [self._message(text, shown) for (text, _, _), shown in zip(questions, pictures, strict=True)]
        prompts = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        arguments: dict[str, Any] = dict(_PROCESSOR_ARGUMENTS.get(self._family, {}))
        if self.pixel_backend == "qwen_vl_utils":
            from qwen_vl_utils import process_vision_info

            patch_size = self._processor.image_processor.patch_size
            pictures = [process_vision_info(message, image_patch_size=patch_size)[0] for message in messages]
            arguments["do_resize"] = False
        elif budget := self._entry.pixel_budget:
            arguments["size"] = {"shortest_edge": budget.min_pixels, "longest_edge": budget.max_pixels}
        return self._processor(text=prompts, images=pictures, padding=True, return_tensors="pt", **arguments)

    def _layout(self, original: Image.Image, modified: Image.Image) -> list[Image.Image]:
        return [merge(original, modified)] if self._entry.image_layout == "merged" else [original, modified]

    def _message(self, text: str, pictures: list[Image.Image]) -> list[dict[str, Any]]:
        size = getattr(self._processor.image_processor, "size", {})
        own = {"min_pixels": size.get("shortest_edge"), "max_pixels": size.get("longest_edge")}
        budget = self._entry.pixel_budget.model_dump() if self._entry.pixel_budget else own
        budget = {name: pixels for name, pixels in budget.items() if pixels}
        content: list[dict[str, Any]] = [{"type": "image", "image": picture, **budget} for picture in pictures]
        return [{"role": "user", "content": [*content, {"type": "text", "text": text}]}]

    def _find_end_tokens(self) -> list[int]:
        configured = self._model.generation_config.eos_token_id
        if configured is None:
            configured = self._processor.tokenizer.eos_token_id
        return [configured] if isinstance(configured, int) else list(configured)

    def _read(self, ids: torch.Tensor, prompt_tokens: int) -> Generation:
        ends = torch.isin(ids, torch.tensor(self._end_tokens)).nonzero()
        kept = ids[: int(ends[0]) + 1] if len(ends) else ids
        text = self._processor.tokenizer.decode(kept, skip_special_tokens=True)
        return Generation(text, kept.tolist(), prompt_tokens, finished=len(ends) > 0)
