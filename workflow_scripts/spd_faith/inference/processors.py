"""Processors of any family, with and without torchvision."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def load_processor(model: str, revision: str | None = None) -> "ProcessorMixin":
    """The processor of a checkpoint, padding on the left.

    Without torchvision transformers has no video processors and refuses to load a processor that names one, though no
    video is ever shown here; so the name is passed over and pictures are prepared with PIL.
    """
    from transformers import AutoProcessor
    from transformers.utils import is_torchvision_available

    if is_torchvision_available():
        processor = AutoProcessor.from_pretrained(model, revision=revision)
    else:
        with without_video_processors():
            processor = AutoProcessor.from_pretrained(model, revision=revision, backend="pil")
    processor.tokenizer.padding_side = "left"
    return processor


@contextmanager
def without_video_processors() -> Iterator[None]:
    """In the block, processors are built, loaded and saved without their video processors."""
    from transformers import ProcessorMixin

    original = ProcessorMixin.get_attributes
    attributes_of = original.__func__

    def without_video(cls: type) -> list[str]:
        return [name for name in attributes_of(cls) if name != "video_processor"]

    ProcessorMixin.get_attributes = classmethod(without_video)
    try:
        yield
    finally:
        ProcessorMixin.get_attributes = original
