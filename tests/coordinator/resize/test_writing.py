"""From an order to one patch: retries by the kind of error, what was decided upon, and the lease."""

import random

import pytest

from coordinator.kube.resize import Expect, apply_scaling
from coordinator.policy.subject import Amounts
from sidecar.kube.errors import NO_CREDENTIALS, UNREACHABLE, UNREADABLE, ApiError
from tests.coordinator.resize.scene import MEBI, Between, Sleeps, client_of, container, pod, resources
from tests.kube import scenes
from tests.support.kube import ApiServer

pytestmark = pytest.mark.kube

READ = Amounts(100, 500, 64 * MEBI, 256 * MEBI)


async def resize(client, cpu="600m", memory=None, policy="limits", **how):
    how = {"rng": random.Random(7), "sleep": Sleeps()} | how
    return await apply_scaling(client, "bus", "default", "app", cpu, memory, policy, **how)


@pytest.fixture
async def bus(double):
    await scenes.node(double)
    return await double.create(pod())


def failing(*errors, on="PATCH"):
    """Each of these once, on requests of a method."""
    left = list(errors)

    async def before(method, path):
        if method == on and left:
            raise left.pop(0)

    return before


async def limit(api):
    found = await api.get("Pod", "default", "bus")
    return found["spec"]["containers"][0]["resources"]["limits"]["cpu"]


async def test_one_reading_and_one_patch(double, bus, between):
    outcome = await resize(between)
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("applied", "", 1)
    assert (outcome.before, outcome.after) == (READ, Amounts(100, 600, 64 * MEBI, 256 * MEBI))
    assert (outcome.generation, outcome.confirmed) == (2, False)
    assert [method for method, _, _ in between.sent] == ["GET", "GET", "PATCH"]
    assert list(outcome.patch) == between.patches[0]
    assert between.queries[-1] == {
        "fieldManager": "equilibrium-coordinator",
        "fieldValidation": "Strict",
    }
    assert await limit(double) == "600m"


async def test_support_is_asked_for_once(bus, between):
    await resize(between)
    await resize(between, "700m")
    assert [path for _, path, _ in between.sent].count("/api/v1") == 1


async def test_where_nothing_changes_nothing_is_sent(double, bus, between):
    outcome = await resize(between, "500m", "256Mi")
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("applied", "unchanged", 0)
    assert between.patches == []


async def test_a_refusal_of_ours_sends_nothing(bus, between):
    outcome = await resize(between, "50m")
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("infeasible", "request-above-limit", 0)
    assert outcome.before == READ
    assert between.patches == []


@pytest.mark.parametrize("bad", [("lots", None), (None, "-1"), (None, None), (0, None)])
async def test_amounts_that_are_none_are_an_outcome(bad, between):
    outcome = await resize(between, *bad)
    assert (outcome.kind, outcome.reason) == ("infeasible", "quantity")
    assert between.sent == []


@pytest.mark.parametrize("name", ["../x", "a/b", "x?dryRun=All", "", "Bus", "a" * 254])
async def test_names_are_names_and_no_paths(name, between):
    outcome = await apply_scaling(between, name, "default", "app", "1", None, "limits")
    assert (outcome.kind, outcome.reason) == ("infeasible", "name")
    outcome = await apply_scaling(between, "bus", name, "app", "1", None, "limits")
    assert (outcome.kind, outcome.reason) == ("infeasible", "name")
    assert between.sent == []


# -- who writes in between


def meddling(api, *limits, on="PATCH"):
    """Somebody else sets the limit just before each of our patches."""
    left = list(limits)

    async def before(method, path):
        if method == on and left:
            change = {
                "spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": left.pop(0)}}}]}
            }
            query = "?fieldManager=updater"
            await api.patch("Pod", "default", "bus", change, subresource="resize", query=query)

    return before


async def test_a_write_in_between_is_read_and_decided_anew(double, bus, between):
    between.before = meddling(double, "800m")
    outcome = await resize(between)
    assert (outcome.kind, outcome.attempts) == ("applied", 2)
    assert await limit(double) == "600m"


async def test_what_was_decided_upon_has_changed_in_between(double, bus, between):
    between.before = meddling(double, "800m")
    outcome = await resize(between, expect=Expect(uid=bus["metadata"]["uid"], amounts=READ))
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("conflict", "changed", 1)
    assert "100m/800m" in outcome.message
    assert await limit(double) == "800m"


async def test_what_was_decided_upon_had_changed_before(double, bus, between):
    outcome = await resize(between, expect=Expect(amounts=Amounts(100, 400, 64 * MEBI, 256 * MEBI)))
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("conflict", "changed", 0)
    assert between.patches == []


async def test_a_pod_of_the_same_name_is_another_pod(double, bus, between):
    outcome = await resize(between, expect=Expect(uid="u-of-yesterday"))
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("superseded", "replaced", 0)
    assert between.patches == []


async def test_a_pod_that_is_replaced_in_between_is_not_touched(double, bus, between):
    async def before(method, path):
        if method == "PATCH":
            await double.delete("Pod", "default", "bus", grace_s=0)
            await double.create(pod())

    between.before = before
    outcome = await resize(between, expect=Expect(uid=bus["metadata"]["uid"]))
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("superseded", "replaced", 1)
    assert await limit(double) == "500m"


