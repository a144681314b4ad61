"""A TCP proxy of the tests' own, to stand between the service and a server and to break what passes.

It works in a process of its own: in ours each of its system calls would have to wait for the
interpreter, up to 5 ms whenever another thread is busy. Commands go to it over a pipe, and each has
taken effect when its call returns. It ends by itself when we do.
"""
import collections
import errno
import heapq
import multiprocessing.connection
import pathlib
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

BUFFER = memoryview(bytearray(256 * 1024))
IN, OUT, HUNG_UP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR
AGAIN = (errno.EAGAIN, errno.EINPROGRESS)


class Side:
    """One of a connection's two sockets, and what waits to be sent on it."""

    def __init__(self, engine, sock, to_server):
        self.engine, self.sock, self.to_server = engine, sock, to_server
        self.peer = None
        self.pending = bytearray()
        self.connected, self.closing, self.closed = True, False, False
        self.ended, self.lost = False, False  # It has said all; it swallowed something.
        self.budget = None  # Of bytes that may still come out of it.
        self.last_due, self.watched = 0.0, 0
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- Events

    def watch(self):
        """Reads only while the other side takes what is read."""
        if self.closed:
            return
        reads = self.connected and self.peer.connected and not self.ended and not self.peer.pending \
            and not self.engine.frozen
        wanted = (IN if reads else 0) | (OUT if not self.connected or self.pending else 0)
        if wanted == self.watched:
            return
        if not wanted:  # Even with no events the poll would tell, over and over, of one that has hung up.
            self.engine.poll.unregister(self.sock)
        elif not self.watched:
            self.engine.poll.register(self.sock, wanted)
        else:
            self.engine.poll.modify(self.sock, wanted)
        self.watched = wanted

    def on_event(self, event):
        if self.closed:
            return
        if event & (OUT | HUNG_UP) and self.watched & OUT:
            self.on_writable()
        if event & (IN | HUNG_UP) and self.watched & IN and not self.closed:
            self.read()

    def on_writable(self):
        if not self.connected:
            if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.engine.counters["failed"] += 1
                self.engine.close(self, reset=True)
                return
            self.connected = True
        self.flush()
        self.peer.watch()
        self.watch()

    def read(self):
        try:
            size = self.sock.recv_into(BUFFER)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if self.engine.plain and size:
            self.engine.count(self, size)
            self.peer.send(BUFFER[:size])
        else:
            self.engine.bend(self, bytes(BUFFER[:size]))

    # -- Sending

    def send(self, data):
        """At once as far as the kernel takes it."""
        sent = 0
        if not self.pending:
            try:
                sent = self.sock.send(data)
                if sent == len(data):
                    return
            except BlockingIOError:
                pass
            except OSError:
                self.engine.close(self)
                return
        self.pending += data[sent:]
        self.watch()
        self.peer.watch()

    def flush(self):
        try:
            while self.pending:
                del self.pending[:self.sock.send(self.pending)]
        except BlockingIOError:
            return
        except OSError:
            self.engine.close(self)
            return
        if self.closing:
            self.engine.close(self)

    def finish(self):
        """The other side has ended: so does this, after what is still to be sent."""
        self.closing = True
        if not self.pending:
            self.engine.close(self)


