// rawcases: what evhttp alone gets wrong, as raw requests with the right answer to each: the rows of the table in section 3 of the
// security design, and their close relatives. Shared by T13 and tests/e2e/raw.test.mjs.
//
// A case: { row, name, bytes, status, code, answers, receipts, half, ... }
//   status    of the (last) answer, or a list of those that are right where the table leaves it open; 0: closed without an answer
//   answers   how many answers come (1); receipts: how many requests the emulator gets (0)
//   half      close our side after sending
//   thenRefused  one more answer, a 400, may come when the bytes come in pieces: the first request is answered before the rest is there
//   stays     the connection is not closed by the gateway (only where receipts > 0)
// Every case has a service name of its own, id; what is smuggled is always a whole, authorised read of nlp_x<id>.
'use strict';

const CODES = { 400: 'Easgate.MalformedRequest', 401: 'Easgate.Unauthenticated', 403: 'Easgate.ForbiddenHost', 405: 'Easgate.MethodNotAllowed',
    408: 'Easgate.RequestTimeout', 413: 'Easgate.BodyTooLarge', 414: 'Easgate.MalformedRequest', 415: 'Easgate.UnsupportedContentType',
    417: 'Easgate.MalformedRequest', 431: 'Easgate.MalformedRequest', 505: 'Easgate.MalformedRequest' };

