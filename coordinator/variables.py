"""The coordinator's settings: one row each, read from the environment; flags of the same names override some. Pure."""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from sidecar import annotations as sizes
from sidecar import contract, environment, parsing
from sidecar.environment import Table, Variable
from sidecar.parsing import unfit

PREFIX: Final = f"{contract.ENV_PREFIX}COORDINATOR_"
_URL: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,300}(/[\x21-\x7e]*)?")
_REDIS: Final = re.compile(r"rediss?://([^@/\s]{0,300}@)?[A-Za-z0-9.\[\]:-]{1,300}(/[0-9]{1,4})?")
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")

Parse = Callable[[str], Any]


def parse_name(text: str) -> str:
    """What an object in Kubernetes may be called (RFC 1123 subdomain)."""
    if not _NAME.fullmatch(text):
        raise unfit("not a name of a Kubernetes object", "lower-case letters, digits, '-' and '.'")
    return text


def parse_url(text: str) -> str:
    """http or https, without a slash at the end."""
    if not _URL.fullmatch(text):
        raise unfit("not a URL", "such as http://prometheus.monitoring:9090")
    return text.rstrip("/")


def parse_api(text: str) -> str:
    """`in-cluster`, or the server's URL."""
    if text == "in-cluster":
        return text
    try:
        return parse_url(text)
    except parsing.ParseError:
        raise unfit("not a way to the API server", "in-cluster or https://HOST:PORT") from None


def parse_store(text: str) -> str:
    """`memory`, or the URL of a Redis."""
    if text == "memory" or (_REDIS.fullmatch(text) and _has_host(text)):
        return text
    shown = (
        f": {environment.without_credentials(text)!r}" if "@" in text else ""
    )  # elsewhere it may be a password
    raise unfit(f"not a store{shown}", "memory or redis://HOST:PORT/DB (rediss with TLS)")


def _has_host(url: str) -> bool:
    """And a port that is one, if any."""
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:  # its message may quote the password
        return False


def parse_lease(text: str) -> float:
    """Whole seconds, as a Lease has them."""
    seconds = parsing.parse_duration(text)
    if seconds < 1 or seconds != int(seconds):
        raise unfit("not a duration a Lease can have", "whole seconds, such as 15s")
    return seconds


def parse_reserve(text: str) -> float:
    """A share of a node, less than all of it."""
    share = parsing.parse_fraction(text)
    if share >= 1:
        raise unfit("nothing would be left", "a number of at least 0 and below 1, such as 0.05")
    return share


def parse_work(text: str) -> float:
    """A share of an epoch, some of it."""
    share = parsing.parse_fraction(text)
    if share <= 0:
        raise unfit("nothing would be worked out", "a number above 0 and at most 1, such as 0.8")
    return share


def _row(
    field: str,
    default: str,
    takes: str,
    meaning: str,
    parse: Parse,
    unset: Any = None,
    *,
    secret: bool = False,
    prefix: str = PREFIX,
) -> Variable:
    return Variable(field, default, takes, meaning, parse, unset, secret, prefix)


def _choice(field: str, default: str, words: tuple[str, ...], meaning: str) -> Variable:
    return _row(field, default, " | ".join(words), meaning, parsing.parse_choice(*words))


def _duration(field: str, default: str, meaning: str) -> Variable:
    return _row(field, default, "a duration (ms, s, m, h)", meaning, parsing.parse_duration)


def _path(field: str, meaning: str) -> Variable:
    return _row(field, "", "a path", meaning, str)


