// The tools for the person who writes a policy, on files alone: no gateway runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { BUILD, tokenDigest } from './harness.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'easgate-files-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));

function easgate(...args) {
    const run = spawnSync(path.join(BUILD, 'easgate'), args, { encoding: 'utf8', timeout: 60000 });
    return { code: run.status, out: run.stdout, err: run.stderr };
}

const POLICY = `allow = CreateAppService, UpdateAppService, ScaleService, DescribeService
services = nlp_*
app_types = LLM
service_specs = llama_7b_fp16 <= 4, chatglm_6b_int8 <= 2
max_replicas = 4
`;

/** A configuration of one client, with its lines and those of its policy. */
function written(name, { client = `token_sha256 = ${tokenDigest('a')}`, policy = POLICY, upstream = 'region = cn-shanghai' } = {}) {
    const file = path.join(dir, `${name}.ini`);
    fs.writeFileSync(file, `[gateway]
listen = 127.0.0.1:8080

[upstream main]
${upstream}

[credential main]
type = access_key
file = /nonexistent/credentials

[audit]
path = ${dir}/audit.jsonl

[client nlp]
${client}
policy = nlp

[policy nlp]
${policy}`, { mode: 0o600 });
    return file;
}

/** What diff says of the change, without the client's name. */
function difference(from, to) {
    const run = easgate('diff', written('from', from), written('to', to));
    assert.equal(run.err, '');
    assert.equal(run.code, run.out === 'no client may do more or less than before\n' ? 0 : 1, run.out);
    return run.out.replace(/^(client nlp|all clients)\n/gm, '').split('\n').filter(Boolean).map((line) => line.slice(2));
}
const NOTHING = [' client may do more or less than before'];
const policies = (from, to) => difference({ policy: POLICY + from }, { policy: POLICY + to });
const replaced = (from, to) => ({ policy: POLICY.replace(from, to) });

test('diff compares what counts now, and from when on it is another', () => {
    const most = (text) => replaced('max_replicas = 4', `max_replicas = ${text}`);
    assert.deepEqual(difference(most('10 until 2099-01-01, 4'), most('10')), ['+ max_replicas is 10, was 4, from 2099-01-02T00:00:00Z on']);
    assert.deepEqual(difference(most('4'), most('10 until 2099-01-01, 4')), ['+ max_replicas is 10, was 4, until 2099-01-02T00:00:00Z']);
    assert.deepEqual(difference(most('10 until 2098-01-01, 4'), most('10 until 2099-01-01, 4')),
        ['+ max_replicas is 10, was 4, from 2098-01-02T00:00:00Z until 2099-01-02T00:00:00Z']);
    assert.deepEqual(difference(most('10 until 2020-01-01, 4'), most('4')), NOTHING); // ended long ago
    assert.deepEqual(difference(most('10 until 2020-01-01, 4'), most('5 until 2099-01-01, 4')), ['+ max_replicas is 5, was 4, until 2099-01-02T00:00:00Z']);
    assert.deepEqual(policies('workspaces = 1, 2 until 2099-01-01\n', 'workspaces = 1, 2\n'), ['- a service must be placed with WorkspaceId, from 2099-01-02T00:00:00Z on', '+ workspaces: 2, from 2099-01-02T00:00:00Z on']);
    assert.deepEqual(policies('workspaces = 1, 2 until 2020-01-01\n', 'workspaces = 1\n'), NOTHING);
    assert.deepEqual(difference({}, replaced('ScaleService', 'ScaleService until 2099-01-01')), ['- ScaleService is no longer allowed, from 2099-01-02T00:00:00Z on']);
    assert.deepEqual(policies('', 'internet = yes until 2099-01-01, no\n'), ['+ internet is yes, until 2099-01-02T00:00:00Z']);
});

