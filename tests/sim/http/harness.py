"""A service on either database, whose processes are killed one by one, and the driver of a seed: clients
of the page's own code (web/src/sync), bundled into one file, in Node.
"""
import atexit
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "blackbox"), str(ROOT / "tests" / "postgres")]

import engines  # noqa: E402  pylint: disable=wrong-import-position
import replay  # noqa: E402  pylint: disable=wrong-import-position
from client import Api, Connection, Person, sign_up, uuid7  # noqa: E402  pylint: disable=wrong-import-position
from members_log import change_member  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

DRIVER = pathlib.Path(__file__).parent / "driver" / "main.ts"
ROLES = ("editor", "editor", "viewer")  # Of those who do not own one of the first lists.
SILENCE = 300.0  # Seconds without a word from the driver until it is ended.


def with_postgres():
    """The servers that the environment names; otherwise one of our own, in memory, to the end."""
    if "LISTS_TEST_POSTGRES" not in os.environ:
        import cluster  # pylint: disable=import-outside-toplevel
        started = cluster.Cluster(memory=True, settings={"max_connections": "200"})
        started.__enter__()  # pylint: disable=unnecessary-dunder-call
        atexit.register(started.close)
        os.environ.update(started.environment())


class Fleet(Server):
    """A service whose processes can be killed and started again one by one."""

    def __init__(self, database, folder, *arguments):
        super().__init__(pathlib.Path(folder) / "data", *arguments)
        if database == "postgres":
            with_postgres()
        self.engine = {"sqlite": engines.Sqlite, "postgres": engines.Postgres}[database](self.data)

    @property
    def is_shared(self):
        return self.engine.processes > 1

    def kill_one(self, number):
        self.all[number].kill()
        self.all[number].wait()

    def start_one(self, number, seconds=60.0):
        """Ready when this returns."""
        one = zip(self.address.processes, self.metrics_ports, self.log_files)
        address, metrics_port, log_file = list(one)[number]
        self.all[number] = self._launch_one(address, metrics_port, log_file)
        end = time.monotonic() + seconds
        while not self._is_ready(self.all[number], address):
            assert time.monotonic() < end, f"not ready within {seconds} s: {self.tail()}"
            time.sleep(0.02)

    def sql_all(self, statements):
        """`live` is what matters to SQLite, where the only process must not run."""
        return self.engine.sql(statements, any(process.poll() is None for process in self.all))


    def log_statements(self):
        """On PostgreSQL, before the start: its log of what is run."""
        self.engine.make()
        return StatementLog(self.engine.name)


class StatementLog:
    """The statements that are run in a database. Texts that were prepared stand in full."""

    run = re.compile(r"LOG:  (?:execute [^:]*|statement): (.*)")

    def __init__(self, database):
        self.database = database
        engines._psql(f'ALTER DATABASE "{database}" SET log_statement = \'all\'')  # pylint: disable=protected-access
        folder = engines._psql("SHOW data_directory")  # pylint: disable=protected-access
        self.file = pathlib.Path(f"{folder}.log")  # As tests/postgres/cluster.py has it.

    def since(self, doing) -> list:
        """What is run meanwhile, oldest first."""
        place = self.file.stat().st_size
        doing()
        time.sleep(0.3)  # It is written by each server process on its own.
        lines = self.file.read_bytes()[place:].decode("utf-8", "replace").splitlines()
        return [found[1] for line in lines if f"@{self.database} " in line and (found := self.run.search(line))]


def pause(seconds):
    """What must not happen for a while."""
    time.sleep(seconds)


def bundle(folder) -> pathlib.Path:
    """The driver as one file."""
    file = pathlib.Path(folder) / "driver.mjs"
    if not file.exists():
        subprocess.run([ROOT / "web" / "node_modules" / ".bin" / "rolldown", DRIVER, "--platform", "node",
                        "--format", "esm", "--file", file, "--logLevel", "silent"], check=True,
                       cwd=ROOT / "web", timeout=120, stdout=subprocess.DEVNULL)
    return file


class Failed(AssertionError):
    """What the driver or the judge found."""


