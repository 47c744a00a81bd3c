"""Between which amounts a pod may be set at all."""

from dataclasses import replace

import pytest

from coordinator.policy.config import Bounds
from coordinator.policy.reach import Reach, reach
from coordinator.policy.subject import Amounts, Policy
from tests.coordinator.policy.plant import subject

POD = replace(subject("p", 500, floor_m=105, cap_m=1999), spec=Amounts(cpu_limit_m=500))
ASKING = Amounts(cpu_request_m=200, cpu_limit_m=500)


@pytest.mark.parametrize(
    ("spec", "policy", "bounds", "expected"),
    [
        (POD.spec, "limits", Bounds(), Reach(110, 1990)),
        (POD.spec, "limits", Bounds(min_cpu_m=251, max_cpu_m=999), Reach(260, 990)),
        (ASKING, "limits", Bounds(), Reach(200, 1990)),
        (ASKING, "limits", Bounds(max_cpu_ratio=4.0), Reach(200, 800)),
        (ASKING, "requests", Bounds(), Reach(110, 500)),
        (ASKING, "requests", Bounds(max_cpu_ratio=2.0), Reach(250, 500)),
        (ASKING, "both", Bounds(max_cpu_ratio=2.0), Reach(110, 1990)),
    ],
)
def test_floor_cap_limit_range_and_request_bound_it(
    spec: Amounts, policy: Policy, bounds: Bounds, expected: Reach
) -> None:
    assert reach(replace(POD, spec=spec, policy=policy), bounds) == expected


def test_it_is_never_less_than_a_step() -> None:
    assert reach(replace(POD, floor_m=0), Bounds()) == Reach(10, 1990)


def test_bounds_that_leave_nothing_are_told() -> None:
    told = reach(replace(POD, floor_m=500), Bounds(max_cpu_m=495))
    assert told == "it may have no less than 500m and no more than 495m, in steps of 10m"


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_a_ratio_that_is_none_is_told(ratio: float) -> None:
    told = reach(replace(POD, spec=ASKING), Bounds(max_cpu_ratio=ratio))
    assert told == f"the LimitRange's ratio of limit to request is {ratio!r}; allowed: a number above 0"
