// The tools for the person who writes a policy, on logs of a real run: replay through the policy that wrote it flips nothing,
// what learn prints passes check and denies nothing of it, and diff says what a change means.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { BUILD, REGION, World, clientSections, tokenDigest } from './harness.mjs';

const policies = (tokens) => `${clientSections(tokens, { nlp: 'nlp', vision: 'vision', reader: 'readers' })}
[policy nlp]
allow = @read, CreateAppService, UpdateAppService, CreateService, UpdateService, CloneService, ScaleService, @lifecycle
allow = DeleteService, CreateServiceAutoScaler, UpdateServiceAutoScaler, CreateServiceCronScaler, UpdateServiceInstance
allow = UpdateServiceVersion, UpdateServiceLabel, CreateServiceMirror, CreateGroup
services = nlp_*
groups = nlp_*
workspaces = 12345
app_types = LLM
service_specs = llama_7b_fp16 <= 4, chatglm_6b_int8 <= 2
instance_types = ecs.c6.large <= 3
max_replicas = 4
max_total_replicas = 8
images = registry.example/nlp/*
oss_paths = oss://nlp/*
label_keys = stage
gateways = gw-1
resources = eas-r-1

[policy vision]
allow = @read, CreateAppService, DeleteService, ScaleService
services = vis_*
workspaces = 67890
app_types = LLM
service_specs = baichuan_13b_fp16 <= 2
max_replicas = 8
max_total_replicas = 6
mode = report

[policy readers]
allow = DescribeService, ListServices
services = rd_*
`;

function easgate(...args) {
    const run = spawnSync(path.join(BUILD, 'easgate'), args, { encoding: 'utf8', timeout: 60000 });
    return { code: run.status, out: run.stdout, err: run.stderr };
}

