// Nothing over a cap, no forbidden spec, no foreign workspace or service goes past the policy, however it is spelled; what
// was not judged does not go out with what was; and another team's services cannot be told from none.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { NEUTRAL } from './attempt_spec.mjs';
import { ATTEMPTS, bytesOf, make, setServices, specOf, startWorld } from './attempts.mjs';
import { PAIRS, STATE_ATTEMPTS, makeAtOnce, makeOnState } from './attempts_state.mjs';
import { mix, requestFault, stateFault } from './mixer.mjs';
import { Wire } from './wire.mjs';

const LEAST_ATTEMPTS = 150;

let world;
let wire;
before(async () => {
    world = await startWorld();
    wire = new Wire(world.where);
});
after(async () => {
    wire?.close();
    await world?.stop();
});

/** A test on services as they are at first. */
function check(name, body) {
    test(name, async (t) => {
        await world.control('DELETE', '/faults');
        await setServices(world);
        world.journal();
        await world.shows(body)(t);
    });
}

const GROUPS = [...new Set(ATTEMPTS.map((a) => a.name.split(':')[0]))];

test('there are enough attempts, each named once', () => {
    assert.ok(ATTEMPTS.length >= LEAST_ATTEMPTS, `${ATTEMPTS.length}`);
    assert.equal(new Set(ATTEMPTS.map((a) => a.name)).size, ATTEMPTS.length);
});

for (const group of GROUPS) {
    check(`attempts: ${group}`, async (t) => {
        const before = await world.state();
        for (const attempt of ATTEMPTS.filter((a) => a.name.startsWith(`${group}:`)))
            await t.test(attempt.name, () => make(world, wire, attempt));
        assert.deepEqual(await world.state(), before, 'a service has changed');
    });
}

check('attempts on what the service is now', async (t) => {
    for (const attempt of STATE_ATTEMPTS) await t.test(attempt.name, () => makeOnState(world, attempt));
});

for (const pair of PAIRS) {
    check(`at once: ${pair.name}`, async () => {
        let passed = 0;
        for (let round = 0; round < 8; round++) passed += await makeAtOnce(world, pair, round);
        assert.ok(passed > 0, 'no call ever passed: nothing was tried');
    });
}

check('a foreign service and none get the same answer', async () => {
    const requests = [
        ['GET', ''], ['DELETE', ''], ['PUT', '/start'], ['PUT', '/stop'], ['PUT', '/restart'], ['GET', '/logs'], ['GET', '/instances'],
    ];
    for (const [method, more] of requests) {
        const answers = [];
        for (const service of ['vis_a', 'vis_z'])
            answers.push(await world.call({ method, target: `/api/v2/services/cn-shanghai/${service}${more}` }));
        const [one, other] = answers.map((a) => {
            const { RequestId, ...rest } = a.json;
            return JSON.stringify([a.status, rest]).replaceAll(/vis_[az]/g, 'NAME');
        });
        assert.equal(one, other);
        assert.equal(answers[0].status, 404);
    }
    assert.deepEqual(world.journal(), []);
});

check('a list has only what is owned, with the right count over all pages', async () => {
    const many = [];
    for (let i = 0; i < 130; i++) many.push({ name: `nlp_${String(i).padStart(3, '0')}`, replicas: 1, WorkspaceId: '12345' });
    for (let i = 0; i < 170; i++) many.push({ name: `vis_${String(i).padStart(3, '0')}`, replicas: 1, WorkspaceId: '67890' });
    await world.control('PUT', '/services', many);
    const seen = [];
    for (let page = 1; page <= 4; page++) {
        const answer = await world.call({ target: `/api/v2/services?PageSize=50&PageNumber=${page}` });
        assert.equal(answer.status, 200);
        assert.equal(answer.json.TotalCount, 131);
        assert.equal(answer.json.PageNumber, page);
        seen.push(...answer.json.Services.map((s) => s.ServiceName));
    }
    assert.equal(seen.length, 131);
    assert.equal(new Set(seen).size, 131);
    for (const name of seen) assert.match(name, /^nlp_/);
    for (const query of ['ServiceName=vis_a', 'Filter=vis', 'WorkspaceId=12345&Filter=is_', 'Sort=CreateTime&Order=desc&Filter=vis_']) {
        const answer = await world.call({ target: `/api/v2/services?${query}` });
        assert.deepEqual([answer.status, answer.json.TotalCount, answer.json.Services], [200, 0, []], query);
    }
});

