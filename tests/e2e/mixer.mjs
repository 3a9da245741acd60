// Mixtures: two attempts made on one request, or an attempt in another guise, by the thousand. What comes of one cannot be known beforehand (one change may
// undo the other), so they are judged by the emulator's own books: every request that arrived, and the services as they
// then are, must be within the policy, by rules written here anew and not taken from easgate.
import { NEUTRAL } from './attempt_spec.mjs';
import { ATTEMPTS, bytesOf, setServices, specOf } from './attempts.mjs';
import { REGION } from './harness.mjs';
import { Wire } from './wire.mjs';

/** A test for paths below a prefix that ends with a slash: no way upwards, no character with a second meaning. */
const below = (prefix) => ({
    test: (path) =>
        typeof path === 'string' && path.startsWith(prefix) && /^[A-Za-z0-9._~/-]*$/.test(path.slice(prefix.length)) &&
        !path.slice(prefix.length).split('/').some((part) => part === '.' || part === '..'),
});

/** By the prefix of the service's name: who owns it and what that policy allows. */
const OWNERS = {
    nlp: { workspace: '12345', specs: { llama_7b_fp16: 4, chatglm_6b_int8: 2 }, versions: ['v1'], oss: below('oss://nlp-models/') },
    vis: { workspace: '67890', specs: { baichuan_13b_fp16: 8 }, versions: [], oss: below('oss://vision-models/') },
    rd: { workspace: null, specs: {}, versions: [], oss: { test: () => false } },
};
const NAS = {
    NasMountTarget: /^nas-nlp\.cn-shanghai\.nas\.aliyuncs\.com$/, NasPath: below('/models/'),
    VpcID: /^vpc-nlp$/, VswitchID: /^vsw-nlp$/, SecurityGroupID: /^sg-nlp$/,
};
const SERVICE = `/api/v2/services/${REGION}/(?<service>[a-z0-9_-]+)`;
const CALLS = [
    ['POST', /^\/api\/v2\/app_services$/, 'create'],
    ['PUT', new RegExp(`^/api/v2/app_services/${REGION}/(?<service>[a-z0-9_-]+)$`), 'update'],
    ['GET', /^\/api\/v2\/services$/, 'list'],
    ['GET', new RegExp(`^${SERVICE}(/(autoscaler|cronscaler|diagnosis|events|logs|rollout|instances|instances/[\\w-]+/(containers|diagnosis|faults)))?$`), 'read'],
    ['PUT', new RegExp(`^${SERVICE}/(start|stop|restart)$`), 'life'],
    ['DELETE', new RegExp(`^${SERVICE}$`), 'life'],
];
const HEADERS = new Set(['host', 'content-type', 'x-acs-action', 'x-acs-content-sha256', 'x-acs-date', 'x-acs-signature-nonce', 'x-acs-version', 'authorization', 'accept', 'user-agent', 'content-length']);

const ownerOf = (service) => OWNERS[/^(nlp|vis|rd)_/.exec(service ?? '')?.[1]];

function configFault(config, owner) {
    const { ModelStorage: storage, ...rest } = config;
    if (storage === 'oss') return Object.keys(rest).join() === 'OssPath' && owner.oss.test(rest.OssPath) ? null : 'OssPath';
    if (storage !== 'nas' || owner !== OWNERS.nlp) return 'storage';
    for (const [key, value] of Object.entries(rest)) if (!NAS[key]?.test(value)) return key;
    return null;
}

function bodyFault(kind, text, owner) {
    const body = JSON.parse(text);
    if (JSON.stringify(body) !== text) return 'the body is not canonical: a second reader could see something else';
    const { ServiceName, AppType, AppVersion, ServiceSpec, Replicas, Config, ...more } = body;
    if (Object.keys(more).length) return `further members ${Object.keys(more)}`;
    if (kind === 'update' && ServiceName !== undefined) return 'a name in an update';
    if (AppType !== undefined && AppType !== 'LLM') return `AppType ${AppType}`;
    if (AppVersion !== undefined && !owner.versions.includes(AppVersion)) return `AppVersion ${AppVersion}`;
    if (ServiceSpec !== undefined && !Object.hasOwn(owner.specs, ServiceSpec)) return `ServiceSpec ${ServiceSpec}`;
    const cap = ServiceSpec === undefined ? Math.max(...Object.values(owner.specs)) : owner.specs[ServiceSpec];
    if (Replicas !== undefined && !(Number.isInteger(Replicas) && Replicas >= 1 && Replicas <= cap)) return `Replicas ${Replicas}`;
    return Config === undefined ? null : configFault(Config, owner);
}

