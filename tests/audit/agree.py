#!/usr/bin/env python3
"""Holds the two verifiers of the audit log against each other: `easgate audit verify` and verify.py. They must agree on whole, broken,
shorter or refused, and on the file and line of a finding; the words of the reason may differ.

    agree.py EASGATE [--cases N] [--seed N] [--keep DIR]   logs that are made up here, whole ones and ones with one thing or two wrong
    agree.py EASGATE --list FILE|-                         cases of others, in the form of verify.py --cases

The logs are sealed here as docs/audit.md says, so that a mutation before the sealing tries the rules, and one behind it the hashes."""
import argparse
import base64
import hashlib
import hmac
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify  # noqa: E402

START, LENGTH = 1795000000, 60
ZEROS = '0' * 64
HOST = 'easgate/audit/gw1'


# ---- Making a log ----

class Rec:
    """A record before it is sealed. seq, prev, mac, v, t, mono: what it says in place of what is right; key, end_key: what seals it, and the
    end of the epoch before; end: what it says in place of that seal, '' for nothing."""

    def __init__(self, kind, fields='', t_ms=0, epoch=None, **wrong):
        self.type, self.fields, self.t_ms, self.epoch, self.wrong = kind, fields, t_ms, epoch, wrong
        self.is_old = False  # Version 2, of a gateway that sealed no ends.


class Seg:
    """kind: full, broken, current. lost: how many records at a broken one's end do not count. tail: bytes behind all records."""

    def __init__(self, kind, **more):
        self.kind, self.records, self.lost, self.tail, self.stamp = kind, [], 0, b'', ''
        self.__dict__.update(more)


def key_of(epoch):
    key = hashlib.sha256(b'a key for trying').digest()
    for _ in range(epoch):
        key = hashlib.sha256(b'easgate-epoch' + key).digest()
    return key


def time_text(ms):
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ms // 1000)) + '.%03dZ' % (ms % 1000)


def end_seal(epoch, prev):
    """By the key of this epoch: it ended with the line of this hash."""
    return hmac.digest(key_of(max(0, min(epoch, 99))), b'easgate-end-seal' + bytes.fromhex(prev), 'sha256').hex()


def seal(r, seq, prev, before=None):
    """The line. before: the record before it, which says whether this one opens an epoch."""
    seq, prev = r.wrong.get('seq', seq), r.wrong.get('prev', prev)
    time = r.wrong.get('t', time_text(r.t_ms))
    v = r.wrong.get('v', 1 if r.epoch is None else 2 if r.is_old else 3)
    text = f'{{"v":{v},"seq":{seq},"run":"0123456789abcdef","t":"{time}","mono":{r.wrong.get("mono", 5)},"type":"{r.type}"'
    if r.epoch is None:
        return (text + f',"prev":"{prev}"{r.fields}}}').encode('latin-1')
    end = ''
    if before and before.epoch is not None and r.epoch == before.epoch + 1 and r.type == 'checkpoint' and not r.is_old:
        end = end_seal(before.epoch, prev)
    end = r.wrong.get('end', end)
    end = f',"end_seal":"{end}"' if end else ''
    text = (text + f',"epoch":{r.epoch},"prev":"{prev}"{r.fields}{end}').encode('latin-1')
    mac = hmac.digest(r.wrong.get('key') or key_of(max(0, min(r.epoch, 99))), text, 'sha256').hex()
    return text + f',"mac":"{r.wrong.get("mac", mac)}"}}'.encode()


class Log:
    """What a random gateway could have written: names and bytes of files, the hashes of all records that count."""

    def __init__(self, rnd, segments):
        self.files, self.hashes, self.epochs = {}, {}, {}
        seq, prev, before = 1, ZEROS, None
        for s in segments:
            lines, at = [], []
            first, first_before = seq, before
            last = seq + len(s.records) - 1
            name = {'full': f'audit-{first}-{last}.jsonl', 'broken': f'audit-broken-{s.stamp}.jsonl', 'current': 'audit.jsonl'}[s.kind]
            for r in s.records:
                r.fields = r.fields.replace('$NAME', name).replace('$BEFORE', str(seq - 1)).replace('$PREV', prev)
                line = seal(r, seq, prev, before)
                at.append((seq, prev, r.epoch))
                before = r
                prev = hashlib.sha256(line).hexdigest()
                lines.append(line + b'\n')
                seq += 1
            at.append((seq, prev, None))
            if s.kind == 'broken':
                seq, prev, _ = at[len(s.records) - s.lost]
                before = s.records[len(s.records) - s.lost - 1] if s.lost < len(s.records) else first_before
            for (q, _, epoch), (_, h, _) in zip(at, at[1:]):
                if q < seq:
                    self.hashes[q], self.epochs[q] = h, epoch
            self.files[name] = b''.join(lines) + s.tail
        self.last = seq - 1