VARIABLES: Final = (
    _row(
        "listen",
        f"0.0.0.0:{contract.COORDINATOR_PORT}",
        "ip:port, IPv6 in brackets; port 0 picks one",
        "Metrics, health and /state, plain.",
        parsing.parse_listener,
    ),
    _row("api", "in-cluster", "in-cluster, or https://HOST:PORT", "The Kubernetes API server.", parse_api),
    _path("api_token_file", "A file with the bearer token for that URL."),
    _path("api_ca_file", "A file with the authority of that URL."),
    _row(
        "namespaces",
        "",
        "namespace,…",
        "Only pods of these take part; unset: of all. Pods of all are followed, since all take from their node.",
        parsing.parse_list(parse_name),
        unset=(),
    ),
    _duration("cycle", "15s", "From the beginning of one cycle to that of the next."),
    _choice(
        "allocator",
        "market",
        ("market", "regret"),
        "Who divides a node: a market that clears, or agents that learn by regret.",
    ),
    _choice(
        "policy",
        "limits",
        sizes.POLICIES,
        "What a resize sets, unless the pod's annotation resize-policy says: limits, requests, or both to the same "
        "amount.",
    ),
    _choice(
        "no_sidecar",
        "default-demand",
        ("default-demand", "leave"),
        "Pods without a sidecar: take part unasked with a demand of 0.5 (or what Prometheus knows), limits only and "
        "memory untouched; or are left alone.",
    ),
    _choice(
        "memory",
        "grow",
        ("off", "grow", "decay"),
        "Memory limits: never touched, raised where use comes near them, or also lowered slowly after long idleness.",
    ),
    _row(
        "reserve",
        "0.05",
        "a share, 0 to 1",
        "Of each node's allocatable CPU, kept out of the market.",
        parse_reserve,
    ),
    _row("prometheus", "", "a URL", "Where golden signals are asked for; unset: nowhere.", parse_url),
    _path("prometheus_token_file", "A file with the bearer token for it."),
    _duration("prometheus_window", "1m", "How far its queries look back: four scrapes or more."),
    _duration("demand_timeout", "2s", "For one sidecar to say what its pod wants."),
    _duration(
        "negotiate_timeout", "8s", "For one sidecar to answer a proposal; a memory hook may take 5 s of it."
    ),
    _duration(
        "stale",
        "150s",
        "A watch that has said nothing for so long is not trusted, and nothing is changed; API servers say something "
        "about once a minute.",
    ),
    _row("namespace", "equilibrium-system", "a name", "Of the Lease (downward API).", parse_name),
    _row(
        "lease", "equilibrium-coordinator", "a name", "The Lease by which one of several writes.", parse_name
    ),
    _row("lease_duration", "15s", "whole seconds", "How long it is held without being renewed.", parse_lease),
    _row("identity", "", "a name", "Who this one is; unset: its host name.", parsing.parse_label, unset=""),
    _row(
        "drain_s", "10", "seconds", "How long SIGTERM waits for the patches under way.", parsing.parse_seconds
    ),
    _choice(
        "feed", "on", ("on", "off"), "Whether sidecars may ask for endpoints and identities (docs/feed.md)."
    ),
    _choice("advice", "on", ("on", "off"), "Whether sidecars are told where to send (docs/advice.md)."),
    _duration("epoch", "10s", "How often advice is worked out anew; it expires after two of them."),
    _row(
        "epoch_work",
        "0.8",
        "a share, above 0 to 1",
        "Of the epoch that working advice out may take; services for which that is too little keep what they were told "
        "last until it expires.",
        parse_work,
    ),
    _choice("live", "on", ("on", "off"), "Whether the page to watch it all on is served at /live."),
    _row(
        "store",
        "memory",
        "memory, or redis://[:PASSWORD@]HOST:PORT/DB",
        "Where coordinators share what sidecars report, advice and reputations; memory: nowhere, the one that leads "
        "knows it alone.",
        parse_store,
        secret=True,
    ),
    _row(
        "mesh_key",
        "",
        "text",
        "The mesh's shared secret: signs negotiations, and lets others read /state. Without it only sidecars on "
        "loopback answer.",
        parsing.parse_key,
        secret=True,
        prefix=contract.ENV_PREFIX,
    ),
)
"""In the order of --help. The defaults are parsed like any other text."""
TABLE: Final = Table("equilibrium-coordinator", PREFIX, VARIABLES)
