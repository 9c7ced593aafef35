// Draws what is said under its waveform, each phone as wide as it is long, and where the player is.
//
// The component is mounted once as the drawing that one sees (data: id), once for each sentence (data: id, index, words
// and phones as [text, start, stop]) and once for each piece of sound (data: id, index, start, stop, peaks). They meet
// in a table of the window, which keeps what was drawn while another page is shown.

const PIXELS = 220; // of a second
const TOP = 24, WAVE = 84, PHONES = 34, TICKS = 20;
const HEIGHT = TOP + WAVE + PHONES + TICKS;
const FOLLOW_MS = 80;

const timelines = (window.wavenetTimelines ??= new Map());

function timelineOf(id) {
  if (!timelines.has(id)) timelines.set(id, { parts: new Map(), show: () => {} });
  return timelines.get(id);
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== undefined) made.textContent = text;
  return made;
}

const x = (seconds) => Math.round(10 * PIXELS * seconds) / 10;

function drawnWords(words) {
  const group = element("g", {});
  words.forEach(([text, start]) => {
    group.append(element("line", { x1: x(start), x2: x(start), y1: 4, y2: TOP + WAVE + PHONES }));
    group.append(element("text", { x: x(start) + 4, y: TOP - 8 }, text));
  });
  return group;
}

function drawnPhones(phones) {
  const group = element("g", {});
  phones.forEach(([phone, start, stop], number) => {
    const cell = element("g", { class: /[12]$/.test(phone) ? "phone stressed" : "phone" });
    const top = TOP + WAVE;
    cell.append(element("title", {}, `${phone}, ${Math.round(1000 * (stop - start))} ms`));
    cell.append(element("rect", { x: x(start), y: top, width: x(stop - start), height: PHONES }));
    // Neighbours are at different heights: short ones are narrower than their names.
    const y = top + (number % 2 ? PHONES - 6 : 13);
    cell.append(element("text", { x: x((start + stop) / 2), y, "text-anchor": "middle" }, phone.replace(/[012]$/, "")));
    group.append(cell);
  });
  return group;
}

function drawnWave({ start, stop, peaks }) {
  const step = (stop - start) / peaks.length, middle = TOP + WAVE / 2;
  const heights = [peaks[0], ...peaks, peaks.at(-1)]; // it meets its neighbours
  const time = (i) => Math.min(Math.max(start, start + (i - 0.5) * step), stop);
  const point = (sign) => (peak, i) => `${x(time(i))} ${(middle + sign * (0.5 + (peak * WAVE) / 2)).toFixed(1)}`;
  const edge = (sign) => heights.map(point(sign));
  return element("path", { class: "wave", d: `M${[...edge(-1), ...edge(1).reverse()].join("L")}Z` });
}

function drawnTick(seconds) {
  const group = element("g", { class: "tick" });
  group.append(element("text", { x: x(seconds) + 3, y: HEIGHT - 6 }, `${seconds} s`));
  group.append(element("line", { x1: x(seconds), x2: x(seconds), y1: HEIGHT - TICKS, y2: HEIGHT }));
  return group;
}

function receive(timeline, { index, words, phones, ...piece }) {
  if (timeline.parts.has(index)) return;
  timeline.parts.set(index, words ? { words, phones, stop: phones.at(-1)[2] } : piece);
  timeline.show();
}

export default function ({ data, parentElement }) {
  const timeline = timelineOf(data.id);
  if (data.index !== undefined) {
    receive(timeline, data);
    return;
  }
  const box = parentElement.querySelector(".timeline");
  const svg = element("svg", { height: HEIGHT, role: "img" });
  const head = element("line", { class: "head", y1: TOP, y2: TOP + WAVE + PHONES });
  svg.append(head);
  box.replaceChildren(svg);
  const shown = new Set();
  let ticks = 0;
  timeline.show = () => {
    const parts = [...timeline.parts.values()];
    const seconds = Math.max(0, ...parts.map(({ stop }) => stop));
    svg.setAttribute("width", x(seconds) + 12);
    timeline.parts.forEach((part, index) => {
      if (shown.has(index)) return;
      shown.add(index);
      svg.append(...(part.words ? [drawnWords(part.words), drawnPhones(part.phones)] : [drawnWave(part)]));
    });
    for (; ticks <= seconds; ticks++) svg.append(drawnTick(ticks));
    const words = parts.flatMap(({ words }) => words ?? []).map(([text]) => text);
    svg.setAttribute("aria-label", `${seconds.toFixed(1)} seconds of sound: ${words.join(" ")}`);
    box.hidden = !parts.length;
  };
  let last = 0;
  const follow = setInterval(() => {
    const player = window.wavenetPlayers?.get(data.id);
    const played = player?.position?.() ?? 0;
    if (played === last) return;
    last = played;
    head.setAttribute("x1", x(played));
    head.setAttribute("x2", x(played));
    svg.append(head); // in front
    const at = x(played) - box.scrollLeft;
    if (at < 0 || at > box.clientWidth - 40) box.scrollLeft = x(played) - 40;
  }, FOLLOW_MS);
  timeline.show();
  return () => {
    clearInterval(follow);
    timeline.show = () => {};
  };
}
