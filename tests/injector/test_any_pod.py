"""Any pod an API server would accept: what must hold of its injection (tests/fuzz/pods.py says what)."""

from tests.fuzz import pods


def test_every_promise_holds_for_300_random_pods():
    outcomes = pods.run(300, seed=6)
    assert outcomes["injected"] > 150  # else the promises would say little
