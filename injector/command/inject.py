"""`equilibrium-inject`: what the injector does in a cluster, done to manifests; and `equilibrium-inject check`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from injector.command import manifests, offline, options, report
from injector.command.manifests import Document, ManifestError


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 refused, 2 wrong usage; those of `check` are its own."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] == "check":
        from injector.command import check  # asks a cluster: needs what a converter of files does not

        return check.main(argv[1:])
    try:
        given = options.parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    return _convert(given)


def _convert(given: argparse.Namespace) -> int:
    documents, mistakes = _read(given.files)
    choices = options.choices(given)
    converted = [(document, *offline.convert(document.value, choices)) for document in documents]
    told = [each for _, _, several in converted for each in several]
    others = sum(document.value is not None and not several for document, _, several in converted)
    for line in [*mistakes, *report.lines(told, others)]:
        print(f"equilibrium-inject: {line}", file=sys.stderr)
    if mistakes or any(each.outcome == "refused" for each in told):
        return 1
    return _write(given.output, manifests.write((document, value) for document, value, _ in converted))


def _read(files: Sequence[str]) -> tuple[list[Document], list[str]]:
    documents: list[Document] = []
    mistakes = []
    for name in files:
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            documents += manifests.read(raw.decode())
        except OSError as error:
            mistakes.append(f"{name}: {error.strerror}")
        except (ManifestError, UnicodeDecodeError) as error:
            mistakes.append(f"{name}: {error}")
    return documents, mistakes


def _write(output: str, text: str) -> int:
    try:
        if output == "-":
            sys.stdout.buffer.write(text.encode())
            sys.stdout.flush()
        else:
            Path(output).write_text(text, encoding="utf-8")
    except BrokenPipeError:
        # `| head` has seen enough; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"equilibrium-inject: {output}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
