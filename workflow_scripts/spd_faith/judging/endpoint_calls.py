"""Requests missing judge replies from an endpoint and stores each one as it arrives."""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_batches
from spd_faith.core.journal import Journal, Record
from spd_faith.dataset.encoded_images import decode
from spd_faith.endpoints.charges import Charges, ledger_of
from spd_faith.endpoints.client import Endpoint, address_of
from spd_faith.endpoints.concurrently import concurrently
from spd_faith.endpoints.entries import EndpointModel
from spd_faith.endpoints.replies import Reply
from spd_faith.endpoints.token_bounds import max_image_tokens, max_text_tokens
from spd_faith.inference.openai_answerer import image_part, reduced
from spd_faith.judging.endpoint_judgements import EndpointJudgements, Turn
from spd_faith.judging.judge import JudgeJob, JudgeRequest

if TYPE_CHECKING:
    from spd_faith.judging.entries import OpenAIJudge

log = logging.getLogger(__name__)
NEEDS = (
    "A judge's endpoint must support the request field response_format with type json_schema and strict true, or what"
    " the entry's `structured_output` names instead, and images unless the entry has `images: null`."
)
_PAIRS_PER_BATCH = 16
_KEPT = ("text", "finish_reason", "prompt_tokens", "generated_tokens", "seconds", "usd", "attempts", "model")


class Calls(NamedTuple):
    """What is called for missing replies, and the provenance of these."""

    endpoint: Endpoint
    provenance: Mapping[str, Any]


@contextmanager
def opened_endpoint(
    entry: "OpenAIJudge", job: JudgeJob, answered: int = 0, environment: Mapping[str, str] = os.environ
) -> Iterator[Calls]:
    """Open the entry's endpoint.

    `answered` is the number of the job's judgements that already exist. Raises `UserError` if the environment variable
    for the key is not set.
    """
    assert job.journal
    if entry.key_variable and not environment.get(entry.key_variable):
        raise UserError(f"the judge's API key is missing; set the environment variable {entry.key_variable}")
    key = environment[entry.key_variable] if entry.key_variable else None
    with Charges(ledger_of(job.journal)) as charges:
        address = address_of(entry, environment)
        endpoint = Endpoint(entry, address, key, charges.spent_usd(), job.slots, charges, answered, NEEDS)
        yield Calls(endpoint, {"endpoint": entry.base_url, "openai": version("openai")})


def ask(
    missing: Sequence[JudgeRequest],
    judgements: EndpointJudgements,
    calls: Calls,
    journal: Journal,
    images: Path | None,
    advance: Callable[[int], Any] = lambda count: None,
) -> dict[str, str]:
    """Request the replies to `missing`, store each one in `judgements` and the journal, and close the endpoint.

    `images` is the image table, if images are sent. Returns the status of each failed judgement by the key of its
    missing reply; failures are not stored, so a later run asks again. Raises `UserError` if no further calls can be
    made, or if this judge has no reply yet and every call fails.
    """
    failures: dict[str, str] = {}
    with asyncio.Runner() as runner:
        asker = _Asker(judgements, calls, journal, failures)
        try:
            shown = _with_images(missing, images)
            for _ in concurrently(runner, shown, asker.judge, judgements.entry.as_endpoint().concurrency):
                advance(1)
        finally:
            runner.run(calls.endpoint.close())
    if failures and not judgements.kept:
        raise UserError(f"all {len(missing)} judgements failed; see the errors logged above")
    if failures:
        log.warning("%d of %d judgements failed; the output has their status", len(failures), len(missing))
    return failures


class _Shown(NamedTuple):
    request: JudgeRequest
    images: tuple[bytes, bytes] | None  # encoded as published


class _Asker:
    def __init__(
        self,
        judgements: EndpointJudgements,
        calls: Calls,
        journal: Journal,
        failures: dict[str, str],
    ) -> None:
        self._judgements = judgements
        self._calls = calls
        self._journal = journal
        self._failures = failures

    async def judge(self, shown: _Shown) -> None:
        outcome = self._judgements.outcome(shown.request)
        try:
            model = self._judgements.model(shown.request.metric)
            images = [self._sent(image, model) for image in shown.images or ()]
        except ValueError as error:
            log.warning("cannot read an image: %s", error)
            self._failures[outcome.next_key or ""] = "unscored:picture"
            return
        while key := outcome.next_key:
            reply = await self._ask(shown.request, outcome.turns, images)
            if reply.error is not None:
                self._failures[key] = f"unscored:{'timeout' if reply.timed_out else 'error'}"
                return
            content = {name: value for name, value in asdict(reply).items() if name in _KEPT}
            self._journal.append(key, content, self._calls.provenance)
            self._judgements.kept[key] = Record(content, dict(self._calls.provenance))
            outcome = self._judgements.outcome(shown.request)

    def _sent(self, image: bytes, model: EndpointModel) -> tuple[dict[str, Any], int]:
        """(message part, max tokens) of an image."""
        form = self._judgements.entry.images
        assert form
        small = reduced(decode(image), form.max_side)
        return image_part(small, form.format), max_image_tokens(*small.size, model.image_tokens)

    async def _ask(
        self, request: JudgeRequest, turns: Sequence[Turn], images: Sequence[tuple[dict[str, Any], int]]
    ) -> Reply:
        texts = self._judgements.texts(request, turns)
        messages: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in texts]
        if images:
            text = {"type": "text", "text": request.material}
            messages[1]["content"] = [*(part for part, _ in images), text]
        fields = self._judgements.fields(request)
        sent = [json.dumps(fields), *(text for _, text in texts)]
        max_tokens = sum(map(max_text_tokens, sent)) + sum(n for _, n in images)
        return await self._calls.endpoint.ask(messages, max_tokens, self._judgements.model(request.metric), fields)


def _with_images(missing: Sequence[JudgeRequest], images: Path | None) -> Iterator[_Shown]:
    """The requests with their images, with only a few pairs in memory at a time."""
    waiting: dict[tuple[str, str], list[JudgeRequest]] = {}
    for request in missing:
        if request.image_shas is None:
            yield _Shown(request, None)
        else:
            waiting.setdefault(request.image_shas, []).append(request)
    if not waiting:
        return
    assert images
    columns = ["original", "modified", "original_sha256", "modified_sha256"]
    for batch in read_batches(images, columns, _PAIRS_PER_BATCH):
        for pair in batch:
            for request in waiting.pop((pair["original_sha256"], pair["modified_sha256"]), []):
                yield _Shown(request, (pair["original"], pair["modified"]))
