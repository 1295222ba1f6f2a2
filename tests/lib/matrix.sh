# shellcheck shell=bash
# tests/lib/matrix.sh: every broker over every way in every version at every
# QoS; a line a cell. Needs report.sh and broker.sh; TMP is a scratch directory.

MATRIX_BROKERS=(mosquitto ejabberd aedes rabbitmq)
MATRIX_QOS=(0 1 2)
MATRIX_WAYS=(tcp tls mtls ws wss unix)
declare -A MATRIX_VERSIONS=([mosquitto]='3.1.1 5.0' [ejabberd]='3.1.1 5.0'
  [aedes]=3.1.1 [rabbitmq]=3.1.1)
declare -A MATRIX_LEVEL=([3.1.1]=4 [5.0]=5)
declare -A MATRIX_SKIP=(
  [rabbitmq/unix]='rabbitmq has no unix sockets'
  [rabbitmq/qos2]='rabbitmq grants QoS 1 at most'
)

matrix_url() { # NAME WAY
  if [ "$2" = tcp ]; then
    broker_read "$TMP/matrix/$1" && echo "mqtt://127.0.0.1:$PORT"
  else
    sed -n "s/^$2 //p" "$TMP/matrix/$1/ways"
  fi
}

matrix_certificates() { # WAY: arguments of cell
  case $1 in
    tls | wss) echo "$UVMQTT_WAYS/ca.pem" ;;
    mtls) printf '%s\n' "$UVMQTT_WAYS"/{ca,client}.pem "$UVMQTT_WAYS/client.key" ;;
  esac
}

matrix_cell() { # CELL NAME WAY VERSION QOS
  local url words
  url=$(matrix_url "$2" "$3")
  mapfile -t words < <(matrix_certificates "$3")
  if [ "$2" = ejabberd ]; then
    export UVMQTT_CELL_USER=x@localhost UVMQTT_CELL_PASSWORD=x
  else
    unset UVMQTT_CELL_USER UVMQTT_CELL_PASSWORD
  fi
  "$1" "$url" "${MATRIX_LEVEL[$4]}" "$5" "${words[@]}" 2>"$TMP/matrix/said"
}

matrix_try() { # CELL NAME WAY VERSION QOS
  local cell="$2 $3 $4 $5" why
  why=${MATRIX_SKIP[$2/$3]:-${MATRIX_SKIP[$2/qos$5]:-}}
  if [ "$why" ]; then
    echo "  SKIP $cell: $why"
    remember_skip "matrix $cell" "$why"
    MATRIX_SKIPPED=$((MATRIX_SKIPPED + 1))
  elif matrix_cell "$@"; then
    echo "  PASS $cell"
    MATRIX_PASSED=$((MATRIX_PASSED + 1))
  else
    echo "  FAIL $cell: $(tail -n 1 "$TMP/matrix/said")"
    MATRIX_FAILED=$((MATRIX_FAILED + 1))
  fi
}

matrix_broker() { # CELL NAME
  local way version qos
  for way in "${MATRIX_WAYS[@]}"; do
    for version in ${MATRIX_VERSIONS[$2]}; do
      for qos in "${MATRIX_QOS[@]}"; do
        matrix_try "$1" "$2" "$way" "$version" "$qos"
      done
    done
  done
}

matrix_prepare() {
  export UVMQTT_WAYS=$TMP/matrix/certificates
  mkdir -p "$UVMQTT_WAYS"
  tests/matrix/certificates "$UVMQTT_WAYS"
}

matrix_start() { # NAME
  echo "$TMP/matrix/$1" >>"$UVMQTT_BROKER_LIST"
  job "matrix-$1" "starting $1" broker_start "$1" "$TMP/matrix/$1"
  if [ "$JOB_RC" -ne 0 ]; then
    result "start $1 for the matrix" 0 1 0 "$JOB_MS" "$JOB_LOG"
    return 1
  fi
}

# matrix CELL NAME...: starts each broker with all its listeners, tries all
# cells, and leaves the counts in MATRIX_PASSED, MATRIX_FAILED, MATRIX_SKIPPED.
matrix() {
  local cell=$1 name
  shift
  MATRIX_PASSED=0 MATRIX_FAILED=0 MATRIX_SKIPPED=0
  matrix_prepare
  for name; do
    if ! matrix_start "$name"; then continue; fi
    matrix_broker "$cell" "$name"
    broker_stop "$TMP/matrix/$name"
  done
}
