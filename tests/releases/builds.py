#!/usr/bin/env python3
"""Other programs than the one that is tested, each built in a copy of its sources under build/copies:

    before      the commit before this one; LISTS_TEST_BEFORE names another
    unguarded   this one without the guard of a batch: what decides that nobody wrote the list meanwhile

    python3 tests/releases/builds.py NAME...      builds these and says where they are

The compiler's cache knows what a copy shares with the checkout, so that a build costs what differs.
"""
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPIES = ROOT / "build" / "copies"
NO_SOURCES = {".git", ".tools", "build", "data", ".hypothesis"}

GUARD = (ROOT.joinpath("src/store/lists.cc"),
         ' WHERE id = $1 AND revision = $2 AND COALESCE(last_batch, $14) = $14"',
         ' WHERE id = $1 AND $2 = $2 AND $14 = $14"')  # Parameters stay: statements have as many.


class NoBuild(Exception):
    """Why there is none, in words for whoever runs the tests."""


def git(*arguments, **more) -> subprocess.CompletedProcess:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=False, **more)


def commit_before() -> str:
    """The whole hash."""
    named = os.environ.get("LISTS_TEST_BEFORE") or "HEAD~1"
    found = git("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}", text=True)
    if found.returncode != 0:
        is_shallow = git("rev-parse", "--is-shallow-repository", text=True).stdout.strip() == "true"
        raise NoBuild(f"There is no commit {named}: the release before cannot be built. " + (
            "This clone is shallow; `git fetch --unshallow` brings the rest." if is_shallow else
            f"LISTS_TEST_BEFORE can name another; a folder without its .git has none. {found.stderr}"))
    commit = found.stdout.strip()
    if git("cat-file", "-e", f"{commit}:src/adapters/postgres").returncode != 0:
        raise NoBuild(f"The commit {named} ({commit[:12]}) has no src/adapters/postgres: it cannot run on "
                      "this schema. LISTS_TEST_BEFORE can name another.")
    return commit


def _copy_before(copy):
    archive = git("archive", commit_before())
    if archive.returncode != 0:
        raise NoBuild(f"git archive: {archive.stderr.decode('utf-8', 'replace')}")
    copy.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", copy], input=archive.stdout, check=True)


def _copy_unguarded(copy):
    """Of the files as they are now, committed or not."""
    def skipped(folder, names):
        top = NO_SOURCES if pathlib.Path(folder) == ROOT else set()
        return [name for name in names if name in top | {"node_modules", "dist", "__pycache__"}]

    shutil.copytree(ROOT, copy, symlinks=True, ignore=skipped)
    path, guard, without = GUARD
    text = path.read_text("utf-8")
    if text.count(guard) != 1:
        raise NoBuild(f"The guard's condition stands {text.count(guard)} times in {path.relative_to(ROOT)}, "
                      f"not once as tests/releases/builds.py has it: {guard}")
    copy.joinpath(path.relative_to(ROOT)).write_text(text.replace(guard, without), "utf-8")


def _link_packages(copy):
    """What is installed serves the copy too: Node, and the page's packages where they are the same ones."""
    if ROOT.joinpath(".tools").exists():
        copy.joinpath(".tools").symlink_to(ROOT / ".tools")
    lock = "web/package-lock.json"
    installed = ROOT / "web" / "node_modules"
    if installed.exists() and copy.joinpath(lock).read_bytes() == ROOT.joinpath(lock).read_bytes():
        copy.joinpath("web", "node_modules").symlink_to(installed)


@functools.cache
def build(name) -> pathlib.Path:
    """Builds it anew and returns the folder of its sources; the program is PROGRAM in there."""
    copy, log = COPIES / name, COPIES / f"{name}.log"
    shutil.rmtree(copy, ignore_errors=True)
    {"before": _copy_before, "unguarded": _copy_unguarded}[name](copy)
    _link_packages(copy)
    began = time.monotonic()
    with open(log, "wb") as file:
        done = subprocess.run(
            ["bash", "-euc", ". tools/setup.sh; need_node; configure release; ninja -C build/release lists"],
            cwd=copy, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise NoBuild(f"{name} cannot be built ({log}):\n{log.read_text('utf-8', 'replace')[-3000:]}")
    print(f"{name}: built in {time.monotonic() - began:.0f} s")
    return copy


PROGRAM = pathlib.Path("build", "release", "lists")


def main(names) -> int:
    try:
        for name in names:
            print(build(name) / PROGRAM)
    except NoBuild as problem:
        print(f"Cannot go on: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
