"""What the injector's environment may say, beyond `sidecar.parsing`: one function per kind, each of which says what
it would have accepted. Pure."""

import ipaddress
import re
from pathlib import PurePosixPath
from typing import Final

from sidecar import parsing
from sidecar.parsing import unfit
from sidecar.policy.quantities import parse_quantity

SHORTEST_LIFE_S: Final = 5.0
RESOURCES: Final = ("cpu-request", "memory-request", "cpu-limit", "memory-limit")

_IMAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}")
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_URL: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,300}(/[\x21-\x7e]*)?")


def parse_name(text: str) -> str:
    """What an object in Kubernetes may be called (RFC 1123 subdomain)."""
    if not _NAME.fullmatch(text):
        raise unfit("not a name of a Kubernetes object", "lower-case letters, digits, '-' and '.'")
    return text


def parse_host(text: str) -> str:
    """A DNS name or an IP address, as a certificate has it."""
    try:
        return parsing.parse_ip(text)
    except parsing.ParseError:
        return parse_name(text)


def parse_image(text: str) -> str:
    """A container image reference, roughly: the kubelet is the judge."""
    if not _IMAGE.fullmatch(text):
        raise unfit("not an image", "such as registry.example/equilibrium-sidecar:0.1.0")
    return text


def parse_certificates(text: str) -> str | None:
    """`own` → None, or the directory of tls.crt and tls.key."""
    if text == "own":
        return None
    if not PurePosixPath(text).is_absolute():
        raise unfit("neither own nor a directory", "own, or an absolute path such as /certificates")
    return text


def parse_life(text: str) -> float:
    """Seconds; a certificate that lives for less would be made all day."""
    seconds = parsing.parse_duration(text)
    if seconds < SHORTEST_LIFE_S:
        raise unfit("too short", f"at least {SHORTEST_LIFE_S:g}s, such as 720h")
    return seconds


def parse_discovery(text: str) -> str:
    """What sidecars are told; a file or an unknown source would only fail in every pod."""
    kind, _, url = text.partition(":")
    if text in ("dns", "kubernetes") or (kind == "coordinator" and _URL.fullmatch(url)):
        return text
    raise unfit("not a source sidecars can have", "dns, kubernetes or coordinator:http://HOST:PORT")


def parse_advice(text: str) -> str:
    """As the sidecar takes it."""
    if text in ("auto", "off") or _URL.fullmatch(text):
        return text
    raise unfit("nobody sidecars can ask", "auto, off or http://HOST:PORT")


def parse_api(text: str) -> str:
    """`in-cluster`, `none`, or the server's URL without a slash at the end."""
    if text in ("in-cluster", "none") or _URL.fullmatch(text):
        return text.rstrip("/")
    raise unfit("not a way to the API server", "in-cluster, none or https://HOST:PORT")


def parse_subnet(text: str) -> str:
    """A subnet in its canonical spelling."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise unfit("not a subnet", "such as 10.0.0.0/8 or fd00::/8") from None


def parse_resources(text: str) -> dict[str, str]:
    """`cpu-request=50m,…` → the fields of `Resources` that are given, as Kubernetes spells them."""
    given = parsing.parse_pairs(text, dict.fromkeys(RESOURCES, _quantity))
    return {key.replace("-", "_"): value for key, value in given.items()}


def _quantity(text: str) -> str:
    if parse_quantity(text, 1000) <= 0:
        raise unfit("nothing", "a quantity above 0, such as 50m or 96Mi")
    return text


def parse_switch(text: str) -> bool:
    """`on` or `off`."""
    return parsing.parse_choice("off", "on")(text) == "on"
