"""The environment into settings: defaults, every variable, every mistake at once."""

import dataclasses

import pytest

from sidecar import contract
from sidecar.errors import ConfigError
from sidecar.proxy.limits import Limits, Timeouts
from sidecar.settings import from_env
from sidecar.values import Discovery
from sidecar.variables import TABLE, VARIABLES


def mistakes(**environ):
    with pytest.raises(ConfigError) as caught:
        from_env({f"EQUILIBRIUM_{name}": value for name, value in environ.items()})
    return caught.value.mistakes


def test_an_empty_environment_gives_the_documented_defaults():
    settings = from_env({})
    assert settings.outbound == ("127.0.0.1", contract.OUTBOUND_PORT)
    assert settings.inbound == ("0.0.0.0", contract.INBOUND_PORT)
    assert settings.admin == ("0.0.0.0", contract.ADMIN_PORT)
    assert settings.app == ("127.0.0.1", 8080)
    assert settings.source is None
    assert settings.workload == "default/unknown"
    assert (settings.pod, settings.container, settings.node, settings.zone) == ("", "", "", "")
    assert (settings.strategy, settings.mode) == ("balanced", "active")
    assert settings.discovery == Discovery("dns")
    assert (settings.token, settings.ca) == (None, None)
    assert settings.dns == ()
    assert settings.unknown == "refuse"
    assert settings.mesh_key is None
    assert settings.mesh_key_bytes is None
    assert settings.metrics == "full"
    assert settings.memory_limit is None
    assert settings.opaque_ports == {25, 587, 3306, 4444, 5432, 6379, 9300, 11211}
    assert settings.concurrency == 100
    assert (settings.limiter, settings.probe_paths) == ("gradient", ())
    assert (settings.memory_hook, settings.usage_url, settings.flight) == (None, None, None)
    assert settings.drain_s == 10
    assert settings.access_log is None
    assert settings.access_log_sample == 1
    assert settings.hedge is False


def test_the_written_defaults_of_timeouts_and_limits_are_those_of_the_code():
    assert from_env({}).timeouts == Timeouts()
    assert from_env({}).limits == Limits()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("OUTBOUND", "[::1]:0", "outbound", ("::1", 0)),
        ("APP", "localhost:9000", "app", ("127.0.0.1", 9000)),
        ("SOURCE", "127.0.0.7", "source", "127.0.0.7"),
        ("WORKLOAD", "shop/bus", "workload", "shop/bus"),
        ("POD", "bus-5f6-x", "pod", "bus-5f6-x"),
        ("ZONE", "eu-1a", "zone", "eu-1a"),
        ("STRATEGY", "aggressive-learning", "strategy", "aggressive-learning"),
        ("STRATEGY", "none", "strategy", "none"),
        ("MODE", "observe", "mode", "observe"),
        ("DISCOVERY", "file:/etc/mesh: 1.yaml", "discovery", Discovery("file", "/etc/mesh: 1.yaml")),
        ("DISCOVERY", "kubernetes", "discovery", Discovery("kubernetes")),
        ("DISCOVERY", "coordinator:https://c.mesh:15480/", "discovery",
         Discovery("coordinator", "https://c.mesh:15480")),
        ("DISCOVERY", "coordinator:http://[fd00::1]:80/x", "discovery",
         Discovery("coordinator", "http://[fd00::1]:80/x")),
        ("TOKEN", "/var/run/secrets/equilibrium.io/token", "token", "/var/run/secrets/equilibrium.io/token"),
        ("CA", "/etc/mesh/ca.crt", "ca", "/etc/mesh/ca.crt"),
        ("DNS", "127.0.0.1:5353, ::1", "dns", (("127.0.0.1", 5353), ("::1", 53))),
        ("UNKNOWN", "passthrough", "unknown", "passthrough"),
        ("MESH_KEY", "s3cret", "mesh_key_bytes", b"s3cret"),
        ("METRICS", "service", "metrics", "service"),
        ("MEMORY_LIMIT", "500Mi", "memory_limit", 500 * 1024 * 1024),
        ("TIMEOUTS", "first-byte=none,connect=250ms", "timeouts", Timeouts(connect_s=0.25, first_byte_s=None)),
        ("TIMEOUTS", "sniff=none", "timeouts", Timeouts(sniff_s=None)),
        ("OPAQUE_PORTS", "25, 8000-8002", "opaque_ports", frozenset((25, 8000, 8001, 8002))),
        ("OPAQUE_PORTS", "none", "opaque_ports", frozenset()),
        ("LIMITS", "pending=0,replay=1MiB", "limits", Limits(pending=0, replay_bytes=1024 * 1024)),
        ("LIMITS", "head=8Ki,fields=50,pool-idle=5s,pool-age=1h,in-flight=1", "limits",
         Limits(head_bytes=8192, head_fields=50, pool_idle_s=5, pool_age_s=3600, in_flight=1)),
        ("CONCURRENCY", "7", "concurrency", 7),
        ("LIMITER", "aimd", "limiter", "aimd"),
        ("PROBE_PATHS", "/healthz, /live", "probe_paths", ("/healthz", "/live")),
        ("USAGE_URL", "http://127.0.0.1:8080/metrics", "usage_url", "http://127.0.0.1:8080/metrics"),
        ("FLIGHT", "/var/run/flight", "flight", "/var/run/flight"),
        ("DRAIN_S", "0.5", "drain_s", 0.5),
        ("ACCESS_LOG", "-", "access_log", "-"),
        ("ACCESS_LOG", "/var/log/mesh.jsonl", "access_log", "/var/log/mesh.jsonl"),
        ("ACCESS_LOG_SAMPLE", "0.01", "access_log_sample", 0.01),
        ("HEDGE", "on", "hedge", True),
    ],
)  # fmt: skip
def test_a_variable_sets_its_field(name, text, field, value):
    assert getattr(from_env({f"EQUILIBRIUM_{name}": text}), field) == value


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.field)
def test_set_to_nothing_is_unset(variable):
    assert from_env({variable.name: ""}) == from_env({})


