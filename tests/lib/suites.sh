# shellcheck shell=bash
# tests/lib/suites.sh: runs Criterion executables and counts their tests.
# Needs report.sh; ROOT is the repo, TMP a scratch directory.

# The executables meson knows: "folder/name<TAB>path<TAB>VAR=value..." each.
suites_of() { # BUILD
  meson introspect "$1" --tests | python3 -c '
import json, sys
for t in json.load(sys.stdin):
    folder = t["suite"][0].split(":")[-1]
    env = t.get("env") or {}
    print("\t".join(["%s/%s" % (folder, t["name"]), t["cmd"][0]]
                    + ["%s=%s" % kv for kv in sorted(env.items())]))'
}

tap_of() { printf '%s/%s.tap' "$TMP" "${1//\//-}"; }

# Criterion's exit status is not enough: a test that dies in its teardown (our
# leak check does) is reported "ok", an executable without tests ends with 0.
# So: the report, what stderr says of teardowns, the plan and the status.
count_suite() { # TAP STDERR STATUS into COUNT_PASSED COUNT_FAILED COUNT_SKIPPED WHY
  local planned seen
  WHY=
  read -r planned seen COUNT_FAILED COUNT_SKIPPED < <(awk '
    FNR == 1 { file++ }
    file == 2 && /crashed during its setup or teardown/ {
      split($0, part, "`"); bad[part[2]] = 1 }
    file == 1 && /^1\.\.[0-9]+$/ { planned = substr($0, 4) }
    file == 1 && /^ok - .*# SKIP/ { seen++; skipped++; next }
    file == 1 && /^ok - / { seen++ }
    file == 1 && /^not ok - / { seen++; bad[$4] = 1 }
    END { for (name in bad) failed++
          print planned + 0, seen + 0, failed + 0, skipped + 0 }
    ' "$1" "$2")
  COUNT_PASSED=$((seen - COUNT_FAILED - COUNT_SKIPPED))
  if [ "$COUNT_PASSED" -lt 0 ]; then COUNT_PASSED=0; fi
  if [ "$planned" -eq 0 ]; then
    WHY='has no tests, or ended before its report'
    COUNT_FAILED=$((COUNT_FAILED + 1))
  elif [ "$seen" -lt "$planned" ]; then
    WHY="$((planned - seen)) of $planned tests have no result"
    COUNT_FAILED=$((COUNT_FAILED + planned - seen))
  elif [ "$3" -ne 0 ] && [ "$COUNT_FAILED" -eq 0 ]; then
    WHY="ended with status $3"
    COUNT_FAILED=1
  fi
}

remember_skipped_tests() { # SUITE TAP
  local name reason
  while IFS=$'\t' read -r name reason; do
    remember_skip "$1 $name" "$reason"
  done < <(sed -n 's/^ok - \(.*[^ ]\) *# SKIP *\(.*\)/\1\t\2/p' "$2")
}

run_suite() { # TAP EXECUTABLE VAR=value...
  local tap=$1 executable=$2
  shift 2
  rm -f "$tap"
  # a copy of Criterion's report goes to a file, its complaints to the log
  env "$@" "$executable" --tap="$tap" --color=never --encoding=ASCII
}

suite_done() { # KEY RC MS LOG
  local tap
  tap=$(tap_of "$1")
  [ -f "$tap" ] || : >"$tap"
  echo >>"$tap" # awk counts files by their first line
  count_suite "$tap" "$4" "$2"
  if [ "$WHY" ]; then echo "$1 $WHY" >>"$4"; fi
  remember_skipped_tests "$1" "$tap"
  result "$1" "$COUNT_PASSED" "$COUNT_FAILED" "$COUNT_SKIPPED" "$3" "$4"
}

# run_suites BUILD PATTERN [BEFORE]: the suites whose "folder/name" matches,
# BEFORE each of them that command.
# Two at a time without one: each is a process with servers of its own.
run_suites() {
  local key executable env found= size=2
  if [ "${3:-}" ]; then size=1; fi
  pool "$size" suite_done
  while IFS=$'\t' read -r key executable env; do
    # shellcheck disable=SC2053 # a pattern
    if [[ $key != $2 ]]; then continue; fi
    found=1
    "${3:-true}"
    IFS=$'\t' read -r -a env <<<"$env"
    pool_add "$key" "$key" run_suite "$(tap_of "$key")" "$executable" "${env[@]}"
    if [ "$size" -eq 1 ]; then pool_wait; fi
  done < <(suites_of "$1")
  pool_wait
  if [ -z "$found" ]; then nothing_ran "$2"; fi
}

nothing_ran() { # LABEL
  FAILED=$((FAILED + 1))
  line "$1" FAILED 'no such suite' ''
}

# A test file that no meson.build names would pass by never running.
unlisted_suites() { # BUILD
  local file
  suites_of "$1" | cut -f 1 | sort >"$TMP/listed"
  for file in "$ROOT"/tests/*/test_*.c; do
    file=${file#"$ROOT"/tests/}
    file=${file%.c}
    if [ "$file" = '*/test_*' ]; then continue; fi # there is none
    if ! grep -qxF "${file/test_/}" "$TMP/listed"; then
      echo "tests/$file.c is in no meson.build"
    fi
  done
}

check_listing() { # BUILD
  unlisted_suites "$1" >"$TMP/unlisted"
  if [ -s "$TMP/unlisted" ]; then result 'every test file is run' 0 1 0 0 "$TMP/unlisted"; fi
}

# ---- valgrind ---------------------------------------------------------------

# Criterion's children lose valgrind's exit status, so each process has a log
# and a log that is not empty is a failure.
under_valgrind() { # TAP LOGDIR EXECUTABLE VAR=value...
  local tap=$1 logs=$2 executable=$3
  shift 3
  rm -rf "$tap" "$logs"
  mkdir -p "$logs"
  env "$@" valgrind -q --trace-children=yes --log-file="$logs/%p" \
    --leak-check=full --show-leak-kinds=definite \
    --errors-for-leak-kinds=definite --error-exitcode=99 \
    "$executable" --tap="$tap" --color=never --encoding=ASCII -j1 --timeout 300
}

valgrind_logs() { printf '%s/%s.vg' "$TMP" "${1//\//-}"; }

valgrind_done() { # KEY RC MS LOG
  local logs suite=${1#valgrind } complaints
  logs=$(valgrind_logs "$suite")
  find "$logs" -type f -size +0 -exec cat {} + >>"$4" 2>/dev/null || true
  complaints=$(find "$logs" -type f -size +0 2>/dev/null | wc -l)
  local tap
  tap=$(tap_of "$1")
  [ -f "$tap" ] || : >"$tap"
  echo >>"$tap"
  count_suite "$tap" "$4" "$2"
  if [ "$WHY" ]; then echo "$suite $WHY" >>"$4"; fi
  if [ "$complaints" -gt 0 ] && [ "$COUNT_FAILED" -eq 0 ]; then
    COUNT_FAILED=$complaints # one log per test
    COUNT_PASSED=$((COUNT_PASSED > complaints ? COUNT_PASSED - complaints : 0))
  fi
  remember_skipped_tests "$1" "$tap"
  result "$1" "$COUNT_PASSED" "$COUNT_FAILED" "$COUNT_SKIPPED" "$3" "$4"
}

# valgrind_suites BUILD NAME...: two at a time; without names all but e2e.
valgrind_suites() {
  local build=$1 key executable env ran=
  shift
  pool 2 valgrind_done
  while IFS=$'\t' read -r key executable env; do
    if [ $# -eq 0 ] && [[ $key = @(e2e|cluster)/* ]]; then continue; fi
    if [ $# -gt 0 ] && ! [[ " $* " = *" $key "* ]]; then continue; fi
    ran+=" $key "
    IFS=$'\t' read -r -a env <<<"$env"
    pool_add "valgrind $key" "valgrind $key" under_valgrind \
      "$(tap_of "valgrind $key")" "$(valgrind_logs "$key")" "$executable" "${env[@]}"
  done < <(suites_of "$build")
  pool_wait
  for key; do
    if [[ $ran != *" $key "* ]]; then nothing_ran "valgrind $key"; fi
  done
  if [ -z "$ran" ]; then nothing_ran valgrind; fi
}
