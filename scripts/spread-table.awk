# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/spread.csv as docs/spread.md: scripts/table-spread runs it.  A row of the
# table is three lines of the CSV, one a length.

# 6445 -> "6,450": three digits are what the search gives.
function digits(x,    s) {
    if (x < 10) return sprintf("%.2f", x)
    if (x < 100) return sprintf("%.1f", x)
    if (x < 1000) return sprintf("%.0f", x)
    s = sprintf("%.0f", 10 * int(x / 10 + 0.5))
    return substr(s, 1, length(s) - 3) "," substr(s, length(s) - 2)
}

function cell(gbit, best) {
    if (gbit != "") return digits(gbit)
    if (best != "") return sprintf("no: %.1f %%", 100 * best)
    return "no figure"
}

function tokens(low, middle, high) {
    if (middle == "") return "no published figure"
    if (low == high) return "1"
    return sprintf("%.2f (%.2f to %.2f)", middle, low, high)
}

function row(    i) {
    printf "| %s |", name
    for (i = 1; i <= 3; i++) printf " %s |", plain[i]
    printf " %s |", price
    for (i = 1; i <= 3; i++) printf " %s |", equal[i]
    print ""
}

BEGIN {
    print "# How thick must the fibre be?"
    print ""
    print "Llama-3.1-405B on 2 × 8,192 H100 " \
          "([llama-405b-two-sites.yaml](../examples/llama-405b-two-sites.yaml)): the smallest fibre,"
    print "in Gbit/s each way, with which a step takes at most 1/0.95 of the " \
          "same accelerators' in one site, synchronous in every step;"
    print "and the same at equal loss, the step times the tokens that the " \
          "method needs over those of every-step. `scripts/table-spread`"
    print "writes this page, [spread.csv](spread.csv) and the picture again " \
          "(a line of its list adds an algorithm)."
    print ""
    print "![The smallest fibre by algorithm and length](spread.svg)"
    print ""
    print "| algorithm | 100 km | 1,000 km | 5,000 km | tokens to equal loss " \
          "| 100 km | 1,000 km | 5,000 km |"
    print "|---|---:|---:|---:|---|---:|---:|---:|"
}

NR > 1 {
    split($0, quoted, "\"")
    sub(/^,/, "", quoted[3])
    split(quoted[3], field, ",")
    if (quoted[2] != name && name != "") row()
    if (quoted[2] != name) n = 0
    name = quoted[2]
    plain[++n] = cell(field[2], field[3])
    price = tokens(field[6], field[5], field[7])
    equal[n] = cell(field[8], field[9])
    runs += field[10]
    plain_gbit[name, field[1]] = field[2]
}

END {
    row()
    print ""
    print "*no*: not up to 1,000 Tbit/s; the share is the best there is. What " \
          "is left there is no matter of bandwidth: the round trips of the"
    print "collectives (above all rings over all members, whose latency " \
          "grows with the fibre), or tokens. *no figure*: no source in print."
    print runs " runs in all."
    print ""
    print "## What it says"
    print ""
    near_gbit = plain_gbit["every step, hierarchical, with backward", 100]
    far_gbit = plain_gbit["every step, hierarchical, with backward", 5000]
    printf "- Synchronous in every step takes %.0f wavelengths of 400 " \
           "Gbit/s at 100 km and %.0f at 5,000 km, beside the backward " \
           "pass: each bucket\n", near_gbit / 400 + 0.5, far_gbit / 400 + 0.5
    print "  of gradients waits for round trips. In one piece after it " \
          "distance costs less, so that far apart larger buckets pay."
    print "- A flat ring over all replicas carries nearly twice the bytes, " \
          "and its round trips alone cost more than 5 % at 5,000 km."
    printf "- DiLoCo once in 30 steps needs %s Gbit/s, once in 100 %s, at " \
           "every distance: once in so many steps a round trip is nothing.\n",
           digits(plain_gbit["DiLoCo, H 30, 16 bit", 1000]),
           digits(plain_gbit["DiLoCo, H 100, 16 bit", 1000])
    printf "- Streaming a fragment at a time, beside a step, needs %s Gbit/s " \
           "with 16 bits and %s with 4.\n",
           digits(plain_gbit["streaming, H 100, tau 1, 16 bit", 1000]),
           digits(plain_gbit["streaming, H 100, tau 1, 4 bit", 1000])
    print "- At equal loss, what is published does not tell to the digits " \
          "that it takes: 2.26 beside 2.25 is a price of nothing to a quarter"
    print "  of the tokens, and 95 % of the one-site step is out of reach " \
          "unless it is nearly nothing. With more digits, DiLoCo on two"
    print "  replicas is not worse than data parallelism (2.086 beside 2.090 " \
          "at 10 billion parameters, H 30), which halves the fibre."
    print ""
    print "## What it assumes"
    print ""
    print "- One fibre path, ideal transport, no background traffic; 20 us of " \
          "equipment; each site's network is not limited at its gateway."
    print "- The plan of the example at every length: 1F1B with 16 " \
          "micro-batches, half of whose step is pipeline bubble, so that"
    print "  exchange hides behind it; with a better schedule a step is " \
          "shorter and the fibre thicker in proportion."
    print "- The parameter server and compression are between islands, " \
          "after the optimiser of every step (`sync.kind: local-sgd`,"
    print "  `every: 1`), exact inside islands, and hidden behind nothing."
    print "- Published settings: DiLoCo H 30 (arXiv:2503.09799), H 100 and " \
          "H 500 (arXiv:2501.18512, arXiv:2311.08105); streaming H 100,"
    print "  tau 1, 4 bit, three layers a fragment (arXiv:2501.18512), H 30 " \
          "there too, with 12 fragments of 36 layers; top-k 1 %"
    print "  (arXiv:1704.05021). Chosen here: the other bits, 21 fragments " \
          "with H 30, 1/32 of DeMo, 1 % of low rank, H 16 of local SGD."
    print "- Tokens to equal loss are those of the nearest published run " \
          "([model.md](model.md#equal-loss)), none above 10 billion parameters;"
    print "  for 405 billion they are an extrapolation. In brackets: by half " \
          "a unit of the last digit of either loss."
    print "- The search ends at 2 %: the last digit is not exact."
}
