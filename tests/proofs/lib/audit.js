// audit: the audit log and the emulator's journal as proofs read them, with a reader of their own, and the join of the two.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

/** The files of a log that hold records, in order. Full segments say their first and last seq in their names. */
function auditFiles(auditPath) {
    const dir = path.dirname(auditPath);
    const all = fs.readdirSync(dir);
    const first = (name) => Number(/^audit-(\d+)-\d+\.jsonl$/.exec(name)?.[1] ?? NaN);
    const full = all.filter((n) => !Number.isNaN(first(n))).sort((a, b) => first(a) - first(b));
    const broken = all.filter((n) => n.startsWith('audit-broken-')).sort();

    return { full, broken, files: [...full, ...broken, 'audit.jsonl'].filter((n) => all.includes(n)).map((n) => path.join(dir, n)) };
}

/** All records of the log, each with its `line`. Throws on a line that is no record. */
function readAudit(auditPath) {
    const records = [];

    for (const file of auditFiles(auditPath).files) {
        const text = fs.readFileSync(file, 'latin1');
        if (text.length && !text.endsWith('\n')) throw new Error(`${file} ends within a line`);
        for (const line of text.split('\n').slice(0, -1)) {
            const record = JSON.parse(line);
            record.line = line;
            records.push(record);
        }
    }
    return records.sort((a, b) => a.seq - b.seq);
}

/** A file's records up to the first line that is none. */
function recordsOf(file) {
    const records = [];

    for (const line of fs.readFileSync(file, 'latin1').split('\n').slice(0, -1)) {
        try {
            const r = JSON.parse(line);
            if (!r.seq || !r.run) break;
            r.line = line;
            records.push(r);
        } catch {
            break;
        }
    }
    return records;
}

/** The whole log: of what was set aside, or saved elsewhere before somebody spoiled it, what the next file goes on behind. */
function wholeLog(auditDir, savedDir = '') {
    const parts = [];
    const add = (file, isCut) => {
        const records = recordsOf(file);
        if (records.length) parts.push({ records, isCut, first: records[0].seq });
    };

    for (const name of savedDir ? fs.readdirSync(savedDir) : []) add(path.join(savedDir, name), true);
    const saved = new Set(parts.map((p) => p.first));
    for (const name of fs.readdirSync(auditDir).filter((f) => /^audit[^/]*\.jsonl$/.test(f))) {
        const isCut = name.includes('-broken-');
        if (!isCut || !saved.has(recordsOf(path.join(auditDir, name))[0]?.seq)) add(path.join(auditDir, name), isCut);
    }
    parts.sort((a, b) => a.first - b.first || b.isCut - a.isCut);
    return parts.flatMap((p, i) => (p.isCut && parts[i + 1] ? p.records.filter((r) => r.seq < parts[i + 1].first) : p.records));
}

/** What is wrong with the chain of all records, by our own reading of the format; '' when nothing is. */
function chainFault(records) {
    let prev = '0'.repeat(64);

    for (const [i, r] of records.entries()) {
        if (r.seq !== i + 1) return `seq ${r.seq} where ${i + 1} was due`;
        if (r.prev !== prev) return `seq ${r.seq} does not follow the line before`;
        prev = crypto.createHash('sha256').update(r.line, 'latin1').digest('hex');
    }
    return '';
}

