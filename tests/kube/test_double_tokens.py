"""TokenReviews of the double: what a server of v1.36 answers about tokens of pods (authentication.k8s.io/v1)."""

import pytest

from tests.coordinator.feed.objects import pod
from tests.support.kube import ApiServer, Reply

pytestmark = pytest.mark.kube

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
RULE = {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}


async def review(double: ApiServer, token: str, *audiences: str, who: str | None = None) -> Reply:
    spec = {"token": token, **({"audiences": list(audiences)} if audiences else {})}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    return await double.request("POST", PATH, body, token=who)


async def test_a_good_token_says_whose_it_is_and_for_whom_it_is_good(double: ApiServer) -> None:
    made = await double.create(pod("gateway-0", "gateway"))
    token = double.tokens.issue("default", "gateway-0", audience="equilibrium.io", account="gateway")
    reply = await review(double, token, "equilibrium.io", "other")
    assert reply.status == 201
    status = reply.body["status"]
    assert (status["authenticated"], status["audiences"]) == (True, ["equilibrium.io"])
    user = status["user"]
    assert user["username"] == "system:serviceaccount:default:gateway"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["gateway-0"]
    assert user["extra"]["authentication.kubernetes.io/pod-uid"] == [made["metadata"]["uid"]]
    assert user["extra"]["authentication.kubernetes.io/node-name"] == ["n1"]


@pytest.mark.parametrize(
    "why", ["audience", "the server's own audience", "expired", "made up", "its pod is another"]
)
async def test_any_other_token_is_not_authenticated_and_the_answer_is_201_all_the_same(
    double: ApiServer, why: str
) -> None:
    await double.create(pod("gateway-0", "gateway"))
    ends = {"expires_s": -1.0} if why == "expired" else {}
    token = double.tokens.issue("default", "gateway-0", audience="equilibrium.io", **ends)
    if why == "its pod is another":
        await double.delete("Pod", "default", "gateway-0", grace_s=0)
        await double.create(pod("gateway-0", "gateway"))
    asked = {"audience": ("other",), "the server's own audience": ()}.get(why, ("equilibrium.io",))
    reply = await review(double, "x.y.z" if why == "made up" else token, *asked)
    assert reply.status == 201
    assert "authenticated" not in reply.body["status"]
    assert reply.body["status"]["error"]


async def test_who_may_not_ask_is_refused_and_nothing_is_kept(double: ApiServer) -> None:
    assert (await review(double, "x", who=double.allow([]))).status == 403
    assert (await review(double, "x", who=double.allow([RULE]))).status == 201
    assert (await double.request("GET", PATH)).status == 405
