"""What is measured of the service on PostgreSQL, against pgbench, SQLite, and Node.

Core 0 has the service and its load, or the peer and its load; core 1 has PostgreSQL.
"""
import contextlib

import callgrind
import data
import growth
import pgbench
import postgres
import rivals
import writes
from harness import SLICE_SECONDS, Ratio, cycles, load, median
from reads import HOT, ITEMS, Reads, create
from report import Row, from_ratio

COLD_LISTS = 10_000
WARM_SECONDS = 5  # Node is slow until it has compiled what is run often.
# Lists that creates go to are in memory, as the rows say, however long a run takes: each slice adds some
# twenty items to each of the thousand. 256 MiB (the default) end at some 450 items a list; then what is
# measured is loads. Node and pgbench keep no list, and read none for a create.
CREATES_CACHE = ("--cache-mib", "1024")
COUNTED_READS = 10_000  # The few that must be confirmed at first do not show among so many.


def best_of(kept, names):
    """The peer's variant with the highest median, which stands for the peer in all cycles."""
    return max(names, key=lambda name: median([cycle[name]["rate"] for cycle in kept]))


def creates_of_pgbench(server, model, reads, clients):
    """Contenders: each number of clients, with and without the pipeline. Each has lists of its own."""
    values = pgbench.create_values(server, model, create(reads, reads.lists[0]))
    ids = [list_id for list_id, _ in reads.lists]
    contenders = {}
    for count in clients:
        for pipeline in (False, True):
            script = pgbench.create_script(ids, pipeline)
            database = server.copy(model, f"pgbench_{count}_{'pipeline' if pipeline else 'plain'}")
            name = f"pgbench -c {count}{', pipeline' if pipeline else ''}"
            contenders[name] = (lambda database=database, script=script, count=count:
                                pgbench.create(server, database, script, count, values))
    return contenders


def creates(connections, clients, *arguments):
    """The quiet cycles of creates, and the name of pgbench's best variant."""
    reads = Reads()
    plan = writes.create_plan(reads)
    with postgres.Server() as server:
        model = server.make("bench", reads.folder)
        contenders = creates_of_pgbench(server, model, reads, clients)
        peers = list(contenders)
        with server.serve(server.copy(model, "creates"), "--loops", "1", *CREATES_CACHE, *arguments) as ours:
            def slice_of_ours(seconds=SLICE_SECONDS):
                return load(ours.port, plan, connections, seconds=seconds, server=ours, postgres=server)
            slice_of_ours(2)
            contenders["lists"] = lambda: writes.with_rows(ours, slice_of_ours, "postgres")
            server.check_pinned()
            kept = cycles(contenders)
    return kept, best_of(kept, peers)


def create_single():
    """Durable creates, 16 connections, each in its own transaction, against pgbench."""
    kept, best = creates(16, (16,), "--database-lanes", "16", "--db-pool-size", "40", "--database-group", "1")
    shared = median([cycle["lists"]["rows"] for cycle in kept])
    if shared > 1.05:  # Two of one list that meet are one batch.
        raise RuntimeError(f"{shared:.2f} creates shared a transaction: each was to have its own")
    return [from_ratio("PostgreSQL: durable create, 16 connections, a transaction each",
                       f"{best}, the same statements", Ratio(kept, "lists", best), "/s", 0.6, 0.9)]


def create_grouped():
    """Durable creates, 64 connections, those that wait together in one transaction, against pgbench."""
    kept, best = creates(64, (16, 64))
    shared = median([cycle["lists"]["rows"] for cycle in kept])
    return [from_ratio("PostgreSQL: durable create, 64 connections, grouped", f"{best}, the same statements",
                       Ratio(kept, "lists", best), "/s", 1.3, 2.5),
            Row("PostgreSQL: rows per commit at 64 connections", "-", f"{shared:.1f}", "-", shared)]


