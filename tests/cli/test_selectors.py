"""Label selectors: what they select, and what is said when they do not."""

import pytest

from injector.command import selectors

LABELS = {"app": "gateway", "tier": "front"}


@pytest.mark.parametrize(
    ("selector", "unmet"),
    [
        (None, []),
        ({}, []),
        ({"matchLabels": {"app": "gateway"}}, []),
        ({"matchLabels": {"app": "bus"}}, ["app in (bus) (it is 'gateway')"]),
        ({"matchLabels": {"zone": "a"}}, ["zone in (a) (it is not set)"]),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["bus", "gateway"]}]}, []),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, []),
        (
            {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["gateway"]}]},
            ["app notin (gateway) (it is 'gateway')"],
        ),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, []),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}, ["zone (it is not set)"]),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, []),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, ["!app (it is 'gateway')"]),
        (
            {"matchLabels": {"app": "a", "tier": "b"}},
            ["app in (a) (it is 'gateway')", "tier in (b) (it is 'front')"],
        ),
    ],
)
def test_what_is_not_met_is_said(selector: dict[str, object] | None, unmet: list[str]) -> None:
    assert selectors.unmet(selector, LABELS) == unmet


def test_a_selector_as_a_query() -> None:
    expressions = [
        {"key": "a", "operator": "In", "values": ["1", "2"]},
        {"key": "b", "operator": "NotIn", "values": ["3"]},
        {"key": "c", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"app": "x"}, "matchExpressions": expressions}
    assert selectors.query(selector) == "app=x,a in (1,2),b notin (3),c,!d"
    assert selectors.query(None) == ""
