"""Tables of docs/injection.md, so that document and code cannot drift apart."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "injection.md").read_text()


def table(title):
    """Rows of the table whose title row begins like this; cells without the white space around them."""
    block = TEXT[TEXT.index("\n" + title) + 1 :].split("\n\n")[0]
    rows = [re.split(r"(?<!\\)\|", row)[1:-1] for row in block.splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


def words(cell):
    """What stands in code type."""
    return re.findall(r"`([^`]+)`", cell)
