// The attempts to get past the policy, and how one is made and judged. Every attempt must be refused with the status and
// the code that its row names, by easgate itself, and nothing may arrive at the emulator.
import assert from 'node:assert/strict';
import { base, bodyText, target } from './attempt_spec.mjs';
import bodyRows from './attempts_body.mjs';
import targetRows from './attempts_target.mjs';
import { World, tokenDigest } from './harness.mjs';
import { requestBytes } from './wire.mjs';

export const ATTEMPTS = [...bodyRows, ...targetRows];

/** A world whose deadlines are short, so that a request that never ends does not hold a test up. */
export function startWorld(options = {}) {
    return World.start({ gateway: 'body_timeout = 400ms\nhead_timeout = 2s\n', ...options });
}

/** The services that are attacked, and their neighbours. */
export async function setServices(world) {
    await world.control('DELETE', '/services');
    await world.setService('nlp_a', { ServiceSpec: 'llama_7b_fp16', replicas: 2, WorkspaceId: '12345', Status: 'Running' });
    await world.setService('vis_a', { ServiceSpec: 'baichuan_13b_fp16', replicas: 3, WorkspaceId: '67890', Status: 'Running' });
    await world.setService('rd_a', { ServiceSpec: 'llama_7b_fp16', replicas: 1, Status: 'Running' });
}

/** The changed request of one attempt, or of several at once. */
export function specOf(on, ...changes) {
    const spec = base(on);
    for (const change of changes) change(spec);
    return spec;
}

const onWire = (text) => Buffer.from(text, 'utf8').toString('latin1');

export function bytesOf(world, spec) {
    const value = (v) => (typeof v === 'function' ? v(world.tokens, tokenDigest) : v);
    const token = spec.token === undefined ? world.tokens.nlp : value(spec.token);
    const headers = [['Host', spec.host ?? world.host]];
    if (token !== null) headers.push(['Authorization', `Bearer ${token}`]);
    for (const [name, v] of spec.headers) headers.push([onWire(name), onWire(value(v))]);
    const body = bodyText(spec);
    if (body !== null && !spec.headers.some(([name]) => /^content-type$/i.test(name))) headers.push(['Content-Type', 'application/json']);
    spec.query = spec.query.map(value);
    return requestBytes({ method: onWire(spec.method), target: onWire(target(spec)), headers, body, framing: spec.framing, chunkBytes: spec.chunkBytes });
}

/** Was it refused by easgate, as its row says? */
export function assertRefused(answer, attempt) {
    const said = `${answer.status} ${answer.body.toString('utf8').slice(0, 400)}`;
    assert.ok([attempt.status].flat().includes(answer.status), `${attempt.name}: ${said}`);
    if (answer.body.length && attempt.code instanceof RegExp) assert.match(answer.json?.Code, attempt.code, `${attempt.name}: ${said}`);
    else if (answer.body.length) assert.equal(answer.json?.Code, attempt.code, `${attempt.name}: ${said}`);
    else assert.equal(attempt.bodiless, true, `${attempt.name}: an answer without a body`);
    assert.equal(answer.headers.get('x-easgate-answered'), 'easgate', `${attempt.name}: who answered?`);
}

/** Make one attempt; throws when it was not refused as it must be, or when anything arrived. */
export async function make(world, wire, attempt) {
    const before = await world.received();
    const answer = await wire.send(bytesOf(world, specOf(attempt.on, attempt.change)));
    assert.equal(await world.received(), before, `${attempt.name}: something arrived at EAS`);
    assertRefused(answer, attempt);
}
