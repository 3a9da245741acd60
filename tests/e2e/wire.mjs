// Requests and answers as bytes on a socket: no HTTP library in between that could tidy up what a test wants to send.
// An answer is read strictly by length or chunks; what does not fit is an error, not a guess.
import net from 'node:net';

const CRLF2 = Buffer.from('\r\n\r\n');
const HEAD = Buffer.from('HEAD ');

/** {method, target, headers: [[name, value]], body, framing} as bytes. framing: length (default), chunked, none. */
export function requestBytes({ method, target, version = 'HTTP/1.1', headers = [], body = null, framing = 'length', chunkBytes = 1 << 20 }) {
    const bytes = body === null || body === undefined ? null : Buffer.from(body);
    let head = `${method} ${target} ${version}\r\n`;
    for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
    if (bytes && framing === 'length') head += `Content-Length: ${bytes.length}\r\n`;
    if (bytes && framing === 'chunked') head += 'Transfer-Encoding: chunked\r\n';
    const parts = [Buffer.from(head + '\r\n', 'latin1')];
    if (bytes && framing === 'chunked') {
        for (let at = 0; at < bytes.length; at += chunkBytes) {
            const piece = bytes.subarray(at, at + chunkBytes);
            parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
        }
        parts.push(Buffer.from('0\r\n\r\n'));
    } else if (bytes) {
        parts.push(bytes);
    }
    return Buffer.concat(parts);
}

function readChunks(bytes, at) {
    const pieces = [];
    for (;;) {
        const end = bytes.indexOf('\r\n', at);
        if (end < 0) return null;
        const line = bytes.toString('latin1', at, end);
        if (!/^[0-9a-fA-F]{1,8}$/.test(line)) throw new Error(`bad chunk size ${JSON.stringify(line)}`);
        const size = parseInt(line, 16);
        const next = end + 2 + size + 2;
        if (bytes.length < next) return null;
        if (bytes.toString('latin1', next - 2, next) !== '\r\n') throw new Error('bad chunk end');
        pieces.push(bytes.subarray(end + 2, next - 2));
        at = next;
        if (size === 0) return { body: Buffer.concat(pieces), end: at };
    }
}

/** The first whole answer in bytes, or null; its `size` is what it took. Throws on what is no HTTP/1.1 answer. noBody: it
 * answers a HEAD. */
export function readAnswer(bytes, noBody = false) {
    const headEnd = bytes.indexOf(CRLF2);
    if (headEnd < 0) return null;
    const lines = bytes.toString('latin1', 0, headEnd).split('\r\n');
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(lines[0]);
    if (!match) throw new Error(`not a status line: ${JSON.stringify(lines[0])}`);
    const answer = { status: Number(match[1]), headers: new Map(), head: lines, body: Buffer.alloc(0), size: headEnd + 4 };
    for (const line of lines.slice(1)) {
        const colon = line.indexOf(':');
        answer.headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    if (noBody || answer.status < 200 || answer.status === 204 || answer.status === 304) return answer;
    if (answer.headers.get('transfer-encoding') === 'chunked') {
        const chunks = readChunks(bytes, headEnd + 4);
        if (!chunks) return null;
        answer.body = chunks.body;
        answer.size = chunks.end;
        return answer;
    }
    const length = answer.headers.get('content-length');
    if (length === undefined || !/^\d+$/.test(length)) throw new Error('an answer without a length');
    if (bytes.length < headEnd + 4 + Number(length)) return null;
    answer.size = headEnd + 4 + Number(length);
    answer.body = bytes.subarray(headEnd + 4, answer.size);
    return answer;
}

/** Adds `json`: the body parsed, or null. */
export function withJson(answer) {
    try {
        answer.json = JSON.parse(answer.body.toString('utf8'));
    } catch {
        answer.json = null;
    }
    return answer;
}

/**
 * A connection that carries one exchange after another and is made anew when the other side has closed it.
 * `send` gives {status: 0} when the connection ended without an answer.
 */
export class Wire {
    constructor(where) {
        this.where = where; // {host, port} or {path}
        this.socket = null;
        this.waiting = null;
        this.input = Buffer.alloc(0);
    }

    #finish(result, error) {
        const waiting = this.waiting;
        if (!waiting) return;
        this.waiting = null;
        clearTimeout(waiting.timer);
        if (error) waiting.reject(error);
        else waiting.resolve(result);
    }

    #open() {
        const socket = net.connect(this.where);
        this.socket = socket;
        this.input = Buffer.alloc(0);
        socket.setNoDelay(true);
        socket.on('data', (data) => {
            this.input = this.input.length ? Buffer.concat([this.input, data]) : data;
            this.#read();
        });
        socket.on('error', () => {});
        socket.on('close', () => {
            if (this.socket !== socket) return;
            this.socket = null;
            this.#finish({ status: 0, headers: new Map(), head: [], body: this.input, json: null });
        });
    }

    #read() {
        if (!this.waiting) return;
        try {
            let answer = readAnswer(this.input, this.waiting.noBody);
            while (answer && answer.status < 200) {
                this.input = this.input.subarray(answer.size);
                answer = readAnswer(this.input, this.waiting.noBody);
            }
            if (!answer) return;
            this.input = this.input.subarray(answer.size);
            if (/\bclose\b/i.test(answer.headers.get('connection') ?? '')) this.close();
            this.#finish(withJson(answer));
        } catch (error) {
            this.close();
            this.#finish(null, error);
        }
    }

    send(bytes, { timeoutMs = 15000 } = {}) {
        if (this.waiting) throw new Error('one exchange at a time');
        if (this.socket && this.input.length) throw new Error(`an answer that nobody asked for: ${JSON.stringify(this.input.toString('latin1', 0, 300))}`);
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
                this.close();
                this.#finish(null, new Error(`no answer within ${timeoutMs} ms to ${JSON.stringify(bytes.toString('latin1', 0, 300))}`));
            }, timeoutMs);
            this.waiting = { resolve, reject, timer, noBody: bytes.subarray(0, 5).equals(HEAD) };
            if (!this.socket) this.#open();
            this.socket.write(bytes);
        });
    }

    close() {
        const socket = this.socket;
        this.socket = null;
        if (socket) socket.destroy();
    }
}

/** One exchange on a connection of its own. */
export async function exchange(where, bytes, options) {
    const wire = new Wire(where);
    try {
        return await wire.send(bytes, options);
    } finally {
        wire.close();
    }
}

/** Send bytes on a connection of its own and give every answer until the other side closes, or is silent for quietMs. */
export function exchangeAll(where, bytes, { quietMs = 400, timeoutMs = 15000 } = {}) {
    return new Promise((resolve, reject) => {
        const answers = [];
        let input = Buffer.alloc(0);
        const socket = net.connect(where);
        const end = (error) => {
            clearTimeout(quiet);
            clearTimeout(limit);
            socket.destroy();
            if (error) reject(error);
            else resolve({ answers, rest: input });
        };
        const limit = setTimeout(() => end(new Error('the connection does not end')), timeoutMs);
        let quiet = setTimeout(end, timeoutMs);
        socket.on('error', () => {});
        socket.on('close', () => end());
        socket.on('data', (data) => {
            input = Buffer.concat([input, data]);
            clearTimeout(quiet);
            quiet = setTimeout(end, quietMs);
            try {
                for (let a = readAnswer(input); a; a = readAnswer(input)) {
                    input = input.subarray(a.size);
                    answers.push(withJson(a));
                }
            } catch (error) {
                end(error);
            }
        });
        socket.write(bytes);
    });
}
