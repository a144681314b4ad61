"""Ports for servers of tests, of which many processes start some at the same time."""
import os
import random
import socket

# Below those that the system gives to outgoing connections, of which tests make thousands.
FIRST, BLOCK, BLOCKS = 10_000, 200, 110


class _Block:
    """Ports that only this process gives out, for as long as it lives.

    Another process must not choose one between a look at it and its use, nor while its server is down and
    will come back. So a block is held by a name in the abstract space of Unix sockets: as ports are, it is
    of the network namespace, and it ends with the process.
    """

    def __init__(self):
        self.process, self.holder = os.getpid(), None
        for number in random.SystemRandom().sample(range(BLOCKS), BLOCKS):
            holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                holder.bind(f"\0devops-demo-service/test-ports/{number}")
            except OSError:
                holder.close()
                continue
            self.holder, self.at, self.first = holder, 0, FIRST + number * BLOCK
            return
        raise RuntimeError(f"{BLOCKS} processes of tests hold ports already")

    def next(self) -> int:
        self.at = (self.at + 1) % BLOCK
        return self.first + self.at


_block = None


def free_port() -> int:
    """A port that nobody has now and that no other test chooses; each comes again after 200 others."""
    global _block
    if _block is None or _block.process != os.getpid():
        _block = _Block()
    for _ in range(BLOCK):
        port = _block.next()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As servers do.
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError(f"no port is free from {_block.first} to {_block.first + BLOCK - 1}")


__all__ = ["free_port"]
