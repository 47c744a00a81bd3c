"""A report as a list of blocks, written twice: as Markdown without figures, as one HTML page with them. Pure.

The page needs nothing from elsewhere: plotly.js is inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

import orjson

Plain = dict[str, Any]
Rows = list[list[str]]


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 is the title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """The first column holds words, the others figures."""

    head: Sequence[str]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Figure:
    """`data` and `layout` for plotly.js; Markdown leaves it out."""

    plain: Plain


Block = Heading | Text | Bullets | Table | Figure


def markdown(blocks: Sequence[Block]) -> str:
    """The whole text."""
    parts = [part for block in blocks if (part := _markdown(block))]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {text}"
        case Text(text):
            return text
        case Bullets(lines):
            return "\n".join(f"- {line}" for line in lines)
        case Table(head, rows):
            rule = ["---", *(["---:"] * (len(head) - 1))]
            return "\n".join(f"| {' | '.join(cells)} |" for cells in [list(head), rule, *rows])
        case Figure():
            return ""


def html(title: str, blocks: Sequence[Block]) -> str:
    """The whole page."""
    plotly = resources.files("plotly").joinpath("package_data/plotly.min.js").read_text()
    body = "\n".join(_html(block, number) for number, block in enumerate(blocks))
    return PAGE.format(title=escape(title), css=CSS, plotly=plotly, body=body)


def _html(block: Block, number: int) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{_code(escape(text))}</p>"
        case Bullets(lines):
            return "<ul>" + "".join(f"<li>{_code(escape(line))}</li>" for line in lines) + "</ul>"
        case Table(head, rows):
            return _table(head, rows)
        case Figure(plain):
            data = orjson.dumps(plain).decode().replace("</", "<\\/")
            return f'<div id="f{number}" class="chart"></div><script>draw("f{number}", {data})</script>'


def _code(text: str) -> str:
    """Every second backtick closes."""
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def _table(head: Sequence[str], rows: Rows) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = []
    for cells in rows:
        ours = ' class="ours"' if OURS in cells else ""
        lines.append(f"<tr{ours}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="wide">{table}</div>'


OURS = "Equilibrium"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{css}</style>
<script>{plotly}</script>
<script>
function draw(id, figure) {{
  Plotly.newPlot(id, figure.data, figure.layout, {{responsive: true, displaylogo: false, displayModeBar: false}});
}}
</script>
</head><body>
{body}
</body></html>
"""

CSS = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: #1f2933; background: #fff;
  max-width: 1400px; margin: 2rem auto 4rem; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 .6rem; } h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
p { max-width: 62rem; } code { font-size: .9em; background: #f1f3f5; padding: 0 .2em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .88rem; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; }
th { border-bottom: 2px solid #1f2933; font-size: .85rem; font-weight: 600; vertical-align: bottom;
  white-space: normal; }
td { border-bottom: 1px solid #e4e7eb; }
th:first-child, td:first-child { text-align: left; }
tr.ours td { font-weight: 600; background: #f3f8fc; }
.chart { width: 100%; } .wide { overflow-x: auto; }
"""
