"""The injector's Deployment against the injector's own settings: every variable known, every value accepted."""

import re

import pytest

from injector import settings
from injector.variables import METRICS_PORT, PREFIX, VARIABLES
from sidecar import contract, variables
from tests.deploy import manifests

FOLDERS = (manifests.BASE, *manifests.OVERLAYS)
INJECTOR = "equilibrium-injector"
COORDINATOR = "coordinator:http://equilibrium-coordinator.equilibrium-system:15480"


def injector(folder: str) -> tuple[manifests.Object, settings.Settings]:
    objects = manifests.rendered(folder)
    deployment = manifests.one(objects, "Deployment", INJECTOR)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environ = manifests.environment(container)
    namespace = f"{PREFIX}NAMESPACE"
    assert environ[namespace] == "metadata.namespace"
    environ[namespace] = deployment["metadata"]["namespace"]
    return container, settings.from_env(environ)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_injector_accepts_its_environment(folder: str) -> None:
    container, parsed = injector(folder)
    assert {each["name"] for each in container["env"]} <= {variable.name for variable in VARIABLES}
    assert parsed.api == "in-cluster"


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_ports_are_those_it_listens_on(folder: str) -> None:
    container, parsed = injector(folder)
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"https": parsed.listen[1], "metrics": parsed.metrics[1]}
    assert ports == {"https": contract.INJECTOR_PORT, "metrics": METRICS_PORT}


@pytest.mark.parametrize("folder", FOLDERS)
def test_service_webhook_and_namespace_are_called_as_it_believes(folder: str) -> None:
    _, parsed = injector(folder)
    objects = manifests.rendered(folder)
    assert manifests.one(objects, "Service", parsed.service)
    assert manifests.one(objects, "MutatingWebhookConfiguration")["metadata"]["name"] == parsed.webhook
    assert manifests.one(objects, "Namespace", parsed.namespace)


def test_only_the_overlay_for_it_changes_where_sidecars_learn_endpoints() -> None:
    found = {folder: injector(folder)[1].discovery for folder in FOLDERS}
    assert found == {
        "base": "dns",
        "overlays/cert-manager": "dns",
        "overlays/kubernetes-discovery": "kubernetes",
        "overlays/coordinator-discovery": COORDINATOR,
        "overlays/kind": "kubernetes",
    }


def test_the_coordinator_that_sidecars_ask_is_installed_beside_and_lets_them_in() -> None:
    objects = manifests.rendered("overlays/coordinator-discovery")
    service = manifests.one(objects, "Service", "equilibrium-coordinator")
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}"
    assert f"coordinator:http://{host}:{service['spec']['ports'][0]['port']}" == COORDINATOR
    policy = manifests.one(objects, "NetworkPolicy", "equilibrium-coordinator")["spec"]
    assert [rule for rule in policy["ingress"] if "from" not in rule and rule["ports"][0]["port"] == "http"]
    for each in manifests.rendered(manifests.COORDINATOR):
        assert each in objects, "as deploy/coordinator has it"


def test_with_cert_manager_it_reads_the_files_of_the_certificate_made_out_to_its_service() -> None:
    objects = manifests.rendered("overlays/cert-manager")
    container, parsed = injector("overlays/cert-manager")
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert parsed.certificates is not None
    (volume,) = manifests.one(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volume["name"] == mounts[parsed.certificates]
    certificate = manifests.one(objects, "Certificate", "equilibrium-injector")["spec"]
    assert certificate["secretName"] == volume["secret"]["secretName"]
    assert tuple(certificate["dnsNames"]) == parsed.all_names
    annotations = manifests.one(objects, "MutatingWebhookConfiguration")["metadata"]["annotations"]
    assert annotations["cert-manager.io/inject-ca-from"] == f"{parsed.namespace}/equilibrium-injector"


def test_a_certificate_is_signed_by_an_authority_that_is_not_itself() -> None:
    objects = manifests.rendered("overlays/cert-manager")
    issuers = {each["metadata"]["name"]: each["spec"] for each in manifests.of_kind(objects, "Issuer")}
    leaf, authority = (
        manifests.one(objects, "Certificate", name)["spec"]
        for name in ("equilibrium-injector", "equilibrium-injector-ca")
    )
    assert issuers[leaf["issuerRef"]["name"]] == {"ca": {"secretName": authority["secretName"]}}
    assert issuers[authority["issuerRef"]["name"]] == {"selfSigned": {}}
    assert authority["isCA"] is True
    assert "isCA" not in leaf


def test_in_kind_nothing_is_pulled() -> None:
    container, parsed = injector("overlays/kind")
    assert container["imagePullPolicy"] == "Never"
    assert parsed.pull_policy == "Never"


def test_there_is_time_to_drain() -> None:
    _, parsed = injector(manifests.BASE)
    pod = manifests.one(manifests.rendered(manifests.BASE), "Deployment")["spec"]["template"]["spec"]
    assert parsed.linger_s + parsed.drain_s < pod["terminationGracePeriodSeconds"]


def test_variables_named_in_the_docs_exist() -> None:
    text = (manifests.ROOT / "docs" / "install.md").read_text()
    named = set(re.findall(r"EQUILIBRIUM_\w+", text))
    known = {variable.name for variable in VARIABLES} | {variable.name for variable in variables.VARIABLES}
    assert named
    assert named <= known


def test_it_is_scraped_where_it_has_its_metrics() -> None:
    _, parsed = injector(manifests.BASE)
    pod = manifests.one(manifests.rendered(manifests.BASE), "Deployment")["spec"]["template"]["metadata"]
    scraped = {
        key.partition("/")[2]: value
        for key, value in pod["annotations"].items()
        if key.startswith("prometheus.io/")
    }
    assert scraped == {"scrape": "true", "port": str(parsed.metrics[1]), "path": "/metrics"}
