"""The recorded exchanges, sent again, and when an answer is the same: all but what is made anew every time."""

import json
import re
from pathlib import Path
from typing import Any

from tests.support.kube import Cluster, Reply

FOLDER = Path(__file__).parents[1] / "fixtures" / "kubernetes" / "transcripts"

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SUFFIXED = re.compile(r"^(kube-api-access-|bus-service-|gateway-8bc6ccd94-)[a-z0-9]{5}$")
PORT = re.compile(r"127\.0\.0\.1:\d+")
TIMES = (
    "creationTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "time",
    "endpoints.kubernetes.io/last-change-trigger-time",
)
LEFT_OUT = ("managedFields", "extra")
"""The double keeps no managedFields; `extra` says how the recording client authenticated."""


def transcript(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def normal(value: Any, key: str = "") -> Any:
    """With uids, times, versions, random suffixes and ports replaced by what they are."""
    if isinstance(value, dict):
        return {name: normal(inside, name) for name, inside in value.items() if name not in LEFT_OUT}
    if isinstance(value, list):
        return [normal(inside) for inside in value]
    if not isinstance(value, str):
        return value
    if key == "resourceVersion":
        return "version"
    if key in TIMES:
        return "time"
    return PORT.sub("127.0.0.1:port", UUID.sub("uid", SUFFIXED.sub(r"\1xxxxx", value)))


def in_order(lines: list[dict[str, Any]]) -> list[int]:
    """The versions of events as their order: 290, 296, 296 → 0, 1, 1."""
    versions = [int(line["object"]["metadata"]["resourceVersion"]) for line in lines]
    known = sorted(set(versions))
    return [known.index(version) for version in versions]


def same(reply: Reply, recorded: dict[str, Any]) -> None:
    """Status, body, and the headers that were recorded."""
    response = recorded["response"]
    assert normal(reply.body) == normal(response["body"])
    assert reply.status == response["status"]
    warning = (response.get("headers") or {}).get("Warning")
    assert reply.warnings == ([warning] if warning else [])


async def send(api: Cluster, recorded: dict[str, Any], *, path: str | None = None, body: Any = None) -> Reply:
    """The request as it was recorded, or with another path or body."""
    request = recorded["request"]
    body = request.get("body") if body is None else body
    kind = request.get("contentType") or "application/json"
    return await api.request(request["method"], path or request["path"], body, kind)


async def started(api: Cluster) -> None:
    """The pod most exchanges are about."""
    await api.create(transcript("pod-create")["request"]["body"])
