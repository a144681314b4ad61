"""Devices that come back at once, each with what it did offline, while others use the service as ever."""
import contextlib
import signal
import sqlite3
import subprocess
import time

import data
from harness import WORK, Foreign, Ratio, cpu_of, load_command, median, told_by
from report import Row, from_ratio

DEVICES, OTHERS = 1000, 100
OPS = 50  # Of each device, in two of its lists; each fifth is an add, the rest are ticks.
OTHERS_RATE, OTHERS_CONNECTIONS = 200, 32  # Calls a second, half of them ticks, half reads.
QUIET_SECONDS, STORM_SECONDS = 8, 60  # A storm that takes longer ends the run.
CALLS = ("tick", "read")
COUNT = "SELECT count(*) FROM changes WHERE client_id IS NOT NULL"  # Single calls have none.


def ops_of(store):
    lists = store.lists[:2]
    return [store.add(lists[n % 2]) if n % 5 == 0 else store.tick(lists[n % 2], n) for n in range(OPS)]


def ticks_of(stores):
    """Ticks of fifty people (more than there are connections: none overtakes another of the same item), then the
    same taken back: each changes something, in a slice that begins anew as well, but for the fifty at most that
    the one before had only ticked. (One that changes nothing is answered without a commit.)"""
    return [store.single(store.tick(store.lists[n % 2], n)) for n in range(25) for at in range(0, len(stores), 50)
            for _ in ("ticked", "taken back") for store in stores[at:at + 50]]


class Weather:
    """`learn`: gives stores their cursors and revisions."""

    def __init__(self, ours, server, stores, learn):
        self.ours, self.server, self.learn = ours, server, learn
        self.devices = stores[:DEVICES]
        self.others = data.Plan("storm-others")
        self.others.add("tick", 1, 200, -1, ticks_of(self.ready(stores[DEVICES:])))
        self.others.add("read", 1, 200, -1, [data.request("GET", f"/v1/lists/{each}", store.token)
                                             for store in stores[DEVICES:] for each in store.lists[:2]])
        self.others = self.others.done()

    def ready(self, stores):
        if not all(store.revisions for store in stores):
            self.learn(self.ours, stores)
        return stores

    def command(self, plan, connections, seconds, *how):
        return load_command(self.ours.port, plan, connections, seconds, *how, postgres=self.server)

    @contextlib.contextmanager
    def others_at_work(self, told, seconds):
        """Until the end of the block, or of the seconds; then `told` has what they have noticed."""
        command = self.command(self.others, OTHERS_CONNECTIONS, seconds, OTHERS_RATE, "sleep")
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            others = told_by(process)
        told |= {call: others[call]["p99_us"] / 1000 for call in CALLS}

    def foreign(self):
        known = [lambda: sum(cpu_of(self.ours.pid))]
        return Foreign(*known, *([self.server.cpu_seconds] if self.server else []))

    def quiet(self):
        told, foreign = {}, self.foreign()
        with self.others_at_work(told, QUIET_SECONDS) as process:
            time.sleep(QUIET_SECONDS)
            process.poll()
        return {**told, "foreign": foreign.share()}

    def count(self):
        if self.server:
            return self.server.number(COUNT, "bench")
        with contextlib.closing(sqlite3.connect(f"file:{WORK}/sync-storm/lists.db?mode=ro", uri=True)) as database:
            return database.execute(COUNT).fetchone()[0]

    def plan(self):
        self.learn(self.ours, self.devices)
        plan = data.Plan("storm")
        plan.add("sync", 1, 200, -1, [store.request(ops_of(store)) for store in self.devices])
        return plan.done()

    def storm(self):
        plan, before, told = self.plan(), self.count(), {}
        foreign = self.foreign()
        with self.others_at_work(told, STORM_SECONDS):
            time.sleep(0.3)  # The first fifth of a second of others is not counted.
            # What the devices do is on other machines: the others' client is not to wait for its core.
            command = ["chrt", "-i", "0", *self.command(plan, DEVICES, STORM_SECONDS, "once", "sleep")]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                syncs = told_by(process)
        share = foreign.share()
        return {**told, "foreign": share, "seconds": syncs["seconds"], "in": self.count() - before,
                "p50": syncs["sync"]["p50_us"] / 1000, "p99": syncs["sync"]["p99_us"] / 1000}


def rows(kept, where):
    def of_storms(figure):
        return median([cycle["storm"][figure] for cycle in kept])
    wanted = DEVICES * OPS
    least = min(cycle["storm"]["in"] for cycle in kept)
    what = f"{where}: {DEVICES:,} devices at once, {OPS} ops each"
    made = [Row(f"{what}: ops that are in afterwards", "sent", f"{least:,}", f"{wanted:,}", least / wanted, firm=1,
                note=f"all answered after {of_storms('seconds'):.1f} s, {wanted / of_storms('seconds'):,.0f} ops/s")]
    made += [Row(f"{what}: {figure} of their syncs, ms", "-", f"{of_storms(figure):,.0f} ms", "-", of_storms(figure))
             for figure in ("p50", "p99")]
    return made + [from_ratio(f"{what}: p99 of another client's {call}", f"in quiet, {OTHERS_RATE} calls/s",
                              Ratio(kept, "storm", "quiet", call), "ms", 3, more=False) for call in CALLS]
