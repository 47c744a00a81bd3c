"""Our own authority: made once for all replicas, kept right in the Secret and in the webhooks' caBundle."""

import asyncio
import base64

import pytest

from injector.certs import certificates, keyring
from sidecar import clock
from tests.webhook import reviews
from tests.webhook.installation import (
    CONFIGURATION,
    NAME,
    NAMESPACE,
    SECRET,
    bundles,
    healthy,
    injector,
    installed,
    lead_to,
    ring,
    variables,
    webhooks,
    wipe,
    writes,
)
from tests.webhook.program import Caller, running, until

BODY = reviews.review(reviews.pod())
HEALS = "equilibrium_injector_bundle_heals_total"
RENEWALS = "equilibrium_injector_certificate_renewals_total"


@pytest.fixture
async def api():
    async with installed() as cluster:
        yield cluster


async def injected(api, name: str) -> bool:
    """Whether a new pod gets its sidecar: the API server trusts, asks and patches."""
    made = await api.create(reviews.pod(name))
    return any(each["name"] == "equilibrium-sidecar" for each in made["spec"].get("initContainers", ()))


async def test_from_nothing_to_an_injected_pod_with_the_shipped_roles(api):
    async with injector(api) as program:
        assert await injected(api, "first")
        assert await healthy(api)
        assert writes(api) == [
            ("POST", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
            ("PATCH", f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}"),
        ]
        assert await program.metric(HEALS) == 1
        assert await program.metric(RENEWALS) == 1


async def test_only_the_ca_bundles_of_the_configuration_change(api):
    before = await api.get(CONFIGURATION, "", NAME)
    async with injector(api):
        after = await api.get(CONFIGURATION, "", NAME)
    for entry in after["webhooks"]:
        del entry["clientConfig"]["caBundle"]
    for found in (before, after):
        del found["metadata"]
    assert after == before


async def test_two_replicas_that_start_at_once_agree_on_one_authority(api):
    async with (
        running(api.directory, **variables(api)) as one,
        running(api.directory, **variables(api)) as two,
    ):
        await asyncio.gather(one.ready(), two.ready())
        held = await ring(api)
        assert len(held.authorities) == 1
        for program in (one, two):
            async with Caller(program, held.authorities[0]) as caller:
                assert (await caller.review(BODY))["allowed"]
        assert await one.metric(RENEWALS) + await two.metric(RENEWALS) == 1
        assert await healthy(api)


async def test_a_replica_that_starts_later_changes_nothing(api):
    async with injector(api):
        before = await ring(api)
        api.requests.clear()
        async with injector(api):
            assert await ring(api) == before
            assert writes(api) == []


async def test_a_wiped_bundle_is_put_back_at_once_and_then_left_alone(api):
    async with injector(api) as program:
        await wipe(api)
        await until(lambda: healthy(api), "never healed")
        assert await injected(api, "after")
        healed = await api.get(CONFIGURATION, "", NAME)
        assert await program.metric(HEALS) == 2
        await api.patch(CONFIGURATION, "", NAME, {"metadata": {"labels": {"touched": "yes"}}})
        await wipe(api, b"a comment\n" + (await ring(api)).bundle)
        assert await program.metric(HEALS) == 2, "ours was in it"
        assert healed["webhooks"][0]["clientConfig"]["caBundle"]


async def test_two_replicas_do_not_fight_over_the_bundle(api):
    async with injector(api) as one, injector(api) as two:
        for _ in range(3):
            await wipe(api)
            await until(lambda: healthy(api), "never healed")
        version = (await api.get(CONFIGURATION, "", NAME))["metadata"]["resourceVersion"]

        async def healed() -> bool:  # who patched counts when it has the answer
            return await one.metric(HEALS) + await two.metric(HEALS) >= 4

        await until(healed, "one patch each time")
        assert await one.metric(HEALS) + await two.metric(HEALS) == 4, "whoever came first"
        assert (await api.get(CONFIGURATION, "", NAME))["metadata"]["resourceVersion"] == version


async def test_somebody_who_keeps_writing_otherwise_is_not_fought(api):
    async with injector(api) as program:
        for number in range(12):
            await wipe(api, b"scribble %d" % number)
            async with asyncio.timeout(60):
                while not (await healthy(api) or program.logged(FOUGHT)):
                    await asyncio.sleep(0.01)
        assert program.logged(FOUGHT)
        assert await program.metric(HEALS) == 5
        status, reason = await program.health("/readyz")
        assert status == 503
        assert "lacks our authority" in reason


FOUGHT = (
    "somebody else keeps writing the caBundle; if that is on purpose, set "
    "EQUILIBRIUM_INJECTOR_CERTIFICATES to a directory"
)


async def test_a_leaf_is_renewed_and_served_without_a_failed_review(api):
    async with injector(api, LEAF="6s") as program:
        first = await ring(api)
        answered, over = 0, False

        async def keep_asking() -> None:
            nonlocal answered
            while not over:
                async with Caller(program, first.bundle) as caller:
                    await caller.review(BODY)
                    await caller.review(BODY)
                answered += 2

        asking = asyncio.create_task(keep_asking())  # noqa: TID251 (awaited below)

        async def renewed() -> bool:
            return (await ring(api)).leaf != first.leaf and await program.metric(RENEWALS) >= 2

        await until(renewed, "never renewed")
        over = True
        await asking
        assert answered > 10
        assert (await ring(api)).authorities == first.authorities


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("tls.key", "half a key", "not a key"),
        ("tls.crt", "", "no certificate"),
        ("tls.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate"),
    ],
)
async def test_a_damaged_leaf_is_replaced_and_the_log_says_why(api, key, value, why):
    async with injector(api) as program:
        before = await ring(api)
        secret = await api.get("Secret", NAMESPACE, SECRET)
        secret["data"][key] = base64.b64encode(value.encode()).decode()
        await api.update(secret)
        await until(lambda: len(program.logged("certificates renewed")) == 2, "never replaced")
        after = await ring(api)
        assert after.authorities == before.authorities
        assert keyring.flaw(after, (f"{NAME}.{NAMESPACE}.svc",), clock.wall_s()) == ""
        assert why in program.logged("certificates renewed")[1]["why"]
        assert await injected(api, "after")


