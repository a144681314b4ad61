"""What is measured of memory, start and allocations."""
import pathlib
import resource
import shutil
import socket
import struct
import time

import data
from harness import BUILD, CYCLES, WORK, load, median
from reads import Reads
from report import Row

IDLE = 10_000
CACHE_MIB = 256  # The program's default.


def rss_mib(pid):
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:")) / 1024


def allocations():
    """Calls of malloc and its relatives a hot read."""
    return [Row("allocations per hot read", "-", f"{(value := allocations_of_a_read()):.4f}", "-", round(value, 2),
                firm=0, more=False)]


def allocations_of_a_read():
    reads = Reads()
    plan = reads.plan("allocations", 200, -1)
    file = WORK / "malloc.count"
    env = {"LD_PRELOAD": str(BUILD / "libbench_malloc.so"), "LISTS_MALLOC_COUNT": str(file)}
    with data.serve(reads.folder, "--loops", "1", env=env) as server:
        load(server.port, plan, seconds=1)

        def counted():
            return struct.unpack("=Q", file.read_bytes())[0]
        # Opening and closing connections takes memory: what two runs of other lengths differ by does not.
        made = []
        for seconds in (0.5, 1.5):
            before = counted()
            made.append((load(server.port, plan, seconds=seconds)["all"], counted() - before))
    return max(0, made[1][1] - made[0][1]) / (made[1][0] - made[0][0])


def memory():
    """At rest, with idle connections, and with a full cache."""
    empty = WORK / "empty"
    shutil.rmtree(empty, ignore_errors=True)
    with data.serve(empty) as server:
        rest = rss_mib(server.pid)
    rows = [Row("memory at rest", "Node at rest 70 to 110 MB", f"{rest:.1f} MiB", "-", rest, firm=40, more=False)]
    each = idle_kib()
    rows.append(Row(f"memory of each of {IDLE:,} idle connections", "-", f"{each:.2f} KiB", "-", each, firm=8,
                    more=False, note="each has been answered once"))
    full = served_once_mib()
    rows.append(Row("memory after 100,000 lists of 20 items were served once", f"its cache's bound, {CACHE_MIB} MiB",
                    f"{full:.0f} MiB", "-", full - CACHE_MIB, firm=64, more=False, note="the figure is what is above"
                    " the bound, in MiB"))
    return rows


def idle_kib():
    reads = Reads()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * IDLE + 500), hard))
    request = reads.request(reads.lists[0])
    with reads.serve() as server:
        load(server.port, reads.plan("idle", 200, -1, 1), seconds=0.5)
        before = rss_mib(server.pid)
        kept = []
        for _ in range(IDLE):
            sock = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            kept.append(sock)
            sock.sendall(request)
            left = None
            while left is None or left > 0:
                part = sock.recv(1 << 17)
                if left is None:
                    head, body = part.split(b"\r\n\r\n", 1)
                    left = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) - len(body)
                else:
                    left -= len(part)
        after = rss_mib(server.pid)
        for sock in kept:
            sock.close()
    return (after - before) * 1024 / IDLE


def served_once_mib():
    lists = 100_000
    folder = data.folder(lists, 20)
    tokens = data.tokens(folder)
    plan = data.Plan("once")
    plan.add("read", 1, 200, -1, [data.request("GET", f"/v1/lists/{list_id}", tokens[owner])
                                  for list_id, owner in data.lists_of(folder)])
    plan = plan.done()
    with data.serve(folder, "--loops", "1") as server:
        served = 0
        while served < lists:  # In turn: the next slice begins anew, so it is one long one.
            served = load(server.port, plan, seconds=5 + 5 * served / lists if served else 20)["all"]
        return rss_mib(server.pid)


def start():
    """From the start of the process to its first answer, 1,000,000 items."""
    folder = data.folder(10_000)
    tokens = data.tokens(folder)
    list_id, owner = data.lists_of(folder, 1)[0]
    request = data.request("GET", f"/v1/lists/{list_id}", tokens[owner])
    times = []
    for _ in range(CYCLES + 1):
        times.append(first_answer_ms(folder, request))
    took = median(times[1:])  # The first brings the program's file into memory.
    return [Row("start to first answer, 1,000,000 items", "-", f"{took:.0f} ms", "-", took, firm=100, more=False)]


def first_answer_ms(folder, request):
    began = time.monotonic()
    with data.serve(folder) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
            sock.sendall(request)
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        return (time.monotonic() - began) * 1000