/** All cases for a gateway at this host with this token; prefix keeps names apart between runs. */
function rawCases({ host, token, prefix }) {
    const cases = [];
    let id;
    const auth = `Host: ${host}\r\nAuthorization: Bearer ${token}\r\n`;
    const latin = (text) => Buffer.from(text, 'latin1');
    const target = () => `/api/v2/services/cn-shanghai/${id}`;
    const get = (more = '', name = id) => `GET /api/v2/services/cn-shanghai/${name} HTTP/1.1\r\n${auth}${more}\r\n`;
    const line = (text, more = '') => `${text}\r\n${auth}${more}\r\n`;
    const smuggled = () => get('', id.replace(/^nlp_q/, 'nlp_x'));
    const json = () => `{"ServiceName":"${id}","AppType":"LLM","ServiceSpec":"llama_7b_fp16","Replicas":1,"Config":{"ModelStorage":"oss","OssPath":"oss://nlp-models/llama/"}}`;
    const post = (framing, body, version = 'HTTP/1.1') => `POST /api/v2/app_services?WorkspaceId=12345 ${version}\r\n${auth}Content-Type: application/json\r\n${framing}\r\n${body}`;
    const size = () => json().length.toString(16);
    const chunked = (chunks) => post('Transfer-Encoding: chunked\r\n', chunks);

    /** One case; `make` is called when its id is set. */
    function add(row, name, status, make, more = {}) {
        id = `nlp_q${prefix}${cases.length}`;
        const bytes = latin(make());
        const first = Array.isArray(status) ? undefined : CODES[status];
        cases.push({ row, name, id, bytes, status: [status].flat(), code: first, answers: 1, receipts: 0, ...more });
    }
    /** A case that is served. */
    function good(row, name, make, more = {}) {
        add(row, name, [200, 404], make, { receipts: 1, stays: true, ...more });
    }

    let row = 'both lengths';
    add(row, 'length first', 400, () => post(`Content-Length: ${json().length}\r\nTransfer-Encoding: chunked\r\n`, json()));
    add(row, 'chunked first', 400, () => post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `${size()}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'length 0 and chunked', 400, () => post('Transfer-Encoding: chunked\r\nContent-Length: 0\r\n', `0\r\n\r\n${smuggled()}`));
    add(row, 'chunked hides a request by length', 400, () => post(`Content-Length: ${smuggled().length + 5}\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${smuggled()}`));

    row = 'two lengths';
    for (const [a, b] of [['0', '35'], ['35', '0'], ['5', '5'], ['5', '6'], ['0', '0']])
        add(row, `${a} and ${b}`, 400, () => post(`Content-Length: ${a}\r\nContent-Length: ${b}\r\n`, smuggled()));
    add(row, 'equal to the body, twice', 400, () => post(`Content-Length: ${json().length}\r\nContent-Length: ${json().length}\r\n`, json()));
    add(row, 'other case', 400, () => post(`Content-Length: 0\r\ncontent-length: ${smuggled().length}\r\n`, smuggled()));
    add(row, 'underscore twin', 400, () => post(`Content_Length: ${json().length}\r\nContent-Length: ${json().length}\r\n`, json()));

    row = 'length spelled otherwise';
    for (const [name, value] of [['plus', (n) => `+${n}`], ['leading zero', (n) => `0${n}`], ['VT before', (n) => `\v${n}`], ['FF before', (n) => `\f${n}`],
        ['NUL behind', (n) => `${n}\0 99`], ['minus', (n) => `-${n}`], ['hex', (n) => `0x${n.toString(16)}`], ['list', (n) => `${n}, ${n}`], ['list of two', (n) => `${n},0`],
        ['empty', () => ''], ['blank', () => '   '], ['letters', () => 'abc'], ['fraction', (n) => `${n}.0`], ['exponent', () => '1e2'], ['quotes', (n) => `"${n}"`],
        ['blank within', (n) => `${String(n)[0]} ${String(n).slice(1)}`], ['comment behind', (n) => `${n};x`], ['bare CR behind', (n) => `${n}\r`], ['high byte', (n) => `${n}\xa0`]])
        add(row, name, 400, () => post(`Content-Length: ${value(json().length)}\r\n`, json()));
    add(row, 'minus 0, then a request', 400, () => post('Content-Length: -0\r\n', smuggled()));
    add(row, 'plus 0, then a request', 400, () => post('Content-Length: +0\r\n', smuggled()));
    for (const n of ['9223372036854775808', '18446744073709551621', '18446744073709551616', '4294967301', '99999999999999999999999'])
        add(row, n, [400, 413], () => post(`Content-Length: ${n}\r\n`, 'hello'));
    for (const n of ['262145', '1000000', '9999999']) add('body too long', n, 413, () => post(`Content-Length: ${n}\r\n`, 'hello'));

    row = 'blanks around a framing name';
    add(row, 'length, blank before colon', 400, () => post(`Content-Length : ${smuggled().length}\r\n`, smuggled()));
    add(row, 'length, tab before colon', 400, () => post(`Content-Length\t: ${smuggled().length}\r\n`, smuggled()));
    add(row, 'length, blank before name', 400, () => post(` Content-Length: ${smuggled().length}\r\n`, smuggled()));
    add(row, 'chunked, blank before colon', 400, () => post('Transfer-Encoding : chunked\r\n', `${size()}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'length folded', 400, () => post(`Content-Length:\r\n ${json().length}\r\n`, json()));
    add(row, 'encoding folded', 400, () => post('Transfer-Encoding:\r\n chunked\r\n', `${size()}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'fold after a header', 400, () => get('X-A: b\r\n c: d\r\n'));
    add(row, 'tab fold after a header', 400, () => get('X-A: b\r\n\tc\r\n'));
    add(row, 'fold hides a length', 400, () => post(`X-A: b\r\n Content-Length: ${smuggled().length}\r\n`, smuggled()));
    add(row, 'fold as the first header', 400, () => `GET ${target()} HTTP/1.1\r\n ${auth}\r\n`);

    row = 'encodings other than chunked';
    for (const value of ['xchunked', '\vchunked', 'identity', 'gzip, chunked', ' \tchunked', 'chunked;q=1', 'chunked, chunked', 'chunked, identity', 'chunked\0x', 'gzip', 'deflate',
        '"chunked"', 'chunked,', ',chunked', 'chunked x', 'chunke', '', 'cow', 'chunked\x00', '\x01chunked', 'chunked\xa0'])
        add(row, JSON.stringify(value), 400, () => post(`Transfer-Encoding: ${value}\r\n`, `${size()}\r\n${json()}\r\n0\r\n\r\n${smuggled()}`));
    add(row, 'identity, then a request', 400, () => post('Transfer-Encoding: identity\r\n', smuggled()));
    add(row, 'gzip with a length', 400, () => post(`Transfer-Encoding: gzip\r\nContent-Length: ${json().length}\r\n`, json()));
    add(row, 'twice', 400, () => post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `${size()}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'twice, one other', 400, () => post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', `${size()}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'underscore twin', 400, () => post('Transfer_Encoding: chunked\r\n', `${size()}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'chunked on HTTP/1.0', 505, () => post('Transfer-Encoding: chunked\r\n', `${size()}\r\n${json()}\r\n0\r\n\r\n`, 'HTTP/1.0'));

    row = 'chunks';
    for (const [name, text] of [['0x', (n) => `0x${n}`], ['plus', (n) => `+${n}`], ['blank before', (n) => ` ${n}`], ['blank behind', (n) => `${n} `], ['tab behind', (n) => `${n}\t`],
        ['text behind', (n) => `${n} garbage`], ['NUL behind', (n) => `${n}\0 ff`], ['extension', (n) => `${n};a=b`], ['empty extension', (n) => `${n};`], ['extension with quotes', (n) => `${n};a="x"`],
        ['minus', (n) => `-${n}`], ['empty', () => ''], ['letters', () => 'zz'], ['blank and letters', () => ' zz'], ['underscore', (n) => `${n}_`], ['point', (n) => `${n}.`]])
        add(row, `size: ${name}`, 400, () => chunked(`${text(size())}\r\n${json()}\r\n0\r\n\r\n${smuggled()}`));
    for (const n of ['ffffffffffffffff', '10000000000000005', 'fffffffffffffffff', '100000000', 'ffffffff', '7fffffff', '000000000000000000000005'])
        add(row, `size ${n}`, [400, 413], () => chunked(`${n}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'size zz as the last chunk', 400, () => chunked(` zz\r\n\r\n${smuggled()}`));
    add(row, 'size -1', 400, () => chunked(`-1\r\n\r\n${smuggled()}`));
    add(row, 'no CRLF behind the data', 400, () => chunked(`${size()}\r\n${json()}0\r\n\r\n`));
    add(row, 'LF behind the data', 400, () => chunked(`${size()}\r\n${json()}\n0\r\n\r\n`));
    add(row, 'other bytes behind the data', 400, () => chunked(`${size()}\r\n${json()}XX\r\n0\r\n\r\n`));
    add(row, 'data longer than its size', 400, () => chunked(`5\r\n${json()}\r\n0\r\n\r\n${smuggled()}`));
    add(row, 'blank lines before the size', 400, () => chunked(`\r\n${size()}\r\n${json()}\r\n0\r\n\r\n`));
    add(row, 'bare LF behind the size', 400, () => chunked(`${size()}\n${json()}\r\n0\r\n\r\n`));
    add(row, 'bare CR behind the size', 400, () => chunked(`${size()}\rX${json()}\r\n0\r\n\r\n`));
    add(row, 'bare LF at the end', 400, () => chunked(`${size()}\r\n${json()}\r\n0\n\n`));
    add(row, 'trailer with a token', 400, () => chunked(`${size()}\r\n${json()}\r\n0\r\nAuthorization: Bearer ${token}\r\n\r\n`));
    add(row, 'trailer', 400, () => chunked(`${size()}\r\n${json()}\r\n0\r\nX-A: b\r\n\r\n`));
    add(row, 'a request in place of the last CRLF', 400, () => chunked(`${size()}\r\n${json()}\r\n0\r\n${smuggled()}`));
    good(row, 'strict, one', () => chunked(`${size()}\r\n${json()}\r\n0\r\n\r\n`));
    good(row, 'strict, byte by byte', () => chunked([...json()].map((c) => `1\r\n${c}\r\n`).join('') + '0\r\n\r\n'));
    good(row, 'strict, upper case hex and leading zeros', () => chunked(`${`0000${size()}`.slice(-4).toUpperCase()}\r\n${json()}\r\n0\r\n\r\n`));

    row = 'line ends';
    add(row, 'bare LF everywhere', 400, () => get().replaceAll('\r\n', '\n'));
    add(row, 'bare LF after the request line', 400, () => get().replace('\r\n', '\n'));
    add(row, 'bare LF at the end of the head', 400, () => get().replace(/\r\n$/, '\n'));
    add(row, 'bare LF in a header', 400, () => get('X-A: b\nX-C: d\r\n'));
    add(row, 'bare CR in a value', 400, () => get('X-A: b\rc\r\n'));
    add(row, 'bare CR and blank in a value', 400, () => get('X-A: b\r c\r\n'));
    add(row, 'bare CR hides a length', 400, () => post(`X-A: b\rContent-Length: ${smuggled().length}\r\n`, smuggled()));
    add(row, 'CR CR LF', 400, () => get('X-A: b\r\r\n'));
    add(row, 'bare CR in the request line', 400, () => get().replace(' HTTP', '\r HTTP'));
    add(row, 'bare CR everywhere', 400, () => get().replaceAll('\r\n', '\r'), { half: true });
    add(row, 'a blank line first', 400, () => `\r\n${get()}`);
    add(row, 'two blank lines first', 400, () => `\r\n\r\n${get()}`);
    add(row, 'LF first', 400, () => `\n${get()}`);
    add(row, 'a blank first', 400, () => ` ${get()}`);

    row = 'control bytes';
    add(row, 'NUL at the start of a header line', 400, () => get(`\0X: y\r\n\r\n${smuggled()}`));
    add(row, 'NUL line', 400, () => get(`\0\r\n${smuggled()}`));
    add(row, 'NUL in a value', 400, () => get('X-A: b\0c\r\n'));
    add(row, 'NUL behind the version', 400, () => get().replace('HTTP/1.1', 'HTTP/1.1\0'));
    add(row, 'NUL in a name', 400, () => get('X\0A: b\r\n'));
    add(row, 'NUL in the target', 400, () => get().replace(' HTTP', '\0 HTTP'));
    add(row, 'NUL first', 400, () => `\0${get()}`);
    add(row, 'NUL in the method', [400, 405], () => get().replace('GET', 'GE\0T'));
    for (const b of [1, 8, 11, 12, 27, 127]) add(row, `byte ${b} in a value`, 400, () => get(`X-A: b${String.fromCharCode(b)}c\r\n`));
    for (const b of [128, 160, 255]) add(row, `byte ${b} in a value`, 400, () => get(`X-A: b${String.fromCharCode(b)}c\r\n`));

    row = 'header names';
    for (const name of ['', 'X Y', 'X\xff', 'X(\x01)', 'X(', 'X@', '[X', 'X"', 'X/Y', 'X{', 'X\t', ' X', 'X\x7f'])
        add(row, JSON.stringify(name), 400, () => get(`${name}: v\r\n`));
    add(row, 'no colon', 400, () => get('nonsense\r\n'));
    add(row, 'colon only', 400, () => get(':\r\n'));
    add(row, 'the same twice', 400, () => get('X-A: b\r\nx-a: c\r\n'));
    add(row, 'token twice', 401, () => get(`Authorization: Bearer ${token}\r\n`));
    add(row, 'two tokens', 401, () => get(`x-acs-bearer-token: ${token}\r\n`));

    row = 'host';
    add(row, 'none', 400, () => `GET ${target()} HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    add(row, 'two', 400, () => get(`Host: ${host}\r\n`));
    add(row, 'two, one foreign', 400, () => get('Host: evil.example\r\n'));
    for (const value of ['a:80@evil', `${host}@evil`, `evil@${host}`, '', 'a b', `${host},evil`, `${host}/x`, `${host}:80`, '127.0.0.1:', '127.0.0.1:x', 'http://127.0.0.1', `${host}\\x`, `${host}?x`, `${host}#x`])
        add(row, JSON.stringify(value), [400, 403], () => get().replace(host, value), { code: undefined });
    for (const value of ['evil.example', '127.0.0.2', 'localhost.evil.example', '127.0.0.1:1', '127.1', '0x7f.1', '2130706433', '[::2]', '[::]:80', '169.254.169.254'])
        add(row, value, 403, () => get().replace(host, value));

    row = 'request line';
    add(row, 'two spaces before the target', 400, () => get().replace('GET ', 'GET  '));
    add(row, 'two spaces before the version', 400, () => get().replace(' HTTP', '  HTTP'));
    add(row, 'a tab for a space', 400, () => get().replace(' HTTP', '\tHTTP'));
    add(row, 'space in the target', 400, () => line(`GET ${target()} y HTTP/1.1`));
    add(row, 'two versions', 400, () => line(`GET ${target()} HTTP/1.1 HTTP/1.1`));
    add(row, 'blank at the end', 400, () => line(`GET ${target()} HTTP/1.1 `));
    add(row, 'no version', 400, () => line(`GET ${target()}`));
    add(row, 'method only', 400, () => line('GET'));
    add(row, 'blank for a target', 400, () => line('GET  HTTP/1.1'));
    add(row, 'lower-case version', [400, 505], () => line(`GET ${target()} http/1.1`));
    for (const v of ['HTTP/1.0', 'HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/1.10', 'HTTP/01.1', 'HTTP/1.01', 'HTTP/+1.+1', 'HTTP/-1.1', 'HTTP/1.4294967297', 'HTTP/4294967297.1', 'HTTP/1', 'HTTP/1.', 'HTTP/1.1.1', 'HTTP/1.1x', 'HTTP/ 1.1', 'HTTP', 'HTTQ/1.1', 'SIP/2.0', 'ICY'])
        add('versions', v, /^HTTP\/\d\.\d$/.test(v) ? 505 : [400, 505], () => line(`GET ${target()} ${v}`), { code: 'Easgate.MalformedRequest' });

    row = 'methods';
    for (const m of ['get', 'Get', 'OPTIONS', 'TRACE', 'PATCH', 'FOO', 'PROPFIND', 'GETX', 'G', 'PRI'])
        add(row, m, 405, () => line(`${m} ${target()} HTTP/1.1`));
    add(row, 'HEAD', 405, () => line(`HEAD ${target()} HTTP/1.1`), { head: true, code: undefined });
    add(row, 'HEAD with a body that is a request', 405, () => line(`HEAD ${target()} HTTP/1.1`, `Content-Length: ${smuggled().length}\r\n`) + smuggled(), { head: true, code: undefined });
    add(row, 'CONNECT a:443', 405, () => line('CONNECT a:443 HTTP/1.1'));
    add(row, 'CONNECT a:443, then a request', 405, () => line('CONNECT a:443 HTTP/1.1') + smuggled());
    add(row, 'CONNECT /x', 405, () => line('CONNECT /x HTTP/1.1'));
    add(row, 'OPTIONS *', 405, () => line('OPTIONS * HTTP/1.1'));
    add(row, 'no token', 400, () => line(`G(T ${target()} HTTP/1.1`));
    add(row, 'colon', 400, () => line(`GET: ${target()} HTTP/1.1`));

    row = 'targets';
    for (const t of ['http://evil/x', 'http://127.0.0.1/api/v2/services', '//evil/x', '///a', '//127.0.0.1:8080/x', '/a//b', 'x', '*', '?', '/\x01\x7f', '/\xff\xfe', '/a\\..\\b', '/%zz', '/x%00y', '/%2e%2e/x', '/../x', '/./x',
        '/a/..', '/x#f?q', '/a/../b', '/x"y', '/x<y', '/x|y', '/x^y', '/{x}', '/x%20y', '/x;y', '/x:y', '/x@y', '/x+y', '/x,y', '/x=y', '/x&y', '/x$y', '/x!y', "/x'y", '/x(y', '/x*y', '/x%', '/x%2', '/x%2fy', '/x%5cy'])
        add(row, JSON.stringify(t), 400, () => line(`GET ${t} HTTP/1.1`));
    for (const t of ['/api/v2/services/cn-shanghai/NAME/', '/api/v2/services/cn-shanghai//NAME', '/api/v2/services/cn-shanghai/./NAME', '/api/v2/services/%63n-shanghai/NAME', '/api/v2/services/cn-shanghai/%6elp_q'])
        add(row, t, [400, 404], () => line(`GET ${t.replace('NAME', id)} HTTP/1.1`), { code: undefined, mayStay: true });
    add(row, 'query with a fragment', 400, () => line(`GET ${target()}?a=b#c HTTP/1.1`));
    add(row, 'query with a blank', 400, () => line(`GET ${target()}?a= b HTTP/1.1`));
    add(row, 'query with a high byte', 400, () => line(`GET ${target()}?a=\xe9 HTTP/1.1`));

    row = 'expect';
    for (const v of ['foo', '100-continue, foo', '200-ok', '100-continued', ''])
        add(row, JSON.stringify(v), 417, () => post(`Expect: ${v}\r\nContent-Length: ${json().length}\r\n`, json()));
    add(row, 'without a token', 401, () => post(`Expect: 100-continue\r\nContent-Length: ${json().length}\r\n`, '').replace(token, 'eg_wrong'));
    good(row, '100-continue with the body at once', () => post(`Expect: 100-continue\r\nContent-Length: ${json().length}\r\n`, json()));
    good(row, '100-continue without a body', () => get('Expect: 100-continue\r\n'));

    row = 'too much';
    add(row, '65 headers', 431, () => get(Array.from({ length: 63 }, (_, i) => `X-${i}: y\r\n`).join('')));
    add(row, '5,000 headers', 431, () => get(Array.from({ length: 5000 }, (_, i) => `X-${i}: y\r\n`).join('')));
    add(row, 'a value of 64 KiB', 431, () => get(`X-A: ${'y'.repeat(65536)}\r\n`));
    add(row, 'a name of 64 KiB', 431, () => get(`${'y'.repeat(65536)}: x\r\n`));
    add(row, 'a head of 17 KiB', 431, () => get(Array.from({ length: 17 }, (_, i) => `X-${i}: ${'y'.repeat(1000)}\r\n`).join('')));
    add(row, 'a target of 64 KiB', 414, () => line(`GET /${'a'.repeat(65536)} HTTP/1.1`));
    add(row, 'a target of 9 KiB', 414, () => line(`GET /${'a'.repeat(9216)} HTTP/1.1`));
    add(row, 'a query of 64 KiB', 414, () => line(`GET ${target()}?a=${'a'.repeat(65536)} HTTP/1.1`));
    add(row, 'a method of 64 KiB', [400, 405, 414, 431], () => line(`${'A'.repeat(65536)} / HTTP/1.1`), { code: undefined });
    add(row, 'a chunked body of 300 KiB', 413, () => chunked(`4b000\r\n${' '.repeat(307200)}\r\n0\r\n\r\n`));
    add(row, 'a chunked body of 300 KiB in small chunks', 413, () => chunked(`400\r\n${' '.repeat(1024)}\r\n`.repeat(300) + '0\r\n\r\n'));

    row = 'ends early';
    add(row, 'short body and FIN', 400, () => post(`Content-Length: ${json().length + 10}\r\n`, json()), { half: true });
    add(row, 'head cut and FIN', 400, () => get().slice(0, -2), { half: true });
    add(row, 'a chunk cut and FIN', 400, () => chunked(`${size()}\r\n${json().slice(0, 20)}`), { half: true });
    add(row, 'no last chunk and FIN', 400, () => chunked(`${size()}\r\n${json()}\r\n`), { half: true });
    add(row, 'nothing and FIN', 0, () => '', { half: true, answers: 0 });

    row = 'content encoding';
    for (const v of ['gzip', 'identity', 'br', '']) add(row, JSON.stringify(v), 415, () => post(`Content-Encoding: ${v}\r\nContent-Length: ${json().length}\r\n`, json()));

    row = 'another protocol';
    add(row, 'TLS hello', 0, () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + 'r'.repeat(506), { answers: 0 });
    add(row, 'HTTP/2 preface', [400, 405, 505], () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { code: undefined });
    add(row, 'SSH', [400, 405, 505], () => 'SSH-2.0-OpenSSH_9.2p1\r\n', { code: undefined, half: true });
    add(row, 'an answer', [400, 405, 505], () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', { code: undefined });
    add(row, 'upgrade to h2c', [200, 404], () => get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n'), { code: undefined, receipts: 1, mayStay: true });
    add(row, 'PROXY line', [400, 405, 505], () => `PROXY TCP4 1.2.3.4 127.0.0.1 1 2\r\n${get()}`, { code: undefined });

    row = 'one behind the other';
    good(row, 'three', () => get() + get() + get(), { answers: 3, receipts: 3 });
    good(row, 'a create, then a read', () => post(`Content-Length: ${json().length}\r\n`, json()) + get(), { answers: 2, receipts: 2 });
    good(row, 'a read, then a chunked create', () => get() + chunked(`${size()}\r\n${json()}\r\n0\r\n\r\n`), { answers: 2, receipts: 2 });
    add(row, 'a read, then garbage', [200, 404], () => `${get()}GARBAGE\r\n\r\n`, { receipts: 1, code: undefined, thenRefused: true });
    add(row, 'a read, then two lengths', [200, 404], () => get() + post('Content-Length: 0\r\nContent-Length: 35\r\n', smuggled()), { receipts: 1, code: undefined, thenRefused: true });
    add(row, 'a read that closes, then another', [200, 404], () => get('Connection: close\r\n') + smuggled(), { receipts: 1, code: undefined });
    good(row, 'length in another case', () => post(`cOnTeNt-LeNgTh: ${json().length}\r\n`, json()));
    good(row, 'tab before a value', () => get('X-A:\tb\t\r\n'));
    return cases;
}

module.exports = { rawCases };
