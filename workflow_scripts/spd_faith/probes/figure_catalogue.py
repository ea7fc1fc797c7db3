"""The figures of the probes, declared: what each shows, and what it can say and what it cannot.

Whoever lists figures reads this: the commands that draw them, the page and the report. It imports no matplotlib, so
that rules can read it. A figure has no title inside; papers take it, and the caption, from here.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from spd_faith.probes.groups import CONTRASTS, Contrast
from spd_faith.probes.probe import Probe

DOCS = "docs/probes.md"


@dataclass(frozen=True)
class FigureInfo:
    """A declared figure of one model."""

    name: str
    """Name of its files without suffix; with `is_pattern` all of it that is known, before `*`."""
    title: str
    shows: str
    """Sentences: what is drawn, and what it can say."""
    limits: str
    """Sentences: what it cannot say."""
    probe: str | None
    """The probe whose table it shows; None: those of all probes that are contrasted by layer."""
    section: str
    """The section of `DOCS` that explains it, as the anchor of a link."""
    is_pattern: bool = False
    """Whether there are several, such as one for each answer."""

    @property
    def caption(self) -> str:
        return f"{self.shows} {self.limits}"

    def covers(self, name: str) -> bool:
        return name.startswith(self.name) if self.is_pattern else name == self.name


_LINES = "Lines are means over the probed samples of a group, bands 95% intervals with the strata mixed."
_POINTS = "Attention shows where a layer can take information from, not what it takes."
_NOT_CAUSES = (
    "A difference between the groups is a correlation, not a cause: harder images or longer answers can move both."
    " Whether it holds within strata is in the figure of effect sizes."
)

_OF_MODEL = (
    FigureInfo(
        "attention_by_step",
        "Attention by step of the answer",
        "Fraction of attention on each part of the prompt and on the answer so far, at each token of the answers to"
        " “how many differences?”: means of all layers and heads, with 95% intervals, for the steps that at least a"
        " quarter of the answers reach. It shows whether the model turns from the images to its own words.",
        _POINTS,
        "generation_attention",
        "generation-attention",
    ),
    FigureInfo(
        "attention_by_layer",
        "Attention by layer and step",
        "Fractions of attention by layer and step, averaged over answers; brighter is more, on one scale for all"
        " panels. It shows in which layers the images are read.",
        f"Means hide how much answers differ. {_POINTS}",
        "generation_attention",
        "generation-attention",
    ),
    FigureInfo(
        "attention_of_sample",
        "Attention of one answer",
        "Fractions of attention at each step of one answer, stacked to 1, for up to twelve evenly spaced layers; the"
        " sample is named below the panels.",
        f"It is an example, chosen by its id alone, and says nothing about other answers. {_POINTS}",
        "generation_attention",
        "generation-attention",
    ),
    FigureInfo(
        "grounding",
        "Attention and activation maps on what differs",
        "Density of attention, and of token activation maps (TAM), on the boxes of the true differences and of three"
        " baselines: random boxes of the same size, objects that did not change, and another sample’s boxes. A density"
        " of 1 is the mean of all image tokens. Ratios are medians over answers with their middle half. The last panel"
        " shows how often a map’s maximum lies in a true box. Above all baselines, the model looks where the pair"
        " differs.",
        "Whether its answer depends on what it looks at is not shown.",
        "grounding",
        "grounding",
    ),
    FigureInfo(
        "image_effect",
        "Image effect: what is said depends on what is shown",
        "How much log-probability, in nats, words of the answer to “how many differences?” lose if one difference is"
        " undone in the image and the answer stays: above, the claim that names the difference, by group of samples;"
        " below, other words of the answer. Bars are means over samples of the mean of their differences. Far above 0,"
        " the words come from the image; at 0, they would have been said without it.",
        "Only differences that the answer names and that can be undone alone have an effect, so a model that names"
        " little is judged by little. A difference between the groups is a correlation, not a cause.",
        "causal_patching",
        "causal-patching",
    ),
    FigureInfo(
        "patching_shares",
        "Where the image effect is, by layer",
        "Share of the image effect that moves with the states of some image tokens when they are copied after one"
        " layer, from the run without the difference into the run with it, and the other way round: a ratio of sums,"
        " with 95% intervals of resampled images. Before the first layer, −1, it is what the model is given. Where the"
        " share of the difference’s own tokens falls under half, later tokens have read it. Random tokens and an"
        " unchanged object are baselines.",
        "The ends are fixed by construction: all tokens of the image start at 1, and nothing is read after the last"
        " layer, so all shares end at 0. It is a cause in this model for this answer, but copied states can lie where"
        " the model never is. Without an image effect there are no shares.",
        "causal_patching",
        "causal-patching",
    ),
    FigureInfo(
        "patching_by_type",
        "Where the image effect is, by type of difference",
        "Share of the image effect at the difference’s own image tokens by layer, for each type of difference, copied"
        " from the run without the difference: a ratio of sums, with 95% intervals of resampled images. It shows"
        " whether some differences are read later than others.",
        "Types have different objects and sizes. All shares end at 0 by construction, and a type without a measurable"
        " image effect has none.",
        "causal_patching",
        "causal-patching",
    ),
)

_OF_CONTRAST = (
    FigureInfo(
        "layer_changes",
        "Changes by layer",
        "How far attention and the feed-forward network (FFN) of each layer move the answer states, and the KL"
        f" divergence between the two changes. {_LINES}",
        "The divergence depends on the basis of the hidden space, and norms grow with width, so neither compares"
        f" models. {_NOT_CAUSES}",
        "layer_changes",
        "layer-changes",
    ),
    FigureInfo(
        "neuron_activation",
        "Active neurons by layer",
        "Fraction of feed-forward neurons that are active, by token and, as published, by their sum over the answer;"
        " and the difference between the groups within strata, full bars at a false discovery rate of at most 5%."
        f" {_LINES}",
        "The published form depends on the length of the answer. More active neurons are not more knowledge, and a"
        " difference is a correlation, not a cause.",
        "neuron_activation",
        "neuron-activation",
    ),
    FigureInfo(
        "hidden_similarity",
        "Similarity of the two yes/no answers by layer",
        "Cosines of the states behind the answers to “the same?” and “different?”, the published score, and the"
        f" Information Contribution Rate (ICR) with its divergence between the two answers, in three forms. {_LINES}",
        "Answers in other words have other states, so contradictory ones lie apart whatever the model sees."
        f" {_NOT_CAUSES}",
        "hidden_similarity",
        "hidden-similarity",
    ),
    FigureInfo(
        "similarity_and_divergence",
        "Similarity against divergence",
        "Above, the cosine of each sample’s two yes/no answers against the divergence of their Information"
        " Contribution Rate (ICR), means over layers; a point is a sample. Below, the number of samples by published"
        " score. It shows whether the score separates the groups.",
        "Means over layers hide where in the model that happens, and a layer with a divergence over 1 scores 0."
        " A separation is a correlation, not a cause.",
        "hidden_similarity",
        "hidden-similarity",
    ),
    FigureInfo(
        "effect_sizes",
        "Effect sizes of all measures",
        "Hedges’ g of every measure in every layer, a column of layers for each answer. Purple is higher in the first"
        " group, orange lower, grey without a value, as for maps before the last layer. A dot marks a false discovery"
        " rate of at most 5%, from permutations within strata of split and number of differences.",
        "Effect sizes are correlations, not causes. With few samples only large ones are found, so a layer without a"
        " dot may still differ.",
        None,
        "contrasts",
    ),
)

_OF_VARIANTS = (
    FigureInfo(
        "interventions",
        "Benefit against cost of the interventions",
        "Faithfulness of the reasoning (DRF) of each variant of the model minus that of the model itself, with 95%"
        " intervals of paired differences, over its seconds per answer relative to the model’s. Hollow points are"
        " placebos, which do as much to something else than the images; the model itself is at 1 and 0."
        " Benefit is what lies above 0 and above the placebo.",
        "A gain may be bought by saying less or by seeing less, which the section about interventions of the"
        " leaderboard shows. Seconds depend on the machine and the batch size.",
        None,
        "benefit-of-interventions",
    ),
)

_OF_ANSWERS = (
    FigureInfo(
        "overlays_",
        "Token activation maps of one answer",
        "The pair with the boxes of the true differences, solid around the object and dotted at the same place in the"
        " other image; then, for each content word of the answer, the image tokens that it is related to. Colours run"
        " from 0 to the map’s highest value, given beside the word. It shows where the evidence for a word may lie.",
        "A map has a maximum wherever the word came from, so a single one proves nothing.",
        "token_activation_map",
        "token-activation-maps",
        is_pattern=True,
    ),
)


def declared_figures(probes: Collection[type[Probe]], has_variants: bool = False) -> tuple[FigureInfo, ...]:
    """The figures that these probes have, in the order in which they are drawn and shown.

    `has_variants`: whether the run has variants of the model, which are compared in a figure of their own.
    """
    return (
        *_chosen(_OF_MODEL, probes),
        *(_for(figure, contrast) for contrast in CONTRASTS for figure in _chosen(_OF_CONTRAST, probes)),
        *(_OF_VARIANTS if has_variants else ()),
        *_chosen(_OF_ANSWERS, probes),
    )


def figure_of(name: str, figures: Iterable[FigureInfo]) -> FigureInfo | None:
    """The figure that has a file of this name without suffix; None if none is declared."""
    return next((figure for figure in figures if figure.covers(name)), None)


def heading(name: str, figures: Iterable[FigureInfo]) -> str:
    """The title of the figure with this file name, with what distinguishes it from others of its kind."""
    declared = figure_of(name, figures)
    if declared is None:
        return name
    return f"{declared.title} ({name.removeprefix(declared.name)})" if declared.is_pattern else declared.title


def _chosen(figures: Iterable[FigureInfo], probes: Collection[type[Probe]]) -> Iterator[FigureInfo]:
    names = {probe.name for probe in probes}
    any_contrasted = any(probe.contrasted and probe.contrasted_by_layer for probe in probes)  # as its figures show
    return (one for one in figures if (any_contrasted if one.probe is None else one.probe in names))


def _for(figure: FigureInfo, contrast: Contrast) -> FigureInfo:
    title = f"{figure.title}: {contrast.group} against {contrast.reference}"
    return replace(figure, name=f"{figure.name}_{contrast.name}", title=title)
