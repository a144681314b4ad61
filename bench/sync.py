"""What is measured of syncs: ten ops in one against ten calls, one with nothing to tell, and devices that
come back all at once. On SQLite and on PostgreSQL, where core 0 has the service and its load."""
import contextlib

import data
import pgbench
import postgres
import storm
from harness import Ratio, cycles, load
from report import from_ratio
from stores import stores_of

PEOPLE = storm.DEVICES + storm.OTHERS
LISTS, ITEMS = 4, 50  # Of each person, of each list.
CACHE = ("--cache-mib", "1024")  # Lists that are in use are in memory, however many cycles there are.
OPS = 10
SENDERS = 100  # Stores of a slice, one after the other on one connection.
EMPTY_CONNECTIONS = 16


def folder():
    return data.folder(PEOPLE * LISTS, ITEMS, LISTS)


@contextlib.contextmanager
def on_sqlite(name):
    """The service on a copy of the folder, without a PostgreSQL server."""
    with data.serve(data.copy_of(folder(), name), "--loops", "1", *CACHE) as ours:
        yield ours, None


@contextlib.contextmanager
def on_postgres(_):
    """The service on a database with the same, and its server."""
    with postgres.Server() as server:
        with server.serve(server.make("bench", folder()), "--loops", "1", *CACHE) as ours:
            yield ours, server


def connect(ours):
    return data.client.Connection(("127.0.0.1", ours.port), timeout=60)


def learn(ours, stores):
    """Each store has its cursor, and the newest revisions."""
    connection = connect(ours)
    for store in stores:
        store.send(connection)
    connection.close()


def ten(place, where):
    stores = stores_of(folder())[:SENDERS]
    with place("sync-ten") as (ours, server):
        def ops_of(store):
            return [store.tick(store.lists[0], number) for number in range(OPS)]

        def sent(name, request_of):
            learn(ours, stores)
            requests = [request for store in stores for request in request_of(store)]
            plan = data.Plan(f"sync-{name}")
            plan.add(name, 1, 200, -1, requests)
            return load(ours.port, plan.done(), 1, seconds=60, server=ours, postgres=server, once=True)

        def syncs():
            told = sent("ten", lambda store: [store.request(ops_of(store))])
            return {**told, "rate": told["rate"] * OPS}

        def singles():
            return sent("single", lambda store: [store.single(op) for op in ops_of(store)])
        for warm in (singles, syncs):
            warm()
        if server:
            server.check_pinned()
        kept = cycles({"sync": syncs, "single": singles})
    return [from_ratio(f"{where}: ticks, {OPS} of a list in a sync, 1 connection",
                       "as single calls, one after the other", Ratio(kept, "sync", "single"), "/s", 3)]


def ten_on_sqlite():
    """A sync of ten ops against ten single calls on the same connection, on SQLite."""
    return ten(on_sqlite, "SQLite")


def ten_on_postgres():
    """A sync of ten ops against ten single calls on the same connection, on PostgreSQL."""
    return ten(on_postgres, "PostgreSQL")


def empty():
    """A sync with nothing to tell, which asks one statement, against pgbench's one-row read by key."""
    stores = stores_of(folder())
    with on_postgres(None) as (ours, server):
        ids = [each for store in stores for each in store.lists]
        script = pgbench.written("row", f"\\set list random(1, {len(ids)})\n"
                                        f"SELECT title FROM lists WHERE id = {pgbench.one_of(ids)};\n")
        learn(ours, stores)
        plan = data.Plan("sync-empty")
        plan.add("sync", 1, 200, -1, [store.request() for store in stores])
        plan = plan.done()
        contenders = {
            "row": lambda: pgbench.run(server, "bench", script, EMPTY_CONNECTIONS),
            "sync": lambda: load(ours.port, plan, EMPTY_CONNECTIONS, server=ours, postgres=server)}
        for warm in contenders.values():
            warm()
        server.check_pinned()
        kept = cycles(contenders)
    return [from_ratio(f"PostgreSQL: empty sync, {LISTS} lists a person, {EMPTY_CONNECTIONS} connections",
                       f"pgbench -c {EMPTY_CONNECTIONS}, select of a row by its key", Ratio(kept, "sync", "row"),
                       "/s", 0.5)]


def storm_in(place, where):
    stores = stores_of(folder())
    with place("sync-storm") as (ours, server):
        weather = storm.Weather(ours, server, stores, learn)
        weather.quiet()
        weather.storm()
        if server:
            server.check_pinned()
        kept = cycles({"storm": weather.storm, "quiet": weather.quiet})
    return storm.rows(kept, where)


def storm_on_sqlite():
    """A thousand devices that come back at once with fifty ops each, and what others notice, on SQLite."""
    return storm_in(on_sqlite, "SQLite")


def storm_on_postgres():
    """A thousand devices that come back at once with fifty ops each, and what others notice, on PostgreSQL."""
    return storm_in(on_postgres, "PostgreSQL")
