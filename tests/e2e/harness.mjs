// A world for end-to-end tests: an emulator and a gateway of their own, in a directory of their own, on free ports.
// Binaries come from $EASGATE_BUILD (default build/release). Everything is bounded in time, stopped by pid, and gone at
// the end; when a test fails the tails of both logs are shown.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Wire, exchange, requestBytes } from './wire.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const BUILD = path.resolve(ROOT, process.env.EASGATE_BUILD ?? 'build/release');
export const REGION = 'cn-shanghai';
export const ACCESS_KEY_ID = 'LTAI5tEndToEndEndToEnd';

const START_MS = 30000;
const STOP_MS = 40000; // longer than the drain

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const running = new Set(); // of child processes, for the last exit

process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

function canListen(port) {
    return new Promise((resolve) => {
        const server = net.createServer();
        server.once('error', () => resolve(false));
        server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
    });
}

/** A port below the range from which the kernel takes those of outgoing connections. */
async function freePort() {
    for (let i = 0; i < 200; i++) {
        const port = 20000 + (randomBytes(2).readUInt16BE() % 12000);
        if (await canListen(port)) return port;
    }
    throw new Error('no free port');
}

export const tokenDigest = (token) => createHash('sha256').update(token).digest('hex');

/** A [client NAME] for each, with its token and the policy that it is given. */
export const clientSections = (tokens, policyOf) => Object.entries(policyOf)
    .map(([name, policy]) => `\n[client ${name}]\ntoken_sha256 = ${tokenDigest(tokens[name])}\npolicy = ${policy}\n`).join('');

/** The policies that the tests attack. `allow` lists every class there is: what stays refused is refused by easgate itself. */
export function defaultPolicies(tokens) {
    return `${clientSections(tokens, { nlp: 'small-llms', vision: 'vision', reader: 'readers' })}
[policy small-llms]
allow = @read, @create, @scale, @update, @lifecycle, @delete
services = nlp_*
workspaces = 12345
app_types = LLM
app_versions = v1
service_specs = llama_7b_fp16 <= 4, chatglm_6b_int8 <= 2
max_replicas = 4
oss_paths = oss://nlp-models/*
nas_mount_targets = nas-nlp.${REGION}.nas.aliyuncs.com
nas_paths = /models/*
vpcs = vpc-nlp
vswitches = vsw-nlp
security_groups = sg-nlp

[policy vision]
allow = @read, CreateAppService, UpdateAppService, @lifecycle, DeleteService
services = vis_*
workspaces = 67890
app_types = LLM
service_specs = baichuan_13b_fp16
max_replicas = 8
oss_paths = oss://vision-models/*

[policy readers]
allow = DescribeService, ListServices
services = rd_*
`;
}

function configText(world, options) {
    return `[gateway]
listen = 127.0.0.1:${world.port}, unix:${world.dir}/easgate.sock
admin_listen = 127.0.0.1:${world.adminPort}
drain_timeout = 5s
${options.gateway ?? ''}
[upstream main]
region = ${REGION}
endpoint = 127.0.0.1:${world.emulatorPort}
ca_file = ${world.dir}/ca.pem
test_endpoint = yes
${options.upstream ?? ''}
[credential main]
type = access_key
file = ${world.dir}/credentials

[audit]
path = ${world.dir}/audit.jsonl
durability = ${options.durability ?? 'written'}
commit_timeout = 10s
${options.audit ?? ''}
${(options.policies ?? defaultPolicies)(world.tokens)}`;
}

