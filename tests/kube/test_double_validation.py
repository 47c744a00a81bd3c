"""What the server fills in and what it refuses."""

import base64
import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kube.objects import config, deployment, path, pod, service
from tests.support import openapi
from tests.support.kube import Hook, StatusError, quantities, resources
from tests.support.kube.hook import allowed
from tests.support.kube.patches import MERGE

pytestmark = pytest.mark.kube

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "one"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x:1"}]}}},
}


async def refusal(api, obj) -> tuple[int, str]:
    with pytest.raises(StatusError) as refused:
        await api.create(obj)
    return refused.value.reply.status, refused.value.reply.body["message"]


def with_container(**fields) -> dict:
    given = pod("one")
    given["spec"]["containers"] = [{"name": "app", "image": "app:1"} | fields]
    return given


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        pytest.param(with_container(name="Bad_Name"), "spec.containers[0].name", id="name"),
        pytest.param(with_container(image=""), "spec.containers[0].image", id="image"),
        pytest.param(
            pod("one") | {"spec": {"containers": [{"name": "a", "image": "x"}] * 2}},
            "spec.containers[1].name",
            id="twice",
        ),
        pytest.param(pod("Bad_Name"), "metadata.name", id="metadata.name"),
        pytest.param(pod("one") | {"spec": {"containers": []}}, "spec.containers", id="none"),
        pytest.param(
            deployment() | {"spec": deployment()["spec"] | {"selector": {"matchLabels": {"app": "other"}}}},
            "spec.template.metadata.labels",
            id="selector",
        ),
    ],
)
async def test_what_is_invalid_is_refused_by_field(kube, obj, field):
    with pytest.raises(StatusError) as refused:
        await kube.create(obj)
    reply = refused.value.reply
    assert (reply.status, reply.body["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in reply.body["details"]["causes"]]
    assert field in reply.body["message"]


async def test_every_mistake_is_told(kube):
    given = with_container(name="Bad_Name", image="")
    status, message = await refusal(kube, given)
    assert status == 422
    assert "spec.containers[0].name" in message
    assert "spec.containers[0].image" in message


async def test_a_wrong_type_is_refused(kube):
    status, message = await refusal(kube, with_container(ports=[{"containerPort": "http"}]))
    assert status == 400
    assert message.startswith('Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string')


async def test_a_quantity_has_a_form(kube):
    status, message = await refusal(kube, with_container(resources={"limits": {"cpu": "lots"}}))
    assert status == 400
    assert "quantities must match the regular expression" in message


@pytest.mark.parametrize(
    ("mode", "status", "warned"), [("Strict", 400, 0), ("Warn", 201, 1), ("Ignore", 201, 0)]
)
async def test_an_unknown_field_is_refused_warned_of_or_dropped(kube, mode, status, warned):
    given = with_container(imagePulPolicy="Always")
    reply = await kube.request("POST", path("pods") + f"?fieldValidation={mode}", given)
    assert (reply.status, len(reply.warnings)) == (status, warned)
    for text in [*reply.warnings, *([reply.body["message"]] if status == 400 else [])]:
        assert "unknown field" in text
        assert "spec.containers[0].imagePulPolicy" in text
    if status == 201:
        assert "imagePulPolicy" not in reply.body["spec"]["containers"][0]


async def test_a_job_is_read_like_the_rest(double):
    made = await double.create(JOB)
    assert made["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert made["spec"]["backoffLimit"] == 6
    wrong = {"name": "a", "image": "x:1", "ports": "none"}
    change = {"spec": {"template": {"spec": {"containers": [wrong]}}}}
    with pytest.raises(StatusError, match=r"ports"):
        await double.patch("Job", "default", "one", change)


async def test_an_unknown_field_of_a_webhooks_patch_is_dropped_without_a_word(kube):
    misspelt = [{"op": "add", "path": "/spec/containers/0/imagePulPolicy", "value": "Always"}]
    async with Hook(lambda request: allowed(misspelt)) as hook:
        await kube.create(hook.configuration())
        reply = await kube.request("POST", path("pods"), pod("one"))
    assert (reply.status, reply.warnings) == (201, [])
    assert "imagePulPolicy" not in reply.body["spec"]["containers"][0]


async def test_a_webhooks_patch_that_cannot_be_read_is_a_500(kube):
    wrong = [{"op": "add", "path": "/spec/containers/0/ports", "value": "none"}]
    async with Hook(lambda request: allowed(wrong)) as hook:
        await kube.create(hook.configuration())
        assert (await kube.request("POST", path("pods"), pod("one"))).status == 500


async def test_an_object_of_another_kind_is_refused(kube):
    reply = await kube.request("POST", path("pods"), config("one"))
    assert (reply.status, reply.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"metadata": 1}'])
async def test_a_body_that_is_no_object_is_refused(kube, body):
    assert (await kube.request("POST", path("pods"), body)).status == 400


async def test_the_namespace_of_the_object_is_that_of_the_path(kube):
    reply = await kube.request("POST", path("pods"), pod("one", namespace="kube-system"))
    assert (reply.status, reply.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("made", [pod("one"), deployment(), service(), config("one")])
async def test_what_is_stored_is_valid_by_the_recorded_schemas(double, made):
    assert openapi.violations(await double.create(made)) == []


async def test_a_headless_service_has_no_address_and_others_have_their_own(kube):
    headless = await kube.create(service("headless", clusterIP="None"))
    assert headless["spec"]["clusterIPs"] == ["None"]
    given = {(await kube.create(service(f"s{number}")))["spec"]["clusterIP"] for number in range(20)}
    assert len(given) == 20
    assert all(address.startswith("10.96.") for address in given)


async def test_text_in_a_secret_is_read_as_data(kube):
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "one"},
        "stringData": {"key": "value"},
    }
    made = await kube.create(secret)
    assert "stringData" not in made
    assert base64.b64decode(made["data"]["key"]) == b"value"
    assert made["type"] == "Opaque"


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "999m"}}], "Burstable"),
    ],
)
async def test_the_qos_class_follows_from_the_resources(kube, resources, qos):
    given = pod("one")
    containers = [
        {"name": f"c{number}", "image": "x:1", "resources": each} for number, each in enumerate(resources)
    ]
    given["spec"]["containers"] = containers
    assert (await kube.create(given))["status"]["qosClass"] == qos


