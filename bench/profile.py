"""bench/profile: where the processor's time goes, as flame graphs in bench/results/.

Samples the service with perf under the load of a work, and draws what it saw: each box is a function, as
wide as its share, on top of who called it. Kernel functions are blue.
"""
import collections
import html
import subprocess
import sys

import data
import writes
from harness import ROOT, Program, load, say
from reads import Reads

SECONDS = 4
HERTZ = 499
WIDTH, ROW = 1200, 16
SHOWN = 0.002  # Narrower boxes are left out.


def hot(reads):
    return reads.plan("profile", 200, -1)


def create(reads):
    return writes.create_plan(reads)


WORKS = {"hot": hot, "create": create}


def record(name, file):
    reads = Reads()
    with data.serve(data.copy_of(reads.folder, "profile"), "--loops", "1") as server:
        plan = WORKS[name](reads)
        load(server.port, plan, seconds=1)
        command = ["perf", "record", "-e", "cpu-clock", "-F", HERTZ, "--call-graph", "dwarf,16384", "-o", file,
                   "-p", server.pid, "--", "sleep", SECONDS]
        with Program(command, cores=(1,), log="perf.log") as perf:
            load(server.port, plan, seconds=SECONDS)
            perf.process.wait(60)


def stacks(file):
    """How often each stack was seen, outermost function first."""
    out = subprocess.run(["perf", "script", "-i", file, "-F", "comm,ip,sym,dso", "--no-inline"],
                         capture_output=True, text=True, check=True).stdout
    seen = collections.Counter()
    for sample in out.split("\n\n"):
        lines = sample.strip().splitlines()
        if len(lines) < 2:
            continue
        frames = [frame_of(line) for line in lines[1:]]
        seen[(lines[0].strip(), *reversed([each for each in frames if each]))] += 1
    return seen


def frame_of(line):
    _, _, rest = line.strip().partition(" ")
    name, _, dso = rest.rpartition(" (")
    name = name.split("+0x")[0]
    if name in ("[unknown]", ""):
        name = dso.rstrip(")").rsplit("/", 1)[-1]
    return ("k:" if "kernel" in dso else "u:") + name


def tree(seen):
    root = {"count": 0, "children": {}}
    for stack, count in seen.items():
        node = root
        node["count"] += count
        for name in stack:
            node = node["children"].setdefault(name, {"count": 0, "children": {}})
            node["count"] += count
    return root


def boxes(node, total, x, depth):
    for name, child in sorted(node["children"].items()):
        share = child["count"] / total
        if share >= SHOWN:
            yield name, x, depth, share
            yield from boxes(child, total, x, depth + 1)
        x += share


def svg(seen, title):
    root = tree(seen)
    drawn = list(boxes(root, root["count"], 0, 0))
    height = (max(depth for _, _, depth, _ in drawn) + 3) * ROW
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace"'
             f' font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
             f'<text x="4" y="13">{html.escape(title)}</text>']
    for name, x, depth, share in drawn:
        kind, _, plain = name.partition(":") if name[1:2] == ":" else ("", "", name)
        colour = {"k": "#9ecae1", "u": "#fdae6b"}.get(kind, "#d9d9d9")
        left, width = x * WIDTH, share * WIDTH
        top = height - (depth + 1) * ROW
        words = html.escape(plain)
        room = int(width / 6.7)
        shown = html.escape(plain[:room]) if room > 2 else ""
        parts.append(f'<g><title>{words}: {share:.1%}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}"'
                     f' height="{ROW - 1}" fill="{colour}" stroke="#fff" stroke-width=".5"/>'
                     f'<text x="{left + 2:.1f}" y="{top + 11}">{shown}</text></g>')
    return "".join(parts) + "</svg>\n"


def main(names):
    if set(names) - set(WORKS):
        say(f"There are: {' '.join(WORKS)}")
        return 2
    for name in names or WORKS:
        file = str(ROOT / "build" / "bench" / f"{name}.perf")
        record(name, file)
        out = ROOT / "bench" / "results" / f"flame-{name}.svg"
        out.parent.mkdir(exist_ok=True)
        out.write_text(svg(stacks(file), f"{name}: CPU time of the service, {SECONDS} s"))
        say(f"Written to {out.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
