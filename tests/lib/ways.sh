# shellcheck shell=bash
# tests/lib/ways.sh: further listeners for the brokers of broker.sh, when
# UVMQTT_WAYS names a directory with certificates (tests/matrix/certificates).
#
#   NAME_ways DIR   prints configuration, and writes DIR/ways: "WAY URL" a line
#
# Ways are tls, mtls (with a client certificate, which mosquitto and aedes
# require and ejabberd and rabbitmq ask for), ws, wss, unix.

way() { # DIR WAY SCHEME [PATH]: a free port, noted
  local port
  port=$(free_port)
  echo "$2 $3://localhost:$port${4:-}" >>"$1/ways"
  echo "$port"
}

mosquitto_tls() {
  echo "cafile $UVMQTT_WAYS/ca.pem"
  echo "certfile $UVMQTT_WAYS/server.pem"
  echo "keyfile $UVMQTT_WAYS/server.key"
}

# A WebSocket listener ignores its address unless told its interface.
mosquitto_websockets() {
  echo 'protocol websockets'
  echo 'socket_domain ipv4'
  echo 'bind_interface lo'
}

mosquitto_ways() {
  echo "listener $(way "$1" tls mqtts) 127.0.0.1"
  mosquitto_tls
  echo "listener $(way "$1" mtls mqtts) 127.0.0.1"
  mosquitto_tls
  echo 'require_certificate true'
  echo "listener $(way "$1" ws ws /mqtt) 127.0.0.1"
  mosquitto_websockets
  echo "listener $(way "$1" wss wss /mqtt) 127.0.0.1"
  mosquitto_websockets
  mosquitto_tls
  echo "listener 0 $1/socket"
  echo "unix unix:$1/socket" >>"$1/ways"
}

ejabberd_ways() { # entries of "listen"
  cat <<END
  - port: $(way "$1" tls mqtts)
    ip: "127.0.0.1"
    module: mod_mqtt
    tls: true
  - port: $(way "$1" mtls mqtts)
    ip: "127.0.0.1"
    module: mod_mqtt
    tls: true
    tls_verify: true
  - port: $(way "$1" ws ws /mqtt)
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      "/mqtt": mod_mqtt
  - port: $(way "$1" wss wss /mqtt)
    ip: "127.0.0.1"
    module: ejabberd_http
    tls: true
    request_handlers:
      "/mqtt": mod_mqtt
  - port: "unix:$1/socket"
    module: mod_mqtt
certfiles:
  - "$UVMQTT_WAYS/both.pem"
ca_file: "$UVMQTT_WAYS/ca.pem"
END
  echo "unix unix:$1/socket" >>"$1/ways"
}

aedes_ways() { # arguments of aedes.js
  echo "$UVMQTT_WAYS"
  way "$1" tls mqtts
  way "$1" mtls mqtts
  way "$1" ws ws /mqtt
  way "$1" wss wss /mqtt
  echo "$1/socket"
  echo "unix unix:$1/socket" >>"$1/ways"
}

rabbitmq_ways() { # lines of rabbitmq.conf
  local tls
  tls=$(way "$1" tls mqtts)
  echo "mtls mqtts://localhost:$tls" >>"$1/ways"
  cat <<END
mqtt.listeners.ssl.1 = 127.0.0.1:$tls
ssl_options.cacertfile = $UVMQTT_WAYS/ca.pem
ssl_options.certfile = $UVMQTT_WAYS/server.pem
ssl_options.keyfile = $UVMQTT_WAYS/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = $(way "$1" ws ws /ws)
web_mqtt.ssl.ip = 127.0.0.1
web_mqtt.ssl.port = $(way "$1" wss wss /ws)
web_mqtt.ssl.cacertfile = $UVMQTT_WAYS/ca.pem
web_mqtt.ssl.certfile = $UVMQTT_WAYS/server.pem
web_mqtt.ssl.keyfile = $UVMQTT_WAYS/server.key
END
}

ways_of() { # NAME DIR
  : >"$2/ways"
  if [ "${UVMQTT_WAYS:-}" ]; then "$1_ways" "$2"; fi
}
