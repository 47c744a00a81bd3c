"""The status annotation: what was added to a pod and what stood there before, so that it can be undone exactly."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

Json = dict[str, Any]

VERSION: Final = 1
"""Of this format."""


@dataclass(slots=True)
class Status:
    """Names of what was added, and originals of what was changed."""

    version: int = VERSION
    initContainers: list[str] = field(default_factory=list)  # noqa: N815  as pods spell it
    containers: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    env: dict[str, list[str]] = field(default_factory=dict)
    """By container."""
    probes: dict[str, Json] = field(default_factory=dict)
    """`CONTAINER/livez` → the handler as it was."""
    port: Json | None = None
    """`container`, `index`, `name` and `number` of the port whose name moved."""
    resources: Json | None = None
    """Of the pod as a whole, as they were."""

    def dump(self) -> str:
        """Without what is empty."""
        return orjson.dumps({key: value for key, value in asdict(self).items() if value}).decode()


def load(text: str) -> Status | None:
    """None for anything this version did not write."""
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        return None
    known = {key: fields[key] for key in Status.__slots__ if key in fields}
    return Status(**known)
