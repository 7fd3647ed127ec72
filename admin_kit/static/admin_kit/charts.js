// Draws the charts of admin_kit/chart.html with Unfold's Chart.js: colours of the theme, dashes, markers and patterns
// that black-and-white paper tells apart, axes with titles, a legend that shows what the lines look like.
(function () {
    "use strict";
    // Colour of the style sheet, dash, marker, pattern of a bar.
    const LOOKS = {
        a: ["--chart-1", [], "circle", "solid"],
        b: ["--chart-2", [7, 4], "triangle", "stripes"],
        // Engine B where no A stands beside it, but its own shadows do.
        "b-alone": ["--chart-2", [], "triangle", "solid"],
        difference: ["--chart-3", [], "rect", "solid"],
        range: ["--chart-3", [2, 3], false, "solid"],
        limit: ["--to-loss", [10, 3, 2, 3], false, "solid"],
        other: ["--to-muted", [3, 3], "cross", "dots"],
    };
    const MOST_MARKERS = 12;
    const root = document.documentElement;
    const drawn = new Map();

    function colour(name) {
        return getComputedStyle(root).getPropertyValue(name).trim();
    }

    function pattern(kind, tone) {
        if (kind === "solid") return tone;
        const tile = new OffscreenCanvas(8, 8), pen = tile.getContext("2d");
        pen.strokeStyle = pen.fillStyle = tone;
        pen.lineWidth = 2;
        if (kind === "stripes") {
            for (const shift of [-8, 0, 8]) { pen.moveTo(shift, 8); pen.lineTo(shift + 8, 0); }
            pen.stroke();
        } else {
            pen.fillRect(1, 1, 3, 3);
            pen.fillRect(5, 5, 3, 3);
        }
        return pen.createPattern(tile, "repeat");
    }

    function digits(value) { return window.toSigns(plainDigits(value)); }

    function plainDigits(value) {
        if (value === null || value === undefined) return "none";
        const size = Math.abs(value);
        if (size >= 1e6) return value.toLocaleString("en-GB", { notation: "compact", maximumFractionDigits: 2 });
        if (size && size < 1e-6) return value.toExponential(2);
        if (size && size < 0.0005) return value.toLocaleString("en-GB", { maximumSignificantDigits: 2 });
        return value.toLocaleString("en-GB", { maximumFractionDigits: size >= 100 ? 1 : size >= 1 ? 2 : 4 });
    }

    // What stands in the legend: a stretch of the line with its marker, or a filled box.
    function sample(set) {
        const box = document.createElement("canvas"), pen = box.getContext("2d");
        box.width = 36; box.height = 12;
        pen.strokeStyle = set.borderColor;
        if (set.type === "bar") {
            pen.fillStyle = set.backgroundColor;
            pen.fillRect(8, set.thin ? 4 : 1, 20, set.thin ? 4 : 10);
            if (!set.thin) pen.strokeRect(8.5, 1.5, 19, 9);
            return box;
        }
        if (set.showLine !== false) {
            pen.lineWidth = 2;
            pen.setLineDash(set.borderDash);
            pen.moveTo(0, 6); pen.lineTo(36, 6);
            pen.stroke();
            pen.setLineDash([]);
        }
        if (set.pointStyle) {
            pen.fillStyle = set.borderColor;
            Chart.helpers.drawPoint(pen, { pointStyle: set.pointStyle, radius: 5, borderWidth: 2, rotation: 0 }, 18, 6);
        }
        return box;
    }

    function dataset(one, count, sideways) {
        const [name, dash, marker, fill] = LOOKS[one.look];
        const tone = colour(name);
        const every = Math.max(1, Math.ceil(count / MOST_MARKERS));
        const set = { label: window.toSigns(one.name), data: one.values, borderColor: tone, backgroundColor: tone };
        if (one.form === "bar") {
            return Object.assign(set, {
                type: "bar", backgroundColor: pattern(one.dashed ? "stripes" : fill, tone), borderWidth: 1, order: 2,
                maxBarThickness: 48,
            });
        }
        if (one.form === "interval") {
            return Object.assign(set, { type: "bar", thin: true, barThickness: 4, grouped: false, order: 1 });
        }
        if (one.form === "points") {
            Object.assign(set, { showLine: false, pointStyle: marker || "circle", pointRadius: 5, pointHoverRadius: 7 });
        } else {
            Object.assign(set, {
                pointStyle: marker, pointRadius: (at) => marker && at.dataIndex % every === 0 ? 4 : 0,
                pointHitRadius: 8, stepped: one.form === "step", spanGaps: true, tension: 0,
            });
        }
        return Object.assign(set, {
            type: "line", borderWidth: 2, borderDash: one.dashed ? [4, 3] : dash, order: 0,
            indexAxis: sideways ? "y" : "x", fill: one.fill ? { target: "-1" } : false,
            backgroundColor: one.fill ? "color-mix(in srgb, " + tone + " 15%, transparent)" : tone,
        });
    }

    // The places of a page's own: phases, verdicts.
    const marks = {
        id: "marks",
        afterDatasetsDraw(chart, _, options) {
            const pen = chart.ctx, area = chart.chartArea, scale = chart.scales[chart.options.indexAxis];
            pen.save();
            pen.strokeStyle = pen.fillStyle = colour("--to-text");
            pen.font = "11px " + Chart.defaults.font.family;
            pen.setLineDash([4, 4]);
            (options.list || []).forEach(function (mark, number) {
                const place = chart.data.labels.indexOf(window.toSigns(mark.label));
                if (place < 0) return;
                const x = scale.getPixelForValue(place), late = x > (area.left + area.right) / 2;
                pen.beginPath();
                pen.moveTo(x, area.top);
                pen.lineTo(x, area.bottom);
                pen.stroke();
                pen.textAlign = late ? "right" : "left";
                pen.fillText(window.toSigns(mark.text), x + (late ? -4 : 4), area.top + 11 + 13 * (number % 3));
            });
            pen.restore();
        },
    };

    function options(spec) {
        const text = colour("--to-muted"), grid = { color: colour("--to-line") };
        const narrow = window.innerWidth < 640;
        const title = (words) => ({ display: true, text: window.toSigns(words), color: text });
        const offset = spec.sideways || spec.series.some((one) => one.form === "bar" || one.form === "interval");
        const labels = {
            title: title(spec.label_title), grid: spec.sideways ? { display: false } : grid,
            // Without an offset Chart.js takes one label more than it has counted room for.
            ticks: { color: text, maxRotation: 0, autoSkip: !spec.sideways, autoSkipPadding: offset ? 12 : 36, maxTicksLimit: narrow ? 4 : root.hasAttribute("data-paper") ? 6 : 9 },
            offset,
        };
        if (spec.sideways) delete labels.ticks.maxTicksLimit;
        labels.stacked = spec.stacked;
        const values = {
            title: title(spec.value_title), stacked: spec.stacked, type: spec.log ? "logarithmic" : "linear",
            grid: { color: (at) => (at.tick && at.tick.value === 0 ? text : grid.color) },
            ticks: { color: text, maxTicksLimit: 7, maxRotation: 0 },
        };
        // Powers of ten; where few of them lie in the picture, their double and their fivefold as well.
        if (spec.log) values.ticks.callback = function (value) {
            const first = Number(value.toExponential(6).split("e")[0]);
            return (this.max / this.min > 1000 ? [1] : [1, 2, 5]).includes(first) ? digits(value) : "";
        };
        else values.ticks.callback = digits;
        [values.min, values.max] = spec.bounds.map((edge) => (edge === null ? undefined : edge));
        return {
            animation: false, responsive: true, maintainAspectRatio: false,
            indexAxis: spec.sideways ? "y" : "x",
            interaction: { mode: "index", axis: spec.sideways ? "y" : "x", intersect: false },
            scales: spec.sideways ? { x: values, y: labels } : { x: labels, y: values },
            plugins: {
                marks: { list: spec.marks },
                legend: {
                    display: true, position: "bottom",
                    labels: {
                        color: colour("--to-text"), usePointStyle: true, pointStyleWidth: 36, padding: 14,
                        generateLabels: (chart) => Chart.defaults.plugins.legend.labels.generateLabels(chart).map(
                            (item) => Object.assign(item, { pointStyle: sample(chart.data.datasets[item.datasetIndex]) })
                        ),
                    },
                },
                tooltip: {
                    usePointStyle: true,
                    callbacks: {
                        label(at) {
                            const value = spec.series[at.datasetIndex].values[at.dataIndex];
                            const said = Array.isArray(value) ? value.map(digits).join(" to ") : digits(value);
                            return " " + at.dataset.label + ": " + said;
                        },
                    },
                },
            },
            onClick(event, _, chart) {
                const [hit] = chart.getElementsAtEventForMode(event, "index", { intersect: false, axis: chart.options.indexAxis }, true);
                if (hit && spec.links[hit.index]) window.location.href = spec.links[hit.index];
            },
        };
    }

    function draw(figure) {
        const spec = JSON.parse(figure.querySelector("script").textContent);
        const before = drawn.get(figure);
        if (before) before.destroy();
        drawn.set(figure, new Chart(figure.querySelector("canvas"), {
            data: {
                labels: spec.labels.map(window.toSigns),
                datasets: spec.series.map((one) => dataset(one, spec.labels.length, spec.sideways)),
            },
            options: options(spec),
            plugins: [marks],
        }));
    }

    function drawAll() {
        for (const figure of drawn.keys()) if (!figure.isConnected) { drawn.get(figure).destroy(); drawn.delete(figure); }
        document.querySelectorAll("figure[data-chart]").forEach(draw);
    }

    drawAll();
    // The menu changes the theme by a class of <html>.
    new MutationObserver(drawAll).observe(root, { attributes: true, attributeFilter: ["class"] });
    document.addEventListener("htmx:afterSettle", function (event) {
        event.target.querySelectorAll("figure[data-chart]").forEach(draw);
    });
    // Paper is white, whatever the screen is.
    let wasDark = false;
    window.addEventListener("beforeprint", function () {
        wasDark = root.classList.contains("dark");
        root.classList.remove("dark");
        root.toggleAttribute("data-paper", true);
        drawAll();
    });
    window.addEventListener("afterprint", function () {
        root.classList.toggle("dark", wasDark);
        root.toggleAttribute("data-paper", false);
        drawAll();
    });
})();
