"use strict";
// Whoever points at a node, or looks for a text, sees what is connected with it; the text is kept in the page's address.
const graph = document.querySelector("svg");
const search = document.querySelector("input");
const nodes = new Map([...graph.querySelectorAll("[data-node]")].map((node) => [node.dataset.node, node]));
const edges = [...graph.querySelectorAll("[data-from]")];
const next = { from: new Map(), to: new Map() };
for (const { dataset: { from, to } } of edges) {
  next.to.set(from, [...(next.to.get(from) ?? []), to]);
  next.from.set(to, [...(next.from.get(to) ?? []), from]);
}
function connected(id) {
  const found = new Set([id]);
  for (const way of [next.to, next.from]) {
    const open = [id];
    while (open.length) {
      for (const other of way.get(open.pop()) ?? []) {
        if (!found.has(other)) { found.add(other); open.push(other); }
      }
    }
  }
  return found;
}
function show(ids) {
  const chosen = new Set(ids.flatMap((id) => [...connected(id)]));
  graph.classList.toggle("chosen", ids.length > 0);
  for (const [id, node] of nodes) node.classList.toggle("on", chosen.has(id));
  for (const edge of edges) edge.classList.toggle("on", chosen.has(edge.dataset.from) && chosen.has(edge.dataset.to));
}
function look() {
  const text = search.value.trim().toLowerCase();
  const fits = ([, node]) => node.querySelector("title").textContent.toLowerCase().includes(text);
  show(text ? [...nodes].filter(fits).map(([id]) => id) : []);
}
search.addEventListener("input", () => { history.replaceState(null, "", "#" + encodeURIComponent(search.value)); look(); });
graph.addEventListener("click", (event) => {
  const node = event.target.closest("[data-node]");
  if (node) show([node.dataset.node]); else look();
});
try { search.value = decodeURIComponent(location.hash.slice(1)); } catch { search.value = ""; }
look();
document.documentElement.dataset.ready = "true";
