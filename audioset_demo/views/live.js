// The Live page: sends what the microphone hears to the server, and draws what the server found.

const FIRST = 15600, STEP = 7680;   // samples: frames are complete at FIRST and at steps from there
const MOST = 10 * RATE;             // samples that wait for the server; of more, the oldest are lost
const PATIENCE_MS = 5000;           // until what has no answer is sent again
const VIEW_S = 60;
const QUIETEST_DB = -60;            // where the level's bar begins

const listeners = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  let live = listeners.get(parentElement);
  if (!live) {
    live = new Live(parentElement);
    listeners.set(parentElement, live);
  }
  live.report = (block) => component.setStateValue("block", block);
  live.show(data);
  return () => {  // the page was left
    live.close();
    listeners.delete(parentElement);
  };
}

function base64(samples) {
  let text = "";
  for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

class Live extends Pictures {
  constructor(root) {
    super(root);
    const part = (name) => root.querySelector(`.${name}`);
    this.parts = {
      start: part("start"), stop: part("stop"), level: part("level span"), state: part("state"),
      trouble: part("trouble"), tags: part("tags"), notes: part("notes"), figures: part("figures"),
      timeline: part("timeline"),
    };
    this.microphone = null;
    this.waiting = [];              // what the server has not acknowledged: {first, samples}
    this.n = 0;                     // samples since Start
    this.latency = null;
    this.parts.start.addEventListener("click", () => this.open());
    this.parts.stop.addEventListener("click", () => this.stop());
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.stage);
  }

  async open() {
    this.parts.start.disabled = true;
    this.complain("");
    this.parts.state.textContent = "Waiting for the microphone";
    Object.assign(this, {
      key: String(Math.random()),   // what this listening is called
      n: 0,
      waiting: [],
      sentAt: null,                 // when what has no answer yet was sent
      sentTo: 0,
      next: FIRST,                  // as many samples there are when the next block is due
      encodedTo: 0,
      latency: null,
    });
    try {
      const opened = await openMicrophone((samples) => this.take(samples),
        () => this.stop("The microphone was disconnected. Connect it and press Start again."));
      if (this.closed) opened.close();
      else this.microphone = opened;
      this.parts.stop.disabled = false;
    } catch (error) {
      this.stop(refusal(error));
    }
  }

  stop(trouble = "") {
    if (this.microphone) {
      this.microphone.close();
      this.microphone = null;
      if (!trouble && this.waiting.length && this.sentAt === null) this.send();
    }
    this.parts.start.disabled = false;
    this.parts.stop.disabled = true;
    this.parts.state.textContent = "";
    this.parts.level.style.width = 0;
    this.complain(trouble);
  }

  close() {
    this.closed = true;
    this.stop("The page was left.");
    this.resizing.disconnect();
  }

  complain(trouble) {
    this.parts.trouble.textContent = trouble;
    this.parts.trouble.hidden = !trouble;
  }

  take(samples) {
    if (!this.microphone) return;
    this.waiting.push({ first: this.n, samples });
    this.n += samples.length;
    while (this.n - this.waiting[0].first > MOST) this.waiting.shift();
    const late = this.sentAt !== null && performance.now() - this.sentAt > PATIENCE_MS;
    if (late || (this.sentAt === null && this.n >= this.next)) this.send();
    const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
    const level = 1 - (10 * Math.log10(power / 32768 ** 2 + 1e-12)) / QUIETEST_DB;
    this.parts.level.style.width = `${Math.round(100 * Math.min(Math.max(level, 0), 1))}%`;
    const seconds = Math.floor(this.n / RATE);
    this.parts.state.textContent =
      `Listening · ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  // Everything that waits, in one block. The next follows when the server has answered.
  send() {
    const { first } = this.waiting[0], block = new Int16Array(this.n - first);
    this.waiting.forEach((part) => block.set(part.samples, part.first - first));
    this.sentAt = performance.now();
    this.sentTo = this.n;
    this.next = FIRST + (Math.floor((this.n - FIRST) / STEP) + 1) * STEP;
    this.report({ key: this.key, first, samples: base64(block) });
  }

  show({ key, error, found, alt }) {
    this.stage.setAttribute("aria-label", alt);
    if (this.key && key === this.key) {
      if (error) this.stop(error);
      else this.acknowledge(found);
    }
    if (!found) return;
    this.list(found.tags);
    this.parts.notes.textContent = found.notes.join(" ");
    this.tell(found.lost);
    if (!found.timeline) return;
    this.parts.timeline.classList.add("heard");
    this.to = found.timeline.duration;
    this.from = this.to - VIEW_S;
    this.load(found.timeline);
    this.resize();
  }

  acknowledge({ position, encodedTo }) {
    this.waiting = this.waiting.filter(({ first }) => first >= position);
    if (position >= this.sentTo) this.sentAt = null;
    if (!this.microphone && this.waiting.length && this.sentAt === null) this.send();
    if (encodedTo === this.encodedTo) return;
    this.encodedTo = encodedTo;
    this.latency = (this.n - encodedTo) / RATE;  // the age of the newest frame when it is shown
  }

  list(tags) {
    if (!tags) return;
    this.parts.tags.replaceChildren(...tags.map(({ name, score }) => {
      const row = document.createElement("li");
      row.innerHTML = '<span class="name"></span><span class="track"><span></span></span><span class="score"></span>';
      row.querySelector(".name").textContent = name;
      row.querySelector(".track span").style.width = `${100 * score}%`;
      row.querySelector(".score").textContent = score.toFixed(2);
      return row;
    }));
    if (!tags.length) this.parts.tags.textContent = "Nothing that the model knows.";
  }

  tell(lost) {
    if (this.latency === null) return;
    this.parts.figures.textContent =
      `Shown ${this.latency.toFixed(2)} s after it was heard · ${lost.toFixed(2)} s lost`;
  }

  // --- the pictures: the last minute, which ends at the right ----------------------------------

  row() {
    return -1;                      // no class is marked
  }

  layout() {
    super.layout();
    this.lanes = this.lanes.filter(({ kind }) => kind !== "attention");
    const { top, height } = this.lanes.at(-1);
    this.height = top + height + GAP + AXIS;
  }

  drawSeconds(context) {
    const y = this.height - AXIS / 2 + 2, step = this.width > 500 ? 10 : 20;
    context.fillStyle = this.ink;
    context.globalAlpha = 0.75;
    context.textAlign = "right";
    for (let ago = 0; ago < VIEW_S; ago += step) {
      const x = this.x(this.to - ago);
      context.fillRect(x - 1, this.height - AXIS - 2, 1, 4);
      context.fillText(ago ? `−${ago} s` : "now", x, y);
    }
    context.globalAlpha = 1;
  }
}