test('diff compares the caps that count', () => {
    assert.deepEqual(difference({}, replaced('llama_7b_fp16 <= 4', 'llama_7b_fp16')), NOTHING); // max_replicas is 4 as well
    assert.deepEqual(difference({}, replaced('llama_7b_fp16 <= 4', 'llama_7b_fp16 <= 3')), ['- service_specs: llama_7b_fp16, up to 3, was 4']);
    assert.deepEqual(difference({}, { policy: POLICY.replace('llama_7b_fp16 <= 4', 'llama_7b_fp16').replace('max_replicas = 4', 'max_replicas = 6') }),
        ['+ service_specs: llama_7b_fp16, up to 6, was 4', '+ max_replicas is 6, was 4']);
    assert.deepEqual(difference({}, replaced('chatglm_6b_int8 <= 2', 'chatglm_6b_int8 <= 4 until 2099-01-01, chatglm_6b_int8 <= 2')),
        ['+ service_specs: chatglm_6b_int8, up to 4, was 2, until 2099-01-02T00:00:00Z']);
    assert.deepEqual(difference({}, replaced('max_replicas = 4\n', '')), ['~ max_replicas is not set, was 4']); // each spec has its own
});

test('diff compares the GPUs that a replica counts for', () => {
    const gpus = (llama, rest = 'max_total_gpus = 8\n') => `spec_gpus = llama_7b_fp16 = ${llama}, chatglm_6b_int8 = 1\n${rest}`;
    assert.deepEqual(policies(gpus(2), gpus(1)), ['+ spec_gpus: a replica of llama_7b_fp16 counts for 1, was 2']);
    assert.deepEqual(policies(gpus(1), gpus(2)), ['- spec_gpus: a replica of llama_7b_fp16 counts for 2, was 1']);
    assert.deepEqual(policies(gpus('4 until 2099-01-01, llama_7b_fp16 = 2'), gpus(2)), ['+ spec_gpus: a replica of llama_7b_fp16 counts for 2, was 4, until 2099-01-02T00:00:00Z']);
    // services that were made elsewhere count, too
    const other = (text) => gpus(2, `spec_gpus = ${text}\nmax_total_gpus = 8\n`);
    assert.deepEqual(policies(other('ecs.big = 8'), other('ecs.big = 0')), ['+ spec_gpus: a replica of ecs.big counts for 0, was 8']);
    assert.deepEqual(policies(other('ecs.big = 8'), gpus(2)), ['~ spec_gpus: ecs.big is not set, a replica counted for 8 at least']);
    assert.deepEqual(policies(gpus(2), other('ecs.big = 8')), ['~ spec_gpus: a replica of ecs.big counts for 8 at least, was not set']);
    assert.deepEqual(policies(gpus(2), other('ecs.big = 8').replace('spec_gpus', 'service_specs = ecs.big <= 1\nspec_gpus')), ['+ service_specs: ecs.big, up to 1']);
    assert.deepEqual(policies(gpus(2, ''), gpus(1, '')), NOTHING); // nothing bounds them
    assert.deepEqual(policies(gpus(2), ''), ['+ max_total_gpus is not set, was 8']);
});

test('diff says what a place that is not stated comes to', () => {
    const quotas = (from, to) => policies(from && `quotas = ${from}\n`, to && `quotas = ${to}\n`);
    assert.deepEqual(quotas('q1', ''), ['+ a service may be placed without QuotaId', '- quotas: q1']);
    assert.deepEqual(quotas('q1, q2', ''), ['+ a service may be placed without QuotaId', '- quotas: q1', '- quotas: q2']);
    assert.deepEqual(quotas('', 'q1'), ['~ QuotaId is filled in: q1', '+ quotas: q1']);
    assert.deepEqual(quotas('q1, q2', 'q1'), ['~ QuotaId is filled in: q1', '- quotas: q2']);
    assert.deepEqual(quotas('q1', 'q2'), ['~ QuotaId is filled in: q2', '+ quotas: q2', '- quotas: q1']);
    assert.deepEqual(quotas('q1', 'q1, q2'), ['- a service must be placed with QuotaId', '+ quotas: q2']);
    assert.deepEqual(quotas('q1, q2', 'q2, q1'), NOTHING);
    assert.deepEqual(policies('workspaces = 1\n', ''), ['+ a service may be placed without WorkspaceId', '- workspaces: 1']);
    // of a team that can place nothing it is no permission
    const reading = 'allow = DescribeService\nservices = nlp_*\n';
    assert.deepEqual(difference({ policy: `${reading}quotas = q1\n` }, { policy: reading }), ['- quotas: q1']);
});

