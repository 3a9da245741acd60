// What a team is shown: things of three teams stand beside each other in the emulator, with a text of their team in every field. For
// each GET of the catalogue no answer may name anything of another team, nor, without @secrets, any secret. And what belongs to
// another team looks exactly like what never existed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { REGION, ROOT, World, tokenDigest } from './harness.mjs';

const TEAMS = { nlp: 'nlp', vis: 'vision', rd: 'reader' }; // prefix of its things: name of its token
const SHOWS_SECRETS = 'rd';
const OPERATIONS = JSON.parse(fs.readFileSync(`${ROOT}/docs/eas/operations.json`, 'utf8'));

const ADDONS = { nlp: 'log-collector', vis: 'metrics-exporter', rd: 'other' }; // the emulator has the first two

const policyOf = (team, more) => `
[client ${team}]
token_sha256 = TOKEN_${team}
policy = ${team}

[policy ${team}]
allow = @read${more}
services = ${team}_*
groups = ${team}_*
gateways = gw-${team}
resources = eas-r-${team}, eas-r-shared
virtual_resources = eas-vr-${team}
benchmark_tasks = ${team}_*
configs = app/${team}_*
addons = ${ADDONS[team]}
`;
const policies = (tokens) => Object.entries(TEAMS)
    .map(([team, token]) => policyOf(team, team === SHOWS_SECRETS ? ', @mint, @secrets' : '').replace(`TOKEN_${team}`, tokenDigest(tokens[token])))
    .join('');

const nameOf = (team) => ({
    ClusterId: REGION, ServiceName: `${team}_a`, GroupName: `${team}_g`, GatewayId: `gw-${team}`, ResourceId: `eas-r-${team}`,
    VirtualResourceId: `eas-vr-${team}`, TaskName: `${team}_t`, ConfigType: 'app', Name: `${team}_c`, ConfigKey: 'k', InstanceName: 'i-1',
    TenantAddonName: ADDONS[team], ArtifactName: 'eas-x',
});

/** A text for every field: whose it is, and whether it is a secret. */
const plain = (team) => `plain-${team}-9d2c`;
const secret = (team) => `secret-${team}-9d2c`;

function thingsOf(team, other) {
    const n = nameOf(team);
    const inside = {
        Note: plain(team), Text: JSON.stringify({ token: secret(team), storage: [{ git: { password: secret(team) } }], env: [{ value: secret(team) }] }),
        Services: [{ ServiceName: n.ServiceName, Note: plain(team) }, { ServiceName: `${other}_a`, Note: plain(other), AccessToken: secret(other) }],
        Pods: [{ ServiceName: `${other}_a`, Note: plain(other) }], QueueService: `${other}_a`,
        Deep: [{ AccessToken: secret(team), ServiceConfig: `${secret(team)}`, WorkbenchUrl: secret(team), SignedUrl: secret(team), SecurityToken: secret(team) }],
    };
    return [
        { kind: 'group', key: n.GroupName, data: { Name: n.GroupName, AccessToken: secret(team), ...inside } },
        { kind: 'gateway', key: n.GatewayId, data: { GatewayId: n.GatewayId, GatewayName: plain(team), ...inside } },
        { kind: 'resource', key: n.ResourceId, data: { ResourceId: n.ResourceId, ResourceName: plain(team), ...inside } },
        { kind: 'machine', key: `i-${team}`, data: { InstanceId: `i-${team}`, InstanceName: plain(team), ResourceId: n.ResourceId, ...inside } },
        { kind: 'virtual', key: n.VirtualResourceId, data: { VirtualResourceId: n.VirtualResourceId, VirtualResourceName: plain(team), ...inside } },
        { kind: 'config', key: `app/${n.Name}/k`, data: { ConfigKey: 'k', Value: secret(team), Note: plain(team) } },
        { kind: 'benchmark', key: n.TaskName, data: { TaskName: n.TaskName, ServiceName: `${other}_a`, Token: secret(team), service: { requestToken: secret(team) }, ...inside } },
    ];
}

const serviceOf = (team, other, resource) => ({
    name: `${team}_a`, token: secret(team), labels: { note: plain(team) }, config: JSON.stringify({ note: plain(team), dockerAuth: secret(team) }),
    config_extra: JSON.stringify({ token: secret(team) }), resource, caller: plain(team), max: 3, min: 1,
    strategies: JSON.stringify([{ metricName: 'qps', threshold: 1, service: `${other}_a` }]), mirror: JSON.stringify({ Target: [`${other}_a`], Ratio: 5 }),
});

/** From JSON text, so that nothing of it hides in an escape. */
function texts(value) {
    if (typeof value === 'string') return [value];
    return value && typeof value === 'object' ? Object.entries(value).flatMap(([k, v]) => [k, ...texts(v)]) : [];
}
const namesOf = (team) => [plain(team), secret(team), ...['ServiceName', 'GroupName', 'GatewayId', 'ResourceId', 'VirtualResourceId', 'TaskName', 'Name', 'TenantAddonName'].map((k) => nameOf(team)[k])];

