"""The patch of our webhooks' caBundle: exactly what is needed, only where it is ours, guarded against others."""

import base64
import copy

import jsonpatch
import pytest

from injector.certs import authority, bundle
from injector.certs.bundle import Service

SERVICE = Service("equilibrium-system", "equilibrium-injector")
OURS, THEIRS = ((authority.new_authority(1_800_000_000.0, 86400.0).certificate,) for _ in range(2))


def encoded(*certificates):
    return base64.b64encode(b"".join(certificates)).decode()


def entry(
    name="pods.injector.equilibrium.io",
    ca=None,
    service="equilibrium-injector",
    namespace="equilibrium-system",
):
    config = {"service": {"name": service, "namespace": namespace, "port": 443, "path": "/mutate"}}
    return {
        "name": name,
        "clientConfig": config | ({"caBundle": ca} if ca is not None else {}),
        "sideEffects": "None",
    }


def configuration(*entries):
    return {"metadata": {"name": "equilibrium-injector"}, "webhooks": list(entries)}


def healed(found, authorities=OURS):
    return jsonpatch.apply_patch(copy.deepcopy(found), bundle.patch(found, authorities, SERVICE))


@pytest.mark.parametrize("ca", [None, "", encoded(*THEIRS), encoded(b"scribble"), "not base64"])
def test_a_bundle_without_our_authority_becomes_ours_and_nothing_else_changes(ca):
    found = configuration(entry(ca=ca))
    assert "lacks our authority" in bundle.problem(found, OURS, SERVICE)
    after = healed(found)
    assert after == configuration(entry(ca=encoded(*OURS)))
    assert bundle.problem(after, OURS, SERVICE) == ""
    assert bundle.patch(after, OURS, SERVICE) == []


def test_a_bundle_that_has_our_authority_among_others_is_left_alone():
    found = configuration(entry(ca=encoded(b"a comment\n", *THEIRS, *OURS)))
    assert bundle.patch(found, OURS, SERVICE) == []
    assert bundle.problem(found, OURS, SERVICE) == ""


def test_how_the_lines_are_broken_does_not_matter():
    found = configuration(entry(ca=encoded(OURS[0].replace(b"\n", b"\r\n"))))
    assert bundle.patch(found, OURS, SERVICE) == []


def test_a_roll_over_puts_in_the_new_one_beside_the_old():
    found = configuration(entry(ca=encoded(*OURS)))
    both = (*THEIRS, *OURS)
    assert healed(found, both) == configuration(entry(ca=encoded(*both)))


def test_each_of_our_entries_is_healed_and_nobody_elses():
    others = entry("other.example", ca="", service="somebody")
    elsewhere = entry("elsewhere.example", ca="", namespace="default")
    found = configuration(others, entry("a", ca=encoded(*OURS)), entry("b"), elsewhere, entry("c", ca=""))
    patched = {
        operation["path"] for operation in bundle.patch(found, OURS, SERVICE) if operation["op"] == "add"
    }
    assert patched == {"/webhooks/2/clientConfig/caBundle", "/webhooks/4/clientConfig/caBundle"}
    assert bundle.problem(found, OURS, SERVICE) == "caBundle of b, c lacks our authority"


def test_an_entry_that_calls_a_url_is_ours_by_the_configurations_name():
    found = configuration({"name": "a", "clientConfig": {"url": "https://127.0.0.1:15443/mutate"}})
    assert healed(found)["webhooks"][0]["clientConfig"]["caBundle"] == encoded(*OURS)


@pytest.mark.parametrize("change", ["name", "order", "bundle"])
def test_a_patch_does_not_apply_to_what_somebody_changed_in_between(change):
    found = configuration(entry("a", ca=encoded(*THEIRS)), entry("b", ca=""))
    operations = bundle.patch(found, OURS, SERVICE)
    moved = copy.deepcopy(found)
    if change == "name":
        moved["webhooks"][0]["name"] = "c"
    elif change == "order":
        moved["webhooks"].reverse()
    else:
        moved["webhooks"][0]["clientConfig"]["caBundle"] = ""
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(moved, operations)


def test_what_is_missing_is_said():
    assert bundle.problem(None, OURS, SERVICE) == "does not exist"
    nobody = "has no webhook for the service equilibrium-system/equilibrium-injector"
    assert bundle.problem({"webhooks": None}, OURS, SERVICE) == nobody
    assert bundle.problem(configuration(entry(service="x")), OURS, SERVICE) == nobody


def test_without_an_authority_nothing_is_written():
    found = configuration(entry(ca=encoded(*THEIRS)))
    assert bundle.patch(found, (), SERVICE) == []
    assert "not made yet" in bundle.problem(found, (), SERVICE)
