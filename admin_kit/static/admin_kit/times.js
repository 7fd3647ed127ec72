// Says beside a time in UTC how long ago it was, and as a hint what it was in the reader's own zone: the one chosen under
// Settings, or else the browser's.
(function () {
    "use strict";
    const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/;
    let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    let local;
    const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
    const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
    const DAYS_SHOWN = 60; // what is older than that is known by its date

    function ago(moment) {
        const seconds = (moment - Date.now()) / 1000;
        const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS[3];
        return relative.format(Math.round(seconds / size), unit);
    }

    function piece(text) {
        const span = document.createElement("span");
        span.textContent = text;
        return span;
    }

    // Wraps the first time of a text, and gives back the text after it.
    function mark(text) {
        const found = TIME.exec(text.data);
        const moment = new Date(found[0]);
        const within = text.splitText(found.index);
        const rest = within.splitText(found[0].length);
        const time = document.createElement("time");
        time.dateTime = found[0];
        time.title = ago(moment) + "; " + local.format(moment) + " " + zone;
        within.replaceWith(time);
        // Day and time of day each in one piece: a narrow column of a list breaks between them.
        const [day, clock] = found[0].split("T");
        time.append(piece(day), document.createElement("wbr"), piece("T" + clock));
        // In a table of times the hint is enough; beside a single one there is room.
        if (time.closest("dd, .readonly, figcaption") && Math.abs(moment - Date.now()) < DAYS_SHOWN * 86400000) {
            const said = document.createElement("small");
            said.className = "to-ago";
            said.textContent = " (" + ago(moment) + ")";
            time.after(said);
        }
        return rest;
    }

    function markAll(root) {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        const texts = [];
        while (walker.nextNode()) {
            const text = walker.currentNode;
            if (TIME.test(text.data) && !text.parentElement.closest("time, script, style, textarea, pre, code")) texts.push(text);
        }
        texts.forEach(function (text) {
            while (TIME.test(text.data)) text = mark(text);
        });
    }

    document.addEventListener("DOMContentLoaded", function () {
        zone = document.getElementById("page")?.dataset.timeZone || zone;
        local = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: zone });
        markAll(document.getElementById("main") || document.body);
    });
    document.addEventListener("htmx:afterSettle", function (event) { markAll(event.target); });
})();
