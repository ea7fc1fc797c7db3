"""What `snakemake --report` shows of the figures and the page, which are flagged on the inputs of `all`."""

labels_in_report = {
    model: label.replace("{", "(").replace("}", ")")  # braces would be wildcards
    for model, label in leaderboard_labels(
        {model: {"label": entry.label} for model, entry in run.models.items()}
    ).items()
}


def reported_figures(model):
    """A model's folder of figures; in the report if it is there, because a missing one would stop the report."""
    folder = results.figures(model)
    label = labels_in_report[model]
    if not folder.exists():
        return folder
    return report(
        folder,
        patterns=["{figure,(?!contact_sheet).+}.png"],
        caption="resources/report/figure.rst",
        category="6 Probes",
        subcategory=label,
        labels=lambda wildcards: {"Model": label, "Figure": heading(wildcards.figure, config["figures"])},
    )


def reported_page():
    """The page; in the report if it is there."""
    page = results.leaderboard("html")
    if not page.exists():
        return page
    labels = {"Table": "Leaderboard", "Format": "html"}
    return report(page, caption="resources/report/page.rst", category="7 Leaderboard", labels=labels)
