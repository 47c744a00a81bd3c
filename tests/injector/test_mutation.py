"""What an injected pod looks like."""

import json

import orjson
import pytest
import yaml

from injector.mutation import decision, mutate
from injector.template import Resources, Template
from sidecar import contract
from tests.injector.reviews import ask, pod
from tests.support import openapi

COORDINATED = Template(discovery="coordinator:http://coordinator.mesh:15480")
INIT = {"name": "migrate", "image": "x"}
OURS = [contract.INIT_CONTAINER, contract.SIDECAR_CONTAINER]


def names(containers):
    return [each["name"] for each in containers]


def test_the_sidecar_starts_before_the_users_init_containers():
    said = ask(pod(initContainers=[INIT]))
    assert names(said.spec["initContainers"]) == [*OURS, "migrate"]
    assert names(said.spec["containers"]) == ["app"]
    assert said.sidecar["restartPolicy"] == "Always"
    assert said.sidecar["startupProbe"]["httpGet"] == {"path": "/readyz", "port": 15490, "scheme": "HTTP"}
    assert (
        said.sidecar["startupProbe"]["periodSeconds"],
        said.sidecar["startupProbe"]["failureThreshold"],
    ) == (1, 120)


def test_an_ordinary_sidecar_comes_first_and_the_rules_after_the_users_init_containers():
    said = ask(pod({"native-sidecar": "false"}, initContainers=[INIT]))
    assert names(said.spec["initContainers"]) == ["migrate", contract.INIT_CONTAINER]
    assert names(said.spec["containers"]) == [contract.SIDECAR_CONTAINER, "app"]
    assert "restartPolicy" not in said.sidecar
    assert said.sidecar["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


@pytest.mark.parametrize(("grace_s", "sleep_s"), [(30, 5), (5, 5), (2, 2), (0, None)])
def test_an_ordinary_sidecar_never_sleeps_beyond_the_pods_grace_period(grace_s, sleep_s):
    said = ask(pod({"native-sidecar": "false"}, terminationGracePeriodSeconds=grace_s))
    sleep = said.sidecar.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds")
    assert sleep == sleep_s


def test_the_installation_decides_about_native_sidecars_and_the_pod_overrules_it():
    old = Template(native=False)
    assert contract.SIDECAR_CONTAINER in names(ask(pod(), template=old).spec["containers"])
    said = ask(pod({"native-sidecar": "true"}), template=old)
    assert contract.SIDECAR_CONTAINER in names(said.spec["initContainers"])


def test_the_sidecar_is_clean_by_pod_security_restricted():
    context = ask(pod()).sidecar["securityContext"]
    assert context == {
        "runAsUser": 1773,
        "runAsGroup": 1773,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_the_rules_get_net_admin_and_nothing_else():
    context = ask(pod()).container(contract.INIT_CONTAINER)["securityContext"]
    assert context["capabilities"] == {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}
    assert (context["runAsUser"], context["privileged"], context["allowPrivilegeEscalation"]) == (
        0,
        False,
        False,
    )
    assert context["readOnlyRootFilesystem"] is True


def test_the_rules_are_told_what_to_skip():
    settings = {"skip-inbound-ports": "22, 9000-9010", "skip-outbound-ports": "6443"}
    said = ask(pod(settings), template=Template(skip_subnets=("10.0.0.0/8", "fd00::/8")))
    given = said.container(contract.INIT_CONTAINER)["args"]
    assert dict(zip(given[::2], given[1::2], strict=True)) == {
        "--outbound-port": "15401",
        "--inbound-port": "15406",
        "--proxy-uid": "1773",
        "--skip-inbound-ports": "22,9000-9010",
        "--skip-outbound-ports": "6443",
        "--skip-subnets": "10.0.0.0/8,fd00::/8",
    }


def test_a_coordinator_gets_a_token_only_the_sidecar_can_read():
    said = ask(pod(initContainers=[INIT]), template=COORDINATED)
    (volume,) = said.spec["volumes"]
    token = {"audience": "equilibrium.io", "expirationSeconds": 3600, "path": "token"}
    assert volume["projected"]["sources"] == [{"serviceAccountToken": token}]
    (mount,) = said.sidecar["volumeMounts"]
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    assert f"{mount['mountPath']}/token" == contract.TOKEN_PATH == said.env["TOKEN"]
    others = [each for each in said.spec["initContainers"] + said.spec["containers"] if each != said.sidecar]
    assert not any("volumeMounts" in each for each in others)


def test_a_coordinator_over_https_is_believed_by_an_authority_of_the_pods_namespace():
    template = Template(discovery="coordinator:https://coordinator.mesh:15480", discovery_ca="mesh-ca")
    said = ask(pod(), template=template)
    _, authority = said.spec["volumes"][0]["projected"]["sources"]
    items = [{"key": "ca.crt", "path": "ca.crt"}]
    assert authority == {"configMap": {"name": "mesh-ca", "items": items, "optional": True}}
    assert said.env["CA"] == "/var/run/secrets/equilibrium.io/ca.crt"
    assert openapi.violations(said.obj) == []


@pytest.mark.parametrize(
    ("discovery", "advice", "env", "token"),
    [
        ("dns", "auto", None, False),
        ("dns", "off", "off", False),
        ("dns", "http://coordinator.mesh:15480", "http://coordinator.mesh:15480", True),
        ("coordinator:http://coordinator.mesh:15480", "auto", None, True),
        ("coordinator:http://coordinator.mesh:15480", "off", "off", True),
    ],
)
def test_whoever_is_asked_for_advice_gets_the_same_token(discovery, advice, env, token):
    said = ask(pod(), template=Template(discovery=discovery, advice=advice))
    assert said.env.get("ADVICE") == env
    assert ("TOKEN" in said.env) == token
    assert "CA" not in said.env


def test_discovery_by_the_api_server_gets_what_its_client_looks_for():
    """The server mounts the service account only in containers that were there before us."""
    said = ask(pod(), template=Template(discovery="kubernetes"))
    sources = said.spec["volumes"][0]["projected"]["sources"]
    assert sources[0] == {"serviceAccountToken": {"expirationSeconds": 3600, "path": "token"}}
    assert sources[1]["configMap"]["name"] == "kube-root-ca.crt"
    assert said.sidecar["volumeMounts"][0]["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert "TOKEN" not in said.env
    assert openapi.violations(said.obj) == []


def test_without_a_coordinator_there_is_no_token():
    said = ask(pod())
    assert "volumes" not in said.spec
    assert "TOKEN" not in said.env


def test_an_injected_pod_can_be_selected_and_scraped():
    said = ask(pod())
    assert said.obj["metadata"]["labels"][contract.INJECTED] == "true"
    scraped = {key: value for key, value in said.annotations.items() if key.startswith("prometheus.io/")}
    assert scraped == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "15490",
        "prometheus.io/path": "/metrics",
    }


def test_what_kubectl_shows_is_the_authors_choice_even_where_it_is_a_strange_one():
    said = ask(pod({"kubectl.kubernetes.io/default-container": "gone"}))
    assert said.annotations["kubectl.kubernetes.io/default-container"] == "gone"
    assert said.env["CONTAINER"] == "app"


def test_whoever_scrapes_already_is_not_disturbed():
    said = ask(pod({"prometheus.io/scrape": "false"}))
    assert [key for key in said.annotations if key.startswith("prometheus.io/")] == ["prometheus.io/scrape"]


def test_the_status_names_everything_that_was_added():
    said = ask(pod(container={"readinessProbe": {"tcpSocket": {"port": 80}}}), template=COORDINATED)
    status = json.loads(said.annotations[contract.STATUS])
    assert status["version"] == 1
    assert (status["initContainers"], status["volumes"]) == (OURS, ["equilibrium-token"])
    assert status["probes"] == {"app/readyz": {"tcpSocket": {"port": 80}}}


def test_images_and_their_pulling():
    said = ask(pod({"proxy-image": "mine:2"}), template=Template(init_image="init:3", pull_policy="Always"))
    rules = said.container(contract.INIT_CONTAINER)
    assert (said.sidecar["image"], rules["image"]) == ("mine:2", "init:3")
    assert said.sidecar["imagePullPolicy"] == rules["imagePullPolicy"] == "Always"
    assert "imagePullPolicy" not in ask(pod()).sidecar


def test_a_job_is_warned_of_an_ordinary_sidecar():
    job = {"apiVersion": "batch/v1", "kind": "Job", "name": "backup", "uid": "j", "controller": True}
    theirs = pod({"native-sidecar": "false"}, restartPolicy="Never")
    theirs["metadata"]["ownerReferences"] = [job]
    assert any("/quitquitquit" in text for text in ask(theirs).warnings)
    theirs["metadata"]["annotations"]["equilibrium.io/native-sidecar"] = "true"
    assert ask(theirs).warnings == []


def test_what_is_added_reads_well_as_yaml():
    theirs = pod()
    plan = decision.decide(theirs, "default", frozenset(), COORDINATED).plan
    text = yaml.safe_dump(mutate.inject(theirs, "default", plan, COORDINATED).pod)
    assert "&id" not in text  # an anchor, of an object that is used twice


def test_the_patch_of_a_large_pod_is_as_small_as_that_of_a_small_one():
    env = [{"name": f"V{n}", "value": "x" * 100} for n in range(1500)]
    probe = {"readinessProbe": {"httpGet": {"port": 80}}}
    small, large = ask(pod(container=probe)), ask(pod(container=probe | {"env": env}))
    assert len(orjson.dumps(large.patch)) == len(orjson.dumps(small.patch))


def test_the_injected_pod_is_valid():
    said = ask(pod(initContainers=[INIT]), template=COORDINATED)
    assert openapi.violations(said.obj) == []


def test_resources_of_the_installation_are_used():
    mine = Resources(cpu_request="10m", memory_request="32Mi", cpu_limit="1", memory_limit="1Gi")
    assert ask(pod(), template=Template(resources=mine)).sidecar["resources"] == {
        "requests": {"cpu": "10m", "memory": "32Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