class Run:
    """One seed on one database."""

    def __init__(self, database, seed, ops, *, retention=None, kills=0.05, folder=None, tolerated=(), lie=None):
        self.database, self.seed, self.ops, self.retention, self.kills = database, seed, ops, retention, kills
        self.tolerated, self.lie = list(tolerated), lie
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="lists-sim-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--log-retention-s", retention] if retention else []
        self.fleet = Fleet(database, self.folder, *arguments)
        self.people, self.lists, self.owners, self.counts = [], [], {}, {}

    def run(self) -> dict:
        """What was counted. Raises Failed."""
        print(f"{self.database}, seed {self.seed}, {self.ops} ops, retention {self.retention}: {self.folder}",
              flush=True)
        began = time.monotonic()
        try:
            self._prepare()
            self._drive()
            self._judge()
        finally:
            self.fleet.close()
        self.counts["seconds"] = round(time.monotonic() - began)
        if not os.environ.get("LISTS_SIM_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.counts

    def _prepare(self):
        """People, and three lists of theirs that they share."""
        self.fleet.start()
        self.people = [sign_up(self.fleet.address) for _ in range(4)]
        for owner in self.people[:3]:
            self.lists.append(owner.make_list(f"of {owner.id}"))
        for process in self.fleet.all:
            process.kill()
            process.wait()
        for number, list_id in enumerate(self.lists):
            others = [person for person in self.people if person is not self.people[number]]
            for person, role in zip(others, ROLES):
                assert change_member(self.fleet, list_id, person.id, role)
        self.fleet.start()

    def _drive(self):
        settings = {"seed": self.seed, "ops": self.ops, "lists": self.lists, "kills": self.kills,
                    "tolerated": self.tolerated, "lie": self.lie or "",
                    "ports": [port for _, port in self.fleet.address.processes],
                    "isShared": self.fleet.is_shared, "hasRetention": bool(self.retention),
                    "people": [{"id": person.id, "email": person.email, "password": person.password,
                                "token": person.token} for person in self.people]}
        command = ["node", "--enable-source-maps", bundle(self.folder), json.dumps(settings)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
            try:
                for line in driver.stdout:
                    order = json.loads(line)
                    if order["do"] in ("done", "failed"):
                        break
                    told = json.dumps(self._obey(order))
                    with contextlib.suppress(BrokenPipeError):  # It may fail meanwhile.
                        driver.stdin.write(told + "\n")
                        driver.stdin.flush()
                else:
                    raise Failed(f"the driver has ended: {driver.wait()}")
                driver.stdin = None  # Nothing more is said to it.
            finally:
                driver.kill()
        self.counts = dict(sorted(order["counts"].items()))
        if order["do"] == "failed":
            raise Failed(f"{self.database} seed {self.seed}: {order['what'][:6000]}\n{self.counts}")
        self.owners = order["lists"]

    def _obey(self, order):
        if order["do"] == "kill":
            self.fleet.kill_one(order["process"])
        elif order["do"] == "start":
            self.fleet.start_one(order["process"])
        elif order["do"] == "calm":  # What is judged does not go meanwhile.
            self.fleet.kill()
            self.fleet.arguments = []
            self.fleet.start()
        elif order["do"] == "members":
            return [change_member(self.fleet, each["list"], each["user"], each["role"])
                    for each in order["changes"]]
        return True

    # ---- The judge, which shares no code with the clients

    def _judge(self):
        """The logs by the contract alone; and after a kill of all, the same lists come back."""
        people = {person.id: person for person in self.people}
        before = {}
        for list_id, owner in self.owners.items():
            before[list_id] = self._get(people[owner], f"/v1/lists/{list_id}")
            if not self.retention:
                person = Person.__new__(Person)
                person.__dict__ = people[owner].__dict__
                log = person.log(list_id)
                try:
                    replay.check_log(log, list_id, json.loads(before[list_id]), owner)
                except replay.Broken as error:
                    raise Failed(f"{self.database} seed {self.seed}, log of {list_id}: {error}") from error
                self.counts["logs judged"] = self.counts.get("logs judged", 0) + 1
        self._check_rows()
        self._check_logs()
        self.fleet.kill()
        self.fleet.start()
        for list_id, owner in self.owners.items():
            after = self._get(people[owner], f"/v1/lists/{list_id}")
            if after != before[list_id]:
                raise Failed(f"{list_id} was served as {before[list_id]}, after a restart {after}")

    def _get(self, person, target):
        answer = person.get(target)
        assert answer.status == 200, f"{target} is answered {answer}"
        return answer.body

    def _check_logs(self):
        """Whatever is killed, no statement fails, and nothing else that is an error here."""
        for file in self.fleet.log_files:
            errors = [line for line in file.read_text().splitlines() if '"level":"error"' in line]
            if errors:
                raise Failed(f"{self.database} seed {self.seed}: {len(errors)} errors, as {errors[0]}")

    def _check_rows(self):
        wrong = self.fleet.sql(
            "SELECT l.id FROM lists l WHERE l.item_count <> (SELECT count(*) FROM items i WHERE"
            " i.list_id = l.id AND i.deleted_at IS NULL AND i.gone IS NULL) OR l.trash_count <>"
            " (SELECT count(*) FROM items i WHERE i.list_id = l.id AND i.deleted_at IS NOT NULL"
            " AND i.gone IS NULL) OR l.done_count <> (SELECT count(*) FROM items i WHERE i.list_id = l.id"
            " AND i.deleted_at IS NULL AND i.gone IS NULL AND i.done)")
        if wrong:
            raise Failed(f"counts in the database are wrong: {wrong}")
        wrong = self.fleet.sql(
            "SELECT u.id FROM users u WHERE u.membership_count <> (SELECT count(*) FROM members m"
            " WHERE m.user_id = u.id AND m.removed_at IS NULL)")
        if wrong:
            raise Failed(f"counts of memberships are wrong: {wrong}")


__all__ = ["Api", "Connection", "Failed", "Fleet", "Person", "ROOT", "Run", "bundle", "change_member",
           "pause", "sign_up", "uuid7", "with_postgres"]
