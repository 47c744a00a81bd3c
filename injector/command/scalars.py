"""YAML as kubectl reads it (sigs.k8s.io/yaml: YAML 1.1 without dates and base 60); numbers keep their spelling.

PyYAML's own idea of a scalar differs: to it `12:30` is 750, `1e3` a text and `y` another. What is written is read alike
by every parser: a text that might be taken for something else is quoted. Pure.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

_WIDTH: Final = 1_000_000  # no line is folded
_TAG: Final = "tag:yaml.org,2002:"
_IMPLICIT: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (
        "bool",
        r"y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF",
        list("yYtToOnNfF"),
    ),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9_]*[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)
_TRUE: Final = frozenset(("y", "yes", "true", "on"))
_AMBIGUOUS: Final = re.compile(
    r"[-+.0-9].*|y|n|yes|no|true|false|on|off|null|~|=|<<|", re.IGNORECASE | re.DOTALL
)


class Whole(int):
    """A whole number that is written as it was read."""

    spelling: str

    def __new__(cls, value: int, spelling: str = "") -> "Whole":
        """Its own spelling, or Python's."""
        number = super().__new__(cls, value)
        number.spelling = spelling or str(value)
        return number


class Real(float):
    """A number with a fraction or an exponent that is written as it was read."""

    spelling: str

    def __new__(cls, value: float, spelling: str = "") -> "Real":
        """Its own spelling, or Python's."""
        number = super().__new__(cls, value)
        number.spelling = spelling or repr(value)
        return number


class Loader(yaml.SafeLoader):
    """One document of plain data."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own way

    def once(self, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
        """Of two equal keys nobody knows which counts."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return self.construct_yaml_map(node)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def ignore_aliases(self, data: object) -> bool:
        """Everything is written out: a manifest is data, and two equal parts need not stay equal."""
        return True


def dump(value: object) -> str:
    """One document, in the order of its keys."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False
    )


def _truth(loader: Loader, node: yaml.ScalarNode) -> bool:
    return node.value.lower() in _TRUE


def _whole(loader: Loader, node: yaml.ScalarNode) -> Whole:
    plain = node.value.replace("_", "").lower()
    octal = re.fullmatch(r"([-+]?)0([0-7]+)", plain)
    return Whole(int(f"{octal[1]}0o{octal[2]}" if octal else plain, 0), node.value)


def _real(loader: Loader, node: yaml.ScalarNode) -> Real:
    plain = node.value.replace("_", "").lower()
    return Real(float(plain.replace(".inf", "inf").replace(".nan", "nan")), node.value)


def _written(kind: str) -> Any:
    return lambda dumper, number: dumper.represent_scalar(_TAG + kind, number.spelling)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if not text.replace("\n", "").isprintable():
        style: str | None = '"'  # with escapes: to YAML 1.1 some of these end a line
    elif _AMBIGUOUS.fullmatch(text):
        style = "'"
    else:
        style = "|" if "\n" in text else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


for _kind, _pattern, _first in _IMPLICIT:
    for _class in (Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _kind, re.compile(f"(?:{_pattern})\\Z"), _first)
Loader.add_constructor(f"{_TAG}map", Loader.once)
Loader.add_constructor(f"{_TAG}bool", _truth)
Loader.add_constructor(f"{_TAG}int", _whole)
Loader.add_constructor(f"{_TAG}float", _real)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(Whole, _written("int"))
_Dumper.add_representer(Real, _written("float"))
