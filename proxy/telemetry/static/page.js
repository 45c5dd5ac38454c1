// The page: asks /api/v1/status every two seconds and redraws the sections whose data changed.

const REFRESH_MS = 2000, HIDDEN_MS = 15000, PATIENCE_MS = 6000, SHORT_LIST = 8, SHORT_JOURNAL = 12;
const byId = (id) => document.getElementById(id);
const drawn = new Map();
let lastGood = 0, clockSkew = 0, lastStatus = null;
const open = { streams: false, timeline: false };

const QUIET_WORDS = { stable_unready: "the way back is open", watching: "nothing is missed" };
const STATE_WORDS = { firing: "Firing", pending: "Pending", resolved: "Resolved", inactive: "Quiet" };

function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size !== 0 && size < .001) return value.toExponential(1);
  return String(Number(value.toPrecision(size >= 100 ? 3 : 2)));
}

function seconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? `${number(value * 1000)} ms` : `${number(value)} s`;
}

function percent(share) {
  if (share === null || share === undefined) return "–";
  const value = 100 * share;
  return value > 0 && value < .01 ? "under 0.01 %" : `${Number(value.toPrecision(value >= 10 ? 3 : 2))} %`;
}

function effectText(stream) {
  const size = Math.abs(stream.effect), sign = stream.effect < 0 ? "−" : "+";
  switch (stream.unit) {
    case "share": return `${sign}${(100 * size).toFixed(1)} %`;
    case "ratio": return `×${stream.effect.toFixed(2)}`;
    case "sd": return `${sign}${size.toFixed(2)} sd`;
    case "s": return `${sign}${seconds(size)}`;
    default: return `${sign}${number(size)} ${stream.unit}`.trim();
  }
}

function clockText(utc) {
  const at = new Date(utc);
  if (Number.isNaN(at.getTime())) return "";
  const today = new Date().toDateString() === at.toDateString();
  const time = at.toLocaleTimeString("en-GB");
  return today ? time : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

function sinceText(utc) {
  const age = (Date.now() + clockSkew - new Date(utc).getTime()) / 1000;
  if (!Number.isFinite(age)) return "";
  if (age < 5) return "since just now";
  if (age < 60) return `for ${Math.round(age)} s`;
  if (age < 5400) return `for ${Math.round(age / 60)} min`;
  if (age < 129600) return `for ${Math.round(age / 3600)} h`;
  return `for ${Math.round(age / 86400)} days`;
}

function since(utc) {
  return el("span", { class: "dim small", "data-since": utc, text: sinceText(utc) });
}

function pretty(text) { return String(text).replaceAll("->", "→"); }

function label(name) { return String(name).replaceAll("_", " "); }

// A button that shows the rest of a list, and keeps it shown over refreshes.
function more(section, n) {
  if (n <= 0) return null;
  const button = el("button", { type: "button", text: open[section] ? "Show fewer" : `Show ${n} more`, "aria-expanded": String(open[section]) });
  button.addEventListener("click", () => { open[section] = !open[section]; drawn.delete(section); draw(lastStatus); });
  return button;
}

// Sections.

function drawHeadline(status) {
  document.title = `${status.go ? "●" : "▲"} ${status.title} – stablehand`;
  byId("watched").textContent = status.title;
  // The first sentence is the headline, what follows explains it.
  const found = status.headline.match(/^(.{8,110}?[.!?])\s+(.+)$/s) || status.headline.match(/^(.{8,110}?)[:;]\s+(.+)$/s);
  const [, first, rest] = found || [null, status.headline, ""];
  return [
    el("h1", { text: capital(pretty(first)) }),
    rest ? el("p", {}, withCode(capital(pretty(rest)))) : null,
    status.notes.length ? el("ul", { class: "notes" }, status.notes.map((note) => el("li", { text: note }))) : null,
  ];
}

function drawRouting({ routing, models, traffic }) {
  const ordered = [...models].sort((a, b) => place(a) - place(b));
  const serving = traffic.find((one) => one.model === routing.serving && one.position === "serving");
  const flows = ordered.map((one, at) => {
    const y = (100 * (at + .5)) / ordered.length;
    const d = ordered.length === 1 ? "M0 50L96 50" : `M0 50C50 50 46 ${y} 96 ${y}`;
    return one.position ? svg("path", { d, class: `flow ${one.position} ${one.model}` }) : null;
  });
  const why = [
    el("span", { text: `${capital(routing.because.replace(/\.$/, ""))}, ` }), since(routing.since_utc), ". ",
    routing.override ? el("strong", { text: `A person holds the traffic on ${routing.override}, until \`stablehand route auto\`. ` }) : null,
    routing.locked ? el("strong", { class: "warn-text", text: `Automatic switching is locked: ${routing.locked}. ` }) : null,
    routing.caution ? el("strong", { class: "bad-text", text: `${routing.caution}. ` }) : null,
    routing.dry_run ? el("strong", { text: "Dry run: decisions are written down, not carried out. " }) : null,
  ];
  return [
    el("div", { class: "route" },
      el("div", { class: "clients" }, el("div", { class: "figure", text: number(serving ? serving.per_s : 0) }),
        el("span", { class: "label", text: "requests per second" })),
      svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }, flows),
      el("div", { class: "models" }, ordered.map((one) => modelCard(one, routing, traffic)))),
    el("p", { class: "dim small", style: { marginTop: "14px" } }, why),
  ];
}

