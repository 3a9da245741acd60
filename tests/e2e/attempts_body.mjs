// Attempts to get a larger number, a forbidden spec, a foreign name or foreign storage past the policy within a body:
// spellings of names, spellings of numbers, duplicates, types, Config. Each is a row {name, on, change, status, code}; the
// policy is that of harness.mjs. \\u in these texts is JSON's own escape and reaches the gateway as such.
import { addConfig, addMember, also, dropMember, renameMember, setBody, setConfig, setMember } from './attempt_spec.mjs';

const JSON_REFUSED = { status: 400, code: 'Easgate.InvalidJson' };
const FIELD_REFUSED = { status: 400, code: 'Easgate.InvalidField' };
const CAP = { status: 403, code: 'Easgate.ReplicaCap' };
const SPEC = { status: 403, code: 'Easgate.SpecNotAllowed' };
const NAME = { status: 403, code: 'Easgate.ServiceNameNotAllowed' };
const STORAGE = { status: 403, code: 'Easgate.StorageNotAllowed' };
const NETWORK = { status: 403, code: 'Easgate.NetworkNotAllowed' };

const rows = [];
const add = (name, change, expected, on = 'create') => rows.push({ name, on, change, ...expected });
const q = JSON.stringify;

/* ---- names: a second spelling beside the honest one; the names fold to one, so they are a duplicate ---- */
for (const [what, raw] of [
    ['lower case', '"replicas"'], ['upper case', '"REPLICAS"'], ['one letter in lower case', '"RePlicas"'],
    ['an escaped letter', '"Replic\\u0061s"'], ['all escapes', '"\\u0052\\u0065\\u0070\\u006c\\u0069\\u0063\\u0061\\u0073"'],
    ['an escape in upper-case hex', '"Rep\\u006Cicas"'], ['LATIN SMALL LETTER LONG S', '"Replica\u017f"'],
    ['an escaped LONG S', '"Replica\\u017f"'], ['DOTLESS I', '"Repl\u0131cas"'], ['I WITH DOT ABOVE', '"Repl\u0130cas"'],
    ['the very same', '"Replicas"'],
]) {
    add(`names: Replicas again in ${what}, behind`, addMember(raw, '9'), JSON_REFUSED);
    add(`names: Replicas again in ${what}, before`, addMember(raw, '9', true), JSON_REFUSED);
}
for (const [what, raw] of [['LONG S', '"\u017ferviceSpec"'], ['lower case', '"servicespec"'], ['the very same', '"ServiceSpec"']])
    add(`names: ServiceSpec again in ${what}`, addMember(raw, q('baichuan_13b_fp16')), JSON_REFUSED);
for (const [what, raw] of [['lower case', '"servicename"'], ['LONG S', '"\\u017ferviceName"'], ['the very same', '"ServiceName"']])
    add(`names: ServiceName again in ${what}`, addMember(raw, q('vis_a')), JSON_REFUSED);
add('names: Config again', addMember('"Config"', '{"ModelStorage":"oss","OssPath":"oss://other/"}', true), JSON_REFUSED);
add('names: Config again in lower case', addMember('"config"', '{"ModelStorage":"oss","OssPath":"oss://other/"}', true), JSON_REFUSED);

/* ---- names: one that some reader might take for Replicas ---- */
for (const [what, raw] of [
    ['NUL behind', '"Replicas\\u0000"'], ['NUL and more behind', '"Replicas\\u0000x"'], ['NUL before', '"\\u0000Replicas"'],
    ['a raw tab behind', '"Replicas\t"'], ['a raw newline behind', '"Replicas\n"'], ['half a pair behind', '"Replicas\\ud800"'],
])
    add(`names: Replicas with ${what}`, addMember(raw, '9'), JSON_REFUSED);
