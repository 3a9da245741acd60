// T34: see tests/proofs/T34-three-teams. Three teams call everything that can raise a cap, allowed and forbidden, at random and in
// parallel, while scalers move by themselves and some answers are lost. Judged by the emulator's own books and journal.
import http from 'node:http';
import { REGION, World, tokenDigest } from './harness.mjs';
import { numbers } from './mixer.mjs';

const option = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const short = process.argv.includes('--short');
const CALLS = option('calls', short ? 4000 : 100000);
const SEED = option('seed', (Date.now() ^ (process.pid << 8)) >>> 0);
const PARALLEL = option('parallel', 24);
const TIMEOUT_MS = 1000;

// What each team may have, in numbers that the policies below state and the books are held against.
const TEAMS = {
    nlp: { prefix: 'nlp_', other: 'vis_', workspace: '11111', specs: { llama_7b_fp16: 4, chatglm_6b_int8: 2 }, types: { 'ecs.gn6i-c4g1.xlarge': 3 }, most: 4, total: 10 },
    vision: { prefix: 'vis_', other: 'rd_', workspace: '22222', specs: { baichuan_13b_fp16: 6 }, types: { 'ecs.gn7i-c8g1.2xlarge': 2, 'ecs.c6.large': 6 }, most: 6, total: 8 },
    reader: { prefix: 'rd_', other: 'nlp_', workspace: '33333', specs: { llama_13b_fp16: 3 }, types: { 'ecs.c7.2xlarge': 3 }, most: 3, total: null },
};
const FOREIGN_SPECS = ['llama_7b_int8', 'baichuan_7b_fp16'];
const FOREIGN_TYPES = ['ecs.gn7e-c16g1.32xlarge', 'ecs.gn6v-c8g1.2xlarge'];
const OPERATIONS = `CreateAppService, UpdateAppService, CreateService, UpdateService, CloneService, ScaleService, CreateServiceAutoScaler,
UpdateServiceAutoScaler, DeleteServiceAutoScaler, CreateServiceCronScaler, UpdateServiceCronScaler, DeleteServiceCronScaler, UpdateServiceInstance,
DeleteServiceInstances, UpdateServiceVersion, StartService, StopService, RestartService, DeleteService, DescribeService, ListServices,
ListServiceVersions, UpdateServiceLabel`.replaceAll('\n', ' ');

const policies = (tokens) => Object.entries(TEAMS).map(([team, t]) => `
[client ${team}]
token_sha256 = ${tokenDigest(tokens[team])}
policy = ${team}

[policy ${team}]
allow = ${OPERATIONS.split(', ').slice(0, 8).join(', ')}
allow = ${OPERATIONS.split(', ').slice(8, 16).join(', ')}
allow = ${OPERATIONS.split(', ').slice(16).join(', ')}
services = ${t.prefix}*
workspaces = ${t.workspace}
app_types = LLM
service_specs = ${Object.entries(t.specs).map(([s, n]) => `${s} <= ${n}`).join(', ')}
instance_types = ${Object.entries(t.types).map(([s, n]) => `${s} <= ${n}`).join(', ')}
max_replicas = ${t.most}
${t.total ? `max_total_replicas = ${t.total}` : ''}
images = registry.example/${team}/*
label_keys = stage
`).join('\n');

const world = await World.start({
    policies, stateDelayMs: 15, limitMs: (short ? 400 : 3000) * 1000,
    gateway: 'change_wait = 1s\nmax_inflight = 512',
    upstream: `timeout = ${TIMEOUT_MS}ms\nconnect_timeout = 500ms`,
});
const agent = new http.Agent({ keepAlive: true, maxSockets: PARALLEL });
const faults = [];
const next = numbers(SEED);
const of = (list) => list[next(list.length)];
const chance = (percent) => next(100) < percent;
console.log(`T34: seed ${SEED}, ${CALLS} calls, ${PARALLEL} at a time`);

function ask(team, method, path, body) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = { Authorization: `Bearer ${world.tokens[team]}` };
    if (text !== undefined) Object.assign(headers, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
    return new Promise((resolve) => {
        const request = http.request({ host: '127.0.0.1', port: world.port, method, path, agent, headers, timeout: 60000 }, (answer) => {
            let all = '';
            answer.on('data', (part) => (all += part));
            answer.on('end', () => resolve({
                status: answer.statusCode, text: all, own: Boolean(answer.headers['x-easgate-answered']), id: answer.headers['x-acs-request-id'],
            }));
        });
        request.once('error', (error) => resolve({ status: 0, text: String(error), own: true }));
        request.end(text);
    });
}

