// T28: see tests/proofs/T28-parallel-at-the-limit.
import http from 'node:http';
import { World, tokenDigest } from './harness.mjs';

const short = process.argv.includes('--short');
const rounds = short ? 40 : 1000;
const CALLS = 64;
const FREE = 10;
const TIMEOUT_MS = 1500;

const policies = (tokens) => `
[client nlp]
token_sha256 = ${tokenDigest(tokens.nlp)}
policy = nlp

[policy nlp]
allow = CreateAppService, DeleteService
services = nlp_*
app_types = LLM
service_specs = llama_7b_fp16
max_replicas = 4
max_total_replicas = ${FREE + 2}
`;

const world = await World.start({ policies, upstream: `timeout = ${TIMEOUT_MS}ms\nconnect_timeout = 1s`, limitMs: (short ? 200 : 3000) * 1000 });
const agent = new http.Agent({ keepAlive: true, maxSockets: CALLS });
const faults = [];

function create(name) {
    const body = JSON.stringify({ ServiceName: name, AppType: 'LLM', ServiceSpec: 'llama_7b_fp16', Replicas: 1 });
    return new Promise((resolve, reject) => {
        const request = http.request(
            {
                host: '127.0.0.1', port: world.port, method: 'POST', path: '/api/v2/app_services', agent, timeout: 60000,
                headers: { Authorization: `Bearer ${world.tokens.nlp}`, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
            },
            (answer) => {
                let text = '';
                answer.on('data', (part) => (text += part));
                answer.on('end', () => resolve({ status: answer.statusCode, code: JSON.parse(text).Code ?? '' }));
            },
        );
        request.once('error', reject);
        request.end(body);
    });
}

const servicesNow = async () => Object.keys(await world.state()).length;

let passed = 0;
let lost = 0;
for (let round = 0; round < rounds; round++) {
    await world.control('POST', '/reset');
    await world.control('POST', '/services', { ServiceName: 'nlp_there', Replicas: 2, ServiceSpec: 'llama_7b_fp16', Status: 'Running' });
    const losing = round % 8 === 7;
    if (losing)
        await world.control('POST', '/faults', { match: { action: 'CreateAppService' }, fault: 'close-at', at: 0, execute: true, count: 4 });
    // the round before is forgotten by a reading: its services are gone
    const answers = await Promise.all(Array.from({ length: CALLS }, (_, i) => create(`nlp_r${round}_${i}`)));
    const of = (test) => answers.filter(test).length;
    const done = of((a) => a.status === 200);
    const unknown = of((a) => a.code === 'Easgate.OutcomeUnknown');
    const refused = of((a) => a.code === 'Easgate.TeamBudget');
    const there = (await servicesNow()) - 1;
    passed += done;
    lost += unknown;
    if (done + unknown + refused !== CALLS) faults.push(`round ${round}: ${JSON.stringify(answers.filter((a) => a.status !== 200 && a.code !== 'Easgate.TeamBudget').slice(0, 3))}`);
    if (there > FREE) faults.push(`round ${round}: ${there} services where ${FREE} fit`);
    if (!losing && done !== FREE) faults.push(`round ${round}: ${done} passed where ${FREE} fit`);
    if (losing && done + unknown !== FREE) faults.push(`round ${round}: ${done} passed and ${unknown} unknown where ${FREE} fit`);
    await world.control('DELETE', '/faults');
    // an unknown outcome counts as long as an exchange may last
    if (losing) await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS + 100));
    if (faults.length > 5) break;
}
agent.destroy();
if (faults.length) world.dump?.();
await world.stop();
for (const fault of faults) console.log(fault);
console.log(`T28: ${rounds} rounds of ${CALLS} calls, ${passed} passed, ${lost} answers lost, ${faults.length} rounds wrong`);
process.exit(faults.length ? 1 : 0);
