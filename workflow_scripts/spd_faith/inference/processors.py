"""Loads processors of any family, with or without torchvision."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spd_faith.core.errors import UserError

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def load_processor(model: str, revision: str | None = None) -> "ProcessorMixin":
    """The processor of a checkpoint, padding on the left, without its video part.

    Videos are not used here, and transformers refuses to load a processor without its video part: always without
    torchvision, and with it if the checkpoint has no video settings. Images are preprocessed with torchvision if it is
    available, else with PIL.
    Raises `UserError` if the checkpoint is missing a part required for questions about images.
    """
    from transformers import AutoProcessor
    from transformers.utils.import_utils import is_torchvision_available

    backend = {} if is_torchvision_available() else {"backend": "pil"}
    auto_class: Any = AutoProcessor
    with without_video_processors():
        processor = auto_class.from_pretrained(model, revision=revision, trust_remote_code=False, **backend)
    for part in ("tokenizer", "image_processor"):  # AutoProcessor falls back to whatever part exists
        if not hasattr(processor, part):
            raise UserError(
                f"{model}: no processor for images and text: {type(processor).__name__} has no {part}"
                " (is there a preprocessor_config.json or processor_config.json?)"
            )
    if not processor.chat_template:
        raise UserError(f"{model}: the processor has no chat template (chat_template.jinja)")
    if getattr(processor, "image_token", None) is None:
        raise UserError(f"{model}: {type(processor).__name__} has no image token")
    processor.tokenizer.padding_side = "left"
    loaded: ProcessorMixin = processor
    return loaded


@contextmanager
def without_video_processors() -> Iterator[None]:
    """Allow building and loading processors without their video part."""
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
    """Side in pixels of an image processor's center crop; None if it does not crop.

    Processors that tile images (LLaVA-NeXT) crop the tiles, which already have this size; they count as not cropping.
    """
    if not getattr(image_processor, "do_center_crop", False) or getattr(image_processor, "image_grid_pinpoints", None):
        return None
    size = image_processor.crop_size
    side: int = min(size["height"], size["width"])
    return side
