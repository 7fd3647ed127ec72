// Fits tables into the page. A list has its times and headings in one line wherever that fits. Any other table that would
// be cut becomes a block for each row on a narrow screen, see admin.css, with the heading of its column before each cell.
(function () {
    "use strict";

    // The heading of each column; one over several columns stands before those below it.
    function headings(table) {
        const found = [];
        const taken = [];
        [...(table.tHead ? table.tHead.rows : [])].forEach(function (row, depth) {
            let place = 0;
            [...row.cells].forEach(function (cell) {
                while (taken[place] > depth) place += 1;
                for (let end = place + cell.colSpan; place < end; place += 1) {
                    found[place] = [found[place], cell.textContent.trim()].filter(Boolean).join(" ");
                    taken[place] = depth + cell.rowSpan;
                }
            });
        });
        return found;
    }

    function label(table) {
        const named = headings(table);
        [...table.tBodies].forEach(function (body) {
            [...body.rows].forEach(function (row) {
                [...row.cells].forEach(function (cell, place) {
                    if (place && named[place]) cell.dataset.label = named[place];
                });
            });
        });
    }

    function fitTable(table) {
        table.classList.remove("to-stacks");
        if (table.scrollWidth <= table.parentElement.clientWidth) return;
        label(table);
        table.classList.add("to-stacks");
    }

    function fit() {
        document.querySelectorAll(".to-scroll > .to-table, .to-card > .to-table").forEach(fitTable);
        const list = document.getElementById("result_list");
        if (!list) return;
        list.classList.remove("to-tight");
        list.classList.toggle("to-tight", list.scrollWidth > list.parentElement.clientWidth);
    }

    window.addEventListener("load", fit);
    window.addEventListener("resize", fit);
    // At once when a part of the page has come, and again when its times have been marked.
    document.addEventListener("htmx:afterSwap", fit);
    document.addEventListener("htmx:afterSettle", fit);
    // What is folded has no width yet.
    document.addEventListener("toggle", fit, true);
})();
