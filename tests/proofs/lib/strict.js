// strict: which whole requests a run of bytes holds, by the closed grammar of the security design (section 4, Framing and Head),
// written from that text alone. It stops at the first thing that is not in it. The proofs hold the gateway's doings against it.
'use strict';

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LINE = /^(GET|POST|PUT|DELETE) (\/[!-~]*) HTTP\/1\.1$/;

/** Where a chunked body ends and what it says, or null. */
function readChunks(text, at) {
    let body = '';

    for (;;) {
        const size = /^([0-9a-fA-F]{1,8})\r\n/.exec(text.slice(at, at + 10));
        if (!size) return null;
        const n = parseInt(size[1], 16);
        at += size[0].length;
        if (text.slice(at + n, at + n + 2) !== '\r\n' || text.length < at + n + 2) return null;
        body += text.slice(at, at + n);
        at += n + 2;
        if (n === 0) return { body, end: at };
    }
}

function readHead(head) {
    const lines = head.split('\r\n');
    const request = LINE.exec(lines[0]);
    const headers = new Map();

    if (!request || !lines.every((l) => /^[\t\x20-\x7e]*$/.test(l))) return null;
    for (const line of lines.slice(1)) {
        const colon = line.indexOf(':');
        const name = line.slice(0, colon).toLowerCase();
        if (colon < 1 || !NAME.test(name) || headers.has(name)) return null;
        headers.set(name, line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, ''));
    }
    return headers.has('host') ? { method: request[1], target: request[2], headers } : null;
}

/** The requests at the start of bytes: [{method, target, headers, body}]. */
function strictRequests(bytes) {
    const text = bytes.toString('latin1');
    const requests = [];

    for (let at = 0; ; ) {
        const end = text.indexOf('\r\n\r\n', at);
        const head = end < 0 ? null : readHead(text.slice(at, end));
        if (!head) return requests;
        const length = head.headers.get('content-length'), encoding = head.headers.get('transfer-encoding');
        let body = { body: '', end: end + 4 };
        if (length !== undefined && encoding !== undefined) return requests;
        if (length !== undefined) {
            if (!/^(0|[1-9]\d{0,7})$/.test(length)) return requests;
            const stop = end + 4 + Number(length);
            body = stop <= text.length ? { body: text.slice(end + 4, stop), end: stop } : null;
        } else if (encoding !== undefined) {
            body = encoding.toLowerCase() === 'chunked' ? readChunks(text, end + 4) : null;
        }
        if (!body) return requests;
        requests.push({ ...head, body: body.body });
        if (/(^|,)\s*close\s*(,|$)/i.test(head.headers.get('connection') ?? '')) return requests;
        at = body.end;
    }
}

module.exports = { strictRequests };
