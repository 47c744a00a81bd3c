import json
import re

import pytest

from tests.deploy import manifests

OWN = "equilibrium-system"
PART_OF = {"app.kubernetes.io/part-of": "equilibrium"}
CLUSTER = ("Namespace", "ClusterRole", "ClusterRoleBinding", "MutatingWebhookConfiguration")

Key = tuple[str, str]


def by_name(objects: list[manifests.Object]) -> dict[Key, manifests.Object]:
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def kustomized(obj: manifests.Object) -> manifests.Object:
    """What deploy/base/kustomization.yaml asks for: our label, our namespace."""
    done: manifests.Object = json.loads(json.dumps(obj))  # anchors of YAML are one dict in several places
    done["metadata"].setdefault("labels", {}).update(PART_OF)
    if done["kind"] not in CLUSTER:
        done["metadata"]["namespace"] = OWN
    return done


@pytest.mark.parametrize(("folder", "file"), manifests.RENDERED.items())
def test_it_is_what_kustomize_makes_of_its_folder(folder: str, file: str) -> None:
    head, _, body = (manifests.DEPLOY / file).read_text().partition("\n")
    assert head.startswith(f"# Rendered from deploy/{folder} by deploy/render")
    assert body == manifests.text(folder), f"deploy/{file} is out of date: run deploy/render"


@pytest.mark.parametrize("folder", manifests.RENDERED)
def test_it_has_every_object_as_it_is_written_in_its_folder(folder: str) -> None:
    # Needs no kubectl: who edits deploy/base and forgets to render hears of it everywhere.
    written = by_name([kustomized(each) for each in manifests.files(folder)])
    assert by_name(manifests.installed(folder)) == written


def test_the_namespace_comes_first_and_the_webhook_last() -> None:
    kinds = [each["kind"] for each in manifests.installed()]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "MutatingWebhookConfiguration"


def test_another_registry_is_one_substitution_as_the_docs_have_it() -> None:
    docs = (manifests.ROOT / "docs" / "install.md").read_text()
    found = re.search(r"sed -E 's#(.+?)#(.+?)#' deploy/install\.yaml", docs)
    assert found is not None
    assert f"{found[0].removesuffix('deploy/install.yaml')}deploy/coordinator.yaml" in docs
    text = "".join((manifests.DEPLOY / file).read_text() for file in manifests.RENDERED.values())
    changed, count = re.subn(found[1], found[2].replace("&", r"\g<0>"), text)
    images = re.findall(r"registry\.example/mesh/equilibrium-(\w+):0\.1\.0", changed)
    assert count == len(images) == 4
    assert set(images) == {"sidecar", "init", "injector", "coordinator"}
    assert not re.search(r"(?<!mesh/)equilibrium-\w+:0\.1\.0", changed)
