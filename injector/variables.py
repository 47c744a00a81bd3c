"""The injector's environment variables: one row each. Pure."""

from collections.abc import Callable
from typing import Any, Final

from injector import values
from sidecar import contract, parsing
from sidecar.environment import Table, Variable

PREFIX: Final = f"{contract.ENV_PREFIX}INJECTOR_"
METRICS_PORT: Final = 15444

Parse = Callable[[str], Any]


def _row(field: str, default: str, takes: str, meaning: str, parse: Parse, unset: Any = None) -> Variable:
    return Variable(field, default, takes, meaning, parse, unset, prefix=PREFIX)


def _listener(field: str, port: int, meaning: str) -> Variable:
    takes = "ip:port, IPv6 in brackets; port 0 picks one"
    return _row(field, f"0.0.0.0:{port}", takes, meaning, parsing.parse_listener)


def _name(field: str, default: str, meaning: str) -> Variable:
    return _row(field, default, "a name", meaning, values.parse_name)


def _path(field: str, meaning: str) -> Variable:
    return _row(field, "", "a path", meaning, str)


VARIABLES: Final = (
    _listener("listen", contract.INJECTOR_PORT, "Where the API server's reviews come in, over TLS."),
    _listener("metrics", METRICS_PORT, "Metrics and health, plain."),
    _name("namespace", "equilibrium-system", "The injector's own namespace (downward API)."),
    _name(
        "service", "equilibrium-injector", "The Service in front of it: what its certificate is made out to."
    ),
    _name(
        "webhook", "equilibrium-injector", "The MutatingWebhookConfiguration whose caBundle is kept right."
    ),
    _name("secret", "equilibrium-injector-certificates", "The Secret that all replicas share."),
    _row(
        "certificates",
        "own",
        "own, or a directory with tls.crt and tls.key",
        "Who makes the certificate: own makes and renews it, a directory is only read (cert-manager) and nothing is "
        "patched.",
        values.parse_certificates,
    ),
    _row(
        "names",
        "",
        "host or ip,…",
        "What else the own certificate is made out to: for an API server that reaches the injector by another name.",
        parsing.parse_list(values.parse_host),
        unset=(),
    ),
    _row(
        "leaf",
        "720h",
        "a duration (s, m, h)",
        "Life of the own certificate; renewed when two thirds are over.",
        values.parse_life,
    ),
    _row(
        "api",
        "in-cluster",
        "in-cluster, none, or https://HOST:PORT",
        "The Kubernetes API server; none only with a directory of certificates, and then nobody gets events.",
        values.parse_api,
    ),
    _path("api_token_file", "A file with the bearer token for that URL."),
    _path("api_ca_file", "A file with the authority of that URL."),
    _row(
        "sidecar_image",
        "equilibrium-sidecar:0.1.0",
        "an image",
        "The sidecar put into pods.",
        values.parse_image,
    ),
    _row(
        "init_image",
        "equilibrium-init:0.1.0",
        "an image",
        "The init container that sets up interception.",
        values.parse_image,
    ),
    _row(
        "pull_policy",
        "",
        "Always | IfNotPresent | Never",
        "Of both images; Kubernetes decides when unset.",
        parsing.parse_choice("Always", "IfNotPresent", "Never"),
        unset="",
    ),
    _row(
        "discovery",
        "dns",
        "dns | kubernetes | coordinator:URL",
        "Where sidecars get endpoints from (their EQUILIBRIUM_DISCOVERY).",
        values.parse_discovery,
    ),
    _row(
        "advice",
        "auto",
        "auto | off | a URL",
        "Who tells sidecars where to send (their EQUILIBRIUM_ADVICE); auto: the coordinator of DISCOVERY, if one is.",
        values.parse_advice,
    ),
    _row(
        "discovery_ca",
        "",
        "a name",
        "Name of a ConfigMap, in each pod's namespace, whose ca.crt sidecars believe for a coordinator over https; "
        "unset: the authorities of their image.",
        values.parse_name,
        unset="",
    ),
    _row(
        "native",
        "on",
        "off | on",
        "Whether the sidecar is a native one (an init container that stays), unless a pod says otherwise.",
        values.parse_switch,
    ),
    _row(
        "resources",
        "",
        f"key=quantity,… of {', '.join(values.RESOURCES)}",
        "What the sidecar asks for and may use, unless a pod says otherwise; those not given keep their defaults.",
        values.parse_resources,
        unset={},
    ),
    _row(
        "skip_subnets",
        "",
        "subnet,…",
        "Destinations that are never intercepted, in any pod.",
        parsing.parse_list(values.parse_subnet),
        unset=(),
    ),
    _name(
        "mesh_key_secret",
        "equilibrium-mesh-key",
        "Name of the Secret, in each pod's namespace, with the mesh key.",
    ),
    _row(
        "linger_s",
        "3",
        "seconds",
        "How long SIGTERM goes on accepting, so that Services notice first.",
        parsing.parse_seconds,
    ),
    _row("drain_s", "10", "seconds", "How long it then waits for reviews under way.", parsing.parse_seconds),
)
"""In the order of --help. The defaults are parsed like any other text."""
TABLE: Final = Table("equilibrium-injector", PREFIX, VARIABLES)
