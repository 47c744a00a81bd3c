"""Settings: the environment, flags over it, every mistake at once, and the page that documents them."""

import dataclasses
from pathlib import Path

import pytest

from coordinator import options
from coordinator.journal import PHASES
from coordinator.metrics import Metrics
from coordinator.settings import Settings
from coordinator.variables import PREFIX, VARIABLES
from sidecar.errors import ConfigError

DOCS = (Path(__file__).parents[3] / "docs" / "coordinator.md").read_text()


def read(*arguments, **environ):
    return options.read(arguments, {f"{PREFIX}{name}": text for name, text in environ.items()})


def mistakes(*arguments, **environ):
    with pytest.raises(ConfigError) as caught:
        read(*arguments, **environ)
    return "\n".join(caught.value.mistakes)


def test_an_empty_environment_gives_the_documented_defaults():
    found = read()
    assert (found.once, found.dry_run, found.output) == (False, False, "table")
    given = found.settings
    assert given.listen == ("0.0.0.0", 15480)
    assert (given.api, given.cycle, given.allocator, given.policy) == ("in-cluster", 15.0, "market", "limits")
    assert (given.no_sidecar, given.memory, given.reserve) == ("default-demand", "grow", 0.05)
    assert (given.namespaces, given.prometheus, given.mesh_key, given.key) == ((), None, None, None)
    assert (given.namespace, given.lease, given.lease_duration) == (
        "equilibrium-system",
        "equilibrium-coordinator",
        15.0,
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("CYCLE", "2s", "cycle", 2.0),
        ("ALLOCATOR", "regret", "allocator", "regret"),
        ("NO_SIDECAR", "leave", "no_sidecar", "leave"),
        ("NAMESPACES", "shop, bank", "namespaces", ("shop", "bank")),
        ("PROMETHEUS", "http://prometheus:9090/", "prometheus", "http://prometheus:9090"),
        ("RESERVE", "0", "reserve", 0.0),
        ("STALE", "30s", "stale", 30.0),
        ("API", "https://10.0.0.1:6443/", "api", "https://10.0.0.1:6443"),
        ("LEASE_DURATION", "1m", "lease_duration", 60.0),
    ],
)
def test_a_variable_is_read(name, text, field, value):
    assert getattr(read(**{name: text}).settings, field) == value


def test_a_flag_wins_over_its_variable():
    found = read("--cycle", "2s", "--no-sidecar=leave", "--once", "--dry-run", "--output=json", CYCLE="9s")
    assert (found.settings.cycle, found.settings.no_sidecar) == (2.0, "leave")
    assert (found.once, found.dry_run, found.output) == (True, True, "json")


def test_all_mistakes_are_named_at_once():
    found = mistakes(
        "--cycle=soon",
        "--dry-rum",
        "--output=xml",
        POLICY="all",
        RESERVE="1",
        LEASE_DURATION="1500ms",
        NAMESPACES="Shop",
        CYCEL="1s",
        API="somewhere",
    )
    for part in (
        "--cycle='soon': not a duration",
        "--dry-rum: no such flag, did you mean --dry-run?",
        "--output='xml': unknown; allowed: table, json",
        "EQUILIBRIUM_COORDINATOR_POLICY='all': unknown; allowed: limits, requests, both",
        "EQUILIBRIUM_COORDINATOR_RESERVE='1': nothing would be left",
        "EQUILIBRIUM_COORDINATOR_LEASE_DURATION='1500ms': not a duration a Lease can have; allowed: whole seconds",
        "'Shop' is not a name of a Kubernetes object",
        "EQUILIBRIUM_COORDINATOR_CYCEL: no such variable, did you mean EQUILIBRIUM_COORDINATOR_CYCLE?",
        "EQUILIBRIUM_COORDINATOR_API='somewhere': not a way to the API server",
    ):
        assert part in found


def test_values_that_contradict_each_other_are_refused():
    assert "there is no EQUILIBRIUM_COORDINATOR_PROMETHEUS" in mistakes(PROMETHEUS_TOKEN_FILE="/token")


def test_the_mesh_key_is_never_shown():
    given = options.read([], {"EQUILIBRIUM_MESH_KEY": "hunter2"}).settings
    assert given.key == b"hunter2"
    assert "hunter2" not in repr(given)


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_mistake():
    read(SERVICE_HOST="10.0.0.1", SERVICE_PORT="15480", PORT="tcp://10.0.0.1:15480")


def test_every_row_is_a_field_and_every_field_a_row():
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert sorted(fields) == sorted(variable.field for variable in VARIABLES)


def test_help_teaches_flags_and_lists_every_variable():
    told = options.parser().format_help()
    for variable in VARIABLES:
        assert f"{variable.name} (default: {variable.default or 'unset'})" in told
    for name in options.OVERRIDES:
        assert options.flag(name) in told
    assert "exit status" in told


def test_every_variable_is_documented_with_its_default():
    table = DOCS[DOCS.index("## Settings") :].split("\n## ")[0]
    for variable in VARIABLES:
        name = variable.name.removeprefix(PREFIX)
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
        assert (f"| `{variable.default}` |" if variable.default else "| unset |") in row
    for name in options.OVERRIDES:
        assert f"`{options.flag(name)}" in table


def test_every_metric_and_phase_is_documented():
    metrics = Metrics()
    metrics.watch(lambda: False, lambda: 0, dict, dict)
    table = DOCS[DOCS.index("## Metrics") :].split("\n## ")[0]
    ours = [each.name for each in metrics.registry.collect() if not each.name.startswith("process_")]
    assert len(ours) > 10
    for name in [*ours, "gtcas_global_potential"]:
        assert f"`{name}" in table, name
    for phase, steps in PHASES.items():
        assert f"`{phase}`" in DOCS
        assert all(f"`{step}`" in DOCS for step in steps)


def test_a_mesh_key_is_what_sidecars_take_for_one():
    with pytest.raises(ConfigError) as caught:
        options.read((), {"EQUILIBRIUM_MESH_KEY": "abc\n"})
    assert "white space around it" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("STORE", "redis://:hunter2@store:99999/0", "'redis://…@store:99999/0'"),
        ("STORE", "redis://me:hunt/er2@store:6379/x", "'redis://…@store:6379/x'"),
        ("STORE", "redis://:hunter2", "(hidden)"),
        ("API", "https://me:hunter2@kube:6443", "'https://…@kube:6443'"),
        ("PROMETHEUS", "http://me:hunter2@prometheus:9090", "'http://…@prometheus:9090'"),
    ],
)
def test_a_mistake_shows_a_url_without_what_may_be_its_password(name, text, shown):
    with pytest.raises(ConfigError) as caught:
        options.read((), {f"{PREFIX}{name}": text})
    assert shown in str(caught.value)
    assert "hunt" not in str(caught.value)
    assert "er2" not in str(caught.value)


@pytest.mark.parametrize("text", ["0", "1.5", "-0.1", "most"])
def test_an_epoch_has_some_of_its_time_to_be_worked_out_in(text):
    with pytest.raises(ConfigError, match="EPOCH_WORK"):
        options.read((), {f"{PREFIX}EPOCH_WORK": text})
