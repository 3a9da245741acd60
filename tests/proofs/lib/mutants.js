// mutants: requests that are nearly right, from a seeded generator: the same seed gives the same bytes.
'use strict';

/** Mulberry32: a small seeded generator; random(n) is in 0..n-1. */
function seeded(seed) {
    let a = seed >>> 0;

    return (n) => {
        a = (a + 0x6d2b79f5) >>> 0;
        let t = a;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) % n;
    };
}

const BYTES = ['\r', '\n', '\0', ' ', '\t', '\v', '\f', ':', ',', ';', '%', '/', '\\', '.', '-', '+', '0', '_', '"', '\x7f', '\x80', '\xff', '\r\n', '\r\n\r\n', '\n\n', '\r\n ', '0x', 'HTTP/1.1'];
const LINES = ['Content-Length: 0', 'Content-Length: 5', 'Content-Length: +5', 'Content-Length:', 'Content-Length : 9', 'content-length: 35', 'Content_Length: 7',
    'Transfer-Encoding: chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding : chunked', 'Transfer-Encoding: xchunked', 'transfer-encoding: chunked', 'Transfer-Encoding:\tchunked',
    'Transfer-Encoding: gzip, chunked', 'Connection: close', 'Connection: keep-alive, Transfer-Encoding', 'Expect: 100-continue', 'Expect: x', 'Host: evil', 'X-A: b', ' folded: c', 'Upgrade: h2c',
    'Trailer: X-A', 'TE: trailers', 'Authorization: Bearer x', ': v', 'X', 'X-HTTP-Method-Override: DELETE', 'Content-Encoding: gzip', 'Origin: http://evil', 'Content-Type: text/plain'];
const CHUNKS = [(n) => `0${n}`, (n) => `0x${n}`, (n) => `${n};a`, (n) => `${n} `, (n) => ` ${n}`, (n) => `-${n}`, (n) => `${n}\n`, () => '0', () => '', () => 'ffffffffffffffff', (n) => n.toUpperCase(), (n) => `${n}0`];
const VERSIONS = ['HTTP/1.0', 'HTTP/1.2', 'HTTP/0.9', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ' HTTP/1.1', 'HTTP/1.1\0', 'HTTP/01.1', ''];
const METHODS = ['get', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PUT', 'DELETE', 'G', '', 'GET ', 'POST'];

/** A request to start from; name and hidden are the services it reads or makes, and hides in its body. */
function base(random, world, name, hidden) {
    const auth = `Host: ${world.host}\r\nAuthorization: Bearer ${world.token}\r\n`;
    const read = (n) => `GET /api/v2/services/cn-shanghai/${n} HTTP/1.1\r\n${auth}\r\n`;
    const create = 'POST /api/v2/app_services?WorkspaceId=12345 HTTP/1.1\r\n';
    const json = world.createBody(name);
    const split = random(json.length - 1) + 1;
    const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const type = 'Content-Type: application/json\r\n';

    switch (random(6)) {
    case 0: return read(name);
    case 1: return `${create}${auth}${type}Content-Length: ${json.length}\r\n\r\n${json}`;
    case 2: return `${create}${auth}${type}Transfer-Encoding: chunked\r\n\r\n${chunk(json.slice(0, split))}${chunk(json.slice(split))}0\r\n\r\n`;
    case 3: return `${create}${auth}${type}Content-Length: ${read(hidden).length}\r\n\r\n${read(hidden)}`;
    case 4: return `${create}${auth}${type}Transfer-Encoding: chunked\r\n\r\n${chunk(read(hidden))}0\r\n\r\n`;
    default: return read(name) + read(hidden);
    }
}

function mutate(random, text) {
    const at = random(text.length);
    const pick = (list) => list[random(list.length)];
    const lines = text.split('\r\n');
    const which = 1 + random(Math.max(1, Math.min(6, lines.length - 1)));

    switch (random(16)) {
    case 0: return text.slice(0, at) + pick(BYTES) + text.slice(at);
    case 1: return text.slice(0, at) + text.slice(at + 1 + random(3));
    case 2: return text.slice(0, at) + pick(BYTES) + text.slice(at + 1);
    case 3: return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
    case 4: case 5: case 6: return [...lines.slice(0, which), pick(LINES), ...lines.slice(which)].join('\r\n');
    case 7: return [...lines.slice(0, which), lines[which], ...lines.slice(which)].join('\r\n');
    case 8: return lines.filter((_, i) => i !== which).join('\r\n');
    case 9: return text.replace(/(Content-Length: )(\d+)/, (_, k, n) => k + pick([`0${n}`, `+${n}`, `-${n}`, `${n} `, `${n},${n}`, `${Number(n) + random(9) - 4}`, '0', `${n}\0`, `\v${n}`, '18446744073709551616']));
    case 10: return text.replace(/\r\n([0-9a-f]+)\r\n/, (_, n) => `\r\n${pick(CHUNKS)(n)}\r\n`);
    case 11: return text.replace('\r\n', pick(['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', ' \r\n']));
    case 12: return text.replace('HTTP/1.1', pick(VERSIONS));
    case 13: return text.replace(/^[A-Z]+/, pick(METHODS));
    case 14: return text.replace(/: /, pick([' : ', ':', ':\t', ':\r\n ', ':  ', '\0: ', ':\v']));
    default: return text.slice(0, at);
    }
}

/** The n-th mutant of a seed, as bytes. */
function mutant(seed, n, world, prefix) {
    const random = seeded(seed * 0x9e3779b1 + n);
    let text = base(random, world, `nlp_m${prefix}${n}`, `nlp_h${prefix}${n}`);

    for (let i = random(3); i >= 0; i--) text = mutate(random, text) || ' ';
    return Buffer.from(text, 'latin1');
}

module.exports = { seeded, mutant };
