// The whole sound in a strip, above the pictures of the part in view: a window that is dragged,
// stretched at its edges, and drawn anew where the strip is dragged elsewhere.

const EDGE_PX = 8;          // from an edge of the window, from where it can be held
const PAN_SHARE = 0.1;      // of the view, by an arrow key

class Overview {
  // `player` holds the view and changes it; `on` adds listeners.
  constructor(root, player, on) {
    this.player = player;
    this.element = root.querySelector(".overview");
    this.canvas = this.element.querySelector("canvas");
    this.window = this.element.querySelector(".window");
    this.now = this.element.querySelector(".now");
    this.held = null;
    on(this.element, "pointerdown", (event) => this.press(event));
    on(this.element, "pointermove", (event) => this.move(event));
    on(this.element, "pointerup pointercancel", (event) => this.release(event));
    on(this.element, "wheel", (event) => player.pointer.wheel(event), { passive: false });
    on(this.element, "keydown", (event) => this.key(event));
  }

  x(time) {
    const { left, width, data } = this.player;
    return left + (time / data.duration) * width;
  }

  time(x) {
    const { left, width, data } = this.player;
    return Math.min(Math.max((x - left) / width, 0), 1) * data.duration;
  }

  // Draws the whole wave, a bar for each pixel.
  draw() {
    const { player, canvas } = this, { low, high } = player;
    const context = fitted(canvas, this.element.clientWidth, this.element.clientHeight);
    const middle = this.element.clientHeight / 2, scale = (middle - 1) / 127;
    context.fillStyle = player.data.colours.wave;
    if (!low) return context.fillRect(player.left, middle - 1, player.width, 2);
    for (let x = 0; x < player.width; x++) {
      const first = Math.floor((x / player.width) * low.length);
      const end = Math.max(first + 1, Math.floor(((x + 1) / player.width) * low.length));
      const top = Math.max(...high.subarray(first, end)), bottom = Math.min(...low.subarray(first, end));
      context.fillRect(player.left + x, middle - top * scale - 0.5, 1, (top - bottom) * scale + 1);
    }
  }

  // Shows which part is in view.
  place() {
    const { from, to, data } = this.player;
    this.window.style.left = `${this.x(from)}px`;
    this.window.style.width = `${this.x(to) - this.x(from)}px`;
    const most = data.duration - (to - from);
    this.element.setAttribute("aria-valuemax", most.toFixed(2));
    this.element.setAttribute("aria-valuenow", from.toFixed(2));
    this.element.setAttribute("aria-valuetext", `${stamp(from)} to ${stamp(to)}`);
  }

  follow(time) {
    this.now.style.left = `${this.x(time)}px`;
  }

  press(event) {
    if (event.button !== 0) return;
    const x = event.clientX - this.element.getBoundingClientRect().left, time = this.time(x);
    const { from, to, data } = this.player;
    const near = (edge) => Math.abs(this.x(edge) - x) <= EDGE_PX;
    let kind = "new";
    if (to - from < data.duration - 1e-6) {
      if (near(from)) kind = "from";
      else if (near(to)) kind = "to";
      else if (time > from && time < to) kind = "window";
    }
    this.held = { kind, x, time, from, to, moved: false };
    this.element.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.held) return;
    const x = event.clientX - this.element.getBoundingClientRect().left, time = this.time(x);
    const { kind, time: start, from, to } = this.held, by = time - start;
    this.held.moved ||= Math.abs(x - this.held.x) > CLICK_PX;
    if (!this.held.moved) return;
    if (kind === "new") this.player.look(Math.min(start, time), Math.max(start, time));
    if (kind === "window") this.player.look(from + by, to + by);
    if (kind === "from") this.player.look(Math.min(time, to - MIN_SPAN_S), to);
    if (kind === "to") this.player.look(from, Math.max(time, from + MIN_SPAN_S));
  }

  // A click seeks.
  release(event) {
    const held = this.held;
    this.held = null;
    if (!held || held.moved || event.type === "pointercancel") return;
    this.player.seek(held.time);
    this.player.reveal(held.time);
  }

  key(event) {
    const { player } = this;
    const actions = {
      ArrowLeft: () => player.pan(-PAN_SHARE),
      ArrowRight: () => player.pan(PAN_SHARE),
      PageUp: () => player.pan(-1),
      PageDown: () => player.pan(1),
      Home: () => player.pan(-Infinity),
      End: () => player.pan(Infinity),
      "+": () => player.zoom(0.5), "=": () => player.zoom(0.5),
      "-": () => player.zoom(2), "_": () => player.zoom(2),
    };
    const action = !event.ctrlKey && !event.metaKey && !event.altKey && actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
