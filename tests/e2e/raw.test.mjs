// Each row of the table of what evhttp alone gets wrong, at the raw socket of a running gateway: status, code, end of the
// connection, and what the emulator received. The rows stand in tests/proofs/lib/rawcases.js; T13 sends them in more ways.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

const require = createRequire(import.meta.url);
const { World } = require('../proofs/lib/world.js');
const { rawCases } = require('../proofs/lib/rawcases.js');
const { runCase, receiptsByName, receiptFaults } = require('../proofs/lib/rawrun.js');
const { Wire, codeOf, requestBytes, sleep, until } = require('../proofs/lib/wire.js');
const { readAudit } = require('../proofs/lib/audit.js');

const HEAD_TIMEOUT_MS = 1500;
const LEAST_CASES = 250;

/* The names of the rows do not depend on the gateway, so that each can be a test of its own. */
const rows = [...new Set(rawCases({ host: 'x', token: 'x', prefix: '' }).map((c) => c.row))];
let world;
let cases;

before(async () => {
    world = new World(fs.mkdtempSync(path.join(os.tmpdir(), 'easgate-raw-')));
    world.unixPath = path.join(world.dir, 'easgate.sock');
    await world.start({ gateway: [`head_timeout = ${HEAD_TIMEOUT_MS}ms`, 'idle_timeout = 20s'] });
    cases = rawCases({ host: world.host, token: world.token, prefix: 'e' });
});
after(async () => {
    await world.stop();
    if (process.exitCode) console.error(world.logText().split('\n').slice(-40).join('\n'));
    fs.rmSync(world.dir, { recursive: true, force: true });
});

test('there are enough raw requests', () => {
    assert.ok(cases.length >= LEAST_CASES, `${cases.length}`);
});

for (const row of rows)
    test(`raw: ${row}`, async () => {
        const mine = cases.filter((c) => c.row === row);
        const faults = [];
        for (const c of mine) {
            const fault = await runCase(world.at, c, 'whole');
            if (fault) faults.push(`${c.name}: ${fault}`);
        }
        await world.journalSettled(50);
        const others = cases.filter((c) => c.row !== row).map((c) => ({ ...c, receipts: undefined }));
        const counts = receiptsByName(world.journalPath);
        for (const c of others) counts.delete(c.id);
        faults.push(...receiptFaults(mine, 'e', counts));
        assert.deepEqual(faults, []);
    });

test('raw: refusals without an identity are counted in the audit log', async () => {
    const counted = await until(5000, 100, () => readAudit(world.auditPath).filter((r) => r.type === 'counted'));
    const reasons = new Set(counted.map((r) => r.reason));
    for (const reason of ['malformed', 'unauthenticated', 'forbidden_host', 'method', 'too_large']) assert.ok(reasons.has(reason), reason);
});

test('raw: a head that drips ends at its deadline, whatever comes', async () => {
    const wire = new Wire(world.at);
    const began = Date.now();
    for (const byte of `GET /api/v2/services HTTP/1.1\r\nHost: ${world.host}\r\n`) {
        if (wire.ended || wire.answers.length) break;
        wire.send(byte);
        await sleep(100);
    }
    const answer = await wire.answer(5000);
    const took_ms = Date.now() - began;
    assert.equal(answer?.status, 408);
    assert.equal(codeOf(answer), 'Easgate.RequestTimeout');
    assert.ok(took_ms >= HEAD_TIMEOUT_MS - 50 && took_ms < HEAD_TIMEOUT_MS + 1000, `${took_ms} ms`);
    assert.ok(await wire.closes(4000));
    wire.close();
});

test('raw: a connection that never says anything ends at the same deadline', async () => {
    const wire = new Wire(world.at);
    const began = Date.now();
    assert.ok(await wire.closes(HEAD_TIMEOUT_MS + 1000));
    assert.ok(Date.now() - began >= HEAD_TIMEOUT_MS - 50);
    wire.close();
});

test('raw: a wrong token is refused before its body, and before any 100', async () => {
    for (let i = 0; i < 100; i++) {
        const wire = new Wire(world.at);
        wire.send(requestBytes({ method: 'POST', target: '/api/v2/app_services', host: world.host, token: 'eg_wrong',
            headers: [['Content-Length', '200000'], ['Content-Type', 'application/json'], ['Expect', '100-continue']] }));
        const answer = await wire.answer(5000);
        assert.equal(answer?.status, 401);
        wire.close();
    }
});

test('raw: a client that leaves while EAS works is written down', async () => {
    await world.control('POST', '/faults', { fault: 'delay', ms: 400, match: { service: 'nlp_gone' } });
    const wire = new Wire(world.at);
    const before = await world.journalCount();
    wire.send(world.readBytes('nlp_gone'));
    assert.ok(await until(5000, 10, async () => (await world.journalCount()) > before));
    wire.socket.resetAndDestroy(); /* an end of its sending side alone would not mean that it is gone */
    const outcome = await until(5000, 50, () => {
        const records = readAudit(world.auditPath);
        const intent = records.find((r) => r.type === 'intent' && r.service === 'nlp_gone');
        return records.find((r) => r.type === 'outcome' && r.id === intent?.id);
    });
    assert.equal(outcome?.client_gone, true);
    assert.equal(outcome?.status, 404);
});

test('raw: a unix client whose own socket has a long path is served', (t) => {
    const own = path.join(world.dir, 'c'.repeat(75));
    const script = `import socket,sys
s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.connect(sys.argv[2]); s.settimeout(10)
s.sendall(sys.stdin.buffer.read()); print(s.recv(65536).decode('latin1').split('\\r\\n')[0])`;
    const run = spawnSync('python3', ['-c', script, own, world.unixPath], { input: world.readBytes('nlp_unix'), encoding: 'utf8' });
    if (run.error?.code === 'ENOENT') return t.skip('no python3');
    if (own.length > 107) return t.skip('the folder for temporary files has too long a name');
    assert.match(run.stdout, /^HTTP\/1\.1 404 /, run.stderr);
    assert.equal(world.gateway.isOver, false);
});
