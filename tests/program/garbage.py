"""A program that holds 200 MB nobody needs, with the recipe of docs/memory-hooks.md in it. Arguments: the recipe.

Cyclic, unreachable objects, with the collector off: only a collection frees them. Prints its hook's port.
"""

import gc
import runpy
import signal
import sys

CHUNK = 10_000
COUNT = 20_000


class Node:
    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.itself = self


def main() -> None:
    recipe = runpy.run_path(sys.argv[1])
    gc.disable()
    keep = []
    for number in range(COUNT):
        node = Node(b"%d" % (number % 10) * CHUNK)
        if number % 1000 == 0:
            keep.append(node)  # something lives among the garbage, as it does
    print(recipe["serve_memory_hook"](0), flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