function place(model) { return model.position === "serving" ? 0 : model.position === "shadow" ? 1 : 2; }

function modelCard(model, routing, traffic) {
  const numbers = traffic.find((one) => one.model === model.model && one.position === model.position);
  const job = { serving: "answers clients", shadow: `gets copies of ${percent(routing.mirror_fraction)}` }[model.position] || "stands by";
  const ready = model.ready === false ? el("span", { class: "bad-text", text: ` · not ready${model.reason ? `: ${model.reason}` : ""}` })
    : model.ready === null ? el("span", { class: "dim", text: " · not probed yet" }) : null;
  const figures = [["p50", numbers && seconds(numbers.p50_s)], ["p99", numbers && seconds(numbers.p99_s)],
    ["errors", numbers && percent(numbers.error_share)], ["per second", numbers && number(numbers.per_s)]];
  return el("div", { class: `card model ${model.model} ${model.position || "idle"}` },
    el("div", {},
      el("div", { class: "label" }, `${model.model} · ${job}`, ready),
      el("h3", { text: model.name }),
      el("div", { class: "faint small url", text: model.url })),
    el("div", { class: "figures" }, figures.map(([name, value]) => el("div", {},
      el("div", { class: name === "errors" && numbers && numbers.error_share > .01 ? "figure bad-text" : "figure", text: value || "–" }),
      el("span", { text: name })))));
}

function drawAlarms({ alarms }) {
  const loud = alarms.filter((one) => one.state === "firing" || one.state === "pending");
  const quiet = alarms.filter((one) => !loud.includes(one));
  return [
    el("h2", { text: loud.length ? "Alarms" : "No alarm" }),
    loud.map(alarmCard),
    quiet.length ? el("div", { class: "card quiet" }, quiet.map(quietCell)) : null,
  ];
}

function alarmCard(alarm) {
  const listed = alarm.blamed.length > 1 && alarm.words.includes(alarm.blamed[0]);
  return el("article", { class: `card alarm ${alarm.state}` },
    el("div", { class: "alarm-head" },
      el("h3", { text: capital(label(alarm.name)) }), el("span", { class: "state", text: STATE_WORDS[alarm.state] }), since(alarm.since_utc)),
    listed ? el("ul", {}, alarm.blamed.map((one) => el("li", { text: pretty(one) }))) : el("p", { text: capital(pretty(alarm.words)) }),
    strengthBar(alarm.strength),
    el("p", { class: "evidence small", text: alarm.evidence_words }),
    alarm.next_step ? el("p", { class: "next" }, withCode(pretty(alarm.next_step))) : null,
    el("p", { class: "next small" }, el("a", { href: `/api/v1/report?alarm=${alarm.name}`, text: "The whole story as a report" })),
    alarm.acknowledged
      ? el("p", { class: "next dim", text: `Acknowledged by ${alarm.acknowledged}` })
      : alarm.state === "firing" && !alarm.next_step.includes("stablehand ack") ? el("p", { class: "next small dim" }, "Take it over: ", el("code", { text: `stablehand ack ${alarm.name}` })) : null);
}