TEXTS = ['a', 'nlp_a', '\\"', '\\\\', '\\u00e4', '\\ud83d\\ude00', '\\ud800', '\\u0022', ' ', '~', '/x?y=z', 'a' * 200]
TREES = ['[]', '{}', '[["services","ServiceName","nlp_a"],["replicas","Replicas",3]]', '{"a":[1,-1,true,false,{"":""}]}',
         '[' * 8 + ']' * 8, '[-9223372036854775808,9223372036854775807]']
BAD_FIELDS = [',"facts":' + '[' * 9 + ']' * 9, ',"try":01', ',"try":-0', ',"try":9223372036854775808', ',"client":""', ',"client":"\\u00E4"',
              ',"client":"\\n"', ',"client":"\\/"', ',"client":"\x7f"', ',"client":"\xe4"', ',"client": "a"', ',"unknown":1', ',"client":1',
              ',"try":"1"', ',"client_gone":false', ',"facts":"a"', ',"facts":1', ',"facts":[1,]', ',"facts":[,1]', ',"facts":{"a"}',
              ',"facts":{"a":}', ',"facts":{1:1}', ',"facts":[null]', ',"facts":[1.5]', ',"facts":[1e5]', ',"facts":[ 1]', ',"facts":[1]]',
              ',"facts":{"a":1,}', ',"client":"a","client":"b"', ',"status":200,"client":"a"', ',"try":1,"parent":"a"', ',"size":5,"last_seq":4,"size":6',
              ',"mac":"' + ZEROS + '"', ',"epoch":1', ',"try":+1', ',"try":', ',"try":- 1', ',"client":"a\\"', ',"client":"\\u12"', ',"facts":[true1]',
              ',"facts":[truefalse]', ',"facts":[-]', ',"facts":[-01]', ',"facts":["\\x"]', ',"ref":"a"', ',"v":1', '}', ',', ' ',
              ',"note":"' + 'x' * 8000 + '"', ',"try":-9223372036854775809', ',"client":"', ',"client_gone":"true"', ',"client_gone":true1', f',"end_seal":"{ZEROS}"',
              ',"end_seal":"zz"', f',"end_seal":"{"A" * 64}"', f',"end_seal":"\\u0030{"0" * 63}"', ',"end_seal":1', f',"end_seal":"{"0" * 62}"',
              f',"end_seal":"{ZEROS}","to":"x"']
ODD_FIELDS = [f',"facts":{t}' for t in TREES] + [f',"client":"{t}"' for t in TEXTS] + [
    ',"try":0', ',"try":-5', ',"status":-9223372036854775808', ',"client_gone":true', ',"facts":{"a":1,"a":2}', ',"from":"x","to":"y"', ',"hash":"zz"',
    ',"last_seq":0', ',"last_seq":-1', ',"file":"audit.jsonl"', ',"try":1,"client":"a","op":"b","facts":[],"now":{},"policy":"p","status":3']