def test_every_field_has_its_variable():
    fields = [field.name for field in dataclasses.fields(from_env({}))]
    assert fields == [variable.field for variable in VARIABLES]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("OUTBOUND", "15401", "not an address with a port; allowed: ip:port or [v6]:port, port 0..65535"),
        ("INBOUND", "0.0.0.0:70000", "'70000' is not a port; allowed: ip:port or [v6]:port, port 0..65535"),
        ("APP", "127.0.0.1:0", "'0' is not a port; allowed: ip:port or [v6]:port, port 1..65535"),
        ("SOURCE", "eth0", "not an IP address; allowed: "),
        ("WORKLOAD", "bus", "not a workload; allowed: namespace/name"),
        ("STRATEGY", "balance", "unknown; allowed: balanced, aggressive-learning, conservative, none"),
        ("MODE", "off", "unknown; allowed: active, observe"),
        ("DISCOVERY", "file:", "not a source; allowed: file:PATH, dns, kubernetes or coordinator:URL"),
        ("DISCOVERY", "consul", "not a source; allowed: file:PATH, dns, kubernetes or coordinator:URL"),
        ("DISCOVERY", "kubernetes:1", "not a source; allowed: file:PATH, dns, kubernetes or coordinator:URL"),
        ("DISCOVERY", "coordinator", "not a server's URL; allowed: such as https://"),
        ("DISCOVERY", "coordinator:c:15480", "not a server's URL; allowed: such as https://"),
        ("DISCOVERY", "coordinator:ftp://c", "not a server's URL; allowed: such as https://"),
        (
            "DISCOVERY",
            "coordinator:http://c?x",
            "not a server's URL; allowed: such as https://",
        ),
        ("DNS", "kube-dns", "'kube-dns' is not an address with a port; allowed: "),
        ("OPAQUE_PORTS", "0", "'0' is '0' is not a port; allowed: 1..65535"),
        ("OPAQUE_PORTS", "9-1", "'9-1' is a range that ends before it begins; allowed: 1-9"),
        ("MEMORY_LIMIT", "0", "no memory at all; allowed: "),
        ("MEMORY_LIMIT", "lots", "not a size; allowed: "),
        ("TIMEOUTS", "connect=none", "connect=none is not a duration; allowed: "),
        ("LIMITS", "in-flight=0", "in-flight=0 is not a count; allowed: a whole number of at least 1"),
        ("CONCURRENCY", "0", "not a count; allowed: a whole number of at least 1"),
        ("LIMITER", "vegas", "unknown; allowed: gradient, aimd, fixed"),
        ("PROBE_PATHS", "healthz", "'healthz' is not a path; allowed: such as /healthz, without a query"),
        ("PROBE_PATHS", "/healthz?full=1", "'/healthz?full=1' is not a path; allowed: "),
        ("MEMORY_HOOK", "signal:KILL", "not a memory hook; allowed: "),
        ("MEMORY_HOOK", "http://10.0.0.1:80/gc", "10.0.0.1 is not loopback; allowed: "),
        ("USAGE_URL", "http://10.0.0.1:80/metrics", "10.0.0.1 is not loopback; allowed: "),
        ("DRAIN_S", "10s", "not a number; allowed: seconds"),
        ("ACCESS_LOG_SAMPLE", "2", "out of range; allowed: a number in 0..1"),
        ("HEDGE", "yes", "unknown; allowed: off, on"),
    ],
)
def test_a_mistake_names_variable_value_reason_and_what_is_allowed(name, text, line):
    [mistake] = mistakes(**{name: text})
    assert mistake.startswith(f"EQUILIBRIUM_{name}={text!r}: {line}")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("ADVICE", "https://me:hunter2@coordinator.mesh:15480", "https://…@coordinator.mesh:15480"),
        ("ADVICE", "https://me:hunt/er2@coordinator.mesh", "https://…@coordinator.mesh"),
        ("ADVICE", "https://me:hunt@er2@coordinator.mesh", "https://…@coordinator.mesh"),
        ("ADVICE", "https://hunter2@coordinator.mesh", "https://…@coordinator.mesh"),
        ("ADVICE", "me:hunter2@coordinator.mesh:15480", "…@coordinator.mesh:15480"),
        ("DISCOVERY", "coordinator:http://me:hunter2@c:15480", "coordinator:http://…@c:15480"),
        ("MEMORY_HOOK", f"http://me:hunter2@127.0.0.1:1/{'x' * 100}", f"http://…@127.0.0.1:1/{'x' * 100}"),
        ("USAGE_URL", "http://me:hunter2@127.0.0.1:9/m", "http://…@127.0.0.1:9/m"),
        ("DNS", "udp://me:hunter2@10.0.0.1:53", "udp://…@10.0.0.1:53"),
    ],
)
def test_a_mistake_shows_a_url_without_what_may_be_its_password(name, text, shown):
    [mistake] = mistakes(**{name: text})
    assert mistake.startswith(f"EQUILIBRIUM_{name}={shown!r}: ")
    assert "hunt" not in mistake
    assert "er2" not in mistake


