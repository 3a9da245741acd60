// faults: a gateway whose audit log's disk fails on command, by a preloaded library (faults.c), which this compiles.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/* As in faults.c: struct control, all little-endian. */
const KINDS = { none: 0, writeEnospc: 1, writeEio: 2, writeShort: 3, writeEintr: 4, syncEio: 5, syncEnospc: 6, syncHangs: 7,
    writeEdquot: 8, readOnly: 9, unlinked: 10, renamed: 11, truncated: 12, syncEioOnce: 13 };
const AT = { kind: 0, nth: 4, hangMs: 8, hasBegun: 12, hits: 16, writes: 20, syncs: 24, lateCalls: 28, begunMs: 32, saved: 40 };

class Faults {
    constructor(world) {
        this.shim = path.join(world.dir, 'faults.so');
        this.path = path.join(world.dir, 'faults.control');
        fs.writeFileSync(this.path, Buffer.alloc(4096));
        this.fd = fs.openSync(this.path, 'r+');
        const made = spawnSync(process.env.CC ?? 'cc', ['-std=gnu11', '-O1', '-shared', '-fPIC', '-o', this.shim,
            path.join(__dirname, 'faults.c'), '-ldl'], { encoding: 'utf8' });
        if (made.status !== 0) throw new Error(`faults.c does not compile: ${made.stderr || made.error}`);
    }

    /** The environment of a gateway whose disk can fail. A sanitizer's runtime does not mind that it is not the first. */
    get env() {
        return { ...process.env, LD_PRELOAD: this.shim, EASGATE_FAULTS: this.path,
            ASAN_OPTIONS: `verify_asan_link_order=0:${process.env.ASAN_OPTIONS ?? ''}` };
    }

    read(name) {
        const b = Buffer.alloc(8);

        fs.readSync(this.fd, b, 0, 8, AT[name]);
        return name === 'begunMs' ? Number(b.readBigUInt64LE(0)) : b.readUInt32LE(0);
    }

    write(name, n) {
        const b = Buffer.alloc(4);

        b.writeUInt32LE(n);
        fs.writeSync(this.fd, b, 0, 4, AT[name]);
    }

    /** At the nth write from now on. savedPath: where the file is copied to before something is done to it. */
    arm(kind, nth, { hang_ms = 0, savedPath = '' } = {}) {
        this.disarm();
        fs.writeSync(this.fd, Buffer.concat([Buffer.from(savedPath), Buffer.alloc(512 - Buffer.byteLength(savedPath))]), 0, 512, AT.saved);
        for (const [name, n] of [['hits', 0], ['begunMs', 0], ['hangMs', hang_ms], ['nth', nth]]) this.write(name, n);
        this.write('kind', KINDS[kind]);
    }

    disarm() {
        this.write('kind', 0);
        this.write('hasBegun', 0);
        this.write('nth', 0);
    }

    get hits() {
        return this.read('hits');
    }
}

module.exports = { Faults, KINDS };
