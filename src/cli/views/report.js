/* Sorts a table by the column whose title is pressed: numbers by their value, other texts by the alphabet. It has neither
   "less than" nor "and" signs, so that the page is also well-formed XML. */
"use strict";
function compare(a, b) {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
  const difference = Number(a) - Number(b);
  return Number.isNaN(difference) ? a.localeCompare(b, undefined, { numeric: true }) : difference;
}
function sort(table, column, title) {
  const down = title.getAttribute("aria-sort") === "ascending";
  const body = table.tBodies[0];
  const text = (row) => row.cells[column].textContent.trim();
  const rows = Array.from(body.rows).sort((a, b) => compare(text(a), text(b)));
  if (down) rows.reverse();
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  title.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows);
}
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((title, column) => {
    const button = document.createElement("button");
    button.textContent = title.textContent;
    button.addEventListener("click", () => sort(table, column, title));
    title.replaceChildren(button);
  });
}