def test_all_mistakes_are_reported_at_once():
    found = mistakes(
        OUTBOUND="x", TIMEOUTS="connect=0s,idel=1s", HEDGE="1", STRATEGIE="none", METRICS="service"
    )
    assert [line.partition("=")[0].partition(":")[0] for line in found] == [
        "EQUILIBRIUM_STRATEGIE",
        "EQUILIBRIUM_OUTBOUND",
        "EQUILIBRIUM_TIMEOUTS",
        "EQUILIBRIUM_TIMEOUTS",
        "EQUILIBRIUM_HEDGE",
    ]
    assert "did you mean idle?" in found[3]


def test_an_unknown_variable_is_a_mistake_and_the_closest_is_named():
    [mistake] = mistakes(STRATEGIE="none")
    assert mistake.startswith(
        "EQUILIBRIUM_STRATEGIE: no such variable, did you mean EQUILIBRIUM_STRATEGY?; allowed: "
    )


def test_other_programs_variables_are_none_of_our_business():
    assert from_env({"PATH": "/bin", "EQUILIBRIUMX": "1", "equilibrium_app": "x"}) == from_env({})


def test_what_kubernetes_sets_for_services_is_ignored():
    address = "tcp://10.96.0.7:15480"
    injected = {
        "EQUILIBRIUM_COORDINATOR_SERVICE_HOST": "10.96.0.7",
        "EQUILIBRIUM_COORDINATOR_SERVICE_PORT": "15480",
        "EQUILIBRIUM_COORDINATOR_SERVICE_PORT_HTTP": "15480",
        "EQUILIBRIUM_COORDINATOR_PORT": address,
        "EQUILIBRIUM_COORDINATOR_PORT_15480_TCP": address,
        "EQUILIBRIUM_COORDINATOR_PORT_15480_TCP_PROTO": "tcp",
        "EQUILIBRIUM_COORDINATOR_PORT_15480_TCP_PORT": "15480",
        "EQUILIBRIUM_COORDINATOR_PORT_15480_TCP_ADDR": "10.96.0.7",
        "EQUILIBRIUM_SERVICE_HOST": "10.96.0.8",
        "EQUILIBRIUM_SERVICE_PORT": "80",
        "EQUILIBRIUM_PORT": address,
        "EQUILIBRIUM_PORT_80_TCP": address,
    }
    assert from_env(injected) == from_env({})


def test_a_port_that_a_person_wrote_is_not_mistaken_for_one_of_kubernetes():
    assert "did you mean EQUILIBRIUM_" in mistakes(ADMIN_PORT="15490")[0]


# The mesh key

KEY = "correct horse battery staple"


def test_the_mesh_key_is_in_no_representation():
    settings = from_env({"EQUILIBRIUM_MESH_KEY": KEY})
    assert settings.mesh_key == KEY
    assert KEY not in repr(settings)
    assert KEY not in str(settings)


@pytest.mark.parametrize("text", [f"{KEY}\n", f" {KEY}"])
def test_a_mesh_key_with_white_space_around_it_is_refused_without_showing_it(text):
    [mistake] = mistakes(MESH_KEY=text)
    assert mistake.startswith("EQUILIBRIUM_MESH_KEY=(hidden): white space around it; allowed: ")
    assert KEY not in mistake


@pytest.mark.parametrize("text", [f"{KEY}\udcff", f"{KEY}\n{KEY}"], ids=["not UTF-8", "two lines"])
def test_a_mesh_key_of_unprintable_characters_is_refused_without_showing_it(text):
    [mistake] = mistakes(MESH_KEY=text)
    assert "unprintable" in mistake
    assert KEY not in mistake


def test_a_mesh_key_under_a_mistyped_name_is_not_shown():
    [mistake] = mistakes(MESHKEY=KEY)
    assert "did you mean EQUILIBRIUM_MESH_KEY?" in mistake
    assert KEY not in mistake


# --help


def test_help_names_every_variable_with_default_and_meaning():
    text = TABLE.help_text()
    for variable in VARIABLES:
        assert f"{variable.name} (default: {variable.default or 'unset'})" in text
        assert variable.meaning in text
        assert variable.takes in text
