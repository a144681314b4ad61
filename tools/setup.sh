# shellcheck shell=bash
# Installs what is missing. Sourced by ./run, ./test and tools/part.sh from the project's folder.
# Every need_* is quick, and calls no package manager, when there is nothing to install.

# CMake looks for GoogleTest in every configuration; it is small.
build_packages=(g++ cmake ninja-build ccache libboost1.81-dev libboost-json1.81-dev libsqlite3-dev libpq-dev
  libssl-dev libargon2-dev libutf8proc-dev libdeflate-dev libgtest-dev libgmock-dev brotli python3 ca-certificates)
test_packages=(clang-19 libclang-rt-19-dev clang-tidy-19 clang-format-19 chromium curl git libfaketime
  faketime sqlite3 python3-venv valgrind util-linux)
bench_packages=(nginx-light make)
node_version=22.23.3 # For machines whose own Node is too old for Vite.

# The compiler's cache knows a file wherever the project lies: a fresh clone builds from it too.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

say() { printf '%s\n' "$*"; }

# stop WHAT [WHAT-TO-DO]: ends the program where it cannot work.
stop() {
  printf 'Cannot go on: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '%s\n' "$2" >&2
  exit 2
}

# logged LOG COMMAND...: runs it quietly; shows the log's end when it fails.
logged() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")" || stop "the folder $(dirname "$log") cannot be made." \
    "Run this from a clone that you may write to."
  "$@" >"$log" 2>&1 </dev/null && return 0
  tail -n 25 "$log" >&2
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif [ -t 2 ]; then
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# need_packages NAME...: Debian packages.
need_packages() {
  local package have missing=()
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    stop "this machine has no apt." "The scripts are for Debian 12; use such a machine or container."
  have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$have" || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    stop "packages are missing, and this is neither root nor is there sudo." \
      "As root: apt-get install --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" != 0 ] && [ -t 2 ]; then
    sudo -v || stop "sudo was refused." \
      "As root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "Installing ${missing[*]}"
  local options=(-q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
  logged build/logs/apt-update.log as_root apt-get "${options[@]}" update ||
    stop "apt-get update failed (all of it: build/logs/apt-update.log)." \
      "Check the network, /etc/apt/sources.list and that sudo works, then start again."
  logged build/logs/apt.log as_root apt-get "${options[@]}" install -y --no-install-recommends \
    "${missing[@]}" ||
    stop "apt-get install failed (all of it: build/logs/apt.log)." \
      "The packages are those of Debian 12 (bookworm); free disk space may lack too."
}

# need_postgres: PostgreSQL's programs. The tests start servers of their own: installing makes none.
need_postgres() {
  [ -x /usr/lib/postgresql/15/bin/postgres ] && return 0
  need_packages postgresql-common
  as_root sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' \
    /etc/postgresql-common/createcluster.conf
  need_packages postgresql-15
}

# What Vite accepts: 20.19 and later, 22.12 and later, nothing odd before.
node_is_new_enough() {
  local version major minor
  version=$(node --version 2>/dev/null) || return 1
  IFS=. read -r major minor _ <<<"${version#v}"
  { [ "$major" = 20 ] && [ "$minor" -ge 19 ]; } || { [ "$major" = 22 ] && [ "$minor" -ge 12 ]; } ||
    [ "$major" -ge 23 ]
}

# need_node: `node` and `npm` on the PATH, Node from the project's folder where the machine's is old.
need_node() {
  [ -x .tools/node_modules/node/bin/node ] && PATH=$PWD/.tools/node_modules/node/bin:$PATH
  node_is_new_enough && command -v npm >/dev/null && return 0
  command -v npm >/dev/null || need_packages nodejs npm
  hash -r
  if ! node_is_new_enough; then
    say "Installing Node $node_version into .tools (the machine's is $(node --version 2>/dev/null))"
    logged build/logs/node.log npm install --no-audit --no-fund --prefix .tools "node@$node_version" ||
      stop "npm could not install Node $node_version (all of it: build/logs/node.log)." \
        "Check the network, or install Node 20.19 or newer yourself."
    PATH=$PWD/.tools/node_modules/node/bin:$PATH
    hash -r
    node_is_new_enough || stop "the Node in .tools does not start." "rm -r .tools, then try again."
  fi
}

# need_web: web/node_modules as the lock file has it.
need_web() {
  need_node
  local stamp=web/node_modules/.installed wanted
  wanted=$(sha256sum <web/package-lock.json)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
  say "Installing npm packages into web/node_modules"
  logged "$PWD/build/logs/npm.log" env -C web PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 \
    npm ci --no-audit --no-fund ||
    stop "npm ci failed in web/ (all of it: build/logs/npm.log)." \
      "Check the network and that web/ is writable, then start again."
  mkdir -p web/node_modules
  say "$wanted" >"$stamp"
}

# need_rivals: the packages of bench/rivals, its SQLite built with fdatasync as Debian's is.
need_rivals() {
  need_node
  local stamp=bench/rivals/node_modules/.installed wanted
  wanted=$(sha256sum <bench/rivals/package-lock.json)$(node --version)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
  say "Installing npm packages into bench/rivals/node_modules"
  logged "$PWD/build/logs/rivals.log" env -C bench/rivals CFLAGS=-DHAVE_FDATASYNC=1 \
    npm ci --build-from-source --no-audit --no-fund ||
    stop "npm ci failed in bench/rivals/ (all of it: build/logs/rivals.log)." \
      "Check the network and that bench/rivals/ is writable, then start again."
  say "$wanted" >"$stamp"
}

# need_venv: Python packages of the tests in .tools/venv.
need_venv() {
  local stamp=.tools/venv/.installed wanted
  wanted=$(sha256sum <tests/requirements.txt)
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x .tools/venv/bin/python ] && return 0
  say "Installing Python packages into .tools/venv"
  rm -rf .tools/venv
  logged build/logs/venv.log /usr/bin/python3 -m venv .tools/venv &&
    logged build/logs/pip.log .tools/venv/bin/pip install --disable-pip-version-check -q \
      -r tests/requirements.txt ||
    stop "Python packages could not be installed (all of it: build/logs/pip.log)." \
      "Check the network, then start again."
  say "$wanted" >"$stamp"
}

# configure PRESET: build/PRESET/build.ninja, made once, and anew when the project's folder was moved;
# ninja itself renews it after that.
configure() {
  mkdir -p build
  exec 9>"build/$1.lock"
  flock 9
  local made=build/$1/.configured status=0
  if [ "$(cat "$made" 2>/dev/null)" != "$PWD" ] || [ CMakePresets.json -nt "$made" ]; then
    rm -rf "build/$1"
    { cmake --preset "$1" && say "$PWD" >"$made"; } || status=$?
  fi
  exec 9>&-
  return $status
}
