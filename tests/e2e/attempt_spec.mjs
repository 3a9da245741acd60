// A request as parts that attempts can change one by one, and that can be changed by two attempts at once: method, path,
// items of the query, headers, members of the body and of its Config as raw JSON text.

const members = (object) => Object.entries(object).map(([name, value]) => [JSON.stringify(name), JSON.stringify(value)]);

const OSS = { ModelStorage: 'oss', OssPath: 'oss://nlp-models/llama/' };

/** What a policy allows: every attempt starts from one of these. */
const BASES = {
    create: () => ({
        method: 'POST', path: '/api/v2/app_services', query: ['WorkspaceId=12345'], headers: [],
        members: members({ ServiceName: 'nlp_new', AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: 1 }),
        config: members(OSS),
    }),
    update: () => ({
        method: 'PUT', path: '/api/v2/app_services/cn-shanghai/nlp_a', query: ['WorkspaceId=12345'], headers: [],
        members: members({ ServiceSpec: 'llama_7b_fp16', Replicas: 2 }), config: members(OSS),
    }),
    describe: () => ({ method: 'GET', path: '/api/v2/services/cn-shanghai/nlp_a', query: [], headers: [], members: null, config: null }),
    list: () => ({ method: 'GET', path: '/api/v2/services', query: ['WorkspaceId=12345'], headers: [], members: null, config: null }),
    start: () => ({ method: 'PUT', path: '/api/v2/services/cn-shanghai/nlp_a/start', query: [], headers: [], members: null, config: null }),
    stop: () => ({ method: 'PUT', path: '/api/v2/services/cn-shanghai/nlp_a/stop', query: [], headers: [], members: null, config: null }),
    remove: () => ({ method: 'DELETE', path: '/api/v2/services/cn-shanghai/nlp_a', query: [], headers: [], members: null, config: null }),
};

export function base(on) {
    return BASES[on]();
}

const printed = (list, blank) => `{${list.map(([name, value]) => `${blank}${name}${blank}:${blank}${value}${blank}`).join(',')}}`;

/** The body's text; null when there is none. */
export function bodyText(spec) {
    if (spec.body !== undefined) return spec.body;
    if (!spec.members) return null;
    const blank = spec.blank ?? '';
    const config = Array.isArray(spec.config) ? printed(spec.config, blank) : spec.config;
    const all = config === null || config === undefined ? spec.members : [...spec.members, ['"Config"', config]];
    return printed(all, blank);
}

export function target(spec) {
    if (spec.target !== undefined) return spec.target;
    return spec.query.length ? `${spec.path}?${spec.query.join('&')}` : spec.path;
}

/* ---- changes: each gives a function over a spec; it does nothing where its part is missing ---- */

/** A further member, raw JSON text for both halves; first or last. */
export const addMember = (name, value, first = false) => (s) => {
    if (s.members) s.members[first ? 'unshift' : 'push']([name, value]);
};
/** Another value for a member. */
export const setMember = (name, value) => (s) => {
    for (const m of s.members ?? []) if (m[0] === JSON.stringify(name)) m[1] = value;
};
/** Another spelling for a member's name; with another value, if given. */
export const renameMember = (name, raw, value) => (s) => {
    for (const m of s.members ?? []) if (m[0] === JSON.stringify(name)) m.splice(0, 2, raw, value ?? m[1]);
};
export const dropMember = (name) => (s) => {
    if (s.members) s.members = s.members.filter((m) => m[0] !== JSON.stringify(name));
};
export const addConfig = (name, value, first = false) => (s) => {
    if (Array.isArray(s.config)) s.config[first ? 'unshift' : 'push']([name, value]);
};
export const setConfig = (object) => (s) => {
    if (s.members) s.config = typeof object === 'string' ? object : members(object);
};
export const setQuery = (...items) => (s) => {
    s.query = items;
};
export const addQuery = (item, first = false) => (s) => {
    s.query[first ? 'unshift' : 'push'](item);
};
export const setPath = (path) => (s) => {
    s.path = path;
};
export const setTarget = (text) => (s) => {
    s.target = text;
};
export const setMethod = (method) => (s) => {
    s.method = method;
};
export const addHeader = (name, value) => (s) => {
    s.headers.push([name, value]);
};
export const setBody = (text) => (s) => {
    s.body = text;
};
export const also = (...changes) => (s) => {
    for (const change of changes) change(s);
};

/* ---- changes that leave a request as good as it was: to be mixed with attempts ---- */

const escaped = (raw) => (/^"[A-Za-z]+"$/.test(raw) ? `"${[...raw.slice(1, -1)].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')}"` : raw);

export const NEUTRAL = [
    { name: 'neutral: chunked', change: (s) => { s.framing = 'chunked'; } },
    { name: 'neutral: in chunks of a byte', change: (s) => { s.framing = 'chunked'; s.chunkBytes = 1; } },
    { name: 'neutral: members in reverse order', change: (s) => { s.members?.reverse(); } },
    { name: 'neutral: blanks in the body', change: (s) => { s.blank = ' \r\n\t'; } },
    { name: 'neutral: names in escapes', change: (s) => { for (const m of s.members ?? []) m[0] = escaped(m[0]); } },
    { name: 'neutral: an escaped value in the query', change: (s) => { s.query = s.query.map((item) => (item === 'WorkspaceId=12345' ? 'WorkspaceId=%31%32345' : item)); } },
    { name: 'neutral: the token in x-acs-bearer-token', change: (s) => { if (s.token === undefined) also((x) => { x.token = () => null; }, addHeader('x-acs-bearer-token', (t) => t.nlp))(s); } },
    { name: 'neutral: a signature beside it', change: (s) => { if (s.token === undefined) also((x) => { x.token = () => null; }, addHeader('x-acs-bearer-token', (t) => t.nlp), addHeader('Authorization', 'ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=0'))(s); } },
    { name: 'neutral: x-acs-action of a read', change: addHeader('X-Acs-Action', 'DescribeService') },
    { name: 'neutral: a method override', change: addHeader('x-http-method-override', 'GET') },
    { name: 'neutral: another content type', change: addHeader('Content-Type', 'Application/JSON ; Charset=UTF-8') },
];