test('diff says that a sum counts fewer services', () => {
    const sums = 'max_total_replicas = 10\nmax_total_gpus = 8\nspec_gpus = llama_7b_fp16 = 2, chatglm_6b_int8 = 1\n';
    const fewer = ['~ max_total_replicas counts fewer services', '~ max_total_gpus counts fewer services'];
    const services = (from, to, rest = sums) => difference({ policy: POLICY.replace('nlp_*', from) + rest }, { policy: POLICY.replace('nlp_*', to) + rest });
    assert.deepEqual(services('nlp_a*, nlp_b*', 'nlp_a*'), [...fewer, '- services: nlp_b*']);
    assert.deepEqual(services('nlp_*', 'nlp_a*'), [...fewer, '- services: nlp_*']);
    assert.deepEqual(services('nlp_a*', 'nlp_*'), ['+ services: nlp_*']);
    assert.deepEqual(services('nlp_a*, nlp_b*', 'nlp_a*', ''), ['- services: nlp_b*']);
    // two teams that shared a sum have one each
    const two = (name, of, policy) => written(name, { client: `token_sha256 = ${tokenDigest('a')}\npolicy = ${of}\n[client two]\ntoken_sha256 = ${tokenDigest('b')}`, policy });
    const old = two('shared', 'nlp', POLICY.replace('nlp_*', 'nlp_*, two_*') + sums);
    const split = two('split', 'two', `${POLICY}${sums}[policy two]\n${POLICY.replace('nlp_*', 'two_*')}${sums}`);
    const run = easgate('diff', old, split);
    assert.deepEqual([run.code, run.err], [1, '']);
    assert.deepEqual(run.out.split('\n').filter((line) => line.includes('counts fewer')).length, 4, run.out);
});

test('diff compares ends, rates and tokens of clients', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => tokenDigest(text));
    const clients = (from, to) => difference({ client: `token_sha256 = ${a}\n${from}` }, { client: `token_sha256 = ${a}\n${to}` });
    assert.deepEqual(clients('requests_per_second = 10', 'requests_per_second = 5\nmax_inflight = 3'), ['- requests_per_second is 5, was 10', '- max_inflight is 3, was without a limit']);
    assert.deepEqual(clients('changes_per_minute = 5\nchange_burst = 3', 'changes_per_minute = 6\nchange_burst = 9'), ['+ changes_per_minute is 6, was 5', '+ change_burst is 9, was 3']);
    assert.deepEqual(clients('changes_per_minute = 5', ''), ['+ changes_per_minute is without a limit, was 5']);
    assert.deepEqual(clients('request_burst = 5', 'request_burst = 9'), NOTHING); // there is no rate
    assert.deepEqual(clients('until = 2098-01-01', 'until = 2099-01-01'), ['+ its access ends 2099-01-02T00:00:00Z, was 2098-01-02T00:00:00Z']);
    assert.deepEqual(clients('until = 2020-01-01', 'until = 2021-01-01'), NOTHING); // nor may it call
    const tokens = (from, to) => difference({ client: `token_sha256 = ${from}` }, { client: `token_sha256 = ${to}` });
    assert.deepEqual(tokens(`${a}, ${b}`, a), ['- its tokens changed: 0 more, 1 less']);
    assert.deepEqual(tokens(a, `${b}, ${a}`), ['+ its tokens changed: 1 more, 0 less']);
    assert.deepEqual(tokens(a, `${b}, ${c}`), ['~ its tokens changed: 2 more, 1 less']);
    // once its access has ended nothing else is a difference
    assert.deepEqual(difference({ client: `token_sha256 = ${a}\nuntil = 2020-01-01` }, { client: `token_sha256 = ${a}`, policy: POLICY.replace('= 4\n', '= 9\n') }),
        ['+ its access ends never, was 2020-01-02T00:00:00Z']);
});

