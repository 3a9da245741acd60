#!/bin/sh
# Does docs/audit.md say what to do at each text that the audit log and its copy to syslog can print? `runbook.sh ROOT`.
# In the first column of a table of chapters 12 to 14 there must stand:
#   of the files below, each text of two words and more: reasons, notes, what is logged
#   of all sources, each event of the areas audit and ship at level warn or error; of cmd_serve.c and doubt.c that of any area but config
# A text is looked for in pieces, as a %s or %llu parts it. What follows a piece behind a `:`, `;` or `(` explains, and may be missing.
# `no memory for X` is `no memory`. Each finding is a line FILE: piece; exit 1 if there is one, 2 if it cannot look.
set -eu
cd "${1:?usage: runbook.sh ROOT}"
set -- src/core/audit_*.c src/edge/auditor*.c src/edge/ledger*.c src/edge/segment.c src/edge/archive*.c src/edge/audit_*.c \
    src/edge/room.c src/edge/ship*.c src/app/cmd_audit_verify.c src/app/cmd_audit_walk.c src/app/cmd_serve.c src/flow/doubt.c docs/audit.md
for file; do [ -r "$file" ] || { echo "runbook.sh: there is no $file" >&2; exit 2; }; done
sources=$(find src -name '*.c' | LC_ALL=C sort)

# shellcheck disable=SC2086  # the names have no blanks
LC_ALL=C exec awk -v files="$*" '
function cannot(what) { print "runbook.sh: " what > "/dev/stderr"; failed = 2; exit 2 }

# ---- the document ----
FILENAME == "docs/audit.md" {
    if (/^## /) in_runbook = /^## 1[234]\./
    if (in_runbook && split($0, cell, "|") > 2) { rows++; doc = doc "\n" cell[2] }
    next
}

# ---- the sources ----
FILENAME != file { if (file != "") take_file(); file = FILENAME; source = "" }
{ source = source $0 "\n" }
END {
    if (failed) exit failed
    take_file()
    if (rows < 50 || pieces < 100 || events < 20) cannot("too little found: " rows " rows, " pieces " pieces, " events " events")
    exit findings > 0
}

# The source without comments, its texts taken out: text[1..texts], marks with their numbers in their places. Neighbours are one text,
# also with a macro between them, which counts as a %s.
function take_texts(    rest, out, at, one, gap) {
    texts = 0
    out = ""
    rest = source
    gsub(/\n[ \t]*#[ \t]*include[^\n]*/, "\n", rest)
    while (match(rest, /"|\047|\/\*/)) {
        one = substr(rest, RSTART, RLENGTH)
        gap = substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART)
        out = out gap
        if (one == "/*") {
            if (!(at = index(rest, "*/"))) cannot(file ": a comment has no end")
            rest = substr(rest, at + 2)
            continue
        }
        if (!match(rest, /^"([^"\\\n]|\\.)*"/) && !match(rest, /^\047([^\047\\\n]|\\.)+\047/))
            cannot(file ": a text has no end: " substr(rest, 1, 40))
        one = substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
        if (one ~ /^\047/) continue
        text[++texts] = substr(one, 2, length(one) - 2)
        out = out "\001" texts "\002"
    }
    code = out rest
    while (match(code, /\001[0-9]+\002[ \t\n]*[A-Z_]*[ \t\n]*\001[0-9]+\002/))
        join(substr(code, RSTART, RLENGTH), RSTART, RLENGTH)
}

function join(both, start, n,    part, first, second) {
    split(both, part, /[\001\002]/)
    first = part[2]
    second = part[4]
    text[first] = text[first] (part[3] ~ /[A-Z]/ ? "%s" : "") text[second]
    text[second] = ""
    code = substr(code, 1, start - 1) "\001" first "\002" substr(code, start + n)
}

function take_file(    i) {
    take_texts()
    is_reasons = index(" " files, " " file " ") && !other_areas()
    for (i = 1; is_reasons && i <= texts; i++) look_for(text[i], 0)
    take_events()
}

# The events of the file. The level and the area come first; the message may be one of several, or a variable, whose texts
# stand in a file of reasons then.
function take_events(    rest, call, part, n, i, area) {
    rest = code
    while (match(rest, /log_(event|line)\(/)) {
        rest = substr(rest, RSTART + RLENGTH)
        call = substr(rest, 1, index(rest, ";"))
        sub(/LOG_[CSN]\(.*/, "", call)
        n = split(call, part, /[\001\002]/)
        area = n > 1 ? text[part[2]] : ""
        if (call !~ /LOG_(WARN|ERROR)/) continue
        if (area != "audit" && area != "ship" && (!other_areas() || area == "config")) continue
        events++
        if (n < 4 && !is_reasons) cannot(file ": an event is not understood: " call)
        for (i = 4; i <= n; i += 2) look_for(text[part[i]], 1)
    }
}

# Their events count whatever the area, their other texts do not.
function other_areas() { return file ~ /\/(cmd_serve|doubt)\.c$/ }

function has_words(piece) { return piece ~ /[^ ] [^ ]/ }

function trimmed(piece) {
    sub(/^[^a-zA-Z]+/, "", piece)
    sub(/[^a-zA-Z0-9]+$/, "", piece)
    return piece
}

# is_short: also a text of one word.
function look_for(words, is_short,    list, n, i, piece, head, is_cut) {
    if (words ~ /^\\r/) return # the bar of progress
    gsub(/\\"/, "\"", words)
    gsub(/\\n/, " ", words)
    sub(/^no memory.*/, "no memory ", words)
    gsub(/%%/, " ", words)
    n = split(words, list, /%[-+ #0]*[0-9*]*(\.[0-9*]+)?(hh|h|ll|l|z|j)?[a-zA-Z]/)
    for (i = 1; i <= n && !is_cut; i++) {
        piece = trimmed(list[i])
        while (!is_cut && match(piece, /[:;(]/)) {
            head = trimmed(substr(piece, 1, RSTART - 1))
            is_cut = has_words(head)
            piece = is_cut ? head : trimmed(substr(piece, RSTART + 1))
        }
        if (!has_words(piece) && !(is_short && piece != "")) continue
        pieces++
        if (index(doc, piece) || (file, piece) in told) continue
        told[file, piece] = 1
        print file ": " piece
        findings++
    }
}
' docs/audit.md $sources
