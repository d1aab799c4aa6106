// The player: the pictures of a sound, synchronised with the audio element above them.

const MIN_SPAN_S = 0.25;    // the closest view
const FINEST = 99;          // columns of the spectrogram a second: there are no finer ones
const LOOK_MS = 250;        // after the view changed, finer pictures are asked for

const instances = new WeakMap();
// The view of the last clip, and the last part that the page requested. It outlives a player, which
// is created again on another page and wherever the page around it changes.
let past = null;
let savedTurn = 0;          // the last part that was saved as a file

export default function (component) {
  const { parentElement, data } = component;
  let player = instances.get(parentElement);
  if (!player) {
    player = new Player(parentElement);
    instances.set(parentElement, player);
  }
  player.report = (frame) => component.setTriggerValue("frame", frame);
  player.reportClass = (name) => component.setTriggerValue("class", name);
  player.reportView = (view) => component.setStateValue("view", view);
  player.reportPart = (what, ends) => component.setTriggerValue(what, ends);
  player.show(data);
  return () => {
    player.close();
    instances.delete(parentElement);
  };
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

class Player extends Pictures {
  constructor(root) {
    super(root);
    this.group = root.querySelector(".player");
    this.head = root.querySelector(".head");
    this.stop = null;       // seconds at which playback of a part ends
    this.drawing = 0;
    this.reporting = 0;
    this.listeners = new AbortController();
    const on = (target, kinds, handle, options = {}) =>
      kinds.split(" ").forEach((kind) =>
        target.addEventListener(kind, handle, { signal: this.listeners.signal, ...options }));
    on(root.querySelector(".closer"), "click", () => this.zoom(0.5));
    on(root.querySelector(".wider"), "click", () => this.zoom(2));
    on(root.querySelector(".whole"), "click", () => this.look(0, this.data.duration));
    on(root.querySelector(".png"), "click", () => this.savePng());
    on(root.querySelector(".svg"), "click", () => this.saveSvg());
    this.pinned = root.querySelector(".pinned");
    this.part = new Part(root, this, on);
    this.overview = new Overview(root, this, on);
    this.pointer = new Pointer(root, this, on);
    this.keys = new Keys(this, on);
    // Media events do not bubble; the audio element may be replaced by another at any time.
    on(document, "play pause seeked timeupdate ended loadedmetadata", (event) => {
      if (event.target === this.audio()) this.follow();
    }, { capture: true });
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => setTimeout(() => this.draw(), 200));
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.stage);
  }

  close() {
    this.listeners.abort();
    this.resizing.disconnect();
    cancelAnimationFrame(this.drawing);
    clearTimeout(this.reporting);
    clearTimeout(this.looking);
  }

  audio() {
    return this.data && document.querySelector(`.st-key-${this.data.audio} audio`);
  }

  show(data) {
    const other = !this.data || this.data.clip !== data.clip;
    const known = past && past.clip === data.clip ? past : null;
    if (other) {
      this.from = known ? known.from : 0;
      this.to = known ? known.to : data.duration;
      this.chosen = data.chosen || (known && known.chosen);
      this.part.span = known && known.part;
      this.stop = null;
    } else if (data.chosen !== this.data.chosen) {  // elsewhere on the page
      this.chosen = data.chosen;
    }
    this.group.setAttribute("aria-label", data.alt);
    this.load(data);
    this.resize();
    this.follow();
    // The page requests to play a part by counting up.
    if (known && known.turn !== data.play.turn) this.playPart(data.play.start, data.play.end);
    if (data.saved && data.saved.turn !== savedTurn) {
      savedTurn = data.saved.turn;
      download(new Blob([bytes(data.saved.wav)], { type: "audio/wav" }), data.saved.name);
    }
  }

  resize() {
    super.resize();
    if (!this.lanes) return;
    this.overview.draw();
    // As high as the sound's pictures, which it lies over; it takes no room of its own.
    const height = this.low ? this.soundBottom() : 0;
    this.pinned.style.height = `${height}px`;
    this.pinned.style.marginBottom = `${-height}px`;
    if (height) fitted(this.pinned.firstElementChild, this.stage.clientWidth, height);
    this.pin();
  }

  draw() {
    if (!this.lanes) return;
    super.draw();
    this.drawHead();
    this.overview.place();
    this.part.place();
    this.remember();
    this.lookCloser();
  }

  // Asks for finer pictures of what is in view, where those of the whole sound are too coarse.
  lookCloser() {
    clearTimeout(this.looking);
    const { mel, duration, clip } = this.data, span = this.to - this.from;
    const isCoarse = (columns, seconds) =>
      columns / seconds < FINEST && (columns / seconds) * span < this.width;
    if (!mel || !isCoarse(mel.columns, duration)) return;
    const fine = this.isDetailed() && this.detail.mel;
    if (fine && !isCoarse(fine.columns, fine.to - fine.from)) return;
    const ends = [Math.max(0, this.from - span / 2), Math.min(duration, this.to + span / 2)];
    const view = JSON.stringify([clip, ends]);
    if (view === this.asked) return;  // answered as finely as can be
    this.looking = setTimeout(() => {
      this.asked = view;
      this.reportView({ clip, ends });
    }, LOOK_MS);
  }

  remember() {
    const { clip, play } = this.data;
    const { from, to, chosen } = this;
    past = { clip, turn: play.turn, from, to, chosen, part: this.part.span };
  }

  drawHead() {
    const time = this.time();
    super.drawHead(time);
    this.overview.follow(time);
    this.pin();
    this.head.setAttribute("aria-valuemax", this.data.duration.toFixed(2));
    this.head.setAttribute("aria-valuenow", time.toFixed(2));
    this.head.setAttribute("aria-valuetext", stamp(time));
  }

  // Copies the sound's pictures, with the playhead, to where they stay in sight.
  pin() {
    if (!this.low) return;
    const canvas = this.pinned.firstElementChild, context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.pictures, 0, 0);
    context.drawImage(this.overlay, 0, 0);
  }

  time() {
    const audio = this.audio();
    return audio ? audio.currentTime : this.idle || 0;
  }

  // Called when the sound starts, stops or seeks: moves the playhead with it.
  follow() {
    cancelAnimationFrame(this.drawing);
    if (!this.lanes) return;
    const audio = this.audio(), playing = audio && !audio.paused && !audio.ended;
    if (playing && this.stop !== null && audio.currentTime >= this.stop) {
      audio.pause();
      audio.currentTime = this.stop;
      this.stop = null;
      return;
    }
    const time = this.time();
    if (playing && !this.pointer.pressed) this.reveal(time);
    this.drawHead();
    if (playing) this.drawing = requestAnimationFrame(() => this.follow());
  }

  // Moves the view to where this time is in it.
  reveal(time) {
    const span = this.to - this.from;
    if (time > this.to || time < this.from) this.look(time - 0.05 * span, time + 0.95 * span);
  }

  // Saves the pictures as they are in view, on the page's own background.
  savePng() {
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
    canvas.width = this.pictures.width;
    canvas.height = this.pictures.height;
    context.fillStyle = this.paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.pictures, 0, 0);
    canvas.toBlob((image) => download(image, `${this.data.file}.png`));
  }

  saveSvg() {
    const width = this.stage.clientWidth;
    const context = new SvgContext(width, this.height, this.pictures.getContext("2d"));
    context.fillStyle = this.paper;
    context.fillRect(0, 0, width, this.height);
    this.paint(context);
    download(new Blob([context.text()], { type: "image/svg+xml" }), `${this.data.file}.svg`);
  }

  seek(time) {
    const audio = this.audio();
    this.stop = null;
    this.idle = time;
    if (audio) audio.currentTime = time;
    this.drawHead();
  }

  // Plays the whole 0.96 s that a frame covers; with a shorter hop, only its middle is drawn.
  playFrame(frame) {
    const { step, cover, marked } = this.data;
    if (marked !== null && frame !== marked) this.report(frame);
    this.playPart(frame * step, frame * step + cover);
  }

  playPart(start, end) {
    const audio = this.audio();
    this.seek(start);
    if (!audio) return;
    this.stop = Math.min(end, this.data.duration);
    this.play(audio);
  }

  // A browser refuses where it cannot play the sound, or where a later click was faster.
  play(audio) {
    audio.play().catch(() => this.follow());
  }

  toggle() {
    const audio = this.audio();
    this.stop = null;
    if (audio) audio.paused ? this.play(audio) : audio.pause();
  }

  // The chosen class is known by its name: rows come and go.
  choose(row, wait = 0) {
    this.chosen = this.data.classes.names[row];
    this.draw();
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => this.reportClass(this.chosen), wait);
  }

  look(from, to) {
    const { duration } = this.data;
    const span = Math.min(Math.max(to - from, Math.min(MIN_SPAN_S, duration)), duration);
    this.from = Math.min(Math.max(from, 0), duration - span);
    this.to = this.from + span;
    this.draw();
  }

  zoom(factor, around = this.time()) {
    const inside = Math.min(Math.max(around, this.from), this.to);
    this.look(inside - (inside - this.from) * factor, inside + (this.to - inside) * factor);
  }

  // Moves the view by a share of itself.
  pan(share) {
    const by = Math.min(Math.max(share * (this.to - this.from), -this.from), this.data.duration - this.to);
    this.look(this.from + by, this.to + by);
  }
}
