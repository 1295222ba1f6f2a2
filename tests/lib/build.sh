# shellcheck shell=bash disable=SC2034,SC2054
# tests/lib/build.sh: build directories. Needs report.sh; ROOT is the repo.

CORES=$(nproc)

TEST_OPTIONS=(-Dtests=true -Dwerror=true -Db_sanitize=address,undefined
  -Db_lundef=false)
VALGRIND_OPTIONS=(-Dtests=true -Dwerror=true)
THREAD_OPTIONS=(-Dtests=true -Dwerror=true -Db_sanitize=thread -Db_lundef=false)
SCALE_OPTIONS=(-Dtests=true -Dexamples=false --buildtype=release)
RELEASE_OPTIONS=(--buildtype=release)
CLANG_OPTIONS=(-Dtests=true -Dwerror=true)

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

compile() { # DIR CC OPTION...
  configure "$@" && ninja -C "$1" -j "$CORES" --quiet
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
