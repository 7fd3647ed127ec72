// Draws the charts of a part that htmx has just put in place; Unfold draws those of a whole page.
document.addEventListener("htmx:afterSettle", function (event) {
    "use strict";
    if (event.target.querySelector("canvas.chart")) renderCharts();
});
