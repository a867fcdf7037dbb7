# SPDX-License-Identifier: GPL-2.0-or-later
#
# sh -c TEXT sh PROGRAM WORD: what may follow WORD in --set and --vary, a key
# or, behind its "=", a choice or a row of a table; one a line.  It stands in
# the completion of every shell, so it has no single quotes.  [] is [N] as in
# WORD, else [0].
program=$1 word=$2
case $word in
*=*)
    key=${word%%=*}
    about=$("$program" explain "$(
        printf %s "$key" | sed "s/[[][0-9]*]/[]/g")")
    table=$(printf "%s\n" "$about" |
        sed -n "s/.*(longhaul list \([a-z]*\)).*/\1/p")
    {
        printf "%s\n" "$about" |
            sed -n "s/^  value  *one of //p; s/^  value  *true or /true, /p" |
            tr -d , | tr " " "\n"
        [ -z "$table" ] || "$program" list "$table" | sed 1d | cut -d" " -f1
    } | sed "s/^/$key=/"
    ;;
*)
    "$program" explain --all | awk -v word="$word" "/^[a-z]/ {
        key = \$0; typed = word; out = \"\"
        while ((i = index(key, \"[]\")) > 0) {
            n = 0
            if (match(typed, /[[][0-9]+]/)) {
                n = substr(typed, RSTART + 1, RLENGTH - 2)
                typed = substr(typed, RSTART + RLENGTH)
            }
            out = out substr(key, 1, i) n \"]\"
            key = substr(key, i + 2)
        }
        print out key \"=\"
    }"
    ;;
esac 2>/dev/null
