"""The rows of the table, and the table."""
import dataclasses
import datetime
import pathlib
import platform
import subprocess

from harness import CYCLES, ROOT


@dataclasses.dataclass
class Row:
    """One line: `value` compared with `firm` (to be reached) and `best`, in the direction of `more`."""
    work: str
    against: str
    ours: str
    theirs: str
    value: float
    spread: tuple = None
    firm: float = None
    best: float = None
    more: bool = True  # More is better.
    note: str = ""

    @property
    def is_reached(self):
        if self.firm is None:
            return None
        return self.value >= self.firm if self.more else self.value <= self.firm

    def cells(self):
        sign = "≥" if self.more else "≤"
        goal = "told" if self.firm is None else f"{sign} {number(self.firm)}"
        if self.best is not None:
            goal += f" ({number(self.best)})"
        spread = f" [{number(self.spread[0])}, {number(self.spread[1])}]" if self.spread else ""
        mark = {True: "yes", False: "**no**", None: ""}[self.is_reached]
        return [self.work, self.against, self.ours, self.theirs, f"**{number(self.value)}**{spread}", goal, mark]


def number(value):
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def from_ratio(work, against, ratio, unit, firm=None, best=None, more=True, note=""):
    def told(value):
        return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"
    return Row(work, against, told(ratio.ours), told(ratio.theirs), ratio.median, (ratio.low, ratio.high),
               firm, best, more, note)


def machine():
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())
    memory = pathlib.Path("/proc/meminfo").read_text().split()[1]
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{cores} cores of {model}, {int(memory) // 2**20} GiB, Linux {platform.release()}"


def commit():
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    dirty = " with changes" if git("status", "--porcelain", "--untracked-files=no", "--", ":!bench/results") else ""
    return git("rev-parse", "--short", "HEAD") + dirty


def markdown(rows, title):
    lines = [f"# {title}", "",
             f"{datetime.date.today()}, commit {commit()}. {machine()}.",
             f"Medians of {CYCLES} quiet cycles with quartiles; the ratio is taken within each cycle. Server on"
             " core 0, load on core 1, unless a line says otherwise; on PostgreSQL: server and load on core"
             " 0, PostgreSQL on core 1.", "",
             "| work | against | ours | theirs | ratio or figure | to reach (best) | reached |",
             "|---|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    notes = [f"- {row.work}: {row.note}" for row in rows if row.note]
    if notes:
        lines += ["", *notes]
    return "\n".join(lines) + "\n"
