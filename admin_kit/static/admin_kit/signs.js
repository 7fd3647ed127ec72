// One minus sign for people: what the server writes as "-0.19" and "A - B", so that files and programs read it, stands on
// pages as "−0.19" and "A − B". Code, payloads and what is typed stay as they are. Charts draw by the same function.
window.toSigns = function (text) {
    "use strict";
    return String(text).replace(/(^|[^\w.])-(?=\.?\d)/g, "$1−").replace(/\bA - B\b/g, "A − B");
};
(function () {
    "use strict";
    const LEFT_ALONE = "script, style, textarea, pre, code, input, time";

    function markAll(root) {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const text = walker.currentNode;
            if (!text.data.includes("-") || text.parentElement.closest(LEFT_ALONE)) continue;
            const signed = window.toSigns(text.data);
            if (signed !== text.data) text.data = signed;
        }
    }

    document.addEventListener("DOMContentLoaded", function () { markAll(document.getElementById("main") || document.body); });
    document.addEventListener("htmx:afterSettle", function (event) { markAll(event.target); });
})();