class Maker:
    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.t_ms, self.epoch, self.keyed, self.stamp = START * 1000 + 5, None, False, 0
        self.has_excuse = False
        self.did = []

    def add(self, s, kind, fields=''):
        """A record; with a key the checkpoints of the epochs that began before it."""
        self.t_ms += self.rnd.choice([3, 7, 500, 4000, 30000 if self.keyed else 5])
        if self.keyed and kind not in ('recover',):
            self.open_epochs(s)
        if kind in ('clock', 'recover'):
            self.has_excuse = True
        s.records.append(Rec(kind, fields, self.t_ms, self.epoch))

    def open_epochs(self, s):
        now = max(0, (self.t_ms - START * 1000) // (LENGTH * 1000))
        while self.epoch is None or self.epoch < now:
            self.epoch = 0 if self.epoch is None else self.epoch + 1
            self.has_excuse = False
            s.records.append(Rec('checkpoint', '', self.t_ms, self.epoch))

    def some(self, s, n):
        for _ in range(n):
            roll = self.rnd.random()
            if roll < 0.05:
                self.t_ms = max(START * 1000, self.t_ms - self.rnd.choice([3000, 70000, 200000]))
                self.add(s, 'clock', ',"from":"x","to":"y"')
            elif roll < 0.2:
                self.add(s, self.rnd.choice(['deny', 'counted', 'policy', 'stop', 'ship', 'checkpoint', 'start']), self.rnd.choice(ODD_FIELDS))
            else:
                kind = self.rnd.choice(['intent', 'outcome', 'resolved'])
                self.add(s, kind, ',"id":"%032x","client":"nlp"' % self.rnd.randrange(9))

    def stamp_text(self):
        self.stamp += 1
        return '20261123T155957.%03dZ' % self.stamp

    def segments(self):
        rnd = self.rnd
        out, was_broken = [], None
        self.keyed = rnd.random() < 0.7
        key_later = self.keyed and rnd.random() < 0.15
        if key_later:
            self.keyed = False
        count = rnd.choice([1, 2, 3, 3, 4, 5])
        for i in range(count):
            kind = 'current' if i == count - 1 else 'broken' if rnd.random() < 0.35 else 'full'
            s = Seg(kind, stamp=self.stamp_text() if kind == 'broken' else '')
            if key_later and i == count // 2:
                self.keyed = True
                self.did.append('key later')
            if was_broken:
                for _ in range(rnd.choice([0, 0, 1, 2])):
                    self.add(s, rnd.choice(['start', 'outcome', 'clock', 'checkpoint']))
                self.add(s, 'recover', f',"file":"audit-broken-{was_broken.stamp}.jsonl","hash":"{ZEROS}","size":5,"last_seq":$AFTER')
                s.records[-1].after = was_broken
            self.some(s, rnd.choice([0, 1, 3, 6, 9]) if kind == 'broken' else rnd.choice([1, 3, 6, 9]))
            was_broken = None
            if kind == 'full':
                self.add(s, 'rotate', ',"file":"$NAME"')
            if kind == 'broken':
                s.lost = rnd.choice([0, 0, 1, 2, len(s.records)])
                s.lost = min(s.lost, len(s.records))
                s.tail = rnd.choice([b'', b'', b'{"v":1,"seq', b'\0\0\0', b'xx\nyy\n'])
                was_broken = s if s.lost < len(s.records) else None
                if s.lost:  # What was lost did not happen, as far as the next segment knows.
                    kept = s.records[:len(s.records) - s.lost]
                    before = [r for x in out for r in (x.records[:len(x.records) - x.lost] if x.kind == 'broken' else x.records)] + kept
                    self.epoch = before[-1].epoch if before else None
            out.append(s)
        # Seqs of recover records are known only now.
        seq = 0
        ends = {}
        for s in out:
            for r in s.records:
                if hasattr(r, 'after'):
                    r.fields = r.fields.replace('$AFTER', str(ends[r.after]))
            seq += len(s.records) - (s.lost if s.kind == 'broken' else 0)
            ends[s] = seq
        if rnd.random() < 0.25:  # The gateway that began it sealed no ends.
            records = [r for s in out for r in s.records]
            for r in records[:rnd.randrange(len(records) + 1)]:
                r.is_old = True
            self.did.append('began with version 2')
        return out

    # Mutations before the sealing: the macs and hashes of what follows are right.
    def before(self, segments):
        rnd = self.rnd
        s = rnd.choice([s for s in segments if s.records] or [None])
        if not s:
            return
        i = rnd.randrange(len(s.records))
        r = s.records[i]
        which = rnd.randrange(20)
        openings = [x for s in segments for x in s.records if x.type == 'checkpoint' and x.epoch]
        if which >= 17:
            if openings:
                r = rnd.choice(openings)
                r.wrong.update(rnd.choice([{'end': ''}, {'end': ZEROS}, {'end': 'A' * 64}, {'end': 'zz'}, {'v': 2}, {'v': 2, 'end': ''},
                                           {'end': end_seal(r.epoch, ZEROS)}, {'end': end_seal(r.epoch - 1, ZEROS)}]))
        elif which == 0:
            r.fields += rnd.choice(BAD_FIELDS)
        elif which == 1:
            r.fields = rnd.choice(ODD_FIELDS)
        elif which == 2 and r.epoch is not None:
            r.epoch += rnd.choice([-1, 1, 2, 50])
        elif which == 3:
            r.t_ms += rnd.choice([-1, 1, -60000, 60000, -59999, 120000, -120000, LENGTH * 1000, 5000])
        elif which == 4:
            r.type = rnd.choice(verify.TYPES)
        elif which == 5:
            r.epoch = None if r.epoch is not None else 0
        elif which == 6:
            r.wrong['seq'] = rnd.choice(['0', '01', '-1', '18446744073709551615', '18446744073709551616', '1', '2', '+1', '1.0', '', '00'])
        elif which == 7:
            r.wrong['mono'] = rnd.choice(['0', '-1', '9223372036854775807', '9223372036854775808', '01', '1.5', '1e3', '-0'])
        elif which == 8:
            r.wrong['t'] = rnd.choice(['2024-02-29T00:00:00.000Z', '2023-02-29T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00.000Z',
                                       '9999-12-31T23:59:59.999Z', '0000-01-01T00:00:00.000Z', '2026-11-23T24:00:00.000Z', '2026-11-23T23:59:60.000Z',
                                       '2026-13-01T00:00:00.000Z', '2026-00-01T00:00:00.000Z', '2026-11-31T00:00:00.000Z', '2026-11-23 00:00:00.000Z',
                                       '2026-11-23T00:00:00Z', '2026-11-23T00:00:00.000z', '2026-11-23T23:60:00.000Z', '2100-02-29T00:00:00.000Z',
                                       '2000-02-29T00:00:00.000Z', '2026-11-00T00:00:00.000Z'])
        elif which == 9:
            r.wrong['mac'] = rnd.choice(['A' * 64, '0' * 63, '0' * 64, '0' * 65])
        elif which == 10:
            r.wrong['v'] = rnd.choice(['0', '3', '1', '2', '"1"', '01'])
        elif which == 11:
            s.records.pop(i)
        elif which == 12:
            s.records.insert(i, Rec(rnd.choice(['clock', 'recover', 'rotate', 'checkpoint', 'outcome']),
                                    rnd.choice(['', ',"last_seq":1', ',"last_seq":%d' % rnd.randrange(40), ',"file":"x","hash":"$PREV","last_seq":$BEFORE']),
                                    r.t_ms, r.epoch))
        elif which == 13:
            s.records[-1].type = rnd.choice(['rotate', 'outcome'])
        elif which == 14:
            r.fields = r.fields.replace('"last_seq":', '"last_seq":1') if 'last_seq' in r.fields else re.sub(',"last_seq":[0-9]+', '', r.fields)
        elif which == 15:
            recovers = [r for x in segments for r in x.records if r.type == 'recover']
            if recovers:
                r = rnd.choice(recovers)
                r.fields = rnd.choice([re.sub(',"file":"[^"]*"', '', r.fields), re.sub(',"last_seq":[0-9]+', '', r.fields), re.sub(',"hash":"[^"]*"', '', r.fields),
                                       re.sub('"last_seq":[0-9]+', '"last_seq":%d' % rnd.randrange(30), r.fields)])
                which = f'15 {r.fields}'
        else:
            for x in rnd.sample(s.records, min(3, len(s.records))):
                x.t_ms += rnd.choice([-90000, 90000])
        self.did.append(f'before {which} at {s.kind} record {i}')

    # Mutations of the files: the macs and hashes are not made anew.
    def behind(self, files):
        rnd = self.rnd
        name = rnd.choice(sorted(files))
        data = files[name]
        lines = data.splitlines(keepends=True)
        which = rnd.randrange(16)
        i, j = (rnd.randrange(len(lines)), rnd.randrange(len(lines))) if lines else (0, 0)
        if which <= 2 and data:
            at = rnd.randrange(len(data))
            files[name] = data[:at] + bytes([data[at] ^ 1 << rnd.randrange(8)]) + data[at + 1:]
        elif which == 3 and data:
            files[name] = data[:rnd.randrange(len(data))]
        elif which == 4:
            files[name] = b''.join(lines[:i] + lines[i + 1:])
        elif which == 5 and lines:
            lines[i], lines[j] = lines[j], lines[i]
            files[name] = b''.join(lines)
        elif which == 6 and lines:
            files[name] = b''.join(lines[:i] + [lines[j]] + lines[i:])
        elif which == 7:
            del files[name]
        elif which == 8:
            other = rnd.choice(sorted(files))
            files[name], files[other] = files[other], files[name]
        elif which == 9:
            files[name] = data + rnd.choice([b'{', b'\n', b'\0', b'\0' * 100 + b'\n', b'x' * 9000, b'x' * 9000 + b'\n', b'{}\n', b'\r\n'])
        elif which == 10:
            files[name] = b''.join(lines[:i])
        elif which == 11 and name.startswith('audit-'):
            m = re.match(r'audit-([0-9]+)-([0-9]+)(.*)', name)
            if m:
                del files[name]
                files[f'audit-{int(m[1]) + rnd.choice([-1, 0, 0, 1])}-{int(m[2]) + rnd.choice([-1, 0, 1])}{m[3]}'] = data
        elif which == 12:
            files[rnd.choice(['audit-01-5.jsonl', 'audit-0-5.jsonl', 'audit-1-5.jsonl.zst.part', 'audit.jsonl.torn-20261123T155957.123Z', 'audit.json', 'other.jsonl',
                              'audit-broken-x.jsonl', 'audit-1-x.jsonl', 'audit-broken-20261123T155957.123Z.jsonl', 'audit-broken-20261123T155957.000Z.jsonl',
                              'audit.jsonl.probe', 'audit-1-18446744073709551616.jsonl'])] = rnd.choice([b'', b'x', b'x\n', data, b''.join(lines[:i])])
        elif which == 13:
            files[name] = b''
        elif which == 14:
            files[name] = data.replace(b'\n', b'\r\n', 1)
        else:
            first = min((n for n in files if re.match('audit-[0-9]', n)), default=None, key=lambda n: int(n.split('-')[1]))
            if first:
                del files[first]
        self.did.append(f'behind {which} in {name}')

    def zstd(self, files):
        rnd = self.rnd
        for name in [n for n in files if re.match(r'audit-[0-9]+-[0-9]+\.jsonl\Z', n) and rnd.random() < 0.5]:
            data = files[name] if rnd.random() < 0.2 else files.pop(name)
            pack = lambda d: subprocess.run(['zstd', '-qc'], input=d, capture_output=True, check=True).stdout  # noqa: E731
            which = rnd.randrange(14)
            packed = pack(data)
            half = len(data) // 2
            packed = {0: pack(data[:half]) + pack(data[half:]), 1: packed + b'x', 2: packed + packed, 3: b'', 4: data,
                      5: packed + b'\x50\x2a\x4d\x18\x03\0\0\0abc', 6: pack(b'') + packed, 7: packed[:-1]}.get(which, packed)
            files[name + '.zst'] = packed
            self.did.append(f'zstd {which} of {name}')


def note(seq, digest, key=None, fault=''):
    text = f'{HOST}\n{seq}\n{base64.b64encode(digest).decode()}\n'
    out = text + '\n'
    if key:
        key_id = hashlib.sha256(HOST.encode() + b'\n\xffeasgate-hmac-sha256').digest()[:4]
        out += f'\u2014 {HOST} ' + base64.b64encode(key_id + hmac.digest(key, text.encode(), 'sha256')).decode() + '\n'
    return out


def make_case(seed, folder):
    """A log below folder. Gives the case's arguments and what was done to it."""
    m = Maker(seed)
    rnd = m.rnd
    segments = m.segments()
    if len(segments) > 1 and rnd.random() < 0.25:  # Retention: announced in the current segment, gone in a moment.
        gone = rnd.randrange(1, len(segments))
        segments[-1].records.insert(rnd.randrange(len(segments[-1].records) + 1),
                                    Rec('rotate', ',"file":"x"$GONE', segments[-1].records[-1].t_ms, segments[-1].records[-1].epoch))
        m.did.append(f'{gone} segments announced')
    else:
        gone = 0
    changes = rnd.choice([0, 0, 1, 1, 1, 2])
    early = rnd.randrange(changes + 1)
    for _ in range(early):
        m.before(segments)
    log = Log(rnd, [s for s in segments if True][:gone]) if gone else None
    for s in segments:
        for r in s.records:
            last = log.last if log else 0
            r.fields = r.fields.replace('$GONE', f',"hash":"{log.hashes.get(last, ZEROS) if log else ZEROS}","last_seq":{last}')
    log = Log(rnd, segments)
    files = log.files
    if gone and rnd.random() < 0.9:
        for name in list(files)[:gone]:
            del files[name]
    for _ in range(changes - early):
        if files:
            m.behind(files)
    if rnd.random() < 0.1:
        m.zstd(files)
    os.makedirs(folder)
    for name, data in files.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
    key = checkpoint = '-'
    if rnd.random() < (0.7 if m.keyed else 0.05):
        key = folder + '.key'
        epoch = rnd.choice([0, 0, 0, 0, 1, 2, 50])
        with open(key, 'w') as f:
            f.write(f'easgate-audit-key 1 {START} {LENGTH} {epoch} {key_of(epoch).hex()}' + rnd.choice(['', '\n']))
        os.chmod(key, 0o600)
        m.did.append(f'key of epoch {epoch}')
    if rnd.random() < 0.4 and log.hashes:
        checkpoint = folder + '.checkpoint'
        notes = []
        for seq in sorted(rnd.sample(sorted(log.hashes), min(len(log.hashes), rnd.choice([1, 1, 2, 3])))):
            digest = bytes.fromhex(log.hashes[seq]) if rnd.random() < 0.9 else b'x' * 32
            epoch = log.epochs[seq]
            notes.append(note(seq + (rnd.random() < 0.05) * 7, digest, None if epoch is None or rnd.random() < 0.2 else key_of(max(0, min(99, epoch + (rnd.random() < 0.05))))))
        text = [n.encode() for n in notes]
        if rnd.random() < 0.2:  # cut, and written on behind it, or not
            i = rnd.randrange(len(text))
            text[i] = text[i][:-rnd.randrange(1, len(text[i]))] + rnd.choice([b'', b'\n'])
            m.did.append('checkpoint cut')
        elif rnd.random() < 0.1:
            text.insert(rnd.randrange(len(text) + 1), rnd.choice([b'x', b'easgate/audit/h\n7', b'\xe2\x80', b'\xe2\x80\x94 x y\n']))
            m.did.append('no checkpoint among them')
        with open(checkpoint, 'wb') as f:
            f.write(b'\n'.join(text))
    paths = [folder]
    if rnd.random() < 0.1 and files:
        paths = [os.path.join(folder, n) for n in rnd.sample(sorted(files), rnd.randrange(1, len(files) + 1))]
        m.did.append('single files')
    return [key, checkpoint, '-', *paths], m.did


def directed(folder):
    """Cases that chance meets too rarely: each with the answer that docs/audit.md gives, as verify.py alone could be wrong, too."""
    t0 = (START + 5 * LENGTH) * 1000
    clock = ',"from":"x","to":"y"'

    def log(*segments, gone=0, key_epoch=0, checkpoint=''):
        where = f'{folder}/directed{len(out)}'
        made = Log(None, segments)
        os.makedirs(where)
        for name, data in list(made.files.items())[gone:]:
            with open(f'{where}/{name}', 'wb') as f:
                f.write(data)
        with open(where + '.key', 'w') as f:
            f.write(f'easgate-audit-key 1 {START} {LENGTH} {key_epoch} {key_of(key_epoch).hex()}')
        os.chmod(where + '.key', 0o600)
        if checkpoint:
            with open(where + '.checkpoint', 'w') as f:
                f.write('\n'.join(note(n, bytes.fromhex(made.hashes[n])) for n in checkpoint))
        return [where + '.key', where + '.checkpoint' if checkpoint else '-', '-', where], made

    def seg(kind, *records, **more):
        s = Seg(kind, **more)
        s.records = list(records)
        return s

    def opened(last):
        return [Rec('checkpoint', '', t0, e) for e in range(last + 1)]
    stamp = '20261123T155957.001Z'
    out = []
    # The clock went back in a segment that is gone; the epoch goes on in the next.
    late = t0 - 4 * LENGTH * 1000

    def begun_late(*rest):
        """Two segments, the first of them removed by announcement."""
        first, behind = seg('full', *opened(5), Rec('clock', clock, late, 5), Rec('rotate', '', late, 5)), Rec('rotate', '$REMOVED', late, 5)
        hashes = Log(None, [first]).hashes
        behind.fields = f',"file":"audit-1-8.jsonl","note":"removed","hash":"{hashes[8]}","last_seq":8'
        return log(first, seg('current', behind, *rest), gone=1)[0]
    out.append((begun_late(Rec('intent', '', late, 5), Rec('deny', '', late, 5)), 'whole'))
    # The same with the next epoch begun: its excuse is over.
    out.append((begun_late(Rec('intent', '', late, 5), Rec('checkpoint', '', late, 6), Rec('deny', '', late, 6)), 'broken 4'))
    # A checkpoint of the record before it is no announcement.
    case, made = log(seg('full', *opened(5), Rec('rotate', '', t0, 5)), seg('current', Rec('deny', '', t0, 5)), gone=1, checkpoint=[7])
    out.append((case, 'broken 1'))
    # An operator who accepts a changed log leaves a finding, whatever counts of what was set aside.
    accepted = f',"file":"audit-broken-{stamp}.jsonl","note":"accepted by the operator: line 1 was changed: x","hash":"{ZEROS}","last_seq":$N'
    early = START * 1000 + 5
    for lost, last in ((1, 1), (0, 2)):
        out.append((log(seg('broken', Rec('checkpoint', '', early, 0), Rec('deny', '', early, 0), lost=lost, stamp=stamp, tail=b'xx'),
                        seg('current', Rec('recover', accepted.replace('$N', str(last)), early, 0), Rec('deny', '', early, 0)))[0], 'broken 1'))
    # Without the clock record, all is there.
    out.append((log(seg('current', *opened(5), Rec('intent', '', late, 5)))[0], 'broken 7'))
    # Times of epochs before the key's.
    out.append((log(seg('current', *opened(1), Rec('intent', '', START * 1000 - 5, 1), *[Rec('checkpoint', '', t0, e) for e in (2, 3, 4, 5)]),
                    key_epoch=3)[0], 'broken 3'))
    out.append((log(seg('current', *opened(1), Rec('intent', '', START * 1000, 1), *[Rec('checkpoint', '', t0, e) for e in (2, 3, 4, 5)]),
                    key_epoch=3)[0], 'whole'))
    out.append((log(seg('current', *opened(1), Rec('intent', '', t0, 1), *[Rec('checkpoint', '', t0, e) for e in (2, 3, 4, 5)]),
                    key_epoch=3)[0], 'broken 3'))
    # To the millisecond: 60 s before the epoch, and not more.
    begins = (START + 5 * LENGTH) * 1000
    for t, answer in ((begins - 60000, 'whole'), (begins - 60001, 'broken 7'), (begins + LENGTH * 1000 - 1, 'whole'),
                      (begins + LENGTH * 1000, 'broken 7')):
        out.append((log(seg('current', *opened(5), Rec('intent', '', t, 5)))[0], answer))
    # The first file is a broken segment of which nothing counts.
    out.append((log(seg('broken', Rec('checkpoint', '', t0, 0), lost=1, stamp=stamp, tail=b'xx'), seg('current', *opened(5)))[0], 'whole'))
    out.append((log(seg('broken', Rec('checkpoint', '', t0, 0), stamp=stamp, tail=b'xx'), seg('current', *opened(5)[1:]))[0], 'broken 5'))
    # The epoch before was cut short by who has the key of the next: behind its opening all is dropped, and the next opened anew.
    t4 = t0 - LENGTH * 1000
    last = Rec('intent', '', t4, 4), Rec('outcome', '', t4, 4)
    genuine = log(seg('current', *opened(4), *last, Rec('checkpoint', '', t0, 5), Rec('deny', '', t0, 5)))
    out.append((genuine[0], 'whole'))
    true_end = end_seal(4, genuine[1].hashes[7])
    for kept in (0, 1):
        for end, answer in (('', f'broken {6 + kept}'), (ZEROS, f'broken {6 + kept}'), (true_end, f'broken {6 + kept}'),
                            (end_seal(5, genuine[1].hashes[5 + kept]), f'broken {6 + kept}')):
            cut = seg('current', *opened(4), *last[:kept], Rec('checkpoint', '', t0, 5, end=end), Rec('deny', '', t0, 5))
            out.append((log(cut)[0], answer))
            out.append((log(cut, key_epoch=4)[0], answer))
            # With the thief's own key nothing says what is right; that a seal is due, does the version of the line before.
            out.append((log(cut, key_epoch=5)[0], answer if not end else 'whole'))
        for wrong in ({'v': 2, 'end': ''}, {'v': 2}):  # Nor is an older version an excuse.
            out.append((log(seg('current', *opened(4), *last[:kept], Rec('checkpoint', '', t0, 5, **wrong)))[0], f'broken {6 + kept}'))
    # What is before a line of epoch 4 was removed, and so announced: its version tells all the same.
    first = seg('full', *opened(4), Rec('rotate', '', t4, 4))
    hashes = Log(None, [first]).hashes
    gone = f',"file":"audit-1-6.jsonl","note":"removed","hash":"{hashes[6]}","last_seq":6'
    for end, answer in (({}, 'whole'), ({'end': ''}, 'broken 2'), ({'end': true_end}, 'broken 2')):
        out.append((log(first, seg('current', Rec('intent', '', t4, 4), Rec('checkpoint', '', t0, 5, **end), Rec('rotate', gone, t0, 5)), gone=1)[0],
                    answer))
    # The first line that is read opens an epoch: the seal can be checked, as it is of the hash that the line itself says.
    for end, answer in (({}, 'whole'), ({'end': true_end}, 'broken 1')):
        out.append((log(first, seg('current', Rec('checkpoint', '', t0, 5, **end), Rec('rotate', gone, t0, 5)), gone=1)[0], answer))
    # A log that began with an easgate that sealed no ends; from the first line of version 3 on, every end is.
    for old, missing, answer in ((6, 4, 'whole'), (6, 5, 'whole'), (6, 6, 'whole'), (5, 5, 'whole'), (5, 6, 'broken 7'), (1, 1, 'whole'),
                                 (1, 2, 'broken 3'), (0, 1, 'broken 2')):
        records = opened(7)
        for r in records[:old]:
            r.is_old = True
        if missing >= old:
            records[missing].wrong['end'] = ''
        out.append((log(seg('current', *records))[0], answer))
    # An end_seal where no epoch is opened behind another; and one of an epoch 0.
    out.append((log(seg('current', Rec('checkpoint', '', t0, 0, end=end_seal(0, ZEROS)), *opened(5)[1:]))[0], 'broken 1'))
    out.append((log(seg('current', *opened(5), Rec('checkpoint', '', t0, 5, end=end_seal(5, ZEROS))))[0], 'broken 7'))
    # The end of an epoch is the last line that counts: behind it stand others in a segment that was set aside.
    behind = f',"file":"audit-broken-{stamp}.jsonl","hash":"{ZEROS}","last_seq":6'
    out.append((log(seg('broken', *opened(4), *last, lost=1, stamp=stamp, tail=b'xx'),
                    seg('current', Rec('checkpoint', '', t0, 5), Rec('recover', behind, t0, 5), Rec('deny', '', t0, 5)))[0], 'whole'))
    # An empty full segment, also where a checkpoint stands in for what it should hold.
    case, made = log(seg('full', *opened(5), Rec('rotate', '', t0, 5)), seg('current', Rec('deny', '', t0, 5)), checkpoint=[7])
    with open(f'{case[3]}/audit-1-7.jsonl', 'w'):
        pass
    out.append((case, 'broken 1'))
    return out


# ---- Asking both ----

CODES = {0: 'whole', 1: 'broken', 2: 'refused', 3: 'shorter'}


def ask_easgate(program, case):
    """whole, shorter, refused, or broken FILE:LINE; and all that it said."""
    key, checkpoint, pub, *paths = case
    args = [program, 'audit', 'verify']
    for option, value in (('--key', key), ('--checkpoint', checkpoint), ('--checkpoint-pub', pub)):
        args += [option, value] if value != '-' else []
    run = subprocess.run(args + paths, capture_output=True, text=True, errors='replace')
    said = run.stdout + run.stderr
    answer = CODES.get(run.returncode, f'exit {run.returncode}')
    if run.returncode == 1:
        m = re.search(r'^broken: (.*)$', said, re.M)
        place = m and re.match(r'(.*?:[0-9]+): ', m[1])
        answer += ' ' + (place[1] if place else '(no place)')
    return answer, said


def ask_second(case):
    given = [None if x == '-' else x for x in case[:3]]
    text = verify.verdict(case[3:], *given)[1]
    m = re.match(r'broken (.*?:[0-9]+): ', text)
    return 'broken ' + (m[1] if m else '(no place)') if text.startswith('broken') else text.split(':')[0], text


class Tally:
    def __init__(self, program):
        self.program, self.cases, self.answers, self.differing = program, 0, {}, 0

    def ask(self, case, did='', expected=None):
        """True when both agree (and say what is expected)."""
        first, first_said = ask_easgate(self.program, case)
        second, second_said = ask_second(case)
        self.cases += 1
        word = first.split()[0]
        self.answers[word] = self.answers.get(word, 0) + 1
        if first == second and expected in (None, re.sub(' .*:', ' ', first)):
            return True
        self.differing += 1
        print(f'DIFFER {did} {expected or ""} {chr(9).join(case)}\n  easgate: {first_said.strip()}\n  second:  {second_said}')
        return False

    def end(self):
        print(f'{self.cases} logs ({", ".join(f"{n} {w}" for w, n in sorted(self.answers.items()))}): the two verifiers differ on {self.differing}')
        return 1 if self.differing or not self.cases else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('easgate')
    parser.add_argument('--cases', type=int, default=2000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--keep', help='folder for the logs on which they differ')
    parser.add_argument('--list')
    o = parser.parse_args()
    tally = Tally(o.easgate)
    if o.list:
        with sys.stdin if o.list == '-' else open(o.list, encoding='utf-8') as cases:
            for line in cases:
                tally.ask(line.rstrip('\n').split('\t'))
        return tally.end()
    top = tempfile.mkdtemp()
    for case, expected in directed(top):
        tally.ask(case, 'directed', expected)
    for seed in range(o.seed, o.seed + o.cases):
        folder = os.path.join(o.keep or top, str(seed))
        case, did = make_case(seed, folder)
        if tally.ask(case, f'seed {seed} ({"; ".join(did)})') or not o.keep:
            shutil.rmtree(folder)
            for end in ('.key', '.checkpoint'):
                if os.path.exists(folder + end):
                    os.remove(folder + end)
    if not o.keep or not tally.differing:
        shutil.rmtree(top)
    return tally.end()


if __name__ == '__main__':
    sys.exit(main())
