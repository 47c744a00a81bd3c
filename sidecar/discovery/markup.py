"""YAML as discovery files use it: plain data, no duplicate keys, one kind of error."""

from typing import Any

from sidecar.parsing import Flaw, ParseError, unfit


def load_yaml(text: str) -> object:
    """Plain data, or ParseError with line and column."""
    import yaml  # costs 2 MB: only sidecars that are given a YAML file pay

    # libyaml is ten times as fast, and a large file would hold the interpreter lock for a second without it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        if flaws := _duplicates(node, set()):
            raise ParseError(*flaws)
        return loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(filter(None, (error.context, error.problem)))
        raise unfit(f"{_place(mark)}{what}", "YAML, or JSON") from None
    # Not all it constructs raises its own errors: `2024-99-99` is a ValueError, `[[[…` a RecursionError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, ParseError):
            raise
        raise unfit(f"{error}", "YAML, or JSON") from None
    finally:
        loader.dispose()


def _duplicates(node: Any, seen: set[int]) -> list[Flaw]:
    """YAML forbids equal keys in one mapping (1.2.2, 3.2.1.1); PyYAML lets the last one win in silence."""
    if id(node) in seen or not isinstance(getattr(node, "value", None), list):
        return []
    seen.add(id(node))  # aliases make it a graph
    flaws: list[Flaw] = []
    keys: set[str] = set()
    for child in node.value:
        pair = child if isinstance(child, tuple) else (child,)
        if len(pair) == 2 and isinstance(key := pair[0].value, str):
            if key in keys:
                flaws.append(Flaw(f"{_place(pair[0].start_mark)}{key} is given twice", "each key once"))
            keys.add(key)
        for part in pair:
            flaws += _duplicates(part, seen)
    return flaws


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
