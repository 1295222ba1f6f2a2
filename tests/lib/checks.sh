# shellcheck shell=bash disable=SC2153
# tests/lib/checks.sh: what is looked at without running the suites.
# Needs report.sh and build.sh; ROOT is the repo, TMP a scratch directory.

# ---- lint -------------------------------------------------------------------

c_files() { # FOLDER...
  (cd "$ROOT" && find "$@" -name '*.[ch]' | sort)
}

check_format() {
  c_files lib include tests examples | (cd "$ROOT" && xargs clang-format --dry-run -Werror)
}

check_cppcheck() { # BUILD, for version.h
  (cd "$ROOT" && cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
    --enable=warning,portability,performance --library=posix -j "$CORES" \
    -D_POSIX_C_SOURCE=200809L -I lib -I include -I "$1/include" lib)
}

check_tidy() { # BUILD with compile_commands.json, made with clang
  (cd "$ROOT" && c_files lib | grep '\.c$' |
    xargs -n 1 -P "$CORES" clang-tidy --quiet -p "$1" 2>/dev/null |
    awk '/: (error|warning): / { on = 1 } /: note: / { on = 0 } on')
}

lint_step() { # LABEL COMMAND...
  local label=$1
  shift
  job "$label" "$label" "$@"
  check "$label" "$JOB_RC" "$JOB_MS" "$JOB_LOG"
}

lint() { # BUILD
  lint_step clang-format check_format
  lint_step 'clang -Werror' compile "$1" clang "${CLANG_OPTIONS[@]}"
  if ! [ -f "$1/compile_commands.json" ]; then return; fi
  lint_step cppcheck check_cppcheck "$1"
  lint_step clang-tidy check_tidy "$1"
}

# ---- the shared library -----------------------------------------------------

foreign_exports() { # LIB.so: exported names that are not ours
  nm -D --defined-only "$1" | awk '$3 !~ /^uvmqtt_/ { print "exports " $3 }'
}

declared_names() { # the functions of the public headers
  cat "$ROOT"/include/uvmqtt/*.h | tr '\n' ' ' | grep -oE 'UVMQTT_EXTERN [^;(]*\(' |
    grep -oE 'uvmqtt_[a-z0-9_]+ *\($' | tr -d ' (' | sort -u
}

undefined_declarations() { # LIB.so
  declared_names | comm -23 - <(nm -D --defined-only "$1" | awk '{ print $3 }' | sort -u) |
    sed 's/$/ is declared and not exported/'
}

foreign_libraries() { # LIB.so
  readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vxE 'lib(ssl|crypto)\.so\.3|libwslay\.so\.1|libuv\.so\.1|libc\.so\.6|ld-linux[-a-z0-9_]*\.so\.[0-9]+' |
    sed 's/^/needs /'
}

silent() { # COMMAND...: fails when it prints something
  "$@" >"$TMP/said" || true
  cat "$TMP/said"
  ! [ -s "$TMP/said" ]
}

exports() { # BUILD
  local lib=$1/lib/libuvmqtt.so
  job exports exports silent foreign_exports "$lib"
  check 'exports only uvmqtt_*' "$JOB_RC" "$JOB_MS" "$JOB_LOG"
  job declared declared silent undefined_declarations "$lib"
  check 'exports what it declares' "$JOB_RC" "$JOB_MS" "$JOB_LOG"
  job needs needs silent foreign_libraries "$lib"
  check 'needs only libuv, OpenSSL, wslay and libc' "$JOB_RC" "$JOB_MS" "$JOB_LOG"
}

# ---- README.md --------------------------------------------------------------

readme_program() { # the first ```c block
  awk '/^```c$/ { on = 1; next } on && /^```/ { exit } on' "$ROOT/README.md"
}

# Installed into a scratch directory and compiled as the README's reader would,
# with pkg-config; its broker's address is replaced by ours.
run_readme() { # BUILD URL
  local root=$TMP/readme pc
  mkdir -p "$root"
  readme_program | sed -E "s#\"mqtt://[^\"]*\"#\"$2\"#" >"$root/readme.c"
  DESTDIR=$root/dest meson install -C "$1" --no-rebuild --quiet || return 1
  pc=$(find "$root/dest" -name uvmqtt.pc)
  sed -i "s#^prefix=#prefix=$root/dest#" "$pc" || return 1
  export PKG_CONFIG_PATH=${pc%/*}
  # shellcheck disable=SC2046
  gcc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror \
    -o "$root/readme" "$root/readme.c" $(pkg-config --cflags --libs uvmqtt) &&
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir uvmqtt) \
      timeout 30 "$root/readme" "$2"
}

readme() { # BUILD URL
  if ! [ -f "$ROOT/README.md" ] || [ -z "$(readme_program)" ]; then
    skip 'README program' 'README.md has no C program yet'
    return
  fi
  job readme 'README program' run_readme "$@"
  check 'README program' "$JOB_RC" "$JOB_MS" "$JOB_LOG"
}