function quietCell(alarm) {
  const unknown = alarm.verdict === null || alarm.verdict === "unknown";
  const word = alarm.state === "resolved" ? "resolved" : unknown ? "not known" : QUIET_WORDS[alarm.name] || "within tolerance";
  return el("div", { class: unknown ? "unknown" : "", title: pretty(alarm.words) },
    el("div", { class: "name", text: capital(label(alarm.name)) }),
    el("div", { class: "small dim", text: word }),
    unknown ? null : gauge(alarm.strength));
}

function capital(text) { return text.charAt(0).toUpperCase() + text.slice(1); }

function drawTraffic({ traffic }) {
  const known = traffic.filter((one) => one.rates.length > 1);
  if (!known.length) return [el("h2", { text: "Traffic" }), el("p", { class: "dim", text: "No traffic yet." })];
  const css = (one) => `${one.model} ${one.position}`;
  const serving = known.filter((one) => one.position === "serving");
  const waits = (serving.length ? serving : known).flatMap((one) => [
    { name: `${one.model} p50`, css: css(one), values: one.p50s_s },
    { name: `${one.model} p99`, css: `${css(one)} fainter`, values: one.p99s_s }]);
  const bucket = known[0].bucket_s;
  return [
    el("h2", { text: "Traffic" }),
    el("div", { class: "charts" },
      timeChart("Requests per second", known.map((one) => (
        { name: `${one.model}${one.position === "shadow" ? " (copies)" : ""}`, css: css(one), values: trimmed(one.rates), area: one.position === "serving" })), bucket, number),
      timeChart("What clients wait", waits, bucket, seconds)),
  ];
}

function drawStreams({ streams }) {
  if (!streams.length) return [el("h2", { text: "Drift" }), el("p", { class: "dim", text: "Nothing to compare with yet." })];
  const shown = open.streams ? streams : streams.slice(0, SHORT_LIST);
  return [
    el("h2", { text: "Drift, most suspect first" }),
    el("div", { class: "card" }, shown.map(streamRow), more("streams", streams.length - SHORT_LIST),
      el("div", { class: "legend small faint" }, el("span", { text: "Bars: now" }), el("span", { text: "Line: certified" }), el("span", { text: "Gauge: evidence towards an alarm" }))),
  ];
}

function streamRow(stream) {
  const range = stream.interval ? `${effectText({ ...stream, effect: stream.interval[0] })} to ${effectText({ ...stream, effect: stream.interval[1] })}` : "";
  return el("div", { class: `stream ${stream.side}` },
    el("div", {},
      el("div", { class: "name" }, stream.subject, el("span", { class: "dim small", text: ` ${stream.side}` })),
      el("div", { class: "what", text: pretty(stream.summary.replace(`${stream.subject}: `, "")) })),
    histogram(stream),
    el("div", { title: range }, el("div", { class: "figure", text: effectText(stream) }), gauge(stream.strength)));
}

function drawAgreement({ agreement }) {
  const head = el("h2", { text: "Agreement of the two models" });
  if (agreement.estimate === null) return [head, el("div", { class: "card" }, el("p", { text: agreement.words }))];
  const [low, high] = agreement.interval || [agreement.estimate, agreement.estimate];
  const floor = agreement.floor;
  const top = Math.min(1, niceTop(Math.max(high, floor || 0, .02) * 1.1));
  const at = (share) => `${(100 * Math.min(share, top)) / top}%`;
  const off = floor !== null && low > floor;
  return [head, el("div", { class: "card" },
    el("div", { class: off ? "big bad-text" : "big", text: percent(agreement.estimate) }),
    el("p", { class: "dim", text: pretty(agreement.words) }),
    el("div", { class: off ? "scale off" : "scale" },
      el("i", { class: "track" }), el("i", { class: "range", style: { left: at(low), width: `${(100 * (Math.min(high, top) - low)) / top}%` } }),
      el("i", { class: "point", style: { left: at(agreement.estimate) } }),
      floor !== null ? [el("i", { class: "floor", style: { left: at(floor) } }), tickAt(floor, top, `certified ${percent(floor)}`)] : null),
    el("p", { class: "small faint", text: `${number(agreement.n_pairs)} pairs${agreement.interval ? `, between ${percent(low)} and ${percent(high)}` : ""}` }))];
}

