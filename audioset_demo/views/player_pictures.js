// The pictures of a sound on one time axis: waveform, log-mel spectrogram, scores, attention, curves.
// Everything is drawn on two canvases: the pictures, redrawn only when the view changes, and over
// them the playhead, redrawn with every frame of the screen while the sound plays.

// The context of a canvas made as large as this, in CSS pixels.
function fitted(canvas, width, height) {
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  return context;
}

class Pictures extends Labels {
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
