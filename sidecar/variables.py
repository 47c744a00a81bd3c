"""The sidecar's environment variables: one row each. Pure."""

from functools import partial

from sidecar import contract, parsing, values
from sidecar.apphealth.environment import parse_probes
from sidecar.environment import Table, Variable
from sidecar.hooks import parse_hook
from sidecar.pressure import page


def _switch(text: str) -> bool:
    return parsing.parse_choice("off", "on")(text) == "on"


def _one_of(field_name: str, default: str, words: str, meaning: str) -> Variable:
    return Variable(field_name, default, words, meaning, parsing.parse_choice(*words.split(" | ")))


def _label(field_name: str, meaning: str) -> Variable:
    return Variable(field_name, "", "a plain name", meaning, parsing.parse_label, unset="")


def _listener(field_name: str, default: str, meaning: str) -> Variable:
    return Variable(
        field_name, default, "ip:port, IPv6 in brackets; port 0 picks one", meaning, parsing.parse_listener
    )


VARIABLES = (
    _listener("outbound", f"127.0.0.1:{contract.OUTBOUND_PORT}", "Where the application's requests come in."),
    _listener("inbound", f"0.0.0.0:{contract.INBOUND_PORT}", "Where requests to the application come in."),
    _listener("admin", f"0.0.0.0:{contract.ADMIN_PORT}", "Metrics, health, state and negotiation."),
    Variable(
        "app",
        "127.0.0.1:8080",
        "ip:port",
        "Where inbound requests go when they were not redirected here from another address.",
        partial(parsing.parse_listener, least=1),
    ),
    Variable("source", "", "an IP address", "Local address to connect from.", parsing.parse_ip),
    Variable(
        "workload",
        "default/unknown",
        "namespace/name",
        "The workload in front of which this sidecar stands.",
        parsing.parse_workload,
    ),
    _label("pod", "Name of the pod."),
    _label("container", "Name of the application's container."),
    _label("node", "Name of the node."),
    _label("zone", "Zone, for locality."),
    _one_of(
        "strategy",
        "balanced",
        "balanced | aggressive-learning | conservative | none",
        "How endpoints are chosen; none is round robin without policing.",
    ),
    _one_of("mode", "active", "active | observe", "observe decides and records, but routes round robin."),
    Variable(
        "discovery",
        "dns",
        "file:PATH | dns | kubernetes | coordinator:URL",
        "Where endpoints come from; a file (YAML or JSON) is followed as it changes; kubernetes needs the rights of "
        "docs/discovery.md; a coordinator speaks docs/feed.md.",
        values.parse_discovery,
    ),
    Variable(
        "advice",
        "auto",
        "auto | off | http(s)://HOST:PORT",
        "Who is asked how to share requests out (docs/advice.md); auto: the coordinator that discovery follows, if it "
        "does. Advice that costs more than our own choice is disobeyed.",
        values.parse_advice,
    ),
    Variable(
        "token",
        "",
        "a path",
        "File with the bearer token for discovery and advice, read anew for each request; with kubernetes, the service "
        "account's when unset.",
        str,
    ),
    Variable(
        "ca",
        "",
        "a path",
        "PEM file with the authorities that discovery and advice believe; with kubernetes, the service account's when "
        "unset, else the system's.",
        str,
    ),
    Variable(
        "dns",
        "",
        "ip[:port],…; port 53 when none is given",
        "Name servers; the system's when unset.",
        parsing.parse_list(parsing.parse_name_server),
        unset=(),
    ),
    _one_of("unknown", "refuse", "refuse | passthrough", "What happens to a host that nobody knows."),
    Variable(
        "mesh_key",
        "",
        "a text",
        "Shared secret of the mesh; signs what the coordinator is asked.",
        parsing.parse_key,
        secret=True,
    ),
    _one_of("metrics", "full", "full | service", "service leaves out per-endpoint series."),
    Variable(
        "memory_limit",
        "",
        "bytes, or with Ki, Mi, Gi",
        "Memory of the container; detected when unset.",
        values.parse_memory,
    ),
    Variable(
        "timeouts",
        "connect=1s,first-byte=60s,idle=300s,total=none",
        "key=duration,… (ms, s, m, h; none for no bound, except connect)",
        "Bounds of one exchange; idle on both sides. sniff=1s: how long an intercepted connection may stay silent "
        "before its destination is connected to untouched.",
        values.parse_timeouts,
    ),
    Variable(
        "limits",
        "in-flight=1024,pending=128",
        f"key=value,… of {', '.join(values.LIMITS)}",
        "In flight and pending per endpoint; replay=64KiB of body kept for another attempt; head=64KiB and fields=100 "
        "of one message; pool-idle=60s and pool-age=10m of unused connections.",
        values.parse_limits,
    ),
    Variable(
        "opaque_ports",
        "25,587,3306,4444,5432,6379,9300,11211",
        "port,… and ranges such as 8000-8010; none",
        "Ports behind which nobody speaks HTTP: intercepted connections to them are carried untouched, at once.",
        values.parse_ports,
    ),
    Variable(
        "concurrency",
        "100",
        "requests, at least 1",
        "Inbound requests the application is given at once, to begin with; behind X-GT-Congestion.",
        parsing.parse_count(1),
    ),
    _one_of(
        "limiter",
        "gradient",
        "gradient | aimd | fixed",
        "How that limit follows what the application shows it can do; fixed: not at all.",
    ),
    Variable(
        "probe_paths",
        "",
        "/path,… (at most 16)",
        "Paths of health checks: never queued or punished, within 10/s each.",
        parsing.parse_list(values.parse_path),
        unset=(),
    ),
    Variable(
        "app_probes",
        "",
        'JSON: {"CONTAINER/livez|readyz|startupz": {"httpGet|tcpSocket|grpc": {…}, "timeoutSeconds": 1}, …}',
        "The pod's own probes, asked when the kubelet asks /app-health/CONTAINER/PROBE; written by the injector.",
        parse_probes,
        unset=(),
        secret=True,  # a probe's headers may hold credentials
    ),
    Variable(
        "memory_hook",
        "",
        "http://127.0.0.1:PORT/PATH, signal:USR1|USR2|HUP, or reclaim",
        "How to ask the application for memory back before a resize is refused.",
        parse_hook,
    ),
    Variable(
        "usage_url",
        "",
        "http://127.0.0.1:PORT/PATH",
        "Where the application tells its memory: process_resident_memory_bytes, or JSON memory_bytes and limit_bytes.",
        page.parse_url,
    ),
    Variable(
        "flight",
        "",
        "a path",
        "Where the flight recorder writes on SIGTERM under pressure and on a crash; /flight shows it any time.",
        str,
    ),
    Variable(
        "drain_s",
        "10",
        "seconds",
        "How long SIGTERM waits for requests under way.",
        parsing.parse_seconds,
    ),
    Variable("access_log", "", "- for standard output, or a path", "One JSON line per request.", str),
    Variable(
        "access_log_sample", "1", "0..1", "Share of requests in the access log.", parsing.parse_fraction
    ),
    Variable("hedge", "off", "off | on", "Whether slow safe requests get a second copy.", _switch),
)
"""In the order of --help. The defaults are parsed like any other text."""
TABLE = Table("equilibrium-sidecar", contract.ENV_PREFIX, VARIABLES)
