#!/usr/bin/env python3
"""Generate core/opcat.def and core/endpoint.def from the facts in docs/eas/ and core/opcat_overlay.json.

    opcat_gen.py ROOT            write both files
    opcat_gen.py ROOT --check    exit 1 and show the difference when the committed files are not what would be written

The output depends on the inputs only. Whatever does not fit the rules below stops the run: a catalogue that is
half understood is worse than none.
"""
import difflib
import json
import os
import re
import sys

METHODS = ["GET", "POST", "PUT", "DELETE"]
EFFECTS = ["read", "secret", "mint", "create", "scale", "update", "lifecycle", "delete", "label"]
# Why an operation is closed, and the kind of touch that must bear it out (None: no touch is needed).
CLOSED_REASONS = {
    "can raise replicas": "replicas",
    "changes hardware": "spec",
    "costs money": "cost",
    "changes the network": "network",
    "changes identity or attribution": "identity",
    "gives a secret": "secrets",
    "not open in this version": None,
}
TYPES = {
    "string": "OP_STRING",
    "integer": "OP_INTEGER",
    "boolean": "OP_BOOLEAN",
    "object": "OP_OBJECT",
    "array<string>": "OP_ARRAY_STRING",
    "array<object>": "OP_ARRAY_OBJECT",
    "map<string,string>": "OP_MAP_STRING",
    "map<string,any>": "OP_MAP_ANY",
    "any": "OP_ANY",
}
PLAIN_TYPES = ["string", "integer", "boolean"]
BODIES = {"none": "OP_BODY_NONE", "fields": "OP_BODY_FIELDS", "raw-json": "OP_BODY_RAW"}
ENCODINGS = {None: "OP_ENCODING_NONE", "json": "OP_ENCODING_JSON", "comma": "OP_ENCODING_COMMA"}
TOUCH_KINDS = ["replicas", "spec", "cost", "network", "secrets", "identity"]
PARAMS_MAX = 4  # OP_PARAMS_MAX in opcat.h

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
LITERAL = re.compile(r"[a-z0-9][a-z0-9_-]*")
TOUCH_FIELD = re.compile(r"(query|path):[A-Za-z][A-Za-z0-9]*|(body|response):/[\x21-\x7e]+")


def need(condition, message):
    if not condition:
        sys.exit("opcat_gen.py: " + message)


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    need(len(keys) == len(set(keys)), "a name stands twice in one object: %s" % keys)
    return dict(pairs)


def load(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=no_duplicates)