check('secrets of an own service are not shown', async () => {
    const token = (await world.state()).get('nlp_a').AccessToken;
    assert.ok(token.length >= 20);
    for (const target of ['/api/v2/services/cn-shanghai/nlp_a', '/api/v2/services', '/api/v2/services?ServiceName=nlp_a']) {
        const answer = await world.call({ target });
        assert.equal(answer.status, 200);
        const text = answer.body.toString('utf8');
        assert.ok(text.includes('nlp_a'), text);
        assert.ok(!text.includes(token), `${target} shows the service's token`);
    }
});

check('headers of the caller are dropped', async (t) => {
    const own = [
        ['x-acs-action', 'DeleteService'], ['x-acs-version', '2019-01-01'], ['x-acs-date', '2020-01-01T00:00:00Z'], ['x-acs-signature-nonce', 'n'],
        ['x-acs-content-sha256', '0'.repeat(64)], ['x-acs-security-token', 'token'], ['x-acs-signature-type', 'BEARERTOKEN'], ['x-acs-accesskey-id', 'LTAI5tOther'],
        ['x-acs-credentials-provider', 'static_ak'], ['x-acs-retry-attempts', '1'], ['x-http-method-override', 'DELETE'], ['x-original-url', '/api/v2/regions'],
        ['x-forwarded-for', '1.2.3.4'], ['x-forwarded-host', 'evil'], ['forwarded', 'for=1.2.3.4'], ['cookie', 'a=b'], ['range', 'bytes=0-1'], ['accept-encoding', 'gzip'],
        ['user-agent', 'caller'], ['accept', 'text/xml'], ['via', '1.1 x'], ['te', 'trailers'], ['upgrade', 'h2c'], ['connection', 'keep-alive, authorization'],
        ['date', 'x'], ['if-match', '*'], ['x-anything', 'caller'], ['proxy-authorization', 'Basic eDp4'], ['http2-settings', 'AAMAAABkAARAAAAAAAIAAAAA'],
    ];
    const judge = (lines, method) => {
        assert.equal(lines.length, 1);
        assert.equal(requestFault(lines[0]), null);
        assert.equal(lines[0].method, method);
        const text = JSON.stringify(lines[0].headers);
        for (const mark of ['caller', 'evil', '1.2.3.4', 'LTAI5tOther', 'BEARERTOKEN', '2019-01-01', '2020-01-01', world.tokens.nlp]) assert.ok(!text.includes(mark), `${mark}: ${text}`);
    };
    for (const header of own) {
        await t.test(header.join(': '), async () => {
            world.journal();
            const answer = await world.call({ target: '/api/v2/services/cn-shanghai/nlp_a', headers: [header] });
            assert.equal(answer.status, 200, answer.body.toString());
            const lines = world.journal();
            judge(lines, 'GET');
            assert.equal(lines[0].action, 'DescribeService');
            assert.equal(lines[0].headers.find(([name]) => name === 'x-acs-action')[1], 'DescribeService');
        });
    }
    await t.test('all of them at once, on a change', async () => {
        world.journal();
        const headers = own.filter(([name]) => !['connection', 'upgrade'].includes(name));
        const answer = await world.call({ method: 'PUT', target: '/api/v2/services/cn-shanghai/nlp_a/stop', headers });
        assert.equal(answer.status, 200, answer.body.toString());
        judge(world.journal(), 'PUT');
    });
});