async def test_nor_is_it_where_nobody_said_which_pod_was_meant(double, bus, between):
    async def before(method, path):
        if method == "PATCH":
            await double.delete("Pod", "default", "bus", grace_s=0)
            await double.create(pod(container(given=resources(("50m", "300m")))))

    between.before = before
    outcome = await resize(between)
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("superseded", "replaced", 1)
    assert await limit(double) == "300m"


async def test_somebody_who_always_writes_in_between_wins(double, bus, between):
    between.before = meddling(double, "700m", "710m", "720m", "730m", "740m", "750m")
    outcome = await resize(between)
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("conflict", "changed", 5)
    assert await limit(double) == "740m"


async def test_an_absent_amount_that_appears_in_between_is_noticed(double, between):
    await scenes.node(double)
    await double.create(pod(container(given=resources(("100m", None)))))
    between.before = meddling(double, "800m")
    outcome = await resize(between, expect=Expect(amounts=Amounts(100, None, 64 * MEBI, 256 * MEBI)))
    assert (outcome.kind, outcome.attempts) == ("conflict", 1)
    assert await limit(double) == "800m"


async def test_an_absent_limit_is_added(double, between):
    await scenes.node(double)
    await double.create(pod(container(given=resources(("100m", None), ("64Mi", None)))))
    outcome = await resize(between, "600m", "128Mi")
    assert (outcome.kind, outcome.after) == ("applied", Amounts(100, 600, 64 * MEBI, 128 * MEBI))


async def test_the_image_is_left_alone_whoever_changes_it(double, bus, between):
    async def before(method, path):
        if method == "PATCH":
            change = {"spec": {"containers": [{"name": "app", "image": "registry.k8s.io/pause:3.11"}]}}
            await double.patch("Pod", "default", "bus", change)

    between.before = before
    assert (await resize(between)).attempts == 1
    found = await double.get("Pod", "default", "bus")
    assert found["spec"]["containers"][0]["image"].endswith("3.11")


# -- what goes wrong


