// The long form of what bypass.test.mjs tries: see tests/proofs/T11-no-way-past.
import { ATTEMPTS, make, setServices, startWorld } from './attempts.mjs';
import { PAIRS, STATE_ATTEMPTS, makeAtOnce, makeOnState } from './attempts_state.mjs';
import { mix } from './mixer.mjs';
import { Wire } from './wire.mjs';

const short = process.argv.includes('--short');
const option = (name, normal) => Number(process.argv.find((a) => a.startsWith(`--${name}=`))?.split('=')[1] ?? normal);
const mixtures = option('mixtures', short ? 5000 : 1000000);
const deadlineS = option('deadline', short ? 150 : 3600);
const seed = option('seed', Date.now() % 1000000);
const rounds = short ? 10 : 200;

const world = await startWorld({ limitMs: (deadlineS + 300) * 1000 });
const wire = new Wire(world.where);
const faults = [];
const attempt = async (work) => {
    try {
        return await work();
    } catch (error) {
        faults.push(error.message);
        wire.close();
        return null;
    }
};

await setServices(world);
for (const one of ATTEMPTS) await attempt(() => make(world, wire, one));
for (const one of STATE_ATTEMPTS) await attempt(() => makeOnState(world, one));
for (const pair of PAIRS) for (let round = 0; round < rounds; round++) await attempt(() => makeAtOnce(world, pair, round));
await world.control('DELETE', '/faults');
console.log(`${ATTEMPTS.length + STATE_ATTEMPTS.length} attempts, ${PAIRS.length * rounds} rounds of calls at once: ${faults.length} faults`);
const mixed = await mix(world, { count: mixtures, seed, deadlineMs: deadlineS * 1000 });
faults.push(...mixed.faults);
console.log(`${mixed.made} mixtures (seed ${seed}): ${mixed.passed} were within the policy, ${mixed.arrived} requests arrived, ${mixed.faults.length} faults`);
if (!mixed.faults.length && mixed.made < mixtures) faults.push(`only ${mixed.made} of ${mixtures} mixtures within ${deadlineS} s`);
wire.close();
if (faults.length) {
    world.dump();
    for (const fault of faults) console.error(fault);
}
await world.stop();
console.log(`T11: ${ATTEMPTS.length + STATE_ATTEMPTS.length} attempts, ${PAIRS.length * rounds} calls at once and ${mixed.made} mixtures, ${faults.length} past the policy`);
process.exitCode = faults.length ? 1 : 0;
