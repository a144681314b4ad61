"""What is measured of reads: hot, compressed, not modified, their tail, cold, mixed with writes."""
import contextlib
import random
import subprocess

import data
import rivals
from harness import BUILD, SERVER_CORE, SLICE_SECONDS, Ratio, cycles, load, median
from report import from_ratio

LISTS = 1000
HOT = 256  # Lists of the hot set: some 9 MB, which caches of today's processors hold.
ITEMS = 100
AT = 0.7  # Of the peak, where the tail is measured.


class Reads:
    """A folder of LISTS lists, and the requests for them."""

    def __init__(self):
        self.folder = data.folder(LISTS, ITEMS)
        self.tokens = data.tokens(self.folder)
        self.lists = data.lists_of(self.folder)

    def request(self, entry, headers=()):
        list_id, owner = entry
        return data.request("GET", f"/v1/lists/{list_id}", self.tokens[owner], headers)

    def plan(self, name, status, length, count=HOT, headers=()):
        plan = data.Plan(name)
        plan.add("read", 1, status, length, [self.request(each, headers) for each in self.lists[:count]])
        return plan.done()

    def serve(self, *arguments):
        return data.serve(self.folder, "--loops", "1", *arguments)


def warm(*programs_and_plans):
    for program, plan in programs_and_plans:
        load(program.port, plan, seconds=0.5)


def hot():
    """The hot read against nginx, the floor, and Node."""
    reads = Reads()
    copies = {mode: data.copy_of(reads.folder, f"node-{mode}") for mode in ("ready", "serialise")}
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(reads.serve())
        head, body = rivals.answer_of(ours.port, reads.request(reads.lists[0]))
        plan = reads.plan("hot", 200, len(body))
        wide = reads.plan("wide", 200, len(body), LISTS)
        servers = {"lists": ours,
                   "nginx": stack.enter_context(rivals.nginx("hot", head, body)),
                   "floor": stack.enter_context(rivals.floor(head, body)),
                   "spread": stack.enter_context(rivals.floor(head, body, LISTS)),
                   "ready": stack.enter_context(rivals.node(copies["ready"], "ready")),
                   "serialise": stack.enter_context(rivals.node(copies["serialise"], "serialise"))}
        contenders = {name: (lambda server=server: load(server.port, plan, server=server))
                      for name, server in servers.items()}
        contenders["wide"] = lambda: load(ours.port, wide, server=ours)
        warm(*((server, wide) for server in servers.values()))
        kept = cycles(contenders)
    what = f"hot read, {ITEMS} items, {len(body) / 1000:.1f} KB, of {HOT} lists"
    beyond = f"the same of {LISTS} lists ({LISTS * len(body) / 1e6:.0f} MB)"
    return [
        from_ratio(what, "nginx `return 200`", Ratio(kept, "lists", "nginx"), "/s", 1.0, 1.2),
        from_ratio("the same", "hand-written epoll, fixed bytes", Ratio(kept, "lists", "floor"), "/s", 0.75, 0.85),
        from_ratio("server user CPU per hot read", "nginx's", Ratio(kept, "lists", "nginx", "user_us"), "us",
                   0.8, 0.5, more=False),
        from_ratio("server CPU per hot read", "hand-written epoll's", Ratio(kept, "lists", "floor", "cpu_us"), "us",
                   more=False),
        from_ratio("the same hot read", "Node, ready bytes", Ratio(kept, "lists", "ready"), "/s", 2.5),
        from_ratio("the same hot read", "Node, serialising", Ratio(kept, "lists", "serialise"), "/s", 10),
        from_ratio(beyond, "nginx `return 200`, one answer", Ratio(kept, "wide", "nginx"), "/s",
                   note="beyond the last-level cache each answer comes from main memory; nginx always sends the"
                        " same bytes. The next line is the like for like."),
        from_ratio(beyond, "hand-written epoll, as many bytes", Ratio(kept, "wide", "spread"), "/s"),
    ]


def gzip():
    reads = Reads()
    accept = ["Accept-Encoding: gzip"]
    with reads.serve() as ours:
        head, body = rivals.answer_of(ours.port, reads.request(reads.lists[0], accept))
        assert b"Content-Encoding: gzip" in head, head
        lengths = {len(rivals.answer_of(ours.port, reads.request(each, accept))[1]) for each in reads.lists[:HOT]}
        length = len(body) if len(lengths) == 1 else -1
        plan = reads.plan("gzip", 200, length, headers=accept)
        with rivals.nginx("gzip", head, body) as nginx:
            warm((ours, plan), (nginx, plan if length > 0 else reads.plan("gzip-any", 200, -1, headers=accept)))
            kept = cycles({"lists": lambda: load(ours.port, plan, server=ours),
                           "nginx": lambda: load(nginx.port, plan, server=nginx)})
    return [from_ratio(f"hot read with gzip, {len(body) / 1000:.1f} KB", "nginx, as many bytes",
                       Ratio(kept, "lists", "nginx"), "/s", 1.0, 1.2)]


