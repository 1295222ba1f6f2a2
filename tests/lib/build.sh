# shellcheck shell=bash disable=SC2034,SC2054
# tests/lib/build.sh: build directories. Needs report.sh; ROOT is the repo.

CORES=$(nproc)

# Compiling is most of a run's time: lines are all that reports need to name.
QUICK=(-Doptimization=1 -Ddebug=false -Dc_args=-g1)
TEST_OPTIONS=(-Dtests=true -Dwerror=true -Db_sanitize=address,undefined
  -Db_lundef=false "${QUICK[@]}")
VALGRIND_OPTIONS=(-Dtests=true -Dwerror=true "${QUICK[@]}")
THREAD_OPTIONS=(-Dtests=true -Dwerror=true -Db_sanitize=thread -Db_lundef=false
  "${QUICK[@]}")
SCALE_OPTIONS=(-Dtests=true -Dexamples=false --buildtype=release)
RELEASE_OPTIONS=(--buildtype=release)
CLANG_OPTIONS=(-Dtests=true -Dwerror=true -Doptimization=0 -Ddebug=false)

# Kept when it was set up with the same compiler and options, else made anew.
configure() { # DIR CC OPTION...
  local dir=$1 cc=$2
  shift 2
  local wanted="$cc $*"
  if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/options" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  rm -rf "$dir"
  local said
  said=$(CC=$cc meson setup --wrap-mode=nodownload "$@" "$dir" "$ROOT" 2>&1) || {
    grep -A 3 ERROR <<<"$said" || echo "$said"
    return 1
  }
  echo "$wanted" >"$dir/options"
}

# TARGETS, when it is not empty, is all that is made.
TARGETS=()
compile() { # DIR CC OPTION...
  configure "$@" && ninja -C "$1" -j "$CORES" --quiet "${TARGETS[@]}"
}

# build LABEL DIR CC OPTION...: 0 when it worked; the log is shown when not.
build() {
  local label=$1
  shift
  job "build-${1##*/}" "$label" compile "$@"
  if [ "$JOB_RC" -ne 0 ]; then
    result "$label" 0 1 0 "$JOB_MS" "$JOB_LOG"
    return 1
  fi
  line "$label" ok '' "$(seconds "$JOB_MS")"
}
