// Attempts by query, header, path, method, identity, and by each operation. Rows as in attempts_body.mjs.
import fs from 'node:fs';
import { gzipSync } from 'node:zlib';
import {
    addHeader, addQuery, also, setBody, setMember, setMethod, setPath, setQuery, setTarget,
} from './attempt_spec.mjs';
import { ROOT } from './harness.mjs';

const QUERY = { status: 400, code: 'Easgate.InvalidQuery' };
const WORKSPACE = { status: 403, code: 'Easgate.WorkspaceNotAllowed' };
const QUOTA = { status: 403, code: 'Easgate.QuotaNotAllowed' };
const MALFORMED = { status: 400, code: 'Easgate.MalformedRequest' };
const BAD_PATH = { status: 400, code: 'Easgate.InvalidPath' };
const UNKNOWN = { status: 404, code: 'Easgate.UnknownOperation' };
const METHOD = { status: 405, code: 'Easgate.MethodNotAllowed' };
const FIELD = { status: 400, code: 'Easgate.InvalidField' };
const CAP = { status: 403, code: 'Easgate.ReplicaCap' };
const NOT_FOUND = { status: 404, code: 'Easgate.ServiceNotFound' };
const CLUSTER = { status: 403, code: 'Easgate.WrongCluster' };
const DENIED = { status: 403, code: 'Easgate.OperationNotAllowed' };
const CONTENT_TYPE = { status: 415, code: 'Easgate.UnsupportedContentType' };
const UNAUTHENTICATED = { status: 401, code: 'Easgate.Unauthenticated' };
const HOST = { status: 403, code: 'Easgate.ForbiddenHost' };
const ORIGIN = { status: 403, code: 'Easgate.ForbiddenOrigin' };

const rows = [];
const add = (name, change, expected, on = 'create') => rows.push({ name, on, change, ...expected });
const nine = setMember('Replicas', '9');

/* ---- the query: another workspace ---- */
for (const [item, expected] of [
    ['WorkspaceId=67890', WORKSPACE], ['WorkspaceId=', WORKSPACE], ['WorkspaceId=012345', WORKSPACE], ['WorkspaceId=12345.0', WORKSPACE],
    ['WorkspaceId=12345,67890', WORKSPACE], ['WorkspaceId=12345%2C67890', WORKSPACE], ['WorkspaceId=12345%20', WORKSPACE],
    ['WorkspaceId=%2012345', WORKSPACE], ['WorkspaceId=12345%26WorkspaceId%3D67890', WORKSPACE], ['WorkspaceId=12345%3B67890', WORKSPACE],
    ['WorkspaceId=%2512345', WORKSPACE], ['WorkspaceId=%31%32%33%34%36', WORKSPACE], ['WorkspaceId=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95', WORKSPACE],
    ['WorkspaceId=12345%2526WorkspaceId%253D67890', WORKSPACE], ['WorkspaceId=*', WORKSPACE], ['WorkspaceId=%5B%2212345%22%5D', WORKSPACE],
    ['WorkspaceId=12345/../67890', WORKSPACE], ['WorkspaceId=12345?WorkspaceId', WORKSPACE],
    ['%57orkspaceId=67890', QUERY], ['Work%73paceId=67890', QUERY], ['%57%6F%72%6B%73%70%61%63%65%49%64=67890', QUERY],
    ['workspaceid=67890', QUERY], ['WORKSPACEID=67890', QUERY], ['workspaceId=67890', QUERY], ['WorkspaceID=67890', QUERY],
    ['Wor%E2%84%AAspaceId=67890', QUERY], ['Work%C5%BFpaceId=67890', QUERY], ['WorkspaceId%20=67890', QUERY], ['%20WorkspaceId=67890', QUERY],
    ['WorkspaceId%00=67890', QUERY], ['WorkspaceId+=67890', QUERY], ['WorkspaceId[]=67890', QUERY], ['WorkspaceId%5B%5D=67890', QUERY],
    ['WorkspaceId[0]=67890', QUERY], ['WorkspaceId.1=67890', QUERY], ['WorkspaceId.0.Value=67890', QUERY], ['Workspace_Id=67890', QUERY],
    ['workspace_id=67890', QUERY], ['Workspace-Id=67890', QUERY], ['$WorkspaceId=67890', QUERY], ['WorkspaceId:67890', QUERY],
    ['WorkspaceId', QUERY], ['=67890', QUERY], ['WorkspaceId=12345;WorkspaceId=67890', QUERY], ['WorkspaceId=12345;67890', QUERY],
    ['WorkspaceId=12345=67890', QUERY], ['WorkspaceId=12345?WorkspaceId=67890', QUERY], ['WorkspaceId=12345+', QUERY], ['WorkspaceId=12345%00', QUERY],
    ['WorkspaceId=12345%00&x=1', QUERY], ['WorkspaceId=12345%0A', QUERY], ['WorkspaceId=12345%0D%0AX-A%3A%20b', QUERY], ['WorkspaceId=12345%', QUERY],
    ['WorkspaceId=12345%3', QUERY], ['WorkspaceId=%zz', QUERY], ['WorkspaceId=%u0031', QUERY], ['WorkspaceId=%C0%B1', QUERY],
    ['WorkspaceId=%ED%A0%80', QUERY], ['WorkspaceId=%FF', QUERY], ['WorkspaceId=12345%7F', QUERY], ['WorkspaceId=12345%C2%85', QUERY],
    [`WorkspaceId=${'1'.repeat(2000)}`, QUERY], ['WorkspaceId="12345"', QUERY], ['WorkspaceId=12345|67890', QUERY],
    ['WorkspaceId=12345\\67890', QUERY], ['WorkspaceId=12345 67890', MALFORMED], ['WorkspaceId=12345#67890', MALFORMED],
    ['WorkspaceId=12345\t', MALFORMED], ['WorkspaceId=12345\u00e9', MALFORMED], ['WorkspaceId=12345\0', MALFORMED],
])
    add(`query: ${JSON.stringify(item.length > 60 ? `${item.slice(0, 20)}... (${item.length})` : item)}`, setQuery(item), expected);