/** What is wrong with the records' macs, epochs and ends of epochs by this key line, by our own reading of the format; '' when nothing is. */
function sealFault(records, keyLine) {
    let key = Buffer.from(keyLine.split(' ').pop(), 'hex');
    let epoch = 0;

    for (const [i, r] of records.entries()) {
        if (i === 0 && (r.epoch !== 0 || r.type !== 'checkpoint')) return 'the first record opens no epoch 0';
        if (r.epoch === epoch + 1) {
            if (r.type !== 'checkpoint') return `seq ${r.seq} begins epoch ${r.epoch}, but is no checkpoint`;
            const end = crypto.createHmac('sha256', key).update('easgate-end-seal').update(Buffer.from(r.prev, 'hex')).digest('hex');
            if (r.end_seal !== end) return `seq ${r.seq} does not say that epoch ${epoch} ended before it`;
            key = crypto.createHash('sha256').update('easgate-epoch').update(key).digest();
            epoch++;
        }
        if (r.epoch !== epoch) return `seq ${r.seq} has epoch ${r.epoch} behind epoch ${epoch}`;
        const sealed = r.line.slice(0, r.line.lastIndexOf(',"mac":"'));
        if (crypto.createHmac('sha256', key).update(sealed, 'latin1').digest('hex') !== r.mac) return `seq ${r.seq} has another mac`;
    }
    return '';
}

/** The journal's lines; each with `nonces`. A cut last line (the emulator was killed) would throw. */
function readJournal(journalPath) {
    const lines = fs.readFileSync(journalPath, 'utf8').split('\n').filter((l) => l);

    return lines.map((line) => {
        const entry = JSON.parse(line);
        entry.nonces = entry.headers.filter(([n]) => n.toLowerCase() === 'x-acs-signature-nonce').map(([, v]) => v);
        return entry;
    });
}

function countBy(values) {
    const counts = new Map();

    for (const v of values) counts.set(v, (counts.get(v) ?? 0) + 1);
    return counts;
}

/**
 * Join log and journal by nonce. Each member is a list of what must not be; counts tells how much there was.
 */
function reconcile(records, journal) {
    const intents = records.filter((r) => r.type === 'intent');
    const outcomes = records.filter((r) => r.type === 'outcome');
    const byNonce = new Map(intents.map((r) => [r.nonce, r]));
    const intentCounts = countBy(intents.map((r) => r.nonce));
    const outcomeCounts = countBy(outcomes.map((r) => r.nonce));
    const receiptCounts = countBy(journal.flatMap((j) => j.nonces));

    return {
        receivedWithoutNonce: journal.filter((j) => j.complete && j.nonces.length !== 1).map((j) => j.target),
        receivedWithoutIntent: [...receiptCounts.keys()].filter((n) => !intentCounts.has(n)),
        receivedTwice: [...receiptCounts].filter(([, c]) => c > 1).map(([n]) => n),
        receivedOther: journal.filter((j) => j.complete && byNonce.has(j.nonces[0]) && (byNonce.get(j.nonces[0]).body_sha256 !== j.body_sha256 ||
            byNonce.get(j.nonces[0]).target !== j.target || byNonce.get(j.nonces[0]).method !== j.method)).map((j) => j.target),
        badSignature: journal.filter((j) => j.complete && !j.signature?.ok).map((j) => `${j.target} ${j.signature?.detail}`),
        intentsTwice: [...intentCounts].filter(([, c]) => c > 1).map(([n]) => n),
        intentWithoutOutcome: intents.filter((r) => !outcomeCounts.has(r.nonce)).map((r) => r.nonce),
        outcomesTwice: [...outcomeCounts].filter(([, c]) => c > 1).map(([n]) => n),
        outcomeWithoutIntent: [...outcomeCounts.keys()].filter((n) => !intentCounts.has(n)),
        okWithoutReceipt: outcomes.filter((r) => r.status >= 200 && r.status < 300 && !receiptCounts.has(r.nonce)).map((r) => r.nonce),
        counts: { intents: intents.length, outcomes: outcomes.length, received: journal.length,
            unknown: outcomes.filter((r) => r.error === 'unknown_after_crash').length },
    };
}

/** What a reconciliation found wrong, as text; '' when every set is empty. */
function reconcileFaults(found) {
    return Object.entries(found).filter(([, set]) => Array.isArray(set) && set.length)
        .map(([name, set]) => `${name}: ${set.length} (such as ${set[0]})`).join('; ');
}

module.exports = { auditFiles, readAudit, wholeLog, chainFault, sealFault, readJournal, reconcile, reconcileFaults };
