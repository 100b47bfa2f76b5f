// SPDX-License-Identifier: MIT
// The timeline: each process a bar, in rows, on a canvas that holds the visible rows alone. Within a row bars are in the
// order of time, so what is to be drawn is found by halving, and bars narrower than a pixel are drawn once a pixel: the
// work is bounded by the pixels, not by the number of processes.

const kRowHeight = 17;
const kBarHeight = 14;
const kTimelineHeight = 420;
const kAxisHeight = 20;
const kHues = [211, 28, 145, 282, 345, 178, 52, 240, 95, 316, 12, 195];
const kNamedColours = 12;

// Rows of process numbers: packed (the first row that is free) or one process each, children behind their parent.
function packedRows(processes, order) {
  const {start, end} = processes.columns;
  const rows = [];
  const free = [];  // when each row is free again
  for (const index of order) {
    let row = 0;
    while (row < rows.length && free[row] > start[index]) ++row;
    if (row === rows.length) rows.push([]);
    rows[row].push(index);
    free[row] = end[index];
  }
  return rows;
}

function treeRows(processes, order) {
  const {pid, ppid, start} = processes.columns;
  const children = new Map();
  const roots = [];
  const latest = new Map();  // of a pid that is used again, the process that was there at that time
  for (const index of order) {
    const parent = ppid ? latest.get(ppid[index]) : undefined;
    if (parent === undefined || parent === index) roots.push(index);
    else if (children.has(parent)) children.get(parent).push(index);
    else children.set(parent, [index]);
    latest.set(pid[index], index);
  }
  const rows = [];
  const stack = roots.reverse();
  while (stack.length) {
    const index = stack.pop();
    rows.push([index]);
    const mine = children.get(index);
    if (mine) for (let i = mine.length - 1; i >= 0; --i) stack.push(mine[i]);
  }
  return rows;
}

class Timeline {
  constructor(processes, view, actions) {
    this.processes = processes;
    this.view = view;
    this.actions = actions;  // hover(index or null, event), choose(index)
    this.box = byId('timeline');
    this.canvas = element('canvas');
    this.spacer = element('div');
    this.box.append(this.canvas, this.spacer);
    const {start} = processes.columns;
    this.order = Array.from(start.keys()).sort((a, b) => start[a] - start[b] || a - b);
    this.matches = null;
    this.chosen = null;
    this.layOut('packed');
    this.colourBy('program');
    this.listen();
  }

  layOut(kind) {
    this.tree = kind === 'tree';
    // With a row each, a search leaves what it finds: the rest would be pages of nothing.
    const order = this.tree && this.matches ? this.order.filter((index) => this.matches[index]) : this.order;
    this.rows = (this.tree ? treeRows : packedRows)(this.processes, order);
    const height = this.rows.length * kRowHeight + kAxisHeight + 6;
    this.height = Math.min(height, kTimelineHeight);
    this.box.style.height = `${this.height + 2}px`;
    this.spacer.style.height = `${Math.max(height - this.height, 0)}px`;
    this.box.scrollTop = 0;
    this.redraw();
  }

  colourBy(kind) {
    const {processes} = this;
    if (kind === 'program') {
      const {of, counts} = processes.programs;
      const ranks = counts.map((_, program) => program).sort((a, b) => counts[b] - counts[a]);
      const rankOf = [];
      ranks.forEach((program, rank) => { rankOf[program] = rank; });
      this.shade = (index) => Math.min(rankOf[of[index]], kNamedColours);
    } else {
      const column = processes.columns[kind === 'cpu' ? 'cpu_time' : 'peak_rss'];
      const highest = column ? column.reduce((a, b) => Math.max(a, b ?? 0), 0) : 0;
      const least = kind === 'cpu' ? 1e-3 : 1e6;
      // Six steps of equal ratio between `least` and the highest.
      const steps = Math.log(Math.max(highest / least, 2));
      this.shade = (index) => {
        const value = column ? column[index] ?? 0 : 0;
        return 20 + (value <= least ? 0 : Math.min(5, Math.floor(Math.log(value / least) / steps * 6)));
      };
    }
    this.readPalette();
  }

