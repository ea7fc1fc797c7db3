"""Readable configuration errors: file and key, the value found, the values allowed, the closest match."""

import math
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from spd_faith.core.entries import former_names
from spd_faith.core.errors import UserError
from spd_faith.core.text import writable

NAME_RULE = "letters, digits, '.', '_' and '-', starting with a letter or digit (used in file names)"
NOTHING = object()  # no value at all, not even null


class _NoRepeatedKeys(yaml.SafeLoader):
    """Rejects duplicate keys; plain YAML silently keeps the last one."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        return writable(super().construct_scalar(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        nodes = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        keys = [self.construct_object(key, deep=True) for key in nodes]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                line = nodes[position].start_mark.line + 1
                raise yaml.constructor.ConstructorError(problem=f"line {line}: duplicate key '{key}'")
        return super().construct_mapping(node, deep)


def read_mapping(path: Path) -> Mapping[Any, Any]:
    """The content of a YAML file with a mapping at its top. Raises `UserError` if it has none."""
    if not path.is_file():
        siblings = sorted(str(file) for file in path.parent.glob("*.yaml"))
        raise UserError(
            error_at(str(path), "no such file", NOTHING, siblings or "an existing file", nearest_to=str(path))
        )
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_NoRepeatedKeys)
    except UnicodeDecodeError as error:
        raise UserError(error_at(str(path), "not a text file", str(error), "YAML in UTF-8")) from None
    except yaml.MarkedYAMLError as error:
        mark = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(
            error_at(str(path), "not valid YAML", f"{mark}{error.problem}", "YAML keys and values")
        ) from None
    except yaml.YAMLError as error:
        raise UserError(error_at(str(path), "not valid YAML", str(error), "YAML keys and values")) from None
    if not isinstance(content, Mapping):
        raise UserError(error_at(str(path), "not a mapping", content, "keys and values"))
    return content


def value_at(content: Any, keys: Iterable[Any]) -> Any:
    """The value under nested `keys`, or `NOTHING`; a list counts as one value."""
    for key in keys:
        if not isinstance(content, Mapping):
            break
        content = content.get(key, NOTHING)
    return content


def raise_errors(errors: Iterable[str]) -> None:
    """Raise `UserError` listing the errors, if there are any."""
    if errors := list(errors):
        raise UserError("\n".join(errors))


def error_at(place: str, what: str, found: Any, allowed: Iterable[Any] | str, nearest_to: str | None = None) -> str:
    """Format one error: place and problem, the value found, the values allowed and, for names, the closest match."""
    lines = [f"{place}: {what}"]
    if found is not NOTHING:
        shown = "null" if found is None else repr(found)
        lines.append(f"  found:   {shown if len(shown) <= 120 else shown[:117] + '...'}")
    if isinstance(allowed, str):
        lines.append(f"  allowed: {allowed}")
    else:
        names = [str(name) for name in allowed]
        lines.append(f"  allowed: {', '.join(names)}")
        wanted = found if nearest_to is None else nearest_to
        if isinstance(wanted, str) and (near := get_close_matches(wanted, names, n=1, cutoff=0.5)):
            lines.append(f"  nearest: {near[0]}")
    return "\n".join(lines)


def unknown_names(place: str, names: list[str], path: Path, entries: Mapping[str, Any]) -> list[str]:
    return [error_at(place, f"no such entry in {path}", name, entries) for name in names if name not in entries]


def explain(file: str, prefix: tuple[str, ...], model: type[BaseModel], error: Mapping[str, Any]) -> str:
    """A pydantic error as our message; `prefix` is the key path from the top of the file to what `model` describes."""
    keys = tuple(key for key in error["loc"] if key != "[key]")  # how pydantic marks an error in the key itself
    place = ": ".join(filter(None, (file, ".".join(map(str, (*prefix, *keys))))))
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            described = _model_at(model, keys[:-1])
            if new_name := former_names(described).get(keys[-1]):
                return error_at(place, f"renamed key, now `{new_name}`", keys[-1], [new_name])
            return error_at(place, "unknown key", keys[-1], sorted(described.model_fields))
        case "missing":
            return error_at(place, "missing key", NOTHING, _described(model, keys))
        case "literal_error" | "enum":
            allowed = [choice.strip("' ") for choice in re.split(r", | or ", context["expected"])]
            return error_at(place, "unknown value", error["input"], allowed)
        case "string_type" if error["loc"][-1] == "[key]":
            return error_at(place, "a name that YAML does not read as text", error["input"], "text in quotes")
        case "float_type" if number := _as_number(error["input"]):
            return error_at(place, "a number that YAML reads as text", error["input"], number)
        case "invalid_key":
            return error_at(place, "unknown key", keys[-1], sorted(_model_at(model, keys[:-1]).model_fields))
        case "string_pattern_mismatch" if str(keys[-1]).endswith("_variable"):
            return error_at(
                place, "not a variable name", "(hidden, because it may be an API key)", _described(model, keys)
            )
        case "string_pattern_mismatch":
            rule = NAME_RULE if error["loc"][-1] == "[key]" else _described(model, keys)
            return error_at(place, "not a valid name", error["input"], rule)
        case "model_type":
            return error_at(
                place, "wrong value", error["input"], f"the keys {', '.join(_model_at(model, keys).model_fields)}"
            )
        case "value_error" if not keys:  # keys that contradict each other: the message names them and what to do
            return f"{place}: {context['error']}"
        case "value_error":
            return error_at(place, str(context["error"]), error["input"], _described(model, keys))
        case _:
            return error_at(place, "wrong value", error["input"], error["msg"].removeprefix("Input should be "))


def _as_number(value: Any) -> str | None:
    """A finite number that is a string, as YAML reads it as a number; None for other values."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return yaml.safe_dump(number).splitlines()[0] if math.isfinite(number) else None


def _described(model: type[BaseModel], keys: tuple[Any, ...]) -> str:
    return _model_at(model, keys[:-1]).model_fields[keys[-1]].description or "a value"


def _model_at(model: type[BaseModel], keys: tuple[Any, ...]) -> type[BaseModel]:
    """The nested model at `keys`; keys of plain mappings are skipped."""
    for key in keys:
        if key in model.model_fields:
            model = _nested_model(model.model_fields[key].annotation) or model
    return model


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_nested_model, get_args(annotation))), None)
