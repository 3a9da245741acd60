#!/usr/bin/env python3
"""Check corpus.jsonl against a second implementation: Python's own json module with hooks that make it strict.

A line of the corpus is a document and what is to become of it:
  name, kind    unique name; the defect, or for right ones what it is
  valid         may it pass json_scan with the limits for requests?
  base64, text  its bytes; the same for reading, where they are printable ASCII and short
  in_config     may {"ServiceName":"nlp_x","Config":DOCUMENT} pass?
  value, print  valid ones: what it means; its canonical text (no blanks, members in order, numbers as written, strings
                in UTF-8 with the shortest escapes)
  fits          a body for CreateAppService that the demo's policy allows
  fits_config   a Config that the demo's policy allows
Run: check.py [corpus.jsonl]; prints the counts, exit 1 at the first disagreement.
"""
import base64
import json
import sys
from pathlib import Path

DEPTH_MAX = 32
LEAST_DOCUMENTS, LEAST_WRONG_KINDS = 200, 40
FOLDS = {"\u017f": "s", "\u212a": "k", "\u0130": "i", "\u0131": "i"}


class Number(str):
    """A number by its token."""


class Refused(Exception):
    """Passes RFC 8259's grammar, but not easgate's narrower one."""


def fold(name):
    return "".join(FOLDS.get(c, c.lower() if c.isascii() else c) for c in name)


def check_text(text):
    for c in text:
        if c == "\0" or 0xD800 <= ord(c) <= 0xDFFF:
            raise Refused("NUL or lone surrogate")


def members(pairs):
    folded = [fold(name) for name, _ in pairs]
    if len(set(folded)) != len(folded):
        raise Refused("duplicate name")
    return dict(pairs)


def refuse_constant(word):
    raise Refused(word)


def check_tree(value, depth=1):
    if isinstance(value, (dict, list)):
        if depth > DEPTH_MAX:
            raise Refused("too deep")
        if isinstance(value, dict):
            for name in value:
                check_text(name)
        for child in value.values() if isinstance(value, dict) else value:
            check_tree(child, depth + 1)
    elif isinstance(value, str):
        check_text(value)


def parse(text):
    return json.loads(
        text, object_pairs_hook=members, parse_int=Number, parse_float=Number, parse_constant=refuse_constant
    )


def canonical(value, ascii_only=False):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(canonical(k, ascii_only) + ":" + canonical(v, ascii_only) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(v, ascii_only) for v in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def verdict(document):
    """(valid, canonical text or None)"""
    try:
        value = parse(document.decode("utf-8"))
        check_tree(value)
        return True, canonical(value)
    except (ValueError, Refused, RecursionError):  # ValueError: not UTF-8, or not JSON
        return False, None


def as_config(document):
    return b'{"ServiceName":"nlp_x","Config":' + document + b"}"


def check_line(line):
    entry = parse(line)
    document = base64.b64decode(entry["base64"], validate=True)
    valid, printed = verdict(document)
    expected = {"valid": valid, "in_config": verdict(as_config(document))[0]}
    if valid:
        expected["print"] = printed
        expected["value"] = parse(printed)
    for key, value in expected.items():
        if entry.get(key) != value:
            sys.exit(f"{entry['name']}: {key} is {entry.get(key)!r}, a second reader says {value!r}")
    if "text" in entry and entry["text"].encode() != document:
        sys.exit(f"{entry['name']}: text and base64 differ")
    if not valid and (entry.get("fits") or entry.get("fits_config") or "value" in entry):
        sys.exit(f"{entry['name']}: a wrong document cannot fit or mean something")
    return entry


def main(path):
    entries = [check_line(line) for line in path.read_text(encoding="utf-8").splitlines()]
    wrong = [e for e in entries if not e["valid"]]
    kinds = {e["kind"] for e in wrong}
    if len({e["name"] for e in entries}) != len(entries):
        sys.exit("names are not unique")
    if len(entries) < LEAST_DOCUMENTS or len(kinds) < LEAST_WRONG_KINDS:
        sys.exit(f"only {len(entries)} documents, {len(kinds)} kinds of defect")
    fits = sum(1 for e in entries if e.get("fits") or e.get("fits_config"))
    print(f"{len(entries)} documents: {len(wrong)} wrong of {len(kinds)} kinds, {len(entries) - len(wrong)} right, {fits} fit")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "corpus.jsonl")