  // Colours by the number that shade() gives: programs 0 to 11, all others 12, amounts 20 to 25, failed 30.
  readPalette() {
    this.dark = matchMedia('(prefers-color-scheme: dark)').matches;
    this.palette = [];
    kHues.forEach((hue, i) => { this.palette[i] = this.dark ? `hsl(${hue} 42% 46%)` : `hsl(${hue} 55% 66%)`; });
    this.palette[kNamedColours] = this.dark ? '#5d6770' : '#b4bec6';
    for (let i = 0; i < 6; ++i) this.palette[20 + i] = this.dark ? `hsl(${258 - i * 4} ${20 + i * 9}% ${28 + i * 8}%)` : `hsl(${258 - i * 4} ${22 + i * 9}% ${88 - i * 9}%)`;
    this.ink = {text: this.dark ? '#fff' : '#14191d', bad: styleOf('--bad'), dim: styleOf('--dim'), grid: styleOf('--grid'), quiet: styleOf('--quiet'), card: styleOf('--card'), accent: styleOf('--accent')};
    this.redraw();
  }

  redraw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  // Where time is on the canvas; its sides are those of the charts.
  get left() { return kAxisWidth; }
  get right() { return this.width - kRightMargin; }
  toX(time) { return this.left + (time - this.view.from) / (this.view.to - this.view.from) * (this.right - this.left); }
  toTime(x) { return this.view.from + (x - this.left) / (this.right - this.left) * (this.view.to - this.view.from); }

