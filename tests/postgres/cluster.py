#!/usr/bin/env python3
"""Real PostgreSQL servers for tests, in a temporary folder and on free ports.

    python3 tests/postgres/cluster.py run [--replicas] [--memory] [--set NAME=VALUE]... -- COMMAND ARGS...

starts them, names them to the command in LISTS_TEST_POSTGRES..., and ends with the command's exit code.

Nothing may be left when a test dies. Three things see to it: close() at the end of the block and at exit;
a keeper, a process in a session of its own that waits for our end, kills what remains and removes the
folder; and the kernel, which sends SIGQUIT to each server when we die.
"""
import argparse
import atexit
import concurrent.futures
import os
import pathlib
import pwd
import queue
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from ports import free_port  # noqa: E402

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
SETUP = pathlib.Path(__file__).resolve().parents[2] / "db" / "postgres" / "setup.sql"
DATABASE = "devops_demo_service"
TEMPLATE = "lists_test_template"
ROOT = os.geteuid() == 0
USER = pwd.getpwnam("postgres") if ROOT else pwd.getpwuid(os.geteuid())

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "hot_standby": "on",
    "max_wal_senders": "10",
    "wal_keep_size": "512MB",  # A paused replica still finds what it missed.
    "wal_retrieve_retry_interval": "200ms",
    "dynamic_shared_memory_type": "mmap",  # In the data folder: nothing stays in /dev/shm after a SIGKILL.
    "ssl": "on",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}

# What CREATE DATABASE ... TEMPLATE does not copy: the grants on the database and the settings for it.
# Of these settings some are lists and already quoted as they are kept.
COPY_GRANTS = r"""
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name')
    FROM pg_database WHERE datname = :'model' AND datacl IS NOT NULL
UNION ALL
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, :'name',
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_database, aclexplode(datacl) WHERE datname = :'model'
\gexec
SELECT format('ALTER %s SET %I TO %s',
              CASE setrole WHEN 0 THEN format('DATABASE %I', :'name')
                  ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), :'name') END,
              split_part(setting, '=', 1),
              CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces',
                      'local_preload_libraries', 'session_preload_libraries')
                  THEN substr(setting, strpos(setting, '=') + 1)
                  ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
    FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
    WHERE datname = :'model'
\gexec
"""


def wait_until(condition, seconds, what):
    """Asks until the answer is true and returns it. `what` is a text or makes one, for the error."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.005)


def environment(**more) -> dict:
    """Ours without settings for libpq that happen to be in it."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, **more}


def as_postgres(*options) -> list:
    """What to put before a server's command: it refuses to run as root."""
    user = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if ROOT else []
    return ["setpriv", *user, *options] if user or options else []


def tool(*command, text="", password="", seconds=120, **more) -> str:
    """Runs one of PostgreSQL's programs to its end; its output."""
    done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True,
                          timeout=seconds, env=environment(PGPASSWORD=password), check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def enough_memory() -> bool:
    try:
        return shutil.disk_usage("/dev/shm").free > 2 << 30
    except OSError:
        return False


# ---- Processes

_orders = queue.SimpleQueue()
_launcher = None


def _launch_for_others():
    while True:
        command, options, answer = _orders.get()
        try:
            answer.set_result(subprocess.Popen(command, **options))
        except Exception as error:  # pylint: disable=broad-except
            answer.set_exception(error)


def launch(command, **options) -> subprocess.Popen:
    """Starts a process from a thread that lives as long as we do: to the kernel the parent that dies is
    the thread, and a test may start a server from one that soon ends.
    """
    global _launcher  # pylint: disable=global-statement
    if _launcher is None or not _launcher.is_alive():
        _launcher = threading.Thread(target=_launch_for_others, daemon=True)
        _launcher.start()
    answer = concurrent.futures.Future()
    _orders.put((command, options, answer))
    return answer.result()


def processes(mark) -> list:
    """The servers whose `cluster_name` begins so, with their children. Each child has a session of its
    own and, once its parent is dead, another parent: the name in its title is all that tells.
    """
    title, argument = f"postgres: {mark}".encode(), f"\0cluster_name={mark}".encode()
    found = []
    for entry in os.listdir("/proc"):
        try:
            line = pathlib.Path("/proc", entry, "cmdline").read_bytes() if entry.isdigit() else b""
        except OSError:
            continue
        if line.startswith(title) or argument in line:
            found.append(int(entry))
    return found


