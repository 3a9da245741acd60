// world: an emulator and a gateway of our own, in a folder of their own, on ports that nobody has. Everything is stopped by its
// process id. The tokens, teams and policies are those of conf/demo.ini.
'use strict';
const { spawn, spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { requestBytes, once, sleep, until } = require('./wire.js');

const TOKEN = 'eg_demo_nlp_0123456789abcdef0123456789abcdef';
const TOKEN_OTHER = 'eg_demo_vision_0123456789abcdef0123456789abcd';
const root = path.resolve(__dirname, '../../..');

function sha256(text) {
    return crypto.createHash('sha256').update(text).digest('hex');
}

/** A port below the kernel's own range, so that no outgoing connection takes it, which nobody listens on now. */
async function freePort() {
    for (let i = 0; i < 200; i++) {
        const port = 10000 + crypto.randomInt(22000);
        const server = net.createServer();
        const fine = await new Promise((resolve) => {
            server.once('error', () => resolve(false));
            server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
        });
        if (fine) return port;
    }
    throw new Error('no free port');
}

class World {
    constructor(dir) {
        this.dir = dir;
        this.build = path.resolve(process.env.EASGATE_BUILD ?? path.join(root, 'build/release'));
        this.easgate = path.resolve(process.env.EASGATE ?? path.join(this.build, 'easgate'));
        this.logPath = path.join(dir, 'easgate.log');
        this.auditDir = path.join(dir, 'audit');
        this.auditPath = path.join(this.auditDir, 'audit.jsonl');
        this.journalPath = path.join(dir, 'journal.jsonl');
        this.configPath = path.join(dir, 'easgate.ini');
        this.secret = crypto.randomBytes(20).toString('hex');
        this.keyId = 'LTAI5tProofProofProofProof';
        this.processes = new Set();
        this.atEnd = [];
        this.gateway = null;
        this.token = TOKEN;
        this.tokenOther = TOKEN_OTHER;
        fs.mkdirSync(this.auditDir, { mode: 0o700 });
        for (const file of [this.easgate, path.join(this.build, 'easgate-emulator')])
            if (!fs.existsSync(file)) {
                console.log(`there is no ${file}; set EASGATE_BUILD to a build's folder`);
                fs.rmSync(dir, { recursive: true });
                process.exit(2);
            }
    }

    /** A world beside this one, in a folder within its own; they share the gateway's log and stop together. */
    another(name) {
        const dir = path.join(this.dir, name);

        fs.mkdirSync(dir, { mode: 0o700 });
        const other = new World(dir);
        other.logPath = this.logPath;
        other.processes = this.processes;
        return other;
    }

    /** Start a program with its output in a file; {child, pid, ended: Promise of {code, signal}}. */
    spawn(program, args, logPath, options = {}) {
        const fd = fs.openSync(logPath, 'a');
        const child = spawn(program, args, { stdio: ['ignore', fd, fd], cwd: this.dir, ...options });
        const p = { child, pid: child.pid, isOver: false };

        fs.closeSync(fd);
        p.ended = new Promise((resolve) => {
            child.once('error', (error) => resolve({ code: -1, signal: String(error) }));
            child.once('exit', (code, signal) => resolve({ code, signal }));
        }).then((end) => {
            p.isOver = true;
            p.end = end;
            this.processes.delete(p);
            return end;
        });
        p.kill = (signal) => !p.isOver && child.kill(signal);
        this.processes.add(p);
        return p;
    }

    /** Where a team's requests go, and what they must say there. */
    get at() {
        return { port: this.port };
    }

    get host() {
        return `127.0.0.1:${this.port}`;
    }

    async startEmulator({ stateDelay_ms = 0, args = [] } = {}) {
        const ready = path.join(this.dir, 'emulator.ready');
        const credentials = path.join(this.dir, 'credentials');

        fs.rmSync(ready, { force: true });
        fs.writeFileSync(credentials,
            `[default]\ntype = access_key\naccess_key_id = ${this.keyId}\naccess_key_secret = ${this.secret}\n`, { mode: 0o600 });
        this.emulator = this.spawn(path.join(this.build, 'easgate-emulator'),
            ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--make-ca', this.dir, '--region', 'cn-shanghai',
                '--credentials', credentials, '--journal', this.journalPath, '--ready-file', ready, '--log-level', 'warn',
                '--state-delay', String(stateDelay_ms), ...args],
            path.join(this.dir, 'emulator.log'));
        await until(20000, 20, () => this.emulator.isOver || (fs.existsSync(ready) && fs.readFileSync(ready, 'utf8').endsWith('\n')));
        if (this.emulator.isOver) throw new Error(`the emulator did not start: ${fs.readFileSync(path.join(this.dir, 'emulator.log'))}`);
        const ports = JSON.parse(fs.readFileSync(ready, 'utf8'));
        this.emulatorPort = ports.port;
        this.controlPort = ports.control_port;
    }

    /** Ask the emulator's control port. */
    async control(method, target, body) {
        const answer = await once({ port: this.controlPort },
            requestBytes({ method, target, host: `127.0.0.1:${this.controlPort}`, body: body === undefined ? null : JSON.stringify(body) }));
        const said = JSON.parse(answer.body.toString('utf8'));

        if (answer.status !== 200) throw new Error(`the emulator refuses ${method} ${target}: ${said.error}`);
        return said;
    }

    async journalCount() {
        return (await this.control('GET', '/journal/count')).count;
    }

    /** The journal's count once it has stood still for a while. */
    async journalSettled(still_ms = 150) {
        let count = await this.journalCount();

        for (let i = 0; i < 100; i++) {
            await sleep(still_ms);
            const next = await this.journalCount();
            if (next === count) return count;
            count = next;
        }
        throw new Error('the emulator does not come to rest');
    }

    /** The text of a configuration. sections: {gateway: ['key = value'], audit: [...], upstream: [...], policy: [...]} */
    configText(sections = {}) {
        const lines = (name) => (sections[name] ?? []).join('\n');
        const listen = this.unixPath ? `127.0.0.1:${this.port}, unix:${this.unixPath}` : `127.0.0.1:${this.port}`;

        return `[gateway]\nlisten = ${listen}\nadmin_listen = 127.0.0.1:${this.adminPort}\n${lines('gateway')}\n
[upstream emulator]\nregion = cn-shanghai\nendpoint = 127.0.0.1:${this.emulatorPort}\ntest_endpoint = yes\nca_file = ca.pem\n${lines('upstream')}\n
[credential main]\ntype = access_key\nfile = credentials\n
[audit]\npath = ${this.auditPath}\n${lines('audit')}\n
[client nlp]\ntoken_sha256 = ${sha256(TOKEN)}\npolicy = small-llms\n
[client vision]\ntoken_sha256 = ${sha256(TOKEN_OTHER)}\npolicy = vision\n
[policy small-llms]\nallow = CreateAppService, UpdateAppService, DeleteService\nallow = @read, @lifecycle
services = nlp_*\nworkspaces = 12345\napp_types = LLM\napp_versions = v1\noss_paths = oss://nlp-models/*
${lines('policy') || 'service_specs = llama_7b_fp16 <= 4, chatglm_6b_int8 <= 2\nmax_replicas = 4'}\n
[policy vision]\nallow = CreateAppService, UpdateAppService, DeleteService\nallow = @read, @lifecycle
services = vision_*\nworkspaces = 67890\napp_types = LLM\nservice_specs = llama_7b_fp16\nmax_replicas = 2\n`;
    }

    async configure(sections) {
        this.port ??= await freePort();
        this.adminPort ??= await freePort();
        fs.writeFileSync(this.configPath, this.configText(sections), { mode: 0o600 });
    }

    /** Start the gateway; resolves when it is ready. `wrap`: a program and arguments in front of it. */
    async startGateway({ wrap = [], args = [], env = process.env, poll_ms = 10 } = {}) {
        const [program, ...rest] = [...wrap, this.easgate, 'serve', '--config', this.configPath, ...args];

        this.gateway = this.spawn(program, rest, this.logPath, { env });
        if (!(await until(30000, poll_ms, async () => this.gateway.isOver || (await this.isReady())))) throw new Error('the gateway is not ready after 30 s');
        if (this.gateway.isOver) throw new Error(`the gateway did not start: ${JSON.stringify(this.gateway.end)}`);
        return this.gateway;
    }

    /** {status, text} of an admin page; status 0 when nobody answers. */
    async admin(target, wait_ms = 5000) {
        try {
            const answer = await once({ port: this.adminPort }, requestBytes({ target, host: `127.0.0.1:${this.adminPort}` }), wait_ms);
            return { status: answer.status, text: answer.body.toString('utf8') };
        } catch {
            return { status: 0, text: '' };
        }
    }

    async isReady() {
        return (await this.admin('/readyz')).status === 200;
    }

    async start(sections) {
        await this.startEmulator();
        await this.configure(sections);
        await this.startGateway();
    }

    /** A request of team nlp on a connection of its own. */
    request({ token = TOKEN, at = this.at, ...request }, wait_ms) {
        return once(at, requestBytes({ host: this.host, token, ...request }), wait_ms);
    }

    /** The body of an allowed create. */
    createBody(name, { spec = 'llama_7b_fp16', replicas = 1 } = {}) {
        return JSON.stringify({ ServiceName: name, AppType: 'LLM', ServiceSpec: spec, Replicas: replicas,
            Config: { ModelStorage: 'oss', OssPath: 'oss://nlp-models/llama/' } });
    }

    /** A small read that is forwarded as exactly one request. */
    readBytes(name = 'nlp_none', more = {}) {
        return requestBytes({ target: `/api/v2/services/cn-shanghai/${name}`, host: this.host, token: TOKEN, ...more });
    }

    /** Make the key of the log in auditDir; lines for [audit] that name it. `epoch`: how long each key seals. */
    makeKey(epoch) {
        const keyFile = path.join(this.auditDir, 'key');
        const run = spawnSync(this.easgate, ['audit', 'init', '--key-file', keyFile, '--epoch', epoch], { encoding: 'utf8', timeout: 20000 });
        if (run.status !== 0) throw new Error(`audit init: ${run.stderr}`);
        this.keyLine = run.stdout.trim();
        this.keyLinePath = path.join(this.auditDir, 'first-key');
        fs.writeFileSync(this.keyLinePath, run.stdout, { mode: 0o600 });
        return [`key_file = ${keyFile}`];
    }

    /** Run `easgate audit verify` on all segments of the log, with its key if it has one; {code, text}. */
    verify(...more) {
        const key = this.keyLinePath ? ['--key', this.keyLinePath] : [];
        const run = spawnSync(this.easgate, ['audit', 'verify', ...key, ...more, this.auditDir], { encoding: 'utf8', timeout: 120000 });
        return { code: run.status, text: `${run.stdout}${run.stderr}`.trim() };
    }

    /** What verify is given of the file of checkpoints: nothing before it holds a whole one (a kill may leave it empty, or cut). */
    checkpointOptions() {
        const text = this.checkpoints && fs.existsSync(this.checkpoints) ? fs.readFileSync(this.checkpoints, 'latin1') : '';

        return /^easgate\/audit\/\S+\n\d+\n[\w+/]{43}=\n\n/m.test(text) ? ['--checkpoint', this.checkpoints] : [];
    }

    /** verify while other things go on. */
    verifyBeside(...more) {
        const key = this.keyLinePath ? ['--key', this.keyLinePath] : [];
        const run = spawn(this.easgate, ['audit', 'verify', ...key, ...more, this.auditDir], { stdio: ['ignore', 'pipe', 'pipe'] });
        let text = '';

        for (const stream of [run.stdout, run.stderr]) stream.on('data', (piece) => (text += piece));
        return new Promise((resolve) => run.once('close', (code) => resolve({ code, text: text.trim() })));
    }

    /** What the second verifier (tests/audit) says differently from `easgate audit verify` about the log in auditDir; '' for nothing. */
    disagreement() {
        const given = [this.keyLinePath, this.checkpoints].map((f) => (f && fs.existsSync(f) ? f : '-'));
        const agree = path.join(__dirname, '../../audit/agree.py');
        const run = spawnSync(agree, [this.easgate, '--list', '-'], { encoding: 'utf8', timeout: 120000, maxBuffer: 1 << 26,
            input: `${[...given, '-', this.auditDir].join('\t')}\n` });
        return run.status === 0 ? '' : `${run.stdout}${run.stderr}`;
    }

    logText() {
        return fs.existsSync(this.logPath) ? fs.readFileSync(this.logPath, 'utf8') : '';
    }

    rss_kb(pid = this.gateway.pid) {
        return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
    }

    fdCount(pid = this.gateway.pid) {
        return fs.readdirSync(`/proc/${pid}/fd`).length;
    }

    /** TERM to all that still run, KILL after 10 s. */
    async stop() {
        for (const p of [...this.processes].reverse()) {
            p.kill('SIGTERM');
            const timer = setTimeout(() => p.kill('SIGKILL'), 10000);
            await p.ended;
            clearTimeout(timer);
        }
    }

    /** What must be undone outside of the folder. */
    cleanUp() {
        for (const undo of this.atEnd.splice(0).reverse()) undo();
    }
}

module.exports = { World, TOKEN, TOKEN_OTHER, freePort, root };
