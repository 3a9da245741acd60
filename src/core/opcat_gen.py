#!/usr/bin/env python3
"""Generate core/opcat.def and core/endpoint.def from the facts in docs/eas/ and the judgement in core/opcat_overlay.json.

    opcat_gen.py ROOT            write both files
    opcat_gen.py ROOT --check    exit 1 and show the difference when the committed files are not what would be written

The output depends on the inputs only. Whatever does not fit the rules below stops the run: a catalogue that is
half understood is worse than none.

The overlay gives every path parameter, query value and field one meaning, by `fields` of the operation, else by `common`
(filter: queries of reads). A meaning is written

    [TYPE] MEANING[:KEY][!] [from N] [comma] [(WORD|WORD)] [# WHY]

TYPE only inside of trees (in operations it is the fact's), "!" behind TYPE or, in operations, behind the meaning: must be
there. KEY is of core/bounds.def; tree:NAME is one of `trees`, in which an object stands for itself and [x] for an array.
`either` names fields of the body: the first must be there alone, or all the others.
`instead` changes single fields of the body's tree ("!" alone: must be there).
"""
import difflib
import json
import os
import re
import sys

METHODS = ["GET", "POST", "PUT", "DELETE"]
EFFECTS = ["read", "secret", "mint", "create", "scale", "update", "lifecycle", "delete", "label"]
RAISES = ["create", "clone", "update", "scale", "detach", "version", "start"]
TYPES = {
    "string": "OP_STRING",
    "integer": "OP_INTEGER",
    "number": "OP_NUMBER",
    "size": "OP_SIZE",
    "boolean": "OP_BOOLEAN",
    "object": "OP_OBJECT",
    "array<string>": "OP_ARRAY_STRING",
    "array<object>": "OP_ARRAY_OBJECT",
    "map<string,string>": "OP_MAP_STRING",
    "map<string,any>": "OP_MAP_ANY",
    "any": "OP_ANY",
}
PLAIN_TYPES = ["string", "integer", "boolean"]
TEXTS = ("string", "array<string>")
# Meaning: its enumerator, and the types that it may have (None: any but those with an inside).
MEANINGS = {
    "free": ("OP_FREE", None),
    "refused": ("OP_REFUSED", None),
    "refused_true": ("OP_REFUSED_TRUE", ("boolean", "string")),
    "tree": ("OP_INNER", ("object", "array<object>", "map<string,any>")),
    "cluster": ("OP_CLUSTER", ("string",)),
    "owned": ("OP_OWNED", TEXTS),
    "new": ("OP_NEW", ("string",)),
    "bounded": ("OP_BOUNDED", None),
    "secret": ("OP_SECRET_VALUE", ("string",)),
    "labels": ("OP_LABELS", ("map<string,string>",)),
    "label_keys": ("OP_LABEL_KEYS", ("array<string>",)),
    "replicas": ("OP_REPLICAS", ("integer",)),
    "scaler_min": ("OP_SCALER_MIN", ("integer",)),
    "scaler_max": ("OP_SCALER_MAX", ("integer",)),
    "activation": ("OP_ACTIVATION", ("integer",)),
    "cron_target": ("OP_CRON_TARGET", ("integer",)),
    "surge": ("OP_SURGE", ("integer",)),
    "detach": ("OP_DETACH", ("boolean",)),
    "version": ("OP_VERSION", ("integer",)),
    "self": ("OP_SELF", ("string",)),
}
# Style of a key in bounds.def: the types of the values that it bounds.
STYLES = {
    "WORDS": TEXTS, "GLOBS": TEXTS, "OSS_PATHS": TEXTS, "NAS_PATHS": TEXTS, "SPEC_CAPS": TEXTS,
    "REPLICAS": ("integer", "size", "array<string>"), "FLAG": ("boolean", "string"),
}
ENCODINGS = {None: "OP_ENCODING_NONE", "json": "OP_ENCODING_JSON", "comma": "OP_ENCODING_COMMA"}
TOUCH_KINDS = ["replicas", "spec", "cost", "network", "secrets", "identity"]
PARAMS_MAX = 4  # OP_PARAMS_MAX in opcat.h

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
LITERAL = re.compile(r"[a-z0-9][a-z0-9_-]*")
TOUCH_FIELD = re.compile(r"(query|path):[A-Za-z][A-Za-z0-9]*|(body|response):/[\x21-\x7e]+")
MEANING = re.compile(r"(?:(?P<type>[a-z]+(?:<[a-z,]+>)?)(?P<must>!?) )?(?P<meaning>[a-z_]+)(?::(?P<key>[a-z_]+))?"
                     r"(?P<needed>!?)(?: from (?P<low>[0-9]+))?(?P<comma> comma)?(?: \((?P<words>[a-z|]+)\))?"
                     r"(?: # (?P<why>.+))?")


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


