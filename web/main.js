// SPDX-License-Identifier: MIT
// Puts the page together: search, selection and zoom are shared by charts, timeline and tables.

const data = JSON.parse(byId('data').textContent);
const processes = new Processes(data);
const view = new View(Math.max(data.run.span, 1e-6));
let timeline = null;
let processTable = null;

const cell = {
  pid: {key: 'pid', title: 'PID', width: 82, value: (i) => processes.columns.pid[i], text: (i) => String(processes.columns.pid[i])},
  start: {key: 'start', title: 'Start', width: 100, value: (i) => processes.columns.start[i], text: (i) => secondsText(processes.columns.start[i])},
  duration: {key: 'duration', title: 'Duration', width: 96, value: (i) => processes.duration(i), text: (i) => secondsText(processes.duration(i))},
  cpu: {key: 'cpu', title: 'CPU time', width: 96, value: (i) => processes.get('cpu_time', i), text: (i) => secondsText(processes.get('cpu_time', i))},
  share: {key: 'share', title: 'CPU %', width: 84, help: 'CPU time / duration', value: (i) => processes.share(i), text: (i) => percentText(processes.share(i))},
  rss: {key: 'rss', title: 'Peak RSS', width: 96, value: (i) => processes.get('peak_rss', i), text: (i) => bytesText(processes.get('peak_rss', i))},
  ending: {key: 'exit', title: 'Exit', width: 84, value: (i) => processes.get('exit_signal', i) ?? processes.get('exit_code', i), text: (i) => processes.ending(i),
    tone: (i) => (processes.failed(i) ? 'bad' : '')},
  command: {key: 'command', title: 'Command', left: true, code: true, value: (i) => processes.command(i), text: (i) => shown(processes.command(i).slice(0, 1000))},
};

function factsOf(index, all) {
  const get = (name) => processes.get(name, index);
  const count = (name) => (known(get(name)) ? countText(get(name)) : null);
  const bytes = (name) => (known(get(name)) ? bytesText(get(name)) : null);
  const {start, end} = processes.columns;
  const brief = [
    ['PID', `${get('pid')}${known(get('ppid')) ? `, child of ${get('ppid')}` : ''}`],
    ['Lived', `${secondsText(processes.duration(index))}, from ${secondsText(start[index])} to ${processes.alive(index) ? 'the end, and on' : secondsText(end[index])}`],
    ['CPU time', known(get('cpu_time')) ? `${secondsText(get('cpu_time'))} (${percentText(processes.share(index))})` : null],
    ['Peak memory (RSS)', bytes('peak_rss')],
    ['Exit', processes.ending(index)],
    ['Killed by', known(get('killed_by')) ? processes.words[get('killed_by')] : null],
  ];
  if (!all) return [factList(brief)];
  const pair = (first, second, names) => (known(get(first)) ? `${countText(get(first))} ${names[0]}, ${countText(get(second))} ${names[1]}` : null);
  return [factList([...brief,
    ['User, system', known(get('user_time')) ? `${secondsText(get('user_time'))}, ${secondsText(get('system_time'))}` : null],
    ['Program', get('exe') !== null && known(processes.words[get('exe')]) ? shown(processes.words[get('exe')]) : null],
    ['Execs', count('num_execs')],
  ]), factList([
    ['Page faults', pair('minor_faults', 'major_faults', ['minor', 'major'])],
    ['Switches', pair('voluntary_switches', 'involuntary_switches', ['voluntary', 'involuntary'])],
    ['Read, written by calls', known(get('read_chars')) ? `${bytesText(get('read_chars'))}, ${bytesText(get('write_chars'))}` : null],
    ['Read, written on disk', known(get('read_bytes')) ? `${bytesText(get('read_bytes'))}, ${bytesText(get('write_bytes'))}` : null],
    ['Most threads', count('max_threads')],
    ['User id', known(get('uid')) ? String(get('uid')) : null],
    ['Session', known(get('sid')) ? String(get('sid')) : null],
    ['Depth below the command', known(get('depth')) ? String(get('depth')) : null],
    ['Lived before the recording', get('adopted') ? 'yes' : null],
  ])];
}

