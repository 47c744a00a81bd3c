"""Manifests as text ⇄ documents. What nobody changed keeps its text, comments included. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from injector.command import scalars
from injector.command.scalars import Loader, Real, Whole
from sidecar.errors import EquilibriumError

_SEPARATOR: Final = re.compile(r"^(?=---(?:[ \t\r\n]|\Z))", re.MULTILINE)


class ManifestError(EquilibriumError):
    """Not YAML or JSON; says where."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a stream."""

    text: str
    """As it stands, its `---` included; empty when it was JSON."""
    value: Any


def read(text: str) -> list[Document]:
    """The documents of a file, empty ones included. Raises `ManifestError` with the line."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        try:
            return [Document("", value) for value in _json(text)]
        except ValueError:
            pass  # YAML in flow style, or JSON with a mistake, and YAML's message names the line as well
    line = 0
    found = []
    for part in filter(None, _SEPARATOR.split(text)):
        found.append(Document(part, _yaml(part, line)))
        line += part.count("\n")
    return found


def write(documents: Iterable[tuple[Document, object]]) -> str:
    """A stream of YAML, from documents and the values they have now; the same value keeps the text."""
    parts: list[str] = []
    for document, value in documents:
        text = document.text
        if value is not document.value or not text:
            text = f"---\n{scalars.dump(value)}"
        elif parts and not text.startswith("---"):
            text = f"---\n{text}"
        parts.append(text if text.endswith("\n") else _ended(text, value))
    return "".join(parts)


def _ended(text: str, value: object) -> str:
    """With a line end; written anew where that would become part of the value, as it does of a block scalar's."""
    ended = f"{text}\n"
    return ended if repr(_yaml(ended, 0)) == repr(value) else f"---\n{scalars.dump(value)}"


def _yaml(text: str, line: int) -> Any:
    try:
        return yaml.load(text, Loader)  # noqa: S506  a safe loader's child
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(filter(None, (error.context, error.problem)))
        raise ManifestError(f"line {line + mark.line + 1}: {what}" if mark else what) from None
    # Not all it constructs raises its own errors: `[[[…` is a RecursionError, a list as a key a TypeError.
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise ManifestError(f"after line {line}: {str(error)[:200] or type(error).__name__}") from None


def _json(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(
        parse_int=lambda digits: Whole(int(digits), digits),
        parse_float=lambda digits: Real(float(digits), digits),
        object_pairs_hook=_once,
    )
    at = _next(text, 0)
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        at = _next(text, at)
        yield value


def _next(text: str, at: int) -> int:
    """Where the next thing that is not white space begins."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found
