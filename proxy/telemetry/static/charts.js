"use strict";
// Small drawings: everything is built as elements and text, never as markup, so that no name from
// the traffic can become part of the page.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function niceTop(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map((step) => step * power).find((top) => top >= value * 1.05);
}

// Points of one series as path data; gaps (null) break the line. `top` is the value at y = 0.
function pathOf(values, n, top) {
  let data = "", drawing = false;
  values.forEach((value, at) => {
    if (value === null) { drawing = false; return; }
    const x = n > 1 ? (100 * (at + n - values.length)) / (n - 1) : 100;
    const y = 100 - (100 * Math.min(value, top)) / top;
    data += `${drawing ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`;
    drawing = true;
  });
  return data;
}

// The area under each unbroken stretch of a series.
function areaOf(values, n, top) {
  const line = pathOf(values, n, top);
  return line.split("M").filter(Boolean).map((stretch) => {
    const points = stretch.split("L");
    const x = (point) => point.split(" ")[0];
    return `M${stretch}L${x(points.at(-1))} 100L${x(points[0])} 100Z`;
  }).join("");
}

// Zeros before the first and after the last request are no traffic, not traffic of zero: a gap.
function trimmed(values) {
  const first = values.findIndex((value) => value > 0), last = values.findLastIndex((value) => value > 0);
  return values.map((value, at) => (at < first - 1 || at > last + 1 || first < 0 ? null : value));
}

// A time chart. `series`: [{name, css, values, area}], newest value last; `show` writes a value.
function timeChart(title, series, bucketSeconds, show) {
  const n = Math.max(2, ...series.map((one) => one.values.length));
  const top = niceTop(Math.max(0, ...series.flatMap((one) => one.values.map((value) => value || 0))));
  const drawing = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": title });
  for (const y of [0, 50, 100]) drawing.append(svg("line", { x1: 0, x2: 100, y1: y, y2: y, class: "grid" }));
  for (const one of series) {
    if (one.area) drawing.append(svg("path", { d: areaOf(one.values, n, top), class: `area ${one.css}` }));
    drawing.append(svg("path", { d: pathOf(one.values, n, top), class: `series ${one.css}` }));
  }
  const cursor = svg("line", { y1: 0, y2: 100, class: "cursor", visibility: "hidden" });
  drawing.append(cursor);
  const tip = el("div", { class: "tip", hidden: "" });
  const plot = el("div", { class: "plot" }, drawing, tip,
    [[top, 0], [top / 2, 50], [0, 100]].map(([value, y]) => el("span", { class: "tick", text: show(value), style: { top: `${y}%` } })));
  follow(plot, drawing, cursor, tip, { series, n, bucketSeconds, show });
  const keys = series.map((one) => el("span", { class: "key" },
    svg("svg", { viewBox: "0 0 22 8" }, svg("line", { x1: 1, x2: 21, y1: 4, y2: 4, class: `series ${one.css}` })), one.name));
  return el("div", { class: "card chart" },
    el("div", { class: "chart-head" }, el("h3", { text: title }), keys), plot,
    el("div", { class: "times" }, [n - 1, (n - 1) / 2, 0].map((ago) => el("span", { text: agoText(ago * bucketSeconds) }))));
}

function follow(plot, drawing, cursor, tip, chart) {
  plot.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const at = Math.round(share * (chart.n - 1));
    const x = (100 * at) / (chart.n - 1);
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); cursor.setAttribute("visibility", "visible");
    const lines = chart.series.map((one) => {
      const value = one.values[at - (chart.n - one.values.length)];
      return value === null || value === undefined ? null : `${one.name}  ${chart.show(value)}`;
    });
    tip.textContent = [agoText((chart.n - 1 - at) * chart.bucketSeconds), ...lines.filter(Boolean)].join("\n");
    tip.style.left = `${Math.min(88, Math.max(12, x))}%`;
    tip.hidden = false;
  });
  plot.addEventListener("pointerleave", () => { tip.hidden = true; cursor.setAttribute("visibility", "hidden"); });
}

function agoText(seconds) {
  if (seconds < 1) return "now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  return `${Math.round(seconds / 60)} min ago`;
}

// Bars for what is seen now, a stepped line for what was certified.
function histogram(stream) {
  const n = stream.current.length;
  const drawing = svg("svg", { viewBox: "0 0 132 36", preserveAspectRatio: "none", role: "img", "aria-label": `Distribution of ${stream.subject}` });
  if (!n) return drawing;
  const top = Math.max(...stream.current, ...stream.reference, 1e-9);
  const width = 132 / n, high = (share) => (34 * share) / top;
  let line = "";
  stream.current.forEach((share, at) => {
    const bar = svg("rect", { x: at * width + .5, width: Math.max(.6, width - 1), y: 35 - high(share), height: high(share), class: "bar" },
      svg("title", { text: `${stream.labels[at] || ""}: ${(100 * share).toFixed(1)} % now, ${(100 * (stream.reference[at] || 0)).toFixed(1)} % certified` }));
    drawing.append(bar);
    const y = 35 - high(stream.reference[at] || 0);
    line += `${at ? "L" : "M"}${(at * width).toFixed(1)} ${y.toFixed(1)}H${((at + 1) * width).toFixed(1)}`;
  });
  drawing.append(svg("path", { d: line, class: "refline" }), svg("line", { x1: 0, x2: 132, y1: 35.5, y2: 35.5, class: "base" }));
  return drawing;
}

function gauge(strength) {
  const share = Math.min(1, Math.max(0, strength));
  const css = share >= 1 ? "gauge full" : share >= .5 ? "gauge high" : "gauge";
  const percent = Math.round(100 * share);
  return el("div", { class: css, role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": percent, "aria-label": "evidence of what an alarm needs" },
    el("i", { style: { width: `${percent}%` } }));
}

// Evidence beyond the line as well: the mark is where an alarm begins.
function strengthBar(strength) {
  const whole = Math.max(2, strength * 1.15);
  return el("div", { class: "strength", title: "Evidence; the mark is where the alarm begins" },
    el("div", { class: strength >= 1 ? "gauge full" : "gauge high" }, el("i", { style: { width: `${(100 * strength) / whole}%` } })),
    el("i", { class: "line", style: { left: `${100 / whole}%` } }));
}

// Text with commands in it, in backticks or bare: `stablehand ack errors --by NAME`.
const COMMAND = /`([^`]+)`|(stablehand (?:ack|route|explain|drain|status)(?: (?:--[a-z]+|[A-Z]+\b|candidate|stable|auto|all|[a-z]+_[a-z]+|disagreement|schema|latency|throughput|errors|watching))*)/;

function withCode(text) {
  const parts = text.split(COMMAND);
  // split gives text, then both groups, again and again
  return parts.map((part, at) => (!part ? null : at % 3 === 0 ? part : el("code", { text: part })));
}