for (const [what, raw] of [
    ['a blank behind', '"Replicas "'], ['a blank before', '" Replicas"'], ['an escaped tab behind', '"Replicas\\t"'],
    ['an escaped newline behind', '"Replicas\\n"'], ['NO-BREAK SPACE behind', '"Replicas\u00a0"'],
    ['ZERO WIDTH SPACE within', '"Rep\u200blicas"'], ['ZERO WIDTH JOINER within', '"Rep\u200dlicas"'],
    ['SOFT HYPHEN within', '"Rep\u00adlicas"'], ['a byte order mark before', '"\ufeffReplicas"'],
    ['fullwidth R', '"\uff32eplicas"'], ['Cyrillic letters', '"R\u0435plic\u0430s"'], ['a combining mark', '"Replica\u0301s"'],
    ['RIGHT-TO-LEFT MARK before', '"\u200fReplicas"'], ['a variation selector', '"Replicas\ufe0f"'],
    ['a dot behind', '"Replicas."'], ['a dot before', '".Replicas"'], ['brackets', '"Replicas[]"'], ['an index', '"Replicas[0]"'],
    ['a pointer', '"/Replicas"'], ['a path', '"$.Replicas"'], ['a slash behind', '"Replicas/"'], ['quotes', '"\\"Replicas\\""'],
])
    add(`names: Replicas with ${what}`, addMember(raw, '9'), FIELD_REFUSED);
for (const raw of [
    'metadata.instance', 'metadata.Replicas', 'metadata/instance', 'instance', 'Instance', 'Instances', 'instances',
    'TotalInstance', 'ReplicaCount', 'MaxReplica', 'MinReplica', 'autoscaler.max', 'cloud.computing.instances', 'body.Replicas',
    '__proto__', 'constructor',
])
    add(`names: ${raw}`, addMember(q(raw), '9'), FIELD_REFUSED);
add('names: metadata as an object', addMember('"metadata"', '{"instance":9}'), FIELD_REFUSED);
add('names: autoscaler as an object', addMember('"autoscaler"', '{"min":1,"max":9}'), FIELD_REFUSED);
add('names: cloud.computing as an object', addMember('"cloud"', '{"computing":{"instance_type":"ecs.gn7i"}}'), FIELD_REFUSED);
add('names: Labels', addMember('"Labels"', '{"team":"vision"}'), FIELD_REFUSED);
add('names: WorkspaceId in the body', addMember('"WorkspaceId"', '"67890"'), FIELD_REFUSED);
add('names: QuotaId in the body', addMember('"QuotaId"', '"quota-x"'), FIELD_REFUSED);
add('names: Replicas only as replicas', renameMember('Replicas', '"replicas"', '9'), FIELD_REFUSED);
add('names: Replicas only with LONG S', renameMember('Replicas', '"Replica\u017f"', '9'), FIELD_REFUSED);
add('names: ServiceSpec only as serviceSpec', renameMember('ServiceSpec', '"serviceSpec"', q('baichuan_13b_fp16')), FIELD_REFUSED);
add('names: Replicas missing', dropMember('Replicas'), FIELD_REFUSED);
add('names: ServiceSpec missing', dropMember('ServiceSpec'), FIELD_REFUSED);
add('names: AppType missing', dropMember('AppType'), FIELD_REFUSED);
add('names: ServiceName missing', dropMember('ServiceName'), FIELD_REFUSED);

