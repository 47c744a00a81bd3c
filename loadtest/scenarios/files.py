"""A run's three files: the report for people as Markdown and HTML, and the figures as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from loadtest import ending
from loadtest.bench import document
from loadtest.scenarios import report
from loadtest.scenarios.result import Result


def write(
    out: Path, results: Sequence[Result], described: Mapping[str, str], *, quick: bool, title: str, kind: str
) -> None:
    """`kind`.md, .json and .html in `out`; the Markdown to stdout too."""
    blocks = report.blocks(results, described, quick=quick, title=title)
    told = report.summary(results, described, quick=quick, kind=kind)
    text = document.markdown(blocks)
    contents = {
        f"{kind}.md": text.encode(),
        f"{kind}.json": orjson.dumps(told, option=orjson.OPT_INDENT_2),
        f"{kind}.html": document.html(title, blocks).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (out / name).write_bytes(content)
    print(text)
    ending.say(f"{report.conclusion(results)}\nwritten: {', '.join(str(out / name) for name in contents)}")
