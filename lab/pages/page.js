"use strict";
(function () {
  const body = document.body;
  function show(language) {
    body.className = "show-" + language;
    document.documentElement.lang = language;
    try { localStorage.setItem("fieldrec-language", language); } catch (error) { /* a page from a file may have none */ }
  }
  let kept = null;
  try { kept = localStorage.getItem("fieldrec-language"); } catch (error) { /* see above */ }
  if (kept === "ru" || kept === "en") show(kept);
  document.querySelectorAll("[data-switch]").forEach(function (button) {
    button.addEventListener("click", function () { show(body.classList.contains("show-ru") ? "en" : "ru"); });
  });
  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.addEventListener("click", function () { window.print(); });
  });
  document.querySelectorAll("table[data-sortable]").forEach(function (table) {
    table.querySelectorAll("th[data-sort]").forEach(function (head) {
      head.tabIndex = 0;
      function sort() {
        const down = head.getAttribute("aria-sort") === "ascending";
        const at = head.cellIndex, rows = Array.from(table.tBodies[0].rows);
        const numbers = head.dataset.sort === "number";
        rows.sort(function (one, other) {
          const a = one.cells[at].dataset.value, b = other.cells[at].dataset.value;
          const order = numbers ? Number(a) - Number(b) : a.localeCompare(b);
          return down ? -order : order;
        });
        table.querySelectorAll("th[aria-sort]").forEach(function (old) { old.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows.forEach(function (row) { table.tBodies[0].appendChild(row); });
      }
      head.addEventListener("click", sort);
      head.addEventListener("keydown", function (event) { if (event.key === "Enter") sort(); });
    });
  });
  document.querySelectorAll("input[data-filter]").forEach(function (input) {
    const table = document.getElementById(input.dataset.filter);
    input.addEventListener("input", function () {
      const wanted = input.value.trim().toLowerCase();
      Array.from(table.tBodies[0].rows).forEach(function (row) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      });
    });
  });
})();
