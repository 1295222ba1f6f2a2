/* A broker in Node.js: node aedes.js PORT DIR [CERTIFICATES TLS MTLS WS WSS
 * SOCKET]. DIR only names the process; the numbers are ports. */
'use strict'
const Aedes = require('aedes')
const fs = require('fs')
const http = require('http')
const https = require('https')
const net = require('net')
const tls = require('tls')

const [port, , certificates, tlsPort, mtlsPort, wsPort, wssPort, socket] =
  process.argv.slice(2)
const broker = new Aedes({ queueLimit: 10000 })

function listen(server, at) {
  server.listen(/^\d+$/.test(at) ? { port: Number(at), host: '127.0.0.1' } : at)
}

function overWebSocket(server) {
  const ws = require('ws')
  new ws.WebSocketServer({ server, handleProtocols: () => 'mqtt' })
    .on('connection', connection => {
      broker.handle(ws.createWebSocketStream(connection))
    })
  return server
}

function further() {
  const read = name => fs.readFileSync(`${certificates}/${name}`)
  const own = { cert: read('server.pem'), key: read('server.key') }
  const mutual = { ca: read('ca.pem'), requestCert: true,
                   rejectUnauthorized: true }
  listen(tls.createServer(own, broker.handle), tlsPort)
  listen(tls.createServer({ ...own, ...mutual }, broker.handle), mtlsPort)
  listen(overWebSocket(http.createServer()), wsPort)
  listen(overWebSocket(https.createServer(own)), wssPort)
  listen(net.createServer(broker.handle), socket)
}

if (certificates) further()
listen(net.createServer(broker.handle), port)
process.on('SIGTERM', () => process.exit(0))
