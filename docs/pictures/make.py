#!/usr/bin/env python3
"""Draws the pictures of docs/conflicts.md: docs/pictures/conflicts-*.svg.

Usage: docs/pictures/make.py [--check]     (--check: exits with 1 where a file is not what this draws)

A picture is lanes (whose devices, and lists between them) and rows, time downwards. scenes.py has them.
"""
import pathlib
import sys
from html import escape

sys.dont_write_bytecode = True
from scenes import SCENES

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, LANE, BOX = 810, 270, 238       # Of the picture, from lane to lane, of a box.
LINE, PAD = 17, 9                      # Height of a line of text; above and below text in a box.
STATUSES = ("applied", "merged", "overridden", "skipped", "refused")
STYLE = """
  .card{fill:#fff;stroke:#d0d7de} .box{fill:#f6f8fa;stroke:#c4ccd4} .text{fill:#1f2328} .soft{fill:#59636e}
  .line{stroke:#8c959f;fill:none} .tip{fill:#57606a} .device{fill:#0969da} .other{fill:#8250df} .list{fill:#1a7f37}
  .deviceline{stroke:#0969da} .otherline{stroke:#8250df} .listline{stroke:#1a7f37} .onpill{fill:#fff}
  .applied{fill:#1a7f37} .merged{fill:#0969da} .overridden{fill:#9a6700} .skipped{fill:#59636e} .refused{fill:#cf222e}
  .end{stroke-width:2} text{font:13px -apple-system,"Segoe UI","Noto Sans","DejaVu Sans",Helvetica,Arial,sans-serif}
  .small{font-size:12px} .bold{font-weight:600} .gone{text-decoration:line-through}
  @media (prefers-color-scheme:dark){
  .card{fill:#0d1117;stroke:#3d444d} .box{fill:#151b23;stroke:#3d444d} .text{fill:#f0f6fc} .soft{fill:#9198a1}
  .line{stroke:#656c76} .tip{fill:#9198a1} .device{fill:#1f6feb} .other{fill:#8957e5} .list{fill:#238636}
  .deviceline{stroke:#4493f8} .otherline{stroke:#ab7df8} .listline{stroke:#3fb950}
  .applied{fill:#238636} .merged{fill:#1f6feb} .overridden{fill:#9e6a03} .skipped{fill:#656c76} .refused{fill:#da3633}}
"""


def width_of(text, size=13, bold=False):
    """About how wide it is, rather more than less: no font is asked, so it is the same everywhere."""
    narrow = sum(c in "ijl.,:;'!|()[]· " for c in text)
    return (len(text) - 0.45 * narrow) * size * (0.68 if bold else 0.61)


