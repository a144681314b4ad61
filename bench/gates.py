"""What ./test holds the request path to. All of it is counted, nothing is timed.

    bench/gates                 checks; exits with 1 when something is worse (or better) than it was
    bench/gates --accept WHY    takes the instructions as they are now, and writes down why
"""
import datetime
import json
import re
import sys

import data
import growth
import pgbench
import resources
import stores
import writes
from harness import ROOT, load, say
from reads import Reads

FIGURES = ROOT / "bench" / "instructions.json"
ROOM = 0.05
ALLOCATIONS_MAX = 0.05  # Timers take some; one of a read itself would be 1.
ROWS_MIN = 0.85 * 32
# Times the instructions of a sync of one op, for one of a hundred on one list. Wanted are 5, which would
# leave 21,000 for an op: SQLite alone takes 50,000 for its two rows (docs/performance.md).
SYNC_MAX = 34


def instructions():
    folder = growth.Folder(10)
    counted = growth.hot_tick_create(folder, "gates") | growth.cold_and_sign_in(folder, "gates")
    # A sign-in takes long under callgrind, and what timers do meanwhile is more than the room.
    return {work: round(figure) for work, figure in counted.items() if not work.startswith("sign-in")}


def rows_a_commit():
    reads = Reads()
    plan = writes.create_plan(reads)
    with data.serve(data.copy_of(reads.folder, "gates"), "--loops", "1") as server:
        load(server.port, plan, seconds=1)
        return writes.with_rows(server, lambda: load(server.port, plan, seconds=3))["rows"]


def sync_of_many():
    """(what, whether it is fine, words): a hundred `set` in one sync against a sync of a single `set`."""
    found = stores.instructions_of_ticks(growth.Folder(10), "gates")
    one, many = found[1], found[stores.OPS_MAX]
    words = f"{many:,.0f} instructions, {many / one:.2f} times the {one:,.0f} of a sync of one, below {SYNC_MAX}"
    return f"sync of {stores.OPS_MAX} ops on one list", many < SYNC_MAX * one, words


def statements_of_pgbench():
    """Whether bench/pgbench.py, which no other test runs, still finds the service's statements."""
    try:
        return "statements for pgbench", True, f"{len(pgbench.statements())} found"
    except RuntimeError as error:
        return "statements for pgbench", False, str(error)


def schema_of_rivals():
    """Whether the one in Node, which no other test runs, still opens the service's database."""
    text = (ROOT / "bench" / "rivals" / "database.mjs").read_text()
    knows = int(re.search(r"const SCHEMA = (\d+);", text)[1])
    newest = max(int(file.name[:4]) for file in (ROOT / "db" / "sqlite").glob("*.sql"))
    return "schema that the rival in Node knows", knows == newest, f"{knows} of {newest}"


def compare(kept, found):
    """(what, whether it is fine, words) of each."""
    for work in kept | found:
        if work not in kept or work not in found:
            yield work, False, "is in only one of the two: bench/gates --accept WHY"
            continue
        change = found[work] / kept[work] - 1
        words = f"{found[work]:,} instructions, kept are {kept[work]:,}: {change:+.1%}"
        yield work, abs(change) <= ROOM, words


def check():
    results = list(compare(json.loads(FIGURES.read_text())["instructions"], instructions()))
    allocations = resources.allocations_of_a_read()
    results.append(("allocations per hot read", allocations <= ALLOCATIONS_MAX, f"{allocations:.4f}"))
    rows = rows_a_commit()
    results.append(("rows per commit at 64 connections", rows >= ROWS_MIN, f"{rows:.1f}, at least {ROWS_MIN:.1f}"))
    results.append(sync_of_many())
    results.append(statements_of_pgbench())
    results.append(schema_of_rivals())
    for what, is_fine, words in results:
        say(f"{'ok  ' if is_fine else 'FAIL'} {what}: {words}")
    failed = sum(not is_fine for _, is_fine, _ in results)
    if failed:
        say("More than it was is a slowdown to be found; less is progress to be kept: bench/gates --accept WHY")
    return len(results) - failed, failed


def accept(why):
    history = json.loads(FIGURES.read_text())["history"] if FIGURES.exists() else []
    found = instructions()
    history.append({"date": str(datetime.date.today()), "why": why, "instructions": found})
    FIGURES.write_text(json.dumps({"instructions": found, "history": history}, indent=1) + "\n")
    say(f"Kept: {found}")


def main(words):
    if words[:1] == ["--accept"] and len(words) == 2 and words[1].strip():
        accept(words[1].strip())
        return 0
    if words not in ([], ["--count"]):
        say(__doc__)
        return 2
    passed, failed = check()
    if words:
        print(passed, failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
