/* A broker in Node.js: node aedes.js PORT DIR. DIR only names the process. */
'use strict'
const Aedes = require('aedes')
const net = require('net')

const broker = new Aedes({ queueLimit: 10000 })
net.createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
