"""Label selectors, as Kubernetes understands them (apimachinery, LabelSelectorAsSelector). Pure."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def unmet(selector: Json | None, labels: Mapping[str, str]) -> list[str]:
    """What of a selector these labels do not meet, in words; empty when it selects them, as an empty one does all."""
    selector = selector or {}
    equal = [
        {"key": key, "operator": "In", "values": [value]}
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    return [
        said for each in (*equal, *(selector.get("matchExpressions") or ())) if (said := _unmet(each, labels))
    ]


def query(selector: Json | None) -> str:
    """As the `labelSelector` of a request."""
    selector = selector or {}
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    return ",".join((*parts, *map(_said, selector.get("matchExpressions") or ())))


def _unmet(expression: Json, labels: Mapping[str, str]) -> str:
    key, values = expression.get("key", ""), expression.get("values") or []
    value = labels.get(key)
    met = {
        "In": value in values,
        "NotIn": value is None or value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression.get("operator", "In")]
    return "" if met else f"{_said(expression)} (it is {'not set' if value is None else repr(value)})"


def _said(expression: Json) -> str:
    key, values = expression.get("key", ""), ",".join(expression.get("values") or [])
    words: dict[str, str] = {
        "In": f"{key} in ({values})",
        "NotIn": f"{key} notin ({values})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    return words[str(expression.get("operator", "In"))]
