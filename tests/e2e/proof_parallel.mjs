// T28: see tests/proofs/T28-parallel-at-the-limit.
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { BUILD, World, tokenDigest } from './harness.mjs';

const number = (name, otherwise) => Number(process.argv.find((a) => a.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise);
const short = process.argv.includes('--short');
const rounds = number('rounds', short ? 40 : 1000);
let seed = number('seed', 28);
const CALLS = 64;
const FREE = 10;
const THERE = 2; // replicas of a service that is there already
const TIMEOUT_MS = 1200;
const LATE_MS = TIMEOUT_MS - 400; // the latest that the cloud takes to do what was sent; the rest is for a busy machine
const GIVE_UP_MS = 20000;

const policies = (tokens) => `
[client nlp]
token_sha256 = ${tokenDigest(tokens.nlp)}
policy = nlp

[policy nlp]
allow = CreateAppService, DeleteService
services = nlp_*
app_types = LLM
service_specs = llama_7b_fp16
spec_gpus = llama_7b_fp16 = 2
max_replicas = 4
max_total_replicas = ${FREE + THERE}
max_total_gpus = ${2 * (FREE + THERE)}
`;

/** The same rounds for the same seed. */
function random(below) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const world = await World.start({ policies, upstream: `timeout = ${TIMEOUT_MS}ms\nconnect_timeout = 500ms`, limitMs: (short ? 280 : 5400) * 1000 });
let agent = new http.Agent({ keepAlive: true, maxSockets: CALLS });
const faults = [];
const sums = { passed: 0, refused: 0, unknown: 0, cut: 0, unreadable: 0, other: 0 };
const count = { plain: 0, losing: 0, kills: 0, late: 0 };

/** What came of a create of one replica. */
function create(name) {
    const body = JSON.stringify({ ServiceName: name, AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: 1 });
    return new Promise((resolve) => {
        const request = http.request(
            {
                host: '127.0.0.1', port: world.port, method: 'POST', path: '/api/v2/app_services', agent, timeout: GIVE_UP_MS,
                headers: { Authorization: `Bearer ${world.tokens.nlp}`, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
            },
            (answer) => {
                let text = '';
                answer.on('data', (part) => (text += part));
                answer.on('error', () => resolve('cut'));
                answer.on('end', () => {
                    const code = answer.statusCode === 200 ? '' : JSON.parse(text).Code;
                    const ends = { '': 'passed', 'Easgate.TeamBudget': 'refused', 'Easgate.OutcomeUnknown': 'unknown', 'Easgate.BudgetUnreadable': 'unreadable', ServiceUnavailable: 'unknown' };
                    if (!(code in ends)) console.log(text);
                    resolve(ends[code] ?? 'other');
                });
            },
        );
        request.once('timeout', () => request.destroy());
        request.once('error', () => resolve('cut'));
        request.end(body);
    });
}

async function wave(prefix, calls) {
    const ends = { passed: 0, refused: 0, unknown: 0, cut: 0, unreadable: 0, other: 0 };
    for (const end of await Promise.all(Array.from({ length: calls }, (_, i) => create(`${prefix}_${i}`)))) {
        ends[end]++;
        sums[end]++;
    }
    return ends;
}

/** The emulator's own books: what the team has now, and the most that it had, or could have come to, at any moment. */
const books = () => world.control('GET', '/peaks?prefix=nlp_');
const budget = async () => JSON.parse((await world.admin('/budget')).body);

async function kill() {
    await world.killGateway();
    agent.destroy();
    agent = new http.Agent({ keepAlive: true, maxSockets: CALLS });
    await world.restartGateway();
    count.kills++;
}

/** Some answers are lost after the create was executed, some before, in no order; silent ones are executed late, or never. */
async function loseAnswers(kinds) {
    const rules = Array.from({ length: 1 + random(8) }, () => {
        const fault = kinds[random(kinds.length)];
        return { match: { action: 'CreateAppService' }, fault, at: 0, status: 503, execute: fault !== 'silent' && random(3) > 0, skip: random(3) };
    });
    await world.control('POST', '/faults', rules);
}

/** What was sent takes effect as late as an exchange may last: whether easgate still waits for the answer, gave up, or was killed. */
async function landLate(until) {
    const landings = [];
    let isOver = false;
    until.then(() => (isOver = true));
    while (!isOver || landings.length) {
        for (const line of world.journal())
            if (line.fault === 'silent' && line.action === 'CreateAppService' && random(4) > 0)
                landings.push({ service: line.service, at: Date.parse(line.time) + random(LATE_MS) });
        for (const landing of landings.splice(0)) {
            if (Date.now() < landing.at) landings.push(landing);
            else {
                await world.control('POST', '/services', { ServiceName: landing.service, Replicas: 1, ServiceSpec: 'llama_7b_fp16', Status: 'Running' });
                count.late++;
            }
        }
        await sleep(5);
    }
}

async function round(n) {
    const kind = random(100); // half of the rounds are plain, a quarter loses answers, the rest is killed (and some lose, too)
    const loses = kind >= 50 && kind < 82, kills = kind >= 75;
    const fault = (text) => faults.push(`round ${n} (${loses ? 'loses ' : ''}${kills ? 'killed' : ''}): ${text}`);

    await world.control('POST', '/reset');
    await world.control('POST', '/services', { ServiceName: 'nlp_there', Replicas: THERE, ServiceSpec: 'llama_7b_fp16', Status: 'Running' });
    world.journal(); // what the round before left is over
    if (loses) await loseAnswers(['close-at', 'reset-after', 'silent', 'status']);
    else if (kills) await loseAnswers(['silent']);
    const first = wave(`nlp_r${n}`, CALLS);
    const second = async () => {
        await sleep(random(60));
        await kill();
        await wave(`nlp_r${n}b`, CALLS); // whoever tries at once, while the truth about the first ones is not known
    };
    const both = Promise.all([first, kills ? second() : null]);
    const landed = loses || kills ? landLate(both) : null;
    await both;
    const ends = await first;
    if (!loses && !kills && (ends.passed !== FREE || ends.refused !== CALLS - FREE)) fault(`${JSON.stringify(ends)} where ${FREE} fit`);
    if (ends.other) fault(JSON.stringify(ends));
    await landed;
    await world.control('DELETE', '/faults');
    count.losing += loses;
    count.plain += !loses && !kills;
    if (loses || kills) {
        // what is in doubt counts as long as an exchange may last; then all that is free is given away, and no more
        await sleep(TIMEOUT_MS + 150);
        const left = FREE + THERE - (await books()).live;
        const last = await wave(`nlp_r${n}c`, FREE + 4);
        if (last.passed !== left) fault(`${left} were free, and of the last ones: ${JSON.stringify(last)}`);
    }
    const end = await books();
    if (end.reach_peak > FREE + THERE || end.peak > FREE + THERE) fault(`${end.peak} replicas at a time, ${end.reach_peak} within reach`);
    if (end.live !== FREE + THERE) fault(`${end.live} replicas at the end`);
    const page = (await budget()).policies[0];
    if (page.live && page.live.replicas + page.reserved.replicas > FREE + THERE) fault(`the page: ${JSON.stringify(page)}`);
}

for (let n = 0; n < rounds && faults.length <= 5; n++) await round(n);
// in the end the truth about each lost one is written down
for (let i = 0; i < 400 && (await budget()).in_doubt > 0; i++) await sleep(50);
const open = (await budget()).in_doubt;
if (open) faults.push(`${open} changes are still in doubt`);
// and `easgate budget` says what the page says
const said = spawnSync(path.join(BUILD, 'easgate'), ['budget', '--config', world.configFile], { encoding: 'utf8', timeout: 10000 });
const line = (kind) => said.stdout.match(new RegExp(`^nlp +${kind} +(\\d+) +(\\d+) +(\\d+) +(\\d+) `, 'm'))?.slice(1).map(Number) ?? [];
const isFull = ([limit, live, reserved, free], most) => limit === most && live + reserved === most && free === 0;
if (said.status !== 0 || !isFull(line('replicas'), FREE + THERE) || !isFull(line('GPUs'), 2 * (FREE + THERE)))
    faults.push(`easgate budget: ${said.status} ${said.stdout}${said.stderr}`);
agent.destroy();
await world.stopGateway();
const log = world.audit();
const resolved = new Set(log.filter((r) => r.type === 'resolved').map((r) => r.id));
const lost = new Set(log.filter((r) => r.type === 'outcome' && (r.status === 503 || ['sent_no_answer', 'cut_answer', 'bad_answer', 'unknown_after_crash'].includes(r.error))).map((r) => r.id));
const changes = new Set(log.filter((r) => r.type === 'intent' && r.op === 'CreateAppService').map((r) => r.id));
const unresolved = [...lost].filter((id) => changes.has(id) && !resolved.has(id));
if (unresolved.length) faults.push(`${unresolved.length} of ${lost.size} lost ones are not resolved in the log`);
if (faults.length) world.dump?.();
await world.stop();
for (const fault of faults) console.log(fault);
console.log(
    `T28: ${rounds} rounds (${count.plain} plain, ${count.losing} with lost answers, ${count.kills} kills, ${count.late} late effects), ${sums.passed} passed, ${sums.refused} refused, ` +
        `${sums.unknown} answers lost, ${sums.cut} cut by a kill, ${sums.unreadable} told to wait, ${resolved.size} resolved, ${faults.length} faults`,
);
process.exit(faults.length ? 1 : 0);
