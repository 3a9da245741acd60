// Attempts that lean on the service's present state: what an update leaves out, what a start brings back, what the console
// has changed meanwhile, two calls at once. Only easgate's own look-ups may arrive, and the state stays within the caps.
import assert from 'node:assert/strict';
import { Wire } from './wire.mjs';

const UPDATE = { method: 'PUT', target: '/api/v2/app_services/cn-shanghai/nlp_s' };
const START = { method: 'PUT', target: '/api/v2/services/cn-shanghai/nlp_s/start' };
const CAP = [403, 'Easgate.ReplicaCap'];
const SPEC = [403, 'Easgate.SpecNotAllowed'];
const UNREADABLE = [503, 'Easgate.StateUnreadable'];

const LLAMA = 'llama_7b_fp16'; // cap 4
const SMALL = 'chatglm_6b_int8'; // cap 2
const FORBIDDEN = 'baichuan_13b_fp16';

/** {name, service (as the console left it), request, expected, fault}. */
export const STATE_ATTEMPTS = [];
const add = (name, service, request, expected, fault) => STATE_ATTEMPTS.push({ name, service, request, expected, fault });
const update = (body) => ({ ...UPDATE, body });

add('update: a number only, the console chose a forbidden spec', { ServiceSpec: FORBIDDEN, replicas: 1 }, update({ Replicas: 4 }), SPEC);
add('update: a number only, beyond the cap of the stored spec', { ServiceSpec: SMALL, replicas: 2 }, update({ Replicas: 3 }), CAP);
add('update: a spec only, the console raised the count', { ServiceSpec: LLAMA, replicas: 9 }, update({ ServiceSpec: LLAMA }), CAP);
add('update: a spec only, whose cap is below the stored count', { ServiceSpec: LLAMA, replicas: 3 }, update({ ServiceSpec: SMALL }), CAP);
add('update: neither, the console raised the count', { ServiceSpec: LLAMA, replicas: 5 }, update({ AppVersion: 'v1' }), CAP);
add('update: neither, a forbidden spec', { ServiceSpec: FORBIDDEN, replicas: 1 }, update({ AppVersion: 'v1' }), SPEC);
add('update: nothing at all, the console raised the count', { ServiceSpec: LLAMA, replicas: 5 }, update({}), CAP);
add('update: a number only, an unknown spec', { ServiceSpec: 'LLAMA_7B_FP16', replicas: 1 }, update({ Replicas: 2 }), SPEC);
add('update: a number only, an empty spec', { ServiceSpec: '', replicas: 1 }, update({ Replicas: 2 }), SPEC);
add('update: a spec only, of a stopped service with nine', { ServiceSpec: LLAMA, replicas: 9, Status: 'Stopped' }, update({ ServiceSpec: LLAMA }), CAP);
add('update: a spec only, an autoscaler is on', { ServiceSpec: LLAMA, replicas: 1, min: 1, max: 9 }, update({ ServiceSpec: LLAMA }), CAP);
add('update: a number only, an autoscaler is on', { ServiceSpec: LLAMA, replicas: 1, min: 1, max: 9 }, update({ Replicas: 2 }), CAP);
add('update: it states everything, an autoscaler is on', { ServiceSpec: LLAMA, replicas: 1, min: 1, max: 9 }, update({ ServiceSpec: LLAMA, Replicas: 2 }), CAP);
add('update: a number only, a cron target is too large', { ServiceSpec: LLAMA, replicas: 1, cronscaler: [{ Name: 'up', Schedule: '0 0 9 * * *', TargetSize: 9 }] }, update({ Replicas: 2 }), CAP);
add('update: a number, detached ones come on top', { ServiceSpec: LLAMA, replicas: 1, detached: 2 }, update({ Replicas: 3 }), CAP);
add('start: the console raised the count', { ServiceSpec: LLAMA, replicas: 9, Status: 'Stopped' }, START, CAP);
add('start: one more than the cap', { ServiceSpec: LLAMA, replicas: 5, Status: 'Stopped' }, START, CAP);
add('start: more than the cap of its spec', { ServiceSpec: SMALL, replicas: 3, Status: 'Stopped' }, START, CAP);
add('start: a forbidden spec', { ServiceSpec: FORBIDDEN, replicas: 1, Status: 'Stopped' }, START, SPEC);
add('start: an autoscaler is on', { ServiceSpec: LLAMA, replicas: 1, min: 1, max: 9, Status: 'Stopped' }, START, CAP);
add('start: an autoscaler that begins with too many', { ServiceSpec: LLAMA, replicas: 1, min: 0, max: 2, activation: 9, behavior: { onZero: { scaleUpActivationReplicas: 9 } }, Status: 'Stopped' }, START, CAP);
add('start: a huge count', { ServiceSpec: LLAMA, replicas: 2147483647, Status: 'Stopped' }, START, CAP);
add('start: a count beyond 32 bits', { ServiceSpec: LLAMA, replicas: 4294967297, Status: 'Stopped' }, START, UNREADABLE);
add('start: a count beyond 52 bits is not seen as small', { ServiceSpec: LLAMA, replicas: 9007199254740991, Status: 'Stopped' }, START, UNREADABLE);
add('start: no count', { ServiceSpec: LLAMA, replicas: 0, Status: 'Stopped' }, START, UNREADABLE);
add('start: a count below zero', { ServiceSpec: LLAMA, replicas: -3, Status: 'Stopped' }, START, UNREADABLE);
for (const [what, fault] of [
    ['answers 500', { fault: 'status', status: 500 }], ['throttles', { fault: 'throttle' }], ['answers garbage', { fault: 'garbage' }],
    ['closes within the answer', { fault: 'close-at', at: 200 }], ['resets', { fault: 'reset-before' }], ['answers with a redirect', { fault: 'redirect' }],
    ['answers twice over', { fault: 'chunked-and-length' }], ['lies about the length', { fault: 'double-length' }],
]) {
    const many = { match: { action: 'DescribeService' }, count: -1, ...fault };
    add(`start: the look-up ${what}`, { ServiceSpec: LLAMA, replicas: 1, Status: 'Stopped' }, START, UNREADABLE, many);
    add(`update: the look-up ${what}`, { ServiceSpec: LLAMA, replicas: 1 }, update({ Replicas: 2 }), UNREADABLE, many);
}
// a service whose count is all that is missing
const BEGINS = '{"ServiceName":"nlp_s","AutoscalerEnabled":false,"CronscalerEnabled":false,"AppSpecName":"llama_7b_fp16",';
const raw = (json) => ({ match: { action: 'DescribeService' }, count: -1, fault: 'raw', text: `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}` });
for (const [what, json] of [
    ['says nothing', '{}'], ['is a list', '[]'], ['is empty', ''], ['states a text as count', BEGINS + '"TotalInstance":"1"}'],
    ['states a fraction', BEGINS + '"TotalInstance":1.5}'], ['states an exponent', BEGINS + '"TotalInstance":1e0}'],
    ['states the count in other case', BEGINS + '"totalInstance":1}'], ['states it twice', BEGINS + '"TotalInstance":1,"TotalInstance":9}'],
    ['states null', BEGINS + '"TotalInstance":null}'], ['hides it behind NUL', BEGINS + '"TotalInstance\\u0000":1}'],
    ['is cut', BEGINS + '"TotalInstance":1'], ['has bytes behind', BEGINS + '"TotalInstance":1}{"TotalInstance":9}'],
])
    add(`start: the look-up ${what}`, { ServiceSpec: LLAMA, replicas: 9, Status: 'Stopped' }, START, UNREADABLE, raw(json));
