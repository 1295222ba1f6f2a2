# shellcheck shell=bash disable=SC2034
# tests/lib/coverage.sh: which lines and branches of lib the suites reach.
# Needs report.sh, build.sh and suites.sh; ROOT is the repo, LOGS for the list.

# Assertions are compiled out: what they forbid is not reachable by a test.
COVERAGE_OPTIONS=(-Dtests=true -Dexamples=false -Dwerror=true
  -Doptimization=0 -Db_coverage=true -Db_ndebug=true)

forget_counts() { # BUILD: those of an earlier run, and of sources that went
  ninja -C "$1" -t cleandead >/dev/null
  find "$1" -name '*.gcda' -delete
  local notes
  find "$1" -name '*.gcno' | while read -r notes; do
    if ! [ -f "${notes%.gcno}.o" ]; then rm "$notes"; fi
  done
}

# coverage BUILD: the figures of the runs since forget_counts, headers included:
# lib as all suites link it, and what of it tests/net compiles for itself.
coverage() {
  (cd "$ROOT" && gcovr -j "$CORES" --root . --filter 'lib/' \
    --json "$TMP/coverage.json" "$1/lib" "$1/tests/net") &&
    python3 "$ROOT/tests/lib/coverage.py" "$TMP/coverage.json" "$ROOT" \
      "$LOGS/uncovered"
}
