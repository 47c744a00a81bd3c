"""Random pods that an API server would accept, biased towards what an injector can get wrong.

Any optional field of the OpenAPI may appear, filled by its schema; what matters to injection (probes, ports, resources,
users, annotations) appears often and is consistent: names are unique, requests do not exceed limits.
"""

from typing import Any

from hypothesis import strategies as st

from sidecar import contract
from tests.support.schemas import CORE, KEYS, NAMES, PORT_NAMES, PORTS, TEXTS, some_of, usually

Json = dict[str, Any]

HANDLERS = st.one_of(
    st.fixed_dictionaries(
        {
            "httpGet": st.fixed_dictionaries(
                {"port": st.one_of(PORTS, st.sampled_from(PORT_NAMES))},
                optional={
                    "path": st.sampled_from(["/", "/healthz?full=1", "/a b"]),
                    "scheme": st.sampled_from(["HTTP", "HTTPS"]),
                    "host": st.sampled_from(["10.0.0.1", "db"]),
                    "httpHeaders": st.just([{"name": "X-A", "value": "$(b)"}, {"name": "X-A", "value": ""}]),
                },
            )
        }
    ),
    st.fixed_dictionaries(
        {"tcpSocket": st.fixed_dictionaries({"port": st.one_of(PORTS, st.sampled_from(PORT_NAMES))})}
    ),
    st.fixed_dictionaries(
        {"grpc": st.fixed_dictionaries({"port": PORTS}, optional={"service": st.just("s")})}
    ),
    st.just({"exec": {"command": ["true"]}}),
    st.just({"httpGet": {"port": contract.ADMIN_PORT, "path": "/readyz"}}),
)
TIMING = st.fixed_dictionaries(
    {},
    optional={
        "timeoutSeconds": st.integers(1, 9),
        "periodSeconds": st.integers(1, 60),
        "failureThreshold": st.integers(1, 9),
        "initialDelaySeconds": st.integers(0, 9),
        "terminationGracePeriodSeconds": st.integers(1, 9),
    },
)
PROBES = st.builds(lambda handler, timing: handler | timing, HANDLERS, TIMING)
HOOKS = st.sampled_from(
    [
        {"preStop": {"httpGet": {"port": "http", "path": "/stop"}}},
        {"preStop": {"sleep": {"seconds": 1}}},
        {"postStart": {"tcpSocket": {"port": "web"}}},
        {"postStart": {"exec": {"command": ["true"]}}},
    ]
)
FIXED = {"cpu": "500m", "memory": "128Mi"}
RESOURCES = st.sampled_from(
    [
        {},
        {"requests": FIXED, "limits": FIXED},
        {"limits": FIXED},
        {"limits": {"cpu": 1, "memory": "1e9"}, "requests": {"cpu": "1000m", "memory": 1000000000}},
        {"requests": {"cpu": "100m"}},
        {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": FIXED},
        {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}},
        {"requests": {"cpu": "0"}, "limits": FIXED},
        {"limits": FIXED | {"example.com/gpu": "1"}, "requests": FIXED | {"example.com/gpu": "1"}},
    ]
)
USERS = st.sampled_from([{}, {"runAsUser": 1000}, {"runAsUser": 0}] * 8 + [{"runAsUser": contract.PROXY_UID}])
ENV = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["A", "B/C", "HTTP_PROXY", "no_proxy", "EQUILIBRIUM_X"])},
        optional={"value": TEXTS},
    ),
    max_size=3,
    unique_by=lambda each: each["name"],
)


_PORT = {"protocol": st.sampled_from(["TCP", "TCP", "UDP"]), "hostPort": st.just(8080)}


@st.composite
def _ports(draw: st.DrawFn) -> list[Json]:
    taken = st.sampled_from([80, 443, 5432, 8080, 8888, 9000, 9001] * 12 + [contract.ADMIN_PORT])
    found: dict[str, Json] = {}
    for number in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([*PORT_NAMES * 4, "", "", "eq-admin"]))
        more = draw(st.fixed_dictionaries({}, optional=_PORT))
        found[name or str(number)] = {"containerPort": draw(taken)} | more | ({"name": name} if name else {})
    return list(found.values())


_CONTAINER_FIELDS = """
name image ports env resources livenessProbe readinessProbe startupProbe lifecycle
securityContext restartPolicy restartPolicyRules volumeDevices
"""
_OWN_CONTAINER = frozenset(_CONTAINER_FIELDS.split())


@st.composite
def containers(draw: st.DrawFn, name: str, resources: Json | None, *, probed: bool) -> Json:
    """`resources` for all alike; None draws them."""
    container = {"name": name, "image": "app:1"} | draw(some_of(CORE + "Container", _OWN_CONTAINER, 2))
    given: Json = {"ports": _ports(), "env": ENV, "securityContext": USERS}
    if probed:
        given |= {
            "livenessProbe": PROBES,
            "readinessProbe": PROBES,
            "startupProbe": PROBES,
            "lifecycle": HOOKS,
        }
    container |= draw(usually(given))
    return container | {"resources": draw(RESOURCES) if resources is None else resources}


