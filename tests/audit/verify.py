#!/usr/bin/env python3
"""A second verifier of the audit log, made from docs/audit.md chapters 1 to 8 alone. It shares no code with easgate.

    verify.py [--key FILE] [--checkpoint FILE] [--checkpoint-pub PEM] [--name audit.jsonl] FILE|DIR...
    verify.py --cases FILE|-      one case a line: KEY TAB CHECKPOINT TAB PUB TAB PATH [TAB PATH...], "-" for what is not given

One verdict a case on a line: whole | broken FILE:LINE: reason | shorter: reason | refused: reason. Exit as chapter 8 says: 0, 1, 3, 2;
with --cases 0 when each case got its verdict.
"""
import argparse
import base64
import datetime
import fcntl
import functools
import hashlib
import hmac
import os
import re
import subprocess
import sys
import tempfile


class Broken(Exception):
    """Chapter 8, exit 1: a file, a line from 1, a reason."""

    def __init__(self, file, line, reason):
        super().__init__(f'{file}:{line}: {reason}' if file else reason)
        self.file, self.line, self.reason = file, line, reason


class Refused(Exception):
    """Chapter 8, exit 2."""


class NoRecord(Exception):
    """A line that is no record."""


# ---- Chapters 1 to 3: a line ----

TEXT = {*'id parent client token_id peer op method target service new_service app_type app_version spec workspace quota storage path policy '
        'rule body_received_sha256 body_sha256 nonce key_id upstream upstream_request_id code error step reason message version host file '
        'note hash from to'.split()}
NUMBER = {*'try replicas replicas_now peak peak_gpus status bytes ms count size last_seq'.split()}
TREE = {'facts', 'now'}
ORDER = ('id parent try client token_id peer op method target service new_service app_type app_version spec workspace quota storage path '
         'replicas replicas_now peak peak_gpus facts now policy rule body_received_sha256 body_sha256 nonce key_id upstream status '
         'upstream_request_id code bytes ms error client_gone step reason message count version host file note hash size last_seq '
         'from to end_seal').split()
assert {*ORDER} == TEXT | NUMBER | TREE | {'client_gone', 'end_seal'}
TYPES = 'start policy intent outcome resolved deny counted checkpoint rotate recover clock stop ship'.split()
DEEPEST_TREE = 8
LONGEST_LINE = 8192

NATURAL = r'(?:0|[1-9][0-9]*)'
CHAR = r'(?:[ !\x23-\x5b\x5d-\x7e]|\\["\\]|\\u[0-9a-f]{4})'
HEAD = re.compile(rf'\{{"v":([123]),"seq":({NATURAL}),"run":"([0-9a-f]{{16}})","t":"([^"]*)","mono":({NATURAL}),"type":"({"|".join(TYPES)})"'
                  rf'(?:,"epoch":({NATURAL}))?,"prev":"([0-9a-f]{{64}})"')
MAC = re.compile(r',"mac":"([0-9a-f]{64})"\}\Z')
TIME = re.compile(r'([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3})Z\Z')
KEY_OF = re.compile(r',"([a-z0-9_]+)":')
TEXT0 = re.compile(rf'"({CHAR}*)"')
INTEGER = re.compile(r'(?:0|-?[1-9][0-9]*)')
HASH = re.compile('"([0-9a-f]{64})"')
WORD = re.compile(r'true|false')
EPOCH_OF_UNIX = datetime.datetime(1970, 1, 1)


def milliseconds(time):
    m = TIME.match(time)
    if not m:
        raise NoRecord('t is no time')
    try:
        moment = datetime.datetime(*(int(g) for g in m.groups()[:6]))
    except ValueError:
        raise NoRecord('t is no real moment') from None
    if moment < EPOCH_OF_UNIX:
        raise NoRecord('t is before 1970')
    return int((moment - EPOCH_OF_UNIX).total_seconds()) * 1000 + int(m[7])


def natural(digits, most):
    if len(digits) > 20 or int(digits) > most:
        raise NoRecord('a number is too large')
    return int(digits)


