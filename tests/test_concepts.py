"""docs/concepts.md: every module, test and metric it names exists."""

import re
from pathlib import Path

import pytest

ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in Path("docs/concepts.md").read_text().splitlines()
    if line.startswith("|") and "`" in line
]
SOURCE = "".join(
    path.read_text() for program in ("sidecar", "coordinator") for path in Path(program).glob("*.py")
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_cell_of_a_concept_resolves(row: list[str]) -> None:
    _, module, theorem, metric, scenario, effect = row
    for path in re.findall(r"`([^`]+)`", module + theorem + scenario):
        assert Path(path).exists(), f"{path} is named and does not exist"
    name = metric.strip("`").removeprefix("equilibrium_").removesuffix("_total")
    assert name in SOURCE, f"no metric {metric}"
    assert effect, "an effect that is not known is said to be telemetry, or to be awaited"