function hover(index, event) {
  const tooltip = byId('tooltip');
  if (index === null) {
    tooltip.hidden = true;
    return;
  }
  tooltip.replaceChildren(element('div', {class: 'cmd'}, shown(processes.command(index).slice(0, 1500))), ...factsOf(index, false));
  tooltip.hidden = false;
  const {width, height} = tooltip.getBoundingClientRect();
  tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tooltip.style.top = `${event.clientY + height + 20 > innerHeight ? Math.max(4, event.clientY - height - 12) : event.clientY + 16}px`;
}

// The parent: the latest process with that pid that began before.
function parentOf(index) {
  const {pid, ppid, start} = processes.columns;
  let parent = null;
  if (!ppid) return parent;
  pid.forEach((candidate, i) => {
    if (candidate === ppid[index] && i !== index && start[i] <= start[index] && (parent === null || start[i] > start[parent])) parent = i;
  });
  return parent;
}

function choose(index) {
  byId('tooltip').hidden = true;
  const box = byId('detail');
  const parent = parentOf(index);
  const buttons = element('div', {class: 'tools'});
  if (parent !== null) buttons.append(element('button', {type: 'button', onclick: () => choose(parent)}, `Parent: ${shown(processes.program(parent))}`));
  buttons.append(
      element('button', {type: 'button', onclick: () => view.set(processes.columns.start[index], processes.columns.end[index])}, 'Zoom to it'),
      element('button', {type: 'button', onclick: () => {
        box.hidden = true;
        timeline.choose(null);
        processTable.choose(null);
      }}, 'Close'));
  const words = processes.argv(index).slice(0, 5000).map((word) => element('span', {}, quoted(word)));
  box.replaceChildren(element('div', {class: 'section-head'}, element('h2', {}, shown(processes.program(index))), buttons),
      element('div', {class: 'argv'}, ...words), processes.get('argv_cut', index) ? element('p', {class: 'quiet'}, 'The arguments are cut here.') : '',
      element('div', {class: 'columns'}, ...factsOf(index, true)));
  box.hidden = false;
  timeline.reveal(index);
  processTable.choose(index);
}

function search() {
  const field = byId('search');
  let matcher = null;
  try {
    matcher = processes.matcher(field.value);
    field.setCustomValidity('');
  } catch (error) {
    field.setCustomValidity('not a regular expression');
    byId('matches').textContent = 'not a regular expression';
    return;
  }
  let rows = timeline.order;
  let matches = null;
  if (matcher) {
    matches = new Uint8Array(processes.count);
    rows = rows.filter((index) => (matches[index] = matcher(index) ? 1 : 0));
  }
  byId('matches').textContent = matcher ? `${countText(rows.length)} of ${countText(processes.count)}` : '';
  timeline.mark(matches);
  processTable.show(rows);
  for (const button of byId('legend').children) button.setAttribute('aria-pressed', String(button.dataset.word === field.value));
}

function showLegend() {
  const {names, counts} = processes.programs;
  const ranks = counts.map((_, program) => program).sort((a, b) => counts[b] - counts[a]).slice(0, kNamedColours);
  const draw = () => byId('legend').replaceChildren(...ranks.map((program, rank) => {
    const swatch = element('i', {class: 'swatch'});
    swatch.style.background = timeline.palette[rank];
    return element('button', {type: 'button', 'data-word': names[program], title: `Search for ${shown(names[program])}`, 'aria-pressed': 'false', onclick: () => {
      byId('search').value = byId('search').value === names[program] ? '' : names[program];
      search();
    }}, swatch, element('span', {}, `${shown(names[program])} ${countText(counts[program])}`));
  }));
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}

