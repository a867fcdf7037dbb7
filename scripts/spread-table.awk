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

function cell(gbit, best, bound) {
    if (gbit != "") return digits(gbit)
    if (best != "") return sprintf("no: %.1f %%, %s", 100 * best, bound)
    return "no figure"
}

# Of a row, "3,080".
function at(name, length_km) { return digits(plain_gbit[name, length_km]) }

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
    plain[++n] = cell(field[2], field[3], field[4])
    price = tokens(field[6], field[5], field[7])
    equal[n] = cell(field[8], field[9], field[10])
    runs += field[11]
    plain_gbit[name, field[1]] = field[2]
}

END {
    row()
    print ""
    print "*no*: not up to 1,000 Tbit/s; the share is the best there is, " \
          "and what binds it then: *latency*, the round trips of rings over"
    print "all members; *site bandwidth*, links inside the sites; *tokens*, " \
          "that the method needs more of. *no figure*: no source in print."
    print runs " runs in all."
    print ""
    print "## What it says"
    print ""
    with = "every step, hierarchical, with backward"
    after = "every step, hierarchical, after backward"
    large = with ", buckets of 4 GB"
    levels = with ", in levels"
    both = with " and next forward"
    printf "- Synchronous in every step takes %.0f wavelengths of 400 " \
           "Gbit/s at 100 km and %.0f at 5,000 km, beside the backward " \
           "pass; in one piece\n", plain_gbit[with, 100] / 400 + 0.5,
           plain_gbit[with, 5000] / 400 + 0.5
    printf "  after it %s Gbit/s there instead of %s. That is real: " \
           "buckets are reduced one after the other, as all that one " \
           "communicator\n", at(after, 5000), at(with, 5000)
    print "  of PyTorch runs goes in order on one stream " \
          "(`ProcessGroupNCCL`), so that each of the 8 of a stage, a layer " \
          "each, has a round trip"
    printf "  of its own. Buckets of 4 GB need %s Gbit/s at 5,000 km: far " \
           "apart larger buckets pay.\n", at(large, 5000)
    printf "- In levels two buckets are on the fibre at a time " \
           "(`plan.overlap.levels`). Here that saves nothing, %s at 100 km " \
           "and %s\n", at(levels, 100), at(levels, 5000)
    print "  at 5,000: the phases of a bucket, in a site and between them, " \
          "no longer overlap, and a stage has only 8 buckets."
    printf "- With the next forward to hide behind too " \
           "(`plan.overlap.forward`) %s to %s Gbit/s are enough, half.\n",
           at(both, 100), at(both, 5000)
    print "- A flat ring over all replicas carries nearly twice the bytes, " \
          "and its round trips alone cost more than 5 % at 5,000 km."
    print "- One parameter server of all 128 replicas is bound by its own " \
          "NICs, through which 127 buffers pass each way; of two islands"
    print "  by the fibre, once after every step."
    printf "- DiLoCo once in 30 steps needs %s Gbit/s, once in 100 %s, at " \
           "every distance: once in so many steps a round trip is nothing.\n",
           at("DiLoCo, H 30, 16 bit", 1000), at("DiLoCo, H 100, 16 bit", 1000)
    printf "  Beside the next 29 steps (eager updates) it is %s.\n",
           at("DiLoCo, H 30, 16 bit, beside the next 29 steps", 1000)
    print "- Two islands are one pair, so that gossip of weights sends what " \
          "an all-reduce does, and with an outer optimiser twice as much."
    printf "- A server that answers each learner at once takes %s Gbit/s: " \
           "the learner in its own site does not wait for the fibre. One\n",
           at("asynchronous DiLoCo, H 50, 32 bit", 1000)
    printf "  that waits for both takes %s: the push there and the answer " \
           "back follow each other.\n",
           at("asynchronous DiLoCo, H 50, 32 bit, quorum of 2", 1000)
    printf "- Streaming a fragment at a time, beside a step, needs %s Gbit/s " \
           "with 16 bits and %s with 4; beside five steps %s.\n",
           at("streaming, H 100, tau 1, 16 bit", 1000),
           at("streaming, H 100, tau 1, 4 bit", 1000),
           at("streaming, H 100, tau 5, 4 bit", 1000)
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
          "shorter and the fibre thicker in proportion. The step in one site"
    print "  has the row's plan too (overlap, buckets, ZeRO)."
    print "- The parameter server of two islands and compression are between " \
          "islands, after the optimiser of every step (`sync.kind:"
    print "  local-sgd`, `every: 1`), exact inside islands, and hidden behind " \
          "nothing. That of all replicas has ZeRO-0, for it has all-reduces."
    print "- Published settings: DiLoCo H 30 (arXiv:2503.09799), H 100 and " \
          "H 500 (arXiv:2501.18512, arXiv:2311.08105), H 30 beside the whole"
    print "  next phase (arXiv:2502.12996; one step less here); streaming " \
          "H 100, tau 1, 4 bit, three layers a fragment, here 42"
    print "  (arXiv:2501.18512), H 30 there too, with 12 fragments of 36 " \
          "layers; top-k 1 % (arXiv:1704.05021). Chosen here: the other bits,"
    print "  tau 5, 21 fragments with H 30, 1/32 of DeMo, 1 % of low rank, " \
          "H 16 of local SGD, H 50 of gossip (weights: arXiv:1710.06952;"
    print "  outer optimiser: arXiv:2506.10911) and of asynchronous DiLoCo " \
          "(arXiv:2401.09135; quorum: arXiv:2604.21428)."
    print "- Left out: pipeline, ZeRO-3 and experts across sites, which are " \
          "plans, no way to agree; hypercubes of gossip, which two islands"
    print "  do not tell from tournaments; shares of local steps by speed, " \
          "for the sites are alike."
    print "- Tokens to equal loss are those of the nearest published run " \
          "([model.md](model.md#equal-loss)), none above 10 billion parameters;"
    print "  for 405 billion they are an extrapolation. In brackets: by half " \
          "a unit of the last digit of either loss. They are of DiLoCo that"
    print "  waits and of streaming with tau 1, also where a row overlaps " \
          "with more steps."
    print "- The search ends at 2 %: the last digit is not exact."
}
