/* What every page answers to: buttons that copy (data-copy), and keys. "/" searches, "?" helps, j and k go through the rows of a list, Enter opens one, Esc leaves it.
   A row opens by a click anywhere on it as well. Nothing of this while somebody types. */
(function () {
    "use strict";

    const TYPING = "input, textarea, select, [contenteditable], dialog[open] *";

    function rows() {
        return [...document.querySelectorAll("#result_list tbody tr, [data-rows] tbody tr")].filter(
            function (row) { return row.offsetParent && row.querySelector("a[href]"); });
    }

    function linkOf(row) { return row.querySelector("th a[href]") || row.querySelector("a[href]"); }

    function move(by) {
        const all = rows();
        if (!all.length) return;
        const here = all.findIndex(function (row) { return row.contains(document.activeElement); });
        const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1);
        linkOf(all[next]).focus();
        all[next].scrollIntoView({ block: "nearest" });
    }

    document.addEventListener("keydown", function (event) {
        const search = document.getElementById("search-input-command");
        if (event.ctrlKey || event.metaKey || event.altKey || (event.target.matches && event.target.matches(TYPING))) return;
        if (search && search.offsetParent) return;
        const keys = {
            "/": function () { window.dispatchEvent(new CustomEvent("opencommand")); },
            "?": function () { const help = document.getElementById("to-keys"); if (help) help.showModal(); },
            "j": function () { move(1); },
            "k": function () { move(-1); },
            "Escape": function () {
                const open = document.querySelector("details.to-drop[open]");
                if (open) { open.open = false; open.querySelector("summary").focus(); }
                else document.activeElement.blur();
            },
        };
        if (!keys[event.key]) return;
        event.preventDefault();
        /* Unfold's own "/" would go to the list's search field. */
        event.stopImmediatePropagation();
        keys[event.key]();
    }, true);

    function copy(button) {
        navigator.clipboard.writeText(button.dataset.copy).then(function () {
            const icon = button.querySelector("span");
            icon.textContent = "check";
            button.title = "Copied";
            setTimeout(function () { icon.textContent = "content_copy"; }, 1500);
        });
    }

    document.addEventListener("click", function (event) {
        const copied = event.target.closest("[data-copy]");
        if (copied) { copy(copied); return; }
        document.querySelectorAll("details.to-drop[open]").forEach(function (one) {
            if (!one.contains(event.target)) one.open = false;
        });
        const row = event.target.closest("#result_list tbody tr, [data-rows] tbody tr");
        if (!row || event.target.closest("a, button, input, label, summary, select, textarea")) return;
        const link = linkOf(row);
        if (link && !String(window.getSelection())) link.click();
    });
})();
