"""The ways to ask an endpoint for replies in the form of a JSON schema. To add one, add it to `STRUCTURED_OUTPUTS`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

Schema = Mapping[str, Any]
RequestFieldsFor = Callable[[str, Schema], dict[str, Any]]


def _json_schema(name: str, schema: Schema) -> dict[str, Any]:
    form = {"name": name, "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


STRUCTURED_OUTPUTS: Mapping[str, RequestFieldsFor] = MappingProxyType(
    {
        "json_schema": _json_schema,  # OpenAI, vLLM, SGLang, llama.cpp
        "json_object_schema": lambda _, schema: {"response_format": {"type": "json_object", "schema": schema}},
        "structured_outputs": lambda _, schema: {"structured_outputs": {"json": schema}},  # vLLM from 0.12 on
        "guided_json": lambda _, schema: {"guided_json": schema},  # vLLM before 0.12
        "json_object": lambda *_: {"response_format": {"type": "json_object"}},  # any JSON; the prompt states the form
        "none": lambda *_: {},
    }
)
"""The request fields of each way, given the name of the schema and the schema."""

RESERVED_FIELDS = frozenset(field for fields_for in STRUCTURED_OUTPUTS.values() for field in fields_for("", {}))
"""Request fields that one of the ways sets."""

if TYPE_CHECKING:
    StructuredOutput = str
else:
    StructuredOutput = Literal[tuple(STRUCTURED_OUTPUTS)]