def load_bounds(root):
    """KEY -> STYLE of core/bounds.def."""
    with open(os.path.join(root, "src", "core", "bounds.def"), encoding="utf-8") as file:
        rows = re.findall(r"^BOUND\((\w+),\s*(\w+),", file.read(), re.M)
    need(len(rows) > 1 and len(dict(rows)) == len(rows), "bounds.def: no keys, or one twice")
    return dict(rows)


def quote(text):
    need(all(" " <= c <= "~" for c in text), "not printable ASCII: %r" % text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def s(text):
    return "S_INIT(%s)" % quote(text)


def byte_order(rows, key):
    return sorted(rows, key=lambda row: row[key].encode())


# ---- checks of the facts ---------------------------------------------------------------------------------------------

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
    need(op["body"]["kind"] in ("none", "fields", "raw-json"), name + ": body kind")
    need(("fields" in op["body"]) == (op["body"]["kind"] == "fields"), name + ": body fields")
    check_fields(op, op["query"], True)
    check_fields(op, op["body"].get("fields", []), False)
    for touch in op["touches"]:
        need(set(touch) <= {"kind", "fields", "reason", "unconfirmed"}, name + ": unknown key in touches")
        need(touch["kind"] in TOUCH_KINDS, name + ": unknown kind of touch")
        need(all(TOUCH_FIELD.fullmatch(f) for f in touch["fields"]), name + ": field of a touch")


# ---- meanings --------------------------------------------------------------------------------------------------------

class Field:
    """A value and what it means; `inner` for what has an inside."""

    def __init__(self, where, name, type_, required=False, encoding=None):
        self.where, self.name, self.type, self.required, self.encoding = where, name, type_, required, encoding
        self.meaning, self.key, self.low, self.words, self.why, self.inner = None, None, 0, None, None, []

    def mean(self, text, overlay, bounds):
        m = MEANING.fullmatch(text)
        need(m and m["meaning"] in MEANINGS, "%s: not a meaning: %s" % (self.where, text))
        self.type = m["type"] or self.type
        self.required = self.required or bool(m["must"] or m["needed"])
        self.meaning, self.key, self.words, self.why = m["meaning"], m["key"], m["words"], m["why"]
        self.low = int(m["low"] or 0)
        if m["comma"]:
            need(self.encoding is None and self.type == "string", self.where + ": comma is for body texts")
            self.encoding = "comma"
        if self.meaning == "tree":
            need(self.key in overlay["trees"], self.where + ": no such tree")
            self.grow(overlay["trees"][self.key], overlay, bounds)
            self.key = None
        if self.meaning == "label_keys":
            self.key = "label_keys"
        self.check(bounds)
        return self

    def grow(self, shape, overlay, bounds):
        is_array = isinstance(shape, list)
        need(self.type is None or (self.type == "array<object>") == is_array, self.where + ": tree of another form")
        self.meaning, self.type = "tree", self.type or ("array<object>" if is_array else "object")
        for name, inner in (shape[0] if is_array else shape).items():
            field = Field("%s.%s" % (self.where, name), name, None)
            self.inner.append(field.mean(inner, overlay, bounds) if isinstance(inner, str)
                              else field.grow(inner, overlay, bounds))
        need(self.inner and len({f.name.lower() for f in self.inner}) == len(self.inner), self.where + ": names of a tree")
        return self

    def check(self, bounds):
        where, types = self.where, MEANINGS[self.meaning][1]
        need(self.type in TYPES, where + ": no type")
        need(types is None or self.type in types, where + ": type and meaning disagree")
        need(types is not None or self.type not in ("object", "array<object>", "map<string,any>"), where + ": needs a tree")
        need(self.type != "any" or self.why, where + ": any value, and no reason given")
        need((self.key is not None) == (self.meaning in ("owned", "new", "bounded", "label_keys")), where + ": key")
        if self.key:
            style = bounds.get(self.key)
            need(style is not None, where + ": bounds.def has no key " + self.key)
            need(style in STYLES and self.type in STYLES[style], "%s: %s does not bound such a value" % (where, self.key))
            need(style != "FLAG" or self.type == "boolean" or (self.words or "").count("|") == 1, where + ": which is yes?")
            need(self.meaning == "bounded" or style in ("WORDS", "GLOBS"), where + ": owned by such a key")

    def is_refused(self):
        return self.meaning in ("refused", "refused_true")

    def leaves(self):
        return [leaf for f in self.inner for leaf in f.leaves()] if self.meaning == "tree" else [self]


def meaning_of(op, row, name, place, overlay):
    """The text of the meaning of one of the operation's values; place: path, query, body."""
    common = overlay["common"]
    if name in row.get("fields", {}):
        return row["fields"][name]
    if place == "path":
        return common["path"].get(name)
    if name in common["field"] and not (place == "query" and name in common["filter"] and row["effect"] in ("read", "secret")):
        return common["field"][name]
    if place == "query" and row["effect"] in ("read", "secret") and name in common["filter"]:
        return "free"
    return None


def read_meanings(op, row, overlay, bounds):
    """The three lists of Field: path, query, body."""
    name, lists, used = op["action"], {"path": [], "query": [], "body": []}, set()
    facts = {"path": [{"name": p, "type": "string", "required": True} for p in op["path_params"]],
             "query": op["query"], "body": op["body"].get("fields", [])}
    for place, rows in facts.items():
        for f in rows:
            where = "%s.%s" % (name, f["name"])
            text = meaning_of(op, row, f["name"], place, overlay)
            need(text is not None, where + ": has no meaning")
            need(f["name"] not in used or place == "path", where + ": stands in query and body")
            used.add(f["name"])
            field = Field(where, f["name"], f["type"], f["required"], f.get("encoding"))
            lists[place].append(field.mean(text, overlay, bounds))
    need(set(row.get("fields", {})) <= used, "%s: the overlay names fields that it does not have: %s"
         % (name, sorted(set(row.get("fields", {})) - used)))
    if op["body"]["kind"] == "raw-json":
        need(row.get("body") in overlay["trees"], name + ": its body has no tree")
        lists["body"] = Field(name, None, "object").grow(overlay["trees"][row["body"]], overlay, bounds).inner
    need(("body" in row) == (op["body"]["kind"] == "raw-json"), name + ": a tree for a listed body")
    for path, text in row.get("instead", {}).items():
        field = find(lists["body"], path.split("."))
        need(field is not None, "%s: instead of nothing: %s" % (name, path))
        if text == "!":
            field.required = True
        else:
            field.mean(text, overlay, bounds)
    return lists


def find(fields, path):
    """The field at this path of names ("*": an array's element); None when the tree has none."""
    by_name = {f.name: f for f in fields}
    field = by_name.get(path[0])
    rest = path[1:]
    while field and rest and rest[0] == "*":
        rest = rest[1:]
    return field if field is None or not rest else find(field.inner, rest)


# ---- the overlay against the facts -----------------------------------------------------------------------------------

def check_touch(op, touch, reference, lists):
    """Whatever the facts call dangerous is judged, refused, or free for a reason that is written down."""
    where = "%s: %s of %s" % (op["action"], reference, touch["kind"])
    place, name = reference.split(":", 1)
    if place == "response":
        return
    path = [segment.replace("~1", "/").replace("~0", "~") for segment in name[1:].split("/")] if place == "body" else [name]
    field = find(lists[place], path)
    need(field is not None or place == "body", where + ": no such value")
    for leaf in field.leaves() if field else []:  # what no tree has is refused
        if touch.get("unconfirmed"):
            need(leaf.is_refused() or (leaf.meaning != "free" and leaf.why), where + ": not confirmed, so it must be refused")
        elif touch["kind"] == "secrets":
            need(leaf.meaning == "secret" or leaf.is_refused() or leaf.why, where + ": a secret that may stand in records")
        else:
            need(leaf.meaning not in ("free", "secret") or leaf.why, where + ": free without a reason (%s)" % leaf.where)


def check_overlay(op, row, lists, bounds, names):
    """The overlay is judgement, not fact; these rules keep it from saying something that the facts contradict."""
    name, effect = op["action"], row["effect"]
    kinds = {touch["kind"] for touch in op["touches"]}
    need(set(row) <= {"effect", "raise", "body", "instead", "fields", "requires", "count", "list", "either"},
         name + ": unknown key in the overlay")
    need(effect in EFFECTS, name + ": unknown effect")
    need(effect not in ("read", "secret") or op["method"] == "GET", name + ": a read that is no GET")
    need(effect != "read" or "secrets" not in kinds, name + ": gives secrets, so it is no plain read")
    need(not kinds & {"replicas", "spec", "cost"} or effect in ("create", "scale", "lifecycle"),
         name + ": can raise, effect says otherwise")
    raises, _, why = row.get("raise", "").partition(" # ")
    need(raises in RAISES or not raises, name + ": unknown raise")
    need(bool(raises) == ("replicas" in kinds) or (raises and why), name + ": raise and touches disagree")
    for touch in op["touches"]:
        for reference in touch["fields"]:
            check_touch(op, touch, reference, lists)
    count = row.get("count", {})
    need(set(count) in (set(), {"list", "bound"}, {"list", "bound", "into"}), name + ": count")
    need(not count or (count["list"] in names and bounds.get(count["bound"]) == "REPLICAS"), name + ": count")
    need("into" not in count or find(lists["body"], [count["into"]]), name + ": count into")
    owner = row.get("list", {})
    need(set(owner) in (set(), {"items", "id", "owner"}, {"items", "id", "owner", "total"}), name + ": list")
    need(not owner or bounds.get(owner["owner"]) in ("WORDS", "GLOBS"), name + ": owner of a list")
    either = row.get("either", [])
    need(len(either) != 1 and all(find(lists["body"], [field]) for field in either), name + ": either")
    for entry in row.get("requires", []):
        need(all(key in bounds for key in entry.split("|")), name + ": requires no key: " + entry)


def requires(row, lists, bounds):
    """Keys without which the operation can never be allowed: the overlay's, and those of values that must be there."""
    def of_required(fields):
        for f in fields:
            if f.meaning == "tree" and f.required:
                yield from of_required(f.inner)
            elif f.required and f.key and bounds[f.key] != "FLAG":
                yield f.key
            elif f.required and f.meaning == "labels":
                yield "label_keys"
    found = [key for place in ("path", "query", "body") for key in of_required(lists[place])]
    found += [row["count"]["bound"]] if "count" in row else []
    found += [row["list"]["owner"]] if "list" in row else []
    found += ["max_replicas|service_specs|instance_types"] if "raise" in row else []
    found += row.get("requires", [])
    return [entry for i, entry in enumerate(found)
            if entry not in found[:i] and not any(set(other.split("|")) < set(entry.split("|")) for other in found)]


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

class Tables:
    """Tables by content: the same rows are written once and shared."""

    def __init__(self):
        self.lines, self.names = [], {}

    def add(self, type_, name, rows):
        """The name of the table that has these rows; "NULL" without rows."""
        if not rows:
            return "NULL"
        if (type_, tuple(rows)) not in self.names:
            need(name not in self.names.values(), "two tables of one name: " + name)
            self.names[type_, tuple(rows)] = name
            self.lines += ["static const %s%s[] = {" % (type_, name)] + ["    %s," % row for row in rows] + ["};"]
        return self.names[type_, tuple(rows)]

    def field(self, f, name):
        inner = self.fields(f.inner, "%s_%s" % (name, f.name)) if f.inner else "NULL"
        return "{ %s, %s, %s, %s, %s, BOUND_%s, %s, %d, %s, %d }" % (
            s(f.name), TYPES[f.type], str(f.required).lower(), ENCODINGS[f.encoding], MEANINGS[f.meaning][0],
            f.key or "NONE", inner, len(f.inner), quote(f.words) if f.words else "NULL", f.low)

    def fields(self, fields, name):
        return self.add("struct op_field ", name, [self.field(f, name) for f in sorted(fields, key=lambda f: f.name.encode())])

    def texts(self, texts, name):
        return self.add("char *const ", name, [quote(text) for text in texts])

    def touches(self, op):
        rows = []
        for i, touch in enumerate(op["touches"]):
            fields = self.texts(touch["fields"], "touch_%s_%d" % (op["action"], i))
            rows.append("{ %s, %s, %d, %s, %s }" % (quote(touch["kind"]), fields, len(touch["fields"]), quote(touch["reason"]),
                                                   str(touch.get("unconfirmed", False)).lower()))
        return self.add("struct op_touch ", "touches_" + op["action"], rows)


def op_row(op, row, lists, bounds, tables):
    name = op["action"]
    raises = row.get("raise", "none").partition(" # ")[0]
    needs = requires(row, lists, bounds)
    secrets = [f[len("response:"):] for touch in op["touches"] if touch["kind"] == "secrets" for f in touch["fields"]
               if f.startswith("response:")]
    out = ["    { .name = %s, .method = HTTP1_%s," % (s(name), op["method"]),
           "      .path = %s," % s(op["path"]),
           "      .effect = OP_%s, .retry = OP_RETRY_%s, .body = %s, .raise = OP_RAISE_%s," % (
               row["effect"].upper(), "READ" if row["effect"] in ("read", "secret") else "NEVER",
               "OP_BODY_NONE" if op["body"]["kind"] == "none" else "OP_BODY_FIELDS", raises.upper())]
    if lists["path"]:
        out.append("      .params = { %s }, .param_count = %d," % (", ".join(map(s, op["path_params"])), len(lists["path"])))
        out.append("      .param_fields = { %s }," % ", ".join(tables.field(f, "") for f in lists["path"]))
    for member, count, table, items in (
            ("query", "query_count", tables.fields(lists["query"], "query_" + name), lists["query"]),
            ("fields", "field_count", tables.fields(lists["body"], "fields_" + name), lists["body"]),
            ("touches", "touch_count", tables.touches(op), op["touches"]),
            ("requires", "require_count", tables.texts(needs, "requires_" + name), needs),
            ("either", "either_count", tables.texts(row.get("either", []), "either_" + name), row.get("either", [])),
            ("secrets", "secret_count", tables.texts(secrets, "secrets_" + name), secrets)):
        if items:
            out.append("      .%s = %s, .%s = %d," % (member, table, count, len(items)))
    if "count" in row:
        out.append("      .count = { %s, BOUND_%s, %s }," % (s(row["count"]["list"]), row["count"]["bound"],
                                                            s(row["count"].get("into", ""))))
    if "list" in row:
        out.append("      .list = { %s, %s, BOUND_%s, %s }," % (s(row["list"]["items"]), s(row["list"]["id"]),
                                                               row["list"]["owner"], s(row["list"].get("total", ""))))
    return out[:-1] + [out[-1][:-1] + " },"]


def opcat_def(ops, overlay, bounds):
    tables, rows, names = Tables(), [], {op["action"] for op in ops}
    for op in ops:
        row = overlay["operations"][op["action"]]
        lists = read_meanings(op, row, overlay, bounds)
        check_overlay(op, row, lists, bounds, names)
        rows += op_row(op, row, lists, bounds, tables)
    out = ["/* Generated by core/opcat_gen.py from docs/eas/operations.json and core/opcat_overlay.json. Do not edit:",
           " * change the inputs and run `src/core/opcat_gen.py .` in the root of the repository.",
           " * Fields: { name, type, required, encoding, meaning, bound, inner, inner_count, words, low } */", ""]
    out += tables.lines + ["", "static const struct op ops[] = {"] + rows
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
    overlay, bounds = load(root, "src", "core", "opcat_overlay.json"), load_bounds(root)
    need(set(overlay) == {"common", "trees", "operations"}, "the overlay has other parts")
    need(len({op["action"] for op in ops}) == len(ops), "an operation stands twice")
    need({op["action"] for op in ops} == set(overlay["operations"]), "operations and overlay name different operations: %s"
         % sorted({op["action"] for op in ops} ^ set(overlay["operations"])))
    for op in ops:
        check_op(op)
    return {"opcat.def": opcat_def(ops, overlay, bounds),
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