/** What is wrong with a request that arrived; null when it is within the policy of its service's owner. */
export function requestFault(line) {
    if (!line.signature?.ok) return `signature: ${line.signature?.code}`;
    if (!line.complete || line.anomalies.length) return `odd: ${line.anomalies.join('; ')}`;
    for (const [name] of line.headers) if (!HEADERS.has(name)) return `header ${name}`;
    const call = CALLS.find(([method, path]) => method === line.method && path.test(line.path));
    if (!call) return `${line.method} ${line.path}`;
    const kind = call[2];
    const query = new Map((line.query ?? '').split('&').filter(Boolean).map((item) => item.split('=')));
    if (kind === 'list') return ['12345', '67890', undefined].includes(query.get('WorkspaceId')) && !query.has('QuotaId') ? null : `list of ${line.query}`;
    const service = kind === 'create' ? JSON.parse(line.body).ServiceName : call[1].exec(line.path).groups.service;
    const owner = ownerOf(service);
    if (!owner) return `service ${service}`;
    if (kind !== 'create' && kind !== 'update') return line.body_length ? 'a body' : null;
    if ([...query.keys()].join() !== 'WorkspaceId' || query.get('WorkspaceId') !== owner.workspace) return `query ${line.query}`;
    return bodyFault(kind, line.body, owner);
}

/** What is wrong with the services as they are. */
export function stateFault(services) {
    for (const [name, s] of services) {
        const owner = ownerOf(name);
        if (name === 'rd_a') continue; // never changed: its owner may only read
        if (!owner || s.WorkspaceId !== owner.workspace) return `${name} in workspace ${s.WorkspaceId}`;
        if (!(s.Replicas <= (owner.specs[s.AppSpecName] ?? 0))) return `${name}: ${s.Replicas} of ${s.AppSpecName}`;
    }
    return null;
}

/** A small generator of numbers that can be seeded (xorshift32), so that a run can be repeated. */
export function numbers(seed) {
    let x = seed >>> 0 || 1;
    return (below) => {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        return (x >>> 0) % below;
    };
}

/** Whose token the request carries, in either header; undefined for nobody's. */
function ownerOfToken(world, spec) {
    const value = (v) => (typeof v === 'function' ? v(world.tokens, String) : v);
    const own = spec.headers.filter(([name]) => name === 'x-acs-bearer-token').map(([, v]) => value(v));
    const token = spec.token === undefined ? world.tokens.nlp : value(spec.token) ?? own[0];
    return { [world.tokens.nlp]: 'nlp', [world.tokens.vision]: 'vis', [world.tokens.reader]: 'rd' }[token];
}

/**
 * Make `count` mixtures until deadlineMs over some connections. Gives {made, passed, arrived, faults}: passed = answered by
 * EAS; arrived = requests that the emulator received, look-ups included; faults = texts, empty when all is well.
 */
export async function mix(world, { count, seed, deadlineMs, connections = 6 }) {
    const next = numbers(seed);
    const pick = () => ATTEMPTS[next(ATTEMPTS.length)];
    const end = Date.now() + deadlineMs;
    const result = { made: 0, passed: 0, arrived: 0, faults: [] };
    const passed = new Map(); // RequestId of EAS -> {names, owner}
    await setServices(world);
    world.journal();

    const settle = async () => {
        for (const line of world.journal()) {
            result.arrived++;
            const how = passed.get(line.request_id);
            const service = line.service ?? (line.path.endsWith('/app_services') ? JSON.parse(line.body).ServiceName : null);
            const foreign = how && service && !service.startsWith(`${how.owner}_`);
            const fault = requestFault(line) ?? (foreign ? `${how.owner}'s token on ${service}` : null);
            if (fault) result.faults.push(`${how?.names ?? 'unknown'}: ${fault}: ${line.method} ${line.target} ${line.body}`);
        }
        passed.clear();
        const fault = stateFault(await world.state());
        if (fault) result.faults.push(`state: ${fault}`);
        await setServices(world);
    };

    const worker = async (wire, quota) => {
        for (let i = 0; i < quota && Date.now() < end && result.faults.length < 10; i++) {
            const a = pick();
            const b = next(4) ? pick() : NEUTRAL[next(NEUTRAL.length)];
            const spec = next(2) ? specOf(a.on, a.change, b.change) : specOf(a.on, b.change, a.change);
            const names = `${a.name} + ${b.name} (${a.on})`;
            let answer;
            try {
                answer = await wire.send(bytesOf(world, spec));
            } catch (error) {
                result.faults.push(`${names}: ${error.message}`);
                wire.close();
                continue;
            }
            result.made++;
            if (answer.status >= 500 || answer.status === 0) result.faults.push(`${names}: answered with ${answer.status} ${answer.body}`);
            if (answer.headers.get('x-easgate-answered')) continue;
            result.passed++;
            const id = answer.headers.get('x-acs-request-id');
            passed.set(id, { names, owner: ownerOfToken(world, spec) });
        }
    };

    const wires = Array.from({ length: connections }, () => new Wire(world.where));
    const batch = 2000;
    while (result.made < count && Date.now() < end && !result.faults.length) {
        const left = Math.min(batch, count - result.made);
        await Promise.all(wires.map((wire, i) => worker(wire, Math.floor(left / connections) + (i < left % connections ? 1 : 0))));
        await settle();
    }
    for (const wire of wires) wire.close();
    return result;
}
