// A team's sum while it is read and the world around the reading changes: the gateway goes on answering, and the cap holds.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { World, clientSections } from './harness.mjs';
import { exchange } from './wire.mjs';

const CAP = 6;
const policies = (tokens) => `${clientSections(tokens, { nlp: 'small' })}
[policy small]
allow = @read, @create
services = nlp_*
workspaces = 12345
app_types = LLM
service_specs = llama_7b_fp16
max_replicas = 4
max_total_replicas = ${CAP}
`;

let world;
before(async () => {
    world = await World.start({ policies });
});
after(() => world?.stop());

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const body = (name) => ({ ServiceName: name, AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: 1 });
/** Each over a connection of its own. */
const create = (name) => exchange(world.where, world.bytes({ method: 'POST', target: '/api/v2/app_services?WorkspaceId=12345', body: body(name) }), { timeoutMs: 20000 });

async function untilReceived(count) {
    for (const end = Date.now() + 10000; (await world.received()) < count; await sleep(20))
        assert.ok(Date.now() < end, `the emulator did not receive ${count} requests`);
}

test('a reload while many wait for one reading', { timeout: 60000 }, () => world.shows(async () => {
    const seen = await world.received();
    await world.control('POST', '/faults', { match: { action: 'ListServices' }, fault: 'delay', ms: 1500, count: 1 });
    const answers = Promise.all(Array.from({ length: 8 }, (_, i) => create(`nlp_h${i}`)));
    await untilReceived(seen + 1);
    await sleep(300); // all of them are there
    fs.appendFileSync(world.configFile, '; another file\n');
    world.gateway.kill('SIGHUP');
    const statuses = (await answers).map((a) => a.status);
    assert.equal(statuses.filter((s) => s === 200).length, CAP, `${statuses}`);
    assert.equal(statuses.filter((s) => s === 403).length, 8 - CAP, `${statuses}`);
    assert.equal((await world.admin('/readyz')).status, 200);
    assert.equal((await world.state()).size, CAP);
})());

test('a name in the list that no operation takes', { timeout: 60000 }, () => world.shows(async () => {
    await world.control('DELETE', '/services');
    await world.control('POST', '/services', { name: 'nlp_B', min: 1, max: 2, replicas: 1 });
    const refused = await create('nlp_n0');
    assert.equal(refused.status, 503);
    assert.equal(refused.json.Code, 'Easgate.BudgetUnreadable');
    assert.match(refused.json.Message, /nlp_B/);
    assert.equal((await world.admin('/readyz')).status, 200);
})());