class Picture:
    def __init__(self, scene):
        self.scene, self.y, self.back, self.front = scene, 0, [], []
        self.lanes = scene["lanes"]
        self.x = {name: 135 + LANE * n for n, (name, _) in enumerate(self.lanes)}
        self.kind = dict(self.lanes)
        self.away = {}  # Lanes that have acted and have not heard of the list since: from where on.
        self.spans = []

    def text(self, x, y, words, classes="text", anchor="middle"):
        self.front.append(f'<text x="{x:g}" y="{y:g}" class="{classes}" text-anchor="{anchor}">'
                          f'{escape(words).replace("  ", "&#160;&#160;")}</text>')

    def box(self, lane, lines, end=False, mark=None):
        """`lines` at a lane; one that begins with `-` is struck through. `mark`: the revision."""
        x, height = self.x[lane] - BOX / 2, LINE * len(lines) + 2 * PAD
        classes = f"box {self.kind[lane]}line end" if end else "box"
        self.front.append(f'<rect x="{x:g}" y="{self.y:g}" width="{BOX}" height="{height}" rx="8" class="{classes}"/>')
        left = x + 12
        if mark is not None:
            wide = width_of(str(mark), 12) + 12
            self.front.append(f'<rect x="{x + 8:g}" y="{self.y + 8:g}" width="{wide:g}" height="18" rx="9" class="list"/>')
            self.text(x + 8 + wide / 2, self.y + 21, str(mark), "onpill small bold")
            left += wide + 4
        for n, line in enumerate(lines):
            classes = "soft gone" if line.startswith("-") else "text"
            self.text(left, self.y + PAD + 13 + n * LINE, line.removeprefix("-"), classes, "start")
            if width_of(line) > x + BOX - left - 4:
                raise SystemExit(f"{self.scene['name']}: too long for a box: {line}")
        return height

    def on_card(self, x, y, words, classes="soft small"):
        """Text on lines, which do not run through it."""
        wide = width_of(words, 12) + 8
        self.front.append(f'<rect x="{x - wide / 2:g}" y="{y - 12:g}" width="{wide:g}" height="16" class="card" stroke-width="0"/>')
        self.text(x, y, words, classes)
        return wide

    def boxes(self, row, end=False):
        heights = []
        for lane, lines in row.items():
            mark = None
            if isinstance(lines, tuple):
                mark, lines = lines
            heights.append(self.box(lane, lines, end, mark))
        self.y += max(heights) + 12

    def arrow(self, begin, end, label, status=None):
        a, b = self.x[begin], self.x[end]
        step = 1 if b > a else -1
        self.y += 20
        self.front.append(f'<line x1="{a + 5 * step}" y1="{self.y}" x2="{b - 12 * step}" y2="{self.y}" class="line" stroke-width="1.5"/>')
        self.front.append(f'<path d="M{b - 5 * step} {self.y} l{-9 * step} -4.5 v9 z" class="tip"/>')
        middle = a + step * LANE / 2
        if status:
            wide = width_of(label, 12, bold=True) + 20
            self.front.append(f'<rect x="{middle - wide / 2:g}" y="{self.y - 10}" width="{wide:g}" height="20" rx="10" class="{status}"/>')
            self.text(middle, self.y + 4, label, "onpill small bold")
        else:
            wide = self.on_card(middle, self.y + 4, label)
        if wide > abs(b - a) - 40:
            raise SystemExit(f"{self.scene['name']}: too long for an arrow: {label}")
        self.y += 18

    def go(self, lane):
        self.away.setdefault(lane, self.y)

    def come(self, lane):
        if lane in self.away:
            self.spans.append((lane, self.away.pop(lane), self.y))

    def row(self, row):
        what, *rest = row
        if what == "acts":                               # Each does something, without a network.
            for lane in rest[0]:
                if self.kind[lane] != "list":
                    self.go(lane)
            self.boxes(rest[0])
        elif what == "tell":                             # A device sends, the list is then so, and it answers.
            lane, at, label, state, answer = rest
            self.arrow(lane, at, label)
            if state:
                self.boxes(state if isinstance(state, dict) else {at: state})
            status = next(s for s in STATUSES if answer.startswith(s))
            self.arrow(at, lane, answer, status)
            self.come(lane)
        elif what == "hear":                             # The list tells what has changed.
            at, lane, label = rest
            self.arrow(at, lane, label)
            self.come(lane)
        elif what == "note":                             # What happens meanwhile.
            self.on_card(WIDTH / 2, self.y + 13, rest[0])
            self.y += 28

    def draw(self):
        self.y = 18
        for name, kind in self.lanes:
            wide = max(width_of(name) + 26, 90)
            self.front.append(f'<rect x="{self.x[name] - wide / 2:g}" y="{self.y}" width="{wide:g}" height="26" rx="13" class="{kind}"/>')
            self.text(self.x[name], self.y + 18, name, "onpill bold")
        self.y += 40
        top = self.y - 14
        self.boxes(self.scene["start"])
        for row in self.scene["rows"]:
            self.row(row)
        self.on_card(WIDTH / 2, self.y + 12, "in the end", "soft small bold")
        self.y += 24
        bottom = self.y
        for lane in list(self.away):
            self.come(lane)
        self.boxes(self.scene["end"], end=True)
        height = self.y + 6
        for name, kind in self.lanes:
            self.lane(name, kind, top, bottom)
        alt = escape(self.scene["alt"])
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{alt}">',
            f"<title>{alt}</title>", f"<style>{STYLE}</style>",
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="12" class="card"/>',
            *self.back, *self.front, "</svg>", ""])

    def lane(self, name, kind, top, bottom):
        """The line of a lane, dashed where it has not heard of the list."""
        at = top
        for _, begin, end in sorted(s for s in self.spans if s[0] == name):
            self.line(name, kind, at, begin)
            self.line(name, kind, begin, end, ' stroke-dasharray="3 5"')
            at = end
        self.line(name, kind, at, bottom)

    def line(self, name, kind, begin, end, dashes=""):
        self.back.append(f'<line x1="{self.x[name]}" y1="{begin:g}" x2="{self.x[name]}" y2="{end:g}" class="{kind}line" stroke-width="2"{dashes}/>')


def main():
    stale = []
    for scene in SCENES:
        path = HERE / f"conflicts-{scene['name']}.svg"
        drawn = Picture(scene).draw()
        if "--check" in sys.argv[1:]:
            if not path.is_file() or path.read_text(encoding="utf-8") != drawn:
                stale.append(path.name)
        else:
            path.write_text(drawn, encoding="utf-8")
    if stale:
        sys.exit("not as docs/pictures/make.py draws them: " + ", ".join(stale))


if __name__ == "__main__":
    main()
