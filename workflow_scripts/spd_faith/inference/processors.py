"""Processors of any family, with and without torchvision."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spd_faith.core.errors import UserError

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def load_processor(model: str, revision: str | None = None) -> "ProcessorMixin":
    """The processor of a checkpoint, padding on the left.

    No video is ever shown here, and transformers refuses to load a processor whose video part is missing: without
    torchvision always, with it where the checkpoint has no settings for one. So that part is left out. Images are
    prepared with torchvision where it imports, else with PIL.
    Raises `UserError` where the checkpoint lacks a part that questions about images need.
    """
    from transformers import AutoProcessor
    from transformers.utils.import_utils import is_torchvision_available

    backend = {} if is_torchvision_available() else {"backend": "pil"}
    auto_class: Any = AutoProcessor
    with without_video_processors():
        processor = auto_class.from_pretrained(model, revision=revision, trust_remote_code=False, **backend)
    for part in ("tokenizer", "image_processor"):  # AutoProcessor falls back to whichever part there is
        if not hasattr(processor, part):
            raise UserError(
                f"{model}: no processor for text with images: {type(processor).__name__} has no {part}"
                " (is there a preprocessor_config.json or processor_config.json?)"
            )
    if not processor.chat_template:
        raise UserError(f"{model}: the processor has no chat template (chat_template.jinja)")
    if getattr(processor, "image_token", None) is None:
        raise UserError(f"{model}: {type(processor).__name__} names no image token")
    processor.tokenizer.padding_side = "left"
    loaded: ProcessorMixin = processor
    return loaded


@contextmanager
def without_video_processors() -> Iterator[None]:
    """Let processors be built and loaded without their video part."""
    from transformers import ProcessorMixin

    base: Any = ProcessorMixin
    original = base.__dict__["get_attributes"]  # as declared: `ProcessorMixin.get_attributes` is bound to it
    attributes_of = original.__func__

    def without_video(cls: type) -> list[str]:
        return [name for name in attributes_of(cls) if name != "video_processor"]

    base.get_attributes = classmethod(without_video)
    try:
        yield
    finally:
        base.get_attributes = original


def crop_side(image_processor: Any) -> int | None:
    """Side in pixels of the square that an image processor cuts from the middle of an image; None if it cuts none.

    One that lays a grid of tiles over an image (LLaVA-NeXT) crops the tiles, which are squares of that side already.
    """
    if not getattr(image_processor, "do_center_crop", False) or getattr(image_processor, "image_grid_pinpoints", None):
        return None
    size = image_processor.crop_size
    side: int = min(size["height"], size["width"])
    return side