const nameOf = (t) => (chance(85) ? `${t.prefix}${next(6)}` : chance(60) ? `${t.other}${next(6)}` : `${t.prefix}never_${next(3)}`);
const count = () => (chance(70) ? 1 + next(4) : next(14));
const specOf = (t) => (chance(80) ? of(Object.keys(t.specs)) : of(FOREIGN_SPECS));
const typeOf = (t) => (chance(80) ? of(Object.keys(t.types)) : of(FOREIGN_TYPES));
const at = (name, rest = '') => `/api/v2/services/${REGION}/${name}${rest}`;
const instance = (name, i) => `${name}-6f7c9d8b5-${String(i).padStart(5, '0')}`; // as the emulator names them
const surge = () => (chance(20) ? { rolling_strategy: { max_surge: next(3) } } : {});
const scaler = () => ({ min: next(3), max: 1 + count(), ...(chance(20) ? { behavior: { onZero: { scaleUpActivationReplicas: 1 + count() } } } : {}) });

function config(t, team, name) {
    return {
        metadata: { ...(name ? { name } : {}), ...(chance(85) ? { instance: count() } : {}), ...surge(), ...(chance(5) ? { 'metadata.instance': 9 } : {}) },
        ...(chance(90) ? { cloud: { computing: { instance_type: typeOf(t) } } } : {}),
        ...(chance(60) ? { containers: [{ image: `registry.example/${chance(90) ? team : 'other'}/run:1` }] } : {}),
        ...(chance(12) ? { autoscaler: { min: 1, max: count() } } : {}),
        ...(chance(3) ? { 'metadata.instance': 9 } : {}),
    };
}

// Each gives [method, path, body]. The name says what is counted at the end.
const CALLS_OF = {
    createApp: (t, team, name) => ['POST', '/api/v2/app_services', { ServiceName: name, AppType: 'LLM', ServiceSpec: specOf(t), Replicas: count() }],
    updateApp: (t, team, name) => ['PUT', `/api/v2/app_services/${REGION}/${name}`, { ...(chance(60) ? { Replicas: count() } : {}), ...(chance(50) ? { ServiceSpec: specOf(t) } : {}) }],
    create: (t, team, name) => ['POST', `/api/v2/services${chance(50) ? `?WorkspaceId=${chance(90) ? t.workspace : '99999'}` : ''}`, config(t, team, name)],
    update: (t, team, name) => ['PUT', at(name, of(['', '?UpdateType=merge', '?UpdateType=replace'])), config(t, team)],
    clone: (t, team, name) => ['POST', at(name, '/clone'), { metadata: { name: nameOf(t), ...(chance(50) ? { instance: count() } : {}), ...surge() } }],
    scale: (t, team, name) => ['PUT', at(name, '/scale'), { Instance: count() }],
    autoscaler: (t, team, name) => [of(['POST', 'PUT']), at(name, '/autoscaler'), { ...scaler(), scaleStrategies: [{ metricName: 'qps', threshold: 10 }] }],
    autoscalerOff: (t, team, name) => ['DELETE', at(name, '/autoscaler')],
    cron: (t, team, name) => [of(['POST', 'PUT']), at(name, '/cronscaler'), { ScaleJobs: [{ Name: 'j', Schedule: '*/2 * * * * *', TargetSize: count() }] }],
    cronOff: (t, team, name) => ['DELETE', at(name, '/cronscaler')],
    detach: (t, team, name) => ['PUT', at(name, `/instances/${instance(name, 0)}`), { Detach: true }],
    restartInstances: (t, team, name) => ['DELETE', at(name, `/instances?InstanceList=${instance(name, next(5))}`)],
    version: (t, team, name) => ['PUT', at(name, '/version'), { Version: 1 + next(5) }],
    start: (t, team, name) => ['PUT', at(name, '/start')],
    stop: (t, team, name) => ['PUT', at(name, '/stop')],
    restart: (t, team, name) => ['PUT', at(name, '/restart')],
    remove: (t, team, name) => ['DELETE', at(name)],
    label: (t, team, name) => ['PUT', at(name, '/label'), { Labels: { [chance(80) ? 'stage' : 'owner']: chance(80) ? 'test' : `${t.other}1` } }],
    describe: (t, team, name) => ['GET', at(name)],
    versions: (t, team, name) => ['GET', at(name, '/versions')],
    list: (t) => ['GET', `/api/v2/services?PageSize=${1 + next(20)}${chance(30) ? `&Filter=${t.other}` : ''}`],
};
const WEIGHTS = {
    createApp: 10, updateApp: 8, create: 8, update: 8, clone: 5, scale: 12, autoscaler: 8, autoscalerOff: 5, cron: 5, cronOff: 4, detach: 3,
    restartInstances: 3, version: 4, start: 6, stop: 6, restart: 2, remove: 9, label: 2, describe: 3, versions: 2, list: 2,
};
const KINDS = Object.entries(WEIGHTS).flatMap(([kind, n]) => Array(n).fill(kind));
const tally = Object.fromEntries(Object.keys(WEIGHTS).map((k) => [k, { passed: 0, refused: 0, other: 0 }]));
const codes = new Map();
const passedBy = new Map(); // RequestId of EAS -> team

