// T10: see tests/proofs/T10-judged-is-sent. Makes every kind of request that is accepted, then joins three books by the
// nonce: what the emulator received, what the audit log said would be sent, and what the callers were answered.
import { createHash } from 'node:crypto';
import openapiCore from '@alicloud/openapi-core';
import { ACCESS_KEY_ID, World } from './harness.mjs';
import { numbers } from './mixer.mjs';
import { Wire } from './wire.mjs';

const short = process.argv.includes('--short');
const rounds = short ? 12 : 400;
const seed = Number(process.argv.find((a) => a.startsWith('--seed='))?.split('=')[1] ?? Date.now() % 1000000);
const next = numbers(seed);

const policies = (tokens) => `
[client nlp]
token_sha256 = ${createHash('sha256').update(tokens.nlp).digest('hex')}
policy = nlp

[client vision]
token_sha256 = ${createHash('sha256').update(tokens.vision).digest('hex')}
policy = vision

[policy nlp]
allow = @read, CreateAppService, UpdateAppService, @lifecycle, DeleteService
services = nlp_*
workspaces = 12345
app_types = LLM
app_versions = v1, v2
service_specs = llama_7b_fp16 <= 4, chatglm_6b_int8 <= 2
max_replicas = 4
oss_paths = oss://nlp-models/*
nas_mount_targets = nas-nlp.cn-shanghai.nas.aliyuncs.com
nas_paths = /models/*
vpcs = vpc-nlp
vswitches = vsw-nlp
security_groups = sg-nlp

[policy vision]
allow = @read, CreateAppService, UpdateAppService, @lifecycle, DeleteService
services = vis_*
workspaces = 67890, 67891
quotas = quota-a, quota-b
app_types = LLM
service_specs = baichuan_13b_fp16
max_replicas = 8
oss_paths = oss://vision/*
`;

const world = await World.start({ policies, durability: 'synced', limitMs: (short ? 200 : 3000) * 1000 });
const faults = [];
const say = (text) => faults.push(text);
const answered = new Map(); // RequestId of EAS -> status that the caller got
let asked = 0;

/* ---- requests ---- */