test('diff says once that the upstream is another one', () => {
    const upstreams = (from, to) => difference({ upstream: from }, { upstream: to });
    assert.deepEqual(upstreams('region = cn-shanghai', 'region = cn-beijing'), ['~ the upstream is pai-eas.cn-beijing.aliyuncs.com in cn-beijing, was pai-eas.cn-shanghai.aliyuncs.com in cn-shanghai']);
    assert.deepEqual(upstreams('region = cn-shanghai', 'region = cn-shanghai\nendpoint = pai-eas-vpc.cn-shanghai.aliyuncs.com'),
        ['~ the upstream is pai-eas-vpc.cn-shanghai.aliyuncs.com in cn-shanghai, was pai-eas.cn-shanghai.aliyuncs.com in cn-shanghai']);
    assert.deepEqual(upstreams('region = cn-shanghai', 'region = cn-shanghai\ntimeout = 20s'), NOTHING);
});

/** An audit log of these records; replay and learn read it without looking at its chain. */
function logged(name, records) {
    const file = path.join(dir, `${name}.jsonl`);
    const lines = records.map(({ type = 'intent', t = '2026-11-23T15:27:57.123Z', ...rest }, i) => JSON.stringify({
        v: 1, seq: i + 1, run: '0123456789abcdef', t, mono: i, type, prev: '0'.repeat(64), id: '0'.repeat(32), client: 'nlp', ...rest,
    }));
    fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    return file;
}
const made = (service, spec, n, more = {}) => ({
    op: 'CreateAppService', method: 'POST', target: '/api/v2/app_services',
    facts: [['services', 'ServiceName', service], ['app_types', 'AppType', 'LLM'], ['service_specs', 'ServiceSpec', spec], ['replicas', 'Replicas', n]], ...more,
});
const scaled = (service, n, now, more = {}) => ({
    op: 'ScaleService', method: 'PUT', target: `/api/v2/services/cn-shanghai/${service}/scale`,
    facts: [['cluster', 'path ClusterId', 'cn-shanghai'], ['services', 'path ServiceName', service], ['replicas', 'Instance', n]], ...(now && { now }), ...more,
});

/** What learn prints of the policy; it passes check, and its replay denies nothing. */
function learnt(policy, records) {
    const log = logged('learnt', records);
    const run = easgate('learn', '-c', written('before', { policy }), log);
    assert.deepEqual([run.code, run.err], [0, '']);
    const file = path.join(dir, 'learnt.ini');
    fs.writeFileSync(file, run.out, { mode: 0o600 });
    const check = easgate('check', '--no-credentials', '-c', file);
    assert.equal(check.code, 0, check.err + run.out);
    const replay = easgate('replay', '-p', file, log);
    assert.deepEqual([replay.code, /(\d+) would be refused/.exec(replay.out)?.[1]], [0, '0'], replay.out + run.out);
    return run.out.slice(run.out.indexOf('[policy nlp]')).split('\n');
}
const about = (key, lines) => lines.filter((line) => line.startsWith(`${key} =`)).map((line) => line.slice(key.length + 3));