  draw() {
    const ratio = devicePixelRatio || 1;
    this.width = this.box.clientWidth;
    if (!this.width) return;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, {width, height});
      Object.assign(this.canvas.style, {width: `${this.width}px`, height: `${this.height}px`});
    }
    const context = this.canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    this.drawAxis(context);
    context.save();
    context.beginPath();
    context.rect(this.left, kAxisHeight, this.right - this.left, this.height - kAxisHeight);
    context.clip();
    const top = this.box.scrollTop;
    const last = Math.min(this.rows.length, Math.ceil((top + this.height) / kRowHeight));
    for (let row = Math.floor(top / kRowHeight); row < last; ++row) this.drawRow(context, row, kAxisHeight + 3 + row * kRowHeight - top);
    context.restore();
    this.drawRowNames(context, Math.floor(top / kRowHeight), last, top);
  }

  drawAxis(context) {
    const span = this.view.to - this.view.from;
    const wanted = Math.max(2, (this.right - this.left) / 110);
    const step = kTimeSteps.find((distance) => span / distance <= wanted) ?? span;
    context.textAlign = 'center';
    for (let at = Math.ceil(this.view.from / step) * step; at <= this.view.to; at += step) {
      const x = Math.round(this.toX(at)) + 0.5;
      context.fillStyle = this.ink.grid;
      context.fillRect(x, kAxisHeight, 1, this.height);
      context.fillStyle = this.ink.quiet;
      const text = offsetText(at, step);
      const half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(x, this.width - half - 2), kAxisHeight / 2 + 1);
    }
  }

  // In rows of one process each, its pid is left of it.
  drawRowNames(context, first, last, top) {
    if (!this.tree) return;
    context.fillStyle = this.ink.quiet;
    context.textAlign = 'right';
    for (let row = first; row < last; ++row) {
      const y = kAxisHeight + 3 + row * kRowHeight - top + kBarHeight / 2;
      if (y > kAxisHeight + 4) context.fillText(this.processes.columns.pid[this.rows[row][0]], this.left - 8, y + 0.5);
    }
  }

  firstVisible(row) {
    const {end} = this.processes.columns;
    let [low, high] = [0, row.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (end[row[middle]] < this.view.from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  drawRow(context, number, y) {
    const row = this.rows[number];
    const {start, end} = this.processes.columns;
    let drawnTo = -1;
    for (let i = this.firstVisible(row); i < row.length && start[row[i]] <= this.view.to; ++i) {
      const index = row[i];
      const left = Math.max(this.toX(start[index]), this.left - 2);
      const right = Math.min(this.toX(end[index]), this.right + 2);
      const matched = !this.matches || this.matches[index];
      const failed = this.processes.failed(index);
      if (right - left < 1 && Math.floor(left) === drawnTo && !(matched && (failed || this.matches))) continue;
      drawnTo = Math.floor(left);
      const width = Math.max(right - left - (right - left > 3 ? 0.75 : 0), 1);
      context.fillStyle = matched ? this.palette[this.shade(index)] : this.ink.dim;
      context.fillRect(left, y, width, kBarHeight);
      if (failed && matched) {
        context.fillStyle = this.ink.bad;
        context.fillRect(left, y + kBarHeight - 3, width, 3);
      }
      if (index === this.chosen) {
        context.strokeStyle = this.ink.accent;
        context.lineWidth = 2;
        context.strokeRect(left - 1, y - 1, width + 2, kBarHeight + 2);
      }
      if (width > 34 && matched) this.drawName(context, index, left, y, width);
    }
  }

  drawName(context, index, left, y, width) {
    const room = Math.floor((width - 8) / 5.6);
    const name = shown(this.processes.program(index));
    context.fillStyle = this.shade(index) >= 23 && this.shade(index) < 30 ? '#fff' : this.ink.text;
    context.textAlign = 'left';
    if (room >= 3) context.fillText(name.length > room ? `${name.slice(0, room - 1)}…` : name, left + 4, y + kBarHeight / 2 + 0.5);
  }

  // The process at a place of the canvas, the nearest within two pixels; null where there is none.
  at(x, y) {
    const number = Math.floor((y - kAxisHeight - 2 + this.box.scrollTop) / kRowHeight);
    const row = this.rows[number];
    if (!row || y < kAxisHeight || x < this.left - 2) return null;
    const {start, end} = this.processes.columns;
    const [from, to] = [this.toTime(x - 2), this.toTime(x + 2)];
    let [low, high] = [0, row.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (end[row[middle]] < from) low = middle + 1;
      else high = middle;
    }
    return low < row.length && start[row[low]] <= to ? row[low] : null;
  }

  listen() {
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let down = null;
    const band = element('div', {class: 'u-select'});
    Object.assign(band.style, {position: 'fixed', pointerEvents: 'none', display: 'none'});
    this.box.append(band);
    this.canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || event.pointerType === 'touch') return;
      down = event.clientX;
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener('pointermove', (event) => {
      if (down === null || Math.abs(event.clientX - down) < 4) {
        this.actions.hover(this.at(...place(event)), event);
        return;
      }
      this.actions.hover(null, event);
      const box = this.box.getBoundingClientRect();
      Object.assign(band.style, {display: 'block', top: `${box.top}px`, height: `${box.height}px`, left: `${Math.min(down, event.clientX)}px`, width: `${Math.abs(event.clientX - down)}px`});
    });
    this.canvas.addEventListener('pointerup', (event) => {
      band.style.display = 'none';
      if (event.button !== 0) return;
      const from = down;
      down = null;
      const [x, y] = place(event);
      if (from === null || Math.abs(event.clientX - from) < 4) {
        const index = this.at(x, y);
        if (index !== null) this.actions.choose(index);
        return;
      }
      const times = [this.toTime(x), this.toTime(x - event.clientX + from)];
      this.view.set(Math.min(...times), Math.max(...times));
    });
    this.canvas.addEventListener('pointerleave', (event) => this.actions.hover(null, event));
    this.canvas.addEventListener('dblclick', () => this.view.reset());
    this.box.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
      event.preventDefault();
      if (event.shiftKey) this.view.move(Math.sign(event.deltaY || event.deltaX) * 0.15);
      else this.view.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.toTime(place(event)[0]));
    }, {passive: false});
    this.box.addEventListener('keydown', (event) => {
      const action = {'+': () => this.view.zoom(0.7), '=': () => this.view.zoom(0.7), '-': () => this.view.zoom(1.4), '0': () => this.view.reset(),
        ArrowLeft: () => this.view.move(-0.15), ArrowRight: () => this.view.move(0.15)}[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    });
    this.box.addEventListener('scroll', () => this.redraw());
    this.view.listen(() => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(this.box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.readPalette());
  }

  mark(matches) {
    this.matches = matches;
    if (this.tree) this.layOut('tree');
    else this.redraw();
  }
  choose(index) {
    this.chosen = index;
    this.redraw();
  }
  // Brings a process into sight, in time and in its row.
  reveal(index) {
    const {start, end} = this.processes.columns;
    if (end[index] < this.view.from || start[index] > this.view.to) {
      const span = (this.view.to - this.view.from) / 2;
      this.view.set((start[index] + end[index]) / 2 - span, (start[index] + end[index]) / 2 + span);
    }
    const row = this.rows.findIndex((members) => members.includes(index));
    const top = Math.max(row, 0) * kRowHeight;
    if (top < this.box.scrollTop || top > this.box.scrollTop + this.height - kAxisHeight - kRowHeight) this.box.scrollTop = top - this.height / 2;
    this.choose(index);
  }
}
