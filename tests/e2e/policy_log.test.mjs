// replay and learn over every operation: each request of the vectors of accepted ones is made under a policy that lists exactly their
// values, under a poor one, and under a poor one that only reports. What the log holds then must be enough to judge each again.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BUILD, REGION, ROOT, World, clientSections } from './harness.mjs';

const operations = new Map(JSON.parse(fs.readFileSync(`${ROOT}/docs/eas/operations.json`, 'utf8')).map((o) => [o.action, o]));
const bounds = new Map([...fs.readFileSync(`${ROOT}/src/core/bounds.def`, 'utf8').matchAll(/^BOUND\((\w+), (\w+),/gm)].map((m) => [m[1], m[2]]));
const vectors = fs.readFileSync(`${ROOT}/tests/vectors/facts/accepted.txt`, 'utf8').split('\n')
    .map((line) => /^([A-Z]\w+)(?:\?(\S*))? \| (.*) \| ok ?(.*)$/.exec(line)).filter(Boolean)
    .map((m) => ({ op: operations.get(m[1]), query: m[2], body: m[3] === '-' ? null : m[3], values: m[4].split('; ').filter(Boolean) }));

/** A policy's lines that allow the values of the vectors; sums of purchases have room. */
function widePolicy() {
    const lists = new Map();
    const most = new Map();
    for (const { values } of vectors) {
        for (const text of values) {
            const [, key, value] = /^(\w+) .*?=(.*)$/.exec(text) ?? [];
            const style = bounds.get(key);
            if (!style || ['services', 'workspaces', 'quotas'].includes(key)) continue;
            if (style === 'REPLICAS') most.set(key, Math.max(most.get(key) ?? 1, Number(value)));
            else if (style === 'FLAG') lists.set(key, new Set(['yes']));
            else if (/^[A-Za-z0-9_.:/@-]+$/.test(value)) lists.set(key, (lists.get(key) ?? new Set()).add(value));
        }
    }
    for (const key of ['groups', 'gateways', 'resources', 'benchmark_tasks', 'addons']) lists.set(key, (lists.get(key) ?? new Set()).add('x-1'));
    lists.set('virtual_resources', (lists.get('virtual_resources') ?? new Set()).add('x-1')).set('configs', new Set(['x-1/x-1'])).set('groups', new Set(['*']));
    for (const [key, style] of bounds) if (style === 'REPLICAS' && /^max_(mach|res|virt|gateways|bench.*tasks)/.test(key)) most.set(key, 50);
    most.set('max_replicas', 12);
    return [...[...lists].flatMap(([key, values]) => [...values].map((v) => `${key} = ${v}`)), ...[...most].map(([key, n]) => `${key} = ${n}`)].join('\n');
}

const CLASSES = '@read, @create, @scale, @update, @lifecycle, @delete, @label, @mint, @secrets';
const policies = (tokens) => `${clientSections(tokens, { nlp: 'wide', vision: 'reporting', reader: 'poor' })}
[policy wide]
allow = ${CLASSES}
services = svc_*, nlp*, n, a, x-1
services = b until 2099-12-31T10:00:00Z
${widePolicy()}

[policy reporting]
allow = @read, @create, @scale, @lifecycle
services = vis_*
workspaces = 67890
service_specs = llama_7b_fp16 <= 1
max_replicas = 2
mode = report

[policy poor]
allow = @read, @create, @update
services = rd_*
instance_types = ecs.c
max_replicas = 1
max_gateways = 1
`;

function easgate(...args) {
    const run = spawnSync(path.join(BUILD, 'easgate'), args, { encoding: 'utf8', timeout: 60000 });
    return { code: run.status, out: run.stdout, err: run.stderr };
}

test('a log of every operation can be judged again, and learnt from', { timeout: 200000 }, async (t) => {
    const world = await World.start({ policies, gateway: 'change_wait = 2s' });
    await world.shows(async () => {
        for (const team of ['svc', 'vis', 'rd'])
            await world.setService(`${team}_1`, { spec: 'llama_7b_fp16', replicas: 1 }).catch(() => {});
        for (const [token, prefix] of [['nlp', 'svc'], ['vision', 'vis'], ['reader', 'rd']]) {
            for (const { op, query, body } of vectors) {
                const own = (text) => (token === 'nlp' ? text : text.replaceAll('nlp_', `${prefix}_`)).replaceAll('svc_1', `${prefix}_1`);
                const filled = op.path.replace(/\{(\w+)\}/g, (_, name) => (name === 'ClusterId' ? REGION : name === 'ServiceName' ? `${prefix}_1` : 'x-1'));
                await world.call({ method: op.method, target: filled + (query ? `?${query}` : ''), token: world.tokens[token], body: body && own(body) });
            }
        }
        await world.stopGateway();
        const records = fs.readFileSync(world.auditFile, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
        const sent = new Set(records.filter((r) => r.type === 'intent' && !r.parent).map((r) => r.op));
        t.diagnostic(`${sent.size} operations were sent; not: ${[...operations.keys()].filter((o) => !sent.has(o)).join(' ')}`);
        assert.ok(sent.size >= 80, `only ${sent.size} operations were sent`);
        assert.ok(records.some((r) => r.type === 'intent' && r.would_deny));
        assert.ok(records.some((r) => r.type === 'intent' && /^Create(Gateway|Resource)/.test(r.op) && r.now));

        const { configFile: config, auditFile: log, dir } = world;
        const again = easgate('replay', '--policy', config, log);
        assert.equal(again.code, 0, again.out + again.err);
        t.diagnostic(again.out.trim());
        const learnt = easgate('learn', '--config', config, log);
        assert.equal(learnt.code, 0, learnt.err);
        fs.writeFileSync(`${dir}/learnt.ini`, learnt.out, { mode: 0o600 });
        const check = easgate('check', `${dir}/learnt.ini`);
        assert.equal(check.code, 0, check.out + check.err + learnt.out);
        const flips = easgate('replay', '--policy', `${dir}/learnt.ini`, '--json', log).out.trim().split('\n').map((line) => JSON.parse(line));
        assert.equal(flips.pop().now_refused, 0, JSON.stringify(flips.filter((f) => f.would_be === 'refused'), null, 1));
    })();
    await world.stop();
});