test('replay, learn and diff', async (t) => {
    const world = await World.start({ policies, gateway: 'change_wait = 2s' });
    const s = (name, rest = '') => `/api/v2/services/${REGION}/${name}${rest}`;
    const app = (name, spec, n) => ({ ServiceName: name, AppType: 'LLM', ServiceSpec: spec, Replicas: n });
    const raw = (name, n, type) => ({ metadata: { name, instance: n }, cloud: { computing: { instance_type: type } }, containers: [{ image: 'registry.example/nlp/run:1' }] });
    const call = async (token, method, target, body) => (await world.call({ method, target, token: world.tokens[token], body: body ?? null })).status;
    const scaler = (max) => ({ min: 1, max, scaleStrategies: [{ metricName: 'qps', threshold: 10 }] });
    const made = [
        ['nlp', 'POST', '/api/v2/app_services', app('nlp_a', 'llama_7b_fp16', 2)],
        ['nlp', 'POST', '/api/v2/app_services', app('nlp_b', 'llama_7b_fp16', 5)], // over the spec's cap
        ['nlp', 'POST', '/api/v2/app_services', app('nlp_b', 'gpt', 1)],
        ['nlp', 'POST', '/api/v2/app_services', app('vis_b', 'llama_7b_fp16', 1)],
        ['nlp', 'POST', '/api/v2/services', raw('nlp_raw', 1, 'ecs.c6.large')],
        ['nlp', 'POST', '/api/v2/services', raw('nlp_raw2', 1, 'ecs.gn7e-c16g1.32xlarge')],
        ['nlp', 'PUT', s('nlp_raw', '/scale'), { Instance: 3 }],
        ['nlp', 'PUT', s('nlp_raw', '/scale'), { Instance: 4 }],
        ['nlp', 'PUT', s('nlp_raw'), { metadata: { instance: 2 } }],
        ['nlp', 'PUT', `${s('nlp_raw')}?UpdateType=%72eplace`, { metadata: { instance: 2 } }], // states no hardware
        ['nlp', 'POST', s('nlp_raw', '/clone'), { metadata: { name: 'nlp_clone' } }],
        ['nlp', 'POST', s('nlp_raw', '/clone'), { metadata: { name: 'vis_clone' } }],
        ['nlp', 'PUT', s('nlp_raw', '/version'), { Version: 1 }],
        ['nlp', 'POST', s('nlp_a', '/autoscaler'), scaler(4)],
        ['nlp', 'POST', s('nlp_a', '/autoscaler'), scaler(5)],
        ['nlp', 'POST', s('nlp_raw', '/cronscaler'), { ScaleJobs: [{ Name: 'j', Schedule: '0 0 9 * * *', TargetSize: 2 }] }],
        ['nlp', 'PUT', s('nlp_a', '/stop')],
        ['nlp', 'PUT', s('nlp_a', '/start')],
        ['nlp', 'PUT', s('nlp_a', '/restart')],
        ['nlp', 'PUT', s('nlp_a', '/label'), { Labels: { stage: 'test' } }],
        ['nlp', 'PUT', s('nlp_a', '/label'), { Labels: { owner: 'me' } }],
        ['nlp', 'POST', '/api/v2/app_services', app('nlp_big', 'llama_7b_fp16', 4)], // over the budget
        ['nlp', 'GET', s('nlp_a')],
        ['nlp', 'GET', s('vis_a')],
        ['nlp', 'GET', '/api/v2/services'],
        ['nlp', 'GET', `/api/v2/gateways/${REGION}/gw-2`],
        ['nlp', 'POST', '/api/v2/app_services', '{"ServiceName":"nlp_x","servicename":"nlp_y"}'],
        ['vision', 'POST', '/api/v2/app_services', app('vis_a', 'baichuan_13b_fp16', 4)], // over, but only reported
        ['vision', 'POST', '/api/v2/app_services', app('vis_b', 'gpt', 1)],
        ['vision', 'PUT', s('vis_a', '/scale'), { Instance: 2 }],
        ['vision', 'POST', '/api/v2/app_services', app('vis_c', 'baichuan_13b_fp16', 2)],
        ['vision', 'POST', '/api/v2/app_services', app('vis_d', 'baichuan_13b_fp16', 2)],
        ['vision', 'POST', '/api/v2/app_services', app('vis_e', 'baichuan_13b_fp16', 2)], // over the budget, but only reported
        ['vision', 'DELETE', s('vis_a')],
        ['vision', 'DELETE', s('nlp_a')],
        ['reader', 'GET', s('rd_a')],
        ['reader', 'DELETE', s('rd_a')],
        ['nlp', 'DELETE', s('nlp_a')],
        ['nlp', 'GET', '/easgate/v1/requests/00000000000000000000000000000000'], // no operation of EAS
    ];
    const statuses = [];
    for (const one of made) statuses.push(await call(...one));
    await t.test('explain asks a running gateway, which sends nothing', world.shows(async () => {
        const body = `${world.dir}/live.json`;
        const tokenFile = `${world.dir}/token`;
        const digest = tokenDigest(world.tokens.nlp);
        const ask = async (n, { args = [], url = `http://127.0.0.1:${world.port}`, token = world.tokens.nlp } = {}) => {
            fs.writeFileSync(body, JSON.stringify({ Instance: n }));
            fs.writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
            const run = spawn(path.join(BUILD, 'easgate'), ['explain', '-g', url, '-t', tokenFile, ...args, '-b', body, 'PUT', s('nlp_raw', '/scale')]);
            let out = '';
            let err = '';
            run.stdout.on('data', (part) => (out += part));
            run.stderr.on('data', (part) => (err += part));
            const code = await new Promise((resolve) => run.once('close', resolve));
            return { code, out, err };
        };
        const before = (await world.state()).get('nlp_raw').Replicas;
        // as offline: a table, and what came only with --json
        const fine = await ask(3);
        assert.deepEqual([fine.code, fine.err], [0, '']);
        assert.match(fine.out, /^operation {2}ScaleService\nverdict {4}allowed\nrule {7}allow of \[policy nlp\], easgate\.ini:\d+\nspec {7}ecs\.c6\.large\nreplicas {3}3 at most without another call \(\d now\)\nmade of {4}3 stated or kept\n$/);
        const over = await ask(4);
        assert.deepEqual([over.code, over.err], [1, '']);
        assert.match(over.out, /^verdict {4}refused: Easgate\.ReplicaCap \(status 403\)\nwhy {8}would be 4 replicas [^\n]*\nrule {7}instance_types of [^\n]*\nasked {6}4\nallowed {4}3\n$/);
        const json = await ask(4, { args: ['--json'] });
        assert.deepEqual([json.code, JSON.parse(json.out).Code], [1, 'Easgate.ReplicaCap']);
        // what `easgate token new` printed is as good as the token alone; of two tokens nobody can tell which
        assert.equal((await ask(3, { token: `${world.tokens.nlp}\ntoken_sha256 = ${digest}` })).code, 0);
        for (const token of [`${world.tokens.nlp}\n${world.tokens.vision}`, `${world.tokens.vision}\ntoken_sha256 = ${digest}`, '']) {
            const run = await ask(3, { token });
            assert.deepEqual([run.code, run.out, run.err], [2, '', `easgate explain: ${tokenFile}: expected the client's token in one line, or the two lines of \`easgate token new\`\n`]);
        }
        const admin = await ask(3, { url: `http://127.0.0.1:${world.adminPort}` });
        assert.deepEqual([admin.code, admin.out], [2, '']);
        assert.match(admin.err, /^easgate explain: http:\/\/127\.0\.0\.1:\d+: expected the verdict of an easgate listener \(listen of \[gateway\], not admin_listen\); what answered with status \d+ is none\n$/);
        assert.equal((await world.state()).get('nlp_raw').Replicas, before);
    }));
    t.diagnostic(`statuses ${statuses.join(' ')}`);
    await world.stopGateway();
    const { configFile: config, auditFile: log, dir } = world;

    const edited = (name, ...changes) => {
        const file = `${dir}/${name}.ini`;
        fs.writeFileSync(file, changes.reduce((text, [from, to]) => text.replace(from, to), fs.readFileSync(config, 'utf8')), { mode: 0o600 });
        return file;
    };
    const replayed = (file) => {
        const run = easgate('replay', '--policy', file, '--json', log);
        const lines = run.out.trim().split('\n').map((line) => JSON.parse(line));
        return { code: run.code, sum: lines.pop(), lines, out: run.out + run.err };
    };
    await t.test('replay through the policy that wrote it flips nothing, and tells all', world.shows(() => {
        const run = easgate('replay', '--policy', config, log);
        assert.equal(run.code, 0, run.out + run.err);
        const told = /^(\d+) decisions: 0 would be refused now, 0 reported now, 0 allowed now, 0 not told\n$/.exec(run.out);
        assert.ok(told, run.out);
        assert.ok(Number(told[1]) >= 32, run.out);
    }));
    await t.test('replay through a tighter one lists what flips', world.shows(() => {
        const { code, sum, lines, out } = replayed(edited('tighter', ['ecs.c6.large <= 3', 'ecs.c6.large <= 1'], ['services = rd_*', 'services = rx_*']));
        assert.equal(code, 1, out);
        const flips = lines.filter((line) => line.would_be !== 'not_told');
        assert.deepEqual([sum.now_allowed, sum.now_reported, sum.now_refused], [0, 0, flips.length]);
        assert.ok(flips.some((f) => f.operation === 'ScaleService' && f.code === 'Easgate.ReplicaCap' && /would be 3 replicas/.test(f.why)), out);
        assert.ok(flips.some((f) => f.client === 'reader' && f.operation === 'DescribeService' && f.code === 'Easgate.ServiceNotFound'), out);
        const text = easgate('replay', '--policy', `${dir}/tighter.ini`, log).out;
        assert.match(text, /was allowed, would be refused: Easgate\.ReplicaCap/);
    }));
    await t.test('replay says what a sum decides, as far as the log tells', world.shows(() => {
        // one replica for all: what made or raised a service past it is refused, and reported by the policy that only reports
        const one = replayed(edited('one', [/max_total_replicas = \d/g, 'max_total_replicas = 1']));
        assert.equal(one.code, 1, one.out);
        const made = one.lines.find((line) => line.operation === 'CreateAppService' && line.service === 'nlp_a');
        assert.deepEqual([made.was, made.would_be, made.code], ['allowed', 'refused', 'Easgate.TeamBudget']);
        assert.match(made.why, /^the service alone would come to 2; max_total_replicas of \[policy nlp\], one\.ini:\d+ is 1$/);
        const seen = one.lines.find((line) => line.service === 'vis_c');
        assert.deepEqual([seen.was, seen.would_be, seen.code], ['allowed', 'reported', 'Easgate.TeamBudget']);
        assert.ok(!one.lines.some((line) => line.operation === 'StopService' || line.operation === 'DeleteService'), one.out);
        // by any other file that bounds the sum it is not told, be its limit what it was; the refusal is listed
        const other = replayed(edited('other', ['[gateway]', '; another file\n[gateway]']));
        assert.equal(other.code, 0, other.out);
        assert.ok(other.sum.not_told > 5, other.out);
        const big = other.lines.find((line) => line.service === 'nlp_big');
        assert.deepEqual([big.was, big.would_be, big.why], ['refused', 'not_told', "it depends on the team's sum then"]);
        assert.match(easgate('replay', '-p', `${dir}/other.ini`, log).out, /nlp_big: was refused: budget, cannot be told: it depends on the team's sum then\n/);
        // without such a limit everything is told: what was refused or reported for the sum passes
        const none = replayed(edited('none', [/max_total_replicas = \d\n/g, '']));
        assert.equal(none.sum.not_told, 0, none.out);
        assert.deepEqual(none.lines.map((line) => [line.service, line.was, line.would_be]), [['nlp_big', 'refused', 'allowed'], ['vis_e', 'reported', 'allowed']]);
        assert.match(easgate('replay', '-p', `${dir}/none.ini`, log).out, /vis_e: was reported: budget, would be allowed\n/);
    }));
    await t.test('the tools speak in their own names', world.shows(() => {
        for (const [name, option] of [['replay', '-p'], ['learn', '-c']]) {
            const run = easgate(name, option, config, `${dir}/nothing`);
            assert.deepEqual([run.code, run.err], [2, `easgate ${name}: ${dir}/nothing: No such file or directory\n`]);
            assert.match(easgate(name, '--nope').err, new RegExp(`^easgate ${name}: unrecognized option '--nope'\n`));
        }
        assert.match(easgate('audit', 'show', '--nope').err, /^easgate audit show: unrecognized option '--nope'\n/);
    }));
    await t.test('what learn prints passes check and denies nothing that was allowed', world.shows(() => {
        const learnt = easgate('learn', '--config', config, log);
        assert.equal(learnt.code, 0, learnt.err);
        fs.writeFileSync(`${dir}/learnt.ini`, learnt.out, { mode: 0o600 });
        const check = easgate('check', `${dir}/learnt.ini`);
        assert.equal(check.code, 0, check.err + learnt.out);
        assert.match(learnt.out, /^services = nlp_raw ; \d+ times?$/m);
        assert.doesNotMatch(learnt.out, /nlp_raw2|nlp_b|ecs\.gn7e/); // what was refused is not learnt
        const replay = easgate('replay', '--policy', `${dir}/learnt.ini`, '--json', log);
        const flips = replay.out.trim().split('\n').map((line) => JSON.parse(line));
        assert.equal(flips.pop().now_refused, 0, replay.out);
    }));
    await t.test('explain judges a recorded request again, by the state that its record holds', world.shows(() => {
        const body = `${dir}/scale.json`;
        fs.writeFileSync(body, '{"Instance":4}');
        const shown = easgate('audit', 'show', '--json', '--type', 'deny', '--client', 'nlp', log).out.trim().split('\n').map((line) => JSON.parse(line));
        const denied = shown.find((r) => r.op === 'ScaleService');
        fs.writeFileSync(`${dir}/now.json`, JSON.stringify(denied.now));
        const args = ['-c', config, '-C', 'nlp', '-b', body];
        const target = ['PUT', s('nlp_raw', '/scale')];
        const without = easgate('explain', ...args, ...target);
        assert.equal(without.code, 1);
        assert.match(without.out, /state it with --now/);
        const run = easgate('explain', ...args, '--now', `@${dir}/now.json`, ...target);
        assert.equal(run.code, 1, run.err);
        assert.ok(run.out.includes(denied.message), run.out); // word for word what its caller was told
        const fine = easgate('explain', ...args, '--now', '{"spec":"ecs.c6.large","count":1,"stored":1}', ...target);
        assert.match(fine.out, /would be 4 replicas \(1 now\); instance_types of \[policy nlp\] is 3/);
        fs.writeFileSync(body, '{"Instance":2}');
        const sum = easgate('explain', ...args, '--now', '{"spec":"ecs.c6.large","count":1,"stored":1}', '--sum-now', '7', ...target);
        assert.match(sum.out, /Easgate\.TeamBudget/);
        const passes = easgate('explain', ...args, '--now', '{"spec":"ecs.c6.large","count":1,"stored":1}', '--sum-now', '6', ...target);
        assert.equal(passes.code, 0, passes.out);
        assert.match(passes.out, /^replicas {3}2 at most without another call \(1 now\)$/m);
        assert.equal(easgate('explain', ...args, '--now', '{"count":"1"}', ...target).code, 2);
        // the recipe of --help: of a request with look-ups and an outcome only the intent holds a state
        const recipe = /easgate (audit show --json --id ID DIR \| .*) > now\.json\n/.exec(easgate('explain', '--help').out)[1];
        const allowed = easgate('audit', 'show', '--json', '--type', 'intent', log).out.trim().split('\n').map((line) => JSON.parse(line)).find((r) => r.op === 'ScaleService' && r.now);
        const line = recipe.replace('audit', `'${BUILD}/easgate' audit`).replace('ID DIR', `${allowed.id} '${dir}'`);
        const made = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
        if (spawnSync('jq', ['--version']).status === 0) assert.deepEqual([made.stdout, made.stderr], [`${JSON.stringify(allowed.now)}\n`, '']);
        else t.diagnostic('no jq: the recipe of explain --help was not tried');
    }));
    await t.test('diff says what a change means', world.shows(() => {
        const next = `${dir}/next.ini`;
        fs.writeFileSync(next, fs.readFileSync(config, 'utf8').replace('max_replicas = 4', 'max_replicas = 6\nuntil = 2099-12-31').replace('llama_7b_fp16 <= 4, ', '').replace('policy = readers', 'policy = vision').replace(/\[policy readers\][^]*$/, ''), { mode: 0o600 });
        const run = easgate('diff', config, next);
        assert.equal(run.code, 1, run.err);
        assert.match(run.out, /^client nlp\n/m);
        assert.doesNotMatch(run.out, /oss_paths/); // a pattern of paths that stayed
        assert.match(run.out, /^ {2}\+ max_replicas is 6, was 4$/m);
        assert.match(run.out, /^ {2}- its access ends 2100-01-01T00:00:00Z, was never$/m);
        assert.match(run.out, /^ {2}- service_specs: llama_7b_fp16, up to 4$/m);
        assert.match(run.out, /^client reader\n(?: {2}.*\n)* {2}\+ CreateAppService is allowed$/m);
        // a narrower pattern is nothing new, only the rest of the wider one goes; and back
        const narrow = `${dir}/narrow.ini`;
        fs.writeFileSync(narrow, fs.readFileSync(config, 'utf8').replace('oss://nlp/*', 'oss://nlp/llama/*').replace('nlp/*', 'nlp/v1-*'), { mode: 0o600 });
        const less = easgate('diff', config, narrow), more = easgate('diff', narrow, config);
        assert.match(less.out, /^client nlp\n {2}- images: registry.example\/nlp\/\*\n {2}- oss_paths: oss:\/\/nlp\/\*\n$/);
        assert.match(more.out, /^client nlp\n {2}\+ images: registry.example\/nlp\/\*\n {2}\+ oss_paths: oss:\/\/nlp\/\*\n$/);
        const same = easgate('diff', config, config);
        assert.equal(same.code, 0);
        assert.match(same.out, /no client may do more or less/);
    }));
    await world.stop();
});
