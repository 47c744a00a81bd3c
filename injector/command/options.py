"""The command line of `equilibrium-inject`: what it takes, with which parsers, and what that chooses."""

import argparse
from collections.abc import Callable
from typing import Any, Final

from injector import values
from injector.command.offline import Choices
from injector.mutation import decision, plan
from injector.template import Resources, Template
from sidecar import parsing
from sidecar.parsing import ParseError

_DEFAULT: Final = Template()
_DESCRIPTION: Final = """\
Puts the sidecar into the pods and pod templates of manifests that ask for it, as the injector would in a cluster, and
writes YAML for `kubectl apply -f -`. What does not change keeps its text. No cluster is asked.

`equilibrium-inject check deployment/gateway` tells why a workload of a cluster is injected, or why not (check --help).
"""
_EPILOG: Final = """\
which are injected
  Those with the annotation equilibrium.io/inject: "true", on the pod template or on the workload itself; with --all
  every one that does not say "false". Pods, Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs, CronJobs, and
  Lists of them.

examples
  equilibrium-inject -f deploy.yaml | kubectl apply -f -
  kustomize build . | equilibrium-inject -n shop -f - -o injected.yaml
  kubectl get deployment gateway -o yaml | equilibrium-inject --all -f - | kubectl apply -f -
  equilibrium-inject -f deploy.yaml --restricted        # for a namespace that enforces Pod Security
  equilibrium-inject -f injected.yaml --uninject        # and back again

exit status: 0 done, or nothing to do; 1 refused, and nothing is written (a value that is not allowed, a file that is no
manifest); 2 wrong usage"""
_TEMPLATE: Final[tuple[tuple[str, str, Callable[[str], Any], str], ...]] = (
    ("image", "IMAGE", values.parse_image, "the sidecar"),
    ("init-image", "IMAGE", values.parse_image, "the init container that sets up interception"),
    (
        "pull-policy",
        "POLICY",
        parsing.parse_choice("Always", "IfNotPresent", "Never"),
        "Always, IfNotPresent or Never, of both images",
    ),
    (
        "discovery",
        "SOURCE",
        values.parse_discovery,
        "where sidecars get endpoints from: dns, kubernetes or coordinator:URL",
    ),
    ("advice", "SOURCE", values.parse_advice, "who tells sidecars where to send: auto, off or a URL"),
    (
        "discovery-ca",
        "NAME",
        values.parse_name,
        "ConfigMap, in each pod's namespace, with the coordinator's ca.crt",
    ),
    (
        "skip-subnets",
        "SUBNET,…",
        parsing.parse_list(values.parse_subnet),
        "destinations that are never intercepted",
    ),
    ("mesh-key-secret", "NAME", values.parse_name, "Secret, in each pod's namespace, with the mesh key"),
    ("own-namespace", "NAME", values.parse_name, "the injector's, where nothing is injected"),
)
"""Fields of `Template`: option, what it takes, parser, meaning."""


def parser() -> argparse.ArgumentParser:
    """Of everything but `check`."""
    made = argparse.ArgumentParser(
        prog="equilibrium-inject",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_input(made)
    _add_namespace(made)
    made.add_argument(
        "--uninject", "--remove", dest="remove", action="store_true", help="take the sidecar out again"
    )
    _add_template(
        made.add_argument_group("what is put into pods: say what the injector of your cluster is told")
    )
    return made


def _add_input(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "-f",
        "--filename",
        dest="files",
        metavar="FILE",
        action="append",
        required=True,
        help="YAML or JSON; - is standard input; may be given again",
    )
    made.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to write (default: standard output)"
    )


def _add_namespace(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "-n",
        "--namespace",
        metavar="NAME",
        default="default",
        type=taking(values.parse_name),
        help="of objects that name none (default: %(default)s)",
    )
    made.add_argument(
        "--all",
        "--namespace-enabled",
        dest="everyone",
        action="store_true",
        help='as in a namespace labelled equilibrium.io/inject=enabled: all but those that say "false"',
    )
    made.add_argument(
        "--restricted",
        action="store_true",
        help="the namespace enforces Pod Security baseline or restricted: no interception by iptables",
    )


def _add_template(group: "argparse._ArgumentGroup") -> None:
    for name, metavar, parse, meaning in _TEMPLATE:
        default = getattr(_DEFAULT, name.replace("-", "_"))
        shown = f" (default: {default})" if default else ""
        group.add_argument(
            f"--{name}", metavar=metavar, default=default or None, type=taking(parse), help=meaning + shown
        )
    group.add_argument(
        "--native",
        action=argparse.BooleanOptionalAction,
        default=_DEFAULT.native,
        help="a native sidecar, an init container that stays: Kubernetes 1.29 and up (default: yes)",
    )
    group.add_argument(
        "--resources",
        metavar="KEY=QUANTITY,…",
        default=Resources(),
        type=taking(_resources),
        help="cpu-request=50m,memory-request=96Mi,cpu-limit=500m,memory-limit=192Mi; those not given stay so",
    )


def _resources(text: str) -> Resources:
    return Resources(**values.parse_resources(text))


def taking(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The `type` of an argument: our parsers' mistakes in argparse's words."""

    def checked(text: str) -> Any:
        try:
            return parse(text)
        except ParseError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None

    return checked


def choices(given: argparse.Namespace) -> Choices:
    """What was given, as the modules that do the work take it."""
    flags = {decision.NAMESPACE: given.everyone, plan.RESTRICTED: given.restricted}
    fields = [name.replace("-", "_") for name, *_ in _TEMPLATE]
    template = Template(
        native=given.native,
        resources=given.resources,
        **{field: getattr(given, field) or getattr(_DEFAULT, field) for field in fields},
    )
    return Choices(
        template=template,
        namespace=given.namespace,
        flags=frozenset(flag for flag, wanted in flags.items() if wanted),
        remove=given.remove,
    )
