// The pictures of a sound on one time axis: waveform, log-mel spectrogram, scores, attention, curves.
// Everything is drawn on two canvases: the pictures, redrawn only when the view changes, and over
// them the playhead, redrawn with every frame of the screen while the sound plays.

const AXIS = 22;            // pixels below the pictures for the seconds
const GAP = 8;              // between two pictures
const WAVE_PX = 48, MEL_PX = 110, ATTENTION_PX = 44, CURVE_PX = 52, LEGEND_PX = 14, TRACK_PX = 18, GROUP_PX = 20;  // heights
const VALUES_PX = 46;       // right of curves, for the ends of their scales

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// A picture of `columns` x `rows` values from 0 to 255, row 0 at the bottom or on top.
function picture(values, columns, rows, colours, upwards) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const colour = 3 * values[column * rows + row];
      const place = 4 * ((upwards ? rows - 1 - row : row) * columns + column);
      image.data[place] = colours[colour];
      image.data[place + 1] = colours[colour + 1];
      image.data[place + 2] = colours[colour + 2];
      image.data[place + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// The context of a canvas made as large as this, in CSS pixels.
function fitted(canvas, width, height) {
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  return context;
}

class Pictures {
  constructor(root) {
    this.stage = root.querySelector(".stage");
    this.pictures = root.querySelector(".pictures");
    this.overlay = root.querySelector(".overlay");
  }

  // Take the data of a clip; `from`, `to` and `chosen` hold the view and the chosen class's name.
  load(data) {
    this.data = data;
    const { wave, mel, classes, colours } = data;
    this.low = wave && new Int8Array(bytes(wave.low).buffer);
    this.high = wave && new Int8Array(bytes(wave.high).buffer);
    this.mel = mel && picture(bytes(mel.levels), mel.columns, mel.bands, bytes(colours.sound), true);
    this.loadDetail(data.detail);
    this.end = data.end;
    if (classes) {
      const n = classes.names.length, scale = bytes(classes.colours);
      this.levels = bytes(classes.levels);
      this.heat = picture(this.levels, data.frames, n, scale, false);
      this.weights = classes.attention && bytes(classes.attention);
      this.scale = picture(Uint8Array.from({ length: 256 }, (_, k) => k), 256, 1, scale, false);
    }
    this.curves = data.curves.map((curve) =>
      ({ ...curve, values: new Float32Array(bytes(curve.values).buffer) }));
  }

  // Finer pictures of a part of a long sound.
  loadDetail(detail) {
    if (!detail) return this.detail = null;
    const { wave, mel } = detail;
    this.detail = {
      wave: { ...wave, low: new Int8Array(bytes(wave.low).buffer), high: new Int8Array(bytes(wave.high).buffer) },
      mel: { ...mel, picture: mel.columns &&
        picture(bytes(mel.levels), mel.columns, mel.bands, bytes(this.data.colours.sound), true) },
    };
  }

  // Whether there are finer pictures of all that is in view.
  isDetailed() {
    const of = (part) => part.from <= this.from + 1e-6 && part.to >= Math.min(this.to, this.data.duration - 0.1) - 1e-6;
    return !!this.detail && of(this.detail.wave);
  }

  // The row of the chosen class: the first one, where that is not shown.
  row() {
    return Math.max(0, this.data.classes.names.indexOf(this.chosen));
  }

  // The place of each picture, from top to bottom, in pixels.
  layout() {
    const { classes, events, row } = this.data;
    const width = this.stage.clientWidth;
    this.left = Math.min(190, Math.round(width * 0.3));
    this.right = this.curves.length ? VALUES_PX : 8;
    this.width = Math.max(50, width - this.left - this.right);
    this.lanes = [];
    let top = 4;
    const add = (kind, height, curve) => {
      this.lanes.push({ kind, top, height, curve });
      top += height + GAP;
    };
    if (this.low) add("wave", WAVE_PX);
    if (this.mel) add("mel", MEL_PX);
    if (events) add("events", TRACK_PX * events.tracks);
    if (classes) {
      add("classes", row * classes.names.length);
      add("legend", LEGEND_PX);
      if (classes.attention) add("attention", ATTENTION_PX);
    }
    this.curves.forEach((curve, k) => {  // those of one model below its name
      if (!k || this.curves[k - 1].detail !== curve.detail) add("group", GROUP_PX, curve);
      add("curve", CURVE_PX, curve);
    });
    this.height = top - GAP + AXIS;
  }

  // Fit the canvases to the width of the page.
  resize() {
    if (!this.data || !this.stage.clientWidth) return;
    this.layout();
    this.stage.style.height = `${this.height}px`;
    for (const canvas of [this.pictures, this.overlay]) {
      fitted(canvas, this.stage.clientWidth, this.height);
    }
    this.draw();
  }

  x(seconds) {
    return this.left + ((seconds - this.from) / (this.to - this.from)) * this.width;
  }

  seconds(x) {
    const time = this.from + ((x - this.left) / this.width) * (this.to - this.from);
    return Math.min(Math.max(time, 0), this.data.duration);
  }

  // The border in seconds between frames k - 1 and k. Frames may overlap: a border lies midway
  // between their centres, but the first frame begins at 0 and the last ends with its sound.
  edge(k) {
    const { frames, step, offset } = this.data;
    return k <= 0 ? 0 : k >= frames ? this.end : offset + k * step;
  }

  frameAt(time) {
    const { frames, step, offset } = this.data;
    return Math.min(Math.max(Math.floor((time - offset) / step + 1e-9), 0), frames - 1);
  }

  context(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const style = getComputedStyle(this.stage);
    this.ink = style.getPropertyValue("--st-text-color").trim() || "#333";
    this.accent = style.getPropertyValue("--st-primary-color").trim() || "#3A7EBF";
    this.paper = style.getPropertyValue("--st-background-color").trim() || "#fff";
    context.font = `13px ${style.getPropertyValue("--st-font") || "sans-serif"}`;
    context.textBaseline = "middle";
    return context;
  }

  draw() {
    this.paint(this.context(this.pictures));
  }

  paint(context) {
    context.save();
    context.beginPath();
    context.rect(this.left, 0, this.width, this.height);
    context.clip();
    this.lanes.forEach((lane) => {
      if (lane.kind === "wave") this.drawWave(context, lane);
      if (lane.kind === "mel") {
        context.imageSmoothingEnabled = true;
        this.drawMel(context, lane, this.mel, this.data.mel);
        if (this.detail && this.detail.mel.picture) {
          this.drawMel(context, lane, this.detail.mel.picture, this.detail.mel);
        }
      }
      if (lane.kind === "events") this.drawEvents(context, lane);
      if (lane.kind === "classes") {
        this.drawHeat(context, lane);
        this.drawGrid(context, lane);
      }
      if (lane.kind === "attention") this.drawCurve(context, lane, this.attention());
      if (lane.kind === "curve") this.drawCurve(context, lane, lane.curve);
    });
    this.drawMark(context);
    context.restore();
    this.drawNames(context);
    this.drawSeconds(context);
  }

  drawHeat(context, lane) {
    const { frames, step, offset } = this.data, n = this.heat.height;
    context.imageSmoothingEnabled = false;
    const part = (first, count, from, to) => context.drawImage(this.heat, first, 0, count, n,
      this.x(from), lane.top, this.x(to) - this.x(from), lane.height);
    part(0, frames, offset, offset + frames * step);
    if (offset > 0) {  // the first and the last frame are wider
      part(0, 1, 0, offset);
      part(frames - 1, 1, offset + frames * step, this.end);
    }
  }

  drawMel(context, lane, image, { from, to }) {
    const left = this.x(from);
    context.drawImage(image, left, lane.top, this.x(to) - left, lane.height);
  }

  drawWave(context, lane) {
    const { low, high, from, to } = this.isDetailed()
      ? this.detail.wave : { low: this.low, high: this.high, from: 0, to: this.data.duration };
    const n = low.length, middle = lane.top + lane.height / 2, scale = lane.height / 2 / 127;
    const place = (k) => this.x(from + (k / n) * (to - from));
    const first = Math.max(0, Math.floor(((this.from - from) / (to - from)) * n) - 1);
    const last = Math.min(n, Math.ceil(((this.to - from) / (to - from)) * n) + 1);
    context.fillStyle = this.data.colours.wave;
    context.beginPath();
    for (let k = first; k < last; k++) {
      const top = middle - high[k] * scale - 0.5, bottom = middle - low[k] * scale + 0.5;
      context.rect(place(k), top, Math.max(1, place(k + 1) - place(k)), bottom - top);
    }
    context.fill();
  }

  // A bar for each event, with its name where there is room for it.
  drawEvents(context, lane) {
    const height = TRACK_PX - 2;
    for (const { name, start, end, track } of this.data.events.bars) {
      if (end <= this.from || start >= this.to) continue;
      const left = Math.max(this.x(start), this.left), top = lane.top + track * TRACK_PX;
      const width = Math.max(2, Math.min(this.x(end), this.left + this.width) - left - 1);
      context.fillStyle = this.data.colours.wave;
      context.globalAlpha = 0.3;
      context.fillRect(left, top, width, height);
      context.globalAlpha = 1;
      context.fillRect(left, top, 2, height);
      const shown = fitting(context, name, width - 8), fits = context.measureText(shown).width <= width - 8;
      context.fillStyle = this.ink;
      context.textAlign = "left";
      if (fits) context.fillText(shown, left + 6, top + height / 2);
    }
  }

  // The event at this time on the track at this height, or none.
  eventAt(lane, time, y) {
    const track = Math.floor((y - lane.top) / TRACK_PX);
    return this.data.events.bars.find((bar) =>
      bar.track === track && bar.start <= time && time < bar.end);
  }

  drawGrid(context, lane) {
    // Gaps between rows, and between frames where they are wide enough.
    context.fillStyle = this.paper;
    for (let row = 1; row < this.data.classes.names.length; row++) {
      context.fillRect(this.left, lane.top + row * this.data.row - 1, this.width, 2);
    }
    const { frames, step } = this.data;
    if (this.x(step) - this.x(0) > 8) {
      for (let k = 1; k < frames; k++) {
        context.fillRect(this.x(this.edge(k)) - 0.5, lane.top, 1, lane.height);
      }
    }
  }

  // The attention of the chosen class as a curve, in multiples of the weight that each frame would
  // have if all had the same; the highest one fills the lane.
  attention() {
    const { frames, classes } = this.data, n = classes.names.length, row = this.row();
    const most = classes.mostAttention[row] * frames;
    const values = Float32Array.from({ length: frames }, (_, k) =>
      (this.weights[k * n + row] / 255) * most);
    return { name: "Attention", detail: classes.names[row], values, low: 0, high: most, line: 1 };
  }

  // Bars from zero, one per frame; positive and negative ones in different colours.
  drawCurve(context, lane, { values, low, high, line }) {
    const { colours } = this.data;
    const y = (value) => lane.top + lane.height - 1 - ((value - low) / (high - low)) * (lane.height - 2);
    const first = this.frameAt(this.from), last = this.frameAt(this.to) + 1;
    for (let k = first; k < last; k++) {
      const left = this.x(this.edge(k)), right = this.x(this.edge(k + 1));
      const ends = [y(values[k]), y(0)];
      context.fillStyle = values[k] < 0 ? colours.loss : colours.wave;
      context.fillRect(left, Math.min(...ends), Math.max(1, right - left - 1), Math.max(1, Math.abs(ends[0] - ends[1])));
    }
    if (line === null) return;
    context.strokeStyle = this.ink;
    context.globalAlpha = 0.5;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(this.left, y(line));
    context.lineTo(this.left + this.width, y(line));
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  // An outline of the frame that the page describes, across all pictures.
  drawMark(context) {
    const { marked } = this.data;
    if (marked === null) return;
    const left = this.x(this.edge(marked)), right = this.x(this.edge(marked + 1));
    context.strokeStyle = this.accent;
    context.lineWidth = 2;
    context.strokeRect(left, 1, right - left, this.height - AXIS - 2);
    context.lineWidth = 1;
  }

  drawNames(context) {
    const room = this.left - 12;
    const write = (text, y, strong) => {
      context.textAlign = "right";
      context.fillStyle = this.ink;
      context.globalAlpha = strong ? 1 : 0.75;
      context.fillText(fitting(context, text, room), this.left - 8, y);
      context.globalAlpha = 1;
    };
    const writeBoth = ({ top, height }, { name, detail }) => {
      write(name, top + height / 2 - 9);
      write(detail, top + height / 2 + 9, true);
    };
    this.lanes.forEach((lane) => {
      const { kind, top, height, curve } = lane;
      if (kind === "wave") write("Wave", top + height / 2);
      if (kind === "mel") {
        this.data.mel.marks.forEach(([text, share]) => write(text, top + height * (1 - share)));
      }
      if (kind === "events") this.writeEvents(lane, write);
      if (kind === "classes") this.writeClasses(context, lane, write);
      if (kind === "attention") writeBoth(lane, { name: "Attention:", detail: this.data.classes.names[this.row()] });
      if (kind === "group") this.writeGroup(context, lane);
      if (kind === "curve") {
        write(curve.name, top + height / 2);
        this.writeEnds(context, lane);
      }
      if (kind === "legend") this.drawLegend(context, lane);
    });
  }

  writeGroup(context, { top, height, curve }) {
    context.textAlign = "left";
    context.fillStyle = this.ink;
    context.fillText(fitting(context, curve.detail, this.width), this.left, top + height / 2);
    context.fillRect(this.left, top + height - 1, this.width, 1);
  }

  writeEnds(context, { top, height, curve }) {
    context.textAlign = "left";
    context.globalAlpha = 0.75;
    const left = this.left + this.width + 6;
    context.fillText(curve.high.toPrecision(2), left, top + 7);
    if (curve.low < 0) context.fillText(curve.low.toPrecision(2), left, top + height - 6);
    context.globalAlpha = 1;
  }

  writeEvents({ top }, write) {
    const { tracks, leftOut } = this.data.events;
    write("Events", top + TRACK_PX / 2 - 1, true);
    if (leftOut && tracks > 1) {
      write(`and of ${leftOut} more ${leftOut > 1 ? "classes" : "class"}`, top + 1.5 * TRACK_PX - 1);
    }
  }

  writeClasses(context, lane, write) {
    const { classes, row } = this.data, chosen = this.row();
    classes.names.forEach((name, k) => {
      const y = lane.top + (k + 0.5) * row;
      write(name, y, k === chosen);
      if (k === chosen) {
        context.fillStyle = this.accent;
        context.fillRect(this.left - 4, y - row / 2 + 3, 3, row - 6);
      }
    });
  }

  drawSeconds(context) {
    const span = this.to - this.from, y = this.height - AXIS / 2 + 2;
    const steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
    const step = steps.find((s) => (s / span) * this.width > 56) || 1200;
    context.fillStyle = this.ink;
    context.globalAlpha = 0.75;
    context.textAlign = "center";
    for (let k = Math.ceil(this.from / step); k * step <= this.to + 1e-9; k++) {
      const time = k * step, x = this.x(time);
      context.fillRect(x, this.height - AXIS - 2, 1, 4);
      if (x > this.left + 6 || this.left > 40) {
        context.fillText(clock(time, step, this.data.duration >= 60), Math.min(x, this.left + this.width - 12), y);
      }
    }
    context.globalAlpha = 1;
  }

  // What the colours of the map mean: the name of its values, and the scale with its ends.
  drawLegend(context, { top }) {
    const { of, low, high } = this.data.classes, y = top + LEGEND_PX / 2, width = 96;
    let right = this.left + this.width;
    const write = (text, gap) => {
      context.textAlign = "right";
      context.fillStyle = this.ink;
      context.globalAlpha = 0.75;
      context.fillText(text, right, y);
      context.globalAlpha = 1;
      right -= context.measureText(text).width + gap;
    };
    write(short(high), 5);
    context.drawImage(this.scale, right - width, y - 5, width, 10);
    right -= width + 5;
    write(short(low), 8);
    write(of, 0);
  }

  drawHead(time) {
    const context = this.context(this.overlay), x = this.x(time);
    if (x < this.left - 1 || x > this.left + this.width + 1) return;
    context.fillStyle = this.paper;  // a rim, to be visible on bright and dark pictures
    context.fillRect(x - 2.5, 0, 5, this.height - AXIS);
    context.fillStyle = this.ink;
    context.fillRect(x - 1, 0, 2, this.height - AXIS);
    context.beginPath();
    context.arc(x, 4, 4, 0, 7);
    context.fill();
  }
}

// As much of a text as there is room for, but at least a few letters.
function fitting(context, text, room) {
  let shown = text;
  while (context.measureText(shown).width > room && shown.length > 4) {
    shown = `${shown.replace(/…$/, "").slice(0, -1)}…`;
  }
  return shown;
}

// A value of a few digits.
function short(value) {
  return Number(value.toPrecision(2)).toString();
}

// Seconds, or in a long sound minutes and seconds.
function clock(time, step, isLong) {
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  return isLong ? clockTo(time, digits) : time.toFixed(digits);
}

function clockTo(time, digits) {
  const seconds = time.toFixed(digits);  // rounded first: never 1:60
  const rest = (seconds % 60).toFixed(digits);
  return `${Math.floor(seconds / 60)}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

// A time in words: seconds below a minute, then minutes and seconds.
function stamp(time) {
  return time < 60 ? `${time.toFixed(2)} s` : clockTo(time, 2);
}