add('query: a second WorkspaceId behind', addQuery('WorkspaceId=67890'), QUERY);
add('query: a second WorkspaceId before', addQuery('WorkspaceId=67890', true), QUERY);
add('query: the same WorkspaceId twice', addQuery('WorkspaceId=12345'), QUERY);
add('query: a second one in other case', addQuery('workspaceid=67890'), QUERY);
add('query: a second one, escaped', addQuery('%57orkspaceId=67890'), QUERY);
add('query: && between', addQuery('&WorkspaceId=67890'), QUERY);
add('query: & at the end', addQuery(''), QUERY);
add('query: & at the beginning', addQuery('', true), QUERY);
add('query: a second question mark', addQuery('?WorkspaceId=67890'), QUERY);
add('query: another workspace in an update', setQuery('WorkspaceId=67890'), WORKSPACE, 'update');
add('query: another workspace in a list', setQuery('WorkspaceId=67890'), WORKSPACE, 'list');
add('query: another quota', addQuery('QuotaId=quota-vision'), QUOTA);
add('query: an empty quota', addQuery('QuotaId='), QUOTA);
add('query: another quota in an update', addQuery('QuotaId=quota-vision'), QUOTA, 'update');
add('query: another quota in a list', addQuery('QuotaId=quota-vision'), QUOTA, 'list');
for (const item of [
    'Action=ScaleService', 'action=ScaleService', 'Version=2019-01-01', 'AccessKeyId=LTAI5tOther', 'Signature=0', 'SignatureNonce=1',
    'SignatureMethod=HMAC-SHA1', 'SignatureVersion=1.0', 'SecurityToken=x', 'Timestamp=2026-01-01T00%3A00%3A00Z', 'Format=JSON',
    'RegionId=cn-beijing', 'x-acs-action=ScaleService', 'X-Acs-Security-Token=x', 'Authorization=x', 'Replicas=9', 'Instance=9', 'instance=9',
    'ServiceSpec=baichuan_13b_fp16', 'ServiceName=vis_a', 'ClusterId=cn-beijing', 'Config=%7B%7D', 'UpdateType=replace', 'Develop=true',
    '_method=DELETE', 'callback=x', '__proto__=x',
])
    add(`query: ${item}`, addQuery(item), QUERY);
