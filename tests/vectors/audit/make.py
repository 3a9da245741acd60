#!/usr/bin/env python3
"""
Writes the vectors beside it: sealed audit logs as docs/audit.md describes them, made with hashlib, hmac and openssl alone.
  keys.jsonl   the keys of epochs from one key line
  logs.jsonl   whole logs, lines as they stand in a file; `bad` = number of the first bad line, 0 = whole;
               late = lines that only a clock or recover record excuses; ends = openings that say the seal of an end
Run it again after a change of the format: make.py FOLDER. Nothing in it is random.
"""
import hashlib
import hmac
import json
import pathlib
import sys

START, LENGTH = 1795449600, 60  # 2026-11-23T16:00:00Z
RUN = "0123456789abcdef"
K0 = bytes(range(32))


def key_of(epoch):
    key = K0
    for _ in range(epoch):
        key = hashlib.sha256(b"easgate-epoch" + key).digest()
    return key


def end_seal(epoch, prev):
    return hmac.new(key_of(epoch), b"easgate-end-seal" + bytes.fromhex(prev), hashlib.sha256).hexdigest()


def time_text(ms):
    s, ms = divmod(ms, 1000)
    days, s = divmod(s, 86400)
    # 2026-11-23 is day 20780 since 1970; the vectors stay within a month of it
    import datetime
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
    return f"{day}T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}.{ms:03}Z"


class Log:
    def __init__(self):
        self.lines, self.prev, self.epoch = [], "0" * 64, None

    def put(self, line):
        self.lines.append(line)
        self.prev = hashlib.sha256(line.encode()).hexdigest()

    def head(self, version, kind, at_s, epoch):
        e = "" if epoch is None else f'"epoch":{epoch},'
        return (f'{{"v":{version},"seq":{len(self.lines) + 1},"run":"{RUN}","t":"{time_text(int(at_s * 1000) + START * 1000)}",'
                f'"mono":{len(self.lines) * 10},"type":"{kind}",{e}"prev":"{self.prev}"')

    def plain(self, kind, at_s, fields=""):
        self.put(self.head(1, kind, at_s, None) + fields + "}")
        return self

    def sealed(self, kind, at_s, epoch, fields="", key=None, mac=None, v=3, end=None):
        """end: what it says in place of the seal of the end of the epoch before; "" = nothing."""
        opens = kind == "checkpoint" and self.epoch is not None and epoch == self.epoch + 1
        end = (end_seal(self.epoch, self.prev) if opens and v == 3 else "") if end is None else end
        self.epoch = epoch
        text = self.head(v, kind, at_s, epoch) + fields + (f',"end_seal":"{end}"' if end else "")
        mac = mac or hmac.new(key or key_of(epoch), text.encode(), hashlib.sha256).hexdigest()
        self.put(text + f',"mac":"{mac}"}}')
        return self


INTENT = ',"id":"00112233445566778899aabbccddeeff","client":"nlp","spec":"llama_7b_fp16","replicas":4,"nonce":"ffee"'
OUTCOME = ',"id":"00112233445566778899aabbccddeeff","nonce":"ffee","status":200'


def begun(v=3):
    return (Log().sealed("checkpoint", 0.5, 0, ',"note":"epoch"', v=v).sealed("start", 0.6, 0, ',"version":"0.1.0","host":"h"', v=v)
            .sealed("intent", 1, 0, INTENT, v=v).sealed("outcome", 2.25, 0, OUTCOME, v=v))


