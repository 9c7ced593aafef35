// Plays a sound while it is being generated: its pieces are scheduled one after the other on Web Audio's clock.
//
// The component is mounted once as the player that one sees (data: id, seconds, if it is known how long the sound will
// last), once for each piece (data: id, index, rate, pcm: base64 of little-endian 16-bit samples, seconds: how long the
// sound will last as far as is known now), and once when no more will come (data: id, over). They meet in a table of the
// window.

const LOWEST_RATE = 8000; // that every browser plays
const LONGEST_LEAD = 2; // seconds
const REDRAW_MS = 80; // where there is no graphics card, drawing takes time from the network

const players = (window.wavenetPlayers ??= new Map());

function playerOf(id) {
  if (!players.has(id)) {
    const drawn = { width: 0, pieces: 0, seconds: 0, peaks: [] };
    const waits = { clock: 0, lead: 0.05, underruns: 0, seconds: 0, over: false };
    const player = { pieces: [], scheduled: [], received: 0, planned: 0, ...waits, drawn, show: () => {} };
    player.position = () => position(player);
    players.set(id, player);
  }
  return players.get(id);
}

function samplesOf(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return Float32Array.from(new Int16Array(bytes.buffer), (value) => value / 32768);
}

function receive(player, { index, rate, pcm, seconds }) {
  if (player.gone || player.pieces[index]) return;
  player.planned = Math.max(player.planned, seconds ?? 0);
  const samples = samplesOf(pcm);
  player.pieces[index] = { rate, samples };
  player.seconds += samples.length / rate;
  if (!player.context) {
    player.context = new AudioContext();
    player.context.onstatechange = () => player.show();
  }
  while (player.pieces[player.received]) schedule(player, player.pieces[player.received++]);
  player.show();
}

function schedule(player, { rate, samples }) {
  const { context } = player;
  const repeat = Math.ceil(LOWEST_RATE / rate);
  const buffer = context.createBuffer(1, samples.length * repeat, rate * repeat);
  const channel = buffer.getChannelData(0);
  for (let i = 0; i < channel.length; i++) channel[i] = samples[Math.floor(i / repeat)];
  if (player.clock <= context.currentTime) {
    // The first piece, or one that comes too late, so that there was a gap: the next ones get more time.
    if (player.clock) {
      player.underruns++;
      player.lead = Math.min(2 * player.lead, LONGEST_LEAD);
    }
    player.clock = context.currentTime + player.lead;
  }
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start(player.clock);
  player.scheduled.push({ source, start: player.clock, seconds: buffer.duration });
  player.clock += buffer.duration;
}

function position(player) {
  // Seconds of the sound that have been played.
  const now = player.context ? player.context.currentTime : 0;
  return player.scheduled.reduce((played, { start, seconds }) => played + Math.min(Math.max(now - start, 0), seconds), 0);
}

function firstSound(player) {
  // When the first sample left for the loudspeakers, on the clock of events; undefined before that.
  const { contextTime, performanceTime } = player.context.getOutputTimestamp();
  const since = contextTime - player.scheduled[0].start;
  return since < 0 ? undefined : performanceTime - 1000 * since;
}

function again(player) {
  player.scheduled.forEach(({ source }) => source.disconnect());
  player.scheduled = [];
  player.clock = 0;
  player.pieces.slice(0, player.received).forEach((piece) => schedule(player, piece));
}

function peaksOf(player, width, seconds) {
  // The loudest sample of each column; pieces that were looked at already are not looked at again.
  let { drawn } = player;
  if (drawn.width !== width || drawn.whole !== seconds) {
    drawn = player.drawn = { width, whole: seconds, pieces: 0, seconds: 0, peaks: new Float32Array(width) };
  }
  while (drawn.pieces < player.received) {
    const { rate, samples } = player.pieces[drawn.pieces++];
    samples.forEach((value, i) => {
      const column = Math.floor(((drawn.seconds + i / rate) / seconds) * width);
      if (column < width) drawn.peaks[column] = Math.max(drawn.peaks[column], Math.abs(value));
    });
    drawn.seconds += samples.length / rate;
  }
  return drawn;
}

function draw(canvas, player, seconds, played) {
  const style = getComputedStyle(canvas);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * devicePixelRatio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const drawn = peaksOf(player, width, seconds);
  const loudest = Math.max(0.05, ...drawn.peaks);
  drawn.peaks.forEach((peak, column) => {
    const tall = Math.max(devicePixelRatio, (peak / loudest) * height);
    const time = (column / width) * seconds;
    pen.fillStyle = style.getPropertyValue(time < played ? "--st-primary-color" : "--st-text-color");
    pen.globalAlpha = time < played ? 1 : time < drawn.seconds ? 0.45 : 0.15;
    pen.fillRect(column, (height - tall) / 2, 1, tall);
  });
}

export default function ({ data, parentElement }) {
  if (data.pcm !== undefined) {
    receive(playerOf(data.id), data);
    return;
  }
  if (data.over) {
    const player = playerOf(data.id);
    player.over = true;
    player.show?.();
    return;
  }
  if (playerOf(data.id).gone) players.delete(data.id);
  const player = playerOf(data.id);
  const [root, button, canvas, time] = [".player", "button", "canvas", "output"].map((name) =>
    parentElement.querySelector(name),
  );
  let frame = null;
  const show = () => {
    frame = null;
    const played = position(player);
    const { context } = player;
    const silent = !context || context.currentTime >= player.clock;
    const seconds = data.seconds ?? player.planned;
    const whole = player.over || (data.seconds !== null && player.seconds > seconds - 0.001);
    const paused = context?.state === "suspended";
    root.dataset.state = silent ? (whole ? "ended" : "waiting") : paused ? "paused" : "playing";
    root.hidden = player.over && !player.received; // it was played, and its pieces are gone: on another page
    root.dataset.received = player.received;
    root.dataset.underruns = player.underruns;
    if (player.scheduled.length) player.firstSound ??= firstSound(player);
    if (player.firstSound !== undefined) root.dataset.firstSound = player.firstSound;
    button.disabled = root.dataset.state === "waiting";
    button.textContent = { waiting: "▶", playing: "❚❚", paused: "▶", ended: "↻" }[root.dataset.state];
    button.ariaLabel = { waiting: "Play", playing: "Pause", paused: "Play", ended: "Play again" }[root.dataset.state];
    time.textContent = `${played.toFixed(1)} of ${seconds.toFixed(1)} s`;
    draw(canvas, player, seconds, played);
    if (root.dataset.state === "playing") player.show();
  };
  player.show = () => (frame ??= setTimeout(requestAnimationFrame, REDRAW_MS, show));
  button.onclick = async () => {
    if (root.dataset.state === "ended") again(player);
    await (root.dataset.state === "playing" ? player.context.suspend() : player.context.resume());
    player.show();
  };
  const resized = new ResizeObserver(() => player.show());
  resized.observe(canvas);
  player.show();
  return () => {
    resized.disconnect();
    player.context?.close();
    players.set(data.id, { gone: true, pieces: [] }); // a piece may still be on its way
  };
}
