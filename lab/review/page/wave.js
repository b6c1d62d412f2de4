// The sound: plays pieces of it and draws its peaks, the turn in hand near and all far.
import { peaks, soundAddress } from "./server.js";

const COLOURS = ["#4d87c7", "#a58a5f"];
const MARGIN_S = 1.5;
const BEFORE_S = 0.15;
const AFTER_S = 0.25;

export class Sound {
  constructor(near, far, heard) {
    this.near = near;
    this.far = far;
    this.heard = heard;
    this.audio = new Audio();
    this.from = 0;
    this.session = "";
    this.data = null;
    this.whole = null; // the whole session drawn once: 150 000 peaks are too many for each key
    this.window = [0, 1];
    this.turn = [0, 0];
    this.audio.addEventListener("ended", () => this.stop());
    this.audio.addEventListener("error", () => this.stop());
    near.addEventListener("click", (event) => this.clicked(event, near, this.window));
    far.addEventListener("click", (event) => this.clicked(event, far, [0, this.length]));
  }

  async load(session, length) {
    this.stop();
    this.session = session;
    this.length = length;
    this.data = null;
    this.data = await peaks(session);
    this.whole = null;
    this.draw();
  }

  show(start, end) {
    this.turn = [start, end];
    const pad = Math.max(MARGIN_S, (8 - (end - start)) / 2);
    this.window = [Math.max(0, start - pad), Math.min(this.length, end + pad)];
    this.draw();
  }

  play(from, to) {
    this.from = Math.max(0, from - BEFORE_S);
    this.to = Math.min(this.length, to + AFTER_S);
    this.audio.src = soundAddress(this.session, this.from, this.to);
    this.audio.play().then(() => this.follow()).catch(() => this.stop());
    this.heard(this.from, true);
  }

  stop() {
    this.audio.pause();
    this.heard(null, false);
    this.draw();
  }

  get playing() { return !this.audio.paused && !this.audio.ended; }

  follow() {
    if (!this.playing) return;
    const moment = this.from + this.audio.currentTime;
    this.draw(moment);
    this.heard(moment, true);
    requestAnimationFrame(() => this.follow());
  }

  clicked(event, canvas, [start, end]) {
    const box = canvas.getBoundingClientRect();
    const moment = start + ((event.clientX - box.left) / box.width) * (end - start);
    canvas.dispatchEvent(new CustomEvent("moment", { detail: moment, bubbles: true }));
  }

  draw(moment = null) {
    if (!this.data) return;
    paint(this.near, this.data, this.window, this.turn, moment, "#fff1c4");
    const [width, height] = fitted(this.far);
    if (!this.whole || this.whole.width !== width || this.whole.height !== height) {
      this.whole = new OffscreenCanvas(width, height);
      lanes(this.whole.getContext("2d"), this.data, [0, this.length], width, height);
    }
    const pen = this.far.getContext("2d");
    pen.clearRect(0, 0, width, height);
    mark(pen, [0, this.length], this.turn, width, height, "#ffd24d");
    pen.drawImage(this.whole, 0, 0);
    if (moment !== null) needle(pen, moment, [0, this.length], width, height);
  }
}

function paint(canvas, data, span, turn, moment, shade) {
  const [width, height] = fitted(canvas);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  mark(pen, span, turn, width, height, shade);
  lanes(pen, data, span, width, height);
  if (moment !== null) needle(pen, moment, span, width, height);
}

// As many dots as the screen has there.
function fitted(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  return [width, height];
}

function mark(pen, [start, end], [from, to], width, height, shade) {
  const at = (seconds) => ((seconds - start) / (end - start)) * width;
  pen.fillStyle = shade;
  pen.fillRect(at(from), 0, Math.max(2, at(to) - at(from)), height);
}

function needle(pen, moment, [start, end], width, height) {
  if (moment < start || moment > end) return;
  pen.fillStyle = "#a52a1e";
  pen.fillRect(((moment - start) / (end - start)) * width - 1, 0, 2, height);
}

function lanes(pen, data, [start, end], width, height) {
  const lane = height / data.channels;
  const n = data.values.length / data.channels;
  for (let channel = 0; channel < data.channels; channel += 1) {
    pen.fillStyle = COLOURS[channel % 2];
    for (let x = 0; x < width; x += 1) {
      const first = Math.max(0, Math.floor((start + (x / width) * (end - start)) * data.rate));
      const last = Math.min(n, Math.max(first + 1, Math.ceil((start + ((x + 1) / width) * (end - start)) * data.rate)));
      let peak = 0;
      const step = Math.max(1, Math.floor((last - first) / 12));
      for (let k = first; k < last; k += step) peak = Math.max(peak, data.values[k * data.channels + channel]);
      const tall = (peak / 255) * (lane - 2);
      pen.fillRect(x, channel * lane + (lane - tall) / 2, 1, Math.max(1, tall));
    }
  }
}
