// SPDX-License-Identifier: MIT
// CPU, memory and number of processes over time, drawn by uPlot; the stretch of time is shared with the timeline.

const kAxisWidth = 74;  // the timeline begins where the charts do
const kRightMargin = 30;
const kChartHeight = 148;

// Whole steps where the unit allows it: "500 MB", "1 GB".
const axisBytes = (bytes) => bytesText(bytes).replace(/\.0+ /, ' ').replace(/(\.\d*[1-9])0+ /, '$1 ');

class Chart {
  // `lines`: {name, values, colour, fill, dashed, width}; `marks`: {time, value, label}.
  constructor(parent, view, spec) {
    this.view = view;
    this.spec = spec;
    this.readouts = spec.lines.map(() => element('span'));
    const keys = spec.lines.map((line, i) => element('span', {class: 'key', title: line.help},
        this.keySign(line), line.name, ' ', this.readouts[i]));
    this.body = element('div');
    this.box = element('div', {class: 'chart', id: spec.id},
        element('div', {class: 'chart-head'}, element('b', {}, spec.title), ...keys), this.body);
    parent.append(this.box);
    this.draw();
  }

  keySign(line) {
    const sign = element('i', {class: `${line.fill ? 'area' : ''} ${line.dashed ? 'dashed' : ''}`});
    sign.style.borderTopColor = `var(${line.colour})`;
    if (line.fill) sign.style.background = `color-mix(in srgb, var(${line.colour}) 22%, transparent)`;
    return sign;
  }

