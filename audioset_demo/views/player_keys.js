// The keys of the player, where it has the focus; the space bar also where nothing has it.

const REPORT_MS = 300;      // after the last key that chose a class, the choice is sent to the page

class Keys {
  // `player` plays, moves the view, and chooses; `on` adds listeners.
  constructor(player, on) {
    this.player = player;
    on(player.head, "keydown", (event) => this.press(event));
    on(document, "keydown", (event) => {
      if (event.target === document.body && event.key === " ") this.press(event);
    });
  }

  press(event) {
    const { player } = this, { step, duration, classes } = player.data, time = player.time();
    const choose = (by) => {
      if (!classes) return;
      player.choose(Math.min(Math.max(player.row() + by, 0), classes.names.length - 1), REPORT_MS);
    };
    const go = (to) => {
      player.seek(Math.min(Math.max(to, 0), duration));
      player.reveal(player.time());
    };
    const closer = () => player.zoom(0.5), wider = () => player.zoom(2);
    const actions = {
      " ": () => player.toggle(),
      ArrowLeft: () => go(time - step),
      ArrowRight: () => go(time + step),
      ArrowUp: () => choose(-1),
      ArrowDown: () => choose(1),
      Enter: () => player.playFrame(player.frameAt(time)),
      Home: () => go(0),
      End: () => go(duration),
      i: () => player.part.markAt("start", time),
      o: () => player.part.markAt("end", time),
      Escape: () => player.part.clear(),
      "+": closer, "=": closer,  // on US keyboards, + needs Shift
      "-": wider, "_": wider,
    };
    const known = { Space: " ", Equal: "+", NumpadAdd: "+", Minus: "-", NumpadSubtract: "-" };
    // The letter that a keyboard writes counts; the key's place, where the browser has no letter.
    const key = event.key === "Unidentified" ? known[event.code] || event.code : event.key;
    const action = !event.ctrlKey && !event.metaKey && !event.altKey && actions[key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