function tail(file, lines) {
    try {
        return fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch {
        return '(none)';
    }
}

/** Lines of a file of JSON lines, read on from where the last read stopped; a line without its end waits. */
export class JsonLines {
    constructor(file) {
        this.file = file;
        this.offset = 0;
    }

    next() {
        const fd = fs.openSync(this.file, 'r');
        try {
            const size = fs.fstatSync(fd).size;
            const bytes = Buffer.alloc(Math.max(0, size - this.offset));
            const got = fs.readSync(fd, bytes, 0, bytes.length, this.offset);
            const end = bytes.subarray(0, got).lastIndexOf(0x0a) + 1;
            this.offset += end;
            return bytes.toString('utf8', 0, end).split('\n').filter(Boolean).map((line) => JSON.parse(line));
        } finally {
            fs.closeSync(fd);
        }
    }
}

export class World {
    /**
     * options: policies(tokens) -> text, gateway, upstream and audit (more lines), durability, stateDelayMs, gatewayLess (emulator only),
     * limitMs (for the whole world).
     */
    static async start(options = {}) {
        const world = new World(options);
        try {
            await world.#startEmulator();
            if (!options.gatewayLess) await world.#startGateway();
            return world;
        } catch (error) {
            world.dump();
            await world.stop().catch(() => {});
            throw error;
        }
    }

    constructor(options) {
        this.options = options;
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'easgate-e2e-'));
        this.secret = randomBytes(15).toString('hex');
        this.tokens = {};
        for (const name of ['nlp', 'vision', 'reader']) this.tokens[name] = `eg_${randomBytes(20).toString('hex')}`;
        fs.writeFileSync(
            `${this.dir}/credentials`,
            `[default]\ntype = access_key\naccess_key_id = ${ACCESS_KEY_ID}\naccess_key_secret = ${this.secret}\n`,
            { mode: 0o600 },
        );
        const limitMs = options.limitMs ?? 280000;
        this.limit = setTimeout(() => {
            this.dump();
            console.error(`the world did not end within ${limitMs} ms`);
            process.exit(1);
        }, limitMs);
        this.limit.unref();
    }

    /** Start a program; its output goes to a log. `exited` resolves with its exit code or signal. */
    #spawn(name, args) {
        const log = fs.openSync(`${this.dir}/${name}.log`, 'a');
        const child = spawn(path.join(BUILD, name), args, { stdio: ['ignore', log, log], cwd: this.dir });
        fs.closeSync(log);
        running.add(child);
        child.exited = new Promise((resolve) => {
            child.once('error', (error) => resolve(`could not start: ${error.message}`));
            child.once('exit', (code, signal) => resolve(signal ?? code));
        });
        child.exited.then((how) => {
            child.how = how;
            running.delete(child);
        });
        return child;
    }

    async #startEmulator() {
        const ready = `${this.dir}/emulator.ready`;
        this.journalFile = `${this.dir}/journal.jsonl`;
        this.emulator = this.#spawn('easgate-emulator', [
            '--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--make-ca', this.dir, '--region', REGION,
            '--credentials', `${this.dir}/credentials`, '--journal', this.journalFile, '--ready-file', ready,
            '--state-delay', String(this.options.stateDelayMs ?? 0),
        ]);
        await this.#until(this.emulator, async () => fs.existsSync(ready) && fs.readFileSync(ready, 'utf8').endsWith('}\n'));
        const told = JSON.parse(fs.readFileSync(ready, 'utf8'));
        this.emulatorPort = told.port;
        this.controlWire = new Wire({ host: '127.0.0.1', port: told.control_port });
        this.journalLines = new JsonLines(this.journalFile);
    }

    async #startGateway() {
        for (let attempt = 1; ; attempt++) {
            this.port = await freePort();
            this.adminPort = await freePort();
            this.auditFile = `${this.dir}/audit.jsonl`;
            this.configFile = `${this.dir}/easgate.ini`;
            fs.writeFileSync(this.configFile, configText(this, this.options), { mode: 0o600 });
            this.gateway = this.#spawn('easgate', ['serve', '--config', this.configFile]);
            try {
                await this.#until(this.gateway, async () => (await this.admin('/readyz')).status === 200);
                break;
            } catch (error) {
                // somebody else may have taken a port meanwhile
                const again = attempt < 4 && /in use/i.test(tail(`${this.dir}/easgate.log`, 20));
                if (!again) throw error;
            }
        }
        this.where = { host: '127.0.0.1', port: this.port };
        this.auditLines = new JsonLines(this.auditFile);
    }

    async #until(child, isSo) {
        const deadline = Date.now() + START_MS;
        while (Date.now() < deadline) {
            if (child.how !== undefined) throw new Error(`${path.basename(child.spawnfile)} ended: ${child.how}`);
            if (await isSo().catch(() => false)) return;
            await sleep(20);
        }
        throw new Error(`${path.basename(child.spawnfile)} did not become ready`);
    }

    /** End the gateway as a power cut would; its files stay as they are. */
    async killGateway() {
        this.callWire?.close();
        this.callWire = undefined;
        this.gateway.kill('SIGKILL');
        await this.gateway.exited;
    }

    /** Start it again, with the same files and ports. */
    async restartGateway() {
        this.gateway = this.#spawn('easgate', ['serve', '--config', this.configFile]);
        await this.#until(this.gateway, async () => (await this.admin('/readyz')).status === 200);
    }

    /** The value of the Host header that reaches the gateway. */
    get host() {
        return `127.0.0.1:${this.port}`;
    }

    admin(target) {
        const headers = [['Host', `127.0.0.1:${this.adminPort}`], ['Connection', 'close']];
        const where = { host: '127.0.0.1', port: this.adminPort };
        return exchange(where, requestBytes({ method: 'GET', target, headers }), { timeoutMs: 5000 });
    }

    /** The emulator's control port (docs/emulator.md). */
    async control(method, target, body) {
        const headers = [['Host', 'control']];
        if (body === undefined && method === 'POST') body = {};
        const text = body === undefined ? null : JSON.stringify(body);
        const answer = await this.controlWire.send(requestBytes({ method, target, headers, body: text }));
        if (answer.status !== 200) throw new Error(`control ${method} ${target}: ${answer.status} ${answer.body}`);
        return answer.json;
    }

    /** Requests that the emulator has received so far. */
    async received() {
        return (await this.control('GET', '/journal/count')).count;
    }

    /** Services as the emulator has them, by name. */
    async state() {
        const { services } = await this.control('GET', '/state');
        return new Map(services.map((s) => [s.ServiceName, s]));
    }

    async setService(name, members) {
        await this.control('PUT', `/services/${name}`, members);
    }

    /** The journal's lines since the last call. A line is there before its answer is sent. */
    journal() {
        return this.journalLines.next();
    }

    /** The audit log's lines since the last call; outcomes may follow their answers a little later. */
    audit() {
        return this.auditLines.next();
    }

    /** Bytes of a request with a token and, for a body, JSON's content type. */
    bytes({ method = 'GET', target, token = this.tokens.nlp, headers = [], body = null, framing }) {
        const all = [['Host', this.host]];
        if (token !== null) all.push(['Authorization', `Bearer ${token}`]);
        if (body !== null && !headers.some(([name]) => /^content-type$/i.test(name))) all.push(['Content-Type', 'application/json']);
        const text = body === null || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
        return requestBytes({ method, target, headers: [...all, ...headers], body: text, framing });
    }

    /** A request over one connection that is kept. */
    call(request) {
        this.callWire ??= new Wire(this.where);
        return this.callWire.send(this.bytes(request));
    }

    dump() {
        console.error(`---- ${this.dir}`);
        for (const name of ['easgate', 'easgate-emulator'])
            console.error(`---- end of ${name}.log\n${tail(`${this.dir}/${name}.log`, 15)}`);
        const journal = tail(`${this.dir}/journal.jsonl`, 3).replaceAll(/"(head_base64|headers)":("[^"]*"|\[\[.*?\]\]),/g, '');
        console.error(`---- end of the journal\n${journal}\n----`);
    }

    /** A test's body that shows the logs when it fails. */
    shows(body) {
        return async (...args) => {
            try {
                await body(...args);
            } catch (error) {
                if (!this.wasShown) this.dump();
                this.wasShown = true;
                throw error;
            }
        };
    }

    async #end(child) {
        if (!child || child.how !== undefined) return child?.how;
        child.kill('SIGTERM');
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        const how = await child.exited;
        clearTimeout(late);
        return how;
    }

    /** Stop the gateway alone; its audit log is complete then. Throws when it does not end with 0. */
    async stopGateway() {
        this.callWire?.close();
        const how = await this.#end(this.gateway);
        if (this.gateway && how !== 0) {
            this.dump();
            throw new Error(`easgate ended with ${how}`);
        }
    }

    async stop() {
        clearTimeout(this.limit);
        try {
            await this.stopGateway();
        } finally {
            this.controlWire?.close();
            const how = await this.#end(this.emulator);
            fs.rmSync(this.dir, { recursive: true, force: true });
            if (this.emulator && how !== 0) throw new Error(`easgate-emulator ended with ${how}`);
        }
    }
}
