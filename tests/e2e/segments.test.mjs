// The audit log's old files, as an operator has them: closed by time and by USR1, compressed, removed when there are too many, and the
// whole of it verifies at every moment, while the gateway runs and after a kill.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BUILD, World } from './harness.mjs';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(isSo, what) {
    for (let i = 0; i < 3000; i++) {
        if (await isSo()) return;
        await sleep(10);
    }
    assert.fail(`30 s, and not: ${what}`);
}

const filesOf = (world) => fs.readdirSync(world.dir).filter((name) => name.startsWith('audit'));
const packedOf = (world) => filesOf(world).filter((name) => name.endsWith('.jsonl.zst'));
const plainOf = (world) => filesOf(world).filter((name) => /^audit-\d+-\d+\.jsonl$/.test(name));

function verify(world) {
    const { status, stdout, stderr } = spawnSync(path.join(BUILD, 'easgate'), ['audit', 'verify', world.dir], { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
}

async function ask(world, times) {
    for (let i = 0; i < times; i++) {
        const answer = await world.call({ target: '/api/v2/services?PageNumber=1' });
        assert.equal(answer.status, 200, answer.body);
    }
}

test('full files are compressed, also those that time closes, and the log goes on behind them after a kill', async () => {
    const world = await World.start({ durability: 'synced', audit: 'compress = zstd\nrotate_every = 1s' });
    try {
        await ask(world, 5);
        await until(() => packedOf(world).length >= 1 && !plainOf(world).length, 'time closes a file, and it is compressed');
        await ask(world, 5);
        world.gateway.kill('SIGUSR1');
        await until(() => packedOf(world).length >= 2 && !plainOf(world).length, 'USR1 closes a file, and it is compressed');
        verify(world);
        for (const name of packedOf(world)) {
            assert.equal(fs.statSync(path.join(world.dir, name)).mode & 0o777, 0o400);
            assert.equal(spawnSync('zstd', ['--version']).status === 0 ? spawnSync('zstd', ['-tq', path.join(world.dir, name)]).status : 0, 0);
        }
        await world.killGateway();
        await world.restartGateway();
        await ask(world, 1);
        verify(world);
    } finally {
        await world.stop();
    }
});

test('what is too much goes, once the log says so', async () => {
    const world = await World.start({ durability: 'synced', audit: 'compress = zstd\nkeep_segments = 2' });
    try {
        for (let i = 1; i <= 4; i++) {
            await ask(world, 2);
            world.gateway.kill('SIGUSR1');
            await until(() => packedOf(world).length === i, `file ${i} is compressed`);
        }
        const hours = (Date.now() - 3 * 3600 * 1000) / 1000; /* none goes that is younger than an hour */
        for (const name of packedOf(world)) fs.utimesSync(path.join(world.dir, name), hours, hours);
        await ask(world, 1);
        world.gateway.kill('SIGUSR1');
        await until(() => packedOf(world).length === 2, 'two files stay');
        verify(world);
        const said = fs.readFileSync(path.join(world.dir, 'audit.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line))
            .filter((r) => r.type === 'rotate' && r.last_seq);
        assert.ok(said.length >= 1 && said.every((r) => /^audit-\d+-\d+\.jsonl$/.test(r.file)), JSON.stringify(said));
        await world.killGateway();
        await world.restartGateway();
        verify(world);
    } finally {
        await world.stop();
    }
});
