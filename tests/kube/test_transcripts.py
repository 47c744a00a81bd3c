"""Recorded exchanges, replayed: every one of them, here and in the files beside."""

import json
from pathlib import Path

import pytest

from tests.kube import replayed, scenes
from tests.kube.recorded import names, normal, same, send, started, transcript
from tests.support.kube.hook import allowed

pytestmark = pytest.mark.kube


def test_every_transcript_is_replayed():
    webhook = [f"pod-create-webhook-{name}" for name in replayed.WEBHOOK]
    by_kind = [*replayed.AS_RECORDED, *webhook, *scenes.RESIZES, *scenes.ENFORCED, *replayed.REVIEWS]
    assert sorted([*by_kind, *replayed.BY_A_TEST_OF_ITS_OWN]) == names()
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_transcripts*.py"))
    assert [name for name in replayed.BY_A_TEST_OF_ITS_OWN if f'"{name}"' not in tests] == []


@pytest.mark.parametrize("name", replayed.AS_RECORDED)
async def test_the_answer_is_the_recorded_one(double, name):
    recorded = transcript(name)
    same(await send(double, recorded), recorded)


async def test_without_a_token_nobody_is_served(double):
    recorded = transcript("api-unauthorized-401")
    same(await double.request("GET", recorded["request"]["path"], token="of-nobody"), recorded)


async def test_what_rules_do_not_allow_is_refused_as_recorded(double):
    recorded = transcript("resize-forbidden-403")
    request = recorded["request"]
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]  # pods/resize is another resource
    token = double.allow(rules, user="system:serviceaccount:default:weak")
    same(
        await double.request("PATCH", request["path"], request["body"], request["contentType"], token=token),
        recorded,
    )


async def test_a_pod_exists_once(double):
    recorded = transcript("pod-create-already-exists")
    await started(double)
    same(await send(double, recorded), recorded)


async def test_resources_do_not_change_by_a_plain_patch(double):
    recorded = transcript("resize-via-plain-pod-patch-422")
    await started(double)
    reply = await send(double, recorded)
    assert reply.status == 422
    (cause,) = reply.body["details"]["causes"]
    (expected,) = recorded["response"]["body"]["details"]["causes"]
    # after the first line the server shows the difference of two structs of its own
    assert cause == expected | {"message": expected["message"].splitlines()[0]}
    assert reply.body["message"] == recorded["response"]["body"]["message"].splitlines()[0]


@pytest.mark.parametrize(
    ("name", "updates", "stale"),
    [
        ("lease-create-already-exists-409", 0, False),
        ("lease-update-ok", 0, False),
        ("lease-update-stale-409", 1, True),
    ],
)
async def test_leases_are_taken_by_whoever_saw_the_last_version(double, name, updates, stale):
    recorded = transcript(name)
    first = await scenes.lease(double, updates=updates)
    body = recorded["request"]["body"]
    if recorded["request"]["method"] == "PUT":
        body["metadata"] |= {key: first["metadata"][key] for key in ("uid", "resourceVersion")}
    same(await send(double, recorded, body=body), recorded)


def test_normalising_leaves_what_counts():
    one = {"metadata": {"uid": "a", "name": "kube-api-access-abcde"}, "spec": {"n": 1}}
    assert normal(one) != normal(json.loads(json.dumps(one).replace("1", "2")))
    assert normal(allowed()) == {"allowed": True}