test('learn caps each spec by what was seen of it', () => {
    const lines = learnt(POLICY, [made('nlp_a', 'llama_7b_fp16', 4), made('nlp_b', 'chatglm_6b_int8', 1), made('nlp_c', 'llama_7b_fp16', 2)]);
    assert.deepEqual(about('service_specs', lines), ['llama_7b_fp16 <= 4 ; 2 times', 'chatglm_6b_int8 <= 1 ; 1 time']);
    assert.deepEqual(about('max_replicas', lines), ['4 ; the largest of 3 seen']);
    assert.deepEqual(about('max_replicas', learnt(POLICY, [made('nlp_a', 'llama_7b_fp16', 0)])), ['1 ; seen once']);
    // what stays counts, too: as the state says, or as far as it is stated where the record holds none
    const grown = learnt(POLICY, [made('nlp_b', 'chatglm_6b_int8', 1), scaled('nlp_b', 2, { spec: 'chatglm_6b_int8', count: 1, stored: 1, is_app: true })]);
    assert.deepEqual(about('service_specs', grown), ['chatglm_6b_int8 <= 2 ; 2 times']);
    const update = { op: 'UpdateAppService', method: 'PUT', target: '/api/v2/app_services/cn-shanghai/nlp_a',
        facts: [['cluster', 'path ClusterId', 'cn-shanghai'], ['services', 'path ServiceName', 'nlp_a'], ['service_specs', 'ServiceSpec', 'llama_7b_fp16'], ['replicas', 'Replicas', 3]] };
    assert.deepEqual(about('service_specs', learnt(POLICY, [update])), ['llama_7b_fp16 <= 3 ; 1 time']);
});

test('learn keeps what counts behind an end', () => {
    const ending = POLICY.replace('max_replicas = 4', 'max_replicas = 8 until 2099-01-01, 4')
        .replace('llama_7b_fp16 <= 4', 'llama_7b_fp16 <= 8 until 2099-01-01, llama_7b_fp16 <= 4');
    const six = learnt(ending, [made('nlp_a', 'llama_7b_fp16', 6)]);
    assert.deepEqual(about('service_specs', six), ['llama_7b_fp16 <= 6 until 2099-01-02T00:00:00Z ; 1 time', 'llama_7b_fp16 <= 4 ; 1 time']);
    assert.deepEqual(about('max_replicas', six), ['6 until 2099-01-02T00:00:00Z, 4 ; seen once']);
    const three = learnt(ending, [made('nlp_a', 'llama_7b_fp16', 3)]);
    assert.deepEqual([about('service_specs', three), about('max_replicas', three)], [['llama_7b_fp16 <= 3 ; 1 time'], ['3 ; seen once']]);
    // with the end of max_replicas a spec that it alone capped is closed
    const closing = learnt(POLICY.replace('max_replicas = 4', 'max_replicas = 8 until 2098-01-01, 4 until 2099-01-01').replace('llama_7b_fp16 <= 4', 'llama_7b_fp16'), [made('nlp_a', 'llama_7b_fp16', 6)]);
    assert.deepEqual([about('service_specs', closing), about('max_replicas', closing)], [['llama_7b_fp16 ; 1 time'], ['6 until 2098-01-02T00:00:00Z, 4 until 2099-01-02T00:00:00Z ; seen once']]);
    // a name that matches two values has the end of the one that counts longer
    const names = learnt(POLICY.replace('nlp_*', 'nlp_* until 2099-01-01, nlp_a'), [made('nlp_a', 'llama_7b_fp16', 1), made('nlp_b', 'llama_7b_fp16', 1)]);
    assert.deepEqual(about('services', names), ['nlp_a ; 1 time', 'nlp_b until 2099-01-02T00:00:00Z ; 1 time']);
});

