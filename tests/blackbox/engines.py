"""The databases that a service can run on, as tests need them. LISTS_TEST_ON says which: `sqlite`, in
the data folder, `postgres`, on the servers that tests/postgres/cluster.py has started, where each service
has a database of its own, or `replica`, the same with a read replica.
"""
import datetime
import fcntl
import hashlib
import json
import os
import pathlib
import re
import secrets
import sqlite3
import subprocess
import sys
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("LISTS_BIN") or str(ROOT / "build" / "release" / "lists")
CHOSEN = os.environ.get("LISTS_TEST_ON", "sqlite")
ON = "postgres" if CHOSEN == "replica" else CHOSEN  # The engine.
PLACEHOLDER = re.compile(r"(?<![:\w]):([a-z_]+)")


class Sqlite:
    """`lists serve` on its data folder."""

    command, processes, transaction = "serve", 1, "(SELECT tx FROM meta)"
    environment = {}

    def __init__(self, data):
        self.data = pathlib.Path(data)

    def make(self):
        pass  # The service makes its own.

    def drop(self):
        pass

    def arguments(self):
        return ["--data", self.data]

    def sql(self, statements, live):
        """`live`: the service runs, so only reads are allowed."""
        file = self.data / "lists.db"
        database = sqlite3.connect(f"file:{file}?mode={'ro' if live else 'rw'}", uri=True)
        try:
            with database:
                found = [database.execute(text, {name: self._value(each) for name, each in values.items()})
                         .fetchall() for text, values in statements]
        finally:
            database.close()
        return found[-1]

    @staticmethod
    def _value(value):
        if isinstance(value, uuid.UUID):
            return value.bytes
        if isinstance(value, datetime.datetime):
            return int(value.timestamp() * 1000)
        return value

    def check(self):
        """The file is whole. For a service that does not run."""
        assert self.sql([("PRAGMA integrity_check", {})], False) == [("ok",)]
        assert self.sql([("PRAGMA foreign_key_check", {})], False) == []


class Postgres:
    """`lists api`, several on one database."""

    command, transaction = "api", "pg_current_xact_id()::text::bigint"
    processes = int(os.environ.get("LISTS_TEST_PROCESSES", "2"))
    environment = {"DB_POOL_SIZE": "4"}  # Many services share the server's connections.

    def __init__(self, _data):
        self.name = None

    def make(self):
        """A copy of a migrated database, at the first start."""
        if self.name is None:
            name = f"bb_{secrets.token_hex(8)}"
            _copy(self._pattern(), name)
            self.name = name

    def drop(self):
        if self.name is not None:
            _psql(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
            self.name = None

    def arguments(self):
        return ["--database", _url("", self.name)]

    @staticmethod
    def _pattern():
        """Made by whoever needs it first; of each binary, as migrations may differ."""
        facts = os.stat(BINARY)
        binary = f"{BINARY} {facts.st_mtime_ns} {facts.st_size}".encode()
        name = f"bb_pattern_{hashlib.sha256(binary).hexdigest()[:16]}"
        with open(__file__, "rb") as lock:  # Among all processes of the tests, until it is closed.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
                _psql(f"DROP DATABASE IF EXISTS {name}_new")
                _copy(_cluster().TEMPLATE, f"{name}_new")
                done = subprocess.run([BINARY, "migrate", "--database", _url("OWNER", f"{name}_new")],
                                      timeout=60, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done
                _psql(f"ALTER DATABASE {name}_new WITH ALLOW_CONNECTIONS false;\n"
                      f"ALTER DATABASE {name}_new RENAME TO {name}")
        return name

    def sql(self, statements, live):
        """Dates come as text, bytes as bytes."""
        del live
        *others, (last, values) = statements
        lines = [self._filled(text, each) for text, each in others]
        last = self._filled(last, values)
        is_read = last.lstrip().upper().startswith("SELECT")
        lines.append(f"SELECT coalesce(json_agg(found), '[]') FROM ({last}) AS found" if is_read else last)
        told = _psql(";\n".join(lines), self.name, "--single-transaction")
        return [tuple(map(self._told, row.values())) for row in json.loads(told)] if is_read else []

    @staticmethod
    def _told(value):
        return bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("\\x") else value

    def _filled(self, text, values):
        return PLACEHOLDER.sub(lambda match: self._literal(values[match[1]]), text)

    @staticmethod
    def _literal(value):
        if value is None:
            return "NULL"
        if isinstance(value, (bool, int)):
            return str(value)
        if isinstance(value, bytes):
            return f"'\\x{value.hex()}'::bytea"
        text = value.isoformat() if isinstance(value, datetime.datetime) else str(value)
        kind = {uuid.UUID: "::uuid", datetime.datetime: "::timestamptz"}.get(type(value), "")
        return "'{}'{}".format(text.replace("'", "''"), kind)

    def check(self):
        pass  # A server of its own keeps it; no kill of the service reaches its files.


class Replica(Postgres):
    """The same, the content of cold lists coming from a replica that is behind."""

    def arguments(self):
        return [*super().arguments(), "--database-replica", _url("ASYNC", self.name)]


def _cluster():
    folder = str(ROOT / "tests" / "postgres")
    if folder not in sys.path:
        sys.path.append(folder)
    import cluster  # pylint: disable=import-outside-toplevel
    return cluster


def _url(role, database):
    """`role`: OWNER, ADMIN, ASYNC (the service's, at the replica), or the service's own."""
    variable = "_".join(["LISTS_TEST_POSTGRES", *([role] if role else [])])
    assert variable in os.environ, f"{variable} is not set: tests/postgres/cluster.py run -- … sets it"
    return urllib.parse.urlsplit(os.environ[variable])._replace(path=f"/{database}").geturl()


def _psql(text, database="postgres", *options, **variables) -> str:
    """As the administrator."""
    named = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    return _cluster().tool(_cluster().BIN / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *named, *options,
                           _url("ADMIN", database), text=text).removesuffix("\n")


def _copy(model, name):
    """A database with the model's contents, grants and settings."""
    _psql(f"CREATE DATABASE {name} TEMPLATE {model} OWNER lists_owner;\n" + _cluster().COPY_GRANTS,
          name=name, model=model)


ENGINE = {"sqlite": Sqlite, "postgres": Postgres, "replica": Replica}[CHOSEN]