function judgeAnswer(team, kind, call, answer) {
    const what = `${team} ${call[0]} ${call[1]} ${JSON.stringify(call[2] ?? '')}`;
    if (answer.status === 0 || answer.status === 500) faults.push(`${what}: ${answer.status} ${answer.text}`);
    const code = answer.status < 300 ? 'passed' : /"Code":"([^"]*)"/.exec(answer.text)?.[1] ?? String(answer.status);
    codes.set(code, (codes.get(code) ?? 0) + 1);
    tally[kind][answer.status < 300 ? 'passed' : answer.own ? 'refused' : 'other']++;
    if (!answer.own) passedBy.set(answer.id, team);
    if (answer.status >= 300 || call[0] !== 'GET') return;
    for (const [other, t] of Object.entries(TEAMS))
        if (other !== team && new RegExp(`"ServiceName":"${t.prefix}`).test(answer.text)) faults.push(`${what}: shows a service of ${other}`);
}

const SERVICE = new RegExp(`^/api/v2/(?:app_)?services/${REGION}/([a-z0-9_-]+)`);
const created = (line) => {
    const body = line.body ? JSON.parse(line.body) : {};
    return body.ServiceName ?? body.metadata?.name;
};

/** What arrived about each service of late, for the person who reads a fault. */
const history = new Map();

/** Every request that arrived is about a service of the team that asked. */
function judgeJournal() {
    for (const line of world.journal()) {
        const about = SERVICE.exec(line.path)?.[1] ?? (line.method === 'POST' ? created(line) : undefined);
        if (about && !(line.method === 'GET' && line.status === 404)) history.set(about, [...(history.get(about) ?? []).slice(-150), `  ${line.time} ${line.method} ${line.target} ${line.body} -> ${line.status} ${line.fault ?? ''}`]);
        if (!line.signature?.ok) faults.push(`signature: ${line.method} ${line.target}`);
        const team = passedBy.get(line.request_id);
        if (!team) continue; // a look-up, or its answer was lost
        const t = TEAMS[team];
        const named = [SERVICE.exec(line.path)?.[1], line.method === 'POST' ? created(line) : undefined].filter(Boolean);
        for (const name of named) if (!name.startsWith(t.prefix)) faults.push(`${team}'s request reached ${name}: ${line.method} ${line.target} ${line.body}`);
    }
    passedBy.clear();
}

const seen = new Set(Object.values(TEAMS).flatMap((t) => Array.from({ length: 6 }, (_, i) => `${t.prefix}${i}`)));

async function judgeBooks() {
    for (const [team, t] of Object.entries(TEAMS)) {
        const sum = await world.control('GET', `/peaks?prefix=${t.prefix}`);
        if (!sum.complete) faults.push('the books are not complete');
        if (t.total && (sum.peak > t.total || sum.reach_peak > t.total)) faults.push(`${team}: ${JSON.stringify(sum)}; max_total_replicas is ${t.total}`);
    }
    for (const [name, s] of await world.state()) {
        seen.add(name);
        const t = Object.values(TEAMS).find((x) => name.startsWith(x.prefix));
        if (!t) { faults.push(`a service of nobody: ${name}`); continue; }
        if (s.WorkspaceId !== t.workspace) faults.push(`${name} is in workspace ${s.WorkspaceId}`);
        if (s.Image && !s.Image.startsWith('registry.example/')) faults.push(`${name} runs ${s.Image}`);
    }
    for (const name of seen) { // also those that are gone by now
        const t = Object.values(TEAMS).find((x) => name.startsWith(x.prefix));
        const own = await world.control('GET', `/peaks?service=${name}`);
        if (own.peak > t.most || own.reach_peak > t.most) faults.push(`${name}: ${JSON.stringify(own)}; max_replicas is ${t.most}`);
        for (const spec of [...FOREIGN_SPECS, ...FOREIGN_TYPES, ...Object.keys(t.specs), ...Object.keys(t.types)]) {
            const cap = t.specs[spec] ?? t.types[spec] ?? 0;
            const of = await world.control('GET', `/peaks?service=${name}&spec=${spec}`);
            if (of.peak > cap || of.reach_peak > cap) faults.push(`${name} of ${spec}: ${JSON.stringify(of)}; its cap is ${cap}`);
        }
    }
}

