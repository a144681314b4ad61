"""pgbench as the peer of the service on PostgreSQL: the service's own statements, prepared, on core 0."""
import functools
import re
import subprocess

import rivals
from harness import ROOT, SERVER_CORE, WORK, Foreign
from postgres import cluster

SECONDS = 3  # The first one is not counted: connections prepare their statements then.
TX = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
TEXT = r'((?:[\s\\]*(?:"[^"]*"|[A-Z_]+\b))+)'  # Of C++: literals that follow each other, and names of such.
NULL = "NULL"

# What differs between creates is drawn anew for each: the list, the item, its place, the batch, the ids of
# the change. Sixteen digits are also the text of 16 bytes, and the last sixteen of a UUID.
DRAW = r"""
\set list random(1, {lists})
\set mark random(1000000000000000, 9999999999999999)
\set item random(1000000000000000, 9999999999999999)
\set op random(1000000000000000, 9999999999999999)
\set rank random(100000000000, 999999999999)
\set logged random(1000000000000000, 9000000000000000)
"""
ITEM = "CAST('01990000aaaa7000' || :item AS uuid)"
OP = "CAST('01990000aaaa7000' || :op AS uuid)"
# Parameters of the statements, in their order; LIST stands for the drawn list's id. The guard leaves the list
# at its revision: so it is right each time, whoever else writes, and nothing has to be read before.
GUARD = ["LIST", ":revision", ":revision", ":mark", ":epoch", ":title", ":archived", ":item_count",
         ":done_count", ":trash_count", ":content_bytes", ":at", NULL, "last_batch"]
PUT_ITEM = ["LIST", ":mark", ITEM, ":rank", ":text", "''", ":done", NULL, NULL, ":labels", NULL, ":actor",
            ":at", ":at", NULL, NULL, ":revision", NULL, NULL]
LOG_CHANGE = ["LIST", ":mark", ":logged", OP, ":at", ":actor", NULL, ":kind", ":status", ITEM, ":effects",
              NULL, NULL, ":digest"]
# Values of the parameters that are the same for all: those of a create that the service has just made.
NAMES = ("epoch", "title", "archived", "item_count", "done_count", "trash_count", "content_bytes", "text",
         "done", "labels", "actor", "at", "kind", "status", "effects")
VALUES = """
SELECT m.epoch, l.title, l.archived, l.item_count, l.done_count, l.trash_count, l.content_bytes, i.text,
    i.done, i.labels, c.actor_id, c.at, c.kind, c.status, c.effects
FROM meta m, lists l JOIN changes c ON c.list_id = l.id AND c.revision = l.revision
    JOIN items i ON i.list_id = c.list_id AND i.id = c.item_id WHERE l.revision > :revision
"""


def literal(source, pattern, what):
    found = re.search(pattern + TEXT, source)
    if not found:
        raise RuntimeError(f"the statement {what} is not where it was looked for")
    parts = re.findall(r'"([^"]*)"|([A-Z_]+)', found[1])
    return "".join(text or literal(source, rf"#define {name}\b", name) if name else text
                   for text, name in parts).replace(":tx", TX)


@functools.cache
def statements():
    """The service's own texts, by their names."""
    lists, rows, read = ((ROOT / "src/store" / name).read_text()
                         for name in ("lists.cc", "list_rows.cc", "lists_read.cc"))
    found = {"guard": literal(lists, r"#define GUARD\b", "lists.guard")}
    for key, source, name in (("put_item", rows, "items.put"), ("log_change", rows, "changes.add"),
                              ("read_items", read, "items.read")):
        found[key] = literal(source, rf'"{re.escape(name)}",', name)
    return found


def filled(text, parameters, list_id):
    """A statement with what pgbench is to put for its parameters."""
    wanted = max(map(int, re.findall(r"\$(\d+)", text)))
    if wanted != len(parameters):
        raise RuntimeError(f"the statement has {wanted} parameters, not {len(parameters)}: {text}")
    return re.sub(r"\$(\d+)", lambda at: parameters[int(at[1]) - 1].replace("LIST", list_id), text)


