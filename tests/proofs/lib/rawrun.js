// rawrun: sends a raw case in one of several ways and says what is wrong with what came back; and counts what the emulator got.
'use strict';
const fs = require('node:fs');
const { readAnswer, codeOf, Wire, sleep } = require('./wire.js');

const CLOSE_WITHIN_MS = 4000;
/* How bytes are cut into writes. */
const WAYS = ['whole', 'split', 'bytes'];

/** Every answer in the order it came; an answer to HEAD has a Content-Length and no body. */
function readAll(bytes, isHead) {
    const answers = [];

    if (isHead) {
        const end = bytes.indexOf('\r\n\r\n');
        if (end < 0) return { answers, rest: bytes };
        const empty = Buffer.concat([Buffer.from(bytes.latin1Slice(0, end).replace(/content-length: *\d+/i, 'Content-Length: 0'), 'latin1'), Buffer.from('\r\n\r\n')]);
        return { answers: [readAnswer(empty)], rest: bytes.subarray(end + 4) };
    }
    for (let answer; (answer = readAnswer(bytes)); bytes = bytes.subarray(answer.size)) answers.push(answer);
    return { answers, rest: bytes };
}

function send(wire, bytes, way) {
    if (way === 'whole') return Promise.resolve(wire.send(bytes));
    return (async () => {
        const step = way === 'bytes' ? 1 : Math.max(1, Math.ceil(bytes.length / 3));
        for (let at = 0; at < bytes.length && !wire.ended; at += step) {
            wire.send(bytes.subarray(at, at + step));
            if (way === 'split' || at % 16 === 0) await sleep(way === 'split' ? 1 : 0);
        }
    })();
}

/** Send a case; '' when the right thing came back. */
async function runCase(at, c, way) {
    const wire = new Wire(at);
    const chunks = [];
    let final = 0;

    /* the bytes as they come: what is right depends on the case */
    wire.take = (bytes) => {
        chunks.push(bytes);
        try {
            final = readAll(Buffer.concat(chunks), c.head).answers.filter((a) => a.status >= 200).length;
        } catch {
            final = Infinity;
        }
    };
    if (!(await wire.opened)) return 'no connection';
    await send(wire, c.bytes, way);
    if (c.half) wire.socket.end();
    const end = Date.now() + CLOSE_WITHIN_MS;
    while (!wire.ended && Date.now() < end && !((c.stays || c.mayStay) && final >= c.answers)) await sleep(2);
    const isClosed = Boolean(wire.ended);
    wire.close();
    try {
        return judge(c, readAll(Buffer.concat(chunks), c.head), isClosed, wire.ended);
    } catch (error) {
        return `not HTTP: ${error.message}`;
    }
}

function judge(c, { answers, rest }, isClosed, why) {
    const final = answers.filter((a) => a.status >= 200);
    if (c.thenRefused && final.length === 2 && final[1].status === 400) final.pop();
    const last = final.at(-1);

    if (rest.length) return `${rest.length} bytes behind the answer`;
    if (final.length !== c.answers) return `${final.length} answers (${final.map((a) => a.status)}), expected ${c.answers}; ${why ?? 'open'}`;
    if (!isClosed && !c.stays && !c.mayStay) return `the connection is still open (status ${last?.status})`;
    if (!last) return c.status.includes(0) ? '' : 'no answer';
    if (!c.status.includes(last.status)) return `status ${last.status} (${codeOf(last)}), expected ${c.status.join(' or ')}`;
    if (c.code && codeOf(last) !== c.code) return `code ${codeOf(last)}, expected ${c.code}`;
    if (c.receipts === 0 && !c.mayStay && last.headers.get('connection') !== 'close') return 'a refusal without Connection: close';
    if (c.receipts === 0 && last.headers.get('x-easgate-answered') !== 'easgate') return 'a refusal that does not say who answered';
    if (c.receipts === 0 && !c.head && !(JSON.parse(last.body).RequestId && JSON.parse(last.body).Message)) return 'a refusal without RequestId or Message';
    return '';
}

/** What the emulator got: how often each service name stands in a target or as the ServiceName of a body. */
function receiptsByName(journalPath) {
    const counts = new Map();
    const text = fs.existsSync(journalPath) ? fs.readFileSync(journalPath, 'utf8') : '';

    for (const line of text.split('\n').filter((l) => l)) {
        const entry = JSON.parse(line);
        let name = /\/services\/[^/]+\/([^/?]+)/.exec(entry.target)?.[1];
        if (!name && entry.body_length) name = JSON.parse(entry.body).ServiceName;
        counts.set(name ?? entry.target, (counts.get(name ?? entry.target) ?? 0) + 1);
    }
    return counts;
}

/** The cases whose receipts are not what they must be, as text; each was sent once, all have the same prefix. */
function receiptFaults(cases, prefix, counts) {
    const faults = [];

    for (const c of cases) {
        const got = counts.get(c.id) ?? 0;
        if (got !== c.receipts) faults.push(`${c.row}, ${c.name}: the emulator got ${got}, expected ${c.receipts}`);
        const smuggled = c.id.replace(/^nlp_q/, 'nlp_x');
        if (counts.get(smuggled)) faults.push(`${c.row}, ${c.name}: A SMUGGLED REQUEST ARRIVED`);
    }
    const known = new Set(cases.map((c) => c.id));
    for (const name of counts.keys()) if (name.startsWith(`nlp_q${prefix}`) && !known.has(name)) faults.push(`the emulator got ${name}, which nobody sent`);
    return faults;
}

module.exports = { WAYS, runCase, receiptsByName, receiptFaults };
