// wire: requests and answers as bytes. No HTTP library stands between a proof and the socket, so that what is sent is what is
// meant, and nothing is tidied up. Answers are read strictly: by Content-Length, one behind the other; anything else throws.
'use strict';
const net = require('node:net');

/** The bytes of a request; body (text or Buffer) gets a Content-Length. */
function requestBytes({ method = 'GET', target, host, token, headers = [], body = null }) {
    let head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`;
    if (token) head += `Authorization: Bearer ${token}\r\n`;
    for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
    if (body === null) return Buffer.from(`${head}\r\n`, 'latin1');
    const bytes = Buffer.from(body);
    head += `Content-Type: application/json\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
}

/** One answer at the start of bytes: {status, headers, body, size}, or null when it is not whole yet. */
function readAnswer(bytes) {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) {
        if (bytes.length > 65536) throw new Error('an answer head without end');
        return null;
    }
    const lines = bytes.latin1Slice(0, end).split('\r\n');
    const line = /^HTTP\/1\.1 (\d\d\d) /.exec(lines[0]);
    if (!line) throw new Error(`not a status line: ${JSON.stringify(lines[0].slice(0, 80))}`);
    const headers = new Map();
    for (const text of lines.slice(1)) {
        const colon = text.indexOf(':');
        const name = text.slice(0, colon).toLowerCase();
        if (colon < 1 || headers.has(name)) throw new Error(`a bad or repeated header: ${text.slice(0, 80)}`);
        headers.set(name, text.slice(colon + 1).trim());
    }
    const status = Number(line[1]);
    if (status < 200) return { status, headers, body: Buffer.alloc(0), size: end + 4 };
    if (!/^\d+$/.test(headers.get('content-length') ?? '')) throw new Error('an answer without Content-Length');
    const size = end + 4 + Number(headers.get('content-length'));
    return bytes.length < size ? null : { status, headers, body: bytes.subarray(end + 4, size), size };
}

/** The code of a refusal of easgate's, or of EAS; undefined when the body is something else. */
function codeOf(answer) {
    try {
        return JSON.parse(answer.body.toString('utf8')).Code;
    } catch {
        return undefined;
    }
}

/** A connection on which answers are awaited one by one. `at`: {port} or {path}. */
class Wire {
    constructor(at) {
        this.answers = [];
        this.waiting = [];
        this.rest = Buffer.alloc(0);
        this.ended = null; /* why */
        this.received_bytes = 0;
        this.closed_ms = 0;
        this.socket = net.connect({ host: '127.0.0.1', ...at, noDelay: true, allowHalfOpen: true });
        this.opened = new Promise((resolve) => {
            this.socket.once('connect', () => resolve(true));
            this.socket.once('close', () => resolve(false));
        });
        this.socket.on('data', (bytes) => this.take(bytes));
        this.socket.on('error', (error) => this.end(error.code ?? String(error)));
        this.socket.on('end', () => this.end('closed'));
        this.socket.on('close', () => this.end('closed'));
    }

    take(bytes) {
        this.received_bytes += bytes.length;
        this.rest = this.rest.length ? Buffer.concat([this.rest, bytes]) : bytes;
        try {
            for (let answer; (answer = readAnswer(this.rest)); ) {
                this.rest = this.rest.subarray(answer.size);
                const waiting = this.waiting.shift();
                if (waiting) waiting(answer);
                else this.answers.push(answer);
            }
        } catch (error) {
            this.end(`bad answer: ${error.message}`);
            this.socket.destroy();
        }
    }

    end(why) {
        if (this.ended) return;
        this.ended = why;
        this.closed_ms = Date.now();
        for (const waiting of this.waiting.splice(0)) waiting(null);
        this.onEnd?.();
    }

    send(bytes) {
        if (!this.socket.destroyed) this.socket.write(bytes);
    }

    /** The next answer; null when the connection ended first, or after wait_ms. */
    answer(wait_ms = 30000) {
        if (this.answers.length) return Promise.resolve(this.answers.shift());
        if (this.ended) return Promise.resolve(null);
        return new Promise((resolve) => {
            const done = (answer) => {
                clearTimeout(timer);
                resolve(answer);
            };
            const timer = setTimeout(() => {
                this.waiting = this.waiting.filter((w) => w !== done);
                resolve(null);
            }, wait_ms);
            this.waiting.push(done);
        });
    }

    async request(bytes, wait_ms) {
        this.send(bytes);
        return this.answer(wait_ms);
    }

    /** True when the other side has closed by then. */
    closes(wait_ms) {
        if (this.ended) return Promise.resolve(true);
        return new Promise((resolve) => {
            const timer = setTimeout(() => resolve(false), wait_ms);
            this.onEnd = () => {
                clearTimeout(timer);
                resolve(true);
            };
        });
    }

    close() {
        this.socket.destroy();
    }
}

/** One request on a connection of its own; throws when there is no answer. */
async function once(at, bytes, wait_ms) {
    const wire = new Wire(at);
    const answer = await wire.request(bytes, wait_ms);

    wire.close();
    if (!answer) throw new Error(`no answer: ${wire.ended ?? 'timed out'}`);
    return answer;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Try until it gives something true; its last value. */
async function until(wait_ms, every_ms, attempt) {
    const end = Date.now() + wait_ms;
    let value = await attempt();

    while (!value && Date.now() < end) {
        await sleep(every_ms);
        value = await attempt();
    }
    return value;
}

module.exports = { requestBytes, readAnswer, codeOf, Wire, once, sleep, until };