const oss = (path) => ({ ModelStorage: 'oss', OssPath: path });
const nas = { ModelStorage: 'nas', NasMountTarget: 'nas-nlp.cn-shanghai.nas.aliyuncs.com', NasPath: '/models/llama', VpcID: 'vpc-nlp', VswitchID: 'vsw-nlp', SecurityGroupID: 'sg-nlp' };
const escapedText = (text) => [...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** Bodies of one meaning in many spellings. */
function spellings(object) {
    const text = JSON.stringify(object);
    if (text === '{}') return [text, ' { } ', '{\r\n}'];
    const [name, value] = Object.entries(object)[0];
    return [
        text, JSON.stringify(object, null, 2), JSON.stringify(object, null, '\t').replaceAll('\n', '\r\n'), ` \n${text}\t`,
        JSON.stringify(Object.fromEntries(Object.entries(object).reverse())), text.replaceAll('/', '\\/'),
        text.replace(JSON.stringify(name), `"${escapedText(name)}"`), typeof value === 'string' ? text.replace(JSON.stringify(value), `"${escapedText(value)}"`) : text,
    ];
}

/** All kinds of requests for a service, in an order in which they are accepted. */
function life(name, client) {
    const nlp = client === 'nlp';
    const spec = nlp ? 'llama_7b_fp16' : 'baichuan_13b_fp16';
    const place = nlp ? ['', '?WorkspaceId=12345', '?WorkspaceId=%31%32345'][next(3)] : `?${['QuotaId=quota-a&WorkspaceId=67890', 'WorkspaceId=67891&QuotaId=quota%2Db'][next(2)]}`;
    const body = { ServiceName: name, AppType: 'LLM', ServiceSpec: spec, Replicas: 1 + next(3), Config: nlp && next(2) ? nas : oss(nlp ? 'oss://nlp-models/a+b/c=(d)!/' : 'oss://vision/m/') };
    if (nlp && next(2)) body.AppVersion = 'v2';
    const service = `/api/v2/services/cn-shanghai/${name}`;
    const app = `/api/v2/app_services/cn-shanghai/${name}`;
    const choose = (list) => list[next(list.length)];
    const framing = () => choose(['length', 'chunked']);
    const put = (object) => ({ method: 'PUT', target: app + place, body: choose(spellings(object)), framing: framing() });
    return [
        { method: 'POST', target: `/api/v2/app_services${place}`, body: choose(spellings(body)), framing: framing() },
        { target: service }, { target: `${service}/instances?PageSize=20&PageNumber=1` }, { target: `${service}/logs?Keyword=a%20%26%20b%E6%A8%A1&PageSize=10` },
        { target: `${service}/events?StartTime=2026-01-01%2000:00:00` }, { target: `${service}/autoscaler` },
        put({ ServiceSpec: spec, Replicas: 2 }), put({ Replicas: 3 }), put({ ServiceSpec: spec }), put({ AppType: 'LLM' }), put({}),
        { target: `/api/v2/services?Filter=${name.slice(0, 5)}&Label=%7B%22%E6%A8%A1%22%3A%22a%20b%2B%22%7D&Sort=CreateTime&Order=desc` },
        { target: `/api/v2/services?PageSize=2&PageNumber=2` },
        { method: 'PUT', target: `${service}/stop` }, { method: 'PUT', target: `${service}/start`, headers: [['x-acs-action', 'DeleteService'], ['x-trace', 'caller']] },
        { method: 'PUT', target: `${service}/restart`, body: '', framing: 'length' }, { target: `${service}?` }, { method: 'DELETE', target: service },
    ];
}

function note(what, answer) {
    asked++;
    const id = answer.headers.get('x-acs-request-id');
    if (answer.headers.get('x-easgate-answered') || answer.status >= 500) say(`${what}: ${answer.status} ${answer.body}`);
    else if (id) answered.set(id, answer.status);
    else say(`${what}: no RequestId of EAS`);
}

async function direct(lane) {
    const wire = new Wire(lane % 2 ? world.where : { path: `${world.dir}/easgate.sock` });
    const host = lane % 2 ? world.host : 'localhost';
    for (let round = 0; round < rounds; round++) {
        const client = (lane + round) % 3 ? 'nlp' : 'vision';
        for (const request of life(`${client.slice(0, 3)}_l${lane}_${round}`, client)) {
            const bytes = world.bytes({ token: world.tokens[client], ...request });
            const sent = Buffer.from(bytes.toString('latin1').replace(`Host: ${world.host}`, `Host: ${host}`), 'latin1');
            note(`${request.method ?? 'GET'} ${request.target}`, await wire.send(sent));
        }
    }
    wire.close();
}

async function bySdk() {
    const { Config, Params, OpenApiRequest } = openapiCore.$OpenApiUtil;
    const client = new openapiCore.default(new Config({ endpoint: world.host, protocol: 'http', bearerToken: world.tokens.nlp }));
    const call = async (action, method, pathname, body, query = {}) => {
        const params = new Params({ action, version: '2021-07-01', protocol: 'HTTP', method, pathname, style: 'ROA', authType: 'AK', reqBodyType: 'json', bodyType: 'json' });
        asked++;
        try {
            const answer = await client.callApi(params, new OpenApiRequest({ query, body }), {});
            answered.set(answer.headers['x-acs-request-id'], answer.statusCode);
        } catch (error) {
            if (!error.requestId || error.code.startsWith('Easgate.')) throw error;
            answered.set(error.requestId, error.statusCode); // EAS's own
        }
    };
    for (let round = 0; round < rounds; round++) {
        const name = `nlp_sdk_${round}`;
        const service = `/api/v2/services/cn-shanghai/${name}`;
        await call('CreateAppService', 'POST', '/api/v2/app_services', { ServiceName: name, AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: 1, Config: oss('oss://nlp-models/x/') }, { WorkspaceId: '12345' });
        await call('UpdateAppService', 'PUT', `/api/v2/app_services/cn-shanghai/${name}`, { Replicas: 2 });
        await call('ListServices', 'GET', '/api/v2/services', undefined, { Filter: '模型 +&=', Label: '{"a":"b c"}' });
        await call('StopService', 'PUT', `${service}/stop`);
        await call('StartService', 'PUT', `${service}/start`);
        await call('DeleteService', 'DELETE', service);
    }
}

// faults of EAS on the way, so that second tries and lost answers are in the books, too
await world.control('POST', '/faults', [
    ...[5, 30, 60].map((skip) => ({ match: { action: 'DescribeService' }, fault: 'reset-before', skip })),
    { match: { action: 'ListServiceInstances' }, fault: 'status', status: 403, code: 'Forbidden', count: 2, skip: 4 },
    { match: { action: 'DescribeServiceLog' }, fault: 'throttle', count: 2, skip: 2 }, { match: { action: 'UpdateAppService' }, fault: 'status', status: 409, code: 'InvalidService.Conflict', count: 2, skip: 6 },
]);
const work = [0, 1, 2, 3].map(direct);
work.push(bySdk());
for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') say(result.reason.stack);
await world.stopGateway();

/* ---- the books ---- */

const journal = world.journal();
const audit = world.audit();
const header = (line, name) => line.headers.filter(([n]) => n === name).map(([, value]) => value);
const group = (lines, key) => {
    const map = new Map();
    for (const line of lines) map.set(key(line), [...(map.get(key(line)) ?? []), line]);
    return map;
};
const intents = group(audit.filter((r) => r.type === 'intent'), (r) => r.nonce);
const outcomes = group(audit.filter((r) => r.type === 'outcome'), (r) => r.nonce);
const sha256 = (line) => createHash('sha256').update(line.body_base64 === undefined ? Buffer.from(line.body) : Buffer.from(line.body_base64, 'base64')).digest('hex');

function check(line) {
    const nonces = header(line, 'x-acs-signature-nonce');
    const what = `${line.seq} ${line.method} ${line.target}`;
    const wants = (name, actual, expected) => {
        if (actual !== expected) say(`${what}: ${name} is ${actual}, expected ${expected}`);
    };
    if (nonces.length !== 1) return say(`${what}: ${nonces.length} nonces`);
    const found = intents.get(nonces[0]) ?? [];
    const ends = outcomes.get(nonces[0]) ?? [];
    if (found.length !== 1) return say(`${what}: ${found.length} intents`);
    if (ends.length !== 1) return say(`${what}: ${ends.length} outcomes`);
    const [intent] = found;
    const [outcome] = ends;
    wants('signature', `${line.signature?.ok} ${line.signature?.key_id}`, `true ${ACCESS_KEY_ID}`);
    wants('key of the intent', intent.key_id, ACCESS_KEY_ID);
    wants('body that the emulator hashed', line.body_sha256, intent.body_sha256);
    wants('body as the journal has it', sha256(line), intent.body_sha256);
    wants('x-acs-content-sha256', header(line, 'x-acs-content-sha256').join(), intent.body_sha256);
    wants('method', line.method, intent.method);
    wants('target', line.target, intent.target);
    wants('action', header(line, 'x-acs-action').join(), intent.op);
    wants('host', header(line, 'host').join(), intent.upstream);
    wants('id of the outcome', outcome.id, intent.id);
    if (line.body && line.method !== 'GET') {
        const body = JSON.parse(line.body);
        wants('canonical body', line.body, JSON.stringify(body));
        if (body.Replicas !== undefined) wants('judged replicas', intent.replicas, body.Replicas);
        if (body.ServiceSpec !== undefined) wants('judged spec', intent.spec, body.ServiceSpec);
        if (body.Config) wants('judged path', intent.path, body.Config.OssPath ?? body.Config.NasPath);
    }
    const lost = line.fault === 'reset-before';
    wants('status of the outcome', outcome.status, lost ? undefined : line.status);
    wants('RequestId of the outcome', outcome.upstream_request_id, lost ? undefined : line.request_id);
    if (answered.has(line.request_id)) {
        wants('status that the caller got', answered.get(line.request_id), line.status);
        answered.delete(line.request_id);
    }
    return undefined;
}
for (const line of journal) check(line);
for (const id of answered.keys()) say(`an answer with a RequestId that EAS never gave: ${id}`);
if (journal.length !== intents.size) say(`${journal.length} requests received, ${intents.size} intents`);
if (outcomes.size !== intents.size) say(`${outcomes.size} outcomes of ${intents.size} intents`);
const kinds = new Set(journal.map((line) => line.action));
if (kinds.size < 11) say(`only these kinds of requests: ${[...kinds]}`);
if (!audit.some((r) => r.type === 'intent' && r.parent)) say('no look-up');
if (!audit.some((r) => r.type === 'intent' && r.try === 2)) say('no second try');

if (faults.length) {
    world.dump();
    for (const fault of faults.slice(0, 50)) console.error(fault);
}
await world.stop();
console.log(`T10: ${journal.length} requests received of ${kinds.size} kinds (${asked} asked for, seed ${seed}), ${faults.length} differ from their intent`);
process.exitCode = faults.length ? 1 : 0;
