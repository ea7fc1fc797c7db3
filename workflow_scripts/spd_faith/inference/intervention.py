"""What the key `intervention` of a model can change in its forward passes, with presets and their sources.

An intervention makes a variant of a model: another entry with its own answers, probes and cost. A preset names settings
of a published method; settings stated beside it replace its own. `placebo` does as much to something
else, so that a benefit over the base model that the placebo shares is not the method's.
docs/models.md, "Interventions".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from spd_faith.core.entries import Strict


def _ascending(layers: list[int | None]) -> list[int | None]:
    first, last = layers
    if first is None or first < 0 or (last is not None and last < first):
        raise ValueError("not [first, last] with 0 ≤ first ≤ last; null as last: up to the last layer")
    return layers


Layers = Annotated[list[int | None], Field(min_length=2, max_length=2), AfterValidator(_ascending)]
"""First and last decoder layer, inclusive, from 0; null as last: up to the last layer."""


class ImageAttention(Strict):
    factor: float = Field(default=1.0, gt=0)
    """Multiplies the attention to every image token; each state's attention is then renormalised to 1."""
    boost: float = Field(default=0.0, ge=0, le=100)
    """Adds this times its absolute value to each score of an image token before the softmax, for generated tokens only
    (the α of PAI)."""
    layers: Layers = Field(default_factory=lambda: [0, None])
    """First and last decoder layer, inclusive, from 0; null: up to the last layer."""


class FfnScale(Strict):
    factor: float = Field(ge=0, le=100)
    """Multiplies what the feed-forward network adds to a state."""
    kl_above: float = Field(default=0.0, ge=0)
    """Only where KL(softmax of the attention's change ‖ softmax of the network's change), in nats, exceeds this."""
    layers: Layers = Field(default_factory=lambda: [0, None])
    """First and last decoder layer, inclusive, from 0; null: up to the last layer."""


class Contrast(Strict):
    strength: float = Field(ge=0, le=100)
    """s in the scores (1 + s) · main − s · contrast, from the log-probabilities of two runs over the same tokens."""
    mask: Literal["attended", "images", "noise"]
    """What the contrast run does not see: the `fraction` of image tokens that the prompt's last token attends to most,
    the images (it reads the prompt's text alone, as in PAI), or what noise of `noise_step` hides of them (VCD)."""
    fraction: float = Field(default=0.1, gt=0, le=1)
    """Fraction of the image tokens that `attended` masks."""
    noise_step: int = Field(default=500, ge=0, le=999)
    """Step of 1,000 of the diffusion noise that `noise` adds to the pixels."""
    plausibility: float = Field(default=0.1, ge=0, le=1)
    """Only tokens with at least this times the probability of the main run's most likely one can be chosen."""


class Intervention(Strict):
    preset: Literal["sage_like", "pai", "vcd"] | None = None
    """Settings of a method: docs/models.md, "Interventions"."""
    image_attention: ImageAttention | None = None
    """Scales the attention to image tokens."""
    ffn_scale: FfnScale | None = None
    """Scales what feed-forward networks add, where they diverge from the attention."""
    contrast: Contrast | None = None
    """Decodes against a second run that sees less of the images."""
    placebo: bool = False
    """Do as much to something else: to random text tokens, positions or image tokens, or with the contrast run's scores
    in a random order."""
    seed: int = Field(default=0, ge=0)
    """Of the random choices of a placebo and of the noise."""

    @property
    def of_attention(self) -> list[str]:
        """The settings that change, mask or read scores of the attention, which requires `attention: sdpa`."""
        masks = self.contrast is not None and self.contrast.mask == "attended"
        return ["image_attention"] * (self.image_attention is not None) + ["contrast"] * masks

    @property
    def passes(self) -> int:
        """Forward passes per generated token."""
        return 1 if self.contrast is None else 2

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping) or str(fields.get("preset")) not in PRESETS:
            return fields
        settings = PRESETS[str(fields["preset"])].settings
        return {**settings, **{name: value for name, value in fields.items() if value is not None}}

    @model_validator(mode="after")
    def _changes_something(self) -> "Intervention":
        if self.image_attention is None and self.ffn_scale is None and self.contrast is None:
            raise ValueError("names nothing to change; give image_attention, ffn_scale, contrast or a preset")
        return self

    def settings(self) -> dict[str, Any]:
        """What is changed, by key. A placebo has those of the change that it stands for, whatever the seeds."""
        return {name: part.model_dump() for name in _PARTS if (part := getattr(self, name)) is not None}

    def method(self) -> str:
        """The name of what is changed and its source, for people."""
        if self.preset is None:
            return f"settings of its own ({_in_words(self.settings())})"
        preset = PRESETS[self.preset]
        published = Intervention(preset=self.preset).settings()
        own = {name: _differing(part, published.get(name, {})) for name, part in self.settings().items()}
        own = {name: fields for name, fields in own.items() if fields}
        changed = f"; with settings of its own ({_in_words(own)})" if own else ""
        return f"{preset.label}, {preset.source}{changed}"


_PARTS = ("image_attention", "ffn_scale", "contrast")


def _differing(fields: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in others or value != others[name]}


def _in_words(settings: Mapping[str, Mapping[str, Any]]) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, list):
            return "–".join("last" if end is None else str(end) for end in value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    return "; ".join(
        f"{part}: {', '.join(f'{name} {shown(value)}' for name, value in fields.items())}"
        for part, fields in settings.items()
    )


@dataclass(frozen=True)
class Preset:
    label: str
    settings: Mapping[str, Any]
    """Fields of `Intervention`."""
    source: str


PRESETS: Mapping[str, Preset] = {
    "sage_like": Preset(
        "SAGE-like",
        {
            "image_attention": {"factor": 1.1},
            "ffn_scale": {"factor": 0.9, "kl_above": 0.1},
            "contrast": {"strength": 0.5, "mask": "attended", "fraction": 0.1},
        },
        "after a third party's summary of the paper's SAGE; threshold, k and layers are ours",
    ),
    "pai": Preset(
        "PAI",
        {
            "image_attention": {"boost": 0.2, "layers": [2, None]},
            "contrast": {"strength": 0.1, "mask": "images"},
        },
        "Paying More Attention to Image, arXiv 2407.21771: α = 0.2, γ = 1.1 and layers from 2, as its code is run",
    ),
    "vcd": Preset(
        "VCD",
        {"contrast": {"strength": 1.0, "mask": "noise", "noise_step": 500}},
        "Visual Contrastive Decoding, arXiv 2311.16922: α = 1, β = 0.1, T = 500",
    ),
}
