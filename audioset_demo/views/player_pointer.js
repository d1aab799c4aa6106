// The pointer over the pictures: a click seeks, plays or chooses, a drag marks a part or moves the
// view, the wheel zooms; a note beside it says what is there.

const CLICK_PX = 4;         // a pointer that moves less has clicked

class Pointer {
  // `player` holds the lanes and the view, plays, and chooses; `on` adds listeners.
  constructor(root, player, on) {
    this.player = player;
    this.note = root.querySelector(".note");
    this.pressed = null;
    for (const target of [player.overlay, player.pinned]) {
      on(target, "pointerdown", (event) => this.press(event, target));
      on(target, "mousedown", (event) => event.preventDefault());  // would take the focus away
      on(target, "pointermove", (event) => this.move(event, target));
      on(target, "pointerup pointercancel", (event) => this.release(event));
      on(target, "pointerleave", () => { this.note.hidden = true; });
    }
    on(root.querySelector(".view"), "wheel", (event) => this.wheel(event), { passive: false });
  }

  // The place of the pointer: the time, the picture, and the row of its class, or -1.
  under(event, target = this.player.overlay) {
    const { player } = this, box = target.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    const lane = player.lanes.find(({ top, height }) => y >= top && y < top + height);
    const row = lane && lane.kind === "classes" ? Math.floor((y - lane.top) / player.data.row) : -1;
    return { x, y, lane, row, time: player.seconds(x), named: x < player.left };
  }

  press(event, target) {
    if (event.button !== 0) return;
    const place = this.under(event, target), { from, to, head } = this.player;
    this.pressed = { ...place, from, to, moved: false };
    if (!place.named) target.setPointerCapture(event.pointerId);
    head.focus({ preventScroll: true });
  }

  move(event, target) {
    const place = this.under(event, target);
    if (this.pressed && !this.pressed.named) {
      if (Math.abs(place.x - this.pressed.x) > CLICK_PX) this.pressed.moved = true;
      if (this.pressed.moved) this.drag(place);
    }
    this.describe(place);
  }

  // Across the sound, a drag marks a part. Below it, it seeks in the whole sound, and moves a view
  // that is closer.
  drag(place) {
    const { x, from, to, time, lane } = this.pressed, { player } = this;
    if (isSound(lane)) return player.part.mark(time, place.time);
    if (to - from >= player.data.duration) return player.seek(place.time);
    const by = ((x - place.x) / player.width) * (to - from);
    player.look(from + by, to + by);
  }

  release(event) {
    const { pressed, player } = this;
    this.pressed = null;
    if (!pressed || event.type === "pointercancel" || pressed.moved) return;
    // Where the page describes a frame, a click on one means that frame, and not another class.
    const ofFrame = player.data.marked !== null && !pressed.named;
    if (pressed.row >= 0 && !ofFrame) player.choose(pressed.row);
    if (pressed.named) return;
    if (pressed.lane && pressed.lane.kind === "events") {
      const event = player.eventAt(pressed.lane, pressed.time, pressed.y);
      return event ? player.playPart(event.start, event.end) : player.seek(pressed.time);
    }
    const ofFrames = pressed.lane && !isSound(pressed.lane) && !["legend", "group"].includes(pressed.lane.kind);
    if (ofFrames) player.playFrame(player.frameAt(pressed.time));
    else player.seek(pressed.time);
  }

  describe({ x, y, time, named, lane, row }) {
    this.note.hidden = named;
    if (named) return;
    const { player } = this, frame = player.frameAt(time), { classes } = player.data;
    let text = stamp(time);
    if (row >= 0) {
      const share = player.levels[frame * classes.names.length + row] / 255;
      const value = classes.low + share * (classes.high - classes.low);
      text += ` · ${classes.names[row]}: ${classes.of.toLowerCase()} ${value.toFixed(2)}`;
    }
    const event = lane && lane.kind === "events" && player.eventAt(lane, time, y);
    if (event) {
      text += ` · ${event.name}, ${stamp(event.start)} to ${stamp(event.end)}: highest score ${event.score.toFixed(2)}`;
    }
    const curve = lane && (lane.curve || (lane.kind === "attention" && player.attention()));
    if (curve) text += ` · ${curve.name} ${curve.values[frame].toPrecision(3)}`;
    this.note.textContent = text;
    const right = x > player.left + player.width / 2;
    this.note.style.left = right ? "" : `${x + 12}px`;
    this.note.style.right = right ? `${player.stage.clientWidth - x + 12}px` : "";
    this.note.style.top = `${Math.max(0, y - 30)}px`;
  }

  wheel(event) {
    const { player } = this, { from, to, data, width } = player;
    if (event.ctrlKey) {  // also sent by a pinch on a touchpad
      event.preventDefault();
      player.zoom(Math.exp(event.deltaY * 0.01), this.under(event).time);
    } else if (to - from < data.duration && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
      event.preventDefault();
      player.pan((event.deltaX || event.deltaY) / width);
    }
  }
}