let world;
before(async () => {
    world = await World.start({ policies });
    const teams = Object.keys(TEAMS);
    for (const [i, team] of teams.entries()) {
        const other = teams[(i + 1) % 3];
        await world.control('PUT', '/things', thingsOf(team, other));
        await world.setService(`${team}_a`, serviceOf(team, other, 'eas-r-shared'));
    }
    await world.control('PUT', '/things', [
        { kind: 'resource', key: 'eas-r-shared', data: { ResourceId: 'eas-r-shared' } },
        { kind: 'machine', key: 'i-1', data: { InstanceId: 'i-1', ResourceId: 'eas-r-shared' } },
    ]);
});
after(() => world?.stop());

const fill = (path, names) => path.replace(/\{(\w+)\}/g, (_, name) => names[name] ?? 'x-1');
const gives = (op) => op.touches.some((t) => t.kind === 'secrets' && t.fields.some((f) => f.startsWith('response:')));
const makes = (op) => ['CreateServiceInstanceToken', 'DescribeServiceSignedUrl'].includes(op.action);

for (const [team, token] of Object.entries(TEAMS))
    test(`nothing of others, and ${team === SHOWS_SECRETS ? 'its own' : 'no'} secrets, are shown to ${team}`, () => world.shows(async () => {
        const names = { ...nameOf(team), InstanceName: `${team}_a-6f7c9d8b5-00000` };
        let shown = 0;
        let bare = 0;
        let secrets = 0;
        for (const op of OPERATIONS.filter((o) => o.method === 'GET')) {
            const onMachine = /ListResourceServices|ListResourceInstanceWorker/.test(op.action);
            const needed = op.query.filter((q) => q.required).map((q) => `${q.name}=x`).join('&');
            const target = fill(op.path, onMachine ? { ...names, ResourceId: 'eas-r-shared', InstanceName: 'i-1' } : names) + (needed && `?${needed}`);
            const answer = await world.call({ target, token: world.tokens[token] });
            if (makes(op) && team !== SHOWS_SECRETS) {
                assert.equal(answer.status, 403, op.action);
                continue;
            }
            const isBare = answer.status >= 400 && !answer.headers.has('x-easgate-answered'); // it has none, or needs a query
            assert.ok(answer.status === 200 || isBare, `${op.action}: ${answer.status} ${answer.body}`);
            bare += isBare;
            const all = texts(answer.json).join('\n');
            for (const other of Object.keys(TEAMS).filter((t) => t !== team))
                for (const name of namesOf(other)) assert.ok(!all.includes(name), `${op.action} shows ${name} to ${team}: ${answer.body}`);
            if (team !== SHOWS_SECRETS) assert.ok(!all.includes(secret(team)), `${op.action} shows a secret: ${answer.body}`);
            if (/^List(Services|Groups|Gateway|Resources|VirtualResource|BenchmarkTask|ResourceServices|ResourceInstanceWorker)$/.test(op.action)) {
                const expected = op.action === 'ListResources' ? 2 : 1; // the shared one, too
                assert.equal(answer.json.TotalCount, expected, `${op.action}: ${answer.body}`);
            }
            shown += all.includes(plain(team));
            secrets += gives(op) && all.includes(secret(team));
            if (gives(op) && team !== SHOWS_SECRETS) assert.ok(all.includes('[redacted]'), `${op.action}: ${answer.body}`);
        }
        assert.ok(bare <= 8, `${bare} answers were errors`);
        assert.ok(shown >= 12, `only ${shown} answers showed the team's own texts`);
        assert.ok(team === SHOWS_SECRETS ? secrets >= 6 : secrets === 0, `${secrets} answers showed secrets`);
    })());

test('what is of others looks like what never existed', () => world.shows(async () => {
    const operations = new Map(OPERATIONS.map((o) => [o.action, o]));
    const foreign = { ...nameOf('vis'), TenantAddonName: 'vis' };
    const missing = Object.fromEntries(Object.entries(foreign).map(([k, v]) => [k, k === 'TenantAddonName' ? 'zzz' : v.replace('vis', 'zzz')]));
    const seen = new Set();
    for (const line of fs.readFileSync(`${ROOT}/tests/vectors/facts/accepted.txt`, 'utf8').split('\n')) {
        const m = /^([A-Z]\w+)(?:\?(\S*))? \| (.*) \| ok/.exec(line);
        const op = m && operations.get(m[1]);
        if (!op || !/\{(ServiceName|GroupName|GatewayId|ResourceId|VirtualResourceId|TaskName|Name|TenantAddonName)\}/.test(op.path)) continue;
        seen.add(op.action);
        const answers = [];
        for (const names of [foreign, missing]) {
            const body = m[3] === '-' ? null : m[3].replaceAll('svc_1', names.ServiceName);
            answers.push(await world.call({ method: op.method, target: fill(op.path, names) + (m[2] ? `?${m[2]}` : ''), body }));
        }
        const [a, b] = answers.map(({ status, headers, body }) => {
            const text = body.toString();
            const id = JSON.parse(text).RequestId;
            const rest = [...headers].filter(([name]) => !/^(date|x-acs-request-id|x-easgate-request-id)$/.test(name));
            return JSON.stringify([status, rest, text.replaceAll(id, 'ID')]).replaceAll('zzz', 'vis'); // it repeats the name that was asked for
        });
        assert.equal(a, b, `${op.action}: ${line}`);
        assert.match(a, /^\[40[34],/, op.action);
    }
    assert.equal(seen.size, OPERATIONS.filter((o) => o.path_params.some((p) => p !== 'ClusterId' && p !== 'ArtifactName')).length);
})());
