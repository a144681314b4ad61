"""Starts the program on ports and a data folder of its own."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request

from client import Api, Connection, is_long, sign_up

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("LISTS_BIN") or str(ROOT / "build" / "release" / "lists")
START_SECONDS = 20.0


def free_port() -> int:
    """A port that nobody has now. Below those that the system gives to outgoing connections, of which
    tests make thousands, and by chance, so that two processes rarely choose the same.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def run(*arguments, env=None, timeout=60, **more) -> subprocess.CompletedProcess:
    """A sub-command, to its end."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, env=environment(env), check=False, **more)


def environment(more=None) -> dict:
    """Ours without settings that happen to be in it."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("LISTS_") or name == "LISTS_TEST_LONG"}
    return {**kept, **(more or {})}


class Server:
    """One `lists serve`. Its output goes to `<data>.log`, beside the data folder."""

    def __init__(self, data, *arguments, env=None, wrap=()):
        self.data, self.arguments, self.env, self.wrap = pathlib.Path(data), arguments, env, list(wrap)
        self.log_file = self.data.with_name(self.data.name + ".log")
        self.process, self.port, self.metrics_port = None, None, None

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self):
        return self.data / "lists.db"

    def launch(self):
        """Starts the process and does not wait for it. Ports stay the same over restarts."""
        self.port = self.port or free_port()
        self.metrics_port = self.metrics_port or free_port()
        command = [*self.wrap, BINARY, "serve", "--port", self.port, "--metrics-port",
                   self.metrics_port, "--data", self.data, "--address", "127.0.0.1", *self.arguments]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            env=environment(self.env))
        return self

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=START_SECONDS):
        end = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.tail()}"
            try:
                connection = Connection(self.address, timeout=5)
                try:
                    if connection.request("GET", "/readyz").status == 200:
                        return
                finally:
                    connection.close()
            except OSError:
                pass
            assert time.monotonic() < end, f"not ready within {seconds} s: {self.tail()}"
            time.sleep(0.01)

    def stop(self, seconds=15) -> int:
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        assert self.stop() == 0, self.tail()
        self.start()

    def output(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def tail(self) -> str:
        return self.output()[-3000:]

    def api(self, token=None) -> Api:
        return Api(self.address, token)

    def person(self, **more):
        return sign_up(self.address, **more)

    def metrics_text(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            return answer.read().decode("utf-8")

    def metrics(self) -> dict:
        """Values by name and labels, as written: `name{label="value"}`."""
        found = {}
        for line in self.metrics_text().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found


def routes() -> list:
    """The route table, as the program prints it."""
    told = run("routes")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def shape(pattern: str) -> str:
    """A route's path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", pattern)


__all__ = ["BINARY", "ROOT", "Server", "environment", "free_port", "is_long", "routes", "run", "shape"]
