import copy

import jsonschema_rs
import pytest
import yaml

from sidecar import contract
from tests.deploy import manifests, schemas, security
from tests.support import openapi

OWN = "equilibrium-system"


def flaws(obj: manifests.Object) -> list[str]:
    if openapi.recorded(obj):
        return openapi.violations(obj)
    schema = schemas.UNRECORDED.get((obj["apiVersion"], obj["kind"]))
    if schema is None:
        return [f"neither recorded nor in the table: {obj['apiVersion']} {obj['kind']}"]
    return [
        f"{error.instance_path}: {error.message}"
        for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(obj)
    ]


@pytest.mark.parametrize("folder", manifests.FOLDERS)
def test_every_object_is_valid_by_the_api_servers_own_documents(folder: str) -> None:
    found = {f"{each['kind']}/{each['metadata']['name']}": flaws(each) for each in manifests.rendered(folder)}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_checks_find_what_a_typo_does() -> None:
    base = manifests.rendered(manifests.BASE)
    for kind, path in (
        ("Deployment", ("spec", "template", "spec", "container")),
        ("ClusterRole", ("rule",)),
        ("NetworkPolicy", ("spec", "egres")),
        ("PodDisruptionBudget", ("spec", "maxUnavailible")),
    ):
        obj = copy.deepcopy(manifests.of_kind(base, kind)[0])
        inside = obj
        for name in path[:-1]:
            inside = inside[name]
        inside[path[-1]] = []
        assert flaws(obj), kind


def test_the_table_of_unrecorded_kinds_names_no_recorded_one_and_none_that_is_unused() -> None:
    used = {
        (each["apiVersion"], each["kind"])
        for folder in manifests.FOLDERS
        for each in manifests.rendered(folder)
    }
    assert set(schemas.UNRECORDED) <= used
    assert not [
        kind for kind in schemas.UNRECORDED if openapi.recorded({"apiVersion": kind[0], "kind": kind[1]})
    ]


@pytest.mark.parametrize("folder", manifests.FOLDERS)
def test_everything_namespaced_says_in_which_namespace_it_is(folder: str) -> None:
    cluster = ("Namespace", "ClusterRole", "ClusterRoleBinding", "MutatingWebhookConfiguration")
    home = {OWN, "urbanmove"} if folder != manifests.EXAMPLE else {"urbanmove"}
    for each in manifests.rendered(folder):
        namespace = each["metadata"].get("namespace")
        assert namespace in home if each["kind"] not in cluster else namespace is None, each["metadata"][
            "name"
        ]


@pytest.mark.parametrize("folder", manifests.FOLDERS)
def test_selectors_find_what_they_mean(folder: str) -> None:
    objects = manifests.rendered(folder)
    pods = dict(manifests.templates(objects))
    for deployment in manifests.of_kind(objects, "Deployment"):
        wanted = deployment["spec"]["selector"]["matchLabels"].items()
        assert wanted <= deployment["spec"]["template"]["metadata"]["labels"].items()
    for kind, where in (
        ("Service", ()),
        ("PodDisruptionBudget", ("matchLabels",)),
        ("NetworkPolicy", ("matchLabels",)),
    ):
        for each in manifests.of_kind(objects, kind):
            selector = each["spec"].get("selector") or each["spec"]["podSelector"]
            for name in where:
                selector = selector[name]
            matched = [
                name for name, pod in pods.items() if selector.items() <= pod["metadata"]["labels"].items()
            ]
            assert matched == [each["metadata"]["name"]], f"{kind} {each['metadata']['name']}"


@pytest.mark.parametrize("folder", manifests.FOLDERS)
def test_ports_called_by_name_exist_in_the_pod(folder: str) -> None:
    objects = manifests.rendered(folder)
    pods = dict(manifests.templates(objects))
    for kind in ("Service", "NetworkPolicy"):
        for each in manifests.of_kind(objects, kind):
            containers = pods[each["metadata"]["name"]]["spec"]["containers"]
            names = {port["name"] for container in containers for port in container["ports"]}
            spec = each["spec"]
            rules = (
                spec["ports"]
                if kind == "Service"
                else [port for rule in spec["ingress"] for port in rule["ports"]]
            )
            wanted = {port["targetPort"] if kind == "Service" else port["port"] for port in rules}
            assert wanted <= names, f"{kind} {each['metadata']['name']}"
    for pod in pods.values():
        for container in pod["spec"]["containers"]:
            names = {port["name"] for port in container["ports"]}
            for probe in security.HANDLERS:
                action = next(
                    value for key, value in container[probe].items() if key in ("httpGet", "tcpSocket")
                )
                assert action["port"] in names


