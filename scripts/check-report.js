// SPDX-License-Identifier: GPL-2.0-or-later
//
// scripts/check-report puts this into a copy of a report (which has no script
// itself) and reads what it finds from the page that Chromium then prints: of
// each picture the colours of its pixels as they are drawn, the texts that
// stand out of it, and those that lie on others; of the page its first line and whether it is too wide.
"use strict";

function drawn(svg) {
    const box = svg.viewBox.baseVal;
    const copy = svg.cloneNode(true);
    const style = document.createElementNS(svg.namespaceURI, "style");

    style.textContent = document.querySelector("style").textContent;
    copy.prepend(style, document.querySelector("defs").cloneNode(true));
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    return new Promise((resolve, reject) => {
        const image = new Image(box.width, box.height);
        image.onload = () => {
            const canvas = document.createElement("canvas");
            const context = canvas.getContext("2d");
            canvas.width = box.width;
            canvas.height = box.height;
            context.drawImage(image, 0, 0);
            resolve(context.getImageData(0, 0, box.width, box.height).data);
        };
        image.onerror = reject;
        image.src = "data:image/svg+xml," + encodeURIComponent(
            new XMLSerializer().serializeToString(copy));
    });
}

// Colours that more than a few pixels have, and the share of pixels that have
// another colour than most.
function colours(pixels) {
    const counts = new Map();
    for (let i = 0; i < pixels.length; i += 4) {
        const key = pixels.slice(i, i + 4).join();
        counts.set(key, (counts.get(key) || 0) + 1);
    }
    const sizes = [...counts.values()].sort((a, b) => b - a);
    return {
        n: sizes.filter((n) => n >= 20).length,
        percent: 100 * (1 - 4 * sizes[0] / pixels.length),
    };
}

function textsOutside(svg) {
    const box = svg.viewBox.baseVal;
    return [...svg.querySelectorAll("text")].filter((text) => {
        const at = text.getBBox();
        return at.x < -1 || at.x + at.width > box.width + 1
            || at.y < -1 || at.y + at.height > box.height + 1;
    }).map((text) => text.textContent);
}

// Texts that lie on one another by more than letters' ascent and descent do.
function textsOnTexts(svg) {
    const boxes = [...svg.querySelectorAll("text")].map((text) => ({
        at: text.getBBox(), says: text.textContent}));
    const found = [];
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
        const x = Math.min(a.at.x + a.at.width, b.at.x + b.at.width)
            - Math.max(a.at.x, b.at.x);
        const y = Math.min(a.at.y + a.at.height, b.at.y + b.at.height)
            - Math.max(a.at.y, b.at.y);
        if (x > 2 && y > 5)
            found.push(`${a.says} / ${b.says}`);
    }));
    return found;
}

window.addEventListener("load", async () => {
    const lines = ["first line: "
        + document.body.firstElementChild.textContent];
    for (const section of document.querySelectorAll("section")) {
        const svg = section.querySelector("figure svg");
        const found = colours(await drawn(svg));
        lines.push(`picture ${section.id}: ${found.n} colours, `
            + `${found.percent.toFixed(1)} % drawn, `
            + `${section.querySelectorAll("tbody tr").length} rows`);
        for (const text of textsOutside(svg))
            lines.push(`outside ${section.id}: ${text}`);
        for (const texts of textsOnTexts(svg))
            lines.push(`overlap ${section.id}: ${texts}`);
    }
    if (document.documentElement.scrollWidth > window.innerWidth)
        lines.push(`too wide: ${document.documentElement.scrollWidth}`);
    const found = document.createElement("pre");
    found.id = "found";
    found.textContent = "\n" + lines.join("\n") + "\nend\n";
    document.body.append(found);
});
