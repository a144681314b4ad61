"""bench/run: measures, prints the table, and writes it to bench/results/."""
import datetime
import shutil
import sys

import growth
import on_postgres
import reads
import report
import resources
import sync
import writes
from harness import ROOT, WORK, say

WORKS = {
    "hot": reads.hot, "gzip": reads.gzip, "not-modified": reads.not_modified, "tail": reads.tail,
    "allocations": resources.allocations, "create": writes.creates, "create-alone": writes.create_alone,
    "cold": reads.cold, "mixed": reads.mixed, "memory": resources.memory, "start": resources.start,
    "growth": growth.growth, "sync-ten": sync.ten_on_sqlite, "sync-storm": sync.storm_on_sqlite,
    "pg-create-single": on_postgres.create_single,
    "pg-create-grouped": on_postgres.create_grouped, "pg-cold-read": on_postgres.cold_read,
    "pg-hot-read": on_postgres.hot_read, "pg-node": on_postgres.node, "pg-sync-ten": sync.ten_on_postgres,
    "pg-sync-empty": sync.empty, "pg-sync-storm": sync.storm_on_postgres,
}


def main(names):
    unknown = [name for name in names if name not in WORKS]
    if unknown:
        say(f"There is no '{unknown[0]}'. There are: {' '.join(WORKS)}")
        return 2
    rows = []
    for name in names or WORKS:
        say(f"{name}: {WORKS[name].__doc__ or ''}".strip(": "))
        made = WORKS[name]()
        for row in made:
            say("  " + " | ".join(row.cells()))
        rows += made
    table = report.markdown(rows, "Measured" if not names else f"Measured: {', '.join(names)}")
    results = ROOT / "bench" / "results" if not names else WORK
    results.mkdir(parents=True, exist_ok=True)
    file = results / f"{datetime.datetime.now():%Y-%m-%d-%H%M}.md"
    file.write_text(table)
    print(table)
    say(f"Written to {file.relative_to(ROOT)}")
    for copy in WORK.glob("*/lists.db"):  # What was written to is of no more use.
        if not copy.parent.name.startswith("data-"):
            shutil.rmtree(copy.parent)
    missed = [row.work for row in rows if row.is_reached is False]
    say(f"Missed: {', '.join(missed)}" if missed else "All that is to be reached is reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
