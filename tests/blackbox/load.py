"""A closed loop of many clients in one thread: prepared bytes out, heads of answers in. Quick enough to
keep the service's writer busy from Python.
"""
import selectors
import socket
import time

from client import Address, list_of


class Client:
    """One connection and the requests it sends, one after the other's answer."""

    def __init__(self, address, requests):
        self.address = Address.of(address)
        self.socket = socket.create_connection(self.address.following(), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests, self.sent, self.statuses, self.buffer = requests, 0, [], b""
        self.revisions = []

    def send_next(self) -> bool:
        if self.sent == len(self.requests):
            return False
        self.socket.sendall(self.requests[self.sent])
        self.sent += 1
        return True

    def receive(self) -> bool:
        """True when a whole answer is there."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the connection was closed")
        self.buffer += part
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.buffer[:end].lower()
        at = head.find(b"\r\ncontent-length: ")
        length = int(head[at + 18:].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return False
        self.statuses.append(int(head[9:12]))
        at = head.find(b"\r\nlist-revision: ")
        self.revisions.append(int(head[at + 17:].split(b"\r\n", 1)[0]) if at >= 0 else None)
        if at >= 0:
            target = self.requests[len(self.statuses) - 1].split(b" ", 2)[1]
            self.address.note(list_of(target.decode("latin-1")), self.revisions[-1])
        self.buffer = self.buffer[end + 4 + length:]
        return True


def run(clients, seconds=120.0) -> float:
    """All clients until their requests are done; returns how long it took."""
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    began = time.monotonic()
    busy = sum(client.send_next() for client in clients)
    while busy:
        assert time.monotonic() - began < seconds, "the load did not end"
        ready = [key.data for key, _ in selector.select(5) if key.data.receive()]
        busy -= sum(not client.send_next() for client in ready)
    took = time.monotonic() - began
    for client in clients:
        client.socket.close()
    selector.close()
    return took