def quote(text):
    need(all(" " <= c <= "~" for c in text), "not printable ASCII: %r" % text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def s(text):
    return "S_INIT(%s)" % quote(text)


def byte_order(rows, key):
    return sorted(rows, key=lambda row: row[key].encode())


# ---- checks ----------------------------------------------------------------------------------------------------------

def check_fields(op, fields, in_query):
    name = op["action"]
    need(len({f["name"] for f in fields}) == len(fields), "%s: a field stands twice" % name)
    need(len({f["name"].lower() for f in fields}) == len(fields), "%s: two fields differ in case only" % name)
    for field in fields:
        where = "%s.%s" % (name, field["name"])
        need(set(field) <= {"name", "type", "required", "encoding"}, where + ": unknown key")
        need(NAME.fullmatch(field["name"]), where + ": not a plain name")
        need(field["type"] in TYPES, where + ": unknown type")
        need(isinstance(field["required"], bool), where + ": required is no boolean")
        encoding = field.get("encoding")
        need(encoding in ENCODINGS, where + ": unknown encoding")
        if not in_query:
            need(encoding is None, where + ": a body field has no encoding")
            continue
        need((encoding is None) == (field["type"] in PLAIN_TYPES), where + ": encoding and type disagree")
        need(encoding != "comma" or field["type"] == "array<string>", where + ": a comma list of non-strings")


def check_path(op):
    name, path = op["action"], op["path"]
    need(path.startswith("/"), name + ": path")
    params = []
    for segment in path[1:].split("/"):
        if segment.startswith("{"):
            need(segment.endswith("}") and NAME.fullmatch(segment[1:-1]), name + ": placeholder " + segment)
            params.append(segment[1:-1])
        else:
            need(LITERAL.fullmatch(segment), name + ": literal " + segment)
    need(params == op["path_params"], name + ": path_params disagree with the path")
    need(len(params) <= PARAMS_MAX and len(set(params)) == len(params), name + ": placeholders")


def check_op(op):
    name = op["action"]
    need(set(op) == {"action", "method", "path", "path_params", "access", "query", "body", "touches"}, name + ": keys")
    need(NAME.fullmatch(name), name + ": not a plain name")
    need(op["method"] in METHODS, name + ": method")
    check_path(op)
    need(op["body"]["kind"] in BODIES, name + ": body kind")
    need(("fields" in op["body"]) == (op["body"]["kind"] == "fields"), name + ": body fields")
    check_fields(op, op["query"], True)
    check_fields(op, op["body"].get("fields", []), False)
    for touch in op["touches"]:
        need(set(touch) <= {"kind", "fields", "reason", "unconfirmed"}, name + ": unknown key in touches")
        need(touch["kind"] in TOUCH_KINDS, name + ": unknown kind of touch")
        need(all(TOUCH_FIELD.fullmatch(f) for f in touch["fields"]), name + ": field of a touch")


def check_overlay(op, row):
    """The overlay is judgement, not fact; these rules keep it from saying something that the facts contradict."""
    name = op["action"]
    kinds = {touch["kind"] for touch in op["touches"]}
    need(set(row) <= {"effect", "retry", "open", "closed_reason"}, name + ": unknown key in the overlay")
    need(row["effect"] in EFFECTS, name + ": unknown effect")
    reads = row["effect"] in ("read", "secret")
    need(not reads or op["method"] == "GET", name + ": a read that is no GET")
    need(row["effect"] != "read" or "secrets" not in kinds, name + ": gives secrets, so it is no plain read")
    need(row["retry"] == ("read" if reads else "never"), name + ": retry and effect disagree")
    need(isinstance(row["open"], bool), name + ": open is no boolean")
    need(row["open"] == ("closed_reason" not in row), name + ": closed_reason goes with closed operations only")
    if not row["open"]:
        need(row["closed_reason"] in CLOSED_REASONS, name + ": unknown closed_reason")
        needed = CLOSED_REASONS[row["closed_reason"]]
        need(needed is None or needed in kinds, name + ": closed_reason without such a touch")
    raises = kinds & {"replicas", "spec", "cost"}
    need(not raises or row["effect"] in ("create", "scale", "lifecycle"), name + ": can raise, effect says otherwise")


# ---- routes: one tree of path segments for each method ---------------------------------------------------------------

def add_route(root, op, index):
    node = root
    for segment in op["path"][1:].split("/"):
        key = "" if segment.startswith("{") else segment  # "" = placeholder
        node = node["children"].setdefault(key, {"children": {}, "op": None})
    need(node["op"] is None, op["action"] + ": same method and path as another operation")
    node["op"] = index


def route_rows(ops):
    """Breadth first, so that the children of a node are neighbours. The first rows are the roots, one a method."""
    roots = [{"children": {}, "op": None} for _ in METHODS]
    for index, op in enumerate(ops):
        add_route(roots[METHODS.index(op["method"])], op, index)
    queue = [("", root) for root in roots]
    rows = []
    for segment, node in queue:  # grows while it is walked
        keys = sorted(node["children"], key=lambda key: key.encode())
        # Then a walk never has to turn back, and no literal can shadow a placeholder.
        need("" not in keys or len(keys) == 1, "a placeholder and a literal share a place in one method: %s" % keys)
        first = len(queue) if keys else 0
        queue += [(key, node["children"][key]) for key in keys]
        rows.append((segment, first, len(keys), node["op"]))
    return rows


# ---- output ----------------------------------------------------------------------------------------------------------

def field_table(kind, op, fields):
    out = ["static const struct op_field %s_%s[] = {" % (kind, op["action"])]
    for f in byte_order(fields, "name"):
        out.append("    { %s, %s, %s, %s }," % (s(f["name"]), TYPES[f["type"]], str(f["required"]).lower(),
                                                 ENCODINGS[f.get("encoding")]))
    return out + ["};"]


def touch_tables(op):
    name, out = op["action"], []
    for i, touch in enumerate(op["touches"]):
        out.append("static const char *const touch_%s_%d[] = {" % (name, i))
        out += ["    %s," % quote(field) for field in touch["fields"]]
        out.append("};")
    if op["touches"]:
        out.append("static const struct op_touch touches_%s[] = {" % name)
        for i, touch in enumerate(op["touches"]):
            out.append("    { %s, touch_%s_%d, %d," % (quote(touch["kind"]), name, i, len(touch["fields"])))
            out.append("      %s, %s }," % (quote(touch["reason"]), str(touch.get("unconfirmed", False)).lower()))
        out.append("};")
    return out


def op_row(op, row):
    name, fields = op["action"], op["body"].get("fields", [])
    out = ["    { .name = %s, .method = HTTP1_%s," % (s(name), op["method"]),
           "      .path = %s," % s(op["path"]),
           "      .effect = OP_%s, .retry = OP_RETRY_%s, .body = %s," % (row["effect"].upper(), row["retry"].upper(),
                                                                       BODIES[op["body"]["kind"]])]
    if op["query"]:
        out.append("      .query = query_%s, .query_count = %d," % (name, len(op["query"])))
    if fields:
        out.append("      .fields = fields_%s, .field_count = %d," % (name, len(fields)))
    if op["path_params"]:
        out.append("      .params = { %s }, .param_count = %d," % (", ".join(map(s, op["path_params"])),
                                                                   len(op["path_params"])))
    if op["touches"]:
        out.append("      .touches = touches_%s, .touch_count = %d," % (name, len(op["touches"])))
    closed = "" if row["open"] else ", .closed_reason = %s" % quote(row["closed_reason"])
    out.append("      .open = %s%s }," % (str(row["open"]).lower(), closed))
    return out


def opcat_def(ops, overlay):
    out = ["/* Generated by core/opcat_gen.py from docs/eas/operations.json and core/opcat_overlay.json. Do not edit:",
           " * change the inputs and run `src/core/opcat_gen.py .` in the root of the repository. */", ""]
    for op in ops:
        if op["query"]:
            out += field_table("query", op, op["query"])
        if op["body"].get("fields"):
            out += field_table("fields", op, op["body"]["fields"])
        out += touch_tables(op)
    out += ["", "static const struct op ops[] = {"]
    for op in ops:
        out += op_row(op, overlay[op["action"]])
    out += ["};", "",
            "/* A tree of path segments for each method, its roots first. { segment (empty: a placeholder, the only",
            " * child then), first child, children, operation that ends here } */",
            "static const struct route routes[] = {"]
    for i, (segment, first, count, op) in enumerate(route_rows(ops)):
        note = "root of " + METHODS[i] if i < len(METHODS) else "" if op is None else ops[op]["action"]
        out.append("    { %s, %d, %d, %s }, /* %d %s*/" % (s(segment), first, count, "ROUTE_NO_OP" if op is None else op,
                                                         i, note and note + " "))
    out += ["};", ""]
    return "\n".join(out)


def endpoint_def(endpoints):
    out = ["/* Generated by core/opcat_gen.py from docs/eas/endpoints.json. Do not edit. */"]
    for region in sorted(endpoints, key=lambda key: key.encode()):
        host = endpoints[region]
        need(re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", region), region + ": not a region")
        need(host == "pai-eas.%s.aliyuncs.com" % region, region + ": unexpected host")
        out.append("{ %s, %s }," % (s(region), s(host)))
    return "\n".join(out) + "\n"


def generate(root):
    ops = byte_order(load(root, "docs", "eas", "operations.json"), "action")
    overlay = load(root, "src", "core", "opcat_overlay.json")
    need(len({op["action"] for op in ops}) == len(ops), "an operation stands twice")
    need({op["action"] for op in ops} == set(overlay), "operations and overlay name different operations: %s"
         % sorted({op["action"] for op in ops} ^ set(overlay)))
    for op in ops:
        check_op(op)
        check_overlay(op, overlay[op["action"]])
    return {"opcat.def": opcat_def(ops, overlay),
            "endpoint.def": endpoint_def(load(root, "docs", "eas", "endpoints.json"))}


def check(root, files):
    fine = True
    for name, text in sorted(files.items()):
        with open(os.path.join(root, "src", "core", name), encoding="utf-8") as file:
            committed = file.read()
        diff = list(difflib.unified_diff(committed.splitlines(True), text.splitlines(True), name, name + " (fresh)"))
        sys.stdout.writelines(diff)
        fine = fine and committed == text
    return fine


def main(argv):
    need(len(argv) in (2, 3) and argv[2:] in ([], ["--check"]), "usage: opcat_gen.py ROOT [--check]")
    files = generate(argv[1])
    if argv[2:]:
        sys.exit(0 if check(argv[1], files) else 1)
    for name, text in files.items():
        with open(os.path.join(argv[1], "src", "core", name), "w", encoding="utf-8") as file:
            file.write(text)


main(sys.argv)