add('start: the largest count of several', { ServiceSpec: LLAMA, replicas: 9, Status: 'Stopped' }, START, CAP, raw(BEGINS + '"TotalInstance":0,"RunningInstance":0,"ServiceConfig":"{\\"metadata\\":{\\"instance\\":9}}"}'));
add('start: pending ones count', { ServiceSpec: LLAMA, replicas: 9, Status: 'Stopped' }, START, CAP, raw(BEGINS + '"TotalInstance":1,"PendingInstance":9}'));
add('update: a spec only, the look-up names another service', { ServiceSpec: LLAMA, replicas: 9 }, update({ ServiceSpec: LLAMA }), UNREADABLE, raw('{"ServiceName":"nlp_other","AutoscalerEnabled":false,"CronscalerEnabled":false,"AppSpecName":"llama_7b_fp16","TotalInstance":1}'));

const without = ({ UpdateTime, ...rest }) => rest;

export async function makeOnState(world, attempt) {
    await world.control('DELETE', '/faults');
    await world.control('DELETE', '/services');
    await world.setService('nlp_s', { WorkspaceId: '12345', Status: 'Running', ...attempt.service });
    if (attempt.fault) await world.control('POST', '/faults', attempt.fault);
    const before = without((await world.state()).get('nlp_s'));
    world.journal();
    const answer = await world.call(attempt.request);
    await world.control('DELETE', '/faults');
    const said = `${attempt.name}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`;
    for (const line of world.journal()) {
        assert.match(`${line.method} ${line.target}`, /^GET \/api\/v2\/services\/cn-shanghai\/nlp_s(\/autoscaler|\/cronscaler)?$/, said);
        assert.equal(line.signature.ok, true, said);
    }
    assert.deepEqual(without((await world.state()).get('nlp_s')), before, said);
    assert.deepEqual([answer.status, answer.json?.Code], attempt.expected, said);
}