/* ---- numbers ---- */
for (const [text, expected] of [
    ['5', CAP], ['9', CAP], ['100', CAP], ['2147483647', CAP], ['4\\u0030', JSON_REFUSED], ['0', FIELD_REFUSED],
    ['-0', FIELD_REFUSED], ['-1', FIELD_REFUSED], ['-9', FIELD_REFUSED], ['1e2', FIELD_REFUSED], ['1E1', FIELD_REFUSED],
    ['1e0', FIELD_REFUSED], ['9e0', FIELD_REFUSED], ['0.9e1', FIELD_REFUSED], ['90e-1', FIELD_REFUSED], ['1e+1', FIELD_REFUSED],
    ['4.0', FIELD_REFUSED], ['4.9', FIELD_REFUSED], ['9.0', FIELD_REFUSED], ['4.999999999999999999999', FIELD_REFUSED],
    ['1E400', FIELD_REFUSED], ['-1E400', FIELD_REFUSED], ['1e-400', FIELD_REFUSED], ['1e99999', FIELD_REFUSED],
    ['2147483648', FIELD_REFUSED], ['4294967297', FIELD_REFUSED], ['4294967300', FIELD_REFUSED], ['-4294967292', FIELD_REFUSED],
    ['9007199254740993', FIELD_REFUSED], ['9223372036854775807', FIELD_REFUSED], ['9223372036854775808', FIELD_REFUSED],
    ['-9223372036854775809', FIELD_REFUSED], ['18446744073709551617', FIELD_REFUSED], ['18446744073709551620', FIELD_REFUSED],
    ['340282366920938463463374607431768211457', FIELD_REFUSED], ['+4', JSON_REFUSED], ['+9', JSON_REFUSED], ['04', JSON_REFUSED],
    ['09', JSON_REFUSED], ['011', JSON_REFUSED], ['-09', JSON_REFUSED], ['0x9', JSON_REFUSED], ['0X1F', JSON_REFUSED],
    ['0o11', JSON_REFUSED], ['0b1001', JSON_REFUSED], ['9n', JSON_REFUSED], ['1_0', JSON_REFUSED], ['1,0', JSON_REFUSED],
    ['1 0', JSON_REFUSED], ['9.', JSON_REFUSED], ['.9', JSON_REFUSED], ['9e', JSON_REFUSED], ['1e+', JSON_REFUSED],
    ['1.e1', JSON_REFUSED], ['--9', JSON_REFUSED], ['4-', JSON_REFUSED], ['NaN', JSON_REFUSED], ['Infinity', JSON_REFUSED],
    ['-Infinity', JSON_REFUSED], ['\u0669', JSON_REFUSED], ['\uff19', JSON_REFUSED], ['1\u066c000', JSON_REFUSED],
    ['4/*9*/', JSON_REFUSED], ['4//9', JSON_REFUSED], ['\u00b9', JSON_REFUSED], ['9\u0000', JSON_REFUSED], ['(9)', JSON_REFUSED],
    ["'9'", JSON_REFUSED], ['undefined', JSON_REFUSED], ['TRUE', JSON_REFUSED], ['"4"', FIELD_REFUSED], ['"9"', FIELD_REFUSED],
    ['" 9"', FIELD_REFUSED], ['"0x9"', FIELD_REFUSED], ['"1e1"', FIELD_REFUSED], ['"\u0669"', FIELD_REFUSED], ['""', FIELD_REFUSED],
    ['true', FIELD_REFUSED], ['null', FIELD_REFUSED], ['[9]', FIELD_REFUSED], ['[1,9]', FIELD_REFUSED], ['[]', FIELD_REFUSED],
    ['{}', FIELD_REFUSED], ['{"max":9}', FIELD_REFUSED], ['{"$numberInt":"9"}', FIELD_REFUSED], ['{"valueOf":9}', FIELD_REFUSED],
])
    add(`numbers: Replicas = ${JSON.stringify(text).slice(1, -1)}`, setMember('Replicas', text), expected);
add('numbers: 3 of a spec whose own cap is 2', also(setMember('ServiceSpec', q('chatglm_6b_int8')), setMember('Replicas', '3')), CAP);
add('numbers: 5 in an update', setMember('Replicas', '5'), CAP, 'update');
add('numbers: 5 in an update without a spec', also(dropMember('ServiceSpec'), setMember('Replicas', '5')), CAP, 'update');
add('numbers: 3 of the smaller spec in an update', also(setMember('ServiceSpec', q('chatglm_6b_int8')), setMember('Replicas', '3')), CAP, 'update');
for (const text of ['1e2', '4.0', '"9"', '4294967297', '-0', '[9]', '0'])
    add(`numbers: Replicas = ${text} in an update`, setMember('Replicas', text), FIELD_REFUSED, 'update');

