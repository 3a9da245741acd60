// The official Node SDK, unchanged, with nothing but its endpoint pointed at easgate: with a bearer token, and with a dummy
// key plus the token in a header. What it asks for happens, what the policy refuses comes back as the SDK's own error with
// easgate's code and message, and EAS sees only requests that easgate made and signed.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import credentials from '@alicloud/credentials';
import openapiClient from '@alicloud/openapi-client';
import openapiCore from '@alicloud/openapi-core';
import { ACCESS_KEY_ID, World } from './harness.mjs';
import { requestFault } from './mixer.mjs';

const VERSION = '2021-07-01';
const DUMMY_KEY = { accessKeyId: 'LTAI5tDummyDummyDummy', accessKeySecret: 'dummy-dummy-dummy' };
const BASE = '/api/v2/services/cn-shanghai';

const core = { Client: openapiCore.default, ...openapiCore.$OpenApiUtil };
const classic = { Client: openapiClient.default, ...openapiClient };
const Credential = credentials.default;

/** How a program may be set up: which package, and how it says who it is. */
const WAYS = [
    { name: 'openapi-core, bearerToken', kit: core, who: (token) => ({ bearerToken: token }) },
    { name: 'openapi-core, a bearer credential', kit: core, who: (token) => ({ credential: new Credential(new credentials.Config({ type: 'bearer', bearerToken: token })) }) },
    { name: 'openapi-core, a dummy key and the header', kit: core, who: () => DUMMY_KEY, header: true },
    { name: 'openapi-core, a dummy STS key and the header', kit: core, who: () => ({ ...DUMMY_KEY, securityToken: 'dummy-security-token' }), header: true },
    { name: 'openapi-client, bearerToken', kit: classic, who: (token) => ({ bearerToken: token }) },
    { name: 'openapi-client, a dummy key and the header', kit: classic, who: () => DUMMY_KEY, header: true },
    { name: 'openapi-client doROARequest, bearerToken', kit: classic, who: (token) => ({ bearerToken: token }), roa: true },
    { name: 'openapi-client doROARequest, a dummy key and the header', kit: classic, who: () => DUMMY_KEY, header: true, roa: true },
];

/** call(action, method, pathname, {query, body}) as a generated client would make it. */
function caller(way, endpoint, token) {
    const { Client, Config, Params, OpenApiRequest } = way.kit;
    const client = new Client(new Config({ endpoint, protocol: 'http', regionId: 'cn-shanghai', ...way.who(token) }));
    const headers = way.header ? { 'x-acs-bearer-token': token } : {};
    return async (action, method, pathname, { query = {}, body } = {}) => {
        const request = new OpenApiRequest({ query, headers: { ...headers }, body });
        if (way.roa) return client.doROARequest(action, VERSION, 'HTTP', method, 'AK', pathname, 'json', request, {});
        const style = { style: 'ROA', authType: 'AK', reqBodyType: 'json', bodyType: 'json' };
        return client.callApi(new Params({ action, version: VERSION, protocol: 'HTTP', method, pathname, ...style }), request, {});
    };
}

let world;
before(async () => {
    world = await World.start({ stateDelayMs: 60, durability: 'synced' });
});
after(async () => world?.stop());

const check = (name, body) => test(name, (t) => world.shows(body)(t));

const app = (name, more) => ({ ServiceName: name, AppType: 'LLM', AppVersion: 'v1', ServiceSpec: 'llama_7b_fp16', Replicas: 2, Config: { ModelStorage: 'oss', OssPath: 'oss://nlp-models/llama/' }, ...more });

