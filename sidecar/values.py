"""What the values of the sidecar's environment variables mean: the parsers that only they need. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sidecar import parsing
from sidecar.parsing import ParseError, unfit
from sidecar.proxy.limits import Limits, Timeouts


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where endpoints come from; `argument`: a file's path, a coordinator's URL."""

    kind: Literal["file", "dns", "kubernetes", "coordinator"]
    argument: str = ""


def parse_discovery(text: str) -> Discovery:
    """`file:PATH`, `dns`, `kubernetes` or `coordinator:URL`."""
    kind, _, rest = text.partition(":")
    if kind == "file" and rest:
        return Discovery("file", rest)
    if text == "dns":
        return Discovery("dns")
    if text == "kubernetes":
        return Discovery("kubernetes")
    if kind == "coordinator":
        return Discovery("coordinator", parse_url(rest))
    raise unfit("not a source", "file:PATH, dns, kubernetes or coordinator:URL")


def parse_url(text: str) -> str:
    """Of a server: http or https, host, port, a path to put ours behind; no user, query or fragment."""
    if not re.fullmatch(
        r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", text
    ):
        raise unfit("not a server's URL", "such as https://coordinator.mesh:15480")
    return text.rstrip("/")


def parse_advice(text: str) -> str:
    """`auto`, `off`, or the URL of a coordinator."""
    if text in ("auto", "off"):
        return text
    try:
        return parse_url(text)
    except ParseError as error:
        raise unfit(
            error.flaws[0].why, "auto, off, or a URL such as https://coordinator.mesh:15480"
        ) from None


def parse_path(text: str) -> str:
    """An absolute path as requests have it, without a query."""
    if not re.fullmatch(r"/[\x21-\x7e]{0,255}", text) or "?" in text or "#" in text:
        raise unfit("not a path", "such as /healthz, without a query")
    return text


def parse_memory(text: str) -> int:
    """Bytes, more than none."""
    size = parsing.parse_size(text)
    if not size:
        raise unfit("no memory at all", "a size above 0, or unset to detect it")
    return size


def parse_ports(text: str) -> frozenset[int]:
    """Ports and ranges, `25,8000-8010`; `none` for none."""
    if text == "none":
        return frozenset()
    ranges = parsing.parse_list(_parse_range)(text)
    return frozenset(port for ports in ranges for port in ports)


def _parse_range(text: str) -> range:
    low, dash, high = text.partition("-")
    first = parsing.parse_port(low)
    last = parsing.parse_port(high) if dash else first
    if first > last:
        raise unfit("a range that ends before it begins", f"{high}-{low}")
    return range(first, last + 1)


_TIMEOUTS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "connect": ("connect_s", parsing.parse_duration),
    "first-byte": ("first_byte_s", parsing.parse_bound),
    "idle": ("idle_s", parsing.parse_bound),
    "total": ("total_s", parsing.parse_bound),
    "sniff": ("sniff_s", parsing.parse_bound),
}
LIMITS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "in-flight": ("in_flight", parsing.parse_count(1)),
    "pending": ("pending", parsing.parse_count(0)),
    "replay": ("replay_bytes", parsing.parse_size),
    "head": ("head_bytes", parse_memory),
    "fields": ("head_fields", parsing.parse_count(1)),
    "pool-idle": ("pool_idle_s", parsing.parse_duration),
    "pool-age": ("pool_age_s", parsing.parse_duration),
}
"""Key of the variable → field, parser."""


def parse_timeouts(text: str) -> Timeouts:
    """Those that are not given keep their defaults."""
    return Timeouts(**_fields(text, _TIMEOUTS))


def parse_limits(text: str) -> Limits:
    """Those that are not given keep their defaults."""
    return Limits(**_fields(text, LIMITS))


def _fields(text: str, table: Mapping[str, tuple[str, Callable[[str], Any]]]) -> dict[str, Any]:
    pairs = parsing.parse_pairs(text, {key: parse for key, (_, parse) in table.items()})
    return {table[key][0]: value for key, value in pairs.items()}
