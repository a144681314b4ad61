"""What is measured of durable creates: 64 connections, one connection, Node."""
import subprocess
import urllib.request

import data
import rivals
from harness import BUILD, SERVER_CORE, SLICE_SECONDS, Ratio, cycles, load, median
from reads import LISTS, Reads, create
from report import Row, from_ratio


def create_plan(reads):
    plan = data.Plan("create")
    plan.add("create", 1, 201, -1, [create(reads, each) for each in reads.lists])
    return plan.done()


def metric(server, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " "))


def with_rows(server, run, engine="sqlite"):
    """A slice, with the rows that shared a commit in it."""
    before = [metric(server, f"{engine}_commit_rows_{part}") for part in ("sum", "count")]
    told = run()
    after = [metric(server, f"{engine}_commit_rows_{part}") for part in ("sum", "count")]
    return {**told, "rows": (after[0] - before[0]) / max(1, after[1] - before[1])}


def bare(folder, rows, seconds=SLICE_SECONDS):
    out = subprocess.run(["taskset", "-c", str(SERVER_CORE), BUILD / "bench_sqlite", "create", folder, str(LISTS),
                          str(rows), str(seconds)], stdout=subprocess.PIPE, check=True)
    return data.json.loads(out.stdout)


def creates():
    reads = Reads()
    plan = create_plan(reads)
    node_each, node_grouped = data.copy_of(reads.folder, "node-each"), data.copy_of(reads.folder, "node-grouped")
    limit = data.copy_of(reads.folder, "bare-create")
    with data.serve(data.copy_of(reads.folder, "creates"), "--loops", "1") as ours, \
            rivals.node(node_each, "ready", "each") as each, \
            rivals.node(node_grouped, "ready", "grouped") as grouped:
        for server in (ours, each, grouped):
            load(server.port, plan, seconds=2)
        rows = round(with_rows(ours, lambda: load(ours.port, plan))["rows"])
        kept = cycles({
            "lists": lambda: with_rows(ours, lambda: load(ours.port, plan, server=ours)),
            "bare": lambda: bare(limit, rows),
            "each": lambda: load(each.port, plan, server=each),
            "grouped": lambda: load(grouped.port, plan, server=grouped)})
    shared = median([cycle["lists"]["rows"] for cycle in kept])
    return [
        from_ratio("durable create, 64 connections, random lists", f"bare SQLite loop, {rows} rows a commit",
                   Ratio(kept, "lists", "bare"), "/s", 0.65, 0.85),
        Row("rows per commit at 64 connections", "32", f"{shared:.1f}", "32", shared / 32, firm=0.85),
        from_ratio("durable create, 64 connections", "Node, a transaction each", Ratio(kept, "lists", "each"), "/s", 3),
        from_ratio("durable create, 64 connections", "Node, grouped by hand", Ratio(kept, "lists", "grouped"), "/s",
                   note="creates of one turn of Node's event loop share a transaction, which its users would have to"
                        " build themselves"),
    ]


def create_alone():
    """The p50 of one client that waits for each create."""
    reads = Reads()
    plan = create_plan(reads)
    limit = data.copy_of(reads.folder, "bare-create")

    def one(server):
        told = load(server.port, plan, connections=1, server=server)
        return {**told, "p50": told["create"]["p50_us"]}

    def autocommit():
        told = bare(limit, 1)
        return {**told, "p50": told["p50_us"]}
    with data.serve(data.copy_of(reads.folder, "creates"), "--loops", "1") as ours:
        load(ours.port, plan, seconds=2)
        kept = cycles({"lists": lambda: one(ours), "bare": autocommit})
    return [from_ratio("durable create, 1 connection, p50", "one SQLite autocommit",
                       Ratio(kept, "lists", "bare", "p50"), "us", 3, 2, more=False)]