class Values:
    """Reads the values of fields out of one line."""

    def __init__(self, line, at, end):
        self.line, self.at, self.end = line, at, end

    def match(self, pattern, what):
        m = pattern.match(self.line, self.at, self.end)
        if not m:
            raise NoRecord(f'no {what} at byte {self.at}')
        self.at = m.end()
        return m

    def text(self):
        return undo(self.match(TEXT0, 'text')[1])

    def integer(self):
        value = self.match(INTEGER, 'number')[0]
        if len(value) > 20 or not -2**63 <= int(value) < 2**63:
            raise NoRecord('a number is too large')
        return int(value)

    def take(self, char):
        there = self.at < self.end and self.line[self.at] == char
        self.at += there
        return there

    def expect(self, char):
        if not self.take(char):
            raise NoRecord(f'no {char} at byte {self.at}')

    def tree(self, depth=1):
        if depth > DEEPEST_TREE:
            raise NoRecord('a tree is too deep')
        is_object = self.take('{')
        if not is_object:
            self.expect('[')
        close = '}' if is_object else ']'
        if self.take(close):
            return
        while True:
            if is_object:
                self.text()
                self.expect(':')
            self.inner(depth)
            if self.take(close):
                return
            self.expect(',')

    def inner(self, depth):
        first = self.line[self.at:self.at + 1]
        if first == '"':
            self.text()
        elif first in ('[', '{'):
            self.tree(depth + 1)
        elif first in ('t', 'f'):
            self.match(WORD, 'value')
        else:
            self.integer()

    def fields(self):
        found, place = {}, 0
        while self.at < self.end:
            key = self.match(KEY_OF, 'field')[1]
            if key not in ORDER[place:]:
                raise NoRecord(f'"{key}" is no field, or not in its place')
            place = ORDER.index(key) + 1
            if key in TEXT:
                found[key] = self.text()
                if not found[key]:
                    raise NoRecord(f'{key} is empty')
            elif key == 'end_seal':
                found[key] = self.match(HASH, 'hash')[1]
            elif key in NUMBER:
                found[key] = self.integer()
            elif key in TREE:
                self.tree()
            elif self.match(WORD, 'true')[0] != 'true':
                raise NoRecord(f'{key} is not true')
        return found


def undo(text):
    return re.sub(r'\\(?:u(....)|(.))', lambda m: chr(int(m[1], 16)) if m[1] else m[2], text)


class Record:
    """One line, without its LF."""

    def __init__(self, raw):
        if len(raw) + 1 > LONGEST_LINE:
            raise NoRecord('too long')
        if any(b < 0x20 or b > 0x7e for b in raw):
            raise NoRecord('a byte that is not printable ASCII')
        line = raw.decode('ascii')
        head = HEAD.match(line)
        if not head:
            raise NoRecord('does not begin as a record does')
        self.v = int(head[1])
        self.seq = natural(head[2], 2**64 - 1)
        self.t_ms = milliseconds(head[4])
        natural(head[5], 2**63 - 1)
        self.type, self.prev = head[6], head[8]
        mac = MAC.search(line)
        keyed = self.v > 1
        if self.seq == 0 or keyed != (head[7] is not None) or keyed != (mac is not None) or not line.endswith('}'):
            raise NoRecord('its head or its end is not that of a record')
        self.epoch = natural(head[7], 2**63 - 1) if keyed else None
        self.mac = mac and mac[1]
        self.sealed = raw[:mac.start()] if mac else None
        self.fields = Values(line, head.end(), mac.start() if mac else len(line) - 1).fields()
        self.end_seal = self.fields.get('end_seal')
        self.hash = hashlib.sha256(raw).hexdigest()
        self.closes = self.type == 'rotate' and 'last_seq' not in self.fields


@functools.lru_cache(maxsize=20000)
def record_of(raw):
    """The record, or the reason why it is none."""
    try:
        return Record(raw)
    except NoRecord as e:
        return str(e)


# ---- Chapter 4: the key ----

