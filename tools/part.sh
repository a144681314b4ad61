#!/usr/bin/env bash
# One part of the tests. Started by ./test, which has installed what it needs.
# usage: tools/part.sh NAME    Writes `PASSED FAILED` into build/test-results/NAME.count.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."
. tools/setup.sh
[ -x .tools/node_modules/node/bin/node ] && PATH=$PWD/.tools/node_modules/node/bin:$PATH
part=$1
long=${LISTS_TEST_LONG:-}
results=$PWD/build/test-results
logs=$PWD/build/test-logs
export LISTS_BIN=$PWD/build/release/lists

counted() { printf '%s %s\n' "$1" "$2" >"$results/$part.count"; }

# count REPORT...: the part's result from JUnit reports.
count() {
  local numbers status=0
  numbers=$(/usr/bin/python3 tools/count.py "$@") || status=$?
  printf '%s\n' "$numbers" >"$results/$part.count"
  return $status
}

cpp_files() { find src tests bench -path bench/rivals/node_modules -prune -o \( -name '*.cc' -o -name '*.h' \) -print | sort; }

part_format() {
  local failed files bad=0
  mapfile -t files < <(cpp_files)
  mapfile -t failed < <(printf '%s\n' "${files[@]}" |
    xargs -P 2 -n 16 clang-format-19 --dry-run -Werror 2>&1 | sed -n 's/:[0-9:]* error: .*//p' | sort -u)
  [ ${#failed[@]} = 0 ] || printf 'not formatted: %s   (clang-format-19 -i does it)\n' "${failed[@]}"
  clang-format-19 --version # A missing tool is a failure too.
  npm --prefix web run --silent format:check || bad=1
  bad=$((bad + ${#failed[@]}))
  counted $((${#files[@]} + 1 - bad)) "$bad"
  [ "$bad" = 0 ]
}

part_source() {
  local passed=0
  (cd tools && /usr/bin/python3 -B -m unittest -q check_source_test) && passed=$((passed + 1))
  /usr/bin/python3 tools/check_source.py && passed=$((passed + 1))
  if PYTHONPATH=tools .tools/venv/bin/python -B -c \
    'import openapi_to_json as o; assert o.to_json() == open("docs/api/openapi.json").read()'; then
    passed=$((passed + 1))
  else
    say "docs/api/openapi.json is not openapi.yaml: tools/openapi_to_json.py makes it anew"
  fi
  counted "$passed" $((3 - passed))
  [ "$passed" = 3 ]
}

# with_postgres [OPTION...] COMMAND...: with a PostgreSQL server of its own, in memory, named to it by
# the environment.
with_postgres() {
  local options=(--memory --set max_connections=400)
  while [[ $1 == --* ]]; do
    options+=("$1")
    [ "$1" != --set ] || { options+=("$2") && shift; }
    shift
  done
  /usr/bin/python3 tests/postgres/cluster.py run "${options[@]}" -- "$@"
}

# C++ unit and contract tests under ASan and UBSan.
part_unit() {
  configure dev
  ninja -C build/dev
  local status=0
  UBSAN_OPTIONS=print_stacktrace=1 with_postgres ctest --test-dir build/dev -j2 --timeout 300 --no-tests=error \
    --output-on-failure --output-junit "$results/unit.xml" >"$logs/unit-ctest.log" 2>&1 || status=$?
  tail -n 60 "$logs/unit-ctest.log"
  count "$results/unit.xml" || status=1
  return $status
}

# What threads share, under TSan: the writer, the cache, the server, and the contract of the ports.
part_tsan() {
  configure tsan
  local test tests=() reports=() status=0
  for test in base_test adapters_sqlite_test store_test app_test app_over_sqlite_test http_test \
    contract_test app_over_postgres_test; do
    ninja -C build/tsan -t query "$test" >/dev/null 2>&1 && tests+=("$test")
  done
  ninja -C build/tsan "${tests[@]}"
  for test in "${tests[@]}"; do
    reports+=("$results/tsan-$test.xml")
    rm -f "$results/tsan-$test.xml"
    local run=()
    [[ $test != contract_test && $test != *postgres* ]] || run=(with_postgres)
    TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1" \
      "${run[@]}" "$(find build/tsan -name "$test" -type f)" \
      --gtest_output="xml:$results/tsan-$test.xml" --gtest_brief=1 || status=1
  done
  count "${reports[@]}" || status=1
  return $status
}

# The simulation of sync, in two processes, each with half of the seeds; in `long` with every mistake
# that can be planted, too.
part_simcore() {
  local status=0 half=25 test tests=(sim_test) run=()
  [ -z "$long" ] || half=500 tests+=(sim_faults_test)
  configure release
  ninja -C build/release sim "${tests[@]}"
  rm -f "$results"/simcore-*.xml
  for from in 1 $((half + 1)); do
    LISTS_SIM_FROM=$from LISTS_SIM_SEEDS=$half LISTS_SIM_OPS=2000 build/release/tests/sim/sim_test \
      --gtest_output="xml:$results/simcore-$from.xml" --gtest_brief=1 >"$logs/simcore-$from.log" 2>&1 &
    run+=($!)
  done
  for test in "${run[@]}"; do wait "$test" || status=1; done
  tail -n 40 "$logs"/simcore-*.log
  [ -z "$long" ] || build/release/tests/sim/sim_faults_test --gtest_output="xml:$results/simcore-faults.xml" \
    --gtest_brief=1 || status=1
  count "$results"/simcore-*.xml || status=1
  return $status
}

# Clients of the page against the service, whose processes are killed; on both databases.
part_simhttp() {
  local status=0
  rm -f "$results/simhttp.xml"
  with_postgres .tools/venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --timeout 3000 tests/sim/http \
    --durations=10 --junitxml="$results/simhttp.xml" || status=$?
  count "$results/simhttp.xml" || status=1
  return $status
}

# Each libFuzzer target, 10 s or 10^6 executions, from its corpus in the tree.
part_fuzz() {
  local target targets passed=0 failed=0 budget=(-max_total_time=10)
  [ -z "$long" ] || budget=(-runs=1000000)
  mapfile -t targets < <(find tests/fuzz -name '*_fuzz.cc' -printf '%f\n' | sed 's/\.cc$//' | sort)
  configure fuzz
  ninja -C build/fuzz "${targets[@]}"
  for target in "${targets[@]}"; do
    rm -rf "build/fuzz/corpus/$target" && mkdir -p "build/fuzz/corpus/$target"
    if "$(find build/fuzz -name "$target" -type f)" "${budget[@]}" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="$logs/$target-" "build/fuzz/corpus/$target" "tests/fuzz/${target%_fuzz}" \
      >"$logs/$target.log" 2>&1; then
      passed=$((passed + 1))
      say "$target: $(tail -n 1 "$logs/$target.log")"
    else
      failed=$((failed + 1))
      say "$target failed:"
      tail -n 40 "$logs/$target.log"
    fi
  done
  counted "$passed" "$failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

# Source files to read closely, newest change first: what differs from the upstream branch, what is
# not committed, and where that is nothing, what the last commits changed.
changed_sources() {
  local base
  {
    git diff --name-only HEAD 2>/dev/null || true
    base=$(git merge-base HEAD '@{upstream}' 2>/dev/null || git rev-parse HEAD)
    git log --format= --name-only "$base..HEAD" 2>/dev/null || true
    git log --format= --name-only -n 60 HEAD 2>/dev/null || true
  } | awk '!seen[$0]++' | sed -n -E 's/\.(cc|h)$/.cc/p' | awk '!seen[$0]++' |
    while read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
}

# clang-tidy on what changed: the 12 files changed last, or all with TIDY_ALL=1 and in `long`.
part_tidy() {
  configure dev
  local files
  if [ -n "$long${TIDY_ALL:-}" ]; then
    mapfile -t files < <(cpp_files | grep '\.cc$')
  else
    mapfile -t files < <(changed_sources | head -n 12)
  fi
  mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -v '_fuzz\.cc$')
  rm -rf build/tidy && mkdir -p build/tidy
  # In tests an optional that is empty ends the test (_GLIBCXX_ASSERTIONS), which is what it should do.
  # shellcheck disable=SC2016
  printf '%s\n' "${files[@]}" | xargs -P 2 -I{} bash -c '
    out=build/tidy/$(tr / _ <<<"$1")
    [[ $1 == *_test.cc ]] && less=(--checks=-bugprone-unchecked-optional-access)
    if clang-tidy-19 -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option "${less[@]}" "$1" >"$out.log" 2>&1; then echo "$1" >>build/tidy/passed
    else echo "$1" >>build/tidy/failed; grep -E "error|warning:" "$out.log" | sort -u | head -n 20; fi' _ {}
  touch build/tidy/passed build/tidy/failed
  say "read: ${files[*]}"
  counted "$(wc -l <build/tidy/passed)" "$(wc -l <build/tidy/failed)"
  [ ! -s build/tidy/failed ] && [ -s build/tidy/passed ]
}

part_release() {
  configure release
  ninja -C build/release lists
  "$LISTS_BIN" version
  counted 1 0
}

# black_box MARKS WHAT...: the binary over HTTP, as a client sees it.
black_box() {
  local status=0
  rm -f "$results/$part.xml"
  .tools/venv/bin/python -m pytest -c tests/blackbox/pytest.ini -q -m "$1" "${@:2}" --durations=10 \
    --junitxml="$results/$part.xml" || status=$?
  count "$results/$part.xml" || status=1
  return $status
}
part_blackbox() { black_box "not alone" tests/blackbox --ignore tests/blackbox/test_openapi.py; }
# The same tests on PostgreSQL, requests going to two processes in turn; in `long` once more with a
# replica that is 200 ms behind.
part_pgblackbox() {
  local status=0 replica=(--replicas --set recovery_min_apply_delay=200ms)
  rm -f "$results"/pgblackbox-*.xml
  LISTS_TEST_ON=postgres with_postgres tools/part.sh on_postgres pgblackbox-1 || status=1
  [ -z "$long" ] ||
    LISTS_TEST_ON=replica with_postgres "${replica[@]}" tools/part.sh on_postgres pgblackbox-2 || status=1
  count "$results"/pgblackbox-*.xml || status=1
  return $status
}
part_on_postgres() {
  part=$2
  black_box "not alone and not embedded" tests/blackbox --ignore tests/blackbox/test_openapi.py
}
# Servers that fail, and replicas that lag.
part_postgres() {
  local status=0
  rm -f "$results/postgres.xml"
  .tools/venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile --timeout 1200 \
    tests/postgres --durations=10 --junitxml="$results/postgres.xml" || status=$?
  count "$results/postgres.xml" || status=1
  return $status
}
# The release before on this schema, and this one without its guard: each is built for it.
part_releases() {
  local status=0
  rm -f "$results"/releases*.xml
  .tools/venv/bin/python -m pytest -c tests/releases/pytest.ini -q tests/releases --durations=10 \
    --junitxml="$results/releases.xml" || status=$?
  count "$results/releases.xml" "$results/releases-before.xml" || status=1
  return $status
}
part_rates() { black_box alone tests/blackbox -n 0; }

# What a request costs: instructions, allocations, rows a commit. Counted, never timed.
part_gates() {
  local numbers status=0
  numbers=$(bench/gates --count) || status=$?
  [[ $numbers =~ ^[0-9]+\ [0-9]+$ ]] || return 1
  printf '%s\n' "$numbers" >"$results/$part.count"
  return $status
}

# openapi.yaml against a running server: bounded, the same cases each time.
part_schema() { black_box "" tests/blackbox/test_openapi.py -n 0; }

part_web() {
  local passed=0 failed=0 step numbers
  for step in check check:api; do
    if npm --prefix web run --silent "$step"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
  rm -f "$results/web.xml"
  npm --prefix web run --silent test -- --reporter=default --reporter=junit \
    --outputFile.junit="$results/web.xml" || failed=$((failed + 1))
  numbers=$(/usr/bin/python3 tools/count.py "$results/web.xml") || failed=$((failed + 1))
  counted $((passed + ${numbers% *})) "$failed"
  [ "$failed" = 0 ]
}

part_e2e() {
  local status=0
  rm -f "$results/e2e.xml"
  PLAYWRIGHT_JUNIT_OUTPUT_FILE="$results/e2e.xml" PLAYWRIGHT_JUNIT_OUTPUT_NAME="$results/e2e.xml" \
    npm --prefix web run --silent e2e -- --reporter=list,junit || status=$?
  count "$results/e2e.xml" || status=1
  return $status
}

"part_$part" "$@"
