# shellcheck shell=bash disable=SC2034
# tests/lib/install.sh: what a bare Debian lacks, through apt-get.
# Needs report.sh. Nothing is done, and nothing printed, when nothing is missing.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # mosquitto lives in sbin

# package -> how to see that it is there: a command, a file, or a pkg-config name
declare -A PROBE=(
  [gcc]=cmd:gcc
  [libc6-dev]=file:/usr/include/stdlib.h
  [meson]=cmd:meson
  [ninja-build]=cmd:ninja
  [pkg-config]=cmd:pkg-config
  [libuv1-dev]=pc:libuv
  [libssl-dev]=pc:openssl
  [libwslay-dev]=file:/usr/include/wslay/wslay.h
  [openssl]=cmd:openssl
  [mosquitto]=cmd:mosquitto
  [libcriterion-dev]=pc:criterion
  [valgrind]=cmd:valgrind
  [libc6-dbg]=file:/usr/lib/debug/.build-id
  [microsocks]=cmd:microsocks
  [tinyproxy]=cmd:tinyproxy
  [dante-server]=cmd:danted
  [swtpm]=cmd:swtpm
  [tpm2-tools]=cmd:tpm2_createprimary
  [tpm2-openssl]=file:/usr/lib/*/ossl-modules/tpm2.so
  [tpm2-abrmd]=cmd:tpm2-abrmd
  [libtss2-tcti-swtpm0]=file:/usr/lib/*/libtss2-tcti-swtpm.so*
  [libtss2-tcti-tabrmd0]=file:/usr/lib/*/libtss2-tcti-tabrmd.so*
  [dbus-daemon]=cmd:dbus-daemon
  [ejabberd]=file:/usr/lib/*/ejabberd-*/ebin/mod_mqtt.beam
  [clang]=cmd:clang
  [libclang-rt-14-dev]=file:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
  [cppcheck]=cmd:cppcheck
  [clang-tidy]=cmd:clang-tidy
  [clang-format]=cmd:clang-format
  [gcovr]=cmd:gcovr
  [libmosquitto-dev]=file:/usr/include/mosquitto.h
  [nodejs]=cmd:node
  [npm]=cmd:npm
  [rabbitmq-server]=file:/usr/lib/rabbitmq/bin/rabbitmq-server
  [openssl]=cmd:openssl
  [debootstrap]=cmd:debootstrap
  [git]=cmd:git
  [rabbitmq-server]=file:/usr/lib/rabbitmq/lib/*/plugins/rabbitmq_mqtt-*
)

is_there() { # PACKAGE
  local kind=${PROBE[$1]%%:*} what=${PROBE[$1]#*:}
  case $kind in
    cmd) command -v "$what" >/dev/null ;;
    pc) pkg-config --exists "$what" 2>/dev/null ;;
    file) compgen -G "$what" >/dev/null ;;
  esac
}

missing_of() { # PACKAGE... into MISSING
  MISSING=()
  local package
  for package; do
    if ! is_there "$package"; then MISSING+=("$package"); fi
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q -y \
    -o DPkg::Lock::Timeout=120 "$@"
}

lists_know() { # are the package lists there?
  local package
  for package; do
    if [ -z "$(apt-cache madison "$package" 2>/dev/null)" ]; then return 1; fi
  done
}

apt_install() { # the lists are renewed only when that is needed
  if lists_know "$@" && apt_get install --no-install-recommends "$@"; then return; fi
  apt_get update && apt_get install --no-install-recommends "$@"
}

can_install() {
  command -v apt-get >/dev/null &&
    { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }
}

# need PACKAGE...: 0 when all are there in the end.
need() {
  missing_of "$@"
  if [ ${#MISSING[@]} -eq 0 ]; then return 0; fi
  if ! can_install; then
    echo "missing: ${MISSING[*]} (Debian's names)"
    echo "install them, or run this as root on Debian 12"
    return 1
  fi
  echo "installing ${MISSING[*]} ..."
  job install "installing ${#MISSING[@]} packages" apt_install "${MISSING[@]}"
  if [ "$JOB_RC" -ne 0 ]; then
    show_log "$JOB_LOG" 25
    return 1
  fi
  missing_of "${MISSING[@]}"
  if [ ${#MISSING[@]} -eq 0 ]; then return 0; fi
  echo "still missing after the installation: ${MISSING[*]}"
  return 1
}

# aedes, the third broker, is an npm package. 0.51 runs on Debian's Node.js 18.
AEDES_VERSION=0.51.3

aedes_install() { # DIR
  npm install --prefix "$1" --no-audit --no-fund --loglevel=error \
    "aedes@$AEDES_VERSION" "ws@8"
}

# need_aedes DIR: 0 when DIR/node_modules/aedes is there; else WHY says why not.
need_aedes() {
  if [ -d "$1/node_modules/aedes" ] && [ -d "$1/node_modules/ws" ]; then return 0; fi
  if ! need nodejs npm; then
    WHY='Node.js and npm cannot be installed'
    return 1
  fi
  mkdir -p "$1"
  echo "installing aedes ..."
  JOB_LIMIT=180 job aedes 'installing aedes' aedes_install "$1"
  if [ "$JOB_RC" -eq 0 ]; then return 0; fi
  WHY="npm could not install aedes: $(grep -v '^npm warn' "$JOB_LOG" | head -n 1 || true)"
  return 1
}