/** What chance makes pass too seldom in a short run, once for each team, so that a run never goes without: a rollback and a clone. */
async function begin() {
    for (const [team, t] of Object.entries(TEAMS)) {
        const [name, copy] = [`${t.prefix}0`, `${t.prefix}1`];
        const one = { metadata: { instance: 1 }, cloud: { computing: { instance_type: Object.keys(t.types)[0] } } };
        for (const [kind, call] of [
            ['create', ['POST', '/api/v2/services', { ...one, metadata: { name, instance: 1 } }]],
            ['update', ['PUT', at(name), one]],
            ['version', ['PUT', at(name, '/version'), { Version: 1 }]],
            ['clone', ['POST', at(name, '/clone'), { metadata: { name: copy, instance: 1 } }]],
            ['remove', ['DELETE', at(copy)]],
            ['remove', ['DELETE', at(name)]],
        ]) {
            const answer = await ask(team, ...call);
            judgeAnswer(team, kind, call, answer);
            if (answer.status >= 300) faults.push(`${team} ${kind}: ${answer.status} ${answer.text} on an empty account`);
        }
    }
}

await begin();
await world.control('POST', '/scalers', { service: '*', want: 'drift' });
const LOSABLE = ['CreateAppService', 'UpdateAppService', 'ScaleService', 'CreateService', 'UpdateServiceAutoScaler', 'StartService', 'CloneService'];
const BATCH = 500;
let made = 0;
while (made < CALLS && !faults.length) {
    if (chance(60)) await world.control('POST', '/faults', { match: { action: of(LOSABLE) }, fault: 'close-at', at: 0, execute: true, count: 1 + next(2) });
    let left = Math.min(BATCH, CALLS - made);
    made += left;
    // the calls are drawn before they are made, so that a seed gives the same calls whatever the machine does
    const drawn = Array.from({ length: left }, () => {
        const team = of(Object.keys(TEAMS));
        const kind = of(KINDS);
        return { team, kind, call: CALLS_OF[kind](TEAMS[team], team, nameOf(TEAMS[team])) };
    });
    const worker = async () => {
        for (let one = drawn.pop(); one; one = drawn.pop()) judgeAnswer(one.team, one.kind, one.call, await ask(one.team, ...one.call));
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    judgeJournal();
    await judgeBooks();
    await world.control('DELETE', '/faults');
}
agent.destroy();

// A run in which nothing of a kind ever passed, or was ever refused, would prove nothing.
for (const [kind, n] of Object.entries(tally)) if (CALLS >= 4000 && n.passed === 0) faults.push(`${kind}: none of ${n.refused + n.other} passed`);
for (const kind of ['createApp', 'updateApp', 'create', 'update', 'clone', 'scale', 'autoscaler', 'cron', 'start'])
    if (CALLS >= 4000 && tally[kind].refused === 0) faults.push(`${kind}: none was refused`);
if (faults.length) world.dump?.();
await world.stop();
for (const fault of faults) console.log(fault);
for (const [name, lines] of history) if (faults.some((fault) => fault.startsWith(name))) console.log(`${name}:\n${lines.join('\n')}`);
console.log(Object.entries(tally).map(([k, n]) => `${k} ${n.passed}+${n.refused}-${n.other}`).join(', '));
console.log([...codes].sort((a, b) => b[1] - a[1]).map(([c, n]) => `${c} ${n}`).join(', '));
console.log(`T34: seed ${SEED}: ${made} calls, ${faults.length} faults${faults.length ? `; again: --seed ${SEED} --calls ${made}` : ''}`);
process.exit(faults.length ? 1 : 0);
