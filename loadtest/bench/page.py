"""A run's whole report, part by part. Pure."""

from loadtest.bench import document, notes, plots, report, results, scale_report, tail_report

TITLE = "Equilibrium against its peers"


def blocks(run: results.Run) -> list[document.Block]:
    """Everything that was measured, in the order it was."""
    found: list[document.Block] = [document.Heading(1, TITLE), document.Text(notes.top(run))]
    outcomes = [*([run.cost] if run.cost else []), *run.bodies]
    if outcomes:
        found += plots.cost(outcomes)
    if run.cost:
        found += report.cost(run.cost, run.features)
    found += report.bodies(run.bodies)
    if run.tail:
        found += [*tail_report.blocks(run.tail), *plots.tail(run.tail)]
    if run.scale:
        found += [*scale_report.blocks(run.scale), *plots.scale(run.scale)]
    return [*found, document.Heading(2, "Measured on"), document.Bullets(notes.machine(run))]
