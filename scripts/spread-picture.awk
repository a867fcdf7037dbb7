# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/spread.csv as a picture: scripts/table-spread runs it.  A line an
# algorithm, a full dot a length, a ring for the same at equal loss.

function x(gbit) { return 385 + 420 * log(gbit) / log(10) / 4 }
function text(px, py, anchor, size, s) {
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" " \
           "font-size=\"%d\">%s</text>\n", px, py, anchor, size, s
}
function dot(px, py, i, full) {
    printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" " \
           "stroke=\"%s\" stroke-width=\"1.5\"/>\n", px, py, full ? 4 : 5.5,
           full ? colour[i] : "none", colour[i]
}

BEGIN {
    split("#0072b2 #e69f00 #d55e00", colour, " ")
    top = 76
    step = 24
}

NR > 1 {
    split($0, quoted, "\"")
    sub(/^,/, "", quoted[3])
    split(quoted[3], field, ",")
    if (quoted[2] != name[n]) name[++n] = quoted[2]
    if (n == 1) length_km[++lengths] = field[1]
    for (i = 1; length_km[i] != field[1]; i++) { }
    plain[n, i] = field[2]
    lacking[n] += field[2] == ""
    equal[n, i] = field[8]
}

END {
    height = top + step * n + 40
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"910\" height=\"" \
          height "\" viewBox=\"0 0 910 " height \
          "\" font-family=\"sans-serif\" role=\"img\">"
    print "<title>The smallest fibre for 95 % of the one-site step, by " \
          "algorithm and length</title>"
    print "<rect width=\"910\" height=\"" height "\" fill=\"#ffffff\"/>"
    text(16, 24, "start", 14, "Llama-3.1-405B on 2 \303\227 8,192 H100: the " \
         "smallest fibre for 95 % of the one-site step")
    for (i = 1; i <= lengths; i++) {
        dot(340 + 110 * (i - 1), 46, i, 1)
        text(350 + 110 * (i - 1), 50, "start", 12, length_km[i] " km")
    }
    dot(670, 46, 1, 0)
    text(680, 50, "start", 12, "at equal loss")
    for (e = 0; e <= 4; e++) {
        printf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" " \
               "stroke=\"#dddddd\"/>\n", x(10 ^ e), x(10 ^ e), top - 12,
               top + step * n - 8
        text(x(10 ^ e), top + step * n + 8, "middle", 12, 10 ^ e)
    }
    text(x(100), top + step * n + 28, "middle", 13, "Gbit/s each way")
    for (r = 1; r <= n; r++) {
        y = top + step * (r - 1)
        text(360, y + 4, "end", 12, name[r])
        for (i = lengths; i >= 1; i--) {
            if (plain[r, i] != "") dot(x(plain[r, i]), y, i, 1)
            else if (lacking[r] == lengths && i == 1)
                text(828, y + 4, "start", 10, "at no length")
            else if (lacking[r] < lengths) {
                printf "<g fill=\"%s\">", colour[i]
                text(828, y + 4 + 9 * (i - 2) * (lacking[r] > 1), "start", 10,
                     length_km[i] " km: no")
                print "</g>"
            }
            if (equal[r, i] != "" && equal[r, i] != plain[r, i])
                dot(x(equal[r, i]), y, i, 0)
        }
    }
    print "</svg>"
}