test('replay judges each record by what counted at its time', () => {
    const policy = POLICY.replace('max_replicas = 4', 'max_replicas = 4 until 2026-11-10, 3 until 2026-11-20, 2');
    const at = (t) => ({ ...made('nlp_a', 'llama_7b_fp16', 3), t: `2026-11-${t}Z` });
    const times = ['05T00:00:00.000', '10T23:59:59.999', '20T23:59:59.999', '21T00:00:00.000', '11T00:00:00.000', '22T00:00:00.000', '01T00:00:00.000'];
    const run = easgate('replay', '-p', written('then', { policy }), '--json', logged('then', times.map(at)));
    const lines = run.out.trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual([run.code, lines.pop().now_refused, lines.map(({ seq }) => seq)], [1, 2, [4, 6]], run.out);
    // a configuration is not made anew for each record
    const log = logged('period', Array.from({ length: 3000 }, () => made('nlp_a', 'llama_7b_fp16', 1)));
    const others = Array.from({ length: 500 }, (_, i) => `[client c${i}]\ntoken_sha256 = ${tokenDigest(`c${i}`)}\npolicy = p${i}\n[policy p${i}]\nallow = DescribeService\nservices = p${i}_*\n`).join('');
    const took = (most) => {
        const config = written('period', { policy: `${POLICY.replace('max_replicas = 4', `max_replicas = ${most}`)}${others}` });
        const from = process.hrtime.bigint();
        const run = easgate('replay', '-p', config, log);
        assert.deepEqual([run.code, run.err], [0, '']);
        return Number(process.hrtime.bigint() - from) / 1e6;
    };
    const without = took('4'), ending = took('8 until 2099-01-01, 4');
    assert.ok(ending < 5 * without + 500, `${ending} ms, and ${without} ms without an end`);
});

test('learn finds a policy with a comment behind its name', () => {
    const file = written('commented');
    const log = logged('commented', [made('nlp_a', 'llama_7b_fp16', 1)]);
    for (const tail of ['', ' ', ' ; of the team [nlp]', '\t;']) {
        fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/^\[policy nlp\].*$/m, `[policy nlp]${tail}`));
        const run = easgate('learn', '-c', file, log);
        assert.deepEqual([run.code, run.err], [0, '']);
        assert.match(run.out, /^services = nlp_a ; 1 time$/m, tail);
    }
});

test('learn prints lines that check reads', () => {
    // a pattern that fills its line alone: the count stands above it
    const lines = (n) => {
        const pattern = `nlp_${'b'.repeat(n - 5)}*`;
        const all = learnt(POLICY.replace('services = nlp_*', `services=${pattern}`), [made(pattern.replace('*', 'c'), 'llama_7b_fp16', 1)]);
        const at = all.findIndex((line) => line.startsWith('services'));
        return [all[at - 1].startsWith(';') ? all[at - 1] : '', all[at].replace(pattern, 'PATTERN')];
    };
    assert.deepEqual(lines(170), ['', 'services = PATTERN ; 1 time']);
    assert.deepEqual(lines(171), ['; 1 time:', 'services = PATTERN']);
    assert.deepEqual(lines(179), ['; 1 time:', 'services = PATTERN']);
    assert.deepEqual(lines(181), ['; 1 time:', 'services=PATTERN']);
    // the last day there is
    const last = written('last', { client: `token_sha256 = ${tokenDigest('a')}\nuntil = 9999-12-31`, policy: POLICY.replace('max_replicas = 4', 'max_replicas = 4 until 9999-12-31') });
    const printed = easgate('check', '--no-credentials', '--print', last);
    assert.deepEqual([printed.code, ...printed.out.matchAll(/until.*$/gm)].map(String), ['0', 'until = 9999-12-31T23:59:59Z', 'until 9999-12-31T23:59:59Z']);
    assert.deepEqual(about('max_replicas', learnt(POLICY.replace('max_replicas = 4', 'max_replicas = 4 until 9999-12-31'), [made('nlp_a', 'llama_7b_fp16', 4)])), ['4 until 9999-12-31T23:59:59Z ; seen once']);
});

test('learn keeps a place that does not end', () => {
    const policy = `${POLICY}quotas = q1 until 2099-01-01, q2, q3\n`;
    const placed = (quota) => made('nlp_a', 'llama_7b_fp16', 1, { facts: [['quotas', 'query QuotaId', quota], ...made('nlp_a', 'llama_7b_fp16', 1).facts] });
    const kept = ['q2 ; as it was: one must not end', 'q3 ; as it was: one must not end'];
    assert.deepEqual(about('quotas', learnt(policy, [placed('q1')])), ['q1 until 2099-01-02T00:00:00Z ; 1 time', ...kept]);
    assert.deepEqual(about('quotas', learnt(policy, [placed('q1'), placed('q2')])), ['q1 until 2099-01-02T00:00:00Z ; 1 time', 'q2 ; 1 time']);
    assert.deepEqual(about('quotas', learnt(policy, [scaled('nlp_a', 1, { spec: 'llama_7b_fp16', count: 2, stored: 2, is_app: true })])), []);
});