async function untilStatus(call, name, status) {
    const deadline = Date.now() + 15000;
    for (;;) {
        const { body } = await call('DescribeService', 'GET', `${BASE}/${name}`);
        if (body.Status === status) return body;
        assert.ok(Date.now() < deadline, `${name} is ${body.Status}, never ${status}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

/** Every request of the journal was made and signed by easgate: valid signature by the stored key, none of the caller's headers. */
function checkJournal(lines, token) {
    assert.ok(lines.length > 0);
    for (const line of lines) {
        assert.equal(line.signature.ok, true, JSON.stringify(line.signature));
        assert.equal(line.signature.key_id, ACCESS_KEY_ID);
        assert.equal(requestFault(line), null);
        assert.equal(line.headers.find(([name]) => name === 'user-agent')[1].split('/')[0], 'easgate');
        const head = Buffer.from(line.head_base64, 'base64').toString('latin1').toLowerCase();
        for (const mark of [token, 'dummy', 'bearer', 'alibabacloud', 'x-acs-retry', 'x-acs-credentials-provider', 'transfer-encoding', 'x-acs-security-token'])
            assert.ok(!head.includes(mark.toLowerCase()), `${mark} has come through: ${head}`);
    }
}

test('the SDK sends its bodies chunked, and headers of its own', async () => {
    const seen = [];
    const server = net.createServer((socket) => {
        let text = '';
        socket.on('error', () => {});
        socket.on('data', (data) => {
            text += data.toString('latin1');
            if (!text.endsWith('0\r\n\r\n')) return;
            seen.push(text);
            socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}');
        });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    for (const way of WAYS) await caller(way, `127.0.0.1:${server.address().port}`, 'eg_token')('CreateAppService', 'POST', '/api/v2/app_services', { body: app('nlp_x') });
    await new Promise((resolve) => server.close(resolve));
    assert.equal(seen.length, WAYS.length);
    for (const text of seen) {
        assert.match(text, /\r\ntransfer-encoding: chunked\r\n/i);
        assert.match(text, /\r\nx-acs-bearer-token: eg_token\r\n/i);
        assert.match(text, /\r\ncontent-type: application\/json; charset=utf-8\r\n/i);
    }
});

for (const [i, way] of WAYS.entries()) {
    const name = `nlp_sdk_${i}`;

    check(`${way.name}: the life of a service`, async () => {
        const call = caller(way, world.host, world.tokens.nlp);
        world.journal();

        const created = await call('CreateAppService', 'POST', '/api/v2/app_services', { query: { WorkspaceId: '12345' }, body: app(name) });
        assert.equal(created.body.ServiceName, name);
        assert.equal(created.body.Status, 'Creating');
        assert.match(created.body.ServiceId, /^eas-m-/);
        const running = await untilStatus(call, name, 'Running');
        assert.equal(running.TotalInstance, 2);
        assert.equal(running.AppSpecName, 'llama_7b_fp16');
        assert.equal(running.WorkspaceId, '12345');

        await call('UpdateAppService', 'PUT', `/api/v2/app_services/cn-shanghai/${name}`, { body: { Replicas: 4 } });
        assert.equal((await untilStatus(call, name, 'Running')).TotalInstance, 4);
        await call('UpdateAppService', 'PUT', `/api/v2/app_services/cn-shanghai/${name}`, { body: { Replicas: 2, ServiceSpec: 'chatglm_6b_int8' } });
        assert.equal((await untilStatus(call, name, 'Running')).AppSpecName, 'chatglm_6b_int8');

        const list = await call('ListServices', 'GET', '/api/v2/services', { query: { Filter: 'nlp_', PageSize: '50', Label: '{}' } });
        assert.ok(list.body.Services.some((s) => s.ServiceName === name));
        assert.equal(list.body.TotalCount, list.body.Services.length);

        await call('StopService', 'PUT', `${BASE}/${name}/stop`);
        await untilStatus(call, name, 'Stopped');
        await call('StartService', 'PUT', `${BASE}/${name}/start`);
        assert.equal((await untilStatus(call, name, 'Running')).TotalInstance, 2);
        await call('RestartService', 'PUT', `${BASE}/${name}/restart`);
        await untilStatus(call, name, 'Running');
        const instances = await call('ListServiceInstances', 'GET', `${BASE}/${name}/instances`);
        assert.equal(instances.statusCode, 200);
        await call('DeleteService', 'DELETE', `${BASE}/${name}`);
        const deadline = Date.now() + 15000;
        while ((await world.state()).has(name)) assert.ok(Date.now() < deadline, 'the service is still there');

        const lines = world.journal();
        checkJournal(lines, world.tokens.nlp);
        const actions = new Set(lines.map((line) => line.action));
        for (const action of ['CreateAppService', 'UpdateAppService', 'DescribeService', 'ListServices', 'StopService', 'StartService', 'RestartService', 'DeleteService']) assert.ok(actions.has(action), action);
    });

    check(`${way.name}: refusals are the SDK's own errors`, async () => {
        const call = caller(way, world.host, world.tokens.nlp);
        const stranger = caller(way, world.host, 'eg_unknown');
        const service = `/api/v2/app_services/cn-shanghai/${name}`;
        const cases = [
            ['Easgate.ReplicaCap', 403, /9 replicas.*max_replicas|9 replicas.*service_specs/, () => call('CreateAppService', 'POST', '/api/v2/app_services', { body: app(name, { Replicas: 9 }) })],
            ['Easgate.SpecNotAllowed', 403, /baichuan_13b_fp16.*small-llms/, () => call('CreateAppService', 'POST', '/api/v2/app_services', { body: app(name, { ServiceSpec: 'baichuan_13b_fp16' }) })],
            ['Easgate.ServiceNameNotAllowed', 403, /vis_x/, () => call('CreateAppService', 'POST', '/api/v2/app_services', { body: app('vis_x') })],
            ['Easgate.WorkspaceNotAllowed', 403, /67890/, () => call('CreateAppService', 'POST', '/api/v2/app_services', { query: { WorkspaceId: '67890' }, body: app(name) })],
            ['Easgate.InvalidField', 400, /Replicas/, () => call('CreateAppService', 'POST', '/api/v2/app_services', { body: app(name, { Replicas: '2' }) })],
            ['Easgate.InvalidQuery', 400, /Develop/, () => call('CreateAppService', 'POST', '/api/v2/app_services', { query: { Develop: 'true' }, body: app(name) })],
            ['Easgate.ReplicaCap', 403, /9/, () => call('UpdateAppService', 'PUT', service, { body: { Replicas: 9 } })],
            ['Easgate.ServiceNotFound', 404, /vis_a/, () => call('DescribeService', 'GET', `${BASE}/vis_a`)],
            ['Easgate.ReplicaCap', 403, /9 replicas/, () => call('ScaleService', 'PUT', `${BASE}/${name}/scale`, { body: { Instance: 9 } })],
            ['Easgate.UnknownOperation', 404, /no EAS operation/, () => call('Nothing', 'GET', '/api/v2/nothing')],
            ['Easgate.Unauthenticated', 401, /token/, () => stranger('ListServices', 'GET', '/api/v2/services')],
            ['Easgate.Unauthenticated', 401, /token/, () => stranger('CreateAppService', 'POST', '/api/v2/app_services', { body: app(name) })],
        ];
        const before = await world.received();
        for (const [code, status, message, work] of cases) {
            await assert.rejects(work, (error) => {
                assert.equal(error.code, code, error.stack);
                assert.equal(error.statusCode ?? error.data.statusCode, status);
                assert.match(error.message, message);
                assert.match(error.requestId ?? error.data.RequestId, /^[0-9a-f]{32}$/);
                assert.equal(error.data.HostId, 'easgate');
                return true;
            });
        }
        assert.equal(await world.received(), before, 'something arrived at EAS');
    });

    check(`${way.name}: an error of EAS passes as it is`, async () => {
        const call = caller(way, world.host, world.tokens.nlp);
        await assert.rejects(() => call('DescribeService', 'GET', `${BASE}/nlp_missing`), (error) => {
            assert.equal(error.code, 'InvalidService.NotFound');
            assert.match(error.requestId ?? error.data.RequestId, /^[0-9A-F]{8}-/);
            return true;
        });
    });
}