add('query: UpdateType in an update', addQuery('UpdateType=replace'), QUERY, 'update');
add('query: on an operation without any', setQuery('Force=true'), QUERY, 'remove');
for (const item of ['PageSize=1e3', 'PageSize=-1', 'PageSize=0x10', 'PageSize=4294967297', 'PageSize=01', 'PageNumber=%31%20', 'Label=x', 'Label=%5B%5D', 'Label=%7B%22a%22%3A1%7D', 'Label=%7B%22a%22%3A%22x%22%2C%22A%22%3A%22y%22%7D', 'IncludeNoWorkspace=TRUE'])
    add(`query: ${item} in a list`, addQuery(item), QUERY, 'list');

/* ---- headers that promise something else, on a request that the policy refuses ---- */
for (const [name, value] of [
    ['x-acs-action', 'DescribeService'], ['x-acs-action', 'ListServices'], ['x-acs-version', '2019-01-01'], ['x-http-method-override', 'GET'],
    ['x-http-method', 'GET'], ['x-method-override', 'GET'], ['x-original-url', '/api/v2/services'], ['x-rewrite-url', '/api/v2/services'],
    ['x-original-uri', '/api/v2/services'], ['x-forwarded-uri', '/api/v2/services'], ['x-forwarded-for', '127.0.0.1'], ['forwarded', 'for=127.0.0.1;host=easgate'],
    ['x-forwarded-host', 'pai-eas.cn-shanghai.aliyuncs.com'], ['x-forwarded-proto', 'https'], ['x-real-ip', '127.0.0.1'], ['x-acs-security-token', 'token'],
    ['x-acs-content-sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'], ['x-acs-signature-nonce', 'nonce'],
    ['x-acs-date', '2020-01-01T00:00:00Z'], ['x-acs-source-ip', '127.0.0.1'], ['x-acs-caller-uid', '1'], ['x-easgate-client', 'vision'],
    ['x-easgate-policy', 'vision'], ['x-acs-account-id', '1'], ['cookie', 'admin=1'], ['upgrade', 'h2c'], ['connection', 'x-acs-action, authorization'],
    ['range', 'bytes=0-10'], ['if-none-match', '*'], ['te', 'trailers'], ['via', '1.1 proxy'], ['prefer', 'respond-async'],
])
    add(`header: ${name}: ${value.slice(0, 40)} on nine replicas`, also(nine, addHeader(name, value)), CAP);

/* ---- headers that are refused ---- */
for (const [name, value, expected] of [
    ['Origin', 'https://evil.example', ORIGIN], ['Origin', 'null', ORIGIN], ['Sec-Fetch-Site', 'cross-site', ORIGIN], ['Sec-Fetch-Site', 'same-origin', ORIGIN],
    ['Content-Encoding', 'gzip', CONTENT_TYPE], ['Content-Encoding', 'identity', CONTENT_TYPE], ['Content-Encoding', 'br', CONTENT_TYPE],
    ['Expect', 'x', { status: 417, code: 'Easgate.MalformedRequest' }], ['Host', 'evil.example', MALFORMED], ['Content-Length', '3', MALFORMED],
    ['Transfer-Encoding', 'chunked', MALFORMED], ['Transfer-Encoding', 'identity', MALFORMED], ['Transfer-Encoding', 'gzip, chunked', MALFORMED],
    ['Transfer_Encoding', 'chunked', MALFORMED], ['Content_Length', '3', MALFORMED], ['Content-Length ', '3', MALFORMED],
    ['X A', 'b', MALFORMED], ['', 'b', MALFORMED], ['X-A', 'b\0c', MALFORMED], ['X-A', 'b\rc', MALFORMED], ['X-A', 'b\u00e9', MALFORMED],
    ['X-A', 'b\r\n folded: x', MALFORMED], ['X-A', 'b\nx-acs-action: ScaleService', MALFORMED],
])
    add(`header: refused ${JSON.stringify(`${name}: ${value}`)}`, addHeader(name, value), expected);