SETTINGS = {
    "strategy": ["balanced", "conservative"],
    "mode": ["observe"],
    "budget": ["3"],
    "min-cpu": ["100m"],
    "max-cpu": ["2"],
    "resize": ["true"],
    "resize-policy": ["limits", "requests", "both"],
    "memory-hook": ["http://127.0.0.1:9009/", "reclaim"],
    "usage-url": ["http://localhost:80/metrics"],
    "intercept": ["iptables", "none", "none"],
    "skip-inbound-ports": ["22, 9000-9010"],
    "skip-outbound-ports": ["6443"],
    "opaque-ports": ["5432", "none"],
    "proxy-image": ["registry.example:5000/equilibrium-sidecar@sha256:00"],
    "proxy-cpu-request": ["100m", "500m", "0.1"],
    "proxy-cpu-limit": ["1", "200m"],
    "proxy-memory-request": ["64Mi", "192Mi"],
    "proxy-memory-limit": ["256Mi", "1e9"],
    "native-sidecar": ["true", "false", "false"],
}
"""Values that are right, though not in every pod."""


@st.composite
def annotations(draw: st.DrawFn) -> Json:
    """Mostly opted in, with a few settings and a few of other people's."""
    found = draw(st.dictionaries(KEYS, TEXTS, max_size=2))
    for name in draw(st.lists(st.sampled_from(sorted(SETTINGS)), min_size=1, max_size=4, unique=True)):
        found[contract.ANNOTATION_PREFIX + name] = draw(st.sampled_from(SETTINGS[name]))
    inject = draw(st.sampled_from(["true"] * 24 + ["false", "yes", None]))
    if inject is not None:
        found[contract.INJECT] = inject
    if draw(st.sampled_from([False] * 20 + [True])):
        found[contract.ANNOTATION_PREFIX + "memory-hook"] = "signal:USR1"  # needs more than most pods have
    others = ["prometheus.io/scrape", "kubectl.kubernetes.io/default-container", "equilibrium.io/budgte"]
    return found | dict.fromkeys(draw(st.lists(st.sampled_from(others), max_size=1)), "x")


@st.composite
def _metadata(draw: st.DrawFn) -> Json:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gw-5d", "uid": "u", "controller": True}
    metadata: Json = draw(
        st.sampled_from([{"name": "p"}, {"generateName": "gw-5d-", "ownerReferences": [owner]}])
    )
    metadata = metadata | {"namespace": "default", "annotations": draw(annotations())}
    labels = draw(
        st.sampled_from([None, {}, {"app": "gw", "pod-template-hash": "5d"}, {contract.INJECTED: "true"}])
    )
    return metadata if labels is None else metadata | {"labels": labels}


_SPEC_FIELDS = """
containers initContainers volumes hostNetwork restartPolicy os securityContext resources
shareProcessNamespace terminationGracePeriodSeconds ephemeralContainers
"""
_OWN_SPEC = frozenset(_SPEC_FIELDS.split())


@st.composite
def pods(draw: st.DrawFn) -> Json:
    """One pod; about half of them can be injected."""
    alike = draw(st.sampled_from([None, None, {"requests": FIXED, "limits": FIXED}, {"limits": FIXED}, {}]))
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    first = draw(st.integers(1, len(names)))
    spec = draw(some_of(CORE + "PodSpec", _OWN_SPEC, 3))
    spec["containers"] = [draw(containers(name, alike, probed=True)) for name in names[:first]]
    spec["initContainers"] = [draw(_init(name, alike)) for name in names[first:]] or draw(
        st.sampled_from([[], None])
    )
    volumes = some_of(CORE + "Volume", frozenset(("name",)), 1)
    spec["volumes"] = [
        draw(volumes) | {"name": name} for name in draw(st.lists(NAMES, max_size=2, unique=True))
    ]
    given = {
        "hostNetwork": st.sampled_from([False] * 20 + [True]),
        "shareProcessNamespace": st.booleans(),
        "restartPolicy": st.sampled_from(["Always", "OnFailure", "Never"]),
        "terminationGracePeriodSeconds": st.sampled_from([0, 1, 3, 30]),
        "securityContext": USERS,
        "resources": st.sampled_from([{}, {}, {}, {"limits": {"cpu": "9", "memory": "9Gi"}}, _WHOLE]),
        "os": st.sampled_from([{"name": "linux"}] * 20 + [{"name": "windows"}]),
    }
    spec |= draw(usually(given))
    left_out = [key for key in ("initContainers", "volumes") if not spec[key] and draw(st.booleans())]
    for key in left_out:
        del spec[key]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": draw(_metadata()), "spec": spec}


_WHOLE = {"requests": {"cpu": "9", "memory": "9Gi"}, "limits": {"cpu": "9000m", "memory": "9Gi"}}


@st.composite
def _init(draw: st.DrawFn, name: str, resources: Json | None) -> Json:
    native = draw(st.sampled_from([True, False]))
    container = draw(containers(name, resources, probed=native))
    return container | {"restartPolicy": "Always"} if native else container
