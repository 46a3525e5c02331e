// Measures an open page, and returns its faults as sentences. The page can also be an SVG document.
() => {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    faults.push(`the page scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
  }
  const isShown = (element) =>
    element.checkVisibility({ contentVisibilityAuto: false }) &&
    !element.closest("thead, script, style, title, .skip");

  // Fonts and words.
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const parent = text.parentElement;
    if (!text.data.trim() || !parent || !isShown(parent)) continue;
    const scale = parent instanceof SVGGraphicsElement ? parent.getScreenCTM().a : 1;
    const size = Number.parseFloat(getComputedStyle(parent).fontSize) * scale;
    if (size < 11.99) faults.push(`${size.toFixed(1)} px: ${text.data.trim()}`);
    if (parent.closest("pre, svg")) continue;
    for (const word of text.data.matchAll(/[^\s/-]+/g)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((rect) => Math.round(rect.top)));
      if (lines.size > 1) faults.push(`the word is broken: ${word[0]}`);
    }
  }
  // A permitted line break must follow a separator, unless the name is long.
  for (const mark of document.querySelectorAll("wbr")) {
    const before = (mark.previousSibling?.textContent ?? "").split(/\s/).at(-1);
    const after = mark.nextSibling?.textContent ?? "";
    const isSeparator = /[:/_.=,@-]$/.test(before);
    const isCase = /[a-z]$/.test(before) && /^[A-Z]/.test(after);
    if (!isSeparator && !isCase && before.length < 14) {
      faults.push(`a line may break in a word: ${before}|${after}`);
    }
  }
  // Content that is cut off or overflows its box.
  for (const element of document.querySelectorAll("main *, header *, dialog[open] *")) {
    if (!isShown(element) || element.closest("svg")) continue;
    const { overflowX, display } = getComputedStyle(element);
    if (display === "inline" || overflowX !== "visible") continue;
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) {
      faults.push(`the content is wider than its <${element.tagName}>: ${element.textContent.slice(0, 80)}`);
    }
  }

  // Diagrams.
  const touches = (a, b, by = 0) =>
    a.left < b.right + by && b.left < a.right + by && a.top < b.bottom + by && b.top < a.bottom + by;
  for (const svg of document.querySelectorAll("svg.diagram")) {
    if (!isShown(svg)) continue;
    const texts = [...svg.querySelectorAll("text")].map((element) => ({
      element,
      box: element.getBoundingClientRect(),
      node: element.closest(".node"),
    }));
    const nodes = [...svg.querySelectorAll(".node")].map((element) => ({
      element,
      box: element.querySelector("rect").getBoundingClientRect(),
    }));
    const frame = svg.getBoundingClientRect();
    for (const [number, { element, box, node }] of texts.entries()) {
      const name = element.textContent;
      for (const other of texts.slice(number + 1)) {
        if (touches(box, other.box)) faults.push(`${name} overlaps ${other.element.textContent}`);
      }
      for (const other of nodes) {
        const isOwn = other.element === node;
        const { left, top, right, bottom } = other.box;
        const margin = Math.min(box.left - left, right - box.right, box.top - top, bottom - box.bottom);
        if (isOwn && margin < 3) faults.push(`${name} touches its box: ${margin}`);
        if (!isOwn && touches(box, other.box)) faults.push(`${name} overlaps a box`);
      }
      if (box.left < frame.left || box.right > frame.right) faults.push(`${name} is cut off`);
    }
    for (const [number, { box }] of nodes.entries()) {
      if (nodes.slice(number + 1).some((other) => touches(box, other.box))) faults.push("boxes overlap");
    }
    for (const path of svg.querySelectorAll(".line")) {
      const half = Number.parseFloat(getComputedStyle(path).strokeWidth) / 2;
      const matrix = path.getScreenCTM();
      for (let at = 0; at <= path.getTotalLength(); at += 2) {
        const { x, y } = path.getPointAtLength(at).matrixTransform(matrix);
        const point = { left: x - half, right: x + half, top: y - half, bottom: y + half };
        const hit = texts.find(({ box }) => touches(point, box));
        if (hit) {
          faults.push(`${hit.element.textContent} is on a line`);
          break;
        }
      }
    }
  }
  return [...new Set(faults)];
}