add('header: Authorization twice', addHeader('authorization', 'Bearer other'), UNAUTHENTICATED);
add('header: an unknown name twice', also(addHeader('X-A', '1'), addHeader('x-a', '2')), MALFORMED);
add('header: a body in gzip', also(addHeader('Content-Encoding', 'gzip'), setBody(gzipSync('{"Replicas":9}'))), CONTENT_TYPE);
for (const type of [
    'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/json', 'application/json; charset=utf-16',
    'application/json; charset=utf-7', 'application/json; charset=gbk', 'application/json, text/plain', 'application/vnd.api+json', 'application/jsonp',
    'application/octet-stream', 'application/xml', 'application/json; charset=utf-8; x=y', '*/*', 'json',
])
    add(`content type: ${type}`, addHeader('Content-Type', type), CONTENT_TYPE);

/* ---- who asks ---- */
const as = (token) => (s) => {
    s.token = token;
};
add('identity: no token', as(() => null), UNAUTHENTICATED);
add('identity: a wrong token', as(() => 'eg_0000000000000000000000000000000000000000'), UNAUTHENTICATED);
add('identity: a token cut by one', as((t) => t.nlp.slice(0, -1)), UNAUTHENTICATED);
add('identity: a token and one more', as((t) => `${t.nlp}0`), UNAUTHENTICATED);
add('identity: a token in upper case', as((t) => t.nlp.toUpperCase()), UNAUTHENTICATED);
add('identity: two tokens in one header', as((t) => `${t.nlp}, ${t.vision}`), UNAUTHENTICATED);
add('identity: two tokens with a blank', as((t) => `${t.nlp} ${t.vision}`), UNAUTHENTICATED);
add('identity: own token and another in x-acs-bearer-token', (s) => s.headers.push(['x-acs-bearer-token', (t) => t.vision]), UNAUTHENTICATED);
add('identity: the same token in both', (s) => s.headers.push(['x-acs-bearer-token', (t) => t.nlp]), UNAUTHENTICATED);
add('identity: Basic', also(as(() => null), (s) => s.headers.push(['Authorization', (t) => `Basic ${Buffer.from(`nlp:${t.nlp}`).toString('base64')}`])), UNAUTHENTICATED);
add('identity: no scheme', also(as(() => null), (s) => s.headers.push(['Authorization', (t) => t.nlp])), UNAUTHENTICATED);
add('identity: a signature and no token', also(as(() => null), addHeader('Authorization', 'ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=0')), UNAUTHENTICATED);
add('identity: the token in the query', also(as(() => null), (s) => s.query.push((t) => `token=${t.nlp}`)), UNAUTHENTICATED);
add('identity: the token in a cookie', also(as(() => null), (s) => s.headers.push(['Cookie', (t) => `token=${t.nlp}`])), UNAUTHENTICATED);
add('identity: the digest as the token', as((t, digest) => digest(t.nlp)), UNAUTHENTICATED);
add('identity: Proxy-Authorization', also(as(() => null), (s) => s.headers.push(['Proxy-Authorization', (t) => `Bearer ${t.nlp}`])), UNAUTHENTICATED);
add("identity: vision's token on nlp's place", as((t) => t.vision), { status: 403, code: 'Easgate.ServiceNameNotAllowed' });
for (const on of ['update', 'describe', 'start', 'stop', 'remove']) {
    add(`identity: vision's token on nlp's service: ${on}`, also(as((t) => t.vision), setQuery()), NOT_FOUND, on);
    const expected = on === 'describe' ? NOT_FOUND : DENIED;
    add(`identity: a reader's token on nlp's service: ${on}`, also(as((t) => t.reader), setQuery()), expected, on);
}
add('identity: a reader creates', as((t) => t.reader), DENIED);

/* ---- the Host ---- */
for (const host of ['evil.example', 'pai-eas.cn-shanghai.aliyuncs.com', '127.0.0.1', '127.0.0.1:1', 'localhost:1', '0.0.0.0', '127.0.0.1.evil.example', '2130706433'])
    add(`host: ${host}`, (s) => { s.host = host; }, HOST);