def not_modified():
    reads = Reads()
    with reads.serve() as ours:
        head, _ = rivals.answer_of(ours.port, reads.request(reads.lists[0]))
        etag = next(line for line in head.decode().split("\r\n") if line.startswith("ETag: "))[6:]
        condition = [f"If-None-Match: {etag}"]
        head, _ = rivals.answer_of(ours.port, reads.request(reads.lists[0], condition))
        plan = reads.plan("304", 304, 0, headers=condition)
        with rivals.nginx_not_modified(head) as nginx:
            theirs = reads.plan("304-nginx", 304, 0, headers=[f"If-None-Match: {nginx.etag}"])
            warm((ours, plan), (nginx, theirs))
            kept = cycles({"lists": lambda: load(ours.port, plan, server=ours),
                           "nginx": lambda: load(nginx.port, theirs, server=nginx)})
    return [from_ratio("304 of the same list", "nginx, 304 of a small file", Ratio(kept, "lists", "nginx"), "/s", 1.0)]


def tail():
    """At a rate that both must bear: 70 % of the peak of the slower one."""
    reads = Reads()
    with reads.serve() as ours:
        head, body = rivals.answer_of(ours.port, reads.request(reads.lists[0]))
        plan = reads.plan("tail", 200, len(body))
        with rivals.nginx("tail", head, body) as nginx:
            warm((ours, plan), (nginx, plan))
            peaks = [min(load(each.port, plan)["rate"] for each in (ours, nginx)) for _ in range(3)]
            rate = int(AT * median(peaks))

            def at_rate(server):
                told = load(server.port, plan, rate=rate, server=server)
                return {**told, "p99": told["read"]["p99_us"]}
            kept = cycles({"lists": lambda: at_rate(ours), "nginx": lambda: at_rate(nginx)})
    return [from_ratio(f"p99 of the hot read at {rate:,}/s, 70 % of the peak", "nginx's",
                       Ratio(kept, "lists", "nginx", "p99"), "us", 1.1, more=False)]


def cold():
    """Lists that are not in memory, against one thread that only reads their rows."""
    lists = 10_000
    folder = data.folder(lists, ITEMS)
    tokens = data.tokens(folder)
    plan = data.Plan("cold")
    plan.add("read", 1, 200, -1, [data.request("GET", f"/v1/lists/{list_id}", tokens[owner])
                                  for list_id, owner in data.lists_of(folder)])
    plan = plan.done()
    bare = data.copy_of(folder, "bare-read")

    def bare_reads():
        out = subprocess.run(["taskset", "-c", str(SERVER_CORE), BUILD / "bench_sqlite", "read", bare, str(lists),
                              str(SLICE_SECONDS)], stdout=subprocess.PIPE, check=True)
        return data.json.loads(out.stdout)
    with data.serve(folder, "--loops", "1", "--cache-mib", "1") as ours:
        warm((ours, plan))
        kept = cycles({"lists": lambda: load(ours.port, plan, server=ours), "bare": bare_reads})
    return [from_ratio(f"cold read of a {ITEMS}-item list", "one thread's SQLite reads of its rows",
                       Ratio(kept, "lists", "bare"), "/s", 0.6)]


def mixed():
    """90 % hot reads, 9 % ticks, 1 % creates, over 1,000 lists, against reads alone."""
    reads = Reads()
    folder = data.copy_of(reads.folder, "mixed")
    items = data.items_of(folder, reads.lists[0][0])
    ticked = [(entry, item) for entry in reads.lists for item in items[:20]]
    random.Random(6).shuffle(ticked)
    plan = data.Plan("mixed")
    plan.add("read", 90, 200, -1, [reads.request(each) for each in reads.lists])
    # A hundred are ticked, then taken back: each changes something, in a slice that begins anew as well, but for
    # the hundred at most that the one before had only ticked.
    plan.add("tick", 9, 200, -1, [tick(reads, entry, item, done) for at in range(0, len(ticked), 100)
                                  for done in (True, False) for entry, item in ticked[at:at + 100]])
    plan.add("create", 1, 201, -1, [create(reads, each) for each in reads.lists])
    plan, alone = plan.done(), reads.plan("alone", 200, -1, LISTS)
    with data.serve(folder, "--loops", "1") as ours:
        warm((ours, alone))
        kept = cycles({"mixed": lambda: load(ours.port, plan, server=ours),
                       "alone": lambda: load(ours.port, alone, server=ours)})
    p99 = {kind: median([cycle["mixed"][kind]["p99_us"] for cycle in kept]) / 1000 for kind in ("read", "tick")}
    row = from_ratio("mixed: 90 % reads, 9 % ticks, 1 % creates, 1,000 lists", "reads alone",
                     Ratio(kept, "mixed", "alone"), "/s", 0.6)
    row.note = f"p99 of a read {p99['read']:.1f} ms, of a tick {p99['tick']:.1f} ms"
    return [row]


def tick(reads, entry, item, done):
    return data.request("PATCH", f"/v1/lists/{entry[0]}/items/{item}", reads.tokens[entry[1]], body={"done": done})


def create(reads, entry):
    return data.request("POST", f"/v1/lists/{entry[0]}/items", reads.tokens[entry[1]],
                        body={"text": "Milk, and a loaf of bread"})
