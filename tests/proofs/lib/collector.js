// collector: a syslog collector as a process of its own, so that it can be killed. It takes frames apart by RFC 6587 and appends
// what arrived to a file before it reads on: one message a line. usage: collector.js tcp|tls|unix PORT|PATH FILE [CERT KEY]
'use strict';
const fs = require('node:fs');
const net = require('node:net');
const tls = require('node:tls');

const [kind, where, file, cert, key] = process.argv.slice(2);
const out = fs.openSync(file, 'a+');
/* A kill amid a large write leaves a line cut (the kernel stops at a page): it was not stored, and nobody was told that it was. */
fs.ftruncateSync(out, fs.readFileSync(out).lastIndexOf(0x0a) + 1);

/** Whole frames of the bytes so far; gives what is left. */
function take(bytes) {
    const messages = [];

    for (;;) {
        const end = bytes.indexOf(kind === 'unix' ? 0x0a : 0x20);
        if (end < 0) break;
        const head = kind === 'unix' ? 0 : end + 1;
        const stop = kind === 'unix' ? end : head + Number(bytes.toString('latin1', 0, end));
        if (kind !== 'unix' && !/^[1-9]\d*$/.test(bytes.toString('latin1', 0, end))) {
            fs.writeSync(out, `MALFORMED ${bytes.toString('latin1', 0, 40)}\n`);
            process.exit(3);
        }
        if (bytes.length < stop) break;
        messages.push(bytes.toString('latin1', head, stop) + '\n');
        bytes = bytes.subarray(kind === 'unix' ? stop + 1 : stop);
    }
    fs.writeSync(out, messages.join(''));
    return bytes;
}

function serve(socket) {
    let rest = Buffer.alloc(0);

    socket.on('data', (bytes) => {
        rest = take(rest.length ? Buffer.concat([rest, bytes]) : bytes);
    });
    socket.on('error', () => {});
}

const server = kind === 'tls' ? tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, serve) : net.createServer(serve);
server.on('tlsClientError', () => {});
if (kind === 'unix') fs.rmSync(where, { force: true });
server.listen(kind === 'unix' ? where : { port: Number(where), host: '127.0.0.1' }, () => console.log('ready'));