for (const host of ['a b', 'a@127.0.0.1', 'http://127.0.0.1', '127.0.0.1/api', '127.0.0.1?x', '127.0.0.1#x'])
    add(`host: ${host}`, (s) => { s.host = host; }, MALFORMED);

/* ---- paths ---- */
for (const [path, expected] of [
    ['/api/v2/app_services/', BAD_PATH], ['//api/v2/app_services', MALFORMED], ['/api//v2/app_services', MALFORMED], ['/api/v2//app_services', MALFORMED],
    ['/api/v2/./app_services', MALFORMED], ['/api/v2/services/../app_services', MALFORMED], ['/../api/v2/app_services', MALFORMED],
    ['/api/v2/app_services/..', MALFORMED], ['/api/v2/app_services/.', MALFORMED], ['/api/v2/app%5Fservices', MALFORMED], ['/%61pi/v2/app_services', MALFORMED],
    ['/api/v2/%2e%2e/v2/app_services', MALFORMED], ['/api/v2%2Fapp_services', MALFORMED], ['/api/v2/app_services%00', MALFORMED], ['/api/v2/app_services%20', MALFORMED],
    ['/api/v2/app_services;a=b', MALFORMED], ['/api;x/v2/app_services', MALFORMED], ['/api/v2/app_services,x', MALFORMED], ['/api\\v2\\app_services', MALFORMED],
    ['/api/v2/app_services&Replicas=9', MALFORMED], ['/API/V2/APP_SERVICES', UNKNOWN], ['/api/V2/app_services', UNKNOWN], ['/api/v2/App_services', UNKNOWN],
    ['/api/v1/app_services', UNKNOWN], ['/api/v3/app_services', UNKNOWN], ['/v2/app_services', UNKNOWN], ['/app_services', UNKNOWN], ['/', BAD_PATH],
    ['/api/v2/app-services', UNKNOWN], ['/api/v2/appservices', UNKNOWN], ['/api/v2/app_service', UNKNOWN], ['/api/v2/app_services.json', UNKNOWN],
    ['/api/v2/app_services~', UNKNOWN], ['/api/v2/app_services/cn-shanghai', UNKNOWN], ['/api/v2/app_services/cn-shanghai/nlp_a', METHOD],
    ['/api/v2/app_services/cn-shanghai/nlp_a/x', UNKNOWN], ['/healthz', UNKNOWN], ['/metrics', UNKNOWN], ['/-/reload', UNKNOWN],
])
    add(`path: ${path}`, setPath(path), expected);
for (const [text, expected] of [
    ['http://127.0.0.1/api/v2/app_services', MALFORMED], ['https://pai-eas.cn-shanghai.aliyuncs.com/api/v2/app_services', MALFORMED],
    ['*', MALFORMED], ['api/v2/app_services', MALFORMED], ['pai-eas.cn-shanghai.aliyuncs.com:443', MALFORMED], ['/api/v2/app_services HTTP/1.1', MALFORMED],
    ['/api/v2/app_services#/x', MALFORMED], ['?WorkspaceId=67890', MALFORMED], ['//evil.example/api/v2/app_services', MALFORMED],
    ['/api/v2/app_\u017fervices', MALFORMED], ['/api/v2/app_services\u00a0', MALFORMED],
])
    add(`target: ${text}`, setTarget(text), expected);
