# shellcheck shell=bash disable=SC2034,SC2153
# tests/lib/broker.sh: real brokers on loopback, each in a directory of its own.
#
#   broker_start NAME DIR   on a free port; waits until it listens
#   broker_stop DIR [TERM|KILL]
#   broker_restart DIR      same port, same state
#
# DIR/env holds NAME, PORT and PID; DIR/log what the broker said.

BROKER_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC1091
. "$BROKER_LIB/ways.sh"
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

family_of() { # PID: itself, its children and theirs
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    family_of "$child"
  done
}

# Is it this broker that listens there? A connect could reach another one that
# took the port in between.
listens() { # PID PORT
  local inode address pid
  printf -v address '0100007F:%04X' "$2"
  inode=$(awk -v a="$address" '$2 == a && $4 == "0A" { print $10 }' \
    /proc/net/tcp | head -n 1)
  if [ -z "$inode" ]; then return 1; fi
  for pid in $(family_of "$1"); do
    if find "/proc/$pid/fd" -lname "socket:\[$inode\]" 2>/dev/null |
      grep -q .; then return 0; fi
  done
  return 1
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

kill_family() { # PID DIR
  local all
  all=$(family_of "$1")
  # shellcheck disable=SC2086
  kill -KILL $all 2>/dev/null || true
  end_epmd "$2"
}

end_epmd() { # DIR: Erlang's port mapper, where there is one of its own
  if [ -f "$1/epmd" ]; then
    ERL_EPMD_PORT=$(cat "$1/epmd") epmd -kill >/dev/null 2>&1 || true
  fi
}

# ---- the brokers: each prints its command line, one word per line -----

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
    ways_of mosquitto "$1"
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
$(ways_of ejabberd "$1")
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
  ways_of aedes "$1"
}

# Erlang would listen on every interface, and share one epmd with whoever is
# there already: its own on loopback, which ends with it (broker_stop).
rabbitmq_setup() {
  local epmd
  epmd=$(free_port)
  echo "$epmd" >"$1/epmd"
  mkdir -p "$1/state"
  echo '[rabbitmq_mqtt,rabbitmq_web_mqtt].' >"$1/enabled_plugins"
  {
    echo "listeners.tcp.1 = 127.0.0.1:$(free_port)"
    echo "mqtt.listeners.tcp.1 = 127.0.0.1:$2"
    echo 'mqtt.allow_anonymous = true'
    ways_of rabbitmq "$1"
  } >"$1/rabbitmq.conf"
  printf '%s\n' env "HOME=$1" "RABBITMQ_NODENAME=uvmqtt$2@localhost" \
    "RABBITMQ_CONFIG_FILE=$1/rabbitmq.conf" "RABBITMQ_BASE=$1/state" \
    "RABBITMQ_MNESIA_BASE=$1/state" "RABBITMQ_LOG_BASE=$1" \
    "RABBITMQ_PID_FILE=$1/pid" \
    "RABBITMQ_ENABLED_PLUGINS_FILE=$1/enabled_plugins" \
    "RABBITMQ_DIST_PORT=$(free_port)" "ERL_EPMD_PORT=$epmd" \
    ERL_EPMD_ADDRESS=127.0.0.1 \
    'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}' \
    /usr/lib/rabbitmq/bin/rabbitmq-server -uvmqtt "$1"
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

# It has no accounts but the system's, so there is no login.
danted_setup() { # DIR PORT
  cat >"$1/danted.conf" <<END
logoutput: $1/danted.log
internal: 127.0.0.1 port = $2
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 127.0.0.0/8 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 command: connect }
END
  printf '%s\n' danted -f "$1/danted.conf" -p "$1/danted.pid" -N 1
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
  kill_family "$pid" "$2"
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
  if [ "${2:-TERM}" = KILL ]; then
    kill_family "$PID" "$1"
  else
    kill "-${2:-TERM}" "$PID" 2>/dev/null || true
  fi
  if ! wait_ended "$PID" 10; then kill_family "$PID" "$1"; fi
  end_epmd "$1"
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
