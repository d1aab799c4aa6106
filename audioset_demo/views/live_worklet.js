// Runs where the browser processes sound: the microphone's channels to blocks of mono 16-bit samples.

const TO_RATE = 16000;    // Hz
const BLOCK = 240;        // samples of a block, 15 ms

// Of the filter from another rate: a windowed sinc (Kaiser's window).
const ZEROS = 64;         // zero crossings on each side, at the lower of the two rates
const BETA = 8;           // aliases stay 80 dB below
const ROLLOFF = 0.96;     // where the filter is at a half, as a share of the highest frequency

// The modified Bessel function of order 0.
function bessel(x) {
  let term = 1, sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

// A polyphase filter from one rate to another, block by block.
class Resampler {
  constructor(from, to) {
    const divisor = (a, b) => (b ? divisor(b, a % b) : a);
    const lower = Math.min(from, to);
    this.up = to / divisor(from, to);
    this.down = from / divisor(from, to);
    this.half = Math.ceil((ZEROS * from) / lower);
    const cutoff = (ROLLOFF * lower) / from;
    const tap = (time) => {
      const x = Math.PI * cutoff * time, edge = 1 - (time / this.half) ** 2;
      return edge <= 0 ? 0 : (cutoff * (x ? Math.sin(x) / x : 1) * bessel(BETA * Math.sqrt(edge))) / bessel(BETA);
    };
    this.phases = Array.from({ length: this.up }, (_, phase) =>
      Float32Array.from({ length: 2 * this.half }, (_, k) => tap(k - this.half + 1 - phase / this.up)));
    this.held = new Float32Array(this.half - 1);  // silence before the first sample
    this.phase = 0;
  }

  // The output that is complete after more input.
  take(input) {
    const held = new Float32Array(this.held.length + input.length);
    held.set(this.held);
    held.set(input, this.held.length);
    const output = [];
    let first = 0;  // of the samples below the filter
    for (; first + 2 * this.half <= held.length; first += Math.floor(this.phase / this.up), this.phase %= this.up) {
      const taps = this.phases[this.phase];
      let sum = 0;
      for (let k = 0; k < taps.length; k++) sum += taps[k] * held[first + k];
      output.push(sum);
      this.phase += this.down;
    }
    this.held = held.slice(first);
    return output;
  }
}

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === TO_RATE ? null : new Resampler(sampleRate, TO_RATE);
    this.block = new Int16Array(BLOCK);
    this.n = 0;
  }

  // `channels` are Float32Arrays of 128 samples; none while the microphone gives nothing.
  process([channels]) {
    const mono = new Float32Array(channels.length ? channels[0].length : 128);
    for (const channel of channels) channel.forEach((value, k) => { mono[k] += value / channels.length; });
    for (const value of this.resampler ? this.resampler.take(mono) : mono) {
      this.block[this.n++] = Math.min(Math.max(Math.round(value * 32768), -32768), 32767);
      if (this.n === BLOCK) {
        this.port.postMessage(this.block.slice());
        this.n = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
