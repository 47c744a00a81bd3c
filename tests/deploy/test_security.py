import pytest

from tests.deploy import manifests, security

OWN = "equilibrium-system"


@pytest.mark.parametrize("folder", [folder for folder in manifests.FOLDERS if folder != manifests.EXAMPLE])
def test_our_own_pods_meet_the_standard_our_namespace_enforces(folder: str) -> None:
    objects = manifests.rendered(folder)
    labels = manifests.one(manifests.rendered(manifests.BASE), "Namespace", OWN)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in manifests.templates(objects):
        assert security.violations(pod["spec"]) == [], name
        assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod["spec"]["containers"]), (
            name
        )


def test_the_examples_pods_could_run_in_a_restricted_namespace_too() -> None:
    for name, pod in manifests.templates(manifests.rendered(manifests.EXAMPLE)):
        assert security.violations(pod["spec"]) == [], name


OF_POD: dict[str, manifests.Object] = {
    "host namespaces: hostNetwork": {"hostNetwork": True},
    "volume types: x: hostPath": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    "running as non-root: injector": {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
    "seccomp: injector": {"securityContext": {"runAsNonRoot": True}},
    "sysctls": {
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [{"name": "a", "value": "b"}],
        }
    },
}
OF_CONTAINER: dict[str, manifests.Object] = {
    "host ports: injector": {"ports": [{"containerPort": 1, "hostPort": 1}]},
    "host probes: injector: livenessProbe": {"livenessProbe": {"httpGet": {"host": "x", "port": 1}}},
}
OF_ITS_CONTEXT: dict[str, manifests.Object] = {
    "privileged containers: injector": {"privileged": True},
    "privilege escalation: injector": {"allowPrivilegeEscalation": True},
    "running as non-root user: injector": {"runAsUser": 0},
    "seccomp: injector": {"seccompProfile": {"type": "Unconfined"}},
    "capabilities: injector adds NET_ADMIN": {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}},
    "capabilities: injector does not drop ALL": {"capabilities": {"drop": ["NET_RAW"]}},
}


def clean() -> manifests.Object:
    """A PodSpec that violates nothing."""
    spec: manifests.Object = next(manifests.templates(manifests.installed()))[1]["spec"]
    return spec


@pytest.mark.parametrize(("found", "change"), OF_POD.items())
def test_the_checker_finds_what_a_pod_may_not(found: str, change: manifests.Object) -> None:
    assert security.violations({**clean(), **change}) == [found]


@pytest.mark.parametrize(("found", "change"), OF_CONTAINER.items())
def test_the_checker_finds_what_a_container_may_not(found: str, change: manifests.Object) -> None:
    (container,) = clean()["containers"]
    assert security.violations({**clean(), "containers": [{**container, **change}]}) == [found]


@pytest.mark.parametrize(("found", "change"), OF_ITS_CONTEXT.items())
def test_the_checker_finds_what_a_security_context_may_not(found: str, change: manifests.Object) -> None:
    (container,) = clean()["containers"]
    changed = {**container, "securityContext": {**container["securityContext"], **change}}
    assert security.violations({**clean(), "containers": [changed]}) == [found]