function tickAt(share, top, text) {
  const css = share < top * .2 ? "at left" : share > top * .8 ? "at right" : "at";
  return el("span", { class: css, style: { left: `${(100 * share) / top}%` }, text });
}

function drawTimeline({ timeline }) {
  const shown = open.timeline ? timeline : timeline.slice(0, SHORT_JOURNAL);
  return [
    el("h2", { text: "Journal" }),
    timeline.length
      ? el("ol", { class: "entries" }, shown.map((entry) => el("li", { class: `${entry.kind} ${entry.severity}` },
        el("div", {}, withCode(pretty(entry.text))), el("time", { datetime: entry.at_utc, text: clockText(entry.at_utc) }))))
      : el("p", { class: "dim", text: "Nothing has happened yet." }),
    more("timeline", timeline.length - SHORT_JOURNAL),
  ];
}

function drawFoot(status) {
  const link = (path, name) => el("a", { href: path, text: name });
  return [
    el("span", { text: `stablehand ${status.version}` }), el("span", { text: `running since ${clockText(status.started_utc)}` }),
    status.config_sha256 ? el("span", { text: `configuration ${status.config_sha256.slice(0, 8)}` }) : null,
    el("span", { class: "links" }, link("/api/v1/status", "status"), link("/api/v1/journal", "journal"), link("/metrics", "metrics")),
  ];
}

// Refreshing.

const SECTIONS = {
  headline: [(s) => [s.title, s.headline, s.notes, s.go], drawHeadline],
  routing: [(s) => [s.routing, s.models, s.traffic.map((one) => [one.model, one.position, one.per_s, one.p50_s, one.p99_s, one.error_share])], drawRouting],
  alarms: [(s) => s.alarms, drawAlarms],
  traffic: [(s) => s.traffic.map((one) => [one.model, one.position, one.rates, one.p50s_s, one.p99s_s]), drawTraffic],
  streams: [(s) => s.streams, drawStreams],
  agreement: [(s) => s.agreement, drawAgreement],
  timeline: [(s) => s.timeline, drawTimeline],
  foot: [(s) => [s.version, s.started_utc, s.config_sha256], drawFoot],
};

function draw(status) {
  lastStatus = status;
  for (const [id, [part, drawing]] of Object.entries(SECTIONS)) {
    const now = JSON.stringify(part(status));
    if (drawn.get(id) === now) continue;
    drawn.set(id, now);
    byId(id).replaceChildren(...drawing(status).flat().filter(Boolean));
  }
}

function tell(live, text) {
  byId("pulse").className = live ? "pulse live" : "pulse lost";
  byId("pulse-text").textContent = text;
  byId("away").hidden = live;
  if (live) return;
  const age = lastGood ? ` What you see is from ${Math.round((Date.now() - lastGood) / 1000)} seconds ago.` : "";
  byId("away").textContent = `The watcher is not answering. Traffic goes on as it was routed last, and the supervisor starts the watcher again by itself.${age}`;
}

async function refresh() {
  try {
    const answer = await fetch("/api/v1/status", { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const status = await answer.json();
    clockSkew = new Date(status.at_utc).getTime() - Date.now();
    draw(status);
    lastGood = Date.now();
    tell(true, "live");
  } catch (error) {
    tell(false, "not answering");
  }
  for (const node of document.querySelectorAll("[data-since]")) node.textContent = sinceText(node.dataset.since);
  setTimeout(refresh, document.hidden ? HIDDEN_MS : REFRESH_MS);
}

refresh();