/* ---- specs, types, versions ---- */
for (const value of [
    'baichuan_13b_fp16', 'LLAMA_7B_FP16', 'Llama_7b_fp16', 'llama_7b_fp16 ', ' llama_7b_fp16', 'llama_7b_fp16,baichuan_13b_fp16',
    'llama_7b_fp16;baichuan_13b_fp16', 'llama_7b_fp1*', '*', 'llama_7b_fp16 <= 99', 'llama_7b_fp16/../baichuan_13b_fp16', 'llama_7b_fp1',
    'llama_7b_fp166', 'ecs.gn7i-c8g1.2xlarge',
])
    add(`spec: ${q(value)}`, setMember('ServiceSpec', q(value)), SPEC);
for (const [what, raw] of [
    ['a newline behind', '"llama_7b_fp16\\n"'], ['a tab behind', '"llama_7b_fp16\\t"'], ['fullwidth letters', '"\uff4clama_7b_fp16"'],
    ['Cyrillic a', '"ll\u0430ma_7b_fp16"'], ['KELVIN SIGN', '"\u212allama_7b_fp16"'], ['ZERO WIDTH SPACE', '"llama_7b_fp16\u200b"'],
    ['nothing in it', '""'], ['an array', '["llama_7b_fp16","baichuan_13b_fp16"]'], ['an object', '{"name":"baichuan_13b_fp16"}'],
    ['null', 'null'], ['a number', '13'], ['2,000 letters', q('x'.repeat(2000))],
])
    add(`spec: ${what}`, setMember('ServiceSpec', raw), FIELD_REFUSED);
add('spec: NUL behind', setMember('ServiceSpec', '"llama_7b_fp16\\u0000baichuan_13b_fp16"'), JSON_REFUSED);
add('spec: another in an update', setMember('ServiceSpec', q('baichuan_13b_fp16')), SPEC, 'update');
add('type: another', setMember('AppType', q('SDWebUI')), { status: 403, code: 'Easgate.AppTypeNotAllowed' });
add('type: lower case', setMember('AppType', q('llm')), { status: 403, code: 'Easgate.AppTypeNotAllowed' });
add('type: another in an update', addMember('"AppType"', q('SDWebUI')), { status: 403, code: 'Easgate.AppTypeNotAllowed' }, 'update');
add('version: another', addMember('"AppVersion"', q('v2')), { status: 403, code: 'Easgate.AppVersionNotAllowed' });

/* ---- names of services ---- */
for (const value of ['vis_a', 'vis_new', 'xnlp_a', 'nlp', 'nlp-a', 'anlp_', 'rd_a'])
    add(`service: ${q(value)}`, setMember('ServiceName', q(value)), NAME);
for (const [what, raw] of [
    ['upper case', '"NLP_a"'], ['a pattern', '"nlp_*"'], ['a path to another', '"nlp_x/../vis_a"'], ['an escaped slash', '"nlp_x%2Fvis_a"'],
    ['a query', '"nlp_x?vis_a"'], ['a fragment', '"nlp_x#vis_a"'], ['a path parameter', '"nlp_x;vis_a"'], ['a list', '"nlp_x,vis_a"'],
    ['a blank behind', '"nlp_x "'], ['a blank before', '" nlp_x"'], ['a newline', '"nlp_x\\nvis_a"'], ['a fullwidth letter', '"nlp_\uff58"'],
    ['KELVIN SIGN', '"nlp_\u212a"'], ['64 characters', q(`nlp_${'x'.repeat(60)}`)], ['nothing', '""'], ['an array', '["nlp_x","vis_a"]'],
    ['an object', '{"nlp_x":"vis_a"}'], ['null', 'null'], ['a dot', '"nlp_x.vis_a"'],
])
    add(`service: ${what}`, setMember('ServiceName', raw), FIELD_REFUSED);
add('service: NUL', setMember('ServiceName', '"vis_a\\u0000nlp_x"'), JSON_REFUSED);
add('service: a foreign name in an update of an own one', addMember('"ServiceName"', q('vis_a')), FIELD_REFUSED, 'update');