/* ---- two at once: each is fine alone, together they would pass a cap ---- */

const SPECS_AT_MOST = { [LLAMA]: 4, [SMALL]: 2 };

/** {name, service or null, requests}: all sent at once. */
export const PAIRS = [
    { name: 'the number and the spec', service: { ServiceSpec: LLAMA, replicas: 2 }, requests: [update({ Replicas: 4 }), update({ ServiceSpec: SMALL })] },
    { name: 'the spec and the number', service: { ServiceSpec: LLAMA, replicas: 1 }, requests: [update({ ServiceSpec: SMALL }), update({ Replicas: 3 })] },
    { name: 'eight halves', service: { ServiceSpec: SMALL, replicas: 1 }, requests: [1, 2, 3, 4].flatMap((n) => [update({ Replicas: n }), update({ ServiceSpec: n % 2 ? LLAMA : SMALL })]) },
    { name: 'a create and an update of it', service: null, requests: [{ method: 'POST', target: '/api/v2/app_services', body: { ServiceName: 'nlp_s', AppType: 'LLM', ServiceSpec: LLAMA, Replicas: 4 } }, update({ ServiceSpec: SMALL })] },
    { name: 'a half and a whole', service: { ServiceSpec: LLAMA, replicas: 2 }, requests: [update({ ServiceSpec: SMALL }), update({ ServiceSpec: LLAMA, Replicas: 4 })] },
    { name: 'a whole, a half and a start', service: { ServiceSpec: SMALL, replicas: 1, Status: 'Stopped' }, requests: [update({ ServiceSpec: LLAMA, Replicas: 4 }), update({ ServiceSpec: SMALL }), START] },
    { name: 'a start and an update', service: { ServiceSpec: LLAMA, replicas: 3, Status: 'Stopped' }, requests: [START, update({ ServiceSpec: SMALL })] },
];

export async function makeAtOnce(world, { name, service, requests }, round) {
    await world.control('DELETE', '/faults');
    await world.control('DELETE', '/services');
    if (service) await world.setService('nlp_s', { WorkspaceId: '12345', Status: 'Running', ...service });
    // the look-ups take a while, so that the other call is there before the first one has changed anything
    await world.control('POST', '/faults', { match: { action: 'DescribeService' }, count: -1, fault: 'delay', ms: 5 + (round % 4) * 10 });
    const order = round % 2 ? requests : [...requests].reverse();
    const wires = order.map(() => new Wire(world.where));
    const answers = await Promise.all(order.map((request, i) => wires[i].send(world.bytes(request))));
    for (const wire of wires) wire.close();
    const after = (await world.state()).get('nlp_s');
    const said = `${name}, round ${round}: ${answers.map((a) => `${a.status} ${a.json?.Code ?? ''}`).join(', ')}`;
    assert.ok(!after || after.Replicas <= SPECS_AT_MOST[after.AppSpecName], `${said}: ${after?.Replicas} of ${after?.AppSpecName}`);
    for (const answer of answers) assert.ok([200, 403, 404, 409].includes(answer.status), said);
    return answers.filter((a) => a.status === 200).length;
}
