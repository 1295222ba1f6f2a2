# shellcheck shell=bash disable=SC2034,SC2153
# tests/lib/broker.sh: real brokers on loopback, each in a directory of its own.
#
#   broker_start NAME DIR   on a free port; waits until it listens
#   broker_stop DIR [TERM|KILL]
#   broker_restart DIR      same port, same state
#
# DIR/env holds NAME, PORT and PID; DIR/log what the broker said.

BROKER_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # mosquitto lives in sbin

# ---- ports and processes ----------------------------------------------------

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # below the range the kernel gives to outgoing connections
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    if ! port_answers "$port"; then break; fi
  done
  echo "$port"
}

# Is it this process that listens there? A connect could reach another broker
# that took the port in between.
listens() { # PID PORT
  local inode address
  printf -v address '0100007F:%04X' "$2"
  inode=$(awk -v a="$address" '$2 == a && $4 == "0A" { print $10 }' /proc/net/tcp)
  if [ -z "$inode" ]; then return 1; fi
  find "/proc/$1/fd" -lname "socket:\[$inode\]" 2>/dev/null | grep -q .
}

is_running() { # PID; a zombie has ended
  local state
  state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
  [ "$state" ] && [ "$state" != Z ]
}

belongs() { # PID DIR: the number may have gone to another process since
  tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$2"
}

wait_ended() { # PID SECONDS
  local i
  for ((i = 0; i < $2 * 20; i++)); do
    if ! is_running "$1"; then return 0; fi
    sleep 0.05
  done
  return 1
}

# ---- the three brokers: each prints its command line, one word per line -----

mosquitto_setup() { # DIR PORT
  mkdir -p "$1/state"
  {
    echo "listener $2 127.0.0.1"
    echo 'allow_anonymous true'
    echo 'persistence true'
    echo "persistence_location $1/state/"
    echo 'max_queued_messages 0'
    echo 'log_dest stderr'
    if [ "$(id -u)" -eq 0 ]; then echo 'user root'; fi
    if [ "${UVMQTT_BROKER_CONF:-}" ]; then echo "$UVMQTT_BROKER_CONF"; fi
  } >"$1/mosquitto.conf"
  printf '%s\n' mosquitto -c "$1/mosquitto.conf"
}

# No node name: then there is no epmd and no distribution port to hide.
ejabberd_setup() {
  mkdir -p "$1/state"
  cat >"$1/ejabberd.yml" <<END
hosts: [localhost]
loglevel: warning
auth_method: [internal, anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
listen:
  - port: $2
    ip: "127.0.0.1"
    module: mod_mqtt
modules:
  mod_mqtt: {}
END
  local beam
  beam=$(compgen -G '/usr/lib/*/ejabberd-*/ebin/mod_mqtt.beam' | head -n 1)
  printf '%s\n' env "HOME=$1" "ERL_LIBS=${beam%/ejabberd-*}" \
    "EJABBERD_CONFIG_PATH=$1/ejabberd.yml" "EJABBERD_LOG_PATH=$1/ejabberd.log" \
    "ERL_CRASH_DUMP=$1/crash.dump" ERL_CRASH_DUMP_SECONDS=0 \
    erl -noinput -mnesia dir "\"$1/state\"" -s ejabberd
}

aedes_setup() {
  local deps=${UVMQTT_DEPS:-$BROKER_LIB/../../.deps}/aedes
  printf '%s\n' env "NODE_PATH=$deps/node_modules" \
    node "$BROKER_LIB/../e2e/aedes.js" "$2" "$1"
}

# Its command line must name the directory: see belongs.
microsocks_setup() { # DIR PORT
  ln -sf "$(command -v microsocks)" "$1/microsocks"
  printf '%s\n' "$1/microsocks" -i 127.0.0.1 -p "$2" -u user -P password
}

tinyproxy_setup() { # DIR PORT
  cat >"$1/tinyproxy.conf" <<END
Port $2
Listen 127.0.0.1
Timeout 600
MaxClients 20
BasicAuth user password
LogFile "$1/tinyproxy.log"
END
  printf '%s\n' tinyproxy -d -c "$1/tinyproxy.conf"
}

# ---- start, stop, restart ---------------------------------------------------

# Leaves the caller's descriptors behind: a test that reads a pipe to its end
# would wait for the broker's end too.
detached() { # LOG COMMAND...
  local log=$1 fd
  shift
  exec </dev/null >>"$log" 2>&1
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ]; then eval "exec $fd>&-" 2>/dev/null || true; fi
  done
  exec setsid "$@"
}

broker_launch() { # NAME DIR PORT: 0 when it listens
  local pid i words
  mapfile -t words < <("$1_setup" "$2" "$3")
  detached "$2/log" "${words[@]}" &
  pid=$!
  printf 'NAME=%s\nPORT=%s\nPID=%s\n' "$1" "$3" "$pid" >"$2/env"
  for ((i = 0; i < 600; i++)); do # 30 s
    if listens "$pid" "$3"; then return 0; fi
    if ! is_running "$pid"; then return 1; fi
    sleep 0.05
  done
  kill -KILL "$pid" 2>/dev/null || true
  return 1
}

broker_read() { # DIR into NAME PORT PID
  if ! [ -f "$1/env" ]; then
    echo "broker: $1 holds none" >&2
    return 1
  fi
  # shellcheck disable=SC1091
  . "$1/env"
}

broker_say() {
  broker_read "$1" && echo "PORT=$PORT PID=$PID"
}

broker_failed() { # NAME DIR
  echo "broker: $1 does not start" >&2
  tail -n 15 "$2/log" >&2 || true
  return 1
}

broker_start() { # NAME DIR
  local try
  mkdir -p "$2"
  for try in 1 2 3; do # someone else may take the port first
    if broker_launch "$1" "$2" "$(free_port)"; then return 0; fi
  done
  broker_failed "$1" "$2"
}

broker_alive() {
  broker_read "$1" && is_running "$PID" && belongs "$PID" "$1"
}

broker_stop() { # DIR [SIGNAL]
  broker_alive "$1" || return 0
  kill "-${2:-TERM}" "$PID" 2>/dev/null || true
  if wait_ended "$PID" 10; then return 0; fi
  kill -KILL "$PID" 2>/dev/null || true
  wait_ended "$PID" 5
}

broker_restart() { # DIR
  local try
  broker_stop "$1"
  broker_read "$1"
  for try in 1 2 3; do # the port may need a moment to be free again
    if broker_launch "$NAME" "$1" "$PORT"; then return 0; fi
    sleep 0.5
  done
  broker_failed "$NAME" "$1"
}