  draw() {
    this.plot?.destroy();
    const {spec, view} = this;
    const quiet = styleOf('--quiet');
    const grid = {stroke: styleOf('--grid'), width: 1};
    const font = '11.5px system-ui, sans-serif';
    const axis = {stroke: quiet, font, grid, ticks: {show: false}};
    const highest = Math.max(spec.least ?? 0, ...spec.lines.map((line) => line.values.reduce((a, b) => Math.max(a, b ?? 0), 0)),
                             ...(spec.marks ?? []).map((mark) => mark.value));
    this.plot = new uPlot({
      width: Math.max(this.box.clientWidth, 200),
      height: kChartHeight,
      legend: {show: false},
      padding: [16, kRightMargin, 0, 0],
      cursor: {sync: {key: 'time', setSeries: false}, drag: {x: true, y: false, setScale: false}, points: {size: 6}},
      scales: {
        x: {time: false, auto: false, min: view.from, max: view.to},
        y: {range: () => [0, highest > 0 ? highest * 1.08 : 1]},
      },
      axes: [
        {...axis, size: 26, gap: 3, space: 90, incrs: kTimeSteps, values: (_, splits) => splits.map((at) => offsetText(at, splits[1] - splits[0] || 1))},
        {...axis, size: kAxisWidth, gap: 6, space: 30, incrs: spec.steps, values: (_, splits) => splits.map((v) => spec.axisText(v))},
      ],
      series: [{}, ...spec.lines.map((line) => ({
        stroke: styleOf(line.colour),
        fill: line.fill ? `color-mix(in srgb, ${styleOf(line.colour)} 20%, transparent)` : undefined,
        width: line.width ?? 1.5,
        dash: line.dashed ? [5, 4] : undefined,
        paths: uPlot.paths.stepped({align: 1}),  // a value holds until the next moment
        points: {show: line.values.filter(known).length < 3, size: 5},
        spanGaps: true,
      }))],
      hooks: {
        setSelect: [(plot) => {
          if (plot.select.width < 3) return;
          view.set(plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x'));
          plot.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
        }],
        setCursor: [(plot) => this.readOut(plot.cursor.idx)],
        draw: [(plot) => this.drawMarks(plot)],
        ready: [(plot) => plot.over.addEventListener('dblclick', () => view.reset())],
      },
    }, [spec.times, ...spec.lines.map((line) => line.values)], this.body);
  }

  readOut(index) {
    this.spec.lines.forEach((line, i) => {
      let at = index;
      while (known(at) && at >= 0 && !known(line.values[at])) --at;
      this.readouts[i].textContent = known(index) && at >= 0 ? this.spec.text(line.values[at]) : '';
    });
  }

  drawMarks(plot) {
    const {ctx} = plot;
    const ratio = devicePixelRatio;
    for (const mark of this.spec.marks ?? []) {
      if (mark.time < this.view.from || mark.time > this.view.to) continue;
      const x = plot.valToPos(mark.time, 'x', true);
      const y = plot.valToPos(mark.value, 'y', true);
      ctx.save();
      ctx.fillStyle = ctx.strokeStyle = styleOf('--ink');
      ctx.setLineDash([2 * ratio, 3 * ratio]);
      ctx.globalAlpha = 0.5;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.beginPath();
      ctx.arc(x, y, 3.5 * ratio, 0, 7);
      ctx.fill();
      ctx.font = `600 ${11.5 * ratio}px system-ui, sans-serif`;
      const left = x + ctx.measureText(mark.label).width + 10 * ratio > plot.bbox.left + plot.bbox.width;
      ctx.textAlign = left ? 'right' : 'left';
      ctx.textBaseline = 'middle';
      ctx.lineWidth = 4 * ratio;
      ctx.setLineDash([]);
      ctx.strokeStyle = styleOf('--card');
      const place = [x + (left ? -8 : 8) * ratio, Math.max(y - 3 * ratio, plot.bbox.top)];
      ctx.strokeText(mark.label, ...place);
      ctx.fillText(mark.label, ...place);
      ctx.restore();
    }
  }

  follow() { this.plot.setScale('x', {min: this.view.from, max: this.view.to}); }
  resize() { this.plot.setSize({width: Math.max(this.box.clientWidth, 200), height: kChartHeight}); }
}

function chartSpecs(data) {
  const {series, run} = data;
  const specs = [];
  const has = (values) => values && values.some(known);
  const limit = run.cpu_total ? run.cpu_total * 100 : null;

  const cpu = [];
  if (has(series.cpu)) {
    cpu.push({name: series.lifetime_cpu ? 'of processes of 1 s and more' : 'of all processes', values: series.cpu, colour: '--cpu', fill: true, width: 1.2,
      help: 'CPU time of each process, spread evenly between the moments at which it is known'});
  }
  if (has(series.cpu_reported)) {
    cpu.push({name: series.lifetime_cpu ? 'sum of lifetime averages' : 'highest between two samples', values: series.cpu_reported,
      colour: '--quiet', dashed: true, width: 1.2,
      help: series.lifetime_cpu ? 'As ps counts it: may exceed what the machine has' : 'The highest rate between two samples of each report'});
  }
  specs.push({id: 'cpu-chart', title: 'CPU', times: series.time, lines: cpu, text: percentText, axisText: (v) => `${rounded(v)} %`,
    empty: 'No CPU times are recorded.', least: cpu.length && limit ? Math.min(limit, 100) : 0});

  const memory = [];
  if (has(series.rss_bound)) {
    memory.push({name: 'at most', values: series.rss_bound, colour: '--memory', fill: true, width: 1.2,
      help: 'What the processes alive had at their own peaks, but never more than the highest sum that was seen'});
  }
  if (has(series.rss_reported)) {
    memory.push({name: 'highest of each report', values: series.rss_reported, colour: '--memory', fill: !has(series.rss_bound), 
      width: 1.6, help: 'The highest sum over all processes in each report'});
  }
  if (has(series.rss_mean)) {
    memory.push({name: 'mean of the samples', values: series.rss_mean, colour: '--quiet', dashed: true, width: 1.2});
  }
  const peak = known(run.peak_rss) && known(run.peak_rss_offset) ?
      [{time: run.peak_rss_offset, value: run.peak_rss, label: `peak ${bytesText(run.peak_rss)}`}] : [];
  specs.push({id: 'memory-chart', title: 'Memory (RSS)', times: series.time, lines: memory, marks: memory.length ? peak : [], steps: kSteps,
    text: bytesText, axisText: axisBytes, empty: 'No memory is recorded.'});

  const count = has(series.processes) ? [{name: 'alive', values: series.processes, colour: '--count', fill: true, width: 1.2}] : [];
  specs.push({id: 'count-chart', title: 'Processes', times: series.time, lines: count, text: countText, axisText: countText,
    steps: kSteps, empty: 'The number of processes is not recorded.'});
  return specs;
}

function makeCharts(data, view) {
  const parent = byId('charts');
  const charts = [];
  for (const spec of chartSpecs(data)) {
    if (spec.lines.length) charts.push(new Chart(parent, view, spec));
    else parent.append(element('div', {class: 'chart', id: spec.id}, element('div', {class: 'chart-head'}, element('b', {}, spec.title)), element('div', {class: 'empty'}, spec.empty)));
  }
  view.listen(() => charts.forEach((chart) => chart.follow()));
  let width = parent.clientWidth;
  new ResizeObserver(() => {
    if (parent.clientWidth !== width) charts.forEach((chart) => chart.resize());
    width = parent.clientWidth;
  }).observe(parent);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach((chart) => chart.draw()));
}
