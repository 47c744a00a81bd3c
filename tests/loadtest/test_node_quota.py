import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.mesh.node import quota

LIMITS = st.integers(1, 1_000_000)


def test_a_limit_is_microseconds_in_a_period_of_100_ms() -> None:
    assert quota.quota_us(500) == 50_000
    assert quota.quota_us(2000) == 200_000


def test_odd_millicores_are_rounded_up_as_systemd_does_and_kept_as_cgroupfs_does() -> None:
    assert quota.limit_m(quota.quota_us(417)) == 420
    assert quota.limit_m(quota.quota_us(417, 1)) == 417, "transcripts/kubelet-resize-odd-millicores.json"


def test_the_kernel_takes_nothing_below_a_millisecond() -> None:
    assert quota.quota_us(1, 1) == 1000


@given(LIMITS, st.sampled_from([1, 10]))
def test_what_the_kernel_enforces_is_never_less_than_asked_and_at_most_a_step_more(
    limit: int, step: int
) -> None:
    enforced = quota.limit_m(quota.quota_us(limit, step))
    assert enforced is not None
    assert limit <= enforced < max(limit + step, 11)


@given(LIMITS)
def test_version_2_says_the_same_as_version_1(limit: int) -> None:
    assert quota.parse_cpu_max(quota.cpu_max(limit)) == quota.limit_m(quota.quota_us(limit))


def test_no_limit_is_none_in_both_versions() -> None:
    assert quota.parse_cpu_max(quota.cpu_max(None)) is None
    assert quota.limit_m(-1) is None


@pytest.mark.parametrize(("request_m", "shares"), [(0, 2), (1, 2), (250, 256), (1000, 1024)])
def test_requests_are_the_kubelets_shares(request_m: int, shares: int) -> None:
    assert quota.shares(request_m) == shares
    assert 1 <= quota.weight(request_m) <= 10_000
