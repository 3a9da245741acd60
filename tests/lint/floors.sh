#!/bin/sh
# Checks the sources against floors.txt (its head says what the rows mean): `floors.sh ROOT`. Each finding is a line
# file:line: what; exit 1 if there is one, 2 if it cannot look.
set -eu
root=${1:?usage: floors.sh ROOT}
table=$root/tests/lint/floors.txt
cd "$root"
[ -d src ] && [ -r "$table" ] || { echo "floors.sh: no src/ or no table in $root" >&2; exit 2; }
files=$(find src -type f -name '*.[ch]' | LC_ALL=C sort)
[ -n "$files" ] || { echo "floors.sh: no sources in $root/src" >&2; exit 2; }
if find src -name '*[[:space:]]*' | grep .; then echo "floors.sh: names with blanks" >&2; exit 2; fi

# shellcheck disable=SC2086  # the names have no blanks
LC_ALL=C exec awk -v max=600 '
function found(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; findings++ }

# Is the header one of the globs (only a * at the end is special)?
function matches(header, globs,    list, n, i) {
    n = split(globs, list, " ")
    for (i = 1; i <= n; i++) {
        if (list[i] == header) return 1
        if (list[i] ~ /\*$/ && index(header, substr(list[i], 1, length(list[i]) - 1)) == 1) return 1
    }
    return 0
}

# ---- the table ----
FNR == 1 { reading_table = (++file_number == 1) }
reading_table && /^(#|[ \t]*$)/ { next }
reading_table {
    colon = index($0, ":")
    key = substr($0, 1, colon - 1)
    rest = substr($0, colon + 1)
    if (key == "system" || key == "long") { list[key] = list[key] " " rest; next }
    bar = index(rest, "|")
    if (!colon || !bar) { found("not a row"); next }
    floors[key] = substr(rest, 1, bar - 1)
    outside[key] = substr(rest, bar + 1)
    next
}

# ---- the sources ----
FNR == 1 {
    split(FILENAME, part, "/")
    floor = part[2]
    base = FILENAME
    sub(/.*\//, "", base)
    row = floor "=" base
    own = substr(FILENAME, 5)
    own_is_due = sub(/\.c$/, ".h", own) && (getline unused < ("src/" own)) >= 0
    close("src/" own)
    if (!(floor in floors)) found("no row for the floor \"" floor "\"")
}
FNR == max + 1 && !matches(FILENAME, list["long"]) { found("more than " max " lines: look for the second job in it") }
/^[ \t]*#[ \t]*include/ {
    header = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", header)
    quote = substr(header, 1, 1)
    header = substr(header, 2)
    sub(/[">].*/, "", header)
    if (own_is_due && !(quote == "\"" && header == own)) found("the first include is not \"" own "\"")
    own_is_due = 0
    if (quote == "\"") {
        slash = index(header, "/")
        to = substr(header, 1, slash ? slash - 1 : 0)
        if (!slash) found("\"" header "\" does not name its floor")
        else if (to != floor && !matches(to, floors[floor] " " floors[row])) found(floor " may not include \"" header "\"")
        else if (matches("-" header, floors[floor])) found(floor " must not include \"" header "\"")
    } else if (quote != "<")
        found("an include that is neither \"...\" nor <...>")
    else if (!matches(header, list["system"] " " outside[floor] " " outside[row]))
        found(floor " may not include <" header ">")
}
END { exit findings > 0 }
' "$table" $files
