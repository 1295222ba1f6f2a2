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

# The analyzer's patience for each function, where its time goes; its own
# default is 225,000.
TIDY_NODES=225000

check_tidy() { # BUILD with compile_commands.json, made with clang
  (cd "$ROOT" && c_files lib | grep '\.c$' |
    xargs -n 1 -P "$CORES" clang-tidy --quiet -p "$1" \
      --extra-arg=-Xclang --extra-arg=-analyzer-config \
      --extra-arg=-Xclang --extra-arg="max-nodes=$TIDY_NODES" 2>/dev/null |
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

# ---- the programs in README.md and docs/ ------------------------------------

c_blocks() { # FILE DIR: each ```c block becomes DIR/N.c
  mkdir -p "$2"
  awk -v dir="$2" '/^```c$/ { on = 1; n++; next } /^```/ { on = 0 }
    on { print > (dir "/" n ".c") }' "$1"
}

# Our broker instead of the reader's, in clear text or, for what loads
# certificates, over TLS.
point_to() { # FILE URL TLS-PORT
  local port=${2##*:}
  if grep -q uvmqtt_tls_new "$1"; then port=$3; fi
  sed -i -E -e "s#\"mqtt://[^\"]*\"#\"$2\"#" \
    -e "s#\.server = \"[^\"]*\"#.server = \"127.0.0.1\", .port = $port#" \
    -e "s#\"((ca|me)\.(pem|key))\"#\"$TMP/pki/\1\"#g" "$1"
}

signed() { # NAME SUBJECT [EXTENSION]: NAME.pem and NAME.key, signed by the CA
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout "$1.key" -subj "/CN=$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial \
    -days 2 -extfile <(echo "${3:-basicConstraints=CA:FALSE}") -out "$1.pem"
}

make_pki() { # DIR
  mkdir -p "$1" && cd "$1" || return 1
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout ca.key -out ca.pem -days 2 -subj '/CN=CA of the tests'
  signed server localhost subjectAltName=IP:127.0.0.1
  signed me device
}

# A mosquitto that wants a certificate; its port into TLS_PORT.
start_tls_broker() {
  job pki certificates make_pki "$TMP/pki"
  [ "$JOB_RC" -eq 0 ] || return 1
  echo "$TMP/mosquitto-tls" >>"$UVMQTT_BROKER_LIST"
  UVMQTT_BROKER_CONF=$(printf '%s\n' "cafile $TMP/pki/ca.pem" \
    "certfile $TMP/pki/server.pem" "keyfile $TMP/pki/server.key" \
    'require_certificate true') \
    job start-tls mosquitto-tls broker_start mosquitto "$TMP/mosquitto-tls"
  [ "$JOB_RC" -eq 0 ] || return 1
  broker_read "$TMP/mosquitto-tls"
  TLS_PORT=$PORT
}

# Installed into a scratch directory, for pkg-config as a reader uses it.
install_scratch() { # BUILD DIR
  local pc
  DESTDIR=$2/dest meson install -C "$1" --no-rebuild --quiet || return 1
  pc=$(find "$2/dest" -name uvmqtt.pc)
  sed -i "s#^prefix=#prefix=$2/dest#" "$pc" || return 1
  export PKG_CONFIG_PATH=${pc%/*}
}

run_block() { # FILE.c URL TLS-PORT
  point_to "$1" "$2" "$3"
  # shellcheck disable=SC2046
  gcc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror \
    -o "${1%.c}" "$1" $(pkg-config --cflags --libs uvmqtt) &&
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir uvmqtt) \
      timeout 30 "${1%.c}" "$2"
}

run_page() { # FILE.md BUILD URL TLS-PORT TLS-PORT
  local root block n=0
  root=$TMP/page-$(basename "$1" .md)
  c_blocks "$1" "$root"
  install_scratch "$2" "$root" || return 1
  for block in "$root"/*.c; do
    if ! [ -f "$block" ]; then break; fi
    echo "block ${block##*/} of $1"
    run_block "$block" "$3" "$4" || return 1
    n=$((n + 1))
  done
  [ "$n" -gt 0 ]
}

page() { # FILE.md BUILD URL TLS-PORT
  local name
  name=$(basename "$1")
  job "programs-$name" "programs of $name" run_page "$@"
  check "programs of $name" "$JOB_RC" "$JOB_MS" "$JOB_LOG"
}

pages() { # BUILD URL
  local file
  if ! start_tls_broker; then
    result 'mosquitto over TLS' 0 1 0 "$JOB_MS" "$JOB_LOG"
    return
  fi
  for file in "$ROOT"/README.md "$ROOT"/docs/porting-*.md; do
    page "$file" "$@" "$TLS_PORT"
  done
}