test('explain and replay say what depends on a sum', () => {
    const body = path.join(dir, 'body.json');
    const policy = `${POLICY}max_total_replicas = 6\nmax_total_gpus = 4\nspec_gpus = llama_7b_fp16 = 2, chatglm_6b_int8 = 1\n`;
    const config = written('sums', { policy });
    const explained = (n, ...args) => {
        fs.writeFileSync(body, JSON.stringify({ ServiceName: 'nlp_a', AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: n }));
        const run = easgate('explain', '-c', config, '-C', 'nlp', '-b', body, ...args, 'POST', '/api/v2/app_services');
        return { code: run.code, verdict: /^verdict +(.*)$/m.exec(run.out)?.[1], also: [...run.out.matchAll(/^also +(\w+) .* (--[a-z-]+)$/gm)].map((m) => m.slice(1)), out: run.out };
    };
    const both = [['max_total_replicas', '--sum-now'], ['max_total_gpus', '--gpus-sum-now']];
    assert.deepEqual([explained(2).code, explained(2).verdict, explained(2).also], [0, 'allowed', both]);
    assert.deepEqual(explained(2, '--sum-now', '4').also, [both[1]]);
    assert.deepEqual(explained(2, '--gpus-sum-now', '0').also, [both[0]]);
    assert.deepEqual(explained(2, '--gpus-sum-now', '0', '--sum-now', '4').also, []);
    assert.deepEqual(JSON.parse(explained(2, '--json').out).not_judged, ['max_total_replicas', 'max_total_gpus']);
    assert.match(explained(2, '--sum-now', '5').verdict, /^refused: Easgate\.TeamBudget/);
    assert.match(explained(2, '--gpus-sum-now', '1').verdict, /^refused: Easgate\.TeamBudget/);
    const alone = explained(3); // 6 GPUs, whatever the others have
    assert.equal(alone.code, 1);
    assert.match(alone.out, /^why +the service alone would come to 6; max_total_gpus of \[policy nlp\], sums\.ini:\d+ is 4$/m);
    // replay does the same with what a record holds
    const log = logged('sums', [made('nlp_a', 'llama_7b_fp16', 2), made('nlp_b', 'llama_7b_fp16', 3),
        scaled('nlp_c', 1, { spec: 'llama_7b_fp16', count: 2, stored: 2, is_app: true })]); // the last one shrinks
    const replay = easgate('replay', '-p', config, log);
    assert.match(replay.out, /^record 2, .* was allowed, would be refused: Easgate\.TeamBudget: the service alone would come to 6; max_total_gpus /m);
    assert.match(replay.out, /^3 decisions: 1 would be refused now, 0 reported now, 0 allowed now, 1 not told$/m);
});

