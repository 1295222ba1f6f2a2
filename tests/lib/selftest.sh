# shellcheck shell=bash
# tests/lib/selftest.sh: does the runner see what is wrong? Each executable of
# tests/selftest goes through the counting that the suites go through.
# Needs report.sh and suites.sh; ROOT is the repo, TMP a scratch directory.

build_selftest() { # NAME OUTPUT BUILD FLAG...
  local source=$ROOT/tests/selftest/$1.c output=$2 build=$3 client=()
  shift 3
  if grep -qF '<uvmqtt.h>' "$source"; then
    # shellcheck disable=SC2207
    client=("$build/lib/libuvmqtt.a" -lwslay
      $(pkg-config --libs openssl)
      $(grep -o -- '-Wl,--wrap=[a-z_]*' "$ROOT/tests/meson.build"))
  fi
  # shellcheck disable=SC2046
  gcc -std=c11 -D_POSIX_C_SOURCE=200809L -g -I "$ROOT/tests" -I "$ROOT/lib" \
    -I "$ROOT/include" -I "$build/include" "$@" \
    "$source" "$build/tests/libum_support.a" "${client[@]}" -o "$output" \
    $(pkg-config --cflags --libs criterion libuv)
}

# The counts of one executable, as they would be added.
selftest_count() { # NAME EXECUTABLE
  local tap=$TMP/selftest.tap err=$TMP/selftest.err rc=0
  run_suite "$tap" "$2" >"$err" 2>&1 || rc=$?
  [ -f "$tap" ] || : >"$tap"
  echo >>"$tap"
  count_suite "$tap" "$err" "$rc"
}

valgrind_count() { # NAME EXECUTABLE: what valgrind_done makes of it
  local rc=0 tap=$TMP/selftest-valgrind.tap log=$TMP/selftest-valgrind.log
  under_valgrind "$(tap_of "valgrind $1")" "$(valgrind_logs "$1")" "$2" >"$log" 2>&1 || rc=$?
  (
    PASSED=0 FAILED=0 SKIPPED=0
    valgrind_done "valgrind $1" "$rc" 0 "$log" >/dev/null
    echo "$PASSED $FAILED $SKIPPED"
  ) >"$tap"
  read -r COUNT_PASSED COUNT_FAILED COUNT_SKIPPED <"$tap"
}

expect() { # METHOD NAME BUILD "passed failed skipped" FLAG...
  local method=$1 name=$2 build=$3 want=$4 got
  shift 4
  build_selftest "$name" "$TMP/$method-$name" "$build" "$@" || return 1
  "$method" "$name" "$TMP/$method-$name"
  got="$COUNT_PASSED $COUNT_FAILED $COUNT_SKIPPED"
  if [ "$got" = "$want" ]; then return 0; fi
  echo "$name: counted $got, not $want (passed, failed, skipped)"
  return 1
}

selftest_step() { # LABEL expect's arguments...
  local label=$1
  shift
  job "selftest $label" "$label" expect "$@"
  check "$label" "$JOB_RC" "$JOB_MS" "$JOB_LOG"
}

# Is a secret found in what was printed, whatever stands before it?
finds_planted() {
  local dir=$TMP/selftest-logs marker
  rm -rf "$dir" && mkdir "$dir" || return 1
  marker=$(planted_markers | head -n 1)
  echo "nothing of ${marker%?}" >"$dir/good.log"
  if planted_hits "$dir" >/dev/null; then return 1; fi
  printf 'user:%s' "$marker" | base64 >"$dir/bad.log"
  planted_hits "$dir" | grep -qF "$dir/bad.log:1:"
}

selftest() { # BUILD VALGRIND_BUILD
  local asan=-fsanitize=address,undefined
  selftest_step 'good tests pass' selftest_count passing "$1" '2 0 1' $asan
  selftest_step 'a leak fails' selftest_count leaky "$1" '0 1 0' $asan
  selftest_step 'a dying test fails' selftest_count aborting "$1" '1 1 0' $asan
  selftest_step 'a dying runner fails' selftest_count crashing "$1" '0 1 0' $asan
  selftest_step 'no tests at all fail' selftest_count empty "$1" '0 1 0' $asan
  selftest_step 'a secret that is told fails' selftest_count telling "$1" '3 6 0' $asan
  job 'selftest a secret in a log is found' 'a secret in a log' finds_planted
  check 'a secret in a log is found' "$JOB_RC" "$JOB_MS" "$JOB_LOG"
  selftest_step 'good tests pass, valgrind' valgrind_count passing "$2" '2 0 1'
  selftest_step 'a leak fails, valgrind' valgrind_count leaky "$2" '0 1 0'
}
