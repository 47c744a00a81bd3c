"""What changed between two frames, as a JSON merge patch (RFC 7386): null takes a member away. Pure.

The frames have no null of their own (`frame.plain`), so nothing is lost: merge(a, between(a, b)) is b.
"""

from typing import Any

Plain = dict[str, Any]


def between(before: Plain, after: Plain) -> Plain:
    """The patch that makes `after` of `before`; empty where they are the same. Lists are replaced whole."""
    patch: Plain = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            if inner := between(old, value):
                patch[name] = inner
        elif name not in before or old != value or type(old) is not type(value):
            patch[name] = value
    return patch


def merge(target: Plain, patch: Plain) -> Plain:
    """`target` with the patch applied, as the page does it; `target` itself stays as it is."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            old = merged.get(name)
            merged[name] = merge(old if isinstance(old, dict) else {}, value)
        else:
            merged[name] = value
    return merged
