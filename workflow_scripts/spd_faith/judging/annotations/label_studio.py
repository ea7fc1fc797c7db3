"""Tasks for Label Studio, and what people marked in it.

Format: https://labelstud.io/guide/task_format. A project has one kind of task, so each metric gets its own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from pydantic import BaseModel, ConfigDict, ValidationError

from spd_faith.core.config_errors import error_at, explain
from spd_faith.core.schemas import TASKS_OF
from spd_faith.judging.annotations.choices import CHOICES
from spd_faith.judging.annotations.items import AnnotationItem, truth_lines
from spd_faith.judging.annotations.page import image_uri

_ASKED = {
    "describe": "How many differences are there?",
    "same": "Are they the same?",
    "different": "Are they different?",
}


def tasks(
    metric: str,
    draw: str,
    items: Sequence[AnnotationItem],
    samples: Mapping[str, Mapping[str, Any]],
    images: Mapping[str, Mapping[str, bytes]],
) -> list[dict[str, Any]]:
    """The items of a metric as tasks; those of `cr`, which compares two answers, need no truth and no images."""
    found = []
    for item in items:
        if item.metric != metric:
            continue
        data = {"item": item.id, "draw": draw, **dict(zip(TASKS_OF[metric], item.texts, strict=True))}
        if metric == "drf":
            data["truth"] = "\n".join(truth_lines(samples[item.sample_id]))
            data |= {name: image_uri(images[item.sample_id][name]) for name in ("original", "modified")}
        found.append({"data": data})
    return found


def labeling_config(metric: str) -> str:
    """The labeling interface of a metric as XML."""
    lines = ["<View>", "  <Style>.htx-text { white-space: pre-wrap; }</Style>"]  # else spaces are trimmed
    if metric == "drf":
        lines += [f'  <Image name="{name}" value="${name}"/>' for name in ("original", "modified")]
        lines.append('  <Text name="truth" value="$truth" valueType="text"/>')
    for task in TASKS_OF[metric]:
        lines.append(f"  <Header value={quoteattr(_ASKED[task])}/>")
        lines.append(f'  <Labels name="{task}_label" toName="{task}">')
        lines += [f"    <Label value={quoteattr(name)}/>" for name in CHOICES[metric]]
        lines.append("  </Labels>")
        lines.append(f'  <Text name="{task}" value="${task}" valueType="text" saveTextResult="yes"/>')
    return "\n".join([*lines, "</View>", ""])


class _Value(BaseModel):
    start: int
    end: int
    text: str | None = None
    labels: list[str]


class _Result(BaseModel):
    type: str
    id: str = ""
    to_name: str = ""
    value: _Value | None = None
    from_id: str = ""
    to_id: str = ""


class _Annotation(BaseModel):
    result: list[_Result]
    completed_by: int | str | dict[str, Any] = "unknown"
    was_cancelled: bool = False


class _Data(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    item: str
    """The answer's id, as in the tasks of export_annotations.py."""
    draw: str
    """That of the export, as in the tasks of export_annotations.py."""


class _Task(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    data: _Data
    """A task of Label Studio as export_annotations.py wrote it, with `item` and `draw`."""
    annotations: list[_Annotation] = []


def read_export(
    content: Sequence[Any], place: str, items: Mapping[str, AnnotationItem]
) -> tuple[list[dict[str, Any]], list[str]]:
    """(contents of annotation files, errors) of an export as JSON: a file for each draw, person and position.

    A submitted annotation without regions says that there are no claims. Two regions joined by a relation are one
    claim that quotes both answers. If a person annotated a task twice, the second one is in a file of its own.
    """
    files: dict[tuple[str, str, int], dict[str, Any]] = {}
    errors = []
    for number, raw in enumerate(content):
        try:
            task = _Task.model_validate(raw)
        except ValidationError as error:
            errors += [explain(place, (str(number),), _Task, details) for details in error.errors()]
            continue
        times: dict[str, int] = defaultdict(int)
        for annotation in task.annotations:
            if annotation.was_cancelled:
                continue
            annotator = _name(annotation.completed_by)
            empty = {"format": "spd-faith-annotations-1", "draw": task.data.draw, "annotator": annotator, "items": {}}
            file = files.setdefault((task.data.draw, annotator, times[annotator]), empty)
            times[annotator] += 1
            claims, found = _claims(annotation, f"{place}: {task.data.item}", items.get(task.data.item))
            errors += found
            file["items"][task.data.item] = {"claims": claims, "done": True}
    return list(files.values()), errors


def _name(completed_by: int | str | dict[str, Any]) -> str:
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id") or "unknown"
    return f"label-studio-{completed_by}" if isinstance(completed_by, int) else str(completed_by)


def _claims(annotation: _Annotation, place: str, item: AnnotationItem | None) -> tuple[list[dict[str, Any]], list[str]]:
    """(claims as in an annotation file, errors). Nothing of an unknown item: whoever reads the file reports it."""
    if item is None:
        return [], []
    texts = dict(zip(TASKS_OF[item.metric], item.texts, strict=True))
    claims: dict[str, dict[str, Any]] = {}
    for result in annotation.result:
        if result.type == "labels" and result.value and result.to_name in texts:
            choice = CHOICES[item.metric].get(" ".join(result.value.labels))
            label, error_type = choice[1:] if choice else (" ".join(result.value.labels), None)
            quote = {"answer": result.to_name, **_quote(texts[result.to_name], result.value)}
            claims[result.id] = {"quotes": [quote], "label": label, "error_type": error_type}
    errors = []
    for relation in (result for result in annotation.result if result.type == "relation"):
        joined, other = claims.get(relation.from_id), claims.get(relation.to_id)
        if joined is None or other is None or joined is other or joined["label"] != other["label"]:
            found = [claim and claim["label"] for claim in (joined, other)]
            errors.append(error_at(place, "a relation that joins no claim", found, "two regions with the same label"))
            continue
        joined["quotes"] += other["quotes"]
        del claims[relation.to_id]
    return list(claims.values()), errors


def _quote(text: str, value: _Value) -> dict[str, Any]:
    """A region as offsets in code points and its words.

    Some versions count UTF-16 units (https://github.com/HumanSignal/label-studio/issues/1347): those offsets are
    taken if they, and not the code points, lead to the region's own text. Its white space may differ.
    """
    units = text.encode("utf-16-le", "replace")
    from_units = [len(units[: 2 * unit].decode("utf-16-le", "replace")) for unit in (value.start, value.end)]
    for start, end in ([value.start, value.end], from_units):
        if value.text is None or _words(text[start:end]) == _words(value.text):
            return {"start": start, "end": end, "text": text[start:end]}
    return {"start": value.start, "end": value.end, "text": value.text}


def _words(text: str) -> list[str]:
    return text.replace("\\n", " ").split()
