"""CPU limits as the kernel takes them: microseconds in every period of 100 ms (CFS bandwidth control). Pure.

runc writes the limit as it is; with the systemd driver, the usual one, it is rounded up to 10 ms a second, so 417m
becomes 420m (runc#4622, shared/reference/kubernetes.md §0.7). Below 1 ms a period the kernel refuses.
"""

from typing import Final

PERIOD_US: Final = 100_000
LEAST_US: Final = 1_000
SYSTEMD_STEP_M: Final = 10
US_PER_M: Final = PERIOD_US // 1000
SHARES_PER_CORE: Final = 1024
LEAST_SHARES: Final = 2
_NO_QUOTA: Final = -1


def quota_us(limit_m: int, step_m: int = SYSTEMD_STEP_M) -> int:
    """Microseconds a period for a limit in millicores; `step_m` 1: the cgroupfs driver, which does not round."""
    return max(LEAST_US, -(-limit_m // step_m) * step_m * US_PER_M)


def limit_m(quota: int, period_us: int = PERIOD_US) -> int | None:
    """What the kernel enforces, in millicores; None for no limit (-1)."""
    return None if quota < 0 else -(-quota * 1000 // period_us)


def shares(request_m: int) -> int:
    """`cpu.shares` of a request: `MilliCPUToShares` of the kubelet."""
    return max(LEAST_SHARES, request_m * SHARES_PER_CORE // 1000)


def weight(request_m: int) -> int:
    """`cpu.weight` of version 2 for the same request: shares 2…262144 onto 1…10000, as KEP-2254 maps them."""
    return 1 + (shares(request_m) - 2) * 9999 // 262142


def cpu_max(limit: int | None, step_m: int = SYSTEMD_STEP_M) -> str:
    """The text of version 2's `cpu.max`."""
    return f"{'max' if limit is None else quota_us(limit, step_m)} {PERIOD_US}"


def parse_cpu_max(text: str) -> int | None:
    """The limit in `cpu.max`, millicores; None for `max`."""
    quota, period = text.split()
    return None if quota == "max" else limit_m(int(quota), int(period))