/* ---- Config ---- */
const oss = (p) => ({ ModelStorage: 'oss', OssPath: p });
for (const value of [
    'oss://other/llama/', 'oss://nlp-models.evil/x', 'oss://nlp-models-evil/x', 'oss://evil.nlp-models/x', 'oss://nlp-models',
    'oss://nlp-models/../other/', 'oss://nlp-models/./../other/', 'oss://nlp-models/..', 'oss://nlp-models/a/../../other/x',
    'oss://nlp-models/%2e%2e/other/', 'oss://nlp-models/..%2fother/', 'oss://nlp-models//other/', 'oss://nlp-models/a\\..\\..\\other',
    'oss://nlp-models@other/x', 'oss://nlp-models:80/x', 'oss:///nlp-models/x', 'oss:/nlp-models/x', 'OSS://nlp-models/x',
    'oss://NLP-MODELS/x', 'https://nlp-models.oss.aliyuncs.com/x', 'file:///etc/passwd', '/nlp-models/x', 'nlp-models/x',
    'oss://nlp-models/a?x=../other', 'oss://nlp-models/a#x', 'oss://nlp-models/*', 'oss://nlp-models/a b', 'oss://*/x',
    'oss://other/oss://nlp-models/x', ' oss://nlp-models/x', 'oss://nlp-models/a/./b', 'oss://nlp-models/.../../x',
])
    add(`config: OssPath ${value}`, setConfig(oss(value)), STORAGE);
for (const [what, config, expected] of [
    ['a text that is JSON', q(q(oss('oss://nlp-models/a/'))), FIELD_REFUSED], ['an array', '[{"ModelStorage":"oss","OssPath":"oss://nlp-models/a/"}]', FIELD_REFUSED],
    ['null', 'null', FIELD_REFUSED], ['a number', '1', FIELD_REFUSED], ['true', 'true', FIELD_REFUSED], ['empty', '{}', FIELD_REFUSED],
    ['without ModelStorage', '{"OssPath":"oss://nlp-models/a/"}', FIELD_REFUSED],
    ['without OssPath', '{"ModelStorage":"oss"}', FIELD_REFUSED],
    ['ModelStorage in upper case', '{"ModelStorage":"OSS","OssPath":"oss://other/"}', FIELD_REFUSED],
    ['ModelStorage unknown', '{"ModelStorage":"cpfs","OssPath":"oss://nlp-models/a/"}', FIELD_REFUSED],
    ['ModelStorage an array', '{"ModelStorage":["oss"],"OssPath":"oss://nlp-models/a/"}', FIELD_REFUSED],
    ['OssPath an object', '{"ModelStorage":"oss","OssPath":{"path":"oss://other/"}}', FIELD_REFUSED],
    ['OssPath an array', '{"ModelStorage":"oss","OssPath":["oss://nlp-models/a/","oss://other/"]}', FIELD_REFUSED],
    ['OssPath with a newline', '{"ModelStorage":"oss","OssPath":"oss://nlp-models/a\\noss://other/"}', FIELD_REFUSED],
    ['OssPath with NUL', '{"ModelStorage":"oss","OssPath":"oss://other/\\u0000oss://nlp-models/"}', JSON_REFUSED],
    ['OssPath twice', '{"ModelStorage":"oss","OssPath":"oss://nlp-models/a/","OssPath":"oss://other/"}', JSON_REFUSED],
    ['OssPath twice in other case', '{"ModelStorage":"oss","ossPath":"oss://other/","OssPath":"oss://nlp-models/a/"}', JSON_REFUSED],
    ['OssPath twice, LONG S', '{"ModelStorage":"oss","O\u017fsPath":"oss://other/","OssPath":"oss://nlp-models/a/"}', JSON_REFUSED],
    ['OssPath in lower case only', '{"ModelStorage":"oss","osspath":"oss://nlp-models/a/"}', FIELD_REFUSED],
    ['nas with OssPath', '{"ModelStorage":"nas","OssPath":"oss://nlp-models/a/"}', FIELD_REFUSED],
    ['nas with nothing else', '{"ModelStorage":"nas"}', FIELD_REFUSED],
])
    add(`config: ${what}`, setConfig(config), expected);