def stopped(pid) -> bool:
    """Also true of a process that has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text("latin-1").rsplit(")", 1)[1].split()[0] in "TtZX"
    except OSError:
        return True


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def kill_all(mark, first=()):
    """SIGKILL to all of them, again for those that were being born, until none is left."""
    send(first, signal.SIGKILL)

    def none_left():
        left = processes(mark)
        send(left, signal.SIGKILL)
        return not left

    wait_until(none_left, 30, f"the end of {mark}")


def remove(folder, mark):
    """Kills the servers in it and removes all of it, and the shared memory that killed servers leave."""
    kill_all(mark)
    for note in pathlib.Path(folder).glob("*/postmaster.pid"):
        segment = note.read_text("ascii").split("\n")[6].split()[1:]
        if segment:
            subprocess.run(["ipcrm", "-m", segment[0]], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def keep(folder, mark, parent):
    """The keeper: waits for the parent's end, however that came, and cleans up."""
    try:
        select.select([os.pidfd_open(parent)], [], [])
    except ProcessLookupError:
        pass
    remove(folder, mark)


# ---- Servers

class Node:
    """One server: the primary or a replica. Its log is `<folder>/<name>.log`, over all its starts."""

    def __init__(self, cluster, name):
        self.cluster, self.name, self.port, self.process = cluster, name, free_port(), None
        self.data, self.log_file = cluster.folder / name, cluster.folder / f"{name}.log"
        self.mark, self.was_ready = f"{cluster.mark}-{name}", False

    # -- Start and stop

    def launch(self):
        """Starts it and does not wait."""
        command = [*as_postgres("--pdeathsig", "QUIT"), BIN / "postgres", "-D", self.data, "-c",
                   f"cluster_name={self.mark}", "-c", f"port={self.port}"]
        with open(self.log_file, "ab") as log:
            self.process = launch([str(word) for word in command], stdout=log, stderr=log,
                                  stdin=subprocess.DEVNULL, cwd=self.cluster.folder,
                                  env=environment(), start_new_session=True)
        return self

    def start(self, seconds=60):
        """Starts it, again where something of the one killed before is still in the way or the port was
        taken meanwhile, until it is ready.
        """
        end = time.monotonic() + seconds
        while True:
            before = self.log_file.stat().st_size if self.log_file.exists() else 0
            self.launch()
            try:
                return self.wait_ready(max(0.1, end - time.monotonic()))
            except ChildProcessError:
                said = self.log(before)
                if time.monotonic() > end or not self._may_retry(said):
                    raise
            time.sleep(0.02)

    def _may_retry(self, said):
        taken = "Address already in use" in said
        if taken and not self.was_ready:
            self.port = free_port()
        return taken or "pre-existing shared memory block" in said or 'lock file "postmaster.pid"' in said

    def _says_ready(self):
        code = self.process.poll()
        if code is not None:
            raise ChildProcessError(f"{self.name} ended with {code}: {self.log()[-3000:]}")
        try:
            note = self.data.joinpath("postmaster.pid").read_text("ascii").split("\n")
        except OSError:
            return False
        return note[0] == str(self.process.pid) and len(note) > 7 and note[7].strip() == "ready"

    def is_ready(self) -> bool:
        """Takes connections, a replica in recovery too."""
        return self._says_ready() and subprocess.run(
            [BIN / "pg_isready", "-q", "-t", "2", "-h", self.cluster.folder, "-p", str(self.port)],
            env=environment(), check=False).returncode == 0

    def wait_ready(self, seconds=60):
        wait_until(self.is_ready, seconds, lambda: f"{self.name} is ready: {self.log()[-3000:]}")
        self.was_ready = True
        return self

    def stop(self, mode="fast", seconds=60):
        """`smart` waits for clients, `fast` writes a checkpoint, `immediate` nothing."""
        numbers = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        if self.is_running():
            self.process.send_signal(numbers[mode])
            self.resume()
            self.process.wait(seconds)

    def kill(self):
        """SIGKILL to all its processes at once, the first to the one that would notice."""
        if self.process is not None:
            kill_all(self.mark, [self.process.pid] if self.is_running() else [])
            self.process.wait(30)

    def restart(self, mode="fast"):
        self.stop(mode)
        return self.start()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def pause(self):
        """SIGSTOP, as if the machine hung: connections stay and nobody answers. The kernel still takes
        new ones until the queue is full.
        """
        send([self.process.pid], signal.SIGSTOP)
        wait_until(lambda: stopped(self.process.pid), 10, f"{self.name} stops")

        def all_stopped():
            running = [pid for pid in processes(self.mark) if not stopped(pid)]
            send(running, signal.SIGSTOP)
            return not running

        wait_until(all_stopped, 10, f"{self.name} stops")

    def resume(self):
        send(processes(self.mark), signal.SIGCONT)

    # -- Use

    def sql(self, text, database="postgres", user="postgres", seconds=60, **variables) -> str:
        """What psql prints, one row a line, columns between `|`. Statements go one by one, each in its own
        transaction; `variables` are psql's. An error raises RuntimeError with its text.
        """
        return self.psql("-d", database, user=user, text=text, seconds=seconds, **variables)

    def psql(self, *options, user="postgres", text="", seconds=60, **variables) -> str:
        named = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        return tool(BIN / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *named, "-h", self.cluster.folder,
                    "-p", self.port, "-U", user, *options, text=text,
                    password=self.cluster.passwords[user], seconds=seconds).removesuffix("\n")

    def set(self, **settings):
        """ALTER SYSTEM for each and a reload that new sessions already see. None: back to the default."""
        lines = [f"ALTER SYSTEM RESET {name};" if value is None else
                 "ALTER SYSTEM SET {} = '{}';".format(name, str(value).replace("'", "''"))
                 for name, value in settings.items()]
        before = self.sql("SELECT pg_conf_load_time();" + "\n".join(lines) + "SELECT pg_reload_conf();")
        loaded = before.split("\n", maxsplit=1)[0]
        wait_until(lambda: self.sql("SELECT pg_conf_load_time()") != loaded, 20, f"{self.name} reloads")

    def promote(self, seconds=60):
        """Makes a primary of a replica; returns when it writes."""
        self.sql(f"SELECT pg_promote(true, {seconds})", seconds=seconds + 10)
        wait_until(lambda: not self.is_in_recovery(), seconds, f"{self.name} is a primary")

    def is_in_recovery(self) -> bool:
        return self.sql("SELECT pg_is_in_recovery()") == "t"

    def log(self, place=0) -> str:
        """From this byte on."""
        return self.log_file.read_bytes()[place:].decode("utf-8", "replace")


