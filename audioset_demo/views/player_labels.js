// What is written beside the lanes: their names and values, the seconds, the scale of the colours.

class Labels extends Lanes {
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
        const lines = inTwo(context, curve.name, room);
        lines.forEach((line, k) => write(line, top + height / 2 + 16 * (k - (lines.length - 1) / 2)));
        this.writeEnds(context, lane);
      }
      if (kind === "legend") this.drawLegend(context, lane);
    });
  }

  writeGroup(context, { top, height, curve }) {
    context.textAlign = "left";
    context.fillStyle = this.ink;
    const aside = 6;  // of the playhead, which rests at the left
    context.fillText(fitting(context, curve.detail, this.width - aside), this.left + aside, top + height / 2);
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
      write(`${leftOut} more ${leftOut > 1 ? "classes" : "class"}`, top + 1.5 * TRACK_PX - 1);
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
}

// A text in one line, or in two where there is no room for it in one.
function inTwo(context, text, room) {
  const words = text.split(" ");
  if (words.length < 2 || context.measureText(text).width <= room) return [text];
  let n = words.length - 1;
  while (n > 1 && context.measureText(words.slice(0, n).join(" ")).width > room) n--;
  return [words.slice(0, n).join(" "), words.slice(n).join(" ")];
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
