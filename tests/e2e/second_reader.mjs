// A second reader of JSON for comparing what was sent with what arrived: JSON.parse for the structure, and the numbers by
// the text of their tokens, which JSON.parse would round.
import assert from 'node:assert/strict';

/** The number tokens of a JSON text in order, as written. The text must be valid. */
export function numberTokens(text) {
    const tokens = [];
    for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*/gsu)) if (match[0][0] !== '"') tokens.push(match[0]);
    return tokens;
}

/** Both texts are valid JSON and mean the same, to the last digit and in the same order of members. */
export function assertSameMeaning(arrived, sent, what) {
    const a = JSON.parse(arrived);
    const b = JSON.parse(sent);
    assert.deepEqual(a, b, what);
    assert.equal(JSON.stringify(a), JSON.stringify(b), `${what}: order of members`);
    assert.deepEqual(numberTokens(arrived), numberTokens(sent), `${what}: numbers`);
}
