// proof: what every proof script shares: its options, its folder, its time limit, its end.
//
//   proof({ name, claim, short: {...}, long: {...}, limit_s: { short, long }, async run(world, o, check) { ... return figure } })
//
// The claim is printed first, the figure last. Exit 0: it holds. 1: it does not. 2: usage. 77: it cannot be tried here.
// Options of the command line: --short, and --set NAME=NUMBER for any number of the form that is run.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { World } = require('./world.js');

/** Thrown by check(): the promise is broken. */
class Broken extends Error {}
/** Thrown by skip(): it cannot be tried on this machine. */
class Skipped extends Error {}

/** check(ok, message): anything that must be so. */
function check(ok, message) {
    if (!ok) throw new Broken(typeof message === 'function' ? message() : message);
}

function skip(message) {
    throw new Skipped(message);
}

function usage(name) {
    process.stderr.write(`usage: ${name} [--short] [--set NAME=NUMBER ...]\n`);
    process.exit(2);
}

function readOptions(spec) {
    const args = process.argv.slice(2);
    const isShort = args.includes('--short');
    const o = { ...(isShort ? spec.short : { ...spec.short, ...spec.long }) };

    for (let i = 0; i < args.length; i++) {
        if (args[i] === '--short') continue;
        const [key, value] = args[i] === '--set' && args[i + 1] ? args[++i].split('=') : [];
        if (!key || !(key in o) || !/^\d+$/.test(value ?? '')) usage(spec.name);
        o[key] = Number(value);
    }
    return { o, isShort };
}

/** Reports of the sanitizers and broken MUSTs in what the programs said. */
function defectsIn(text) {
    return text.split('\n').filter((l) => /AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|MUST/.test(l));
}

function tailOf(file, lines) {
    try {
        return fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).map((l) => `    ${l.slice(0, 400)}`).join('\n');
    } catch {
        return '    (nothing)';
    }
}

async function proof(spec) {
    const { o, isShort } = readOptions(spec);
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), `easgate-${spec.name}-`));
    const world = new World(dir);
    const limit_s = isShort ? spec.limit_s.short : spec.limit_s.long;
    const began = Date.now();
    let code = 1;

    fs.chmodSync(dir, 0o700);
    console.log(`${spec.name}: ${spec.claim}`);
    const interrupted = new Promise((_, reject) => {
        const timer = setTimeout(() => reject(new Broken(`not done after ${limit_s} s`)), limit_s * 1000);
        timer.unref();
        for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Broken(`ended by ${signal}`)));
    });
    try {
        const figure = await Promise.race([spec.run(world, o, check), interrupted]);
        await world.stop();
        const defects = defectsIn(world.logText());
        check(defects.length === 0, () => `the program reported: ${defects[0]}`);
        console.log(`${spec.name}: ${figure} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
        code = 0;
    } catch (error) {
        if (error instanceof Skipped) {
            console.log(`${spec.name}: SKIPPED, NOTHING IS PROVEN HERE: ${error.message}`);
            code = 77;
        } else {
            console.log(`${spec.name}: DOES NOT HOLD: ${error instanceof Broken ? error.message : error.stack}`);
            console.log(`  the gateway's log ends with\n${tailOf(world.logPath, 25)}`);
        }
        await world.stop().catch(() => {});
    }
    world.cleanUp();
    if (code === 1 && process.env.EASGATE_KEEP) console.log(`  kept: ${dir}`);
    else fs.rmSync(dir, { recursive: true, force: true });
    process.exit(code);
}

module.exports = { proof, check, skip, Broken };