def cold_read():
    """Lists that are not in memory, against pgbench's select of their items."""
    folder = data.folder(COLD_LISTS, ITEMS)
    tokens, lists = data.tokens(folder), data.lists_of(folder)
    plan = data.Plan("pg-cold")
    plan.add("read", 1, 200, -1, [data.request("GET", f"/v1/lists/{list_id}", tokens[owner])
                                  for list_id, owner in lists])
    plan = plan.done()
    with postgres.Server() as server:
        database = server.make("bench", folder)
        if server.number("SELECT count(*) FROM items", database) != COLD_LISTS * ITEMS:
            raise RuntimeError(f"not all lists have {ITEMS} items")
        script = pgbench.read_script([list_id for list_id, _ in lists])
        contenders = {f"pgbench -c {count}": lambda count=count: pgbench.run(server, database, script, count)
                      for count in (4, 16)}
        peers = list(contenders)
        with server.serve(database, "--loops", "1", "--cache-mib", "1") as ours:
            contenders["lists"] = lambda: load(ours.port, plan, server=ours, postgres=server)
            for warm in contenders.values():  # Until all is in PostgreSQL's memory.
                warm()
            server.check_pinned()
            kept = cycles(contenders)
    best = best_of(kept, peers)
    return [from_ratio(f"PostgreSQL: cold read of a {ITEMS}-item list", f"{best}, select of its rows",
                       Ratio(kept, "lists", best), "/s", 0.5, 0.8)]


def instructions_of_hot_read(folder, place, *arguments, serve=data.serve):
    with callgrind.Counted(place, *arguments, serve=serve) as counted:
        client = growth.Client(counted.port)
        client.send(folder.reads(), 200)
        return counted.count(lambda: client.send(folder.reads(COUNTED_READS), 200))


def hot_read():
    """Instructions of a hot read on PostgreSQL against those on SQLite."""
    folder = growth.Folder(10, ITEMS)
    on_sqlite = instructions_of_hot_read(folder, data.copy_of(folder.source, "pg-hot"))
    with postgres.Server() as server:
        server.trust()
        database = server.make("bench", folder.source)
        found = instructions_of_hot_read(folder, database, "--db-pool-size", "2", serve=server.serve)
    return [Row("PostgreSQL: instructions of a hot read", "on SQLite", f"{found:,.0f}", f"{on_sqlite:,.0f}",
                found / on_sqlite, firm=1.03, more=False)]


def check_same(reads, ours, theirs):
    """The peer's answer has the service's bytes; returns how many."""
    answers = [rivals.answer_of(server.port, reads.request(reads.lists[0])) for server in (ours, theirs)]
    bodies = [body for _, body in answers]
    if bodies[0] != bodies[1]:
        raise RuntimeError(f"Node answers otherwise than the service: {answers[1]}")
    return len(bodies[0])


def node():
    """Hot reads and durable creates against Node, which asks PostgreSQL for each read."""
    reads = Reads()
    creates_plan = writes.create_plan(reads)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres.Server())
        model = server.make("bench", reads.folder)
        copies = [server.copy(model, name) for name in ("creates", "node_creates")]
        ours = stack.enter_context(server.serve(model, "--loops", "1"))
        theirs = stack.enter_context(rivals.node_on_postgres(server.url(model)))
        writer = stack.enter_context(server.serve(copies[0], "--loops", "1", *CREATES_CACHE,
                                                  log="lists-creates.log"))
        their_writer = stack.enter_context(rivals.node_on_postgres(server.url(copies[1])))
        plan = reads.plan("pg-hot", 200, check_same(reads, ours, theirs), HOT)
        who = {"read": (ours, plan), "node read": (theirs, plan), "create": (writer, creates_plan),
               "node create": (their_writer, creates_plan)}
        for program, sent in who.values():
            load(program.port, sent, seconds=WARM_SECONDS, postgres=server)
        server.check_pinned()
        kept = cycles({name: (lambda program=program, sent=sent: load(program.port, sent, server=program,
                                                                      postgres=server))
                       for name, (program, sent) in who.items()})
    return [from_ratio(f"PostgreSQL: hot read, {ITEMS} items, of {HOT} lists",
                       "Node with pg, select and serialise", Ratio(kept, "read", "node read"), "/s", 3),
            from_ratio("PostgreSQL: durable create, 64 connections", "Node with pg, a transaction each",
                       Ratio(kept, "create", "node create"), "/s", 3)]