class Engine:
    """The proxy's process: one thread, one poll. Methods named in COMMANDS are called over the pipe."""

    COMMANDS = {"set_target", "set_delay", "cut", "refuse", "black_hole", "freeze", "half_answer",
                "cut_after_request", "count_all"}

    def __init__(self, target, control):
        self.target, self.control = tuple(target), control
        self.poll, self.handlers, self.sides = select.epoll(), {}, set()
        self.counters = collections.Counter()
        self.delay_seconds, self.hole, self.frozen, self.refusing = 0.0, False, False, False
        self.answer_budget, self.answer_once = None, False
        self.requests_left, self.containing = 0, b""
        self.plain = True  # Nothing to bend: the short way.
        self.late, self.order = [], 0
        self.dead = []  # Sockets to close when no event in hand can still mean their numbers.
        self.listener, self.port = self._listen()
        self.handlers[self.listener.fileno()] = self.on_connection
        self.listening = False
        self._watch_listener()
        self.poll.register(control.fileno(), IN)

    @staticmethod
    def _listen():
        while True:
            port = random.SystemRandom().randrange(10_000, 32_000)
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen(1024)
                listener.setblocking(False)
                return listener, port
            except OSError:
                listener.close()

    def _watch_listener(self):
        wanted = not self.refusing and not self.frozen
        if wanted and not self.listening:
            self.poll.register(self.listener, IN)
        elif self.listening and not wanted:
            self.poll.unregister(self.listener)
        self.listening = wanted

    def run(self):
        self.control.send(self.port)
        try:
            while True:
                command = False
                for number, event in self.poll.poll(self._wait()):
                    handler = self.handlers.get(number)
                    if handler is not None:
                        handler(event)
                    elif number == self.control.fileno():
                        command = True
                self._send_late()
                self._bury()
                if command:
                    self.on_command()
        except (EOFError, ConnectionError):
            pass

    def _wait(self):
        if not self.late or self.frozen:
            return None
        return max(0.0, self.late[0][0] - time.monotonic())

    def _bury(self):
        for sock in self.dead:
            sock.close()
        self.dead.clear()

    # -- Connections

    def on_connection(self, _event):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        self.counters["connections"] += 1
        client, server = Side(self, sock, True), Side(self, socket.socket(), False)
        client.peer, server.peer = server, client
        server.budget = None if self.answer_once else self.answer_budget
        for side in (client, server):
            self.sides.add(side)
            self.handlers[side.sock.fileno()] = side.on_event
        if self.hole:
            client.lost = server.ended = True
        else:
            self._connect(server)
        client.watch()
        server.watch()

    def _connect(self, server):
        result = server.sock.connect_ex(self.target)
        server.connected = result == 0
        if result not in (0, *AGAIN):
            self.counters["failed"] += 1
            self.close(server, reset=True)

    def close(self, side, reset=False):
        """Both sockets. Without `reset` what was sent arrives before the end does."""
        for one in (side, side.peer):
            if not one.closed:
                one.closed = True
                if one.watched:
                    self.poll.unregister(one.sock)
                self.sides.discard(one)
                del self.handlers[one.sock.fileno()]
                if reset:
                    one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    self._shut_down(one.sock)
                self.dead.append(one.sock)

    @staticmethod
    def _shut_down(sock):
        """Close alone would be a reset where something has come that nobody read."""
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def count(self, side, size):
        name = "up" if side.to_server else "down"
        self.counters["bytes_" + name] += size
        self.counters["chunks_" + name] += 1

    # -- The long way, of what is delayed, swallowed or cut

    def bend(self, side, data):
        """`data` has come from it; nothing: it has ended."""
        if not data:
            side.ended = True
            side.watch()
        if self.hole:
            self.counters["swallowed"] += len(data)
            side.lost = True
        elif self.delay_seconds or side.last_due:
            side.last_due = max(time.monotonic() + self.delay_seconds, side.last_due)
            self.order += 1
            heapq.heappush(self.late, (side.last_due, self.order, side, data))
        else:
            self.deliver(side, data)

    def _send_late(self):
        if not self.late or self.frozen:
            return
        while self.late and self.late[0][0] <= time.monotonic():
            due, _, side, data = heapq.heappop(self.late)
            if due == side.last_due:
                side.last_due = 0.0
            if self.hole:
                side.lost = True
            elif not side.closed:
                self.deliver(side, data)
        self._choose_way()

    def deliver(self, side, data):
        if not data:
            side.peer.finish()
            return
        last = self._is_last_answer(side, data) if not side.to_server else False
        if last:
            data = data[:side.budget]
        elif side.budget is not None:
            side.budget -= len(data)
        self.count(side, len(data))
        if data:
            side.peer.send(data)
        if last or (side.to_server and self._is_last_request(data)):
            self.counters["cuts"] += 1
            side.ended = True
            side.watch()
            side.peer.finish()

    def _is_last_answer(self, side, data):
        if self.answer_once:
            side.budget, self.answer_budget, self.answer_once = self.answer_budget, None, False
        return side.budget is not None and len(data) >= side.budget

    def _is_last_request(self, data):
        if not self.requests_left or self.containing not in data:
            return False
        self.requests_left -= 1
        if not self.requests_left:
            self._choose_way()
        return not self.requests_left

    def _choose_way(self):
        self.plain = not (self.delay_seconds or self.hole or self.requests_left or self.late
                          or self.answer_budget is not None
                          or any(side.budget is not None for side in self.sides))

    # -- Commands

    def on_command(self):
        name, arguments = self.control.recv()
        try:
            answer = getattr(self, name)(*arguments) if name in self.COMMANDS else None
            self._bury()
            self._choose_way()
            self.control.send((True, answer))
        except Exception as error:  # pylint: disable=broad-except
            self.control.send((False, repr(error)))

    def set_target(self, host, port):
        self.target = (host, port)

    def set_delay(self, seconds):
        self.delay_seconds = seconds

    def cut(self, reset):
        count = len(self.sides) // 2
        for side in list(self.sides):
            self.close(side, reset)
        self.counters["cuts"] += count
        return count

    def refuse(self, on):
        """The socket stays bound: nobody else can take the port meanwhile."""
        before, self.refusing = self.refusing, on
        if before and not on:
            self.listener.listen(1024)
        self._watch_listener()
        if on and not before:
            self.listener.shutdown(socket.SHUT_RDWR)

    def black_hole(self, on):
        self.hole = on
        for side in [side for side in self.sides if side.pending]:
            side.pending.clear()
            side.lost = True
            side.watch()
            side.peer.watch()
        if not on:
            for side in [side for side in self.sides if side.lost or side.peer.lost]:
                self.close(side, reset=True)

    def freeze(self, on):
        self.frozen = on
        self._watch_listener()
        for side in list(self.sides):
            side.watch()

    def half_answer(self, size, once):
        self.answer_budget, self.answer_once = size, once
        for side in list(self.sides):
            if not side.to_server:
                side.budget = None if once else size

    def cut_after_request(self, count, containing):
        self.requests_left, self.containing = count, containing

    def count_all(self):
        names = ("connections", "failed", "cuts", "swallowed", "bytes_up", "bytes_down", "chunks_up",
                 "chunks_down")
        return {**{name: self.counters[name] for name in names}, "open": len(self.sides) // 2}


class Proxy:
    """Listens on `port` of 127.0.0.1 and passes on to `target`, a (host, port)."""

    def __init__(self, target):
        self._target, self._lock = tuple(target), threading.Lock()
        self._control, theirs = multiprocessing.connection.Pipe()
        with theirs:
            command = [sys.executable, "-E", "-S", str(pathlib.Path(__file__).resolve()),
                       str(theirs.fileno()), *map(str, self._target)]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()],
                                             stdin=subprocess.DEVNULL, start_new_session=True)
        self.port = self._control.recv()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._control.close()
        self._process.wait(10)

    def _call(self, name, *arguments):
        with self._lock:
            self._control.send((name, arguments))
            done, answer = self._control.recv()
        if not done:
            raise RuntimeError(answer)
        return answer

    @property
    def target(self):
        return self._target

    @target.setter
    def target(self, address):
        """New connections go there; those that are open stay."""
        self._call("set_target", *address)
        self._target = tuple(address)

    def delay(self, seconds):
        """What comes from now on is passed on so much later, each way."""
        self._call("set_delay", seconds)

    def cut(self, reset=True) -> int:
        """Closes all connections; how many. Without `reset` as a program does that ends in order."""
        return self._call("cut", reset)

    def refuse(self, on=True):
        """New connections are refused; those that are open stay."""
        self._call("refuse", on)

    def black_hole(self, on=True):
        """Takes connections and all they say, and says nothing. Ended, it resets those that lost
        something by it.
        """
        self._call("black_hole", on)

    def freeze(self, on=True):
        """Nothing passes and nothing is lost: all of it arrives when this ends, as after a network's
        outage. What clients send stays in the kernel's buffers.
        """
        self._call("freeze", on)

    def half_answer(self, size, once=False):
        """Of what the server says on a connection, only so many further bytes pass, then it is closed.
        `once`: only on the connection that is answered next. None: all passes again.
        """
        self._call("half_answer", size, once)

    def cut_after_request(self, count=1, containing=b""):
        """Closes a connection in order, right after the `count`-th next piece of what clients send (on any
        connection, with these bytes in it) went to the server: it is carried out and nobody is told. With
        0 it is called off.
        """
        self._call("cut_after_request", count, containing)

    def counters(self) -> dict:
        """connections, open, failed (the target did not take it), cuts, swallowed, bytes_ and chunks_ up
        (to the server) and down.
        """
        return self._call("count_all")

    def wait_for(self, name, at_least, seconds=20):
        """Until this counter has come so far."""
        end = time.monotonic() + seconds
        while self.counters()[name] < at_least:
            if time.monotonic() > end:
                raise TimeoutError(f"{name} did not reach {at_least}: {self.counters()}")
            time.sleep(0.005)


if __name__ == "__main__":
    Engine((sys.argv[2], int(sys.argv[3])), multiprocessing.connection.Connection(int(sys.argv[1]))).run()