class Key:
    FORM = re.compile(rf'easgate-audit-key 1 ({NATURAL}) ({NATURAL}) ({NATURAL}) ([0-9a-f]{{64}})'
                      rf'(?:\n?|\neasgate-audit-end 1 ({NATURAL}) [0-9a-f]{{64}} [0-9a-f]{{64}}\n?)\Z')
    FAR = 5_000_000  # Epochs: more than 150 years of hours. Nobody waits for more.

    def __init__(self, text):
        m = self.FORM.match(text)
        if not m or int(m[1]) > 253402300799 or not 1 <= int(m[2]) <= 31622400 or int(m[3]) >= 2**63 or (
                m[5] and (int(m[3]) == 0 or not 0 < int(m[5]) < 2**64)):
            raise Refused('the key line is none')
        self.start, self.length, self.first = int(m[1]), int(m[2]), int(m[3])
        self.keys = {self.first: bytes.fromhex(m[4])}

    def epoch_at(self, t_ms):
        return max(0, (t_ms - self.start * 1000) // (self.length * 1000))

    def of(self, epoch):
        """K(epoch); None where it cannot be known."""
        if epoch < self.first or epoch - max(self.keys) > self.FAR:
            return None
        for e in range(max(self.keys), epoch):
            self.keys[e + 1] = hashlib.sha256(b'easgate-epoch' + self.keys[e]).digest()
        return self.keys[epoch]


@functools.lru_cache(maxsize=20000)
def mac_of(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


# ---- Chapter 5: files ----

class Segment:
    """One file; kind is full, broken, current, or other: a file of another name that a person gave."""

    def __init__(self, path, kind, first=None, last=None, locked=False):
        self.path, self.name, self.kind, self.first, self.last, self.locked = path, os.path.basename(path), kind, first, last, locked
        self.plain_name = self.name[:-4] if self.name.endswith('.zst') else self.name
        try:
            with open(path, 'rb') as f:
                data = f.read()
        except OSError as e:
            raise Refused(f'{path}: {e.strerror}') from None
        self.damage = None
        if self.name.endswith('.zst'):
            data, self.damage = unpack(data)
        self.lines = data.split(b'\n')
        self.tail = self.lines.pop()  # What stands behind the last LF.

    def opening(self):
        """The first line's record; None when it is none."""
        record = record_of(self.lines[0]) if self.lines else None
        return record if isinstance(record, Record) else None


def unpack(data):
    """What a .zst holds, and what is wrong with it. The tool takes frames of other kinds, so these are looked for first."""
    fault = not_only_frames(data)
    run = subprocess.run(['zstd', '-dcq', '--memory=8MiB'], input=data[:fault] if fault is not None else data, capture_output=True)
    return run.stdout, ('the compressed data is damaged, cut, or followed by other bytes' if run.returncode or fault is not None else None)


def not_only_frames(data):
    """Where something begins that is no Zstandard frame (RFC 8878, 3.1.1); None when all are. A cut frame is the tool's to find."""
    at = 0
    while at < len(data) or at == 0:
        if data[at + 1:at + 4] == b'\x2a\x4d\x18' and data[at] >> 4 == 5:  # A skippable frame.
            at += 8 + int.from_bytes(data[at + 4:at + 8], 'little')
            continue
        if data[at:at + 4] != b'\x28\xb5\x2f\xfd':
            return at
        descriptor = data[at + 4] if at + 4 < len(data) else 0
        single = descriptor >> 5 & 1
        size_bytes = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
        at += 5 + (not single) + (0, 1, 2, 4)[descriptor & 3] + size_bytes
        last = False
        while not last:
            block = int.from_bytes(data[at:at + 3], 'little')
            if at + 3 > len(data):
                return None
            last, kind = block & 1, block >> 1 & 3
            at += 3 + (1 if kind == 1 else block >> 3)
        at += 4 if descriptor & 4 else 0
    return None


def is_locked(path):
    try:
        with open(path, 'rb') as f:
            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def segments_of(paths, name):
    """The segments in order, and whether the paths are a whole log (a directory)."""
    stem, ext = os.path.splitext(name)
    full = re.compile(rf'{re.escape(stem)}-([1-9][0-9]*)-([1-9][0-9]*){re.escape(ext)}(\.zst)?\Z')
    broken = re.compile(rf'{re.escape(stem)}-broken-[0-9]{{8}}T[0-9]{{6}}\.[0-9]{{3}}Z{re.escape(ext)}\Z')
    segments, is_whole = [], False

    def full_name(base):
        m = full.match(base)
        return m if m and max(int(m[1]), int(m[2])) < 2**64 else None

    for path in paths:
        if not os.path.isdir(path):
            files = [path]
        else:
            is_whole = True
            files = [os.path.join(path, n) for n in sorted(os.listdir(path)) if n == name or full_name(n) or broken.match(n)]
            if not files:
                raise Refused(f'{path}: no audit log there')
        for file in files:
            base = os.path.basename(file)
            m = full_name(base)
            if m and m[3] and file[:-4] in files:
                continue  # The plain one counts.
            if m:
                segments.append(Segment(file, 'full', int(m[1]), int(m[2])))
            elif broken.match(base):
                segments.append(Segment(file, 'broken'))
            else:
                segments.append(Segment(file, 'current' if base == name else 'other', locked=is_locked(file + '.lock')))

    def place(s):
        opening = s.opening()
        if s.kind == 'full':
            return (0, s.first, 1, s.name)
        if not opening:
            return (2, 0, 0, s.name)
        if s.kind == 'broken':
            return (0, opening.seq, 0, s.name)
        return (0, opening.seq, 1, s.name) if s.kind == 'other' else (1, opening.seq, 0, s.name)
    return sorted(segments, key=place), is_whole


# ---- Chapter 7: checkpoints ----

class Checkpoint:
    NAME = re.compile(r'easgate/audit/[A-Za-z0-9._-]+\Z')

    def __init__(self, lines, signatures):
        self.name = lines[0]
        if not self.NAME.match(lines[0]) or not re.match(NATURAL + r'\Z', lines[1]) or not 0 < int(lines[1]) < 2**64:
            raise Refused('a checkpoint is none')
        self.seq, self.hash = int(lines[1]), decode(lines[2])
        if len(self.hash) != 32:
            raise Refused('a checkpoint is none: its hash has another size')
        self.hash = self.hash.hex()
        self.text = ''.join(line + '\n' for line in lines).encode()
        self.signatures = []
        if len(signatures) > 8:
            raise Refused('a checkpoint is none: too many signature lines')
        for line in signatures:
            m = re.match(r'\u2014 ([^ +]+) ([^ ]+)\Z', line)
            data = decode(m[2]) if m else b''
            if len(data) < 5:
                raise Refused('a checkpoint is none: a signature line')
            if m[1] == self.name:
                self.signatures.append((data[:4], data[4:]))

    def by(self, kind):
        """The signatures whose key id is that of the name and this kind of key."""
        key_id = hashlib.sha256(self.name.encode() + b'\n' + kind).digest()[:4]
        return [s for i, s in self.signatures if i == key_id]

    def has_hmac_fault(self, key):
        own = [s for s in self.by(b'\xffeasgate-hmac-sha256') if len(s) == 32]
        return bool(own) and not hmac.compare_digest(own[0], mac_of(key, self.text))

    def is_signed(self, public):
        """By this key, and rightly; None: nothing says so."""
        own = [s for s in self.by(b'\x01' + public[-32:]) if len(s) == 64]
        return ed25519(public, self.text, own[0]) if own else None


def decode(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused('a checkpoint is none: not BASE64') from None
    if base64.b64encode(data).decode() != text:
        raise Refused('a checkpoint is none: not BASE64 as it is written')
    return data


def read_public(path):
    run = subprocess.run(['openssl', 'pkey', '-pubin', '-in', path, '-pubout', '-outform', 'DER'], capture_output=True)
    if run.returncode or len(run.stdout) != 44 or not run.stdout.startswith(bytes.fromhex('302a300506032b6570032100')):
        raise Refused(f'{path}: no Ed25519 public key')
    return run.stdout


@functools.lru_cache(maxsize=1000)
def ed25519(public, text, signature):
    with tempfile.TemporaryDirectory() as d:
        for name, data in (('pub', public), ('text', text), ('sig', signature)):
            with open(f'{d}/{name}', 'wb') as f:
                f.write(data)
        return subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', f'{d}/pub', '-rawin', '-in',
                               f'{d}/text', '-sigfile', f'{d}/sig'], capture_output=True).returncode == 0


def read_text(path, errors='strict'):
    try:
        with open(path, encoding='utf-8', errors=errors, newline='\n') as f:
            return f.read()
    except (OSError, UnicodeDecodeError) as e:
        raise Refused(f'{path}: {e}') from None


NOTE = re.compile('([^\\n]+)\\n([^\\n]+)\\n([^\\n]+)\\n\\n((?:\u2014 [^\\n]*\\n)*)(?!\u2014 )')


def read_checkpoints(text, public=None):
    """All notes of the file; with a public key, those that are signed. Lines that form no note are passed over."""
    notes, at = [], 0
    while at < len(text):
        m = NOTE.match(text, at)
        try:
            if not m:
                raise Refused('a checkpoint is none')
            note = Checkpoint(list(m.groups()[:3]), m[4].split('\n')[:-1])
        except Refused:
            at = (text.find('\n', at) + 1) or len(text)
            continue
        at = m.end()
        is_signed = note.is_signed(public) if public else True
        if is_signed is False:
            raise Refused("a checkpoint's signature is wrong")
        if is_signed:
            notes.append(note)
    if not notes:
        raise Refused('no checkpoint in the file')
    return notes


# ---- Chapters 4 to 8: the verdict ----

EXCUSED = ('start', 'checkpoint', 'clock', 'outcome', 'recover')


class Verifier:
    def __init__(self, key, checkpoints):
        self.key, self.checkpoints = key, {}
        for c in checkpoints:
            self.checkpoints.setdefault(c.seq, []).append(c)
        self.last = self.begin = None  # The record before; the first record, with its file.
        self.where = None  # File and line of the record before.
        self.opened = self.excused = False  # Of the present epoch: is its first line known; does clock or recover stand in it.
        self.announced = set()  # (seq, hash) of removed segments' last lines.

    def check_epoch(self, r, fail):
        """Chapter 4: the epoch's place behind the line before, and its time."""
        before = self.last
        if before and r.v < before.v:
            fail(f'a line of version {r.v} behind one of version {before.v}')
        if r.v == 1:
            if r.end_seal:
                fail('an end_seal without an epoch')
            return
        if before is None and r.seq > 1:  # What stands before is not known.
            opens, self.excused = r.type == 'checkpoint', True
            behind = opens and r.epoch > 0 and r.end_seal is not None
        elif before is None or before.v == 1:
            opens, behind = True, False
            if r.epoch != 0 or r.type != 'checkpoint':
                fail('the first line with a mac is no checkpoint of epoch 0')
            self.excused = False
        else:
            opens = behind = r.epoch == before.epoch + 1
            if not opens and r.epoch != before.epoch:
                fail(f'epoch {r.epoch} behind epoch {before.epoch}')
            if opens and r.type != 'checkpoint':
                fail('an epoch that is not opened by a checkpoint')
            if opens:
                self.excused = False
        if r.type in ('clock', 'recover'):
            self.excused = True
        if r.end_seal and not (behind and r.v == 3):
            fail('an end_seal in a line that opens no epoch behind another')
        if behind and not r.end_seal and before.v == 3:
            fail('an epoch is opened without the seal of the end of the one before')
        if not self.key:
            return
        if r.epoch < self.key.epoch_at(r.t_ms) and r.type not in ('checkpoint', 'recover'):
            fail('t is behind its epoch')
        if r.epoch > self.key.epoch_at(r.t_ms + 60000) and not (opens and r.type == 'checkpoint') and not self.excused:
            fail('t is before its epoch')
        if r.epoch >= self.key.first:
            key = self.key.of(r.epoch)
            if key is None or mac_of(key, r.sealed).hex() != r.mac:
                fail('the mac is not that of the key')
        before_key = self.key.of(r.epoch - 1) if r.end_seal else None
        if before_key and mac_of(before_key, b'easgate-end-seal' + bytes.fromhex(r.prev)).hex() != r.end_seal:
            fail('the epoch before did not end with the line before')

    def take(self, r, file, line):
        """The next record that counts."""
        def fail(reason):
            raise Broken(file, line, reason)
        before = self.last
        if before:
            if r.seq != before.seq + 1:
                fail(f'seq is {r.seq}, expected {before.seq + 1}')
            if r.prev != before.hash:
                fail('prev is not the hash of the line before')
        elif r.seq == 1 and r.prev != '0' * 64:
            fail('prev of the first record is not zeros')
        self.check_epoch(r, fail)
        if r.type == 'recover' and r.fields.get('last_seq', r.seq) >= r.seq:
            fail('last_seq of a recover record is not less than its seq')
        if r.type == 'recover' and r.fields.get('note', '').startswith('accepted by the operator'):
            fail('the log was changed, and the operator accepted it')
        if r.type == 'rotate' and 'last_seq' in r.fields:
            self.announced.add((r.fields['last_seq'], r.fields.get('hash')))
        for c in self.checkpoints.get(r.seq, ()):
            if c.hash != r.hash:
                fail('not the record of the checkpoint')
            key = self.key.of(r.epoch) if self.key and r.v > 1 else None
            if key and c.has_hmac_fault(key):
                fail("the checkpoint's mac is another's")
        if not self.begin:
            self.begin = (r, file, line)
        self.last, self.where = r, (file, line)

    def segment(self, s, until, behind):
        """One segment. until: the first seq that does not count (of a broken one). behind: the broken segment that it goes on behind."""
        for line, raw in enumerate(s.lines, 1):
            r = record_of(raw)
            if not isinstance(r, Record):
                raise Broken(s.path, line, f'not a record: {r}')
            self.take(r, s.path, line)
            if behind and r.type == 'recover' and r.fields.get('file') == behind.name:
                if r.fields['last_seq'] != behind.counts_to:
                    raise Broken(s.path, line, 'the recover record does not name the last record that counts')
                behind = None
            if behind and r.type not in EXCUSED:
                raise Broken(s.path, line, 'no recover record names the broken segment')
            if until is not None and r.seq + 1 >= until:
                return self.no_recover(s, behind, line)
        end = len(s.lines) + 1
        first = s.lines and record_of(s.lines[0])
        if until is not None:  # What else stands there does not count.
            self.no_recover(s, behind, max(1, end - 1))
        if s.tail and not (s.kind == 'current' and s.locked):
            raise Broken(s.path, end, 'the last line is no record')
        if s.damage:
            raise Broken(s.path, end, s.damage)
        self.no_recover(s, behind, max(1, end - 1))
        if until is not None:
            raise Broken(s.path, end, 'records are missing')
        if s.kind == 'full' and not (first and first.seq == s.first and self.last.seq == s.last and self.last.closes):
            raise Broken(s.path, max(1, end - 1), 'the segment does not hold the records of its name, up to a rotate record')

    @staticmethod
    def no_recover(s, behind, line):
        if behind:
            raise Broken(s.path, line, 'no recover record names the broken segment')

    def log(self, segments, is_whole):
        plan, following = [], None  # From the end: what counts of a broken segment depends on the next one.
        for s in reversed(segments):
            opening = s.opening()
            until = following.opening().seq if s.kind == 'broken' and following else None
            if s.kind == 'broken' and (not opening or (until is not None and opening.seq >= until)):
                continue
            plan.append((s, until))
            if opening:
                following = s
        behind = None
        for s, until in reversed(plan):
            if s.kind == 'broken' and until is None:
                self.alone(s, behind)
            self.segment(s, until, behind)
            if s.kind == 'broken':
                s.counts_to = until - 1
                behind = s
            elif s.lines:
                behind = None
        if not self.last:
            raise Broken('', 0, 'no record in any file')
        self.beginning(is_whole)
        if self.key and self.last.v < 2:
            raise Broken(*self.where, 'the last record has no mac, though there is a key')

    def alone(self, s, behind):
        """A broken segment that no other goes on behind: the finding is its first line that is wrong, else its last."""
        self.segment(s, None, behind)
        raise Broken(s.path, len(s.lines), 'set aside, and no segment goes on behind it')

    def beginning(self, is_whole):
        """Chapter 6."""
        if not self.begin or not is_whole:
            return
        r, file, line = self.begin
        if r.seq != 1 and (r.seq - 1, r.prev) not in self.announced:
            raise Broken(file, line, f'records 1 to {r.seq - 1} are missing')


def verdict(paths, key=None, checkpoint=None, pub=None, name='audit.jsonl'):
    """The exit code, and the line that says why."""
    try:
        key = key and Key(read_text(key))
        public = pub and read_public(pub)
        checkpoints = read_checkpoints(read_text(checkpoint, 'surrogateescape'), public) if checkpoint else []
        v = Verifier(key, checkpoints)
        v.log(*segments_of(paths, name))
        if key and v.last and v.last.epoch < key.first:
            raise Refused('the key is of an epoch behind all records')
    except Refused as e:
        return 2, f'refused: {e}'
    except Broken as e:
        return 1, f'broken {e}'
    last = v.last.seq if v.last else 0
    if any(seq > last for seq in v.checkpoints):
        return 3, f'shorter: the log ends with record {last}, a checkpoint is of record {max(v.checkpoints)}'
    return 0, 'whole'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ('--key', '--checkpoint', '--checkpoint-pub', '--cases'):
        parser.add_argument(option)
    parser.add_argument('--name', default='audit.jsonl')
    parser.add_argument('paths', nargs='*')
    o = parser.parse_args()
    if bool(o.cases) == bool(o.paths):
        parser.error('either paths or --cases')
    if o.paths:
        code, text = verdict(o.paths, o.key, o.checkpoint, o.checkpoint_pub, o.name)
        print(text)
        return code
    with sys.stdin if o.cases == '-' else open(o.cases, encoding='utf-8') as cases:
        for case in cases:
            key, checkpoint, pub, *paths = case.rstrip('\n').split('\t')
            given = [None if x == '-' else x for x in (key, checkpoint, pub)]
            print(verdict(paths, *given)[1])
    return 0


if __name__ == '__main__':
    sys.exit(main())