@pytest.mark.parametrize(
    "error",
    [
        ApiError(429, "TooManyRequests", "busy"),
        ApiError(500, "InternalError", "a webhook is down"),
        ApiError(503, "ServiceUnavailable", "starting"),
        ApiError(0, UNREACHABLE, "connection reset"),
        ApiError(0, UNREADABLE, "not JSON"),
        ApiError(409, "Conflict", "modified"),
        ApiError(410, "Expired", "too old"),
        ApiError(401, "Unauthorized", "Unauthorized"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "GET"])
async def test_what_may_pass_is_tried_again(double, bus, between, error, method):
    between.before = failing(error, on=method)
    sleeps = Sleeps()
    outcome = await resize(between, sleep=sleeps)
    assert outcome.kind == "applied"
    assert len(sleeps.seconds) == 1
    assert await limit(double) == "600m"


@pytest.mark.parametrize(
    ("error", "kind", "reason", "sent"),
    [
        (ApiError(429, "TooManyRequests", "busy"), "failed", "429", 5),
        (ApiError(500, "InternalError", "oops"), "failed", "500", 5),
        (ApiError(0, UNREACHABLE, "refused"), "failed", "unreachable", 5),
        (ApiError(409, "Conflict", "modified"), "conflict", "changed", 5),
        (ApiError(410, "Expired", "too old"), "conflict", "expired", 5),
        (ApiError(401, "Unauthorized", "Unauthorized"), "forbidden", "unauthorized", 2),
        (ApiError(403, "Forbidden", "cannot patch resource"), "forbidden", "rbac", 1),
        (ApiError(422, "Invalid", "bad", {"name": "bus", "causes": [{}]}), "infeasible", "invalid", 1),
        (ApiError(415, "UnsupportedMediaType", "415"), "unsupported", "media-type", 1),
        (ApiError(404, "NotFound", "gone", {"name": "bus"}), "superseded", "gone", 1),
        (ApiError(404, "NotFound", "no such path"), "unsupported", "no-resize", 1),
        (ApiError(0, NO_CREDENTIALS, "no token"), "failed", "nocredentials", 1),
    ],
)
async def test_what_does_not_pass_ends_and_never_too_late(bus, between, error, kind, reason, sent):
    between.before = failing(*[error] * 9)
    sleeps = Sleeps()
    outcome = await resize(between, sleep=sleeps)
    assert (outcome.kind, outcome.reason, outcome.attempts) == (kind, reason, sent)
    assert len(sleeps.seconds) == sent - 1
    assert outcome.message.startswith(error.message)


async def test_waits_grow_and_are_never_the_same_for_all(bus, between):
    found = []
    for seed in range(2):
        between.before = failing(*[ApiError(503, "ServiceUnavailable", "starting")] * 9)
        sleeps = Sleeps()
        await resize(between, sleep=sleeps, rng=random.Random(seed))
        assert all(0 < seconds <= 3.0 for seconds in sleeps.seconds)
        found.append(sleeps.seconds)
    assert found[0] != found[1]
    assert found[0][-1] > found[0][0]


async def test_a_servers_retry_after_is_obeyed_within_reason(bus, between):
    errors = [ApiError(429, "TooManyRequests", "busy", None, wait_s) for wait_s in (2.0, 3600.0)]
    between.before = failing(*errors)
    sleeps = Sleeps()
    assert (await resize(between, sleep=sleeps)).kind == "applied"
    assert sleeps.seconds == [2.0, 10.0]


async def test_a_lost_answer_is_found_out_by_the_next_reading(double, bus, between):
    lost = [ApiError(0, UNREACHABLE, "connection reset")]

    async def after(method, path):
        if method == "PATCH" and lost:
            raise lost.pop()

    between.after = after
    outcome = await resize(between, expect=Expect(uid=bus["metadata"]["uid"], amounts=READ))
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("applied", "", 1)
    assert (outcome.before, outcome.after) == (READ, Amounts(100, 600, 64 * MEBI, 256 * MEBI))
    assert outcome.generation == 2
    assert len(between.patches) == 1


async def test_answers_lost_to_the_end_leave_it_open(double, bus, between):
    between.before = failing(*[ApiError(0, UNREACHABLE, "reset")] * 9)
    outcome = await resize(between)
    assert outcome.kind == "failed"
    assert "what was sent may be done" in outcome.message


async def test_a_server_that_does_not_tell_what_it_has_is_asked_by_the_patch(double, bus, between):
    async def before(method, path):
        if path in ("/api/v1", "/version"):
            raise ApiError(403, "Forbidden", "cannot get path")

    between.before = before
    assert (await resize(between, None, "128Mi")).kind == "applied"


async def test_a_server_without_the_feature_is_not_asked():
    async with ApiServer(minor=31) as api:
        await api.create(pod())
        client = Between(client_of(api))
        outcome = await resize(client)
        await client.client.close()
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("unsupported", "no-resize", 0)


async def test_a_webhook_that_changes_the_amounts_is_told(double, bus, between):
    request = between.client.request

    async def changed(method, path, **how):
        answer = await request(method, path, **how)
        if method == "PATCH":
            answer["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "550m"
        return answer

    between.client.request = changed
    outcome = await resize(between)
    assert (outcome.kind, outcome.reason) == ("superseded", "mutated")
    assert outcome.after == Amounts(100, 550, 64 * MEBI, 256 * MEBI)


# -- dry run


async def test_a_dry_run_is_checked_and_stores_nothing(double, bus, between):
    before = await double.get("Pod", "default", "bus")
    outcome = await resize(between, dry_run=True, wait_s=60.0)
    assert (outcome.kind, outcome.reason, outcome.confirmed) == ("applied", "dry-run", False)
    assert outcome.after == Amounts(100, 600, 64 * MEBI, 256 * MEBI)
    assert between.queries[-1]["dryRun"] == "All"
    assert outcome.patch[-1]["value"] == "600m"
    assert await double.get("Pod", "default", "bus") == before
    assert (await resize(between, "9", policy="both", dry_run=True)).reason == "node-capacity"


# -- the lease


async def test_without_the_lease_nothing_is_sent(double, bus, between):
    for left_s in (0.0, -3.0):
        outcome = await resize(between, guard=lambda left_s=left_s: left_s)
        assert (outcome.kind, outcome.reason, outcome.attempts) == ("failed", "lease-lost", 0)
    assert between.sent == []
    assert await limit(double) == "500m"


async def test_a_lease_that_ends_between_reading_and_writing_ends_it(double, bus, between):
    left = {"s": 5.0}

    async def after(method, path):
        if path.endswith("/pods/bus"):
            left["s"] = 0.0

    between.after = after
    outcome = await resize(between, guard=lambda: left["s"])
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("failed", "lease-lost", 0)
    assert between.patches == []


async def test_no_request_lasts_longer_than_the_lease(bus, between):
    await resize(between, guard=lambda: 1.5)
    assert between.timeouts == [1.5, 1.5, 1.5]
    await resize(between, "700m")
    assert max(between.timeouts[3:]) == 10.0


async def test_nobody_waits_for_a_retry_past_the_lease(bus, between):
    between.before = failing(ApiError(429, "TooManyRequests", "busy", None, 5.0))
    sleeps = Sleeps()
    outcome = await resize(between, sleep=sleeps, guard=lambda: 4.0)
    assert (outcome.kind, outcome.reason, sleeps.seconds) == ("failed", "lease-lost", [])
    assert len(between.patches) == 1


async def test_a_lease_lost_after_an_unanswered_patch_says_that_it_may_be_done(bus, between):
    left = {"s": 5.0}

    async def before(method, path):
        if method == "PATCH":
            left["s"] = 0.0
            raise ApiError(0, UNREACHABLE, "reset")

    between.before = before
    outcome = await resize(between, guard=lambda: left["s"])
    assert (outcome.reason, outcome.attempts) == ("lease-lost", 1)
    assert "may be done" in outcome.message
