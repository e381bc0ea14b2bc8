// drachtio: calls of a queue go through Apuntador to the agent's phone. npm install drachtio-srf
// Written from drachtio-srf's documentation; not yet run against a real drachtio server.
'use strict';

const Srf = require('drachtio-srf');

const srf = new Srf();
// A worker that is full answers 486, one that stops 503: the next is tried. An edge in front is one address.
const apuntador = [
  // @each worker@
  'sip:@ADDRESS@:@PORT@',
  // @end@
];

srf.connect({host: '127.0.0.1', port: 9022, secret: process.env.DRACHTIO_SECRET});
srf.on('error', (err) => console.error(`drachtio: ${err.message}`));

srf.invite(async(req) => {
  // Who may call is your affair.
  const result = await srf.proxyRequest(req, apuntador, {
    recordRoute: true,
    remainInDialog: true,
    forking: 'sequential',
    followRedirects: false,
    provisionalTimeout: '5s',
    finalTimeout: '60s',
  });
  console.log(`call ended its set-up with ${result.finalStatus}`);
});