test('explain refuses what the gateway refuses before and beside its policy', () => {
    const body = path.join(dir, 'refused.json');
    const explained = (config, target, ...args) => {
        const run = easgate('explain', '-c', config, '-C', 'nlp', '--json', ...args, ...target);
        assert.equal(run.err, '');
        const { code, message } = JSON.parse(run.out);
        return { code: run.code, answer: [code, message] };
    };
    const create = ['-b', body, 'POST', '/api/v2/app_services'];
    const write = (more = {}) => fs.writeFileSync(body, JSON.stringify({ ServiceName: 'nlp_a', AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: 1, ...more }));
    write();
    assert.equal(explained(written('fine'), create).code, 0);
    const ended = { code: 1, answer: ['Easgate.AccessEnded', 'the access of client nlp ended at 2020-01-02T00:00:00Z'] };
    assert.deepEqual(explained(written('ended', { client: `token_sha256 = ${tokenDigest('a')}\nuntil = 2020-01-01` }), create), ended);
    assert.deepEqual(explained(written('over', { policy: `${POLICY}until = 2020-01-01\n` }), create).answer, ended.answer);
    // more than max_body, and more than a record holds
    const small = written('small');
    fs.writeFileSync(small, fs.readFileSync(small, 'utf8').replace('listen =', 'max_body = 1k\nlisten ='));
    fs.writeFileSync(body, `${fs.readFileSync(body, 'utf8')}${' '.repeat(1000)}`);
    const long = explained(small, create);
    assert.deepEqual([long.code, ...long.answer], [1, 'Easgate.BodyTooLarge', 'the body is too long']);
    assert.equal(explained(written('fine'), create).code, 0);
    const labels = written('labels', { policy: `${POLICY}label_keys = stage\nallow = UpdateServiceLabel\n` });
    const keys = Array.from({ length: 60 }, (__, i) => `${'k'.repeat(60)}${i}`);
    fs.writeFileSync(body, JSON.stringify({ Labels: Object.fromEntries(keys.map((key) => [key, 'v'])) }));
    const many = explained(labels, ['-b', body, 'PUT', '/api/v2/services/cn-shanghai/nlp_a/label']);
    assert.deepEqual([many.code, ...many.answer], [1, 'Easgate.BodyTooLarge', 'the values that are judged have more than 3072 bytes as an audit record would hold them']);
    // a service without any count may come to anything
    const start = (...args) => explained(written('start', { policy: `${POLICY}allow = StartService\n` }), ['PUT', '/api/v2/services/cn-shanghai/nlp_a/start'], '--spec-now', 'llama_7b_fp16', ...args);
    assert.equal(start('--replicas-now', '1').code, 0);
    const none = start('--replicas-now', '0');
    assert.deepEqual([none.code, ...none.answer], [1, 'Easgate.StateUnreadable', 'the present state of service nlp_a could not be read: EAS states no count of replicas for it']);
    fs.writeFileSync(body, '{"Instance":2}');
    assert.equal(explained(written('fine'), ['-b', body, 'PUT', '/api/v2/services/cn-shanghai/nlp_a/scale'], '--spec-now', 'llama_7b_fp16', '--replicas-now', '0').code, 0);
});

test('explain says which methods a path has', () => {
    const run = easgate('explain', '-c', written('method'), '-C', 'nlp', 'PATCH', '/api/v2/app_services/cn-shanghai/nlp_a');
    assert.equal(run.code, 1);
    assert.match(run.out, /^why +no EAS operation of this path has this method; it has PUT$/m);
});

test('replay reads whether a call replaces from its target, and says where it cannot', () => {
    const policy = POLICY.replace('DescribeService', 'UpdateService').replace('max_replicas', 'instance_types = ecs.a\nmax_replicas');
    const denied = (target) => ({
        type: 'deny', op: 'UpdateService', method: 'PUT', target: `/api/v2/services/cn-shanghai/nlp_a${target}`,
        facts: [['cluster', 'path ClusterId', 'cn-shanghai'], ['services', 'path ServiceName', 'nlp_a'], ['replicas', 'metadata.instance', 2]],
        now: { spec: 'ecs.a', count: 1, stored: 1 }, status: 403, reason: 'spec',
    });
    const log = logged('replaces', [denied('?UpdateType=replace'), denied('?UpdateType=%72eplac%65'), denied('?UpdateType=merge'), denied(''), denied('?UpdateType=...')]);
    const run = easgate('replay', '-p', written('replaces', { policy }), '--json', log);
    const lines = run.out.trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines.pop(), { decisions: 5, now_refused: 0, now_reported: 0, now_allowed: 2, not_told: 1 });
    assert.deepEqual(lines.map(({ seq, would_be }) => [seq, would_be]), [[3, 'allowed'], [4, 'allowed'], [5, 'not_told']]); // the others state no hardware
});