add('method: HEAD', setMethod('HEAD'), { ...METHOD, bodiless: true });
for (const method of ['PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'post', 'Post', 'SCALE', 'PUTT'])
    add(`method: ${method}`, setMethod(method), METHOD);
for (const method of ['GET', 'PUT', 'DELETE']) add(`method: ${method} on app_services`, setMethod(method), METHOD);
for (const method of ['PO ST', 'PO\tST', 'P\u00d6ST', '', 'POST\0']) add(`method: ${JSON.stringify(method)}`, setMethod(method), MALFORMED);

/* ---- another region, other teams' services ---- */
const LIFE = { update: ['PUT', (c, s) => `/api/v2/app_services/${c}/${s}`], describe: ['GET', (c, s) => `/api/v2/services/${c}/${s}`], start: ['PUT', (c, s) => `/api/v2/services/${c}/${s}/start`], stop: ['PUT', (c, s) => `/api/v2/services/${c}/${s}/stop`], remove: ['DELETE', (c, s) => `/api/v2/services/${c}/${s}`] };
for (const [on, [, path]] of Object.entries(LIFE)) {
    for (const cluster of ['cn-beijing', 'CN-SHANGHAI', 'cn-shanghai.', 'cn-shanghai-finance-1'])
        add(`region: ${on} in ${cluster}`, setPath(path(cluster, 'nlp_a')), CLUSTER, on);
    for (const service of ['vis_a', 'vis_missing', 'rd_a', 'nlp', 'nlp-a', 'xnlp_a'])
        add(`service: ${on} of ${service}`, setPath(path('cn-shanghai', service)), NOT_FOUND, on);
    for (const service of ['NLP_a', 'nlp_A', 'nlp_a.', 'nlp_a~', '...', `nlp_${'a'.repeat(60)}`])
        add(`service: ${on} of ${service.slice(0, 20)}`, setPath(path('cn-shanghai', service)), FIELD, on);
    for (const service of ['..', 'nlp_a%2Fvis_a', 'nlp_a;vis_a', 'nlp_*', 'nlp_a%00', 'nlp_a,vis_a', 'nlp_a/../vis_a', '%6Elp_a', 'nlp_a@vis_a'])
        add(`service: ${on} of ${service}`, setPath(path('cn-shanghai', service)), MALFORMED, on);
}
for (const [what, path] of [
    ['instances', 'instances'], ['log', 'logs'], ['events', 'events'], ['autoscaler', 'autoscaler'], ['cron scaler', 'cronscaler'], ['containers', 'instances/i-1/containers'],
])
    add(`service: ${what} of vis_a`, setPath(`/api/v2/services/cn-shanghai/vis_a/${path}`), NOT_FOUND, 'describe');
add('path: singular instance', also(setMethod('GET'), setPath('/api/v2/services/cn-shanghai/nlp_a/instance')), UNKNOWN, 'describe');
add('path: restart of vis_a', setPath('/api/v2/services/cn-shanghai/vis_a/restart'), NOT_FOUND, 'start');
add('path: start by POST', setMethod('POST'), METHOD, 'start');
add('path: remove by GET and an override', also(setMethod('GET'), setPath('/api/v2/services/cn-shanghai/vis_a'), addHeader('x-http-method-override', 'DELETE')), NOT_FOUND, 'describe');

/* ---- every operation on what is another team's, or needs a key that the policy does not set, although `allow` lists every class ---- */
const operations = new Map(JSON.parse(fs.readFileSync(`${ROOT}/docs/eas/operations.json`, 'utf8')).map((o) => [o.action, o]));
const VALUES = { ClusterId: 'cn-shanghai', ServiceName: 'other_a' }; // nobody's, so that no other token may have it either
const PUBLIC = ['DescribeArtifact', 'DescribeMachineSpec', 'DescribeRegions', 'DescribeSpotDiscountHistory']; // of nobody
const NOT_OURS = { status: [403, 404], code: /^Easgate\.(ServiceNotFound|NotFound|SecretsNotAllowed|\w+NotAllowed)$/ };
fs.readFileSync(`${ROOT}/tests/vectors/facts/accepted.txt`, 'utf8').split('\n').forEach((line, i) => {
    const m = /^([A-Z]\w+)(?:\?(\S*))? \| (.*) \| ok/.exec(line);
    if (!m || PUBLIC.includes(m[1])) return;
    const { action, method, path } = operations.get(m[1]);
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => VALUES[name] ?? 'x-1');
    const query = m[2] ? m[2].split('&') : [];
    const text = m[3] === '-' ? undefined : m[3].replaceAll('svc_1', 'other_a');
    add(`owned: ${action} (line ${i + 1})`, also(setMethod(method), setPath(filled), setQuery(...query), text ? setBody(text) : () => {}), NOT_OURS, text ? 'create' : 'describe');
});

export default rows;
