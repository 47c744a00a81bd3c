"""`EQUILIBRIUM_APP_PROBES`, the probes as the pod had them, into values. Pure.

{"CONTAINER/livez": {"httpGet": {"path": "/healthz", "port": 8080}, "timeoutSeconds": 1}, "CONTAINER/readyz": …}
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from sidecar import parsing
from sidecar.apphealth.probes import WHICH, Action, Grpc, HttpGet, Probe, TcpSocket
from sidecar.parsing import Flaw, ParseError, unfit

_CONTAINER: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_LINE_END: Final = re.compile(r"[^\r\n\x00]*")


def parse_probes(text: str) -> tuple[Probe, ...]:
    """The variable's value. Raises `ParseError` with every flaw, each with the key it is found at."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise unfit(f"not JSON: {error}", "a JSON object of CONTAINER/PROBE to probe") from None
    if not isinstance(document, dict):
        raise unfit("not a JSON object", "an object of CONTAINER/PROBE to probe")
    flaws: list[Flaw] = []
    probes = [_found(flaws, f"{name}: ", _probe, name, value) for name, value in document.items()]
    if flaws:
        raise ParseError(*flaws)
    return tuple(probe for probe in probes if probe is not None)


def _found(flaws: list[Flaw], at: str, parse: Callable[..., Any], *values: Any) -> Any:
    """What `parse` makes of the values, or None with its flaws noted as found at `at`."""
    try:
        return parse(*values)
    except ParseError as error:
        flaws += [Flaw(f"{at}{flaw.why}", flaw.allowed) for flaw in error.flaws]
        return None


def _probe(name: str, value: object) -> Probe:
    container, _, which = name.partition("/")
    flaws: list[Flaw] = []
    if not _CONTAINER.fullmatch(container) or which not in WHICH:
        flaws.append(Flaw("not the name of a probe", f"CONTAINER/PROBE, PROBE one of {', '.join(WHICH)}"))
    found = _found(flaws, "", _fields, value, {**_ACTIONS, "timeoutSeconds": _timeout}) or {}
    given = [key for key in _ACTIONS if isinstance(value, dict) and key in value]
    if isinstance(value, dict) and len(given) != 1:
        flaws.append(Flaw(f"{len(given)} actions", f"exactly one of {', '.join(_ACTIONS)}"))
    if flaws:
        raise ParseError(*flaws)
    return Probe(container, which, found[given[0]], found.get("timeoutSeconds", 1.0))


def _fields(value: object, parsers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """A JSON object by the parsers of its keys; none may be missing from them."""
    if not isinstance(value, dict):
        raise unfit(f"{_shown(value)} is not an object", f"an object with {', '.join(parsers)}")
    flaws = [
        Flaw(f"no such key {key!r}{parsing.suggestion(key, parsers)}", ", ".join(parsers))
        for key in value
        if key not in parsers
    ]
    found = {
        key: _found(flaws, f"{key}: ", parse, value[key]) for key, parse in parsers.items() if key in value
    }
    if flaws:
        raise ParseError(*flaws)
    return found


def _http_get(value: object) -> HttpGet:
    parsers = {"port": _port, "path": _text, "scheme": _scheme, "httpHeaders": _headers}
    found = _with_port(_fields(value, parsers))
    found["headers"] = found.pop("httpHeaders", ())
    found["path"] = found.get("path") or "/"
    return HttpGet(**found)


def _tcp_socket(value: object) -> TcpSocket:
    return TcpSocket(**_with_port(_fields(value, {"port": _port})))


def _grpc(value: object) -> Grpc:
    found = _with_port(_fields(value, {"port": _port, "service": _service}))
    return Grpc(**found)


_ACTIONS: Final[Mapping[str, Callable[[Any], Action]]] = {
    "httpGet": _http_get,
    "tcpSocket": _tcp_socket,
    "grpc": _grpc,
}


def _with_port(found: dict[str, Any]) -> dict[str, Any]:
    if "port" not in found:
        raise unfit("no port", "port, a number in 1..65535")
    return found


def _port(value: object) -> int:
    if not _is_whole(value, 1, 65535):
        raise unfit(
            f"{_shown(value)} is not a port", "a number in 1..65535; names are resolved by the injector"
        )
    return int(str(value))


def _timeout(value: object) -> float:
    if not _is_whole(value, 1, 2**31 - 1):
        raise unfit(f"{_shown(value)} is not a timeout", "a whole number of seconds, at least 1")
    return float(str(value))


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise unfit(f"{_shown(value)} is not a text", "a JSON string")
    return value


def _service(value: object) -> str:
    return "" if value is None else _text(value)  # Kubernetes: *string


def _scheme(value: object) -> str:
    scheme = _text(value).lower() or "http"
    if scheme not in ("http", "https"):
        raise unfit(f"{_shown(value)} is not a scheme", "HTTP, HTTPS")
    return scheme


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise unfit(f"{_shown(value)} is not a list", "a list of {name, value}")
    flaws: list[Flaw] = []
    pairs = [_found(flaws, f"{place}: ", _header, pair) for place, pair in enumerate(value)]
    if flaws:
        raise ParseError(*flaws)
    return tuple(pairs)


def _header(value: object) -> tuple[str, str]:
    pair = _fields(value, {"name": _text, "value": _text})
    name, content = pair.get("name", ""), pair.get("value", "")
    if not _HEADER.fullmatch(name):
        raise unfit(f"{_shown(name)} is not the name of a header", "a token of RFC 9110, 5.6.2")
    if not _NO_LINE_END.fullmatch(content):
        raise unfit(f"the value of {name} has a line end or NUL", "one line")
    return name, content


def _shown(value: object) -> str:
    return repr(value)[:80]