async def test_a_lost_authority_key_means_a_roll_over_in_which_callers_always_trust_us(api):
    async with injector(api, LEAF="600s") as program:
        before = await ring(api)
        secret = await api.get("Secret", NAMESPACE, SECRET)
        secret["data"]["ca.key"] = ""
        await api.update(secret)
        made = 0

        async def rolled_over() -> bool:
            nonlocal made
            made += 1
            assert await injected(api, f"during-{made}")
            held = await ring(api)
            newest = held.authorities[0]
            if certificates.signed_by(held.leaf, newest) and newest not in before.authorities:
                return True
            assert held.leaf == before.leaf, "the old leaf serves until the new authority is trusted"
            return False

        await until(rolled_over, "never rolled over")
        held = await ring(api)
        assert held.authorities[1:] == before.authorities
        assert set(await bundles(api)) == {held.bundle}
        assert await program.metric(RENEWALS) == 3


async def test_a_deleted_secret_is_made_again_and_the_bundle_follows(api):
    async with injector(api):
        before = await ring(api)
        await api.delete("Secret", NAMESPACE, SECRET)

        async def made_again() -> bool:
            reply = await api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{SECRET}")
            return reply.status == 200 and await healthy(api)

        await until(made_again, "never made again")
        assert (await ring(api)).authorities != before.authorities
        assert await injected(api, "after")


async def test_an_empty_secret_that_somebody_made_is_filled_and_keeps_what_else_it_has(api):
    await api.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": NAMESPACE, "labels": {"backup": "no"}},
            "data": {"note": base64.b64encode(b"kept").decode()},
        }
    )
    async with injector(api):
        secret = await api.get("Secret", NAMESPACE, SECRET)
        assert secret["metadata"]["labels"] == {"backup": "no"}
        assert base64.b64decode(secret["data"]["note"]) == b"kept"
        assert await injected(api, "first")


async def test_without_the_webhook_configuration_it_is_not_ready_and_says_so_until_there_is_one():
    async with (
        installed(without=(CONFIGURATION,)) as api,
        running(api.directory, **variables(api)) as program,
    ):

        async def looked() -> bool:
            return await program.health("/readyz") == (503, f"webhook configuration {NAME} does not exist\n")

        await until(looked, "it says what is missing")
        await api.create(webhooks())
        await program.ready()
        assert await healthy(api)


async def test_an_api_server_that_is_away_at_the_start_delays_readiness_only(api):
    async with api.gone(), running(api.directory, **variables(api)) as program:
        status, reason = await program.health("/readyz")
        assert status == 503
        assert "no certificate yet (Unreachable" in reason
        assert (await program.health("/livez"))[0] == 200
        assert await program.end() == 0
    async with running(api.directory, **variables(api)) as program:
        await program.ready()


async def test_it_becomes_ready_once_the_api_server_is_there(api):
    async with api.gone():
        starting = running(api.directory, **variables(api))
        program = await starting.__aenter__()
        assert (await program.health("/readyz"))[0] == 503
    await program.ready()
    lead_to(api, program)
    assert await injected(api, "first")
    await starting.__aexit__(None, None, None)


async def test_it_goes_on_serving_while_the_api_server_is_away_and_catches_up_after(api):
    async with injector(api) as program:
        held = await ring(api)
        async with api.gone():
            async with Caller(program, held.bundle) as caller:
                assert (await caller.review(BODY))["allowed"]
            assert await program.health("/readyz") == (200, "ok\n")
        await wipe(api)
        await until(lambda: healthy(api), "it never came back to it")


async def test_forgotten_versions_and_broken_watches_do_not_stop_it_from_following(api):
    async with injector(api):
        for break_it in (api.compact, api.break_watches, lambda: api.break_watches(reset=True)):
            break_it()
            await wipe(api)
            await until(lambda: healthy(api), "it lost track")


async def test_without_permission_it_says_what_it_may_not_and_stays_up(api):
    token = api.directory / "nobody"
    token.write_text(api.allow([]))
    given = {**variables(api), "API_TOKEN_FILE": str(token)}
    async with running(api.directory, **given) as program:
        status, reason = await program.health("/readyz")
        assert status == 503
        assert "Forbidden" in reason
        assert SECRET in reason
        assert (await program.health("/livez"))[0] == 200
