"""Processes of the service on these servers, and callers that go to any of them and do not give up."""
import collections
import contextlib
import json as json_module
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from cluster import free_port, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("LISTS_BIN") or str(ROOT / "build" / "release" / "lists")
sys.path.append(str(ROOT / "tests" / "blackbox"))

import replay  # noqa: E402  pylint: disable=wrong-import-position,unused-import
from client import (  # noqa: E402  pylint: disable=wrong-import-position,unused-import
    Address, Connection, Person, is_long, sign_in, sign_up, uuid7)

PATIENCE = 90.0  # Seconds until a test fails that repeats a call.


def run(*arguments) -> str:
    """A sub-command, to its end; its output."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env=environment(), check=False)
    assert done.returncode == 0, done
    return done.stdout


def environment(**more) -> dict:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LISTS_", "PG"))}
    return {**kept, **more}


class Service:
    """One process of `lists api`. Its ports stay the same over its starts; its log grows over them."""

    def __init__(self, folder, name, database, replicas=(), pool=6, arguments=(), binary=BINARY, env=None):
        self.log_file = pathlib.Path(folder) / f"{name}.log"
        self.address, self.metrics_port = ("127.0.0.1", free_port()), free_port()
        self.arguments = ["--database", database, *arguments]
        for replica in replicas:
            self.arguments += ["--database-replica", replica]
        self.pool, self.binary, self.env, self.process = pool, binary, env or {}, None

    def launch(self):
        command = [self.binary, "api", *self.arguments, "--port", self.address[1], "--metrics-port",
                   self.metrics_port]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL,
                                            env=environment(DB_POOL_SIZE=str(self.pool), **self.env))
        return self

    def start(self, seconds=30):
        """Again where it gives up because its database is not there yet."""
        end = time.monotonic() + seconds
        self.launch()
        while not self.is_ready():
            assert time.monotonic() < end, f"not ready within {seconds} s: {self.log()[-3000:]}"
            if self.process.poll() is not None:
                self.launch()
            time.sleep(0.02)
        return self

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self.once("GET", "/readyz", timeout=2).status == 200
        return False

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def once(self, method, target, headers=(), body=None, timeout=30):
        """On a connection of its own."""
        connection = Connection(self.address, timeout=timeout)
        try:
            return connection.request(method, target, headers, body, at_least=False)
        finally:
            connection.close()

    def metrics(self) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode("utf-8").splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if line and not line.startswith("#")}

    def metric(self, name) -> float:
        """Sum over its labels."""
        return sum(value for label, value in self.metrics().items() if label.split("{")[0] == name)

    def log(self) -> str:
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""


class Caller:
    """Somebody who calls the processes, each over a kept connection. For one thread."""

    def __init__(self, services, person, timeout=30.0):
        self.services, self.person, self.timeout = list(services), person, timeout
        self.kept, self.turn, self.codes = {}, 0, collections.Counter()

    def following(self):
        self.turn += 1
        return self.services[self.turn % len(self.services)]

    def once(self, method, target, json=None, service=None, **headers):
        """The answer; None: none came. Names of headers have `_` for `-`."""
        service = service or self.following()
        sent = [(name.replace("_", "-"), str(value)) for name, value in headers.items() if value]
        sent.append(("Authorization", f"Bearer {self.person.token}"))
        body = None
        if json is not None:
            body = dumps(json)
            sent.append(("Content-Type", "application/json"))
        kept = self.kept.pop(service, None)
        try:
            if kept is None or kept.is_ended():
                kept = Connection(service.address, timeout=self.timeout)
            answer = kept.request(method, target, sent, body, at_least=False)
        except OSError:
            if kept is not None:
                kept.close()
            return None
        if (answer.header("Connection") or "").lower() == "close":
            kept.close()
        else:
            self.kept[service] = kept
        return answer

    def settled(self, method, target, json=None, seconds=PATIENCE, **headers):
        """Repeated, each time at the next process, until it is answered with something but 503."""
        end = time.monotonic() + seconds
        while True:
            answer = self.once(method, target, json, **headers)
            if answer is not None and answer.status != 503 and not is_under_way(answer):
                return answer
            assert time.monotonic() < end, f"{method} {target} is not answered: {answer}"
            self.codes[None if answer is None else answer.json()["code"]] += 1
            time.sleep(0.02)

    def whole(self, list_id, **headers) -> dict:
        answer = self.settled("GET", f"/v1/lists/{list_id}", **headers)
        assert answer.status == 200, answer
        return answer.json()

    def log(self, list_id) -> list:
        """All changes."""
        changes, more, after = [], True, 0
        while more:
            answer = self.settled("GET", f"/v1/lists/{list_id}/changes?after={after}")
            assert answer.status == 200, answer
            page = answer.json()
            changes += page["changes"]
            more, after = page["has_more"], changes[-1]["revision"]
        return changes

    def close(self):
        for kept in self.kept.values():
            kept.close()
        self.kept = {}


def dumps(value) -> bytes:
    return json_module.dumps(value).encode("utf-8")


def is_under_way(answer) -> bool:
    """The first with this key is not answered yet."""
    return answer.status == 409 and answer.json()["code"] == "in_progress"


class Together:
    """Threads until the end of a block, in which the first that fails makes the block fail."""

    def __init__(self):
        self.threads, self.errors, self.over = [], [], threading.Event()

    def __enter__(self):
        return self

    def run(self, function, *arguments):
        def guarded():
            try:
                function(*arguments)
            except BaseException as error:  # pylint: disable=broad-except
                self.errors.append(error)
                self.over.set()

        self.threads.append(threading.Thread(target=guarded, daemon=True))
        self.threads[-1].start()

    def __exit__(self, kind, *_):
        if kind is not None:
            self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE + 30)
        if self.errors and kind is None:
            raise self.errors[0]


class Fleet:
    """Several processes on one database and what they need: migrated, signed up, cleaned up. `binaries`:
    the program of each, where they differ; the database is always migrated by ours.
    """

    def __init__(self, cluster, count=2, migrate=True, binaries=None, **more):
        self.cluster = cluster
        self.folder = tempfile.TemporaryDirectory(prefix="lists-fleet-")
        database = more.pop("database", None) or cluster.url()
        if migrate:
            run("migrate", "--database", cluster.url("lists_owner"))
        self.all = [Service(self.folder.name, f"api-{number}", database, binary=binary, **more)
                    for number, binary in enumerate(binaries or [BINARY] * count, 1)]

    def __enter__(self):
        try:
            for service in self.all:
                service.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for service in self.all:
            service.kill()
        self.folder.cleanup()

    def person(self) -> Person:
        return sign_up(Address([service.address for service in self.all]))

    def caller(self, person, **more) -> Caller:
        return Caller(self.all, person, **more)

    def log(self) -> str:
        return "".join(service.log() for service in self.all)


def make_lists(caller, count) -> list:
    made = [uuid7() for _ in range(count)]
    for number, list_id in enumerate(made):
        answer = caller.settled("PUT", f"/v1/lists/{list_id}", {"title": f"List {number}"})
        assert answer.status in (200, 201), answer
    return made


def pause(seconds):
    """What must not happen for a while."""
    time.sleep(seconds)


__all__ = ["Caller", "Fleet", "Service", "Together", "is_long", "make_lists", "pause", "replay", "run",
           "sign_in", "sign_up", "uuid7", "wait_until"]