@given(st.integers(0, 10**6), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "e3", "E"]))
def test_quantities_are_numbers_with_a_unit(number, unit):
    units = {"": 1, "m": 0.001, "k": 1e3, "M": 1e6, "Ki": 1024, "Mi": 1024**2, "e3": 1e3, "E": 1e18}
    assert float(quantities.value(f"{number}{unit}")) == pytest.approx(number * units[unit])
    with pytest.raises(ValueError, match="is no quantity"):
        quantities.value(f"{number}x{unit}")


JUNK = (None, True, 0, -1, 1.5, "", "x", "100m", [], [None], ["x"], [{}], {}, {"x": None}, {"name": "x"})


def spoiled(value, rng: random.Random):
    """With one thing in it replaced by junk, wherever that may be."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return rng.choice(JUNK)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = rng.choice(keys)
    copied = copy.copy(value)
    copied[key] = spoiled(value[key], rng)
    return copied


@pytest.mark.parametrize("seed", range(4))
async def test_no_body_makes_it_stumble(double, seed):
    """An answer of the server is an object or a Status, never a crash."""
    rng = random.Random(seed)
    async with Hook(lambda request: allowed()) as hook:
        condition = {"name": "c", "expression": "true"}
        hooks = hook.configuration(matchConditions=[condition], objectSelector={"matchLabels": {"a": "b"}})
        injected = pod("one", annotations={"a": "b"}, labels={"a": "b"})
        injected["spec"]["volumes"] = [{"name": "v", "projected": {"sources": [{"downwardAPI": {}}]}}]
        valid = [injected, deployment(), service(), JOB, hooks, config("one", a="b")]
        for number in range(150):
            good = valid[number % len(valid)]
            where = path_of(good)
            reply = await double.request("POST", where, spoiled(good, rng))
            assert isinstance(reply.body, dict), reply.body
            wipe(double, good)
            await double.create(good)
            patch = await double.request(
                "PATCH", f"{where}/{good['metadata']['name']}", spoiled(good, rng), MERGE
            )
            assert isinstance(patch.body, dict), patch.body
            wipe(double, good)


def wipe(api, like) -> None:
    """Past admission and finalizers, which may be junk too."""
    resource = resources.of(like)
    for each in api.store.all(resource):
        api.store.remove((resource, each["metadata"].get("namespace", ""), each["metadata"]["name"]))


def path_of(obj) -> str:
    return resources.of(obj).path("default")
