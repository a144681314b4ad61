"""A PostgreSQL server for the rows that need one, with a core to itself, and on it the lists of data folders.

It keeps what it acknowledges on a disk (fsync), and speaks without TLS to everybody alike. What is not as
it must be for a measurement ends the run.
"""
import contextlib
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import data
from harness import BUILD, LOAD_CORE, ROOT, TICK, say

sys.path.append(str(ROOT / "tests" / "postgres"))
import cluster  # noqa: E402  (of the tests)

CORE = LOAD_CORE  # The load is on the service's core.
PLACE = "/var/tmp"  # On a disk also where /tmp is in memory.
SETTINGS = {
    "ssl": "off",
    "shared_buffers": "1GB",
    "max_connections": "200",
    "max_wal_size": "8GB",  # No checkpoint in the middle of a row's cycles.
    "checkpoint_timeout": "1h",
}
MUST_BE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "1GB",
           "ssl": "off"}
TABLES = ("users", "identities", "passwords", "sessions", "signing_keys", "lists", "members", "items",
          "changes")
# Changes are in the order in which lists grow side by side, a few of each at a time.
ORDER = {"items": " ORDER BY revision / 5, list_id", "changes": " ORDER BY revision / 5, list_id"}
COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = :'name' ORDER BY ordinal_position
"""
# What COPY reads, of a column's value in SQLite. Numbers of SQLite's transactions mean nothing here.
AS_TEXT = {
    "uuid": "hex({0})",
    "bytea": r"'\\x' || hex({0})",
    "boolean": "CASE {0} WHEN 1 THEN 't' ELSE 'f' END",
    "bigint": "{0}",
    "text": r"replace(replace(replace({0}, '\', '\\'), char(10), '\n'), char(9), '\t')",
    "timestamp with time zone":
        "strftime('%Y-%m-%d %H:%M:%S', {0} / 1000, 'unixepoch') || printf('.%03d+00', {0} % 1000)",
}


def need_disk(folder):
    asked = subprocess.run(["stat", "-f", "-c", "%T", folder], stdout=subprocess.PIPE, text=True, check=True)
    kind = asked.stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        raise RuntimeError(f"{folder} is in memory ({kind}): PostgreSQL must write to a disk to be measured")


def copied(column, kind):
    text = "0" if column in ("tx", "visible_tx") else AS_TEXT[kind].format(column)
    return rf"CASE WHEN {column} IS NULL THEN '\N' ELSE {text} END"


class Server:
    """The server, from the start of the block to its end."""

    def __init__(self):
        need_disk(PLACE)
        folder = tempfile.mkdtemp(prefix="lists-bench-", dir=PLACE)
        self.cluster = cluster.Cluster(folder=folder, settings=SETTINGS)

    primary = property(lambda self: self.cluster.primary)

    def __enter__(self):
        self.cluster.start()
        try:
            self._check_settings()
            self._pin()
        except BaseException:
            self.cluster.close()
            raise
        return self

    def __exit__(self, *ignored):
        self.cluster.close()

    def _check_settings(self):
        for name, wanted in MUST_BE.items():
            found = self.primary.sql(f"SHOW {name}")
            if found != wanted:
                raise RuntimeError(f"PostgreSQL's {name} is {found}, not {wanted}")

    def _pin(self):
        """All its processes; those to come have it from the first."""
        for pid in (self.primary.process.pid, *cluster.processes(self.cluster.mark)):
            os.sched_setaffinity(pid, {CORE})
        self.check_pinned()

    def check_pinned(self):
        for pid in cluster.processes(self.cluster.mark):
            if os.sched_getaffinity(pid) != {CORE}:
                raise RuntimeError(f"process {pid} of PostgreSQL is not on core {CORE} alone")

    def cpu_seconds(self):
        """That all its processes have used, also those that have ended: the first one waits for them."""
        first, ticks = self.primary.process.pid, 0
        for pid in cluster.processes(self.cluster.mark):
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += sum(map(int, fields[11:15] if pid == first else fields[11:13]))
        return ticks / TICK

    def wait_until_left(self):
        """Until the server has seen all of pgbench's connections end."""
        asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'"
        cluster.wait_until(lambda: self.primary.sql(asked) == "0", 10, "connections that end")

    def trust(self):
        """The service needs no password from now on: SCRAM takes longer under callgrind than it waits."""
        rules = self.primary.data / "pg_hba.conf"
        rules.write_text("host all lists_service 127.0.0.1/32 trust\n" + rules.read_text())
        self.primary.set(log_connections="off")  # Reads the rules too, and returns when that is done.

    # -- Databases

    def number(self, text, database):
        return int(self.primary.sql(text, database, seconds=300))

    def make(self, name, folder):
        """A database with all of a data folder, whose tokens are good for it too. Returns its name."""
        say(f"Loading {folder.name} into PostgreSQL")
        self.cluster.fresh_database(name)
        owner = self.cluster.url("lists_owner", database=name)
        migrate = [BUILD / "lists", "migrate", "--database", owner]
        subprocess.run(migrate, check=True, stdout=subprocess.DEVNULL)
        with contextlib.closing(sqlite3.connect(f"file:{folder}/lists.db?mode=ro", uri=True)) as source:
            for table in TABLES:
                self._load(source, table, name)
        self.primary.sql("VACUUM ANALYZE", name, seconds=600)
        self.settle()
        return name

    def _load(self, source, table, database):
        told = self.primary.sql(COLUMNS, database, name=table)
        columns = [line.split("|") for line in told.split("\n")]
        line = " || char(9) || ".join(copied(*each) for each in columns)
        names = ", ".join(name for name, _ in columns)
        file = self.cluster.folder / f"{table}.copy"
        rows = source.execute(f"SELECT {line} FROM {table}{ORDER.get(table, '')}")
        with open(file, "w", encoding="utf-8") as out:
            out.writelines(row[0] + "\n" for row in rows)
        self.primary.sql(f"COPY {table} ({names}) FROM '{file}'", database, seconds=900)
        file.unlink()

    def copy(self, model, name):
        """Another database with the same in it."""
        make = f"CREATE DATABASE {name} TEMPLATE {model} OWNER lists_owner;\n"
        self.primary.sql(make + cluster.COPY_GRANTS, seconds=600, name=name, model=model)
        self.settle()
        return name

    def settle(self):
        """What was loaded is on the disk before something is measured."""
        self.primary.sql("CHECKPOINT", seconds=600)
        os.sync()

    # -- Who uses them

    def url(self, database):
        return self.cluster.url(database=database)

    def serve(self, database, *arguments, **more):
        """The program on a database."""
        return data.start("api", "--database", self.url(database), *arguments, **more)