class Cluster:
    """A primary, and `sync` and `async_` where they are asked for. `settings` are of postgresql.conf;
    `setup` is run on the primary before anything else, with both passwords as variables of psql.
    `memory`: the folder is in memory where there is enough of it, for tests that kill processes and do not
    measure: on a disk that others use a start takes many times as long.
    """

    def __init__(self, folder=None, replicas=False, settings=None, setup=None, memory=False):
        place = "/dev/shm" if memory and enough_memory() else "/tmp"
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="lists-pg-", dir=place)).resolve()
        self.replicas, self.settings, self.setup = replicas, {**SETTINGS, **(settings or {})}, setup or SETUP
        self.mark = f"lists-{secrets.token_hex(6)}"
        self.passwords = {user: secrets.token_hex(12)
                          for user in ("postgres", "lists_owner", "lists_service")}
        self.ca = self.folder / "ca.crt"
        self.nodes, self.keeper, self.owner = {}, None, os.getpid()

    primary = property(lambda self: self.nodes["primary"])
    sync = property(lambda self: self.nodes["sync"])
    async_ = property(lambda self: self.nodes["async"])

    # -- Life

    def start(self):
        """Once; nodes are started and stopped one by one after that."""
        atexit.register(self.close)
        self._make_folder()
        self._make_certificates()
        self._make_primary()
        if self.replicas:
            self.add_replica("sync")
            self.add_replica("async")
        return self

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Kills all and removes the folder; what matters was checked before. Does nothing in a process
        that was forked from ours and ends before us.
        """
        atexit.unregister(self.close)
        if os.getpid() != self.owner:
            return
        for node in self.nodes.values():
            node.kill()
        remove(self.folder, self.mark)
        if self.keeper is not None:
            self.keeper.kill()
            self.keeper.wait()
            self.keeper = None

    def _make_folder(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keeper = subprocess.Popen(
            [sys.executable, __file__, "keep", self.folder, self.mark, str(os.getpid())], cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        self.folder.chmod(0o755)
        self._give(self.folder)

    @staticmethod
    def _give(*paths):
        for path in paths:
            os.chown(path, USER.pw_uid, USER.pw_gid)

    def _make_certificates(self):
        """One of a CA of our own, and by it one of the server, for 127.0.0.1 and localhost."""
        key, certificate = self.folder / "server.key", self.folder / "server.crt"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", "30"]
        tool(*make, "-subj", "/CN=CA of the tests", "-keyout", self.folder / "ca.key", "-out", self.ca)
        tool(*make, "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
             "-CA", self.ca, "-CAkey", self.folder / "ca.key",
             "-addext", "basicConstraints=critical,CA:FALSE",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self._give(key, certificate)
        self.settings.update(ssl_cert_file=certificate, ssl_key_file=key)

    def _make_primary(self):
        node = self.nodes["primary"] = Node(self, "primary")
        secret = self.folder / "password"
        secret.touch(0o600)
        secret.write_text(self.passwords["postgres"] + "\n", "ascii")
        self._give(secret)
        tool(*as_postgres(), BIN / "initdb", "--no-sync", "--auth=scram-sha-256", "--locale=C.UTF-8", "-E",
             "UTF8", "-U", "postgres", "--pwfile", secret, "-D", node.data, cwd=self.folder)
        settings = {**self.settings, "unix_socket_directories": self.folder}
        with open(node.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        node.start()
        self._set_up()

    def _set_up(self):
        """The roles and the database, and a copy that stays empty, as a model for fresh ones."""
        self.primary.psql("-d", "postgres", "-f", self.setup, owner_password=self.passwords["lists_owner"],
                          service_password=self.passwords["lists_service"])
        self.primary.sql(f"CREATE DATABASE {TEMPLATE} TEMPLATE {DATABASE} IS_TEMPLATE true "
                         "ALLOW_CONNECTIONS false")

    # -- Replicas

    def add_replica(self, name):
        """`sync` or `async`, from a copy of the primary. Returns when it streams; commits wait for `sync`
        from then on.
        """
        node = self.nodes[name] = Node(self, name)
        tool(*as_postgres(), BIN / "pg_basebackup", "-D", node.data, "-h", self.folder, "-p",
             self.primary.port, "-U", "postgres", "-X", "stream", "-c", "fast", "--no-sync",
             password=self.passwords["postgres"], cwd=self.folder)
        self._write_followed(node, self.primary.port)
        node.data.joinpath("standby.signal").touch()
        self._give(node.data / "standby.signal")
        node.start()
        self.wait_streaming(name)
        if name == "sync":
            self.make_synchronous()
        return node

    def _conninfo(self, name, port):
        return (f"host=127.0.0.1 port={port} user=postgres password={self.passwords['postgres']} "
                f"application_name={name}")

    def _write_followed(self, node, port):
        """In place of what the primary had set for itself with ALTER SYSTEM."""
        node.data.joinpath("postgresql.auto.conf").write_text(
            f"primary_conninfo = '{self._conninfo(node.name, port)}'\n", "ascii")

    def follow(self, node, leader=None, port=None):
        """Lets a replica follow another server, or the port of a proxy."""
        node.set(primary_conninfo=self._conninfo(node.name, port or (leader or self.primary).port))

    def wait_streaming(self, name, leader=None, state=None, seconds=30):
        """Until the leader has the replica in its list, and in this `sync_state` if one is named."""
        query = (f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{name}' "
                 "AND state = 'streaming'")
        node, states = leader or self.primary, [state] if state else ["sync", "async", "quorum", "potential"]
        wait_until(lambda: node.sql(query) in states, seconds,
                   lambda: f"{name} is {state or 'streaming'}: {self.nodes[name].log()[-2000:]}")

    def wait_caught_up(self, node, leader=None, seconds=30):
        """Until the replica shows all that the leader has written up to now."""
        place = (leader or self.primary).sql("SELECT pg_current_wal_insert_lsn()")
        wait_until(lambda: node.sql(f"SELECT pg_last_wal_replay_lsn() >= '{place}'::pg_lsn") == "t",
                   seconds, f"{node.name} shows {place}")

    def make_synchronous(self, leader=None):
        """Commits on the primary wait for `sync` when this returns. The checkpoint is what tells: the
        process that makes it is also the one that lets commits know whether to wait.
        """
        node = leader or self.primary
        node.set(synchronous_standby_names="sync")
        self.wait_streaming("sync", node, "sync")
        node.sql("CHECKPOINT")

    def drop_synchronous(self, leader=None):
        """Commits wait for nobody; those that wait are let go."""
        node = leader or self.primary
        node.set(synchronous_standby_names="")
        node.sql("CHECKPOINT")

    @staticmethod
    def delay(node, milliseconds):
        """A replica shows commits so much later (it still has and confirms them at once, unless
        synchronous_commit is remote_apply). 0 ends it.
        """
        node.set(recovery_min_apply_delay=f"{milliseconds}ms")

    # -- Databases and addresses

    def fresh_database(self, name, node=None) -> str:
        """An empty one with the same owner, grants and settings as the service's; returns its name."""
        (node or self.primary).sql(f"""
            SELECT format('CREATE DATABASE %I TEMPLATE {TEMPLATE} OWNER %I', :'name', pg_get_userbyid(datdba))
                FROM pg_database WHERE datname = :'model'
            \\gexec
            """ + COPY_GRANTS, name=name, model=DATABASE)
        return name

    def drop_database(self, name, node=None):
        """With all who are connected to it."""
        (node or self.primary).sql("DROP DATABASE :\"name\" WITH (FORCE)", name=name)

    def url(self, role="lists_service", node=None, port=None, database=DATABASE) -> str:
        """`port` in place of a node's own: a proxy's."""
        return (f"postgres://{role}:{self.passwords[role]}@127.0.0.1:"
                f"{port or (node or self.primary).port}/{database}")

    def environment(self) -> dict:
        """How programs under test find the servers."""
        found = {"LISTS_TEST_POSTGRES": self.url(), "LISTS_TEST_POSTGRES_OWNER": self.url("lists_owner"),
                 "LISTS_TEST_POSTGRES_ADMIN": self.url("postgres", database="postgres"),
                 "LISTS_TEST_POSTGRES_CA": str(self.ca)}
        for name in set(self.nodes) - {"primary"}:
            found[f"LISTS_TEST_POSTGRES_{name.upper()}"] = self.url(node=self.nodes[name])
        return found


# ---- Command line

def run_command(command, more) -> int:
    """To its end, and to ours: it is ended when we are told to."""
    with subprocess.Popen(command, env={**os.environ, **more}) as process:
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    return code if code >= 0 else 128 - code


def leave(number, _frame):
    sys.exit(128 + number)


def run(arguments) -> int:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(prog="cluster.py run", epilog="then -- COMMAND ARGS...")
    parser.add_argument("--replicas", action="store_true")
    parser.add_argument("--memory", action="store_true", help="no files on the disk")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(arguments[:end])
    command = arguments[end + 1:]
    if not command:
        parser.error("no command after --")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    settings = dict(word.split("=", 1) for word in options.set)
    with Cluster(replicas=options.replicas, settings=settings, memory=options.memory) as cluster:
        try:
            return run_command(command, cluster.environment())
        except (FileNotFoundError, PermissionError) as error:
            print(f"cluster.py: {error}", file=sys.stderr)
            return 127


def main(arguments) -> int:
    if arguments[:1] == ["run"]:
        return run(arguments[1:])
    if arguments[:1] == ["keep"]:
        keep(arguments[1], arguments[2], int(arguments[3]))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
