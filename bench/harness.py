"""Starts programs on cores of their own, loads them in short slices, and tells what that cost.

Machines are shared and noisy: contenders take turns within a cycle, figures are medians over cycles,
and a cycle in which other work took too much of a core is thrown away.
"""
import json
import os
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "release"
WORK = ROOT / "build" / "bench"
SERVER_CORE, LOAD_CORE = 0, 1
CYCLES = int(os.environ.get("LISTS_BENCH_CYCLES", "8"))
CYCLES_TRIED = 4  # Times as many as wanted, before it gives up on a noisy machine.
SLICE_SECONDS = 1.5
FOREIGN_MAX = 0.08  # Of a core.
TICK = os.sysconf("SC_CLK_TCK")


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_of(pid):
    """Seconds of user and of system time that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) / TICK, int(fields[12]) / TICK


def busy_seconds():
    """Seconds that all cores were busy or stolen, interrupts included."""
    fields = [int(each) for each in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    user, nice, system, irq, softirq, steal = *fields[:3], *fields[5:8]
    return (user + nice + system + irq + softirq + steal) / TICK


def kernel_seconds():
    """Seconds that the kernel's own threads have used: they write out what the contenders wrote."""
    seconds = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[1] == "2":  # Of kthreadd.
            seconds += int(fields[11]) + int(fields[12])
    return seconds / TICK


class Program:
    """A process pinned to cores, stopped at the end of the block."""

    def __init__(self, command, cores=(SERVER_CORE,), env=None, log="program.log"):
        WORK.mkdir(parents=True, exist_ok=True)
        self.log = WORK / log
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)], stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        self.pid = self.process.pid

    def wait_for_port(self, port, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"it has ended: {self.log.read_text(errors='replace')[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.001)
        raise RuntimeError(f"nobody listens on port {port}: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stop()


class Foreign:
    """What others take of a core from now on: not `known`, functions that tell a program's CPU seconds, nor
    ourselves, nor the kernel's threads."""

    def __init__(self, *known):
        self.known, self.before, self.began = known, 0, time.monotonic()
        self.before = self.seconds()

    def seconds(self):
        ours = sum(os.times()[:4]) + sum(known() for known in self.known)
        return busy_seconds() - ours - kernel_seconds() - self.before

    def share(self):
        took = time.monotonic() - self.began
        return self.seconds() / took


def load_command(port, plan, connections, seconds, *how, postgres=None):
    """With `postgres`, which has a core to itself, the load shares the service's core, and sleeps while it
    waits."""
    core, sleep = (SERVER_CORE, ["sleep"]) if postgres else (LOAD_CORE, [])
    command = ["taskset", "-c", core, BUILD / "bench_load", "127.0.0.1", port, plan, connections, seconds,
               *how, *sleep]
    return [str(each) for each in command]


def told_by(process):
    """What a load has told, once it has ended. Raises when any answer was wrong."""
    out, _ = process.communicate()
    told = json.loads(out) if out else {}
    if process.returncode != 0 or told.get("wrong", 1) != 0:
        raise RuntimeError(f"wrong answers: {told}")
    return told


def load(port, plan, connections=64, seconds=SLICE_SECONDS, rate=None, server=None, postgres=None, once=False):
    """One slice. Raises when any answer was wrong. With `server`, its CPU time is told. With `once`, each
    request of the plan is sent once; `seconds` is then what they may take."""
    how = ([rate] if rate else []) + (["once"] if once else [])
    command = load_command(port, plan, connections, seconds, *how, postgres=postgres)
    cpu = cpu_of(server.pid) if server else (0, 0)
    known = [lambda: sum(cpu_of(server.pid))] if server else []
    others = Foreign(*known, *([postgres.cpu_seconds] if postgres else []))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        told = told_by(process)
    foreign = others.share()
    after = cpu_of(server.pid) if server else (0, 0)
    answered = told["all"]  # The warm-up is part of what the server was busy with.
    told |= {"rate": told["count"] / told["seconds"], "foreign": foreign,
             "cpu_us": (sum(after) - sum(cpu)) / answered * 1e6,
             "user_us": (after[0] - cpu[0]) / answered * 1e6}
    return told


def cycles(contenders, wanted=None):
    """Runs every contender once a cycle, in random order; `contenders`: name to a function that gives a
    slice. Returns the quiet cycles, as a list of {name: slice}."""
    wanted = wanted or CYCLES
    order = random.Random(7)
    kept, tried = [], 0
    while len(kept) < wanted:
        tried += 1
        if tried > wanted * CYCLES_TRIED:
            raise RuntimeError(f"the machine is too busy: {len(kept)} quiet cycles of {tried - 1}")
        names = list(contenders)
        order.shuffle(names)
        cycle = {}
        for name in names:
            cycle[name] = contenders[name]()
        foreign = max(each.get("foreign", 0) for each in cycle.values())
        if foreign <= FOREIGN_MAX:
            kept.append(cycle)
        else:
            say(f"  a cycle is thrown away: other work took {foreign:.0%} of a core")
    return kept


def median(values):
    return statistics.median(values)


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


class Ratio:
    """Of one contender's figure to another's within each cycle."""

    def __init__(self, kept, ours, theirs, figure="rate", inverse=False):
        pairs = [(cycle[ours][figure], cycle[theirs][figure]) for cycle in kept]
        self.values = [(b / a if inverse else a / b) for a, b in pairs]
        self.ours, self.theirs = median([a for a, _ in pairs]), median([b for _, b in pairs])
        self.median = median(self.values)
        self.low, self.high = quartiles(self.values)
