#!/usr/bin/env python3
"""Checks what no compiler here checks: who includes whom, where SQL stands, what is unfinished.

Usage: tools/check_source.py [ROOT]   (default: the project)
Prints one line per problem and exits with 1 if there is any; else says how many files it read.
"""

import pathlib
import re
import sys

# Which folders of src/ each folder may include: the whole architecture in a few lines.
ALLOWED = {
    "base": {"base"},
    "domain": {"domain", "base"},
    "ports": {"ports", "domain", "base"},
    "store": {"store", "ports", "domain", "base"},
    "adapters": {"ports", "domain", "base"},  # And the adapter itself.
    "app": {"app", "store", "ports", "domain", "base"},
    "http": {"http", "app", "store", "ports", "domain", "base"},
    "web_files": {"http"},  # The built page, as bytes.
    "main": {"main", "http", "app", "store", "adapters", "ports", "domain", "base", "web_files"},
}
INCLUDE = re.compile(r'^\s*#\s*include "((?:[a-z_0-9]+/)+)[a-z_0-9]+\.(?:h|inc)"', re.MULTILINE)
COROUTINE = re.compile(r"\bco_(await|return|yield)\b")
# Which folders may include a library: nobody else knows that it is there.
LIBRARIES = {
    r"<boost/asio[/.]": ("http", "main"),
    r"<boost/beast[/.]": ("tests/fuzz",),
    r"<sqlite3\.h>": ("adapters/sqlite", "tests", "bench"),
    r"<libpq-fe\.h>": ("adapters/postgres", "tests", "bench"),
    r"<(openssl/|argon2\.h)": ("adapters/crypto", "tests"),
    r"<utf8proc\.h>": ("app",),
    r"<libdeflate\.h>": ("base", "app", "tests"),
    r"<boost/json": ("base", "store", "app", "http", "domain", "main", "tests"),
}
STRING = re.compile(r'R"(\w*)\((.*?)\)\1"|"((?:\\.|[^"\\\n])*)"', re.DOTALL)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
SQL = re.compile(
    r"\b(SELECT\s.+?\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.DOTALL)
SQLITE_ONLY = re.compile(
    r"\bPRAGMA\b|\bINSERT\s+OR\b|\bREPLACE\s+INTO\b|\browid\b|\bdatetime\(|\bstrftime\(|\bjulianday\("
    r"|\bunixepoch\(|\brandomblob\(|\bhex\(|\bifnull\(|\bjson_(each|extract|group_array)\("
    r"|\bchanges\(\)|\bGLOB\b|\bAUTOINCREMENT\b|\bWITHOUT\s+ROWID\b|\bsqlite_\w+|\?\d", re.IGNORECASE)
POSTGRES_ONLY = re.compile(
    r"::\w|\bANY\s*\(|\bFOR\s+(NO\s+KEY\s+)?UPDATE\b|\bpg_\w+|\bnow\(\)|\bunnest\(|\bjsonb?\b|\bILIKE\b"
    r"|\bDISTINCT\s+ON\b|\binterval\s+'", re.IGNORECASE)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SKIPPED = re.compile(
    r"GTEST_SKIP|\bDISABLED_\w|pytest\.(mark\.)?(skip|xfail)|unittest\.skip"
    r"|\b(it|test|describe)\.(skip|only|todo|fixme)\b|\bx(it|describe)\(")
SLEEP = re.compile(
    r"\bsleep_(for|until)\b|\bu?sleep\(|\bnanosleep\(|time\.sleep\(|waitForTimeout\(")
# Helpers of the Python tests may pause between two looks at a condition; a test itself may not.
HELPER = re.compile(r"^tests/.*/(?!test_)[^/]*\.py$")
LINES_MAX = 400
SOURCES = {".cc", ".h", ".py", ".ts", ".tsx", ".css", ".sh", ".sql", ".cmake", ".mjs", ".js"}
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")


def in_folder(name, folders):
    return any(name.startswith(f"src/{f}/") or name.startswith(f"{f}/") for f in folders)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def is_test(name):
    return name.startswith(("tests/", "web/e2e/")) or bool(
        re.search(r"_(test|fuzz|bench)\.cc$|\.(test|spec)\.tsx?$|_test\.py$|(^|/)test_[^/]*\.py$", name))


def include_problems(name, text):
    """The layers (docs/architecture.md), and which folder knows which library."""
    parts = name.split("/")
    if parts[0] == "src" and len(parts) > 2:
        own = "/".join(parts[1:-1]) + "/"
        allowed = ALLOWED.get(parts[1])
        if allowed is None:
            yield f"{name}: src/{parts[1]}/ is not a layer; add it to tools/check_source.py"
            return
        for match in INCLUDE.finditer(text):
            if match[1] != own and match[1].split("/")[0] not in allowed:
                yield f"{name}:{line_of(text, match.start(1))}: {own} must not include {match[1]}"
    for pattern, folders in LIBRARIES.items():
        match = re.search(r"#\s*include " + pattern, text)
        if match and not in_folder(name, folders):
            yield f"{name}:{line_of(text, match.start())}: only {', '.join(folders)} may use this library"
    if name.endswith(".h") and "#pragma once" not in text:
        yield f"{name}: no #pragma once"


def sql_problems(name, text):
    """SQL is written once, in src/store/, in what SQLite and PostgreSQL share (docs/decisions)."""
    if not name.startswith("src/") or is_test(name) or in_folder(
            name, ["adapters/sqlite", "adapters/postgres"]):
        return
    code = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    for match in STRING.finditer(code):
        literal = match[2] or match[3] or ""
        if SQL.search(literal) and not in_folder(name, ["store"]):
            yield f"{name}:{line_of(code, match.start())}: SQL belongs in src/store/"
        elif in_folder(name, ["store"]) and SQLITE_ONLY.search(literal):
            yield f"{name}:{line_of(code, match.start())}: SQL that only SQLite understands"
        elif in_folder(name, ["store"]) and SQL.search(literal) and POSTGRES_ONLY.search(literal):
            yield f"{name}:{line_of(code, match.start())}: SQL that only PostgreSQL understands"


def text_problems(name, text):
    for match in UNFINISHED.finditer(text):
        yield f"{name}:{line_of(text, match.start())}: unfinished: {match[0]}"
    if is_test(name):
        rules = [(SKIPPED, "a test that does not run")]
        if not HELPER.search(name):
            rules.append((SLEEP, "waits by the clock"))
        for pattern, words in rules:
            for match in pattern.finditer(text):
                yield f"{name}:{line_of(text, match.start())}: {words}: {match[0]}"
    lines = text.count("\n")
    if name.startswith(("src/", "web/src/")) and not is_test(name) and lines > LINES_MAX:
        yield f"{name}: {lines} lines; at most {LINES_MAX}, so that a file is one thing"


def file_problems(name, text):
    if name.endswith((".cc", ".h")):
        yield from include_problems(name, text)
        yield from sql_problems(name, text)
        for match in COROUTINE.finditer(COMMENT.sub(lambda m: " " * len(m[0]), text)):
            yield f"{name}: {match[0]}: no coroutines (docs/decisions/0002-plain-callbacks.md)"
    if name.endswith(".md"):
        return
    yield from text_problems(name, text)


def project_problems(root):
    """What is missing: the API's description, corpora, migrations, the targets of links."""
    if not (root / "docs/api/openapi.yaml").is_file():
        yield "docs/api/openapi.yaml: missing"
    for fuzzer in sorted(root.glob("src/**/*_fuzz.cc")) + sorted(root.glob("tests/**/*_fuzz.cc")):
        corpus = root / "tests/fuzz" / fuzzer.stem.removesuffix("_fuzz")
        if not corpus.is_dir() or not any(corpus.iterdir()):
            yield f"{fuzzer.relative_to(root)}: no corpus in {corpus.relative_to(root)}/"
    for folder in sorted((root / "db").glob("*/")):
        numbers = [int(m[1]) for f in sorted(folder.glob("*.sql")) if (m := re.match(r"(\d{4})_", f.name))]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{folder.relative_to(root)}: migrations are not numbered 0001, 0002, …: {numbers}"
    for page in sorted(root.glob("*.md")) + sorted(root.glob("docs/**/*.md")):
        for match in LINK.finditer(page.read_text(encoding="utf-8")):
            if "://" not in match[1] and not (page.parent / match[1]).exists():
                yield f"{page.relative_to(root)}: link to {match[1]}, which does not exist"


def source_files(root):
    own = {pathlib.Path("tools/check_source.py"), pathlib.Path("tools/check_source_test.py"),
           pathlib.Path("web/src/api/schema.d.ts")}  # Made from openapi.yaml.
    skipped = {"node_modules", "dist", "__pycache__", "test-results", "playwright-report"}
    for folder in ("src", "tests", "tools", "db", "cmake", "web", "bench"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root)
            if path.suffix in SOURCES and path.is_file() and name not in own and not skipped & set(name.parts):
                yield path


def main():
    here = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here
    files = list(source_files(root))
    found = []
    for path in files:
        found += file_problems(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    found += project_problems(root)
    print("\n".join(found) or f"{len(files)} files: no problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
