"""A question of the feed, read: what is asked for, in one spelling. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from coordinator.callers.who import Refused
from sidecar import parsing
from sidecar.kube import names
from sidecar.parsing import ParseError
from sidecar.policy import hosts

LARGEST_BYTES: Final = 512 * 1024
MOST_SERVICES: Final = 2000
LONGEST_WAIT_S: Final = 60.0
_LONGEST_NAME: Final = 300
_LONGEST_VERSION: Final = 256


@dataclass(frozen=True, slots=True)
class Question:
    """`services`: canonical names, sorted; what no service can be called is left out, since nobody knows it."""

    namespace: str
    workload: str
    zone: str
    services: tuple[str, ...]
    since: str | None
    wait_s: float


def read(raw: bytes) -> Question:
    """Raise `Refused` (400) with every mistake. Fields that are not in docs/feed.md are ignored."""
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"not JSON: {error}; allowed: the question of docs/feed.md") from None
    if not isinstance(plain, dict):
        raise Refused(400, "not a JSON object; allowed: the question of docs/feed.md")
    mistakes: list[str] = []
    workload = _text(plain, "workload", mistakes)
    if workload:
        _try(parsing.parse_workload, "workload", workload, mistakes)
    namespace = _text(plain, "namespace", mistakes) or workload.partition("/")[0]
    listed = _services(plain.get("services", []), mistakes)
    question = Question(
        namespace,
        workload,
        _text(plain, "zone", mistakes),
        tuple(sorted({name for text in listed if (name := canonical(text, namespace))})),
        _since(plain.get("since"), mistakes),
        _wait(plain.get("wait_s", 0), mistakes),
    )
    if mistakes:
        raise Refused(400, f"{len(mistakes)} mistake(s): {'; '.join(mistakes[:20])}")
    return question


@lru_cache(maxsize=16384)
def canonical(text: str, namespace: str) -> str:
    """`bus.default:8080`, `bus.default`, `10.96.0.7:80`, `[fd00::7]:80`; "" for what cannot be a service."""
    host, port = hosts.split_authority(text.encode("latin-1", "replace"))
    if port is not None and not 0 < port < 65536:
        return ""
    try:
        return parsing.format_host_port(parsing.parse_ip(host), port or 80)
    except ParseError:
        key = names.service(host, namespace)
    if key is None:
        return ""
    return f"{key[1]}.{key[0]}" if port is None else f"{key[1]}.{key[0]}:{port}"


def _text(plain: dict[str, Any], field: str, mistakes: list[str]) -> str:
    value = plain.get(field, "")
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        mistakes.append(f"{field}: not a text of at most {_LONGEST_NAME} characters")
        return ""
    return value


def _try(parse: Any, field: str, text: str, mistakes: list[str]) -> None:
    try:
        parse(text)
    except ParseError as error:
        mistakes.append(f"{field}: {error}")


def _services(value: object, mistakes: list[str]) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_SERVICES:
        mistakes.append(
            f"services: not a list; allowed: at most {MOST_SERVICES} of NAME.NAMESPACE[:PORT], IP:PORT"
        )
        return []
    bad = [n for n, text in enumerate(value) if not isinstance(text, str) or len(text) > _LONGEST_NAME]
    mistakes += [f"services[{n}]: not a text of at most {_LONGEST_NAME} characters" for n in bad]
    return [] if bad else value


def _since(value: object, mistakes: list[str]) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= _LONGEST_VERSION):
        return value
    mistakes.append("since: not a version; allowed: that of an answer, or none")
    return None


def _wait(value: object, mistakes: list[str]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        mistakes.append("wait_s: not a number of seconds of at least 0")
        return 0.0
    return min(float(value), LONGEST_WAIT_S)