for (const [name, value] of [
    ['Replicas', '9'], ['replicas', '9'], ['instance', '9'], ['metadata.instance', '9'], ['metadata', '{"instance":9}'],
    ['ServiceSpec', '"baichuan_13b_fp16"'], ['Resource', '"eas-r-x"'], ['instance_type', '"ecs.gn7i"'], ['AppConfig', '{}'],
    ['NasPath', '"/models/x"'], ['NasMountTarget', '"evil"'], ['VpcID', '"vpc-evil"'], ['Image', '"evil/image"'], ['', '1'],
])
    add(`config: further key ${q(name)}`, addConfig(q(name), value), FIELD_REFUSED);
const nas = (more) => ({ ModelStorage: 'nas', NasMountTarget: 'nas-nlp.cn-shanghai.nas.aliyuncs.com', NasPath: '/models/a', ...more });
for (const [what, more, expected] of [
    ['a foreign mount target', { NasMountTarget: 'nas-vis.cn-shanghai.nas.aliyuncs.com' }, STORAGE],
    ['a mount target in upper case', { NasMountTarget: 'NAS-NLP.cn-shanghai.nas.aliyuncs.com' }, STORAGE],
    ['a foreign path', { NasPath: '/other' }, STORAGE], ['a path upwards', { NasPath: '/models/../other' }, STORAGE],
    ['a path with two slashes', { NasPath: '/models//../x' }, STORAGE], ['an OSS path', { NasPath: 'oss://nlp-models/a' }, STORAGE],
    ['a path without a slash', { NasPath: 'models/a' }, STORAGE], ['a foreign VPC', { VpcID: 'vpc-evil' }, NETWORK],
    ['a foreign vSwitch', { VswitchID: 'vsw-evil' }, NETWORK], ['a foreign security group', { SecurityGroupID: 'sg-evil' }, NETWORK],
    ['VpcId in the other spelling', { VpcId: 'vpc-evil' }, FIELD_REFUSED], ['VSwitchId in the other spelling', { VSwitchId: 'vsw-evil' }, FIELD_REFUSED],
    ['OssPath beside it', { OssPath: 'oss://nlp-models/a/' }, FIELD_REFUSED],
])
    add(`config: NAS with ${what}`, setConfig(nas(more)), expected);
add('config: a foreign path in an update', setConfig(oss('oss://other/')), STORAGE, 'update');
add('config: Config.OssPath as a flat name', addMember('"Config.OssPath"', '"oss://other/"'), FIELD_REFUSED);

/* ---- the whole body ---- */
const GOOD = '{"ServiceName":"nlp_new","AppType":"LLM","ServiceSpec":"llama_7b_fp16","Replicas":1}';
const BAD = GOOD.replace('1}', '9}');
for (const [what, text, expected] of [
    ['two documents', GOOD + BAD, JSON_REFUSED], ['two documents, one a line', `${GOOD}\n${BAD}`, JSON_REFUSED],
    ['an array of two', `[${GOOD},${BAD}]`, FIELD_REFUSED], ['a text that is JSON', q(BAD), FIELD_REFUSED],
    ['a byte order mark', `\ufeff${BAD}`, JSON_REFUSED], ['a guard against scripts', `)]}',\n${BAD}`, JSON_REFUSED],
    ['a form', 'ServiceName=nlp_new&Replicas=9', JSON_REFUSED], ['a comment', `/* ${GOOD} */${BAD}`, JSON_REFUSED],
    ['a comma at the end', GOOD.replace('1}', '1,}'), JSON_REFUSED], ['NUL behind', `${GOOD}\0${BAD}`, JSON_REFUSED],
    ['in UTF-16', Buffer.from(BAD, 'utf16le'), JSON_REFUSED], ['nothing', '', JSON_REFUSED], ['a blank', ' ', JSON_REFUSED],
    ['overlong UTF-8 in a name', Buffer.from(GOOD.replace('Replicas', 'Replica\u00ff'), 'latin1'), JSON_REFUSED],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, JSON_REFUSED],
])
    add(`body: ${what}`, setBody(text), expected);

/* ---- a body where the operation takes none ---- */
for (const on of ['start', 'stop', 'remove', 'describe', 'list'])
    add(`no body: ${on} with Replicas`, setBody('{"Replicas":9}'), FIELD_REFUSED, on);

export default rows;
