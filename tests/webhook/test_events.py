"""What owners are told by the program: an Event on the object that made the pod, never at the expense of a review."""

from tests.webhook import reviews
from tests.webhook.installation import injector, installed, ring
from tests.webhook.program import Caller, until


async def test_the_owner_is_told_by_the_real_program():
    async with installed() as api, injector(api) as program:
        await api.create(reviews.pod("told"))

        async def told() -> list:
            return await api.list("Event", "default")

        (event,) = await until(told, "nobody was told")
        assert event["involvedObject"]["name"] == "told"
        assert (event["type"], event["reason"], event["count"]) == ("Normal", "Injected", 1)
        assert await program.metric('equilibrium_injector_events_total{result="sent"}') == 1


async def test_events_that_cannot_be_written_do_not_touch_reviews():
    async with installed() as api, injector(api) as program:
        bundle = (await ring(api)).bundle
        async with api.gone(), Caller(program, bundle) as caller:
            for number in range(20):
                response = await caller.review(reviews.review(reviews.pod(f"web-{number}")))
                assert "patch" in response

            async def failed() -> float:
                return await program.metric('equilibrium_injector_events_total{result="failed"}')

            await until(failed, "nothing was even tried")
