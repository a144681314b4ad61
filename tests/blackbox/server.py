"""Starts the program on ports and a database of its own."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.request

from client import Address, Api, Connection, is_long, sign_up
from engines import BINARY, ENGINE, ROOT

sys.path.append(str(ROOT / "tests"))
from ports import free_port  # noqa: E402

START_SECONDS = 20.0


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
    """One service: `lists serve` or, on PostgreSQL, several processes of `lists api` (LISTS_TEST_ON,
    LISTS_TEST_PROCESSES). `address` leads to them in turn. Their output goes to `<data>.log` and
    `<data>.<number>.log`, beside the data folder.
    """

    def __init__(self, data, *arguments, env=None, wrap=()):
        self.data, self.arguments, self.env, self.wrap = pathlib.Path(data), arguments, env, list(wrap)
        self.log_file = self.data.with_name(self.data.name + ".log")
        self.engine = ENGINE(self.data)
        self.all, self.address, self.metrics_ports = [], None, []

    @property
    def process(self):
        """The first process."""
        return self.all[0] if self.all else None

    @property
    def port(self):
        return self.address[1]

    @property
    def metrics_port(self):
        return self.metrics_ports[0]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self):
        return self.data / "lists.db"

    @property
    def log_files(self):
        return [self.log_file] + [self.log_file.with_suffix(f".{number}.log")
                                  for number in range(2, self.engine.processes + 1)]

    def launch(self):
        """Starts the processes and does not wait for them. Ports stay the same over restarts."""
        self.engine.make()
        if self.address is None:
            ports = [free_port() for _ in range(2 * self.engine.processes)]
            self.address = Address([("127.0.0.1", port) for port in ports[::2]])
            self.metrics_ports = ports[1::2]
        self.address.forget()
        self.all = [self._launch_one(*each) for each in
                    zip(self.address.processes, self.metrics_ports, self.log_files)]
        return self

    def _launch_one(self, address, metrics_port, log_file):
        command = [*self.wrap, BINARY, self.engine.command, "--port", address[1], "--metrics-port",
                   metrics_port, *self.engine.arguments(), "--address", address[0], *self.arguments]
        with open(log_file, "ab") as log:
            return subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT,
                                    stdin=subprocess.DEVNULL,
                                    env=environment({**self.engine.environment, **(self.env or {})}))

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=START_SECONDS):
        end = time.monotonic() + seconds
        for process, address in zip(self.all, self.address.processes):
            while not self._is_ready(process, address):
                assert time.monotonic() < end, f"not ready within {seconds} s: {self.tail()}"
                time.sleep(0.01)

    def _is_ready(self, process, address):
        assert process.poll() is None, f"it ended with {process.returncode}: {self.tail()}"
        try:
            connection = Connection(address, timeout=5)
            try:
                return connection.request("GET", "/readyz").status == 200
            finally:
                connection.close()
        except OSError:
            return False

    def is_running(self) -> bool:
        """All of it."""
        return bool(self.all) and all(process.poll() is None for process in self.all)

    def signal(self, number):
        for process in self.all:
            if process.poll() is None:
                process.send_signal(number)

    def wait(self, seconds) -> int:
        """Until all have ended; the exit code, of several the first that is not 0."""
        end = time.monotonic() + seconds
        codes = [process.wait(max(0.0, end - time.monotonic())) for process in self.all]
        return next((code for code in codes if code != 0), 0)

    def stop(self, seconds=15) -> int:
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        self.signal(signal.SIGKILL)
        for process in self.all:
            process.wait()

    def close(self):
        """The end of it and of its database."""
        self.kill()
        self.engine.drop()

    def restart(self):
        assert self.stop() == 0, self.tail()
        self.start()

    def output(self) -> str:
        return "".join(file.read_text(encoding="utf-8", errors="replace")
                       for file in self.log_files if file.exists())

    def tail(self) -> str:
        return self.output()[-3000:]

    def api(self, token=None) -> Api:
        return Api(self.address, token)

    def person(self, **more):
        return sign_up(self.address, **more)

    def sql(self, text, **values) -> list:
        """Runs a statement on the database itself; rows, as tuples. `:name` in it is that value."""
        return self.sql_all([(text, values)])

    def sql_all(self, statements) -> list:
        """Several, as (text, values), in one transaction; the last one's rows."""
        return self.engine.sql(statements, self.is_running())

    def metrics_text(self, process=0) -> str:
        url = f"http://127.0.0.1:{self.metrics_ports[process]}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode("utf-8")

    def metrics(self) -> dict:
        """Values by name and labels, as written: `name{label="value"}`; sums over the processes."""
        found = {}
        for process in range(1 if Address.to_first else len(self.all)):
            for line in self.metrics_text(process).splitlines():
                if line and not line.startswith("#"):
                    name, value = line.rsplit(" ", 1)
                    found[name] = found.get(name, 0.0) + float(value)
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
