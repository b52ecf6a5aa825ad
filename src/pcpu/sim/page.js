"use strict";
// Rows of all panels that are of one statement belong together: hovering shows them, a click pins
// them and brings them into view.
(() => {
  const rows = new Map();
  for (const row of document.querySelectorAll("[data-s]")) {
    for (const statement of row.dataset.s.split(" ")) {
      if (!rows.has(statement)) rows.set(statement, []);
      rows.get(statement).push(row);
    }
  }

  function mark(style, statements) {
    for (const row of document.querySelectorAll("." + style)) row.classList.remove(style);
    for (const statement of statements) {
      for (const row of rows.get(statement)) row.classList.add(style);
    }
  }

  const of = (row) => (row === null ? [] : row.dataset.s.split(" "));
  let pinned = "";

  function pin(row) {
    const same = row === null || row.dataset.s === pinned;
    pinned = same ? "" : row.dataset.s;
    mark("pinned", same ? [] : of(row));
    document.body.classList.toggle("pinning", !same);
    if (same) return;
    for (const panel of document.querySelectorAll(".scroll")) {
      const first = panel.querySelector(".pinned");
      if (first === null || panel.contains(row)) continue;
      panel.scrollTo({ top: first.offsetTop - panel.clientHeight / 3 });
    }
  }

  document.addEventListener("mouseover", (event) => mark("near", of(event.target.closest("[data-s]"))));
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-s]");
    if (row !== null) pin(row);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") pin(null);
    const row = event.target.closest("[data-s]");
    if (event.key === "Enter") if (row !== null) pin(row);
  });
})();
