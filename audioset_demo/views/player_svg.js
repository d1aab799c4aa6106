// The drawing commands that the pictures use, written as SVG in place of a canvas.

const ANCHORS = { left: "start", start: "start", center: "middle", right: "end", end: "end" };

class SvgContext {
  // `canvas`: a context in the same font, which measures texts.
  constructor(width, height, canvas) {
    Object.assign(this, { width, height, canvas });
    Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1 });
    Object.assign(this, { textAlign: "left", imageSmoothingEnabled: true });
    this.dashes = [];
    this.path = "";
    this.parts = [];
    this.groups = [];       // how many are open, at each save
    this.open = 0;
    this.clips = 0;
  }

  text() {
    const { width, height, canvas } = this;
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"`
      + ` viewBox="0 0 ${width} ${height}"><g style="font: ${escaped(canvas.font)}">`
      + `${this.parts.join("\n")}</g></svg>`;
  }

  add(name, attributes, content = "") {
    const written = Object.entries(attributes).filter(([, value]) => value !== "").map(([key, value]) =>
      ` ${key}="${typeof value === "number" ? rounded(value) : escaped(value)}"`);
    this.parts.push(`<${name}${written.join("")}>${content}</${name}>`);
  }

  filled() {
    return { fill: this.fillStyle, "fill-opacity": this.globalAlpha };
  }

  stroked() {
    return {
      fill: "none", stroke: this.strokeStyle, "stroke-opacity": this.globalAlpha,
      "stroke-width": this.lineWidth, "stroke-dasharray": this.dashes.join(" "),
    };
  }

  save() {
    this.groups.push(this.open);
  }

  restore() {
    for (const until = this.groups.pop(); this.open > until; this.open--) this.parts.push("</g>");
  }

  clip() {
    const id = `clip${this.clips++}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath><g clip-path="url(#${id})">`);
    this.open++;
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${rounded(x)} ${rounded(y)}`;
  }

  lineTo(x, y) {
    this.path += `L${rounded(x)} ${rounded(y)}`;
  }

  rect(x, y, width, height) {
    const [w, h] = [rounded(width), rounded(height)];
    this.path += `M${rounded(x)} ${rounded(y)}h${w}v${h}h${-w}z`;
  }

  setLineDash(dashes) {
    this.dashes = dashes;
  }

  fill() {
    this.add("path", { d: this.path, ...this.filled() });
  }

  stroke() {
    this.add("path", { d: this.path, ...this.stroked() });
  }

  fillRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, ...this.filled() });
  }

  strokeRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, ...this.stroked() });
  }

  measureText(text) {
    return this.canvas.measureText(text);
  }

  fillText(text, x, y) {
    const place = { x, y, "text-anchor": ANCHORS[this.textAlign], "dominant-baseline": "central" };
    this.add("text", { ...place, ...this.filled() }, escaped(text));
  }

  // A picture as PNG, or with nine arguments a part of it.
  drawImage(image, ...numbers) {
    const [x, y, width, height] = numbers.slice(-4);
    const part = numbers.length === 8 ? cut(image, ...numbers.slice(0, 4)) : image;
    const rendering = this.imageSmoothingEnabled ? "auto" : "pixelated";
    this.add("image", {
      x, y, width, height, preserveAspectRatio: "none", style: `image-rendering: ${rendering}`,
      href: part.toDataURL(),
    });
  }
}

function cut(image, x, y, width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").drawImage(image, x, y, width, height, 0, 0, width, height);
  return canvas;
}

function rounded(value) {
  return Math.round(value * 100) / 100;
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
}
