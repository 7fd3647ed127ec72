// Fetches what takes a while line by line, moves the bar, and puts what was found in its place.
(function () {
    "use strict";
    const box = document.getElementById("to-preview");
    if (!box) return;
    const bar = document.getElementById("to-preview-bar");
    const count = document.getElementById("to-preview-count");

    function fail(text) {
        const message = document.createElement("p");
        message.className = "to-error";
        message.textContent = text;
        box.replaceChildren(message);
    }

    function take(line) {
        const step = JSON.parse(line);
        if (step.error) {
            fail(step.error);
        } else if (step.html !== undefined) {
            box.innerHTML = step.html; // rendered and escaped by the server's template
            box.className = "to-page";
            box.dispatchEvent(new CustomEvent("htmx:afterSettle", { bubbles: true })); // charts draw themselves
        } else if (step.told !== undefined) {
            count.textContent = step.told;
        } else {
            bar.max = step.total;
            bar.value = step.done;
            count.textContent = step.done + " of " + step.total;
        }
    }

    async function run() {
        const asked = { credentials: "same-origin" };
        // What it does is kept: a POST with the page's token.
        if (box.dataset.token) Object.assign(asked, { method: "POST", headers: { "X-CSRFToken": box.dataset.token } });
        // What it needs to know stands in a form of the page.
        const form = document.getElementById(box.dataset.form);
        if (form) Object.assign(asked, { method: "POST", body: new FormData(form) });
        const answer = await fetch(box.dataset.run, asked);
        if (!answer.ok) return fail("It failed (status " + answer.status + "). Reload the page.");
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
            const { done, value } = await reader.read();
            if (done) break;
            const lines = (rest + value).split("\n");
            rest = lines.pop();
            lines.forEach(take);
        }
        if (document.getElementById("to-preview-bar")) fail("It ended early. Reload the page.");
    }

    run().catch(function () { fail("The connection was lost. Reload the page."); });
})();
