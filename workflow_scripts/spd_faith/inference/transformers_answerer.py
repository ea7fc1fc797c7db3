"""Engine `transformers`: a checkpoint loaded in this process, with greedy decoding in batches."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spd_faith.inference.answers import Answer, InterventionUnsupported, Provenance
from spd_faith.inference.batches import answer_in_batches
from spd_faith.inference.checkpoint import Checkpoint
from spd_faith.inference.contrastive_decoding import why_not_contrasted
from spd_faith.inference.generator import Generator
from spd_faith.inference.preparation import LOCAL
from spd_faith.inference.questions import Question


class TransformersAnswerer:
    """A loaded checkpoint with its prompt builder and its generator.

    Raises `InterventionUnsupported` if the checkpoint cannot run its entry's intervention.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.builder = checkpoint.prompt_builder()
        intervention = checkpoint.entry.intervention
        not_contrasted = why_not_contrasted(checkpoint.model, self.builder, intervention)
        if why := "; ".join(filter(None, [checkpoint.unsupported, not_contrasted])):
            raise InterventionUnsupported(why, self.provenance)
        self.generator = Generator(checkpoint, self.builder)

    @property
    def provenance(self) -> Provenance:
        """Model, commit, data type, device and versions."""
        return self.checkpoint.provenance(self.builder.pixel_backend)

    def is_of_same_model(self, provenance: Mapping[str, Any]) -> bool:
        """Whether answers with this provenance came from the same commit; a branch may have moved since.

        Early journals of version 0.1 have `LOCAL` for hub models too, because transformers 5 did not keep their commit.
        They belong to the same entry, so they are kept.
        """
        return provenance.get("revision") in (self.checkpoint.revision, LOCAL)

    def answer(self, questions: Iterable[Question], num_answered: int = 0) -> Iterator[tuple[Question, Answer]]:
        """Yield each question with its outcome, in batches of the entry's size."""
        return answer_in_batches(questions, self.generator.generate, self.checkpoint.entry.batch_size)
