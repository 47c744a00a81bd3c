"""The command line of `equilibrium-resize`: what it takes, and the help that teaches it."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from coordinator.kube.resize import amounts
from coordinator.policy.outcome import Kind
from sidecar import parsing
from sidecar.parsing import ParseError, unfit

EXIT: Final[dict[Kind, int]] = {
    "applied": 0,
    "failed": 1,
    "deferred": 3,
    "infeasible": 4,
    "conflict": 5,
    "forbidden": 6,
    "unsupported": 7,
    "superseded": 8,
    "vetoed": 9,
}
"""Of the command; 2 is wrong usage, 130 interrupted."""
FIELD_MANAGER: Final = "equilibrium-resize"
"""Not the coordinator's: it is to notice that somebody else wrote."""
INTERRUPTED: Final = 130
_DESCRIPTION: Final = """\
Gives a container of a running pod other CPU or memory, in place: the pod is not made anew, and unless its resizePolicy
says so no container is restarted. Kubernetes 1.33 or newer; 1.32 with the feature gate InPlacePodVerticalScaling."""
_EPILOG: Final = """\
what is set, by --policy
  limits    (default) how much it may use at most; what it is guaranteed, and the scheduler, are left alone
  requests  what it is guaranteed: the node needs that much room, and HPAs on CPU utilisation look at it
  both      requests and limits, to the same amount; the only policy for Guaranteed pods
  A CPU limit is rounded up to 10m, which is what the kernel can enforce. Nothing else of the pod changes.

what is refused before anybody is asked
  What would change the pod's QoS class, a request above its limit, a container whose resizePolicy restarts it (but
  with --allow-restart), BestEffort, static, Windows, ended and terminating pods.

examples
  equilibrium-resize bus-service-7b9cdc7547-l7ng4 -n shop --cpu 700m --dry-run
  equilibrium-resize bus-service-7b9cdc7547-l7ng4 -n shop --container app --cpu 700m --wait
  equilibrium-resize db-0 --cpu 2 --memory 4Gi --policy both --wait --timeout 2m
  equilibrium-resize db-0 --memory 4Gi --allow-restart --output json
  kubectl proxy & equilibrium-resize db-0 --cpu 500m --server http://127.0.0.1:8001

exit status
  0 applied       the server took it; with --wait the kubelet enforces it. Also: nothing to change, and a good dry run
  1 failed        no answer, or errors to the end: nothing is known, look at the pod
  2               wrong usage
  3 deferred      the node has no room yet, or time was up; the kubelet goes on trying: wait, or set it back
  4 infeasible    can never be, as asked
  5 conflict      somebody wrote between reading and writing, time and again
  6 forbidden     401, RBAC, a quota, a LimitRange, another admission
  7 unsupported   no pods/resize here, an old kubelet, a Windows or static pod
  8 superseded    the pod is gone or another, or somebody else resized it after us
  9 vetoed        the pod's sidecar said no (never by this command, which does not ask it)
  130             interrupted: the patch may or may not have been sent"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """`cpu` and `memory` as they were given, both checked. Ends the program (SystemExit) on wrong usage."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.cpu is None and given.memory is None:
        parser.error("nothing to change: give --cpu, --memory or both")
    if given.dry_run and given.wait:
        parser.error("--dry-run changes nothing there is to wait for: leave out --wait")
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="equilibrium-resize",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_what(parser)
    _add_how(parser)
    _add_cluster(parser.add_argument_group("which cluster"))
    return parser


def _add_what(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pod", metavar="POD", type=_taking(_pod), help="NAME or pod/NAME")
    add("-n", "--namespace", metavar="NAME", type=_taking(_namespace), help="default: that of the context")
    add(
        "-c",
        "--container",
        metavar="NAME",
        help="default: that of the annotation kubectl.kubernetes.io/default-container, else the first",
    )
    add("--cpu", metavar="AMOUNT", type=_taking(_cpu), help="such as 500m or 2")
    add("--memory", metavar="AMOUNT", type=_taking(_memory), help="such as 256Mi or 1Gi")
    add("--policy", choices=("limits", "requests", "both"), default="limits", help="(default: %(default)s)")


def _add_how(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--wait", action="store_true", help="until the kubelet has done it, or said that it can not")
    add(
        "--timeout",
        metavar="TIME",
        type=_taking(parsing.parse_duration),
        default=60.0,
        help="of --wait (default: 60s)",
    )
    add(
        "--dry-run",
        action="store_true",
        help="show the patch and have the server check it; nothing is stored",
    )
    add("--allow-restart", action="store_true", help="also where its resizePolicy restarts the container")
    add("--output", "-o", choices=("text", "json"), default="text", help="(default: %(default)s)")
    add(
        "--field-manager",
        metavar="NAME",
        type=_taking(_manager),
        default=FIELD_MANAGER,
        help="who is named in managedFields (default: %(default)s)",
    )


def _add_cluster(group: Any) -> None:
    add = group.add_argument
    add(
        "--kubeconfig",
        metavar="FILE",
        help="default: $KUBECONFIG, then ~/.kube/config; in a pod, its service account",
    )
    add("--context", metavar="NAME", help="default: the current one")
    add(
        "--server",
        metavar="URL",
        type=_taking(_server),
        help="an API server that asks for no credentials, such as that of `kubectl proxy`",
    )


def _taking(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Our parsers' mistakes in argparse's words."""

    def checked(text: str) -> Any:
        try:
            return parse(text)
        except ParseError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _pod(text: str) -> str:
    kind, slash, name = text.rpartition("/")
    if (slash and kind not in ("pod", "pods", "po")) or not re.fullmatch(
        r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name
    ):
        raise unfit(f"{text!r}: not a pod", "NAME or pod/NAME")
    return name


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise unfit(f"{text!r}: not a namespace", "lower-case letters, digits and '-'")
    return text


def _cpu(text: str) -> str:
    amounts.change(text, None, "limits")
    return text


def _memory(text: str) -> str:
    amounts.change(None, text, "limits")
    return text


def _manager(text: str) -> str:
    if not text.isprintable() or not 0 < len(text) <= 128:
        raise unfit("not a field manager", "1 to 128 printable characters")
    return text


def _server(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise unfit(f"{text!r}: not a URL", "http://HOST:PORT or https://HOST:PORT")
    return text