def one_of(ids):
    """The drawn one: an array of all in the plan, and a look into it."""
    return "(CAST('{" + ",".join(ids) + "}' AS uuid[]))[:list]"


def written(name, text):
    file = WORK / f"{name}.pgbench"
    file.write_text(text)
    return file


def create_script(ids, pipeline):
    """A transaction that creates an item in one of these lists, all of it sent at once with `pipeline`."""
    found, chosen = statements(), one_of(ids)
    lines = [filled(found["guard"], GUARD, chosen), filled(found["put_item"], PUT_ITEM, chosen),
             filled(found["log_change"], LOG_CHANGE, chosen)]
    lines = ["BEGIN", *lines, "COMMIT"]
    body = "".join(line + ";\n" for line in lines)
    if pipeline:
        body = f"\\startpipeline\n{body}\\endpipeline\n"
    name = f"create-{'pipeline' if pipeline else 'plain'}"
    return written(name, DRAW.format(lists=len(ids)).lstrip() + body)


def read_script(ids):
    """One read of a list's items."""
    text = filled(statements()["read_items"], ["LIST"], one_of(ids))
    return written("read", f"\\set list random(1, {len(ids)})\n{text};\n")


def create_values(server, model, request):
    """For -D: what the scripts of creates name and do not draw. `request`: one such create."""
    if server.number("SELECT count(DISTINCT revision) FROM lists", model) != 1:
        raise RuntimeError("the lists are not at one revision: the guard would not find them")
    revision = server.number("SELECT max(revision) FROM lists", model)
    sample = server.copy(model, "sample")
    with server.serve(sample, "--loops", "1") as program:
        head, _ = rivals.answer_of(program.port, request)
    row = server.primary.sql(VALUES, sample, revision=revision).split("|")
    server.cluster.drop_database(sample)
    if not head.startswith(b"HTTP/1.1 201") or len(row) != len(NAMES):
        raise RuntimeError(f"the service did not create an item: {head} {row}")
    values = dict(zip(NAMES, row), revision=revision, digest="0123456789abcdef" * 2)
    return [f"-D{name}={value}" for name, value in values.items()]


def run(server, database, script, clients, values=()):
    """One slice. Raises when a transaction failed."""
    command = ["taskset", "-c", SERVER_CORE, cluster.BIN / "pgbench", "-n", "-M", "prepared", "-c", clients,
               "-j", 1, "-T", SECONDS, "-P", 1, "-f", script, *values, "-h", "127.0.0.1", "-p",
               server.primary.port, "-U", "lists_service", database]
    env = cluster.environment(PGPASSWORD=server.cluster.passwords["lists_service"])
    others = Foreign(server.cpu_seconds)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=env)
    server.wait_until_left()  # Else what its processes used is nobody's.
    foreign = others.share()
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if done.returncode != 0 or not failed or failed[1] != "0":
        raise RuntimeError(f"pgbench ended with {done.returncode}: {done.stderr[-2000:]} {done.stdout}")
    seconds = re.findall(r"^progress: \S+ s, (\S+) tps", done.stderr, re.MULTILINE)[1:]
    if not seconds:
        raise RuntimeError(f"pgbench told of no second but the first: {done.stderr}")
    count = int(re.search(r"transactions actually processed: (\d+)", done.stdout)[1])
    return {"rate": sum(map(float, seconds)) / len(seconds), "count": count, "foreign": foreign}


def create(server, database, script, clients, values):
    """A slice of creates. Raises when not each has left its change and its item."""
    counted = "SELECT (SELECT count(*) FROM changes) + (SELECT count(*) FROM items)"
    before = server.number(counted, database)
    told = run(server, database, script, clients, values)
    rows = server.number(counted, database) - before
    if rows != 2 * told["count"]:
        raise RuntimeError(f"{told['count']} creates of pgbench left {rows} rows, not two each")
    return told
