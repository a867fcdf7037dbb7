/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The style of the report, and what colours a category of the breakdown.
 *
 * Colours are those of Okabe and Ito, "Color Universal Design", 2008, which
 * people with any kind of colour blindness tell apart; where there are more
 * categories than colours, hatching.  Light and dark follow the reader's
 * system, print is light.  Leaves out: any font, script or address.
 */
#include "report.h"

const char lh__report_style[] =
    ":root{color-scheme:light dark;--back:#fff;--text:#1a1a1a;--dim:#595959;"
    "--line:#c9c9c9;--panel:#f3f3f1;--land:#dededa;--sea:#f4f8fb;"
    "--wait:#8a8a8a;--other:#bcbcbc;--backward:#00334d}\n"
    "@media (prefers-color-scheme:dark){:root{--back:#15181c;--text:#e8e8e6;"
    "--dim:#a8adb3;--line:#454b52;--panel:#20252b;--land:#39414a;"
    "--sea:#1b2026;--wait:#8a8a8a;--other:#5d6369;"
    "--backward:#d3e6f3}}\n"
    "body{font:16px/1.5 system-ui,'DejaVu Sans',sans-serif;margin:0 auto;"
    "padding:1rem;max-width:60rem;background:var(--back);"
    "color:var(--text)}\n"
    "h1{font-size:1.35rem;line-height:1.35;margin:.5rem 0}"
    "h2{font-size:1.1rem;margin:2rem 0 .25rem}p{margin:.25rem 0}"
    "h1,h2,p,li{overflow-wrap:anywhere}td,th{overflow-wrap:break-word}\n"
    "figure{margin:.75rem 0;overflow-x:auto}"
    "figure svg{display:block;width:100%;min-width:40rem;height:auto}\n"
    "table{border-collapse:collapse;font-size:.85rem;margin:.5rem 0;"
    "font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:.15rem .75rem .15rem 0;"
    "border-bottom:1px solid var(--line);vertical-align:top}"
    "td.figure{text-align:right;white-space:nowrap}details{overflow-x:auto}"
    "summary{cursor:pointer;color:var(--dim)}\n"
    ".legend{list-style:none;padding:0;margin:.25rem 0;display:flex;"
    "flex-wrap:wrap;gap:.1rem 1rem;font-size:.85rem}"
    ".swatch{width:.8rem;height:.8rem;vertical-align:-.05rem}\n"
    "footer{margin-top:2rem;color:var(--dim);font-size:.85rem}\n"
    "figure text{font:13px system-ui,'DejaVu Sans',sans-serif;"
    "fill:var(--text)}figure text.dim{fill:var(--dim);font-size:12px}"
    "figure text.end{text-anchor:end}figure text.middle{text-anchor:middle}"
    "figure text.strong{font-weight:bold}"
    "figure text.on-dark{fill:#fff;font-size:12px}"
    "figure text.on-light{fill:#111;font-size:12px}"
    "figure text.edged{paint-order:stroke;stroke:#fff;stroke-opacity:.75;"
    "stroke-width:3px}"
    "figure text.halo{paint-order:stroke;stroke:var(--back);"
    "stroke-width:3px}\n"
    ".panel{fill:var(--panel)}.sea{fill:var(--sea)}"
    ".land{fill:var(--land);stroke:none}"
    ".axis{stroke:var(--dim);stroke-width:1}"
    ".rule{stroke:var(--line);stroke-width:1}"
    ".mark{stroke:var(--text);stroke-width:2;fill:none}"
    ".ring{stroke:#111;stroke-width:2;fill:none}"
    ".ring-back{stroke:#fff;stroke-width:5;fill:none}"
    ".contour{stroke:#d55e00;stroke-width:4;fill:none;"
    "stroke-linecap:round}"
    ".site{fill:#0072b2;stroke:var(--back);stroke-width:2}"
    ".node{fill:var(--dim);stroke:var(--back);stroke-width:1}"
    ".way{fill:none;stroke:#d55e00;stroke-linecap:round}"
    ".idle{stroke:var(--wait)}\n"
    ".compute,.weights,.train,.generate{fill:#0072b2}"
    ".backward{fill:var(--backward)}"
    ".recompute,.log-prob{fill:#56b4e9}"
    ".tensor,.gradients{fill:#009e73}.expert,.activations{fill:#f0e442}"
    ".context{fill:url(#stripes-context)}"
    ".pipeline,.switch{fill:#e69f00}.bubble{fill:url(#stripes-bubble)}"
    ".data,.optimizer-state,.gather{fill:#cc79a7}.wan{fill:#d55e00}"
    ".optimizer{fill:var(--text)}.wait{fill:var(--wait)}"
    ".other,.reserved{fill:var(--other)}.over{fill:#d55e00}\n"
    ".h0{fill:#f7fbff}.h1{fill:#deebf7}.h2{fill:#b5d3ea}.h3{fill:#7fb6da}"
    ".h4{fill:#4490c4}.h5{fill:#1764a5}.h6{fill:#08306b}"
    ".h0,.h1,.h2,.h3,.h4,.h5,.h6{stroke:var(--back)}\n"
    "@media print{:root{color-scheme:light;--back:#fff;--text:#000;"
    "--dim:#444;--line:#bbb;--panel:#f3f3f1;--land:#dededa;--sea:#fff;"
    "--other:#bcbcbc;--backward:#00334d}body{max-width:none}figure,tr,p,"
    ".legend{break-inside:avoid}h2,h2+p,.legend{break-after:avoid}"
    "table{font-size:.7rem}summary{display:none}details::details-content{"
    "content-visibility:visible;block-size:auto}*{"
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

/* Once a page: url(#...) of the style finds them. */
const char lh__report_patterns[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"0\" height=\"0\" "
    "style=\"position:absolute\" aria-hidden=\"true\"><defs>\n"
    "<pattern id=\"stripes-context\" width=\"6\" height=\"6\" "
    "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
    "<rect width=\"6\" height=\"6\" fill=\"#009e73\"/>"
    "<rect width=\"3\" height=\"6\" fill=\"#ffffff\"/></pattern>\n"
    "<pattern id=\"stripes-bubble\" width=\"6\" height=\"6\" "
    "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">"
    "<rect width=\"6\" height=\"6\" fill=\"#c8c8c8\"/>"
    "<rect width=\"2\" height=\"6\" fill=\"#6a6a6a\"/></pattern>\n"
    "</defs></svg>\n";

const char *lh__category_class(enum lh_category category)
{
    static const char *const classes[LH_CATEGORIES] = {
        [LH_COMPUTE] = "compute",
        [LH_RECOMPUTE] = "recompute",
        [LH_TENSOR_COMM] = "tensor",
        [LH_EXPERT_COMM] = "expert",
        [LH_CONTEXT_COMM] = "context",
        [LH_PIPELINE_COMM] = "pipeline",
        [LH_PIPELINE_BUBBLE] = "bubble",
        [LH_DATA_COMM] = "data",
        [LH_WAN_COMM] = "wan",
        [LH_OPTIMIZER] = "optimizer",
        [LH_WAIT] = "wait",
        [LH_OTHER] = "other",
    };

    return classes[category];
}
