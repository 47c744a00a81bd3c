"""The injector's environment: defaults, every variable, every mistake at once."""

import dataclasses

import pytest

from injector.settings import from_env
from injector.template import Resources, Template
from injector.variables import TABLE, VARIABLES
from sidecar.errors import ConfigError
from tests.webhook import program


def settings(**environ):
    return from_env({f"EQUILIBRIUM_INJECTOR_{name}": value for name, value in environ.items()})


def mistakes(**environ):
    with pytest.raises(ConfigError) as caught:
        settings(**environ)
    return caught.value.mistakes


def test_an_empty_environment_gives_the_documented_defaults():
    given = from_env({})
    assert given.listen == ("0.0.0.0", 15443)
    assert given.metrics == ("0.0.0.0", 15444)
    assert given.certificates is None
    assert given.api == "in-cluster"
    assert given.leaf == 30 * 86400
    assert given.template == Template()
    assert given.all_names == (
        "equilibrium-injector.equilibrium-system.svc",
        "equilibrium-injector.equilibrium-system.svc.cluster.local",
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("LISTEN", "[::]:10250", "listen", ("::", 10250)),
        ("CERTIFICATES", "/certificates", "certificates", "/certificates"),
        ("NAMES", "127.0.0.1, hook.example", "names", ("127.0.0.1", "hook.example")),
        ("LEAF", "24h", "leaf", 86400.0),
        ("API", "https://10.0.0.1:6443/", "api", "https://10.0.0.1:6443"),
        ("API_TOKEN_FILE", "/token", "api_token_file", "/token"),
        ("DRAIN_S", "0.5", "drain_s", 0.5),
        ("LINGER_S", "0", "linger_s", 0.0),
    ],
)
def test_a_variable_is_read(name, text, field, value):
    assert getattr(settings(**{name: text}), field) == value


def test_what_pods_get_comes_from_the_environment():
    given = settings(
        SIDECAR_IMAGE="registry.example:5000/a/b@sha256:0123",
        INIT_IMAGE="init:1",
        PULL_POLICY="Always",
        DISCOVERY="coordinator:https://equilibrium-coordinator.equilibrium-system:15480",
        DISCOVERY_CA="mesh-ca",
        ADVICE="off",
        NATIVE="off",
        RESOURCES="cpu-limit=1,memory-request=64Mi",
        SKIP_SUBNETS="10.0.0.7/8, fd00::/8",
        NAMESPACE="mesh",
        MESH_KEY_SECRET="key",
    )
    assert given.template == Template(
        image="registry.example:5000/a/b@sha256:0123",
        init_image="init:1",
        pull_policy="Always",
        discovery="coordinator:https://equilibrium-coordinator.equilibrium-system:15480",
        discovery_ca="mesh-ca",
        advice="off",
        native=False,
        resources=Resources(cpu_limit="1", memory_request="64Mi"),
        skip_subnets=("10.0.0.0/8", "fd00::/8"),
        own_namespace="mesh",
        mesh_key_secret="key",
    )


def test_all_mistakes_are_reported_at_once_with_name_value_and_what_is_allowed():
    found = mistakes(
        LISTEN="15443",
        DISCOVERY="file:/x",
        RESOURCES="cpu=1,memory-limit=0",
        PULL_POLICY="always",
        LEAFF="1h",
    )
    text = "\n".join(found)
    for part in (
        "EQUILIBRIUM_INJECTOR_LISTEN='15443': not an address with a port",
        "EQUILIBRIUM_INJECTOR_DISCOVERY='file:/x': not a source",
        "no such key 'cpu'",
        "memory-limit=0 is nothing",
        "EQUILIBRIUM_INJECTOR_PULL_POLICY='always': unknown; allowed: Always, IfNotPresent, Never",
        "EQUILIBRIUM_INJECTOR_LEAFF: no such variable, did you mean EQUILIBRIUM_INJECTOR_LEAF?",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("environ", "part"),
    [
        ({"API": "none"}, "allowed: in-cluster, a URL, or none with EQUILIBRIUM_INJECTOR_CERTIFICATES=DIR"),
        ({"LEAF": "1s"}, "EQUILIBRIUM_INJECTOR_LEAF='1s': too short; allowed: at least 5s"),
        ({"DISCOVERY_CA": "mesh-ca"}, "EQUILIBRIUM_INJECTOR_DISCOVERY_CA: nobody is asked over https"),
        (
            {"DISCOVERY_CA": "mesh-ca", "DISCOVERY": "coordinator:http://c:1"},
            "allowed: with EQUILIBRIUM_INJECTOR_DISCOVERY=coordinator:https://HOST:PORT",
        ),
        ({"ADVICE": "on"}, "EQUILIBRIUM_INJECTOR_ADVICE='on': nobody sidecars can ask"),
        ({"RESOURCES": "cpu-request=2"}, "cpu-request=2 is above cpu-limit=500m"),
        ({"RESOURCES": "memory-limit=10Mi"}, "memory-request=96Mi is above memory-limit=10Mi"),
    ],
)
def test_values_that_contradict_each_other_are_refused(environ, part):
    assert part in "\n".join(mistakes(**environ))


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_mistake():
    from_env(
        {
            "EQUILIBRIUM_INJECTOR_SERVICE_HOST": "10.0.0.1",
            "EQUILIBRIUM_INJECTOR_SERVICE_PORT": "443",
            "EQUILIBRIUM_INJECTOR_SERVICE_PORT_HTTPS": "443",
            "EQUILIBRIUM_INJECTOR_PORT": "tcp://10.0.0.1:443",
            "EQUILIBRIUM_INJECTOR_PORT_443_TCP_ADDR": "10.0.0.1",
            "EQUILIBRIUM_STRATEGY": "a sidecar's variable is none of ours",
        }
    )
    assert "EQUILIBRIUM_INJECTOR_PORT: no such variable" in mistakes(PORT="15443")[0]


def test_every_row_is_a_field_and_every_field_a_row():
    fields = [field.name for field in dataclasses.fields(from_env({}))]
    assert sorted(fields) == sorted(variable.field for variable in VARIABLES)


def test_help_names_every_variable():
    told = program.run("--help")
    assert told.returncode == 0
    assert told.stdout.strip() == TABLE.help_text().strip()
    for variable in VARIABLES:
        assert f"{variable.name} (default: {variable.default or 'unset'})" in told.stdout


def test_mistakes_end_the_program_with_status_2_before_anything_listens():
    told = program.run(LISTEN="nowhere", DRAIN_S="soon")
    assert told.returncode == 2
    assert told.stderr.count("equilibrium-injector: EQUILIBRIUM_INJECTOR_") == 2


def test_outside_a_cluster_the_missing_cluster_is_a_configuration_mistake():
    told = program.run()
    assert told.returncode == 2
    assert "KUBERNETES_SERVICE_HOST" in told.stderr


def test_arguments_are_refused():
    assert program.run("--verbose").returncode == 1
