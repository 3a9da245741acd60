// load: keeps a number of connections busy with a mix of creates, updates, lifecycle calls and reads of services with unique
// names. It never stops by itself when answers go wrong: it counts, and connects again.
'use strict';
const net = require('node:net');
const { requestBytes, readAnswer, codeOf } = require('./wire.js');

let serial = 0;

/** The life of one service, as a team's job would drive it; endless. */
function* life(world, prefix) {
    const call = (method, target, body) => requestBytes({ method, target, host: world.host, token: world.token, body: body ?? null });

    for (;;) {
        const name = `${prefix}${(serial++).toString(36)}`;
        const service = `/api/v2/services/cn-shanghai/${name}`;
        yield call('POST', '/api/v2/app_services?WorkspaceId=12345', world.createBody(name));
        yield call('GET', service);
        yield call('PUT', `/api/v2/app_services/cn-shanghai/${name}`, '{"Replicas":2}');
        yield call('PUT', `${service}/stop`);
        yield call('GET', service);
        yield call('PUT', `${service}/start`);
        yield call('DELETE', service);
    }
}

class Load {
    /** world; connections; script(index): a generator of request bytes (default: life). onAnswer(answer, bytes), onLost(bytes). */
    constructor(world, { connections = 24, prefix = 'nlp_', script, onAnswer, onLost, at } = {}) {
        this.world = world;
        this.at = at ?? world.at;
        this.onAnswer = onAnswer;
        this.onLost = onLost;
        this.makeScript = script ?? ((i) => life(world, `${prefix}${i.toString(36)}_`));
        this.lanes = Array.from({ length: connections }, (_, i) => ({ index: i, socket: null, asked: null, rest: Buffer.alloc(0), timer: null }));
        this.running = false;
        this.statuses = new Map();
        this.codes = new Map();
        this.latencies_ms = [];
        this.sent = this.answered = this.lost = this.badAnswers = 0;
    }

    /** Requests that were sent and not answered. */
    get inFlight() {
        return this.lanes.reduce((n, lane) => n + (lane.asked && lane.socket && !lane.socket.connecting ? 1 : 0), 0);
    }

    start() {
        this.running = true;
        for (const lane of this.lanes) this.open(lane);
    }

    open(lane) {
        if (!this.running) return;
        const socket = net.connect({ host: '127.0.0.1', ...this.at, noDelay: true });
        lane.socket = socket;
        lane.rest = Buffer.alloc(0);
        lane.script = this.makeScript(lane.index);
        socket.on('connect', () => this.next(lane));
        socket.on('data', (bytes) => this.take(lane, bytes));
        socket.on('error', () => {});
        socket.on('close', () => this.gone(lane, socket));
    }

    next(lane) {
        if (!this.running) {
            lane.socket.end();
            return;
        }
        lane.asked = lane.script.next().value;
        lane.began_ms = performance.now();
        this.sent++;
        lane.socket.write(lane.asked);
    }

    take(lane, bytes) {
        lane.rest = lane.rest.length ? Buffer.concat([lane.rest, bytes]) : bytes;
        let answer;
        try {
            answer = readAnswer(lane.rest);
        } catch {
            this.badAnswers++;
            lane.socket.destroy();
            return;
        }
        if (!answer) return;
        lane.rest = lane.rest.subarray(answer.size);
        const asked = lane.asked;
        lane.asked = null;
        this.answered++;
        this.latencies_ms.push(performance.now() - lane.began_ms);
        this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
        if (answer.status >= 300) {
            const code = `${answer.status} ${codeOf(answer)}`;
            this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
        }
        this.onAnswer?.(answer, asked);
        if (answer.headers.get('connection') === 'close') lane.socket.end();
        else this.next(lane);
    }

    gone(lane, socket) {
        if (lane.socket !== socket) return;
        lane.socket = null;
        if (lane.asked) {
            this.lost++;
            this.onLost?.(lane.asked);
        }
        lane.asked = null;
        if (this.running) lane.timer = setTimeout(() => this.open(lane), 5);
    }

    /** Ask for nothing more; resolves when what was asked is answered (or lost). */
    async finish(wait_ms = 40000) {
        const end = Date.now() + wait_ms;

        this.running = false;
        for (const lane of this.lanes) clearTimeout(lane.timer);
        while (this.inFlight && Date.now() < end) await new Promise((r) => setTimeout(r, 5));
        this.drop();
    }

    /** End now, whatever is under way. */
    drop() {
        this.running = false;
        for (const lane of this.lanes) {
            clearTimeout(lane.timer);
            lane.socket?.destroy();
        }
    }

    percentile_ms(p) {
        const sorted = [...this.latencies_ms].sort((a, b) => a - b);
        return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] : NaN;
    }

    get failures() {
        return [...this.codes].map(([code, n]) => `${n} x ${code}`).join(', ');
    }
}

module.exports = { Load, life };
