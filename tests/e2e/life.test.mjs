// The life of `serve` beside requests: what may happen to it while it starts, and with what it was started.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { BUILD, tokenDigest } from './harness.mjs';
import { exchange, requestBytes } from './wire.mjs';

const EASGATE = path.join(BUILD, 'easgate');
const TOKEN = 'eg_life_0123456789abcdef0123456789abcdef';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(isSo, what) {
    for (let i = 0; i < 2000; i++) {
        if (await isSo()) return;
        await sleep(10);
    }
    assert.fail(`20 s, and not: ${what}`);
}

/** A folder with a configuration of so many policies, and a gateway in it that asks nobody. */
class Life {
    constructor(policies = 1) {
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'easgate-life-'));
        this.config = path.join(this.dir, 'easgate.ini');
        this.log = path.join(this.dir, 'log');
        this.socket = path.join(this.dir, 'easgate.sock');
        fs.mkdirSync(path.join(this.dir, 'audit'), { mode: 0o700 });
        fs.writeFileSync(path.join(this.dir, 'credentials'),
            '[default]\ntype = access_key\naccess_key_id = LTAI5tLifeLifeLifeLife\naccess_key_secret = secret\n', { mode: 0o600 });
        const names = Array.from({ length: policies }, (_, i) => `team${i}`);
        fs.writeFileSync(this.config, `[gateway]
listen = unix:${this.socket}
admin_listen = unix:${this.dir}/admin.sock
[upstream main]
region = cn-shanghai
[credential main]
type = access_key
file = ${this.dir}/credentials
[audit]
path = ${this.dir}/audit/audit.jsonl
durability = written
${names.map((name) => `[client ${name}]\ntoken_sha256 = ${tokenDigest(TOKEN + name)}\npolicy = ${name}\n[policy ${name}]
allow = @read\nservices = ${name}_*\n`).join('')}`, { mode: 0o600 });
    }

    /** Start it by a shell, which `how` tells about its descriptors, and `before` about its limits. */
    start(how = `2>${this.log}`, before = 'exec') {
        this.child = spawn('bash', ['-c', `umask 022; ${before} '${EASGATE}' serve --config '${this.config}' ${how}`], { stdio: 'ignore' });
        this.ended = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve({ code, signal })));
        this.ended.then((end) => (this.end = end));
    }

    said() {
        return fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8') : '';
    }

    async ready() {
        await until(() => this.end || fs.existsSync(this.socket), 'it listens');
        assert.equal(this.end, undefined, this.said());
    }

    /** Of a token that nobody has; resolves to the answer's status. */
    async refused() {
        const headers = [['host', 'localhost'], ['authorization', 'Bearer nobody']];
        return (await exchange({ path: this.socket }, requestBytes({ method: 'GET', target: '/api/v2/services', headers }))).status;
    }

    segments() {
        return fs.readdirSync(path.join(this.dir, 'audit')).filter((name) => name.endsWith('.jsonl'));
    }

    async stop() {
        if (!this.end) this.child.kill('SIGTERM');
        const late = setTimeout(() => this.child.kill('SIGKILL'), 15000);
        const end = await this.ended;
        clearTimeout(late);
        fs.rmSync(this.dir, { recursive: true });
        return end;
    }
}

test('HUP and USR1 while it starts do not end it; the reload follows', async () => {
    const life = new Life(1500);
    let end;
    try {
        life.start();
        const status = `/proc/${life.child.pid}/status`; // the umask is of its first steps
        while (!/^Umask:\s0077$/m.test(fs.readFileSync(status, 'utf8'))) assert.equal(life.end, undefined, life.said());
        life.child.kill('SIGHUP');
        life.child.kill('SIGUSR1');
        await life.ready();
        await until(() => life.said().includes(' generation=2'), 'the file is loaded anew');
        await until(() => life.segments().length === 2, 'the log is rotated');
    } finally {
        end = await life.stop();
    }
    assert.deepEqual(end, { code: 0, signal: null });
});

test('started without standard descriptors, it writes its log nowhere else', async () => {
    const life = new Life();
    let end;
    try {
        life.start('<&- >&- 2>&-');
        await life.ready();
        for (let i = 0; i < 10; i++) assert.equal(await life.refused(), 401);
        await sleep(300);
        assert.deepEqual(life.segments(), ['audit.jsonl']); // a newline in libevent's pipe is signal 10, USR1
    } finally {
        end = await life.stop();
    }
    assert.deepEqual(end, { code: 0, signal: null });
});

// A sanitizer's runtime locks nothing and says that it did.
const isSanitized = ['__asan_init', '__tsan_init'].some((name) => fs.readFileSync(EASGATE).includes(name));

test('secrets that cannot be locked are told of at the start and at a reload', { skip: isSanitized }, async () => {
    const life = new Life();
    const told = () => life.said().split("warn config: a credential's memory cannot be locked (RLIMIT_MEMLOCK) | credential=main\n").length - 1;
    let end;
    try {
        // root may lock what it likes, unless it cannot have that capability
        life.start(undefined, `ulimit -l 0; exec ${process.getuid() === 0 ? 'setpriv --bounding-set=-ipc_lock' : ''}`);
        await life.ready();
        await until(() => life.said().includes(' serve: ready '), 'it is ready');
        assert.equal(told(), 1);
        life.child.kill('SIGHUP');
        await until(() => life.said().includes(' generation=2'), 'the file is loaded anew');
        assert.equal(told(), 2);
    } finally {
        end = await life.stop();
    }
    assert.deepEqual(end, { code: 0, signal: null });
});
