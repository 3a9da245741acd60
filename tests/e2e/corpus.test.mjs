// Every document of the JSON corpus (tests/vectors/json), as a body, as the value of Config and in other places: the wrong
// ones never reach EAS, the right ones arrive with the same meaning, as a second reader (second_reader.mjs) sees it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { ROOT, World } from './harness.mjs';
import { requestFault } from './mixer.mjs';
import { assertSameMeaning, numberTokens } from './second_reader.mjs';

const LEAST_DOCUMENTS = 200;
const LEAST_WRONG_KINDS = 40;

const documents = fs.readFileSync(`${ROOT}/tests/vectors/json/corpus.jsonl`, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
    .map((doc) => ({ ...doc, bytes: Buffer.from(doc.base64, 'base64') }));
const right = documents.filter((doc) => doc.valid);
const wrong = documents.filter((doc) => !doc.valid);

let world;
before(async () => {
    world = await World.start();
});
after(async () => world?.stop());

const check = (name, body) => test(name, (t) => world.shows(body)(t));

const around = (before, bytes, after) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
const CREATE = '/api/v2/app_services';
const UPDATE = '/api/v2/app_services/cn-shanghai/nlp_x';
const HEAD = '{"ServiceName":"nlp_x","AppType":"LLM","ServiceSpec":"llama_7b_fp16","Replicas":1';

/** Where a document is put: what is sent, and which documents may arrive from there. */
const PLACES = [
    { name: 'as the body of a create', send: (doc) => ({ method: 'POST', target: CREATE, body: doc.bytes }), fits: (doc) => doc.fits },
    { name: 'as the body of a create, chunked', send: (doc) => ({ method: 'POST', target: CREATE, body: doc.bytes, framing: 'chunked' }), fits: (doc) => doc.fits },
    { name: 'as Config of a create', send: (doc) => ({ method: 'POST', target: CREATE, body: around(`${HEAD},"Config":`, doc.bytes, '}') }), fits: (doc) => doc.fits_config },
    { name: 'as Config, first member', send: (doc) => ({ method: 'POST', target: CREATE, body: around('{"Config":', doc.bytes, `,${HEAD.slice(1)}}`) }), fits: (doc) => doc.fits_config },
    { name: 'as Config of an update', send: (doc) => ({ method: 'PUT', target: UPDATE, body: around('{"ServiceSpec":"llama_7b_fp16","Replicas":1,"Config":', doc.bytes, '}') }), fits: (doc) => doc.fits_config },
    { name: 'as the body of an update', send: (doc) => ({ method: 'PUT', target: UPDATE, body: doc.bytes }), fits: (doc) => doc.valid && /^[ \t\r\n]*\{[ \t\r\n]*\}[ \t\r\n]*$/.test(doc.bytes.toString('latin1')), mayLookUp: true },
    { name: 'as Replicas', send: (doc) => ({ method: 'POST', target: CREATE, body: around(HEAD.replace(/1$/, ''), doc.bytes, '}') }), fits: (doc) => /^[ \t\r\n]*[1-4][ \t\r\n]*$/.test(doc.bytes.toString('latin1')) },
    { name: 'as ServiceSpec', send: (doc) => ({ method: 'POST', target: CREATE, body: around(HEAD.replace('"llama_7b_fp16"', '').replace(/"ServiceSpec":,/, '') + ',"ServiceSpec":', doc.bytes, '}') }), fits: () => false },
    { name: 'as OssPath', send: (doc) => ({ method: 'POST', target: CREATE, body: around(`${HEAD},"Config":{"ModelStorage":"oss","OssPath":`, doc.bytes, '}}') }), fits: () => false },
    { name: 'as a member that is not listed', send: (doc) => ({ method: 'POST', target: CREATE, body: around(`${HEAD},"Extra":`, doc.bytes, '}') }), fits: () => false },
    { name: 'behind a right body', send: (doc) => ({ method: 'POST', target: CREATE, body: around(`${HEAD}}`, doc.bytes, '') }), fits: (doc) => /^[ \t\r\n]*$/.test(doc.bytes.toString('latin1')) },
    { name: 'before a right body', send: (doc) => ({ method: 'POST', target: CREATE, body: around('', doc.bytes, `${HEAD}}`) }), fits: (doc) => /^[ \t\r\n]*$/.test(doc.bytes.toString('latin1')) },
];

/** Send one document to one place; throws when it must not arrive and did, or must and did not, or not as it was sent. */
async function put(place, doc) {
    await world.control('DELETE', '/services');
    if (place.send(doc).method === 'PUT') await world.setService('nlp_x', { ServiceSpec: 'llama_7b_fp16', replicas: 1, WorkspaceId: '12345' });
    world.journal();
    const request = place.send(doc);
    const answer = await world.call(request);
    const lines = world.journal().filter((line) => !(place.mayLookUp && line.method === 'GET'));
    const said = `${doc.name}, ${place.name}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`;
    if (!place.fits(doc)) {
        assert.deepEqual(lines.map((line) => line.body), [], said);
        assert.ok(answer.status >= 400 && answer.status < 500, said);
        assert.match(answer.json.Code, /^Easgate\./, said);
        return false;
    }
    assert.equal(answer.status, 200, said);
    const sent = lines.filter((line) => line.method === request.method); // an update looks the service up first
    assert.equal(sent.length, 1, said);
    assert.equal(requestFault(sent[0]), null, said);
    assertSameMeaning(sent[0].body, request.body.toString('utf8'), said);
    return true;
}

test('the corpus is large enough', () => {
    assert.ok(documents.length >= LEAST_DOCUMENTS, `${documents.length} documents`);
    assert.ok(new Set(wrong.map((doc) => doc.kind)).size >= LEAST_WRONG_KINDS);
    assert.ok(right.filter((doc) => doc.fits || doc.fits_config).length >= 10);
});

test('the second reader sees differences', () => {
    assert.deepEqual(numberTokens('{"a":1e2,"b":[-0.50,"7 8\\" 9"],"1":2}'), ['1e2', '-0.50', '2']);
    assertSameMeaning('{"a":1.0,"b":"\\u0041"}', ' { "a" : 1.0, "b":"A" } ', 'equal');
    for (const [a, b] of [['{"a":1}', '{"a":1.0}'], ['{"a":9007199254740993}', '{"a":9007199254740992}'], ['{"a":1,"b":2}', '{"b":2,"a":1}'], ['["a"]', '["b"]'], ['{"a":null}', '{}']])
        assert.throws(() => assertSameMeaning(a, b, 'different'));
});

for (const place of PLACES) {
    check(`every document ${place.name}`, async () => {
        let arrived = 0;
        for (const doc of documents) arrived += await put(place, doc);
        assert.equal(arrived, documents.filter((doc) => place.fits(doc)).length);
    });
}

check('the wrong ones are refused for their JSON, not by luck', async () => {
    let count = 0;
    for (const doc of wrong) {
        const answer = await world.call({ method: 'POST', target: CREATE, body: doc.bytes });
        const isTooLarge = answer.json.Code === 'Easgate.BodyTooLarge';
        assert.ok(answer.json.Code === 'Easgate.InvalidJson' || isTooLarge, `${doc.name}: ${answer.body}`);
        count += !isTooLarge;
    }
    assert.ok(count >= LEAST_DOCUMENTS);
});

/* ---- JSON within a query: ListServices takes Label, a map of texts ---- */

const percent = (bytes) => [...bytes].map((b) => `%${b.toString(16).padStart(2, '0').toUpperCase()}`).join('');

/** By a reader of its own: is it a map of texts that the query may carry? */
function isLabel(doc) {
    if (!doc.valid || doc.bytes.length === 0) return false;
    const text = doc.bytes.toString('utf8');
    const value = JSON.parse(text);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
    const texts = Object.entries(value).flat();
    return texts.every((t) => typeof t === 'string' && !/[\u0000-\u001f\u007f-\u009f]/.test(t)) && doc.bytes.length <= 1024 && !/[\t\r\n]/.test(text);
}

check('every document as Label of a list', async () => {
    const more = ['{"team":"nlp"}', '{"a":"b","c":"d"}', '{"\u6a21\u578b":"\u90e8\u7f72"}', '{"a":"\\ud83d\\ude00"}', '{"a\\"b":"c\\\\d"}', '{"a":""}', '{"a":"b&c=d+e;f"}', '{ "a" : "b" }']
        .map((text) => ({ name: `label ${text}`, valid: true, bytes: Buffer.from(text) }));
    let arrived = 0;
    for (const doc of [...documents, ...more]) {
        if (doc.bytes.length > 2000) continue; // too long for a target
        world.journal();
        const answer = await world.call({ target: `/api/v2/services?Label=${percent(doc.bytes)}` });
        const lines = world.journal();
        const said = `${doc.name}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`;
        if (!isLabel(doc)) {
            assert.deepEqual(lines.map((line) => line.target), [], said);
            assert.deepEqual([answer.status, answer.json.Code], [400, 'Easgate.InvalidQuery'], said);
            continue;
        }
        assert.equal(answer.status, 200, said);
        assert.equal(lines.length, 1, said);
        const item = lines[0].query.split('&').find((part) => part.startsWith('Label='));
        assertSameMeaning(decodeURIComponent(item.slice(6)), doc.bytes.toString('utf8'), said);
        arrived++;
    }
    assert.ok(arrived >= more.length);
});
