// The lanes of a sound, one above the other on one time axis: what each shows, and where.

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

function isSound(lane) {
  return !!lane && (lane.kind === "wave" || lane.kind === "mel");
}

class Lanes {
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

  // The event at this time on the track at this height, or none.
  eventAt(lane, time, y) {
    const track = Math.floor((y - lane.top) / TRACK_PX);
    return this.data.events.bars.find((bar) =>
      bar.track === track && bar.start <= time && time < bar.end);
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

  // Pixels from the top to the end of the sound's own pictures.
  soundBottom() {
    const { top, height } = this.lanes.findLast(isSound);
    return top + height;
  }
}