def logs():
    def case(name, log, bad=0, late=0):
        ends = sum('"end_seal"' in line for line in log.lines)
        return {"name": name, "bad": bad, "late": late, "ends": ends, "lines": log.lines}

    yield case("one epoch", begun())
    yield case("three epochs", begun().sealed("checkpoint", 60, 1).sealed("intent", 119.999, 1, INTENT)
               .sealed("checkpoint", 120, 2).sealed("stop", 121, 2))
    yield case("epochs made up for after a stop", begun().sealed("stop", 3, 0).sealed("checkpoint", 250, 1)
               .sealed("checkpoint", 250, 2).sealed("checkpoint", 250, 3).sealed("checkpoint", 250, 4).sealed("start", 250, 4))
    yield case("a log that got its key later", Log().plain("start", -90).plain("stop", -80).sealed("checkpoint", 1, 0)
               .sealed("start", 1, 0))
    yield case("a record that waited for the disk", begun().sealed("checkpoint", 70, 1).sealed("outcome", 10, 1, OUTCOME))
    yield case("the clock went back", begun().sealed("checkpoint", 60, 1).sealed("checkpoint", 120, 2)
               .sealed("clock", -500, 2, ',"from":"2026-11-23T16:02:00.000Z","to":"2026-11-23T15:51:40.000Z"')
               .sealed("intent", -499, 2, INTENT).sealed("outcome", 20, 2, OUTCOME).sealed("checkpoint", 181, 3)
               .sealed("stop", 182, 3), late=3)
    yield case("a crash between two epochs, then the clock went back", begun().sealed("checkpoint", -500, 1)
               .sealed("clock", -499, 1).sealed("start", -499, 1), late=2)
    yield case("held back while the disk failed", begun().sealed("checkpoint", 250, 1).sealed("checkpoint", 250, 2)
               .sealed("checkpoint", 250, 3).sealed("checkpoint", 250, 4)
               .sealed("recover", 250, 4, ',"note":"no room","last_seq":4').sealed("outcome", 50, 4, OUTCOME), late=1)
    yield case("the disk was back epochs later", begun().sealed("checkpoint", 250, 1)
               .sealed("recover", 250, 1, ',"note":"no room","last_seq":4').sealed("checkpoint", 250, 2)
               .sealed("checkpoint", 250, 3).sealed("checkpoint", 250, 4).sealed("clock", 50, 4).sealed("outcome", 50, 4, OUTCOME),
               late=2)
    yield case("version 2, without ends", begun(2).sealed("checkpoint", 60, 1, v=2).sealed("intent", 61, 1, INTENT, v=2)
               .sealed("checkpoint", 120, 2, v=2))
    yield case("version 3 behind version 2", begun(2).sealed("checkpoint", 60, 1, v=2).sealed("start", 61, 1)
               .sealed("checkpoint", 120, 2).sealed("checkpoint", 180, 3))
    yield case("version 3 opens an epoch behind version 2", begun(2).sealed("checkpoint", 60, 1).sealed("checkpoint", 120, 2))
    yield case("version 3 opens an epoch whose key before was gone", begun(2).sealed("checkpoint", 60, 1, end="")
               .sealed("checkpoint", 120, 2))
    yield case("no field", Log().sealed("checkpoint", 0, 0).sealed("stop", 0, 0))

    yield case("first sealed record is no checkpoint", Log().sealed("start", 1, 0), bad=1)
    yield case("first sealed record is of a later epoch", Log().plain("start", 1).sealed("checkpoint", 61, 1), bad=2)
    yield case("an epoch without a checkpoint", begun().sealed("intent", 61, 1, INTENT), bad=5)
    yield case("an epoch is left out", begun().sealed("checkpoint", 121, 2), bad=5)
    yield case("epoch goes back", begun().sealed("checkpoint", 60, 1).sealed("checkpoint", 61, 0), bad=6)
    yield case("version goes back", begun().plain("stop", 5), bad=5)
    yield case("wrong mac", begun().sealed("stop", 5, 0, mac="0" * 64), bad=5)
    yield case("sealed with the next key", begun().sealed("stop", 5, 0, key=key_of(1)), bad=5)
    yield case("sealed with the key before", begun().sealed("checkpoint", 60, 1, key=key_of(0)), bad=5)
    yield case("another K_0", Log().sealed("checkpoint", 0, 0, key=b"x" * 32), bad=1)
    yield case("an old record made anew in a later epoch",
               begun().sealed("checkpoint", 121, 1).sealed("checkpoint", 121, 2).sealed("outcome", 3, 2, OUTCOME), bad=7)
    yield case("too late by a millisecond", begun().sealed("checkpoint", 121, 1).sealed("checkpoint", 121, 2)
               .sealed("outcome", 60, 2, OUTCOME).sealed("outcome", 59.999, 2, OUTCOME), bad=8)
    yield case("sealed with a key that should be gone", begun().sealed("stop", 60, 0), bad=5)
    yield case("the excuse ends with its epoch", begun().sealed("checkpoint", 60, 1).sealed("clock", -500, 1)
               .sealed("checkpoint", 120, 2).sealed("intent", -400, 2, INTENT), bad=8, late=1)
    yield case("no end", begun().sealed("checkpoint", 60, 1, end=""), bad=5)
    yield case("no end by version 2", begun().sealed("checkpoint", 60, 1, v=2), bad=5)
    yield case("an end in version 2", begun(2).sealed("checkpoint", 60, 1, v=2, end=end_seal(0, "0" * 64)), bad=5)
    yield case("no end, two epochs behind version 2", begun(2).sealed("checkpoint", 60, 1, end="").sealed("checkpoint", 120, 2, end=""),
               bad=6)
    yield case("the end of another line", begun().sealed("checkpoint", 60, 1, end=end_seal(0, "0" * 64)), bad=5)
    yield case("an end by the key behind", begun().sealed("checkpoint", 60, 1, end=end_seal(1, begun().prev)), bad=5)
    cut = Log().sealed("checkpoint", 0.5, 0, ',"note":"epoch"')
    true_end = end_seal(0, begun().prev)
    yield case("an epoch was cut short with the next key", cut.sealed("checkpoint", 60, 1, end=true_end).sealed("stop", 61, 1), bad=2)
    yield case("an end within an epoch", begun().sealed("checkpoint", 3, 0, end=true_end), bad=5)
    yield case("an end in no checkpoint", begun().sealed("stop", 3, 0, end=true_end), bad=5)
    yield case("an end before epoch 0", Log().sealed("checkpoint", 0, 0, end=end_seal(0, "0" * 64)), bad=1)
    yield case("an end without a key", Log().plain("checkpoint", 0, f',"end_seal":"{"0" * 64}"'), bad=1)
    yield case("an end that is no hash", begun().sealed("checkpoint", 60, 1, end=true_end.upper()), bad=5)
    log = begun()
    log.lines[2] = log.lines[2].replace('"replicas":4', '"replicas":9')
    yield case("a value was changed", log, bad=3)
    log = begun()
    log.lines[2] = log.lines[2].replace(',"mac":"', ',"note":"","mac":"')
    yield case("an empty text", log, bad=3)
    log = begun()
    log.lines[3] = log.lines[3].replace('"epoch":0', '"epoch":00')
    yield case("epoch with a leading zero", log, bad=4)
    log = begun()
    log.lines[3] = log.lines[3][:-1] + ',"mac":"' + "0" * 64 + '"}'
    yield case("two macs", log, bad=4)
    log = begun()
    log.lines[3] = log.lines[3][: log.lines[3].index(',"mac"')] + "}"
    yield case("no mac", log, bad=4)
    log = begun()
    log.lines[3] = log.lines[3].replace('"v":3', '"v":1')
    yield case("version 1 with a mac", log, bad=4)


def main(folder):
    folder = pathlib.Path(folder)
    line = f"easgate-audit-key 1 {START} {LENGTH}"
    with open(folder / "keys.jsonl", "w") as f:
        for epoch in (0, 1, 2, 3, 24, 1000):
            print(json.dumps({"epoch": epoch, "line": f"{line} {epoch} {key_of(epoch).hex()}"}), file=f)
    with open(folder / "logs.jsonl", "w") as f:
        for case in logs():
            print(json.dumps(case), file=f)


main(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
