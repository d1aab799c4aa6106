// A part of the sound, marked by the visitor: two grips over the pictures and a row of buttons.

const LEAST_PART_S = 0.05;
const GRIP_STEP_S = 0.05;   // by an arrow key

class Part {
  // `player` maps times to places, plays, and tells the page; `on` adds listeners.
  constructor(root, player, on) {
    this.player = player;
    this.span = null;       // the marked part: {start, end} in seconds
    const part = (name) => root.querySelector(`.${name}`);
    this.row = part("part");
    this.keys = part("keys");
    this.times = part("part .times");
    this.shade = part("shade");
    this.grips = { start: part("grip.start"), end: part("grip.end") };
    on(part("hear"), "click", () => player.playPart(this.span.start, this.span.end));
    on(part("tag"), "click", () => player.reportPart("tag", this.ends()));
    on(part("save"), "click", () => player.reportPart("save", this.ends()));
    on(part("clear"), "click", () => this.clear());
    for (const [end, grip] of Object.entries(this.grips)) {
      on(grip, "pointerdown", (event) => {
        event.preventDefault();
        grip.focus();
        grip.setPointerCapture(event.pointerId);
      });
      on(grip, "pointermove", (event) => {
        if (grip.hasPointerCapture(event.pointerId)) this.move(end, player.pointer.under(event).time);
      });
      on(grip, "keydown", (event) => this.key(event, end));
    }
  }

  ends() {
    return [this.span.start, this.span.end];
  }

  // Marks from one time to another, in either order.
  mark(one, other) {
    const { duration, wave } = this.player.data;
    const start = Math.max(0, Math.min(one, other));
    const end = Math.min(duration, Math.max(one, other));
    if (!wave || end - start < Math.min(LEAST_PART_S, duration) - 1e-9) return;
    this.span = { start, end };
    this.place();
    this.player.remember();
  }

  // Moves one end, never past the other.
  move(end, time) {
    const { start, end: last } = this.span;
    if (end === "start") this.mark(Math.min(time, last - LEAST_PART_S), last);
    else this.mark(start, Math.max(time, start + LEAST_PART_S));
  }

  // One end at a time: what is marked then reaches from there to the other end, or the sound's.
  markAt(end, time) {
    const { start, end: last } = this.span || { start: 0, end: this.player.data.duration };
    if (end === "start") this.mark(time, last > time ? last : this.player.data.duration);
    else this.mark(start < time ? start : 0, time);
  }

  clear() {
    this.span = null;
    this.place();
    this.player.remember();
    this.player.head.focus({ preventScroll: true });
  }

  // Shows the part where it is in view.
  place() {
    const { span, player } = this;
    this.row.hidden = !span;
    this.keys.hidden = !!span;
    this.shade.hidden = !span;
    for (const [end, grip] of Object.entries(this.grips)) {
      grip.hidden = !span || span[end] < player.from - 1e-9 || span[end] > player.to + 1e-9;
      if (grip.hidden) continue;
      grip.style.left = `${player.x(span[end])}px`;
      grip.style.height = `${player.soundBottom()}px`;
      grip.setAttribute("aria-valuemax", player.data.duration.toFixed(2));
      grip.setAttribute("aria-valuenow", span[end].toFixed(2));
      grip.setAttribute("aria-valuetext", stamp(span[end]));
    }
    if (!span) return;
    const inView = (time) => player.x(Math.min(Math.max(time, player.from), player.to));
    const left = inView(span.start), right = inView(span.end);
    this.shade.style.left = `${left}px`;
    this.shade.style.width = `${right - left}px`;
    this.shade.style.height = `${player.soundBottom()}px`;
    this.times.textContent = `${stamp(span.start)} to ${stamp(span.end)}`;
  }

  key(event, end) {
    const by = { ArrowLeft: -GRIP_STEP_S, ArrowRight: GRIP_STEP_S }[event.key];
    if (event.key === "Escape") this.clear();
    else if (by) this.move(end, this.span[end] + by);
    else return;
    event.preventDefault();
  }
}