@pytest.mark.parametrize("folder", manifests.FOLDERS)
def test_bindings_name_roles_and_accounts_that_exist(folder: str) -> None:
    objects = manifests.rendered(folder)
    roles = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for each in (
        *manifests.of_kind(objects, "RoleBinding"),
        *manifests.of_kind(objects, "ClusterRoleBinding"),
    ):
        assert (each["roleRef"]["kind"], each["roleRef"]["name"]) in roles
        for subject in each["subjects"]:
            if subject["kind"] == "ServiceAccount":
                assert (subject["kind"], subject["name"]) in roles
                assert subject["namespace"] == OWN


@pytest.mark.parametrize("folder", manifests.FOLDERS)
def test_every_container_has_requests_and_limits(folder: str) -> None:
    for name, pod in manifests.templates(manifests.rendered(folder)):
        for container in pod["spec"]["containers"]:
            for kind in ("requests", "limits"):
                assert set(container["resources"][kind]) == {"cpu", "memory"}, name


@pytest.mark.parametrize("folder", [manifests.BASE, manifests.COORDINATOR])
def test_each_program_survives_a_node_and_a_drain(folder: str) -> None:
    base = manifests.rendered(folder)
    spec = manifests.one(base, "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    keys = [each["topologyKey"] for each in spec["template"]["spec"]["topologySpreadConstraints"]]
    assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert manifests.one(base, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_service_leads_to_the_port_the_contract_names() -> None:
    base = manifests.rendered(manifests.BASE)
    (port,) = manifests.one(base, "Service")["spec"]["ports"]
    assert port["port"] == 443
    (container,) = manifests.one(base, "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports[port["targetPort"]] == contract.INJECTOR_PORT


def test_the_coordinator_listens_where_the_contract_says() -> None:
    objects = manifests.rendered(manifests.COORDINATOR)
    (port,) = manifests.one(objects, "Service")["spec"]["ports"]
    (container,) = manifests.one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    (listening,) = container["ports"]
    assert port["port"] == listening["containerPort"] == contract.COORDINATOR_PORT
    assert port["targetPort"] == listening["name"]


def test_the_coordinator_reaches_the_sidecars_it_asks() -> None:
    policy = manifests.one(manifests.rendered(manifests.COORDINATOR), "NetworkPolicy")["spec"]
    assert contract.ADMIN_PORT in [port["port"] for rule in policy["egress"] for port in rule["ports"]]


def test_taking_the_coordinator_away_takes_nothing_else() -> None:
    names = {(each["kind"], each["metadata"]["name"]) for each in manifests.rendered(manifests.COORDINATOR)}
    others = {(each["kind"], each["metadata"]["name"]) for each in manifests.rendered(manifests.BASE)}
    assert not names & others
    assert "Namespace" not in {kind for kind, _ in names}


def test_an_update_of_the_cluster_needs_no_custom_resource() -> None:
    rendered = [each for folder in manifests.RENDERED for each in manifests.rendered(folder)]
    groups = {each["apiVersion"].rpartition("/")[0] for each in rendered}
    built_in = {"", "apps", "policy", "networking.k8s.io", schemas.RBAC, "admissionregistration.k8s.io"}
    assert groups <= built_in


def test_the_kind_cluster_has_two_workers_in_two_zones() -> None:
    config = yaml.safe_load((manifests.DEPLOY / "kind.yaml").read_text())
    assert (config["kind"], config["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    workers = [node for node in config["nodes"] if node["role"] == "worker"]
    assert len(config["nodes"]) == 3
    assert len({worker["labels"]["topology.kubernetes.io/zone"] for worker in workers}) == 2
