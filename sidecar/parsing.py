"""Text an operator wrote, into values: one function per kind, each of which says what it would have accepted.

Pure. The environment (`sidecar.settings`) and discovery files (`sidecar.discovery.document`) are read with
the same functions, so that an address or a workload is the same thing in both.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s?([A-Za-z]*)")
# Kubernetes' spellings (Ki, Mi, k, M) and everyone else's (KiB, kB); binary and decimal never mixed up.
_BYTES = {"": 1, "B": 1}
_BYTES |= {f"{letter}i{b}": 1024**n for n, letter in enumerate("KMGT", 1) for b in ("", "B")}
_BYTES |= {f"{letter}{b}": 1000**n for n, letter in enumerate("kMGT", 1) for b in ("", "B")}
# These end up in headers and metric labels: nothing that delimits there.
_LABEL = re.compile(r"[A-Za-z0-9._:/\[\]-]{1,253}")
_WORKLOAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}/[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a value."""

    why: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.why}; allowed: {self.allowed}"


class ParseError(ValueError):
    """A value that cannot be used, with everything that is wrong with it."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(map(str, flaws)))
        self.flaws = flaws


def unfit(why: str, allowed: str) -> ParseError:
    """The usual case: one flaw."""
    return ParseError(Flaw(why, allowed))


def suggestion(name: str, known: Iterable[str]) -> str:
    """`, did you mean X?` when one of the known names is close, else nothing."""
    import difflib  # only operators who mistyped pay for it

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else ""


def parse_ip(text: str) -> str:
    """An IP address in its canonical spelling; no zone index (`%eth0`), which no other host understands."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise unfit("not an IP address", "such as 10.0.0.1 or fd00::1") from None
    if "%" in text:
        raise unfit("has a zone index", "such as 10.0.0.1 or fd00::1")
    return str(address)


def is_loopback(ip: str) -> bool:
    """Whether an address, in any spelling `parse_ip` gives, is of this host alone."""
    return ipaddress.ip_address(ip).is_loopback


def parse_port(text: str, least: int = 1) -> int:
    """A TCP port in decimal digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and least <= int(text) <= 65535):
        raise unfit(f"{text!r} is not a port", f"{least}..65535")
    return int(text)


def parse_host_port(text: str, least: int = 1) -> tuple[str, int]:
    """`ip:port` or `[v6]:port`. No host names: whoever resolves one must also resolve it again."""
    host, colon, port = text.rpartition(":")
    allowed = f"ip:port or [v6]:port, port {least}..65535"
    if not colon or (":" in host) != (host.startswith("[") and host.endswith("]")):
        raise unfit("not an address with a port", allowed)
    try:
        return parse_ip(host[1:-1] if ":" in host else host), parse_port(port, least)
    except ParseError as error:
        raise unfit(error.flaws[0].why, allowed) from None


def parse_listener(text: str, least: int = 0) -> tuple[str, int]:
    """An address of this machine; port 0 lets the kernel pick one."""
    return parse_host_port(text.replace("localhost:", "127.0.0.1:"), least)


def parse_name_server(text: str) -> tuple[str, int]:
    """`ip` or `ip:port`; port 53 when none is given."""
    try:
        return parse_ip(text), 53
    except ParseError:
        return parse_host_port(text)


def format_host_port(ip: str, port: int) -> str:
    """The inverse of `parse_host_port`: IPv6 in brackets."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def parse_duration(text: str) -> float:
    """Seconds, from a number with its unit; more than zero."""
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not seconds:
        raise unfit("not a duration", "a number above 0 with ms, s, m or h, such as 250ms or 5m")
    return seconds


def parse_bound(text: str) -> float | None:
    """A duration in seconds, or `none` for no bound."""
    if text == "none":
        return None
    try:
        return parse_duration(text)
    except ParseError as error:
        raise unfit(error.flaws[0].why, f"{error.flaws[0].allowed}, or none") from None


def parse_seconds(text: str) -> float:
    """A plain number of seconds, zero included (variables whose name ends in _S)."""
    return _number(text, lambda value: 0 <= value < math.inf, "seconds, a number of at least 0")


def parse_fraction(text: str) -> float:
    """A share in [0, 1]."""
    return _number(text, lambda value: 0 <= value <= 1, "a number in 0..1")


def _number(text: str, fits: Callable[[float], bool], allowed: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise unfit("not a number", allowed) from None
    if not fits(value):  # nan fits nowhere
        raise unfit("out of range", allowed)
    return value


def parse_size(text: str) -> int:
    """Bytes, from a number with an optional unit."""
    match = _SIZE.fullmatch(text)
    if not match or match[2] not in _BYTES:
        raise unfit("not a size", "bytes, Ki, Mi, Gi (1024) or k, M, G (1000), such as 64KiB or 500Mi")
    return int(float(match[1]) * _BYTES[match[2]])


def parse_count(least: int) -> Callable[[str], int]:
    """Whole numbers from `least` up."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) >= least):
            raise unfit("not a count", f"a whole number of at least {least}")
        return int(text)

    return parse


def parse_workload(text: str) -> str:
    """`namespace/name`."""
    if not _WORKLOAD.fullmatch(text):
        raise unfit("not a workload", "namespace/name, of letters, digits, '.', '_' and '-'")
    return text


def parse_label(text: str) -> str:
    """A word for people and metrics."""
    if not _LABEL.fullmatch(text):
        raise unfit("not a plain name", "1 to 253 letters, digits and . _ - : / [ ]")
    return text


def parse_choice(*words: str) -> Callable[[str], str]:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in words:
            raise unfit("unknown", ", ".join(words))
        return text

    return parse


def parse_list(item: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Values separated by commas; every wrong one is named."""

    def parse(text: str) -> tuple[T, ...]:
        values, flaws = [], []
        for word in map(str.strip, text.split(",")):
            try:
                values.append(item(word))
            except ParseError as error:
                flaws += [Flaw(f"{word!r} is {flaw.why}", flaw.allowed) for flaw in error.flaws]
        if flaws:
            raise ParseError(*flaws)
        return tuple(values)

    return parse


def parse_pairs(text: str, fields: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """`key=value,key=value`, each key at most once, each value by its own parser; all flaws are named."""
    values: dict[str, Any] = {}
    flaws: list[Flaw] = []
    for word in map(str.strip, text.split(",")):
        key, _, value = (part.strip() for part in word.partition("="))
        if key not in fields:
            flaws.append(Flaw(f"no such key {key!r}{suggestion(key, fields)}", ", ".join(fields)))
        elif key in values:
            flaws.append(Flaw(f"{key} is given twice", "each key once"))
        else:
            values[key] = None
            try:
                values[key] = fields[key](value)
            except ParseError as error:
                flaws += [Flaw(f"{key}={value} is {flaw.why}", flaw.allowed) for flaw in error.flaws]
    if flaws:
        raise ParseError(*flaws)
    return values


def parse_key(text: str) -> str:
    """A secret; white space around it came from a file or an editor, and the other sidecars' may differ."""
    if text != text.strip():
        raise unfit("white space around it", "a secret without it (`echo` adds a line end: use printf)")
    if not text.isprintable():
        raise unfit(
            "unprintable characters", "a secret people can type; of random bytes, their hex or base64"
        )
    return text