function showProcesses() {
  if (!processes.count) {
    byId('timeline-section').replaceChildren(element('h2', {}, 'Processes'), element('p', {class: 'empty'}, 'No process is recorded.'));
    return;
  }
  timeline = new Timeline(processes, view, {hover, choose});
  const columns = [cell.pid, cell.start, cell.duration, cell.cpu, cell.share, cell.rss, cell.ending, cell.command];
  processTable = new SortedTable(byId('process-table'), columns, timeline.order, {sort: processes.columns.cpu_time ? 'cpu' : 'rss', choose});
  showLegend();
  let waiting = 0;
  for (const kind of ['input', 'change']) {
    byId('search').addEventListener(kind, () => {
      clearTimeout(waiting);
      waiting = setTimeout(search, processes.count > 5000 ? 150 : 0);
    });
  }
  byId('lanes').addEventListener('change', (event) => timeline.layOut(event.target.value));
  byId('colour').addEventListener('change', (event) => {
    byId('legend').hidden = event.target.value !== 'program';
    timeline.colourBy(event.target.value);
  });
}

function showFailures() {
  const failed = timeline ? timeline.order.filter((index) => processes.failed(index)) : [];
  if (failed.length) {
    new SortedTable(byId('failures'), [cell.pid, cell.ending, cell.start, cell.duration, cell.command], failed, {sort: 'start', descending: false, choose});
    return;
  }
  byId('failures').append(element('p', {class: 'empty'}, data.run.num_failed === 0 ? 'No process failed.' :
      processes.columns.exit_code ? 'No failed process is shown here.' : 'How the processes ended is not recorded.'));
}

function showPrograms() {
  const {programs} = data;
  if (!programs.length) {
    byId('programs-section').hidden = true;
    return;
  }
  const total = programs.reduce((sum, program) => sum + (program.cpu_time ?? 0), 0);
  const share = (row) => (total > 0 && known(programs[row].cpu_time) ? programs[row].cpu_time / total * 100 : null);
  const number = (key, title, text, width) => ({key, title, width, value: (row) => programs[row][key], text: (row) => text(programs[row][key])});
  new SortedTable(byId('programs'), [
    {key: 'name', title: 'Program', left: true, code: true, value: (row) => programs[row].name, text: (row) => shown(programs[row].name)},
    number('count', 'Processes', countText, 100),
    number('cpu_time', 'CPU time', secondsText, 110),
    {key: 'share', title: 'Share', width: 140, value: share, text: (row) => {
      const bar = element('span', {class: 'bar', '--w': `${share(row) ?? 0}%`}, percentText(share(row)));
      return bar;
    }},
    number('wall_time', 'Lived, in sum', secondsText, 120),
    number('peak_rss', 'Largest peak', bytesText, 110),
    {...number('failed', 'Failed', countText, 80), tone: (row) => (programs[row].failed ? 'bad' : '')},
  ], programs.map((_, row) => row), {sort: 'cpu_time'});
}

function showHolders() {
  const {holders} = data;
  if (!holders.length) {
    byId('holders-section').hidden = true;
    return;
  }
  new SortedTable(byId('holders'), [
    {key: 'pid', title: 'PID', width: 82, value: (row) => holders[row].pid, text: (row) => String(holders[row].pid)},
    {key: 'rss', title: 'RSS then', width: 110, value: (row) => holders[row].rss, text: (row) => bytesText(holders[row].rss)},
    {key: 'share', title: 'Of the peak', width: 100, value: (row) => holders[row].rss, text: (row) => (data.run.peak_rss ? percentText(holders[row].rss / data.run.peak_rss * 100) : kAbsent)},
    {key: 'command', title: 'Command', left: true, code: true, value: (row) => holders[row].cmd, text: (row) => shown(holders[row].cmd.slice(0, 1000))},
  ], holders.map((_, row) => row), {sort: 'rss'});
}

function showRange() {
  byId('range').textContent = view.whole ? '' : `${secondsText(view.from)} to ${secondsText(view.to)}: ${secondsText(view.to - view.from)}`;
  byId('zoom-reset').disabled = view.whole;
}

showHead(data.run);
showNotices(data);
showTiles(data, processes);
makeCharts(data, view);
showProcesses();
showFailures();
showPrograms();
showHolders();
showCompleteness(data);
showRun(data);
view.listen(showRange);
byId('zoom-in').addEventListener('click', () => view.zoom(0.5));
byId('zoom-out').addEventListener('click', () => view.zoom(2));
byId('zoom-reset').addEventListener('click', () => view.reset());
document.body.dataset.state = 'ready';
