#!/usr/bin/env python3
"""Turns the built page into a source file that holds it, compressed forms included.

Usage: tools/embed_web.py DIST OUT_DIR
Writes OUT_DIR/web_files.cc and the compressed forms beside it. Needs Debian's `brotli`.
"""

import gzip
import hashlib
import pathlib
import subprocess
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
COMPRESSED = {".html", ".js", ".css", ".svg", ".webmanifest", ".txt"}


def write(path, data):
    """Only when it differs, so that a build that changes nothing compiles nothing."""
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def brotli(data):
    return subprocess.run(["brotli", "-q", "11", "-c"], input=data, capture_output=True, check=True).stdout


def forms(path):
    data = path.read_bytes()
    yield "identity", data
    if path.suffix not in COMPRESSED:
        return
    for name, packed in (("gzip", gzip.compress(data, 9, mtime=0)), ("brotli", brotli(data))):
        if len(packed) < len(data):
            yield name, packed


def main():
    dist, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    assembly, externs, rows = [], [], []
    for number, path in enumerate(sorted(p for p in dist.rglob("*") if p.is_file())):
        views = {"identity": "{}", "gzip": "{}", "brotli": "{}"}
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for form, data in forms(path):
            symbol = f"web_{number}_{form}"
            file = out / f"{symbol}_{digest}.bin"
            write(file, data)
            assembly.append(f".global {symbol}_begin\n{symbol}_begin:\n.incbin \"{file}\"\n"
                            f".global {symbol}_end\n{symbol}_end:\n.byte 0\n")
            externs.append(f"extern const char {symbol}_begin[];\nextern const char {symbol}_end[];\n")
            views[form] = f"{{{symbol}_begin, {symbol}_end}}"
        name = "/" + path.relative_to(dist).as_posix()
        immutable = "true" if name.startswith("/assets/") else "false"
        rows.append(f'      {{"{name}", "{TYPES.get(path.suffix, "application/octet-stream")}",\n'
                    f'       {views["identity"]}, {views["gzip"]}, {views["brotli"]},\n'
                    f'       "\\"{digest}\\"", {immutable}}},\n')
    if not rows:
        sys.exit(f"{dist} is empty: the page was not built")
    source = ('#include "web_files/web_files.h"\n\nasm(R"(\n.section .rodata\n' + "".join(assembly) +
              '.previous\n)");\n\nextern "C" {\n' + "".join(externs) + "}\n\nnamespace web {\n\n"
              "std::span<const http::StaticFile> Files() {\n  static const http::StaticFile kFiles[] = {\n" +
              "".join(rows) + "  };\n  return kFiles;\n}\n\n}  // namespace web\n")
    write(out / "web_files.cc", source.encode())


main()
