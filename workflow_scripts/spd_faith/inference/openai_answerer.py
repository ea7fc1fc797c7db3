"""Engine `openai`: any endpoint with OpenAI's chat completions API."""

import asyncio
import base64
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from spd_faith.dataset.encoded_images import decode
from spd_faith.endpoints.charges import Charges
from spd_faith.endpoints.client import Endpoint, address_of
from spd_faith.endpoints.concurrently import concurrently
from spd_faith.endpoints.replies import Reply
from spd_faith.endpoints.token_bounds import max_image_tokens, max_text_tokens
from spd_faith.inference.answers import Answer, Provenance, failed
from spd_faith.inference.entries import OpenAIModel
from spd_faith.inference.images import merge
from spd_faith.inference.questions import Question
from spd_faith.inference.reasoning import split_reasoning

_JPEG = {"quality": 95, "subsampling": 0}  # chroma subsampling could hide a colour change


class OpenAIAnswerer:
    """Asks a model at an endpoint several questions concurrently."""

    def __init__(
        self,
        entry: OpenAIModel,
        key: str | None,
        spent_usd: float,
        slots: Path,
        environment: Mapping[str, str] = os.environ,
        charges: Charges | None = None,
    ) -> None:
        """`spent_usd` counts towards the entry's `max_usd`, and `charges` records further spending; `slots` is the
        folder that limits concurrent calls across jobs.
        """
        self._entry = entry
        self._key = key
        self._spent_usd = spent_usd
        self._slots = slots
        self._charges = charges
        self._address = address_of(entry, environment)
        self._served = entry.model

    @property
    def provenance(self) -> Provenance:
        """The revision is the model name in the last response, often a dated snapshot; before that, the entry's.

        The pixel backend states the max side and the format of the images sent.
        """
        sent = f"sent {self._entry.images.max_side} {self._entry.images.format}"
        engine = {"endpoint": self._entry.base_url, "openai": version("openai")}
        return Provenance(self._entry.model, None, sent, engine, self._served)

    def is_of_same_model(self, provenance: Mapping[str, Any]) -> bool:
        """Always true: only the answers show what an endpoint serves, and paid answers are never discarded."""
        return True

    def answer(self, questions: Iterable[Question], num_answered: int = 0) -> Iterator[tuple[Question, Answer]]:
        """Yield each question with its outcome as soon as it is ready; at most `concurrency` are in flight.

        Raises `UserError`, after yielding the outcomes of all calls in flight, if the job must stop: an invalid key or
        model, an outage, only refusals, `max_usd`.
        """
        with asyncio.Runner() as runner:
            endpoint = Endpoint(
                self._entry, self._address, self._key, self._spent_usd, self._slots, self._charges, num_answered
            )

            async def ask(question: Question) -> Answer:
                return await self._ask(endpoint, question)

            try:
                yield from concurrently(runner, questions, ask, self._entry.concurrency)
            finally:
                self._spent_usd = endpoint.spent_usd
                runner.run(endpoint.close())

    async def _ask(self, endpoint: Endpoint, question: Question) -> Answer:
        try:
            images = self._compose(decode(question.original), decode(question.modified))
        except ValueError as error:
            return failed(f"image: {error}", attempts=0)
        content = [
            *(image_part(image, self._entry.images.format) for image in images),
            {"type": "text", "text": question.text},
        ]
        known = self._entry.image_tokens
        max_tokens = max_text_tokens(question.text) + sum(max_image_tokens(*one.size, known) for one in images)
        reply = await endpoint.ask([{"role": "user", "content": content}], max_tokens, self._entry)
        self._served = reply.model or self._served
        return _as_answer(reply)

    def _compose(self, original: Image.Image, modified: Image.Image) -> list[Image.Image]:
        merged = self._entry.image_layout == "merged"
        images = [merge(original, modified)] if merged else [original, modified]
        return [reduced(image, self._entry.images.max_side) for image in images]


def image_part(image: Image.Image, format: str, **options: Any) -> dict[str, Any]:
    """An image as part of a message, encoded as `jpeg` or `png` with further `options` of Pillow."""
    file = io.BytesIO()
    image.save(file, format=format, **(_JPEG if format == "jpeg" else {}), **options)
    url = f"data:image/{format};base64,{base64.b64encode(file.getvalue()).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def reduced(image: Image.Image, max_side: int) -> Image.Image:
    """The image, downscaled if a side is longer than `max_side` pixels."""
    longest = max(image.size)
    if longest <= max_side:
        return image
    size = [max(1, round(side * max_side / longest)) for side in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.LANCZOS)


def _as_answer(reply: Reply) -> Answer:
    if reply.error is not None:
        return failed(reply.error, reply.attempts, reply.seconds, reply.usd, reply.timed_out)
    text, within = split_reasoning(reply.text)  # some servers send reasoning separately but also leave some in the text
    parts = dict.fromkeys(part for part in (reply.reasoning, within) if part is not None)
    return Answer(
        response_text=text,
        reasoning_text="\n\n".join(parts).strip() if parts else None,
        response_token_ids=None,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        generated_tokens=reply.generated_tokens,
        seconds=reply.seconds,
        usd=reply.usd,
        attempts=reply.attempts,
        batch_size=None,
        error=None,
    )
