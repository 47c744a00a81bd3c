"""A port for a program that has to be told one.

Below those the kernel gives away by itself, and in an order of this process's own: between the choice and the
program's start nobody else, client or test of another worker, comes by it.
"""

import contextlib
import itertools
import os
import socket

FIRST = 20_000
COUNT = 12_000
_numbers = itertools.count(os.getpid() * 101)


def free(host: str = "127.0.0.1") -> int:
    """Free for UDP and for TCP."""
    for number in itertools.islice(_numbers, COUNT):
        port = FIRST + number % COUNT
        with (
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind((host, port))
            udp.bind((host, port))
            return port
    raise RuntimeError("no port is free: are other runs left over?")
