"""Engine `vllm`: a vLLM server that the job starts on its node and asks over a socket."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from spd_faith.core.errors import UserError
from spd_faith.core.machine import hardware
from spd_faith.dataset.encoded_images import decode
from spd_faith.endpoints.client import Endpoint
from spd_faith.endpoints.concurrently import concurrently
from spd_faith.endpoints.engine.process import Engine
from spd_faith.endpoints.entries import EndpointEntry, EndpointModel
from spd_faith.endpoints.replies import Reply
from spd_faith.inference.answer_reader import AnswerReader
from spd_faith.inference.answers import Answer, Provenance, failed
from spd_faith.inference.batches import answered
from spd_faith.inference.engine_sessions import Session, Sessions
from spd_faith.inference.entries import VllmModel
from spd_faith.inference.openai_answerer import image_part
from spd_faith.inference.parity import count_equal
from spd_faith.inference.preparation import Preparation
from spd_faith.inference.questions import Question

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_PAIRS_KEPT = 4  # encoded images; the questions about a pair follow each other
_FAST_PNG = {"compress_level": 1}  # lossless as any level
_GREEDY = {
    # The engine fills in every field that is left out here. `ignore_eos`: only `stop_token_ids` end an answer.
    "temperature": 0.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "ignore_eos": True,
    "min_tokens": 0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "include_stop_str_in_output": True,
    "add_generation_prompt": True,
    "return_token_ids": True,
}

Asked = tuple[Question, Answer]


class VllmAnswerer:
    """Asks a started engine about a checkpoint's pairs, several questions at once."""

    def __init__(
        self, entry: VllmModel, prepared: Preparation, engine: Engine, sessions: Sessions, device: str, threads: int
    ) -> None:
        """`device` is where the engine runs; `threads` is the number of CPU threads for the parity check."""
        self._entry = entry
        self._prepared = prepared
        self._engine = engine
        self._sessions = sessions
        self._device = device
        self._hardware = hardware()
        self._threads = threads
        self._builder = prepared.prompt_builder()
        self._reader = AnswerReader(prepared.decoding, self._builder)
        self._version = engine.version()
        self._cut = 0  # answers that the engine ended before max_new_tokens
        self._parts: OrderedDict[str, asyncio.Task[list[dict[str, Any]]]] = OrderedDict()

    @property
    def provenance(self) -> Provenance:
        """Commit, data type, the engine's version, its options and its device."""
        entry = self._entry
        options = {**({"quantization": entry.quantization} if entry.quantization else {}), **entry.options}
        engine = {
            "device": self._device,
            "hardware": self._hardware,
            "vllm": self._version,
            "engine_options": json.dumps(options, sort_keys=True),
        }
        engine["tensor_parallel_size"] = str(max(1, entry.resources.gpu))
        resized_by = self._builder.pixel_backend if self._builder.resizes_images else "vllm"
        return Provenance(entry.model, entry.dtype, resized_by, engine, self._prepared.revision)

    def is_of_same_model(self, provenance: Mapping[str, Any]) -> bool:
        """Whether answers with this provenance came from the same commit; a branch may have moved since."""
        return provenance.get("revision") == self._prepared.revision

    def answer(self, questions: Iterable[Question], num_answered: int = 0) -> Iterator[Asked]:
        """Yield each question with its outcome as soon as it is ready, then stop the engine and check the parity.

        Raises `UserError` if the engine's prompts are not the processor's, before any answer, and, after yielding the
        outcomes of all questions in flight, if the engine ends.
        """
        for_parity: list[Asked] = []
        count = 0
        with asyncio.Runner() as runner:
            endpoint = Endpoint.of_engine(self._endpoint_entry(), self._engine, num_answered)
            try:
                for question, answer in self._answer(runner, endpoint, questions):
                    count += 1
                    if len({one.sample_id for one, _ in [*for_parity, (question, answer)]}) <= self._entry.parity:
                        for_parity.append((question, answer))
                    yield question, answer
            finally:
                runner.run(endpoint.close())
        if self._cut:
            log.warning("%d answers were cut before max_new_tokens; raise options.max_model_len", self._cut)
        counters = self._engine.counters()
        self._engine.stop()  # before another copy of the weights is loaded
        self._sessions.append(Session.of_counters(count, counters, self._parity(for_parity)), self.provenance)

    def _answer(self, runner: asyncio.Runner, endpoint: Endpoint, questions: Iterable[Question]) -> Iterator[Asked]:
        async def ask(question: Question) -> Reply:
            return await self._ask(endpoint, question)

        pairs = (list(group) for _, group in groupby(questions, key=attrgetter("sample_id")))
        for pair in pairs:
            prompts = self._expected_prompts(pair)
            self._check_room(pair, prompts)
            replies = list(concurrently(runner, pair, ask, len(pair)))
            is_checked = self._check_prompts(replies, prompts)
            yield from ((question, self._read(reply)) for question, reply in replies)
            if is_checked:
                break
        rest = chain.from_iterable(pairs)
        for question, reply in concurrently(runner, rest, ask, self._entry.concurrency):
            yield question, self._read(reply)

    def _endpoint_entry(self) -> EndpointEntry:
        decoding = self._prepared.decoding
        ends = {"stop_token_ids": decoding.end_tokens, "stop": decoding.stop_strings}
        special = {"add_special_tokens": self._builder.adds_special_tokens}
        return EndpointEntry(
            base_url=self._engine.address.url,
            max_new_tokens=decoding.max_new_tokens,
            request={**_GREEDY, **ends, **special},
            concurrency=self._entry.concurrency,
            timeout=self._entry.timeout,
            attempts=_ATTEMPTS,
        )

    async def _ask(self, endpoint: Endpoint, question: Question) -> Reply:
        try:
            images = await self._image_parts(question)
        except ValueError as error:
            return Reply(error=f"image: {error}", attempts=0)
        content = [*images, {"type": "text", "text": question.text}]
        model = EndpointModel(model=self._entry.model)
        return await endpoint.ask([{"role": "user", "content": content}], 0, model)

    def _read(self, reply: Reply) -> Answer:
        if reply.error is not None:
            return failed(reply.error, reply.attempts, reply.seconds, None, reply.timed_out)
        if reply.token_ids is None:
            raise self._too_old("token ids, which probes read")
        generated = self._reader.read(reply.token_ids, reply.prompt_tokens or 0)
        if not generated.finished and len(generated.token_ids) < self._prepared.decoding.max_new_tokens:
            self._cut += 1
        return answered(generated, reply.seconds, batch_size=None, attempts=reply.attempts)

    def _too_old(self, missing: str) -> UserError:
        version = self._version or "of unknown version"
        what = f"the engine (vLLM {version}) returns no {missing}; use vLLM 0.10.2 or newer"
        return UserError(f"{self._entry.model}: {what}")

    # ---- the same question as the transformers backend asks ----------------------------------------------------------

    async def _image_parts(self, question: Question) -> list[dict[str, Any]]:
        """The images of a pair as parts of a message; encoded once for all of its questions, outside of the loop."""
        if question.sample_id not in self._parts:
            encoding = asyncio.to_thread(self._encode, question)
            self._parts[question.sample_id] = asyncio.create_task(encoding)
            while len(self._parts) > _PAIRS_KEPT:
                self._parts.popitem(last=False)
        return await self._parts[question.sample_id]

    def _encode(self, question: Question) -> list[dict[str, Any]]:
        images = self._builder.sent_images(decode(question.original), decode(question.modified))
        return [image_part(image, "png", **_FAST_PNG) for image in images]

    def _expected_prompts(self, pair: list[Question]) -> Mapping[str, list[int]]:
        """The token ids of the processor's prompts by task; empty if the images cannot be read."""
        try:
            images = decode(pair[0].original), decode(pair[0].modified)
        except ValueError:  # reported with the answers
            return {}
        return {one.task: self._builder.build([(one.text, *images)])["input_ids"][0].tolist() for one in pair}

    def _check_room(self, pair: list[Question], prompts: Mapping[str, list[int]]) -> None:
        """Raise `UserError` if the engine would cut an answer before `max_new_tokens`, or refuse the question."""
        room, answer = self._entry.max_model_len, self._entry.max_new_tokens
        for task, prompt in prompts.items():
            needed = len(prompt) + answer
            if room is not None and needed > room:
                raise UserError(
                    f"{self._entry.model}: options.max_model_len is {room}, but {pair[0].sample_id}, {task}"
                    f" has {len(prompt)} prompt tokens and max_new_tokens is {answer}; set it to {needed} or more"
                )

    def _check_prompts(self, replies: list[tuple[Question, Reply]], expected: Mapping[str, list[int]]) -> bool:
        """Whether prompts could be compared: one was answered. Raises `UserError` if one is not the processor's."""
        compared = [(question, reply) for question, reply in replies if reply.error is None]
        for question, reply in compared:
            if reply.prompt_token_ids is None:
                raise self._too_old("token ids of prompts, which are checked")
            if expected[question.task] != reply.prompt_token_ids:
                raise UserError(self._difference(question, expected[question.task], reply.prompt_token_ids))
        return bool(compared)

    def _difference(self, question: Question, expected: list[int], found: list[int]) -> str:
        shorter = min(len(expected), len(found))
        first = next((place for place in range(shorter) if expected[place] != found[place]), shorter)
        around = slice(max(0, first - 2), first + 6)
        return (
            f"{self._entry.model}: the engine asks another question than the transformers backend would:"
            f" {question.sample_id}, {question.task}: {len(found)} prompt tokens instead of {len(expected)};"
            f" from token {around.start} on {self._builder.decode(found[around])!r}"
            f" instead of {self._builder.decode(expected[around])!r}\n"
            "  Check the options in the entry's `options` and `command`, and the engine's version; no answer was kept."
        )

    def _parity(self, asked: list[Asked]) -> str:
        given = [(question, answer) for question, answer in asked if answer.error is None]
        if not given:
            return ""
        found = count_equal(self._entry, given, self._threads)
        is_complete = found.startswith(f"{len(given)} of ")
        level = logging.WARNING if self._entry.dtype == "float32" and not is_complete else logging.INFO
        log.log(level, "%s: parity with the transformers backend: %s", self._entry.model, found)
        return found
