// Every operation that can raise a service, at random, in parallel, while scalers move and cron jobs fire: no service ever has,
// or can come to, more than its cap. The judge are the emulator's own books (GET /peaks), not what easgate says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REGION, World, tokenDigest } from './harness.mjs';
import { Wire } from './wire.mjs';

const CAP = 6;
const LLAMA = 'llama_7b_fp16';
const MACHINE = 'ecs.gn6i-c4g1.xlarge';
const NAMES = ['nlp_a', 'nlp_b', 'nlp_c'];

const policies = (tokens) => `
[client nlp]
token_sha256 = ${tokenDigest(tokens.nlp)}
policy = all

[policy all]
allow = @read, @create, @scale, @update, @lifecycle, @delete
services = nlp_*
workspaces = 12345
app_types = LLM
service_specs = ${LLAMA}
instance_types = ${MACHINE}
max_replicas = ${CAP}
gateway_types = ecs.c7
max_gateways = 3
max_gateway_replicas = 2
charge_types = PostPaid
resources = eas-r-one
machine_types = ${MACHINE}
max_machines = 4
max_disk = 200
`;

/** Numbers between 0 and 1 that a seed repeats (mulberry32). */
function randomFrom(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

const path = (name, rest = '') => `/api/v2/services/${REGION}/${name}${rest}`;
const raw = (members, metadata) => ({ metadata, ...members });
const machine = { cloud: { computing: { instance_type: MACHINE } } };
const strategies = [{ metricName: 'qps', threshold: 10 }];
const jobs = (size) => ({ ScaleJobs: [{ Name: 'up', Schedule: '0 0 9 * * *', TargetSize: size }] });

/** By operation: a request on the service `name`; count() is a number around the cap, other() another service. */
const CALLS = {
    CreateAppService: ({ name, count }) => ({ method: 'POST', target: '/api/v2/app_services', body: { ServiceName: name, AppType: 'LLM', ServiceSpec: LLAMA, Replicas: count() } }),
    CreateService: ({ name, count, maybe }) => ({ method: 'POST', target: '/api/v2/services', body: raw({ ...machine, ...maybe({ autoscaler: { min: 1, max: count() } }) }, { name, instance: count(), ...maybe({ rolling_strategy: { max_surge: 1 } }) }) }),
    UpdateAppService: ({ name, count, maybe }) => ({ method: 'PUT', target: `/api/v2/app_services/${REGION}/${name}`, body: { ...maybe({ ServiceSpec: LLAMA }), ...maybe({ Replicas: count() }) } }),
    UpdateService: ({ name, count, maybe }) => ({ method: 'PUT', target: path(name, maybe({ r: 1 }).r ? '?UpdateType=replace' : ''), body: raw({ ...maybe(machine), ...maybe({ autoscaler: { min: 1, max: count() } }) }, { ...maybe({ instance: count() }), ...maybe({ rolling_strategy: { max_surge: 2 } }) }) }),
    CloneService: ({ name, other, count, maybe }) => ({ method: 'POST', target: path(name, '/clone'), body: raw({ ...maybe(machine) }, { name: other(), ...maybe({ instance: count() }) }) }),
    ScaleService: ({ name, count }) => ({ method: 'PUT', target: path(name, '/scale'), body: { Instance: count() } }),
    CreateServiceAutoScaler: ({ name, count }) => ({ method: 'POST', target: path(name, '/autoscaler'), body: { min: 1, max: count(), scaleStrategies: strategies } }),
    UpdateServiceAutoScaler: ({ name, count, maybe }) => ({ method: 'PUT', target: path(name, '/autoscaler'), body: { min: 0, max: count(), scaleStrategies: strategies, ...maybe({ behavior: { onZero: { scaleUpActivationReplicas: count() } } }) } }),
    CreateServiceCronScaler: ({ name, count }) => ({ method: 'POST', target: path(name, '/cronscaler'), body: jobs(count()) }),
    UpdateServiceCronScaler: ({ name, count }) => ({ method: 'PUT', target: path(name, '/cronscaler'), body: jobs(count()) }),
    UpdateServiceInstance: ({ name }) => ({ method: 'PUT', target: path(name, `/instances/${name}-6f7c9d8b5-00000`), body: { Detach: true } }),
    UpdateServiceVersion: ({ name, random }) => ({ method: 'PUT', target: path(name, '/version'), body: { Version: 1 + Math.floor(random() * 4) } }),
    StartService: ({ name }) => ({ method: 'PUT', target: path(name, '/start') }),
    RestartService: ({ name }) => ({ method: 'PUT', target: path(name, '/restart') }),
};
/** And what makes room again. */
const OTHERS = {
    StopService: ({ name }) => ({ method: 'PUT', target: path(name, '/stop') }),
    DeleteService: ({ name }) => ({ method: 'DELETE', target: path(name) }),
    DeleteServiceAutoScaler: ({ name }) => ({ method: 'DELETE', target: path(name, '/autoscaler') }),
    DeleteServiceCronScaler: ({ name }) => ({ method: 'DELETE', target: path(name, '/cronscaler') }),
    DeleteServiceInstances: ({ name }) => ({ method: 'DELETE', target: path(name, `/instances?InstanceList=${name}-6f7c9d8b5-00005`) }),
};

function makeCall(random) {
    const pick = (list) => list[Math.floor(random() * list.length)];
    const table = random() < 0.8 ? CALLS : OTHERS;
    const op = pick(Object.keys(table));
    const name = pick(NAMES);
    const given = {
        name, random,
        other: () => pick(NAMES.filter((n) => n !== name)),
        count: () => 1 + Math.floor(random() * (CAP + 1)),
        maybe: (members) => (random() < 0.5 ? members : {}),
    };
    return { op, name, ...table[op](given) };
}

async function assertBooks(world, said) {
    for (const name of NAMES) {
        const books = await world.control('GET', `/peaks?service=${name}`);
        assert.ok(books.complete);
        assert.ok(books.peak <= CAP && books.reach_peak <= CAP, `${said}: ${name} had ${books.peak}, could reach ${books.reach_peak}, of ${CAP}`);
    }
}

/** Rounds of random calls at once; by operation, how they ended. `between` is done before each round. */
async function storm(t, world, random, seed, { rounds, allowed, between = async () => {} }) {
    const ends = {};
    t.diagnostic(`seed ${seed}`);
    await world.control('POST', '/scalers', { service: '*', want: 'drift' });
    const wires = Array.from({ length: 8 }, () => new Wire(world.where));
    for (let round = 0; round < rounds; round++) {
        await between(round);
        const calls = wires.map(() => makeCall(random));
        const answers = await Promise.all(wires.map((wire, i) => wire.send(world.bytes(calls[i]))));
        for (const [i, answer] of answers.entries()) {
            const code = answer.json?.Code ?? '';
            const said = `seed ${seed}, round ${round}, ${calls[i].op}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`;
            assert.ok([200, 403, 404, 409].includes(answer.status) || allowed.includes(code), said);
            ((ends[calls[i].op] ??= {})[answer.status === 200 ? 'done' : code] ??= []).push(said);
        }
        if (round % 25 === 0) await assertBooks(world, `seed ${seed}, round ${round}`);
        // a job may be gone by now
        if (round % 5 === 0) await world.control('POST', '/cron', { service: NAMES[round % NAMES.length] }).catch(() => {});
    }
    await assertBooks(world, `seed ${seed}, at the end`);
    for (const wire of wires) wire.close();
    for (const [op, how] of Object.entries(ends)) t.diagnostic(`${op}: ${Object.entries(how).map(([code, list]) => `${code} ${list.length}`).join(', ')}`);
    for (const line of world.journal()) assert.ok(line.signature === null || line.signature.ok);
    return ends;
}

const seed = Number(process.env.SEED ?? Date.now() % 1e9);
const rounds = Number(process.env.ROUNDS ?? 250);

test('no service passes its cap, whatever raises it', { timeout: 200000 }, async (t) => {
    const world = await World.start({ policies, stateDelayMs: 4, gateway: 'change_wait = 2s' });
    try {
        const ends = await storm(t, world, randomFrom(seed), seed, { rounds, allowed: ['Easgate.StateUnreadable'] });
        // a test that nothing passes proves nothing
        for (const op of Object.keys(CALLS)) assert.ok(ends[op]?.done, `seed ${seed}: no ${op} ever passed: ${JSON.stringify(ends[op] ?? {}, null, 1).slice(0, 2000)}`);
    } finally {
        await world.stop();
    }
});

// Of any request, look-ups too, the answer may be lost, broken or an error, whether it took effect or not.
const FAULTS = [
    { fault: 'reset-before' }, { fault: 'reset-within' }, { fault: 'reset-after' }, { fault: 'close-at', at: 30 }, { fault: 'garbage' },
    { fault: 'status', status: 500, execute: true }, { fault: 'status', status: 503 }, { fault: 'throttle' }, { fault: 'silent' },
];
const TROUBLE = ['Easgate.UpstreamUnreachable', 'Easgate.StateUnreadable', 'Easgate.OutcomeUnknown', 'Easgate.BadUpstreamAnswer', 'Easgate.UpstreamTimeout', 'InternalError', 'ServiceUnavailable', 'Throttling.User'];

test('no service passes its cap, whatever answer is lost', { timeout: 200000 }, async (t) => {
    const random = randomFrom(seed + 1);
    const world = await World.start({ policies, stateDelayMs: 4, gateway: 'change_wait = 3s', upstream: 'timeout = 600ms\nconnect_timeout = 600ms' });
    const settled = () => new Promise((resolve) => setTimeout(resolve, 700)); // what is in doubt may take effect for so long
    try {
        const between = async (round) => {
            if (round % 15) return;
            await settled();
            await world.control('DELETE', '/faults');
            await world.control('POST', '/faults', { ...FAULTS[Math.floor(random() * FAULTS.length)], skip: Math.floor(random() * 40), count: 1 });
        };
        const ends = await storm(t, world, random, seed, { rounds: Math.min(rounds, 150), allowed: TROUBLE, between });
        const ended = (codes) => Object.values(ends).some((how) => codes.some((code) => how[code]));
        assert.ok(ended(['done']) && ended(['Easgate.ReplicaCap']) && ended(TROUBLE), `seed ${seed}: no call passed, or no fault was seen`);

        await world.control('DELETE', '/faults');
        await world.control('DELETE', '/services');
        await world.setService('nlp_a', { ServiceSpec: LLAMA, replicas: 1, WorkspaceId: '12345', Status: 'Running' });
        await world.control('POST', '/faults', { match: { action: 'ScaleService' }, fault: 'reset-before' });
        const scale = () => world.call({ method: 'PUT', target: path('nlp_a', '/scale'), body: { Instance: 2 } });
        await settled();
        assert.equal((await scale()).json.Code, 'Easgate.OutcomeUnknown');
        assert.equal((await scale()).json.Code, 'Easgate.ChangeInProgress');
        await settled();
        assert.equal((await scale()).status, 200);
    } finally {
        await world.stop();
    }
});

/** Twelve at a time; how many were let through. */
async function atOnce(world, request) {
    const wires = Array.from({ length: 12 }, () => new Wire(world.where));
    const answers = await Promise.all(wires.map((wire) => wire.send(world.bytes(request))));
    for (const wire of wires) wire.close();
    const how = answers.map((a) => `${a.status} ${a.json?.Code ?? a.body.toString('utf8').slice(0, 200)}`);
    for (const answer of answers) assert.ok(answer.status === 200 || answer.json?.Code === 'Easgate.CostNotAllowed', how.join('\n'));
    return answers.filter((a) => a.status === 200).length;
}

test('parallel purchases pass as many as fit', { timeout: 100000 }, async () => {
    const world = await World.start({ policies, gateway: 'change_wait = 20s' });
    const count = async (kind) => (await world.control('GET', '/state')).things.filter((thing) => thing.kind === kind).length;
    try {
        await world.control('PUT', '/things', { kind: 'gateway', key: 'gw-of-another', data: { GatewayId: 'gw-of-another' } });
        await world.control('PUT', '/things', { kind: 'resource', key: 'eas-r-one', data: { ResourceId: 'eas-r-one' } });
        await world.control('POST', '/faults', { match: { action: 'ListGateway' }, count: -1, fault: 'delay', ms: 5 });
        const gateway = { method: 'POST', target: '/api/v2/gateways', body: { Name: 'g', InstanceType: 'ecs.c7', Replicas: 1, ChargeType: 'PostPaid' } };
        assert.equal(await atOnce(world, gateway), 2); // one is there already
        assert.equal(await count('gateway'), 3);
        const machines = (n) => ({ method: 'POST', target: `/api/v2/resources/${REGION}/eas-r-one/instances`, body: { ChargeType: 'PostPaid', EcsInstanceCount: n, EcsInstanceType: MACHINE, SystemDiskSize: 100 } });
        assert.equal(await atOnce(world, machines(3)), 1);
        assert.equal(await atOnce(world, machines(1)), 1);
        assert.equal(await count('machine'), 4);
    } finally {
        await world.stop();
    }
});