check('what is mixed with attempts is itself let through', async (t) => {
    for (const neutral of NEUTRAL) {
        await t.test(neutral.name, async () => {
            for (const on of ['create', 'update', 'describe', 'list', 'stop', 'start', 'remove']) {
                const answer = await wire.send(bytesOf(world, specOf(on, neutral.change)));
                assert.equal(answer.status, 200, `${on}: ${answer.body}`);
            }
            for (const line of world.journal()) assert.equal(requestFault(line), null);
            await setServices(world);
        });
    }
});

check('the books notice what they are for', async () => {
    const body = { ServiceName: 'nlp_book', AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: 4, Config: { ModelStorage: 'oss', OssPath: 'oss://nlp-models/a/' } };
    assert.equal((await world.call({ method: 'POST', target: '/api/v2/app_services', body })).status, 200);
    const [line] = world.journal();
    assert.equal(requestFault(line), null);
    assert.equal(stateFault(await world.state()), null);
    const changed = (change) => {
        const copy = structuredClone(line);
        change(copy);
        return copy;
    };
    const withBody = (more) => changed((l) => { l.body = JSON.stringify({ ...body, ...more }); });
    for (const wrong of [
        withBody({ Replicas: 5 }), withBody({ Replicas: '4' }), withBody({ Replicas: 1.5 }), withBody({ ServiceSpec: 'baichuan_13b_fp16' }),
        withBody({ ServiceSpec: 'chatglm_6b_int8', Replicas: 3 }), withBody({ ServiceName: 'vis_a' }), withBody({ ServiceName: 'rd_a' }), withBody({ replicas: 1 }),
        withBody({ Config: { ModelStorage: 'oss', OssPath: 'oss://nlp-models/../x' } }), withBody({ Config: { ModelStorage: 'oss', OssPath: 'oss://other/' } }),
        withBody({ Config: { ModelStorage: 'nas', NasPath: '/x' } }), withBody({ Config: { ModelStorage: 'nas', NasPath: '/models/../x' } }),
        withBody({ Config: { ModelStorage: 'oss', OssPath: 'oss://nlp-models/a/..' } }), withBody({ Config: { ModelStorage: 'oss', OssPath: 'oss://nlp-models.evil/a' } }), withBody({ Config: { ModelStorage: 'oss', OssPath: ['oss://nlp-models/a/'] } }), withBody({ AppVersion: 'v2' }), changed((l) => { l.body = l.body.replace('{', '{ '); }),
        changed((l) => { l.body = l.body.replace('"Replicas":4', '"Replicas":9,"Replicas":4'); }), changed((l) => { l.query = 'WorkspaceId=67890'; }),
        changed((l) => { l.query = ''; }), changed((l) => { l.query += '&QuotaId=x'; }), changed((l) => { l.signature.ok = false; }), changed((l) => { l.headers.push(['x-acs-x', 'y']); }),
        changed((l) => { l.path = '/api/v2/services'; }), changed((l) => { l.anomalies.push('odd'); }), changed((l) => { l.method = 'PUT'; l.path = '/api/v2/services/cn-beijing/nlp_a/start'; }),
    ])
        assert.notEqual(requestFault(wrong), null, JSON.stringify(wrong));
    for (const [name, members] of [['nlp_z', { ServiceSpec: 'llama_7b_fp16', replicas: 5 }], ['nlp_z', { ServiceSpec: 'baichuan_13b_fp16', replicas: 1 }], ['other', { replicas: 1 }]]) {
        await world.setService(name, { WorkspaceId: '12345', ...members });
        assert.notEqual(stateFault(await world.state()), null, name);
        await world.control('DELETE', `/services/${name}`);
    }
});

check('mixtures of two attempts stay within the caps', async () => {
    const seed = Number(process.env.EASGATE_SEED ?? Date.now() % 1000000);
    const result = await mix(world, { count: 1000, seed, deadlineMs: 60000 });
    assert.deepEqual(result.faults, [], `seed ${seed}`);
    assert.equal(result.made, 1000, `seed ${seed}`);
});
