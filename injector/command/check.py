"""`equilibrium-inject check`: why a pod or workload of a cluster is, or is not, injected."""

import argparse
import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from injector.command import findings, observation, subject
from injector.command.findings import Finding, Report
from injector.command.options import taking
from injector.command.subject import Subject
from sidecar.errors import ConfigError
from sidecar.kube import kubeconfig
from sidecar.kube.access import Access
from sidecar.kube.client import ApiError, Client
from sidecar.parsing import ParseError, unfit

_MARKS: Final = {True: "✓", False: "✗", None: "·"}
_EPILOG: Final = """\
It looks at the object, its owner and pod template, the labels of its namespace, the webhooks and the injector behind
them, what was told in Events, and asks the server for a dry run of such a pod, which stores nothing. What you may not
look at is said and left out.

  ✓ as it should be   ✗ in the way   · worth knowing   → what to do next

examples
  equilibrium-inject check deployment/gateway -n shop
  equilibrium-inject check pod gateway-5f6bd-x7k2p
  equilibrium-inject check gateway --context staging
  kubectl proxy & equilibrium-inject check gateway --server http://127.0.0.1:8001

exit status: 0 injected, or nobody asked; 3 not injected though somebody asked; 1 trouble (also: the server cannot be
asked); 2 wrong usage"""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 as expected, 3 not injected though asked, 1 trouble, 2 wrong usage."""
    try:
        given = _parser().parse_args(argv)
        candidates = subject.parse(given.what)
    except SystemExit as end:
        return int(end.code or 0)
    except ParseError as error:
        return _failed(str(error), 2)
    with tempfile.TemporaryDirectory(prefix="equilibrium-") as folder:
        try:
            way = kubeconfig.find(given.server, given.kubeconfig, given.context, os.environ, Path(folder))
            return asyncio.run(_check(way.access, candidates, given.namespace or way.namespace))
        except (ConfigError, ApiError) as error:
            return _failed(str(error), findings.TROUBLE)


async def _check(access: Access, candidates: Sequence[Subject], namespace: str) -> int:
    client = Client(access)
    try:
        seen = await observation.observe(client, candidates, namespace)
    finally:
        await client.close()
    report = Report(seen)
    print(f"{seen.subject} in namespace {namespace}: {'injected' if report.injected else 'not injected'}")
    for finding in report.findings():
        print("\n".join(_lines(finding)))
    return report.status


def _lines(finding: Finding) -> list[str]:
    first, *more = finding.said.splitlines()
    lines = [f"{_MARKS[finding.good]} {first}", *(f"    {line}" for line in more)]
    return [*lines, f"    → {finding.next}"] if finding.next else lines


def _failed(text: str, status: int) -> int:
    for line in text.splitlines():
        print(f"equilibrium-inject check: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="equilibrium-inject check",
        description="Why is it, or is it not, injected?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("what", nargs="+", metavar="KIND/NAME", help="deployment/gateway, `pod NAME`, or just a name")
    add("-n", "--namespace", metavar="NAME", help="default: that of the context")
    add(
        "--kubeconfig",
        metavar="FILE",
        help="default: $KUBECONFIG, then ~/.kube/config; in a pod, its service account",
    )
    add("--context", metavar="NAME", help="default: the current one")
    add(
        "--server",
        metavar="URL",
        type=taking(_server),
        help="an API server that asks for no credentials, such as that of `kubectl proxy`",
    )
    return parser


def _server(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise unfit("not a URL", "http://HOST:PORT or https://HOST:PORT")
    return text


if __name__ == "__main__":
    sys.exit(main())
