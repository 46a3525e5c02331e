"use strict";
// The page is complete without this script. It adds the panel of an arrow, the filter, and links
// that open their targets.
(() => {
  const panel = document.getElementById("panel");
  const title = document.getElementById("panel-title");
  const body = document.getElementById("panel-body");

  const reveal = (element) => {
    // An element that the filter hides cannot be shown.
    if (element.closest("[hidden]")) clear();
    for (let at = element; at; at = at.parentElement) {
      if (at instanceof HTMLDetailsElement) at.open = true;
    }
    element.scrollIntoView({ block: "center" });
    if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "-1");
    element.focus({ preventScroll: true });
  };

  // Returns the lines of a statement, from the template in the page.
  const excerpt = (link) => {
    const mark = document.getElementById(link.hash.slice(1));
    if (!mark || mark.tagName !== "MARK") return null;
    const figure = document.createElement("figure");
    figure.className = "excerpt";
    const caption = document.createElement("figcaption");
    const to = link.cloneNode(true);
    const at = link.parentElement.querySelector(".at");
    caption.append(to, at ? ` ${at.textContent}` : "");
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    const code = document.createElement("code");
    // All lines have the indentation of the first line, which is before the mark.
    const before = mark.previousSibling?.textContent ?? "";
    const indent = " ".repeat(before.length - before.lastIndexOf("\n") - 1);
    code.textContent = mark.textContent.replaceAll(`\n${indent}`, "\n");
    pre.append(code);
    figure.append(caption, pre);
    return figure;
  };

  // The arrow that gets the focus again when the user navigates back.
  let opener;
  const show = (calls) => {
    title.textContent = calls.querySelector("summary").textContent;
    body.replaceChildren();
    for (const child of calls.children) {
      if (child.tagName !== "SUMMARY") body.append(child.cloneNode(true));
    }
    const seen = new Set();
    for (const link of calls.querySelectorAll("td a")) {
      if (seen.has(link.hash)) continue;
      seen.add(link.hash);
      const lines = excerpt(link);
      if (lines) body.append(lines);
    }
    panel.showModal();
    title.focus();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    const href = link.getAttribute("href");
    const to = document.getElementById(href.slice(1));
    if (!to) return;
    if (link.closest(".diagram")) {
      event.preventDefault();
      opener = link;
      show(to);
      return;
    }
    if (panel.open) panel.close();
    if (to.tagName === "SECTION") return;
    event.preventDefault();
    history.pushState(null, "", href);
    reveal(to);
  });
  document.getElementById("panel-close").addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close();
  });
  const atHash = () => {
    const to = location.hash && document.getElementById(location.hash.slice(1));
    if (to && to.tagName !== "SECTION") reveal(to);
    else opener?.focus();
  };

  const find = document.getElementById("find");
  const found = document.getElementById("found");
  document.getElementById("finder").hidden = false;
  let entries;
  const read = () => [...document.querySelectorAll("[data-find]")].map((element) => {
    const group = element.closest("[data-group]");
    const text = `${group?.dataset.group ?? ""} ${element.textContent}`.toLowerCase();
    return { element, group, text };
  });
  const filter = () => {
    entries ??= read();
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const groups = new Map();
    let shown = 0;
    for (const { element, group, text } of entries) {
      const fits = words.every((word) => text.includes(word));
      element.hidden = !fits;
      shown += fits;
      if (group) groups.set(group, (groups.get(group) ?? 0) + fits);
      const list = element.tagName === "LI" && element.closest("details");
      if (words.length && fits && list && list !== group) list.open = true;
    }
    const few = [...groups.values()].filter(Boolean).length <= 12;
    for (const [group, count] of groups) {
      group.hidden = !count;
      if (words.length && count && few) group.open = true;
    }
    found.textContent = words.length ? `${shown} of ${entries.length} entries` : "";
  };
  let waiting;
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  const clear = () => {
    find.value = "";
    filter();
  };
  find.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear();
  });
  addEventListener("popstate", atHash);
  atHash();
  // The printed page is complete, regardless of what the filter hides on the screen. Only the
  // templates and the quota details stay open or closed.
  let openedForPrint = [];
  addEventListener("beforeprint", () => {
    clear();
    openedForPrint = [
      ...document.querySelectorAll(":is(.group, .arrow-calls, .instances):not([open])"),
    ];
    for (const details of openedForPrint) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of openedForPrint) details.open = false;
  });
  const openTemplates = document.getElementById("open-templates");
  openTemplates.hidden = false;
  openTemplates.addEventListener("click", () => {
    for (const details of document.querySelectorAll(".source")) details.open = true;
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, dialog");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    find.focus();
  });
})();
